//! How did the mobile app's pages answer?
//!
//! One page an operation under any base, old ones included; GET and POST, query and form: all the
//! same. JSON is labelled as HTML, and an error is a 200. The shapes are those that old clients read.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use vingate::clock;

use super::{Asked, Climate, Command, Estate, known, random};
use crate::people::{self, Person};

/// Answers `PAGE.php`.
pub(super) fn answer(estate: &Estate, page: &str, asked: &Asked<'_>) -> Response {
    let answer = match page.strip_suffix(".php").unwrap_or(page) {
        "InitialApp" | "InitialApp_v2" => json!({
            "status": 200,
            "message": "success",
            "baseprm": "88dSp7wWnV3bvv9Z88zEwg", // the key the app encrypts a password with
        }),
        "UserLoginRequest" => login(asked),
        page => match known(asked.vin()) {
            Some(vin) => vehicle_page(estate, page, vin, asked),
            None => invalid(),
        },
    };
    let labelled = [(header::CONTENT_TYPE, "text/html; charset=UTF8")];
    (labelled, answer.to_string()).into_response()
}

fn invalid() -> Value {
    json!({"status": 400, "message": "INVALID PARAMS"})
}

fn vehicle_page(estate: &Estate, page: &str, vin: &str, asked: &Asked<'_>) -> Value {
    match page {
        "BatteryStatusRecordsRequest" => battery_records(),
        "RemoteACRecordsRequest" => climate_records(estate.climate(vin)),
        "BatteryStatusCheckRequest" | "MyCarFinderRequest" => command(estate, vin),
        "BatteryStatusCheckResultRequest" => poll(estate, asked, battery_check),
        "MyCarFinderResultRequest" => poll(estate, asked, location),
        "ACRemoteRequest" => {
            estate.set_climate(vin, Climate::On);
            command(estate, vin)
        }
        "ACRemoteOffRequest" => {
            estate.set_climate(vin, Climate::Off);
            command(estate, vin)
        }
        "ACRemoteResult" => poll(estate, asked, climate_started),
        "ACRemoteOffResult" => poll(estate, asked, climate_stopped),
        "ACRemoteNewRequest" | "ACRemoteUpdateRequest" => set_timer(estate, vin, asked),
        "ACRemoteCancelRequest" => {
            estate.memory().timers.remove(vin);
            success()
        }
        "GetScheduledACRemoteRequest" => timer(estate, vin),
        "BatteryRemoteChargingRequest" => success(),
        "DriveAnalysisBasicScreenRequestEx" => driving(),
        "PriceSimulatorDetailInfoRequest" => trips(asked),
        "CarKarteDetailInfoRequest" | "CarKarteGraphInfoRequest" => car_record(asked),
        _ => invalid(),
    }
}

/// The password is not decrypted: whoever names a known account and any password is in.
fn login(asked: &Asked<'_>) -> Value {
    let known = asked.fields.get("UserId").and_then(people::by_name);
    let person = known.filter(|_| asked.fields.get("Password").is_some_and(|p| !p.is_empty()));
    match person.and_then(|person| Some((person, person.vins.first()?))) {
        Some((person, vin)) => profile(person, vin),
        None => invalid(),
    }
}

fn profile(person: &Person, vin: &str) -> Value {
    let vehicles = json!([{
        "charger20066": "false",
        "nickname": "LEAF",
        "telematicsEnabled": "true",
        "vin": vin,
        // as the old server made them: characters that a form has to escape
        "custom_sessionid": format!("{}+/=={}", random(), random()),
    }]);
    json!({
        "status": 200,
        "message": "success",
        "sessionId": random(),
        "VehicleInfoList": {"VehicleInfo": vehicles, "vehicleInfo": vehicles},
        "vehicle": {"profile": {
            "vin": vin,
            "gdcUserId": format!("FG-{}", person.name),
            "gdcPassword": "",
            "dcmId": "201212345678",
            "nickname": "LEAF",
            "status": "ACCEPTED",
        }},
        "CustomerInfo": {
            "UserId": format!("AB-{}", person.name),
            "Language": "en-US",
            "Timezone": "Europe/London",
            "RegionCode": "NE",
            "Nickname": person.name,
            "Country": "GB",
            "VehicleInfo": {
                "VIN": vin,
                "DCMID": "201212345678",
                "UserVehicleBoundTime": "2015-08-17T14:16:32Z",
            },
        },
        "UserInfoRevisionNo": "1",
    })
}

