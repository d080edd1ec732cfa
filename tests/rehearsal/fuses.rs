//! Does a fuse blow by many refused people over real sockets, and by nothing else?

use std::time::Duration;

use vingate::switchboard::Scope;

use crate::support::{get, post_form};
use crate::{FOREIGN, House, OWNED, set, surface};

fn target(vin: &str) -> String {
    format!("/v1/cars/{vin}/battery")
}

/// Whether a closure comes into force within a time, or none does.
fn blown(house: &House) -> bool {
    for _ in 0..500 {
        if house.switchboard.board().in_force().count() > 0 {
            return true;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    false
}

#[test]
fn many_refused_people_blow_it_and_it_closes_what_it_names() {
    let house = House::start();
    for subject in ["mallory-1", "mallory-2", "mallory-3"] {
        let token = house.tokens.token(subject);
        let answer = get(house.address(), &target(FOREIGN), Some(&token));
        assert_eq!(answer.status, 403);
    }
    assert!(blown(&house));
    let board = house.switchboard.board();
    let closure = board.in_force().next().unwrap();
    let expected = Scope {
        actions: set(&["ReadBatteryStatus"]),
        ..surface("mobile")
    };
    assert_eq!(closure.scope, expected);
    let owner = house.tokens.token("owner");
    let read = get(house.address(), &target(OWNED), Some(&owner));
    assert_eq!(read.status, 503, "{}", read.text());
    let form = format!("VIN={OWNED}");
    let command = post_form(house.address(), "/v1/climate", Some(&owner), &form);
    assert_eq!(command.status, 200, "only what the fuse names is closed");
}

#[test]
fn noise_of_one_person_or_of_nobody_blows_nothing() {
    let house = House::start();
    let mallory = house.tokens.token("mallory");
    for _ in 0..10 {
        let refused = get(house.address(), &target(FOREIGN), Some(&mallory));
        assert_eq!(refused.status, 403);
        assert_eq!(get(house.address(), &target(FOREIGN), None).status, 401);
        let forged = get(house.address(), &target(FOREIGN), Some("a.b.c"));
        assert_eq!(forged.status, 401);
    }
    let second = house.tokens.token("mallory-2");
    get(house.address(), &target(FOREIGN), Some(&second));
    // The third one blows it: what came before was all counted, and was not enough.
    assert_eq!(house.switchboard.board().closures().count(), 0);
    let third = house.tokens.token("mallory-3");
    get(house.address(), &target(FOREIGN), Some(&third));
    assert!(blown(&house));
}
