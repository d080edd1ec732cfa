//! Do suspensions, sign-ins and work orders enter every decision?

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use vingate::pipeline::ownership::{Assignee, VehicleFacts, WorkOrder};
use vingate::pipeline::ports::LookupError;

use crate::code;
use crate::fake::{Court, FOREIGN, OWNED, Request, SILENT, UNKNOWN};
use crate::support::Tokens;

const FORM: &str = "application/x-www-form-urlencoded";

fn opt_out(vin: &str) -> Request {
    Request::post("/opt-out", FORM, &format!("VIN={vin}"))
}

/// Claims of the owner, some changed, or taken away by a null.
fn claims(changes: &Value) -> Value {
    let mut claims = Tokens::claims("owner");
    if let (Some(claims), Some(changes)) = (claims.as_object_mut(), changes.as_object()) {
        for (name, value) in changes {
            claims.insert(name.clone(), value.clone());
        }
        claims.retain(|_, value| !value.is_null());
    }
    claims
}

#[test]
fn a_suspended_subject_is_denied_everywhere_like_a_stranger() {
    let mut court = Court::open();
    court.suspend("owners", "owner");
    for request in [
        Request::read(OWNED),
        Request::read(FOREIGN),
        Request::read(UNKNOWN),
        Request::command(OWNED),
        opt_out(OWNED),
        Request::get("/cars"),
    ] {
        let judged = court.judge(&request.clone().by("owner"));
        assert_eq!(code(&judged), "access-denied", "{request:?}");
    }
    let other = Request::read(FOREIGN).by("stranger");
    assert_eq!(code(&court.judge(&other)), "permit");
}

#[test]
fn a_suspension_is_of_one_issuers_subject() {
    let mut court = Court::open();
    court.suspend("dealers", "owner");
    let judged = court.judge(&Request::read(OWNED).by("owner"));
    assert_eq!(code(&judged), "permit");
}

#[test]
fn who_can_not_be_asked_about_is_not_in_good_standing() {
    let court = Court::open();
    for failure in [
        LookupError::TimedOut,
        LookupError::Unreachable,
        LookupError::Malformed,
    ] {
        if let Ok(mut set) = court.ports.subject_failure.lock() {
            *set = Some(failure);
        }
        for request in [Request::read(OWNED), Request::get("/cars")] {
            let judged = court.judge(&request.by("owner"));
            assert_eq!(code(&judged), "dependency-unavailable", "{failure}");
        }
    }
}

#[test]
fn a_suspended_vehicle_is_denied_to_its_owner() {
    let mut court = Court::open();
    let suspended = VehicleFacts {
        owner: Some("owner".to_owned()),
        region: "NE".to_owned(),
        telematics: true,
        suspended: true,
        ..VehicleFacts::default()
    };
    court.put(OWNED, suspended);
    for request in [Request::read(OWNED), opt_out(OWNED)] {
        let judged = court.judge(&request.by("owner"));
        assert_eq!(code(&judged), "access-denied");
    }
}

#[test]
fn rights_take_a_strong_and_recent_sign_in_which_only_the_owner_is_told() {
    let court = Court::open();
    let long_ago = vingate::clock::unix_time().as_secs().saturating_sub(301);
    assert_eq!(code(&court.judge(&opt_out(OWNED).by("owner"))), "permit");
    for changes in [
        json!({"acr": null}),
        json!({"acr": "pwd"}),
        json!({"auth_time": null}),
        json!({"auth_time": long_ago}),
        json!({"acr": null, "auth_time": null}),
    ] {
        let token = court.sign(&claims(&changes));
        for (vin, answer) in [
            (OWNED, "step-up-required"),
            (SILENT, "step-up-required"), // opting out again
            (FOREIGN, "access-denied"),
            (UNKNOWN, "access-denied"),
        ] {
            court.ports.looked_up.store(0, Ordering::Relaxed);
            let judged = court.judge(&opt_out(vin).with_token(&token));
            assert_eq!(code(&judged), answer, "{changes} {vin}");
            assert_eq!(court.ports.looked_up.load(Ordering::Relaxed), 1, "{vin}");
        }
        let read = court.judge(&Request::read(OWNED).with_token(&token));
        assert_eq!(code(&read), "permit", "reading takes any sign-in");
    }
}

/// A car of somebody else, with a work order until a second from now.
fn at_the_dealers(agreed: &[&str]) -> VehicleFacts {
    let soon = vingate::clock::unix_time().saturating_add(Duration::from_secs(60));
    VehicleFacts {
        owner: Some("stranger".to_owned()),
        region: "NE".to_owned(),
        telematics: true,
        work_orders: vec![WorkOrder {
            id: "W1".to_owned(),
            dealership: "north".to_owned(),
            assignee: Assignee::Role("technician".to_owned()),
            agreed: agreed.iter().map(|&word| word.to_owned()).collect(),
            until: soon,
        }],
        ..VehicleFacts::default()
    }
}

#[test]
fn a_technician_reads_under_an_open_work_order_of_their_dealership() {
    let mut court = Court::open();
    let token = |court: &Court, changes: &Value| {
        let mut all = json!({
            "iss": "https://dealers.test", "sub": "tom", "employee": "dealership",
            "dealership": "north", "roles": ["technician"],
        });
        for (name, value) in changes.as_object().into_iter().flatten() {
            all[name] = value.clone();
        }
        court.sign(&claims(&all))
    };
    let diagnostics = Request::get(&format!("/dealer/{OWNED}/dtc"));
    let ask = |court: &Court, changes: &Value| {
        let token = token(court, changes);
        code(&court.judge(&diagnostics.clone().with_token(&token)))
    };
    assert_eq!(ask(&court, &json!({})), "access-denied", "no work order");
    court.put(OWNED, at_the_dealers(&["ReadDiagnostics"]));
    assert_eq!(ask(&court, &json!({})), "permit");
    for (changes, answer) in [
        (json!({"dealership": "south"}), "access-denied"),
        (json!({"dealership": null}), "access-denied"),
        (json!({"roles": []}), "access-denied"),
        (json!({"roles": "adviser"}), "access-denied"),
        (json!({"roles": "technician"}), "permit"),
        (json!({"employee": "headquarters"}), "token-invalid"),
        (json!({"employee": null}), "token-invalid"),
    ] {
        assert_eq!(ask(&court, &changes), answer, "{changes}");
    }
    court.put(OWNED, at_the_dealers(&[]));
    assert_eq!(
        ask(&court, &json!({})),
        "access-denied",
        "the owner agreed to nothing"
    );
    let mut closed = at_the_dealers(&["ReadDiagnostics"]);
    closed.work_orders[0].until = vingate::clock::unix_time();
    court.put(OWNED, closed);
    assert_eq!(ask(&court, &json!({})), "access-denied", "closed just now");
    court.put(OWNED, at_the_dealers(&["ReadDiagnostics"]));
    court.suspend("dealers", "tom");
    assert_eq!(ask(&court, &json!({})), "access-denied", "suspended");
}

#[test]
fn what_changes_whose_car_it_is_asks_for_car_and_person_anew() {
    let court = Court::open();
    let fresh = |request: Request| {
        court.ports.asked_fresh.store(0, Ordering::Relaxed);
        assert_eq!(code(&court.judge(&request.by("owner"))), "permit");
        court.ports.asked_fresh.load(Ordering::Relaxed)
    };
    assert_eq!(fresh(Request::read(OWNED)), 0);
    assert_eq!(fresh(Request::get("/cars")), 0);
    assert_eq!(fresh(opt_out(OWNED)), 2);
}