/// A car is asked for something; the answer says under which key to poll.
fn command(estate: &Estate, vin: &str) -> Value {
    let key: String = random().chars().chain(random().chars()).take(50).collect();
    let command = Command {
        vin: vin.to_owned(),
        polls: 0,
    };
    estate.memory().commands.insert(key.clone(), command);
    json!({
        "status": 200,
        "message": "success",
        "userId": "FG-owner", // leaked to whoever asked, as the old write calls did
        "vin": vin,
        "resultKey": key,
    })
}

/// The first poll comes too early, the second has the result. Any key of any user will do.
fn poll(estate: &Estate, asked: &Asked<'_>, result: fn(&str) -> Value) -> Value {
    let mut memory = estate.memory();
    let key = asked.fields.get("resultKey").unwrap_or_default();
    let Some(command) = memory.commands.get_mut(key) else {
        return invalid();
    };
    command.polls = command.polls.saturating_add(1);
    if command.polls < 2 {
        json!({"status": 200, "responseFlag": "0"})
    } else {
        result(&command.vin)
    }
}

fn success() -> Value {
    json!({"status": 200, "message": "success"})
}

fn set_timer(estate: &Estate, vin: &str, asked: &Asked<'_>) -> Value {
    let Some(time) = asked.fields.get("ExecuteTime") else {
        return invalid();
    };
    let mut memory = estate.memory();
    memory.timers.insert(vin.to_owned(), time.to_owned());
    success()
}

fn timer(estate: &Estate, vin: &str) -> Value {
    match estate.memory().timers.get(vin) {
        Some(time) => json!({
            "status": 200,
            "message": "success",
            "LastScheduledTime": "Feb  9, 2016 05:39 PM",
            "ExecuteTime": format!("{time}:00"),
            "DisplayExecuteTime": time,
        }),
        None => json!({"status": 200, "message": "success", "ExecuteTime": ""}),
    }
}

fn battery_records() -> Value {
    json!({
        "status": 200,
        "message": "success",
        "BatteryStatusRecords": {
            "OperationResult": "START",
            "OperationDateAndTime": "Feb  9, 2016 11:09 PM",
            "BatteryStatus": {
                "BatteryChargingStatus": "NOT_CHARGING",
                "BatteryCapacity": "12",
                "BatteryRemainingAmount": "9",
                "BatteryRemainingAmountWH": "",
                "BatteryRemainingAmountkWH": "",
            },
            "PluginState": "NOT_CONNECTED",
            "CruisingRangeAcOn": "107136.0",
            "CruisingRangeAcOff": "115776.0",
            "TimeRequiredToFull": {"HourRequiredToFull": "6", "MinutesRequiredToFull": "30"},
            "TimeRequiredToFull200": {"HourRequiredToFull": "2", "MinutesRequiredToFull": "0"},
            "TimeRequiredToFull200_6kW": {"HourRequiredToFull": "1", "MinutesRequiredToFull": "0"},
            "NotificationDateAndTime": "2016/02/10 04:10",
            "TargetDate": "2016/02/10 04:09",
        },
    })
}

fn battery_check(_vin: &str) -> Value {
    json!({
        "status": 200,
        "message": "success",
        "responseFlag": "1",
        "operationResult": "START",
        "timeStamp": now(),
        "cruisingRangeAcOn": "107136.0",
        "cruisingRangeAcOff": "115776.0",
        "currentChargeLevel": "0",
        "chargeMode": "NOT_CHARGING",
        "pluginState": "NOT_CONNECTED",
        "charging": "NO",
        "chargeStatus": "0",
        "batteryDegradation": "9",
        "batteryCapacity": "12",
        "timeRequiredToFull": {"hours": "6", "minutes": "30"},
        "timeRequiredToFull200": {"hours": "2", "minutes": "0"},
        "timeRequiredToFull200_6kW": {"hours": "1", "minutes": "0"},
    })
}

