//! Does a board find exactly what is closed?

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

fn closure(id: &str, scope: Scope, retry_after: u64) -> Closure {
    Closure {
        id: id.to_owned(),
        scope,
        reason: "a leak".to_owned(),
        message: None,
        closed_by: "root".to_owned(),
        closed_at: 1,
        retry_after,
    }
}

fn mobile() -> Place<'static> {
    Place {
        surface: "mobile",
        route: "mobile.climate",
        upstream: "telematics",
        ..Place::default()
    }
}

fn known() -> Place<'static> {
    Place {
        client: Some("app"),
        subject: Some(("owners", "sub-1")),
        vehicle: Some("SJNFAAZE0U6012345"),
        ..mobile()
    }
}

fn check(scope: &Scope, place: Place<'_>, covered: bool) {
    let board = Board::default().with(closure("c-1", scope.clone(), 60));
    assert_eq!(board.find(place).is_some(), covered, "{scope:?} {place:?}");
}

#[test]
fn each_dimension_covers_its_own_values_and_no_other() {
    let by = |change: fn(&mut Scope, BTreeSet<String>), value: &str| {
        let mut scope = Scope::default();
        change(&mut scope, set(&[value, "another"]));
        scope
    };
    let table: [(Scope, bool, bool); 12] = [
        (by(|s, v| s.surfaces = v, "mobile"), true, true),
        (by(|s, v| s.surfaces = v, "portal"), false, false),
        (by(|s, v| s.routes = v, "mobile.climate"), true, true),
        (by(|s, v| s.routes = v, "mobile.battery"), false, false),
        (by(|s, v| s.upstreams = v, "telematics"), true, true),
        (by(|s, v| s.upstreams = v, "portal"), false, false),
        (by(|s, v| s.clients = v, "app"), false, true),
        (by(|s, v| s.clients = v, "other"), false, false),
        (by(|s, v| s.subjects = v, "owners/sub-1"), false, true),
        (by(|s, v| s.subjects = v, "dealers/sub-1"), false, false),
        (by(|s, v| s.vehicles = v, "SJNFAAZE0U6012345"), false, true),
        (by(|s, v| s.vehicles = v, "SJNFAAZE0U6012346"), false, false),
    ];
    for (scope, at_the_entrance, once_known) in table {
        check(&scope, mobile(), at_the_entrance);
        check(&scope, known(), once_known);
    }
}

#[test]
fn a_conjunction_needs_every_dimension() {
    let scope = Scope {
        surfaces: set(&["mobile"]),
        clients: set(&["app"]),
        ..Scope::default()
    };
    check(&scope, known(), true);
    check(&scope, mobile(), false); // who asks is not known yet
    let elsewhere = Place {
        surface: "portal",
        ..known()
    };
    check(&scope, elsewhere, false);
}

#[test]
fn a_scope_that_names_nothing_covers_nothing() {
    check(&Scope::default(), known(), false);
}

#[test]
fn the_longest_retry_wins_then_the_lowest_id() {
    let surface = || Scope {
        surfaces: set(&["mobile"]),
        ..Scope::default()
    };
    let route = Scope {
        routes: set(&["mobile.climate"]),
        ..Scope::default()
    };
    let board = Board::default()
        .with(closure("c-3", surface(), 60))
        .with(closure("c-2", route.clone(), 60))
        .with(closure("c-9", route, 30));
    assert_eq!(board.find(mobile()).unwrap().id, "c-2");
    let board = board.with(closure("c-4", surface(), 90));
    assert_eq!(board.find(mobile()).unwrap().id, "c-4");
}

#[test]
fn the_revision_rises_with_every_change() {
    let scope = Scope {
        surfaces: set(&["mobile"]),
        ..Scope::default()
    };
    let closed = Board::default().with(closure("c-1", scope, 60));
    assert_eq!(closed.revision(), 1);
    assert!(closed.without("c-2").is_none());
    let open = closed.without("c-1").unwrap();
    assert_eq!(open.revision(), 2);
    assert!(open.find(mobile()).is_none());
    assert!(closed.find(mobile()).is_some()); // a board never changes under its reader
}

