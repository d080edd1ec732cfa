"""What does an app add to the unmodified pycarwings2 to pass the gateway?

A base URL and, on every request, the bearer token of the person who logged in with the app. It also
counts the requests, so that a test sees how often a call asks.
"""

import os

import pycarwings2.pycarwings2 as carwings
import requests

sent = []


def attach():
    """Points the client at CARWINGS_URL, with TOKEN if there is one."""
    carwings.BASE_URL = os.environ["CARWINGS_URL"] + "/api_v210707_NE/gdc/"
    token = os.environ.get("TOKEN")
    plain_send = requests.Session.send

    def send(self, request, **options):
        sent.append(request.url)
        if token:
            request.headers["Authorization"] = "Bearer " + token
        return plain_send(self, request, **options)

    requests.Session.send = send
    return carwings


def attempt(call):
    """One call: its result or the name of what it raised, and how many requests it took."""
    before = len(sent)
    try:
        result, raised = call(), None
    except Exception as error:  # the name is the test's subject, whatever it is
        result, raised = None, type(error).__name__
    return {"result": result, "raised": raised, "requests": len(sent) - before}