fn climate_records(climate: Climate) -> Value {
    let (result, operation) = match climate {
        Climate::On => ("START_BATTERY", "START"),
        Climate::Off => ("START", "STOP"),
    };
    json!({
        "status": 200,
        "message": "success",
        "RemoteACRecords": {
            "OperationResult": result,
            "OperationDateAndTime": "Feb 10, 2016 10:22 PM",
            "RemoteACOperation": operation,
            "ACStartStopDateAndTime": "Feb 10, 2016 10:23 PM",
            "CruisingRangeAcOn": "107136.0",
            "CruisingRangeAcOff": "115776.0",
            "ACStartStopURL": "",
            "PluginState": "NOT_CONNECTED",
            "ACDurationBatterySec": "900",
            "ACDurationPluggedSec": "7200",
        },
        "OperationDateAndTime": "",
    })
}

fn climate_started(_vin: &str) -> Value {
    json!({
        "status": 200,
        "message": "success",
        "responseFlag": "1",
        "operationResult": "START_BATTERY",
        "acContinueTime": "15",
        "cruisingRangeAcOn": "107136.0",
        "cruisingRangeAcOff": "115776.0",
        "timeStamp": now(),
        "hvacStatus": "ON",
    })
}

fn climate_stopped(_vin: &str) -> Value {
    json!({
        "status": 200,
        "message": "success",
        "responseFlag": "1",
        "operationResult": "START",
        "timeStamp": now(),
        "hvacStatus": "OFF",
    })
}

fn location(_vin: &str) -> Value {
    json!({
        "status": 200,
        "responseFlag": "1",
        "resultCode": "1",
        "lat": "54.906900",
        "lng": "-1.383800",
        "TargetDate": "2016/02/10 04:09",
        "receivedDate": "2016/02/10 04:10",
        "timeStamp": now(),
    })
}

fn driving() -> Value {
    json!({
        "status": 200,
        "message": "success",
        "DriveAnalysisBasicScreenResponsePersonalData": {
            "DateSummary": {
                "TargetDate": "2016-02-03",
                "ElectricMileage": "4.4",
                "ElectricMileageLevel": "3",
                "PowerConsumptMoter": "295.2",
                "PowerConsumptMoterLevel": "4",
                "PowerConsumptMinus": "84.8",
                "PowerConsumptMinusLevel": "3",
                "PowerConsumptAUX": "17.1",
                "PowerConsumptAUXLevel": "5",
                "DisplayDate": "Feb  3, 16",
            },
            "ElectricCostScale": "miles/kWh",
        },
        "AdviceList": {"Advice": {"title": "Tip", "body": "Lift off early."}},
    })
}

fn trips(asked: &Asked<'_>) -> Value {
    let trip = json!({"TripId": "1", "PowerConsumptTotal": "2461.12", "TravelDistance": "16820.0"});
    let day = json!({"TargetDate": "2016-02-01", "TripInfo": [trip]});
    json!({
        "status": 200,
        "message": "success",
        "PriceSimulatorDetailInfoResponsePersonalData": {
            "TargetMonth": asked.fields.get("TargetMonth").unwrap_or("201602"),
            "TotalPowerConsumptTotal": "2.5",
            "ElectricPrice": "0.15",
            "ElectricBill": "0.37",
            "ElectricCostScale": "miles/kWh",
            "DisplayMonth": "Feb/2016",
            "PriceSimulatorDetailInfoDateList": {"PriceSimulatorDetailInfoDate": [day]},
            "PriceSimulatorTotalInfo": {
                "TotalNumberOfTrips": "1",
                "TotalPowerConsumptTotal": "2.46",
                "TotalPowerConsumptMoter": "3.1",
                "TotalPowerConsumptMinus": "0.6",
                "TotalTravelDistance": "16820.0",
                "TotalElectricMileage": "6.8",
                "TotalCO2Reductiont": "3",
            },
        },
    })
}

fn car_record(asked: &Asked<'_>) -> Value {
    json!({
        "status": 200,
        "message": "success",
        "CarKarteDetailInfoResponsePersonalData": {
            "TargetDate": asked.fields.get("TargetDate").unwrap_or("2016-02-01"),
            "DateDetailInfo": {"TravelDistance": "16820.0", "PowerConsumptTotal": "2461.12"},
        },
    })
}

/// In the form `2016-01-02 17:17:38`.
fn now() -> String {
    let time = clock::rfc3339(clock::unix_time());
    time.chars()
        .take(19)
        .map(|c| if c == 'T' { ' ' } else { c })
        .collect()
}
