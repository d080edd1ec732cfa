//! Which of the shipped routes serves whom?
//!
//! The whole demo with `deploy/leaf`: the commands of the newer APIs and of the portal, for a car of
//! the owner, by everybody who has an account. The estate, which trusts a VIN alone, keeps the log.

use crate::support::client::exchange;
use crate::support::{Demo, get, post_form};

/// Method, target and body; `V` is the car.
const REQUESTS: [(&str, &str, &str); 13] = [
    (
        "POST",
        "/api/v2/cars/V/actions/hvac-start",
        r#"{"data":{"attributes":{"action":"start"}}}"#,
    ),
    (
        "POST",
        "/api/v2/cars/V/actions/charging-start",
        r#"{"data":{"attributes":{"action":"start"}}}"#,
    ),
    (
        "POST",
        "/api/v2/cars/V/actions/lock-unlock",
        r#"{"data":{"attributes":{"action":"unlock"}}}"#,
    ),
    ("POST", "/api/v2/cars/V/actions/horn-lights", "{}"),
    (
        "POST",
        "/api/v2/cars/V/actions/refresh-battery-status",
        "{}",
    ),
    ("POST", "/api/v2/cars/V/actions/send-navigation", "{}"),
    ("POST", "/owners/vehicle/remove-service", "vin=V"),
    ("POST", "/owners/invites", "vin=V"),
    ("GET", "/api/v2/cars/V/hvac-status", ""),
    ("GET", "/api/v2/cars/V/lock-status", ""),
    ("GET", "/api/v2/cars/V/cockpit", ""),
    ("GET", "/owners/vehicle?vin=V", ""),
    ("GET", "/fleet/v1/vehicles/V/status", ""),
];

/// What the demo's driver was granted, of these.
const GRANTED: [&str; 3] = ["actions/hvac-start", "/hvac-status", "/fleet/v1"];

fn send(demo: &Demo, token: Option<&str>, request: (&str, &str, &str)) -> u16 {
    let (method, target, body) = request;
    let vin = demo.value("OWNER_VIN");
    let (target, body) = (target.replace('V', vin), body.replace('V', vin));
    let kind = if body.starts_with('{') {
        "json"
    } else {
        "x-www-form-urlencoded"
    };
    let token = token.map_or(String::new(), |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{token}\
         Content-Type: application/{kind}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    exchange(demo.address("GATEWAY_URL"), request.as_bytes()).status
}

fn token(demo: &Demo, name: &str, password: &str) -> String {
    let form = format!("grant_type=password&username={name}&password={password}");
    let answer = post_form(demo.address("ISSUER_URL"), "/token", None, &form);
    let answer = answer.json();
    let token = answer.get("access_token").and_then(|token| token.as_str());
    token.unwrap_or_default().to_owned()
}

/// Nobody of these gets anything through.
fn refuses_all(demo: &Demo, who: &[Option<&str>]) {
    for who in who {
        for request in REQUESTS {
            let status = send(demo, *who, request);
            assert!(matches!(status, 401 | 403), "{status} {request:?}");
        }
    }
    assert!(demo.estate_log().is_empty(), "{:#?}", demo.estate_log());
}

#[test]
fn a_car_serves_its_owner_and_a_driver_what_was_granted() {
    let demo = Demo::start(&["--set", "door.burst=1000000"]);
    let manager = token(&demo, "fleet-manager", "fleet-2016");
    let driver = token(&demo, "driver", "driver-2016");
    assert!(manager.len() > 100 && driver.len() > 100);
    refuses_all(
        &demo,
        &[None, Some(demo.value("STRANGER_TOKEN")), Some(&manager)],
    );
    for request in REQUESTS {
        let granted = GRANTED.iter().any(|granted| request.1.contains(granted));
        let status = send(&demo, Some(&driver), request);
        assert_eq!(status, if granted { 200 } else { 403 }, "{request:?}");
    }
    assert_eq!(
        demo.estate_log().len(),
        GRANTED.len(),
        "{:#?}",
        demo.estate_log()
    );
    for request in REQUESTS {
        let status = send(&demo, Some(demo.value("OWNER_TOKEN")), request);
        assert_eq!(status, 200, "{request:?}");
    }
}

#[test]
fn no_page_that_is_open_to_anyone_acts_on_a_car() {
    let demo = Demo::start(&["--set", "door.burst=1000000"]);
    let (gateway, vin) = (demo.address("GATEWAY_URL"), demo.value("OWNER_VIN"));
    let base = "/api_v210707_NE/gdc";
    for target in [
        format!("/owners/static/../leaf/setHvac?vin={vin}&fan=on"),
        format!("/owners/static/..%20/leaf/setHvac?vin={vin}&fan=on"),
        format!("/owners/login?vin={vin}"),
        format!("/owners/logout?vin={vin}"),
        format!("/owners/dashboard?vin={vin}"),
        format!("{base}/InitialApp.php?VIN={vin}"),
        format!("{base}/InitialApp_v2.php?vin={vin}"),
        format!("{base}/UserLoginRequest.php?VIN={vin}&UserId=owner&Password=x"),
        format!("/token?vin={vin}"),
    ] {
        assert!(
            matches!(get(gateway, &target, None).status, 400 | 405),
            "{target}"
        );
        let status = post_form(gateway, &target, None, "a=b").status;
        assert!(matches!(status, 400 | 405), "{target}: {status}");
    }
    assert!(demo.estate_log().is_empty(), "{:#?}", demo.estate_log());
    assert_eq!(get(gateway, "/owners/login", None).status, 200);
    assert_eq!(demo.estate_log().len(), 1);
}
