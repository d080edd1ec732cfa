//! What a full board costs a request, and what counting it does.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use vingate::config::file::{Fuse, FuseCode, FuseState};
use vingate::pipeline::identity;
use vingate::pipeline::switch::Situation;
use vingate::pipeline::vehicle::Vin;
use vingate::switchboard::changes::{self, By, New};
use vingate::switchboard::fuse::{Fuses, Refused};
use vingate::switchboard::{Board, Scope, VehicleRegion};
use vingate::traffic::Traffic;

use crate::cpu::CpuTime;
use crate::setting::{Setting, VIN};

/// Closures on a full board.
const ENTRIES: usize = 10_000;

/// A board of so many closures, none of which covers the request.
fn board(scope: impl Fn(usize) -> Scope) -> Board {
    let closures = (0..ENTRIES).map(|number| {
        let new = New::closing(format!("c-{number}"), scope(number), "bench".to_owned());
        let by = By {
            who: "bench",
            at: 0,
            revision: 1,
            break_glass: false,
        };
        Arc::new(changes::begin(new, by))
    });
    Board::new(1, closures)
}

type Change = fn(&mut Scope, BTreeSet<String>);

/// What is known of a request at its end, before a vehicle was allowed.
fn situation(at: &Setting) -> Situation {
    let head = at.head(&at.headers);
    let (route, _) = at.rules.router.find(&head).unwrap();
    let principal = identity::identify((&at.rules.issuers, None), &route.surface, &head)
        .unwrap()
        .principal;
    let mut situation = Situation::at_entrance(route, &head, &at.rules.regions);
    situation.action = Some(at.rules.policies.class("ReadBatteryStatus"));
    situation.principal = Some(principal);
    situation.vin = Some(Vin::read(VIN).unwrap());
    situation.vehicle_region = VehicleRegion::Listed(Arc::from("NE"));
    situation
}

/// The check with the vehicle, over a board with 10,000 closures of one dimension, and over one with
/// some of each.
pub(crate) fn full(criterion: &mut Criterion<CpuTime>) {
    let at = Setting::new(1_000);
    let situation = situation(&at);
    let now = vingate::clock::unix_time();
    let dimensions: [(&str, Change, &str); 10] = [
        ("surface", |s, v| s.surfaces = v, "surface"),
        ("region", |s, v| s.regions = v, "R"),
        ("route", |s, v| s.routes = v, "route"),
        ("action", |s, v| s.actions = v, "Action"),
        ("upstream", |s, v| s.upstreams = v, "upstream"),
        ("client version", |s, v| s.client_versions = v, "v"),
        ("client", |s, v| s.clients = v, "app"),
        ("tenant", |s, v| s.tenants = v, "tenant"),
        ("subject", |s, v| s.subjects = v, "owners/subject"),
        ("vehicle", |s, v| s.vehicles = v, "SJNFAAZE0U60"),
    ];
    let of = |(_, change, prefix): (&str, Change, &str), number: usize| {
        let mut scope = Scope::default();
        change(&mut scope, [format!("{prefix}{number:05}")].into());
        scope
    };
    let mut group = criterion.benchmark_group("switch");
    group.bench_function("empty board", |b| {
        b.iter(|| black_box(&situation).check_vehicle(&at.board, now));
    });
    for dimension in dimensions {
        // 12345 + 10,000 and on: no number is that of the request's own vehicle
        let board = board(|number| of(dimension, number.saturating_add(20_000)));
        assert!(situation.check_vehicle(&board, now).is_ok());
        group.bench_function(format!("10,000 by {}", dimension.0), |b| {
            b.iter(|| black_box(&situation).check_vehicle(&board, now));
        });
    }
    let mut closures = Vec::new();
    for (turn, dimension) in dimensions.into_iter().enumerate() {
        let every_tenth = board(|number| of(dimension, number.saturating_add(20_000)));
        let kept = every_tenth.closures().skip(turn).step_by(dimensions.len());
        closures.extend(kept.cloned());
    }
    let mixed = Board::new(1, closures);
    assert_eq!(mixed.closures().len(), ENTRIES);
    group.bench_function("10,000 of all dimensions", |b| {
        b.iter(|| black_box(&situation).check_vehicle(&mixed, now));
    });
    group.finish();
}

/// What is counted of a request once it ended.
pub(crate) fn counts(criterion: &mut Criterion<CpuTime>) {
    let at = Setting::new(1_000);
    let situation = situation(&at);
    let now = vingate::clock::unix_time();
    let traffic = Traffic::new(now);
    let mut group = criterion.benchmark_group("count");
    group.bench_function("live counts", |b| {
        b.iter(|| traffic.note(now, black_box(&situation), false));
    });
    let rule = Fuse {
        surface: "mobile".to_owned(),
        codes: [FuseCode::AccessDenied].into(),
        distinct_principals: 1_000,
        window: serde_json::from_str("\"5m\"").unwrap(),
        close: Scope {
            surfaces: ["mobile".to_owned()].into(),
            ..Scope::default()
        },
        state: FuseState::Closed,
        lasts: serde_json::from_str("\"30m\"").unwrap(),
        texts: vingate::switchboard::Texts::new(),
    };
    let (fuses, _blowing) = Fuses::new(&[("one".to_owned(), rule)].into());
    let subjects: Vec<String> = (0..900).map(|number| format!("subject-{number}")).collect();
    let mut turns = subjects.iter().cycle();
    group.bench_function("fuse, one of 900 refused", |b| {
        b.iter(|| {
            let refused = Refused {
                surface: "mobile",
                code: "access-denied",
                issuer: "owners",
                subject: turns.next().unwrap(),
                at: now,
            };
            fuses.note(black_box(refused), &at.board);
        });
    });
    group.finish();
}
