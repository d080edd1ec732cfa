//! Does any request of 2016 reach the estate behind the gateway?
//!
//! Every page of the old API under old and new bases, by GET and by POST, and the Canadian portal's
//! URL: with a VIN and nothing else, and with a stranger's valid token. The estate's log is the
//! oracle; the estate alone and the owner are the controls.

mod support;

use std::fmt;
use std::net::SocketAddr;

use serde_json::Value;
use support::{Answer, Demo, get, head, post_form};

/// Every page of the old API that takes a VIN.
const PAGES: [&str; 19] = [
    "BatteryStatusRecordsRequest",
    "BatteryStatusCheckRequest",
    "BatteryStatusCheckResultRequest",
    "RemoteACRecordsRequest",
    "ACRemoteRequest",
    "ACRemoteResult",
    "ACRemoteOffRequest",
    "ACRemoteOffResult",
    "ACRemoteNewRequest",
    "ACRemoteUpdateRequest",
    "ACRemoteCancelRequest",
    "GetScheduledACRemoteRequest",
    "BatteryRemoteChargingRequest",
    "DriveAnalysisBasicScreenRequestEx",
    "PriceSimulatorDetailInfoRequest",
    "CarKarteDetailInfoRequest",
    "CarKarteGraphInfoRequest",
    "MyCarFinderRequest",
    "MyCarFinderResultRequest",
];

/// From before the repair, from after it, and one that never was.
const BASES: [&str; 6] = [
    "orchestration_1111",
    "gworchest_0307C",
    "api_v190426_NE",
    "api_v210707_NE",
    "api_v250205_NE",
    "api_v999999_NE",
];

/// Those of them that no route lists; not even a login may pass there.
const UNLISTED_BASES: [&str; 3] = ["orchestration_1111", "gworchest_0307C", "api_v999999_NE"];

/// Pages that come before a login and are open to anyone under a listed base.
const PUBLIC_PAGES: [&str; 3] = ["InitialApp", "InitialApp_v2", "UserLoginRequest"];

const CURRENT_BASE: &str = "api_v210707_NE";

/// Beside the VIN, what a page may ask for.
const REST: &str = "RegionCode=NE&lg=en-US&DCMID=&tz=Europe%2FLondon&TimeFrom=2015-08-17T14%3A16%3A32Z\
    &ExecuteTime=2016-02-09+17%3A24&TargetMonth=201602&TargetDate=2016-02-01\
    &resultKey=01234567890123456789012345678901234567890123456789";

/// The key in it, which nobody was given.
const NOBODYS_KEY: &str = "01234567890123456789012345678901234567890123456789";

/// The address limit off: it would refuse most of the list before the stages that are tried here.
const NO_DOOR: [&str; 4] = [
    "--set",
    "door.requests_per_second=1000000",
    "--set",
    "door.burst=1000000",
];

/// One request of the list.
struct Attack {
    method: Method,
    target: String,
}

enum Method {
    Get,
    Head,
    Post(String),
}

impl fmt::Display for Attack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, form) = match &self.method {
            Method::Get => ("GET", ""),
            Method::Head => ("HEAD", ""),
            Method::Post(form) => ("POST", form.as_str()),
        };
        write!(out, "{method} {} {form}", self.target)
    }
}

impl Attack {
    fn send(&self, address: SocketAddr, token: Option<&str>) -> Answer {
        match &self.method {
            Method::Get => get(address, &self.target, token),
            Method::Head => head(address, &self.target, token),
            Method::Post(form) => post_form(address, &self.target, token, form),
        }
    }
}

/// The whole list for one car.
fn attacks(vin: &str) -> Vec<Attack> {
    let listed = BASES
        .iter()
        .flat_map(|base| PAGES.map(|page| (*base, page)));
    let unlisted = UNLISTED_BASES.iter();
    let unlisted = unlisted.flat_map(|base| PUBLIC_PAGES.map(|page| (*base, page)));
    let mut list = Vec::new();
    for (base, page) in listed.chain(unlisted) {
        let path = format!("/{base}/gdc/{page}.php");
        let everything = format!("{REST}&VIN={vin}");
        for (query, method) in [
            (format!("?VIN={vin}"), Method::Get),
            (format!("?VIN={vin}"), Method::Head),
            (format!("?{everything}"), Method::Get),
            (String::new(), Method::Post(format!("VIN={vin}"))),
            (String::new(), Method::Post(everything)),
            (format!("?VIN={vin}"), Method::Post(REST.to_owned())),
        ] {
            let target = format!("{path}{query}");
            list.push(Attack { method, target });
        }
    }
    for target in [
        format!("/owners/leaf/setHvac?vin={vin}&fan=on"),
        format!("/owners/leaf/setHvac?vin={vin}&fan=off"),
        format!("/owners/vehicle?vin={vin}"),
        format!("/owners/api/vehicles/{vin}/status"),
        format!("/owners/api/vehicles/{vin}/trips"),
        format!("/owners/api/vehicles/{vin}/location"),
        format!("/api/v2/cars/{vin}/battery-status"),
        format!("/api/v2/cars/{vin}/location"),
        format!("/api/v2/cars/{vin}/trip-history"),
    ] {
        for method in [Method::Get, Method::Head] {
            let target = target.clone();
            list.push(Attack { method, target });
        }
    }
    list
}

