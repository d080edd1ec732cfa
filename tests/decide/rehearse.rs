//! Does a rehearsal meet the switches as everybody does, and never more than them?

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use vingate::denial::{AccessFlaw, Denial};
use vingate::pipeline::rehearsal::{Rehearsal, StandIn};
use vingate::pipeline::vehicle::Vin;
use vingate::switchboard::{Board, Scope, State};

use crate::fake::{Court, OWNED, Request};
use crate::{code, in_state};

const STAND_IN: &str = "SJNFAAZE0U0000000";

fn rehearsal(vin: &str) -> Rehearsal {
    Rehearsal {
        who: StandIn {
            issuer: Arc::from("owners"),
            subject: "nobody".to_owned(),
            client: Some("app".to_owned()),
            tenant: Some("acme".to_owned()),
        },
        action: Arc::from("StartClimate"),
        vin: Vin::read(vin).unwrap(),
        vehicle_region: Some(Arc::from("NE")),
    }
}

fn rehearsing(vin: &str) -> Court {
    let mut court = Court::open();
    court.rehearsal = Some(rehearsal(vin));
    court
}

type Change = fn(&mut Scope, BTreeSet<String>);

fn scope(change: Change, value: &str) -> Scope {
    let mut scope = Scope::default();
    change(&mut scope, [value.to_owned()].into());
    scope
}

/// A scope for each dimension that covers the rehearsed command, and one that covers nothing of it.
fn scopes() -> Vec<(Scope, bool)> {
    let mut scopes = vec![(
        Scope {
            all: true,
            ..Scope::default()
        },
        true,
    )];
    let dimensions: [(Change, &str); 9] = [
        (|s, v| s.surfaces = v, "mobile"),
        (|s, v| s.regions = v, "NE"),
        (|s, v| s.routes = v, "hvac"),
        (|s, v| s.actions = v, "StartClimate"),
        (|s, v| s.upstreams = v, "telematics"),
        (|s, v| s.clients = v, "app"),
        (|s, v| s.tenants = v, "acme"),
        (|s, v| s.subjects = v, "owners/nobody"),
        (|s, v| s.vehicles = v, STAND_IN),
    ];
    for (change, value) in dimensions {
        scopes.push((scope(change, value), true));
        scopes.push((scope(change, "another"), false));
    }
    scopes
}

#[test]
fn a_rehearsal_is_refused_by_what_covers_it_in_each_dimension() {
    let mut court = rehearsing(STAND_IN);
    let request = Request::hvac(STAND_IN, "");
    for (scope, covered) in scopes() {
        for (state, refusal) in [(State::Closed, "closed"), (State::ReadOnly, "read-only")] {
            court.board = in_state(scope.clone(), state);
            let judged = court.judge(&request);
            let expected = if covered { refusal } else { "access-denied" };
            assert_eq!(code(&judged), expected, "{scope:?}");
        }
    }
}

#[test]
fn a_rehearsal_never_gets_a_permit_and_touches_nobodys_facts() {
    let mut court = rehearsing(OWNED);
    let body = r#"{"data":{"attributes":{"action":"start"}}}"#;
    for request in [
        Request::read(OWNED),
        Request::command(OWNED),
        Request::hvac(OWNED, body),
    ] {
        // even with the owner's own token, on an open board, it would be permitted otherwise
        let request = request.by("owner");
        court.board = Board::default();
        let judged = court.judge(&request);
        let passed = Denial::AccessDenied(AccessFlaw::Rehearsal);
        assert_eq!(judged.err(), Some(passed));
        for (scope, _) in scopes() {
            court.board = in_state(scope, State::Closed);
            assert!(court.judge(&request).is_err());
        }
    }
    assert_eq!(court.ports.looked_up.load(Ordering::Relaxed), 0);
    assert_eq!(court.ports.charged.load(Ordering::Relaxed), 0);
    court.rehearsal = None;
    court.board = Board::default();
    let judged = court.judge(&Request::read(OWNED).by("owner"));
    assert_eq!(code(&judged), "permit", "it is the rehearsal that differs");
}

#[test]
fn a_rehearsal_passes_the_door_like_everybody() {
    let court = rehearsing(STAND_IN);
    court.ports.flooded.store(true, Ordering::Relaxed);
    let judged = court.judge(&Request::read(STAND_IN));
    assert_eq!(code(&judged), "quota-exceeded");
}

#[test]
fn a_rehearsal_of_what_no_route_lists_finds_nothing() {
    let court = rehearsing(STAND_IN);
    let judged = court.judge(&Request::get("/nowhere"));
    assert_eq!(code(&judged), "route-unknown");
}
