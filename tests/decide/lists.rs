//! Whose VINs may the answer of a route without a vehicle carry, and what does it take to know?

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use vingate::pipeline::guard::Sight;
use vingate::pipeline::ownership::{DriverGrant, Hints, VehicleFacts};
use vingate::pipeline::ports::LookupError;
use vingate::pipeline::vehicle::Vin;

use crate::code;
use crate::fake::{Court, FOREIGN, OWNED, Request, SILENT, UNKNOWN};

fn list() -> Request {
    Request::get("/cars").by("owner")
}

fn sight(court: &Court, request: &Request) -> Sight {
    court.judge(request).unwrap().sight().unwrap().clone()
}

fn of(vins: &[&str], has_more: bool) -> Sight {
    let vins: BTreeSet<Vin> = vins.iter().map(|vin| Vin::read(vin).unwrap()).collect();
    Sight::of_person(vins, has_more, false)
}

fn lent(until: Option<Duration>) -> VehicleFacts {
    VehicleFacts {
        owner: Some("stranger".to_owned()),
        drivers: vec![DriverGrant {
            subject: "owner".to_owned(),
            entitlements: Vec::new(),
            until,
        }],
        ..VehicleFacts::default()
    }
}

#[test]
fn ones_own_vehicles_are_in_sight_and_those_that_one_may_drive_now() {
    let mut court = Court::open();
    assert_eq!(sight(&court, &list()), of(&[OWNED, SILENT], false));
    assert_eq!(court.ports.led.load(Ordering::Relaxed), 1);
    assert_eq!(court.ports.looked_up.load(Ordering::Relaxed), 2);
    court.put(FOREIGN, lent(None));
    assert_eq!(sight(&court, &list()), of(&[OWNED, SILENT, FOREIGN], false));
    court.put(FOREIGN, lent(Some(Duration::from_secs(1))));
    assert_eq!(sight(&court, &list()), of(&[OWNED, SILENT], false));
    let nobody = Request::get("/cars").by("nobody");
    assert_eq!(sight(&court, &nobody), of(&[], false));
}

/// Whoever can write an index gains nothing: the record has to say the same.
#[test]
fn a_lying_index_shows_no_car() {
    let court = Court::open();
    let vins = [FOREIGN, UNKNOWN, OWNED].map(|vin| Vin::read(vin).unwrap());
    *court.ports.hints.lock().unwrap() = Some(Hints {
        vins: vins.to_vec(),
        more: false,
    });
    assert_eq!(sight(&court, &list()), of(&[OWNED], false));
}

#[test]
fn no_more_are_looked_up_than_the_limit_says() {
    let court = Court::with(&["limits.vehicles_of_subject=1"]);
    assert_eq!(sight(&court, &list()), of(&[SILENT], true));
    assert_eq!(court.ports.looked_up.load(Ordering::Relaxed), 1);
}

#[test]
fn a_list_whose_vehicles_can_t_be_known_is_not_asked_for() {
    let court = Court::open();
    *court.ports.lead_failure.lock().unwrap() = Some(LookupError::Unreachable);
    assert_eq!(code(&court.judge(&list())), "dependency-unavailable");
    *court.ports.lead_failure.lock().unwrap() = None;
    court.ports.fail_directory(Some(LookupError::Malformed));
    assert_eq!(code(&court.judge(&list())), "dependency-unavailable");
    court.ports.fail_directory(None);
    court.ports.hang_directory.store(true, Ordering::Relaxed);
    assert_eq!(code(&court.judge(&list())), "dependency-unavailable");
}

#[test]
fn a_route_that_says_so_is_not_guarded_and_asks_nothing() {
    let court = Court::open();
    let permit = court.judge(&Request::get("/feed").by("owner")).unwrap();
    assert_eq!(permit.sight(), None);
    assert_eq!(court.ports.led.load(Ordering::Relaxed), 0);
}

#[test]
fn an_answer_about_a_vehicle_carries_its_vin_alone() {
    let court = Court::open();
    let own = Sight::of_vehicle(Vin::read(OWNED).unwrap());
    assert_eq!(sight(&court, &Request::read(OWNED).by("owner")), own);
}
