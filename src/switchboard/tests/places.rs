//! Which requests does a closure refuse, and how?

use super::*;

pub(super) fn mobile() -> Place<'static> {
    Place {
        surface: "mobile",
        route: "mobile.climate",
        upstream: "telematics",
        ..Place::default()
    }
}

pub(super) fn known() -> Place<'static> {
    Place {
        region: Some("NE"),
        vehicle_region: VehicleRegion::Listed("NNA"),
        version: Version::Known("4.2"),
        action: Some(START),
        caller: Caller::Known(Who {
            issuer: "owners",
            subject: "sub-1",
            client: Some("app"),
            tenant: Some("acme"),
        }),
        vehicle: Some(VIN),
        ..mobile()
    }
}

const START: Act<'static> = Act {
    name: "StartClimate",
    groups: &[],
    command: true,
};
const READ: Act<'static> = Act {
    name: "ReadBatteryStatus",
    groups: &[],
    command: false,
};

fn check(scope: &Scope, place: Place<'_>, covered: bool) {
    let board = Board::default().with(closure("c-1", scope.clone()));
    assert_eq!(board.judge(place).is_some(), covered, "{scope:?} {place:?}");
}

#[test]
fn each_dimension_covers_its_own_values_and_no_other() {
    let by = |change: fn(&mut Scope, BTreeSet<String>), value: &str| {
        let mut scope = Scope::default();
        change(&mut scope, set(&[value, "another"]));
        scope
    };
    let table: [(Scope, bool, bool); 23] = [
        (by(|s, v| s.surfaces = v, "mobile"), true, true),
        (by(|s, v| s.surfaces = v, "portal"), false, false),
        (by(|s, v| s.regions = v, "NE"), false, true),
        (by(|s, v| s.regions = v, "NNA"), false, true),
        (by(|s, v| s.regions = v, "NML"), false, false),
        (by(|s, v| s.routes = v, "mobile.climate"), true, true),
        (by(|s, v| s.routes = v, "mobile.battery"), false, false),
        (by(|s, v| s.actions = v, "StartClimate"), false, true),
        (by(|s, v| s.actions = v, "StopClimate"), false, false),
        (by(|s, v| s.upstreams = v, "telematics"), true, true),
        (by(|s, v| s.upstreams = v, "portal"), false, false),
        (by(|s, v| s.client_versions = v, "4.2"), false, true),
        (by(|s, v| s.client_versions = v, "4.3"), false, false),
        (by(|s, v| s.clients = v, "app"), false, true),
        (by(|s, v| s.clients = v, "other"), false, false),
        (by(|s, v| s.tenants = v, "acme"), false, true),
        (by(|s, v| s.tenants = v, "post"), false, false),
        (by(|s, v| s.subjects = v, "owners/sub-1"), false, true),
        (by(|s, v| s.subjects = v, "dealers/sub-1"), false, false),
        (by(|s, v| s.vehicles = v, VIN), false, true),
        (by(|s, v| s.vehicles = v, "SJNFAAZE0U6012346"), false, false),
        (
            Scope {
                all: true,
                ..Scope::default()
            },
            true,
            true,
        ),
        (Scope::default(), false, false),
    ];
    for (scope, at_the_entrance, once_known) in table {
        check(&scope, mobile(), at_the_entrance);
        check(&scope, known(), once_known);
    }
}

#[test]
fn a_group_of_actions_covers_its_actions() {
    let groups = [Arc::from("Comfort"), Arc::from("Wake")];
    let act = Act {
        groups: &groups,
        ..START
    };
    let place = Place {
        action: Some(act),
        ..mobile()
    };
    for (name, covered) in [("Comfort", true), ("Wake", true), ("Security", false)] {
        let scope = Scope {
            actions: set(&[name]),
            ..Scope::default()
        };
        check(&scope, place, covered);
        check(&scope, mobile(), false); // it is asked again once the action is known
    }
}

#[test]
fn an_unknown_version_counts_as_each_that_is_closed() {
    let alone = Scope {
        client_versions: set(&["4.1"]),
        ..Scope::default()
    };
    let of_a_client = Scope {
        clients: set(&["app"]),
        ..alone.clone()
    };
    for scope in [alone, of_a_client] {
        for (version, covered) in [
            (Version::Known("4.1"), true),
            (Version::Known("4.2"), false),
            (Version::Unknown, true),
            (Version::NotAsked, false),
        ] {
            check(&scope, Place { version, ..known() }, covered);
        }
    }
}

