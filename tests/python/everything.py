"""Every call that pycarwings2 has, on one car, by an app whose login lies some time back.

Prints for each call what came of it and how many requests it took.
"""

import json
import os
import sys

from wrapper import attach, attempt

carwings = attach()
session = carwings.Session(os.environ["USER_ID"], os.environ["PASSWORD"], "NE")
# what a login would have left behind
session.custom_sessionid = "b94d27b9+/=="
session.gdc_user_id = "FG-somebody"
session.dcm_id = "201212345678"
session.tz = "America/New_York"
session.language = "en-US"
session.logged_in = True
leaf = carwings.Leaf(session, {
    "vin": os.environ["VIN"],
    "nickname": "LEAF",
    "bound_time": "2015-08-17T14:16:32Z",
})
key = "0123456789" * 5

calls = {
    "request_update": leaf.request_update,
    "get_status_from_update": lambda: leaf.get_status_from_update(key),
    "start_climate_control": leaf.start_climate_control,
    "get_start_climate_control_result": lambda: leaf.get_start_climate_control_result(key),
    "stop_climate_control": leaf.stop_climate_control,
    "get_stop_climate_control_result": lambda: leaf.get_stop_climate_control_result(key),
    "schedule_climate_control": lambda: leaf.schedule_climate_control("2016-02-09 17:24"),
    "update_scheduled_climate_control":
        lambda: leaf.update_scheduled_climate_control("2016-02-09 17:24"),
    "cancel_scheduled_climate_control": leaf.cancel_scheduled_climate_control,
    "get_climate_control_schedule": leaf.get_climate_control_schedule,
    "start_charging": leaf.start_charging,
    "get_driving_analysis": leaf.get_driving_analysis,
    "get_latest_battery_status": leaf.get_latest_battery_status,
    "get_latest_hvac_status": leaf.get_latest_hvac_status,
    "get_electric_rate_simulation": lambda: leaf.get_electric_rate_simulation("201602"),
    "request_location": leaf.request_location,
    "get_status_from_location": lambda: leaf.get_status_from_location(key),
}
if "with-login" in sys.argv[1:]:
    calls["connect"] = session.connect

print(json.dumps({name: attempt(call) for name, call in calls.items()}, default=str))
