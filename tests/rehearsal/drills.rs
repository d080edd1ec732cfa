//! Does a drill prove a closure without anybody else meeting it?

use std::sync::Arc;

use vingate::drill::{Drill, Drilled};
use vingate::switchboard::{Scope, Shut, State};

use crate::support::get;
use crate::{House, OWNED, set, surface};

fn open(house: &House) -> Drill {
    let directory = house.folder.path().join("switches");
    let prober = Arc::new(house.prober());
    Drill::open(&directory, prober, Arc::clone(&house.switchboard))
}

fn run(house: &House, scope: &Scope, shut: Shut) -> Result<Drilled, String> {
    let drill = open(house);
    house.runtime.block_on(drill.run(scope, shut, "alice"))
}

#[test]
fn a_drill_closes_for_a_stand_in_opens_again_and_is_remembered() {
    let house = House::start();
    let everything = Scope {
        all: true,
        ..Scope::default()
    };
    for scope in [surface("mobile"), everything] {
        for shut in [Shut::Closed, Shut::ReadOnly] {
            let drilled = run(&house, &scope, shut).unwrap();
            assert!(drilled.proved, "{scope:?}: {drilled:?}");
            let again = open(&house);
            assert_eq!(again.last(&scope).as_ref(), Some(&drilled));
            assert_eq!(again.last_proved(&scope), Some(drilled.at));
        }
    }
    assert_eq!(house.switchboard.board().in_force().count(), 0);
    assert!(house.upstream.requests().is_empty());
    assert_eq!(open(&house).last(&surface("portal")), None);
}

#[test]
fn nobody_else_meets_a_drill() {
    let house = House::start();
    let changes = house.switchboard.changes();
    let owner = house.tokens.token("owner");
    let target = format!("/v1/cars/{OWNED}/battery");
    let drill = open(&house);
    let scope = surface("mobile");
    let running = house
        .runtime
        .spawn(async move { drill.run(&scope, Shut::Closed, "alice").await });
    while !running.is_finished() {
        assert_eq!(get(house.address(), &target, Some(&owner)).status, 200);
    }
    assert!(changes.has_changed().unwrap(), "a closure was in force");
    let drilled = house.runtime.block_on(running).unwrap().unwrap();
    assert!(drilled.proved, "{drilled:?}");
}

#[test]
fn what_is_closed_already_proves_nothing() {
    let house = House::start();
    house.close("c-1", surface("mobile"), State::Closed);
    let drilled = run(&house, &surface("mobile"), Shut::Closed).unwrap();
    assert!(!drilled.proved, "{drilled:?}");
    assert!(drilled.flaw.unwrap().contains("`c-1`"));
    assert_eq!(open(&house).last_proved(&surface("mobile")), None);
    let left: Vec<_> = house.switchboard.board().in_force().cloned().collect();
    assert_eq!(left.len(), 1, "the drill's own is gone");
}

#[test]
fn what_needs_neither_vehicle_nor_identity_is_not_drilled() {
    let house = House::start();
    let told = run(&house, &surface("portal"), Shut::Closed).unwrap_err();
    assert!(told.contains("stand-in alone"), "{told}");
    let nothing = Scope {
        routes: set(&["nothing"]),
        ..Scope::default()
    };
    let told = run(&house, &nothing, Shut::Closed).unwrap_err();
    assert_eq!(told, "no route is covered");
    assert_eq!(house.switchboard.board().closures().count(), 0);
}
