"""The owner's app: logs in, reads the battery, starts and stops climate, reads the results."""

import json
import os

from wrapper import attach

carwings = attach()
session = carwings.Session(os.environ["USER_ID"], os.environ["PASSWORD"], "NE")
leaf = session.get_leaf()


def poll(result, key):
    """Asks until there is a result; the estate has it at the second poll."""
    for _ in range(5):
        answer = result(key)
        if answer is not None:
            return answer
    raise SystemExit("no result after five polls")


battery = leaf.get_latest_battery_status()
started = poll(leaf.get_start_climate_control_result, leaf.start_climate_control())
while_on = leaf.get_latest_hvac_status().is_hvac_running
stopped = poll(leaf.get_stop_climate_control_result, leaf.stop_climate_control())
while_off = leaf.get_latest_hvac_status().is_hvac_running

print(json.dumps({
    "vin": leaf.vin,
    "battery_percent": battery.battery_percent,
    "started": started.is_hvac_running,
    "while_on": while_on,
    "stopped": stopped.is_hvac_running,
    "while_off": while_off,
}))