/// Sends the list; every answer must be a refusal and nothing may reach the estate.
fn check_nothing_gets_through(demo: &Demo, token: Option<&str>) {
    demo.clear_estate_log();
    let gateway = demo.address("GATEWAY_URL");
    let mut passed = Vec::new();
    for attack in attacks(demo.value("OWNER_VIN")) {
        let answer = attack.send(gateway, token);
        let refused = matches!(answer.status, 400 | 401 | 403 | 404 | 405 | 503);
        if !refused {
            passed.push(format!("{attack}: {}", answer.status));
        }
    }
    assert!(passed.is_empty(), "not refused: {passed:#?}");
    let reached = demo.estate_log();
    assert!(reached.is_empty(), "reached the estate: {reached:#?}");
}

#[test]
fn attack_with_a_vin_alone_never_reaches_the_estate() {
    let demo = Demo::start(&NO_DOOR);
    check_nothing_gets_through(&demo, None);
}

#[test]
fn attack_with_a_strangers_valid_token_never_reaches_the_estate() {
    let demo = Demo::start(&NO_DOOR);
    let token = demo.value("STRANGER_TOKEN").to_owned();
    // The token is good: it is the car that is not theirs.
    let own = format!("VIN={}", demo.value("STRANGER_VIN"));
    let page = format!("/{CURRENT_BASE}/gdc/BatteryStatusRecordsRequest.php");
    let answer = post_form(demo.address("GATEWAY_URL"), &page, Some(&token), &own);
    assert_eq!(answer.status, 200, "{}", answer.text());
    check_nothing_gets_through(&demo, Some(&token));
}

/// The rest of a request, with the key that a command was answered with where a page polls for its result.
fn rest_of(demo: &Demo, page: &str) -> String {
    if !page.contains("Result") {
        return REST.to_owned();
    }
    let form = format!("{REST}&VIN={}", demo.value("OWNER_VIN"));
    let command = format!("/{CURRENT_BASE}/gdc/ACRemoteOffRequest.php");
    let token = Some(demo.value("OWNER_TOKEN"));
    let answer = post_form(demo.address("GATEWAY_URL"), &command, token, &form);
    let answer: Value = answer.json();
    let key = answer.get("resultKey").and_then(Value::as_str);
    REST.replace(NOBODYS_KEY, key.unwrap_or_default())
}

/// A control: the same requests, with the owner's token, do get through where a route lists them.
#[test]
fn the_same_pages_serve_the_owner() {
    let demo = Demo::start(&NO_DOOR);
    let gateway = demo.address("GATEWAY_URL");
    let token = demo.value("OWNER_TOKEN").to_owned();
    for page in PAGES {
        let form = format!("{}&VIN={}", rest_of(&demo, page), demo.value("OWNER_VIN"));
        demo.clear_estate_log();
        let target = format!("/{CURRENT_BASE}/gdc/{page}.php");
        let answer = post_form(gateway, &target, Some(&token), &form);
        assert_eq!(answer.status, 200, "{page}: {}", answer.text());
        let log = demo.estate_log();
        assert_eq!(log.len(), 1, "{page}");
        assert_eq!(log[0]["path"], target.as_str());
        assert_eq!(
            log[0]["body"],
            form.as_str(),
            "{page}: forwarded byte for byte"
        );
    }
}

/// A control: without the gateway every request of the list reaches the estate.
#[test]
fn estate_alone_serves_the_whole_list() {
    let demo = Demo::start(&["--estate-only"]);
    let list = attacks(demo.value("OWNER_VIN"));
    for attack in &list {
        let answer = attack.send(demo.address("UPSTREAM_URL"), None);
        assert_eq!(answer.status, 200, "{attack}");
    }
    let log: Vec<Value> = demo.estate_log();
    assert_eq!(log.len(), list.len());
}
