//! Is a poll let through for who started what it asks about, and for nobody else?

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::FutureExt;
use vingate::pipeline::ownership::{DriverGrant, VehicleFacts};
use vingate::pipeline::ports::{LookupError, ResultKeys};
use vingate::pipeline::result_key::GivenOut;

use crate::code;
use crate::fake::{Court, FOREIGN, OWNED, Request, SILENT, UNKNOWN};

const KEY: &str = "0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f";

/// A car of `owner` beside [`OWNED`].
const SECOND: &str = "SJNFAAZE0U6022222";

fn poll(vin: &str, key: &str) -> Request {
    let form = format!("VIN={vin}&resultKey={key}&RegionCode=NE");
    Request::post(
        "/climate/result",
        "application/x-www-form-urlencoded",
        &form,
    )
}

/// Has [`KEY`] given out for the owner's command to their car.
fn started(court: &Court) {
    let permit = court.judge(&Request::command(OWNED).by("owner")).unwrap();
    let given = GivenOut {
        upstream: &permit.route().upstream,
        principal: permit.principal().unwrap(),
        vin: permit.vin().unwrap(),
        key: KEY,
    };
    let kept = court.ports.keep(given, Duration::MAX);
    kept.now_or_never().unwrap().unwrap();
}

/// A court in which `owner` owns [`SECOND`] too, and `driver` may start the climate of [`OWNED`].
fn court() -> Court {
    let mut court = Court::open();
    let owned = court.ports.vehicles.get(OWNED).unwrap();
    let mut facts = VehicleFacts::clone(owned);
    court.put(SECOND, facts.clone());
    facts.drivers = vec![DriverGrant {
        subject: "driver".to_owned(),
        entitlements: vec!["StartClimate".to_owned()],
        until: None,
    }];
    court.put(OWNED, facts);
    court
}

#[test]
fn who_started_it_polls_it() {
    let court = court();
    started(&court);
    let permit = court.judge(&poll(OWNED, KEY).by("owner"));
    assert_eq!(code(&permit), "permit");
    let by_path = Request::get(&format!("/climate/{OWNED}/results/{KEY}"));
    assert_eq!(code(&court.judge(&by_path.by("owner"))), "permit");
}

#[test]
fn a_key_counts_for_its_person_and_its_car_alone() {
    let court = court();
    started(&court);
    court.ports.asked_for_key.store(0, Ordering::Relaxed);
    let may_poll = [
        ("a driver of that car", poll(OWNED, KEY).by("driver")),
        (
            "another car of the same owner",
            poll(SECOND, KEY).by("owner"),
        ),
        (
            "a key that nobody was given",
            poll(OWNED, "0f9a").by("owner"),
        ),
        ("a longer one", poll(OWNED, &format!("{KEY}0")).by("owner")),
        ("in capitals", poll(OWNED, &KEY.to_uppercase()).by("owner")),
    ];
    for (number, (whose, request)) in may_poll.iter().enumerate() {
        let denial = court.judge(request).unwrap_err();
        assert_eq!(denial.code(), "access-denied", "{whose}");
        assert_eq!(denial.reason(), "result-key-unknown", "{whose}");
        let asked = court.ports.asked_for_key.load(Ordering::Relaxed);
        assert_eq!(asked, number + 1, "{whose}: one question each");
    }
    let charged = court.ports.charged.load(Ordering::Relaxed);
    assert_eq!(charged, 1, "the command alone");
}

#[test]
fn who_may_not_poll_the_car_at_all_is_asked_for_no_key() {
    let court = court();
    started(&court);
    court.ports.asked_for_key.store(0, Ordering::Relaxed);
    for (vin, whose) in [
        (OWNED, "stranger"),
        (FOREIGN, "owner"),
        (UNKNOWN, "owner"),
        (SILENT, "owner"),
    ] {
        let denial = court.judge(&poll(vin, KEY).by(whose)).unwrap_err();
        assert_eq!(denial.code(), "access-denied", "{vin} {whose}");
        assert_ne!(denial.reason(), "result-key-unknown", "{vin} {whose}");
    }
    assert_eq!(court.ports.asked_for_key.load(Ordering::Relaxed), 0);
}

#[test]
fn no_key_and_what_is_none_are_a_key_that_nobody_was_given() {
    let court = court();
    started(&court);
    let long = "k".repeat(257);
    let forms = [
        format!("VIN={OWNED}"),
        format!("VIN={OWNED}&resultKey="),
        format!("VIN={OWNED}&resultKey=a%0Ab"),
        format!("VIN={OWNED}&resultKey={long}"),
    ];
    for form in forms {
        let media_type = "application/x-www-form-urlencoded";
        let request = Request::post("/climate/result", media_type, &form).by("owner");
        let denial = court.judge(&request).unwrap_err();
        assert_eq!(denial.code(), "access-denied", "{form}");
        assert_eq!(denial.reason(), "result-key-unknown", "{form}");
    }
}

#[test]
fn copies_of_the_key_must_agree() {
    let court = court();
    started(&court);
    let twice = |query: &str| {
        let request = poll(OWNED, KEY).by("owner");
        code(&court.judge(&request.to(&format!("/climate/result?{query}"))))
    };
    assert_eq!(twice(&format!("resultKey={KEY}")), "permit");
    assert_eq!(twice("resultKey=0f9a"), "ambiguous-request");
    assert_eq!(twice("resultkey=0f9a"), "ambiguous-request");
    let in_query_alone = Request::post(
        &format!("/climate/result?resultKey={KEY}"),
        "application/x-www-form-urlencoded",
        &format!("VIN={OWNED}"),
    );
    let judged = court.judge(&in_query_alone.by("owner"));
    assert_eq!(code(&judged), "ambiguous-request");
}

#[test]
fn unknown_is_not_absent() {
    let court = court();
    started(&court);
    for failure in [
        LookupError::TimedOut,
        LookupError::Unreachable,
        LookupError::Malformed,
    ] {
        *court.ports.key_failure.lock().unwrap() = Some(failure);
        let denial = court.judge(&poll(OWNED, KEY).by("owner")).unwrap_err();
        assert_eq!(denial.code(), "dependency-unavailable", "{failure}");
        assert_eq!(denial.reason(), "result-keys", "{failure}");
    }
    *court.ports.key_failure.lock().unwrap() = None;
    court.ports.hang_keys.store(true, Ordering::Relaxed);
    let hanging = court.judge(&poll(OWNED, KEY).by("owner"));
    assert_eq!(code(&hanging), "dependency-unavailable");
}