#[test]
fn a_vehicle_region_that_nobody_knows_counts_as_each_that_is_closed() {
    let alone = Scope {
        regions: set(&["NML"]),
        ..Scope::default()
    };
    let of_a_surface = Scope {
        surfaces: set(&["mobile"]),
        ..alone.clone()
    };
    for scope in [alone, of_a_surface] {
        for (vehicle_region, covered) in [
            (VehicleRegion::Listed("NML"), true),
            (VehicleRegion::Listed("NNA"), false),
            (VehicleRegion::Unlisted, true),
            (VehicleRegion::NotAsked, false),
        ] {
            let place = Place {
                vehicle_region,
                ..known()
            };
            check(&scope, place, covered);
        }
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
fn read_only_refuses_commands_and_nothing_else() {
    let board = Board::default().with(in_state("c-1", surface("mobile"), State::ReadOnly));
    for (action, refused) in [(Some(START), true), (Some(READ), false), (None, false)] {
        let judged = board.judge(Place { action, ..mobile() });
        assert_eq!(
            judged.map(|refusal| refusal.shut == Shut::ReadOnly),
            refused.then_some(true)
        );
    }
}

fn shut(state: State, caller: Caller<'_>, action: Act<'_>) -> Option<Shut> {
    let board = Board::default().with(in_state("c-1", surface("mobile"), state));
    let place = Place {
        caller,
        action: Some(action),
        ..mobile()
    };
    board.judge(place).map(|refusal| refusal.shut)
}

fn subject(subject: &str) -> Caller<'_> {
    Caller::Known(Who {
        issuer: "owners",
        subject,
        client: None,
        tenant: None,
    })
}

#[test]
fn restoring_lets_testers_in_first_and_everybody_at_last() {
    let at = |stage| ramp(Shut::Closed, stage);
    for stage in [
        Share::Testers,
        Share::One,
        Share::Ten,
        Share::Fifty,
        Share::All,
    ] {
        assert_eq!(shut(at(stage), subject("tester"), START), None, "{stage:?}");
        assert_eq!(
            shut(at(stage), Caller::Unknown, START),
            None,
            "asked again: {stage:?}"
        );
    }
    assert_eq!(
        shut(at(Share::Testers), subject("other"), READ),
        Some(Shut::Closed)
    );
    assert_eq!(shut(at(Share::All), subject("other"), START), None);
    assert_eq!(
        shut(at(Share::Fifty), Caller::Nobody, READ),
        Some(Shut::Closed)
    );
    assert_eq!(shut(at(Share::All), Caller::Nobody, READ), None);
}

#[test]
fn restoring_from_read_only_refuses_commands_of_those_not_let_in() {
    let state = || ramp(Shut::ReadOnly, Share::Testers);
    assert_eq!(shut(state(), subject("other"), START), Some(Shut::ReadOnly));
    assert_eq!(shut(state(), subject("other"), READ), None);
    assert_eq!(shut(state(), subject("tester"), START), None);
}

#[test]
fn sign_ins_pass_while_an_entrance_is_restored() {
    let public = [Arc::from("Public")];
    let login = Act {
        name: "Login",
        groups: &public,
        command: false,
    };
    let place = Place {
        caller: Caller::Nobody,
        action: Some(login),
        ..mobile()
    };
    let state = ramp(Shut::Closed, Share::Testers);
    let restoring = Board::default().with(in_state("c-1", surface("mobile"), state));
    assert!(restoring.judge(place).is_none());
    assert!(restoring.is_restoring(place));
    let closed = Board::default().with(closure("c-1", surface("mobile")));
    assert!(closed.judge(place).is_some());
    assert!(!closed.is_restoring(place));
}

#[test]
fn a_stage_lets_in_about_its_share_and_keeps_whom_it_let_in() {
    let stages = [
        Share::Testers,
        Share::One,
        Share::Ten,
        Share::Fifty,
        Share::All,
    ];
    let admits = |stage, subject: &str| match ramp(Shut::Closed, stage) {
        State::Restoring(ramp) => ramp.admits("owners", subject),
        State::Open | State::ReadOnly | State::Closed => false,
    };
    let mut counts = [0_u32; 5];
    for number in 0..2_000 {
        let name = format!("sub-{number}");
        let mut before = false;
        for (count, stage) in counts.iter_mut().zip(stages) {
            let now = admits(stage, &name);
            assert!(now || !before, "{name} was let in and is not any more");
            *count += u32::from(now);
            before = now;
        }
    }
    // the draw is a hash, so the same in every run: 2,000 subjects, 1, 10, 50 and 100 %
    assert_eq!((counts[0], counts[4]), (0, 2_000));
    for (count, expected) in counts[1..4].iter().zip([20, 200, 1_000]) {
        assert!(count.abs_diff(expected) < expected / 2, "{counts:?}");
    }
    let State::Restoring(ten) = ramp(Shut::Closed, Share::Ten) else {
        panic!("a ramp restores");
    };
    let other = Ramp {
        draw: "another".to_owned(),
        ..ten
    };
    let differs = (0..2_000).map(|n| format!("sub-{n}"));
    let differs = differs.filter(|s| other.admits("owners", s) != admits(Share::Ten, s));
    assert!(differs.count() > 100, "each ramp draws others");
}

#[test]
fn the_most_restrictive_wins_then_the_one_that_ends_last_then_the_lowest_id() {
    let route = Scope {
        routes: set(&["mobile.climate"]),
        ..Scope::default()
    };
    let ending = |id: &str, state, end| Closure {
        expires_at: end,
        ..in_state(id, surface("mobile"), state)
    };
    let found = |board: &Board| board.judge(known()).map(|found| found.closure.id.clone());
    let board = Board::default().with(in_state("c-9", route, State::ReadOnly));
    assert_eq!(found(&board).as_deref(), Some("c-9"));
    let board = board.with(ending("c-8", State::Closed, Some(100)));
    assert_eq!(found(&board).as_deref(), Some("c-8"));
    let board = board.with(ending("c-7", State::Closed, Some(50)));
    assert_eq!(found(&board).as_deref(), Some("c-8"));
    let board = board.with(ending("c-6", State::Closed, None));
    let board = board.with(ending("c-5", State::Closed, None));
    assert_eq!(found(&board).as_deref(), Some("c-5"));
}

#[test]
fn any_closure_that_refuses_and_says_so_cuts_whichever_is_told() {
    let now = Closure {
        drain: Drain::Now,
        expires_at: Some(1),
        ..in_state("c-1", surface("mobile"), State::ReadOnly)
    };
    let gentle = closure("c-2", surface("mobile"));
    let board = Board::default().with(now).with(gentle);
    let command = Place {
        action: Some(START),
        ..mobile()
    };
    let read = Place {
        action: Some(READ),
        ..mobile()
    };
    assert_eq!(board.judge(command).unwrap().closure.id, "c-2");
    assert!(board.cuts(command), "the other one says so");
    assert!(!board.cuts(read), "that one doesn't refuse a read");
}
