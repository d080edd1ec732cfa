//! Does a real, unmodified client of the old API get through, and is it stopped cleanly?
//!
//! `pycarwings2` from `PyPI`, with a wrapper that adds the bearer token and counts requests, against the
//! demo. `make test` prepares its virtual environment.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Demo, get};

/// The interpreter with pycarwings2: `VINGATE_PYTHON`, or the one that `make test` makes.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's command line is its environment"
)]
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = match std::env::var("VINGATE_PYTHON") {
        Ok(python) => PathBuf::from(python),
        Err(_) => root.join(".venv/bin/python"),
    };
    assert!(
        python.exists(),
        "no `{}`: `make test` prepares it",
        python.display()
    );
    python
}

struct App<'a> {
    demo: &'a Demo,
    url: &'static str,
    user: &'static str,
    token: Option<&'static str>,
    vin: &'static str,
}

impl App<'_> {
    /// Runs a script of tests/python; what it printed.
    fn run(&self, script: &str, arguments: &[&str]) -> Value {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
        let mut command = Command::new(python());
        command
            .arg(folder.join(script))
            .args(arguments)
            .env("CARWINGS_URL", self.demo.value(self.url))
            .env("USER_ID", self.user)
            .env("PASSWORD", "not decrypted")
            .env("VIN", self.demo.value(self.vin))
            .env("NO_PROXY", "*")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        match self.token {
            Some(token) => command.env("TOKEN", self.demo.value(token)),
            None => command.env_remove("TOKEN"),
        };
        let output = command.output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// Each call of everything.py was one request and one `CarwingsError`; how many calls there were.
fn check_all_refused_at_once(calls: &Value) -> usize {
    let calls = calls.as_object().unwrap();
    for (name, call) in calls {
        assert_eq!(call["raised"], "CarwingsError", "{name}: {call}");
        assert_eq!(call["requests"], 1, "{name}: {call}");
    }
    calls.len()
}

#[test]
fn owner_logs_in_reads_the_battery_and_starts_and_stops_climate() {
    let demo = Demo::start(&[]);
    let app = App {
        demo: &demo,
        url: "GATEWAY_URL",
        user: "owner",
        token: Some("OWNER_TOKEN"),
        vin: "OWNER_VIN",
    };
    let served = app.run("served.py", &[]);
    assert_eq!(served["vin"], demo.value("OWNER_VIN"));
    assert_eq!(served["battery_percent"], 75.0);
    assert_eq!(served["started"], true);
    assert_eq!(served["while_on"], true);
    assert_eq!(served["stopped"], false);
    assert_eq!(served["while_off"], false);
    // login is two requests, the battery one, each command one and two polls, each record one
    assert_eq!(demo.estate_log().len(), 11);
}

#[test]
fn a_key_that_the_owner_was_not_given_is_one_clean_error_and_reaches_nothing() {
    let demo = Demo::start(&[]);
    let app = App {
        demo: &demo,
        url: "GATEWAY_URL",
        user: "owner",
        token: Some("OWNER_TOKEN"),
        vin: "OWNER_VIN",
    };
    let calls = app.run("everything.py", &[]);
    for poll in [
        "get_status_from_update",
        "get_start_climate_control_result",
        "get_stop_climate_control_result",
        "get_status_from_location",
    ] {
        assert_eq!(calls[poll]["raised"], "CarwingsError", "{poll}: {calls}");
        assert_eq!(calls[poll]["requests"], 1, "{poll}: {calls}");
    }
    assert_eq!(
        calls["start_climate_control"]["raised"],
        Value::Null,
        "{calls}"
    );
    let polled = |entry: &Value| entry["body"].as_str().unwrap().contains("resultKey");
    assert!(!demo.estate_log().iter().any(polled));
}

#[test]
fn stranger_gets_one_clean_error_a_call_and_reaches_nothing() {
    let demo = Demo::start(&[]);
    let app = App {
        demo: &demo,
        url: "GATEWAY_URL",
        user: "stranger",
        token: Some("STRANGER_TOKEN"),
        vin: "OWNER_VIN",
    };
    let calls = check_all_refused_at_once(&app.run("everything.py", &[]));
    assert_eq!(calls, 17, "every call of pycarwings2 was tried");
    assert!(demo.estate_log().is_empty());
}

#[test]
fn closed_mobile_is_one_clean_error_a_call_and_the_portal_still_answers() {
    let demo = Demo::start(&[]);
    demo.operate(&[
        "switch",
        "close",
        "--surface",
        "mobile-v1",
        "--reason",
        "test",
    ]);
    let app = App {
        demo: &demo,
        url: "GATEWAY_URL",
        user: "owner",
        token: Some("OWNER_TOKEN"),
        vin: "OWNER_VIN",
    };
    let calls = check_all_refused_at_once(&app.run("everything.py", &["with-login"]));
    assert_eq!(
        calls, 18,
        "every call of pycarwings2 was tried, and the login"
    );
    assert!(demo.estate_log().is_empty());
    let login = get(demo.address("GATEWAY_URL"), "/owners/login", None);
    assert_eq!(login.status, 200);
    let status = format!("/owners/api/vehicles/{}/status", demo.value("OWNER_VIN"));
    let status = get(
        demo.address("GATEWAY_URL"),
        &status,
        Some(demo.value("OWNER_TOKEN")),
    );
    assert_eq!(status.status, 200);
    assert_eq!(demo.estate_log().len(), 2);

    demo.operate(&["switch", "open", "--surface", "mobile-v1"]);
    assert_eq!(app.run("served.py", &[])["started"], true);
}

/// The control: without the gateway anybody may do anything, so the tests above can fail.
#[test]
fn estate_alone_serves_a_strangers_app() {
    let demo = Demo::start(&["--estate-only"]);
    let app = App {
        demo: &demo,
        url: "UPSTREAM_URL",
        user: "stranger",
        token: None,
        vin: "OWNER_VIN",
    };
    let calls = app.run("everything.py", &[]);
    assert_eq!(calls["start_climate_control"]["raised"], Value::Null);
    assert_eq!(calls["get_latest_battery_status"]["raised"], Value::Null);
    assert_eq!(calls["get_electric_rate_simulation"]["raised"], Value::Null);
    let vin = demo.value("OWNER_VIN");
    let named = |entry: &&Value| entry["body"].as_str().unwrap().contains(vin);
    assert_eq!(demo.estate_log().iter().filter(named).count(), 17);
}