#[test]
fn debug_output_names_no_person_and_no_vehicle() {
    let scope = Scope {
        surfaces: set(&["mobile"]),
        subjects: set(&["owners/sub-1"]),
        vehicles: set(&["SJNFAAZE0U6012345", "SJNFAAZE0U6012346"]),
        ..Scope::default()
    };
    let mut one = closure("c-1", scope, 60);
    one.reason = "SJNFAAZE0U6012345 of sub-1 was stolen".to_owned();
    let board = Board::default().with(one);
    let text = format!("{board:?} {:?} {:?}", board.closures().next(), known());
    assert!(text.contains("surface mobile; 1 subject; 2 vehicles"));
    assert!(!text.contains("SJNF") && !text.contains("sub-1"), "{text}");
}

/// Few values in each dimension, so that random boards and places meet.
fn values(prefix: &'static str) -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set((0..4u8).prop_map(move |n| format!("{prefix}{n}")), 0..3)
}

fn scopes() -> impl Strategy<Value = Scope> {
    (
        values("s"),
        values("r"),
        values("u"),
        values("c"),
        values("i/p"),
        values("v"),
    )
        .prop_map(
            |(surfaces, routes, upstreams, clients, subjects, vehicles)| Scope {
                surfaces,
                routes,
                upstreams,
                clients,
                subjects,
                vehicles,
            },
        )
        .prop_filter("a scope names something", |scope| !scope.is_empty())
}

/// Says it dimension by dimension, without the index.
fn naive<'a>(closures: &'a [Closure], place: Place<'_>) -> Option<&'a str> {
    let mut found: Option<&Closure> = None;
    for closure in closures {
        let scope = &closure.scope;
        let subject = place.subject.map(|(issuer, name)| [issuer, name].join("/"));
        let pairs = [
            (&scope.surfaces, Some(place.surface.to_owned())),
            (&scope.routes, Some(place.route.to_owned())),
            (&scope.upstreams, Some(place.upstream.to_owned())),
            (&scope.clients, place.client.map(str::to_owned)),
            (&scope.subjects, subject),
            (&scope.vehicles, place.vehicle.map(str::to_owned)),
        ];
        let covered = pairs.iter().all(|(set, value)| match value {
            Some(value) => set.is_empty() || set.iter().any(|one| one == value),
            None => set.is_empty(),
        });
        let better = found.is_none_or(|best| {
            closure.retry_after > best.retry_after
                || (closure.retry_after == best.retry_after && closure.id < best.id)
        });
        if covered && better {
            found = Some(closure);
        }
    }
    found.map(|closure| closure.id.as_str())
}

proptest! {
    #[test]
    fn find_equals_a_scan_over_all_closures(
        scopes in proptest::collection::vec((scopes(), 1..4u64), 0..24),
        at in (0..4u8, 0..4u8, 0..4u8),
        who in (proptest::option::of(0..4u8), proptest::option::of(0..4u8),
                proptest::option::of(0..4u8)),
    ) {
        let closures: Vec<Closure> = scopes
            .into_iter()
            .enumerate()
            .map(|(n, (scope, retry))| closure(&format!("c-{n}"), scope, retry))
            .collect();
        let board = Board::new(1, closures.iter().cloned().map(Arc::new));
        let (surface, route, upstream) =
            (format!("s{}", at.0), format!("r{}", at.1), format!("u{}", at.2));
        let client = who.0.map(|n| format!("c{n}"));
        let subject = who.1.map(|n| format!("p{n}"));
        let vehicle = who.2.map(|n| format!("v{n}"));
        let place = Place {
            surface: &surface,
            route: &route,
            upstream: &upstream,
            client: client.as_deref(),
            subject: subject.as_deref().map(|subject| ("i", subject)),
            vehicle: vehicle.as_deref(),
        };
        let found = board.find(place).map(|closure| closure.id.as_str());
        prop_assert_eq!(found, naive(&closures, place));
    }

    #[test]
    fn a_closure_only_removes_and_opening_it_restores(
        scopes in proptest::collection::vec(scopes(), 0..8),
        extra in scopes(),
        at in (0..4u8, 0..4u8, 0..4u8),
    ) {
        let before = Board::new(1, scopes.into_iter().enumerate().map(|(n, scope)| {
            Arc::new(closure(&format!("c-{n}"), scope, 60))
        }));
        let (surface, route, upstream) =
            (format!("s{}", at.0), format!("r{}", at.1), format!("u{}", at.2));
        let place =
            Place { surface: &surface, route: &route, upstream: &upstream, ..Place::default() };
        let during = before.with(closure("c-x", extra, 60));
        let after = during.without("c-x").unwrap();
        prop_assert!(before.find(place).is_none() || during.find(place).is_some());
        prop_assert_eq!(before.find(place), after.find(place));
    }
}
