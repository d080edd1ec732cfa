//! Is each closure found, asked through the real data path, and told as it is?

use std::net::TcpListener;

use vingate::switchboard::probe::Prober;
use vingate::switchboard::{Scope, Share, Shut, State};

use crate::support::certificates::Authority;
use crate::support::{Plan, Tokens, Upstream, gateway, get};
use crate::{House, OWNED, ROUTES, ramp, set, surface};

/// One scope for each dimension, and some that name several.
fn scopes() -> Vec<Scope> {
    vec![
        Scope {
            all: true,
            ..Scope::default()
        },
        surface("mobile"),
        surface("portal"),
        Scope {
            regions: set(&["NE"]),
            ..Scope::default()
        },
        Scope {
            regions: set(&["elsewhere"]),
            ..Scope::default()
        }, // the vehicle's, then
        Scope {
            routes: set(&["hvac"]),
            ..Scope::default()
        },
        Scope {
            actions: set(&["StopClimate"]),
            ..Scope::default()
        },
        Scope {
            upstreams: set(&["telematics"]),
            ..Scope::default()
        },
        Scope {
            client_versions: set(&["v2"]),
            ..Scope::default()
        },
        Scope {
            clients: set(&["app"]),
            ..Scope::default()
        },
        Scope {
            tenants: set(&["acme"]),
            ..Scope::default()
        },
        Scope {
            subjects: set(&["owners/somebody"]),
            ..Scope::default()
        },
        Scope {
            vehicles: set(&[OWNED]),
            ..Scope::default()
        },
        Scope {
            routes: set(&["climate", "static"]),
            regions: set(&["NE"]),
            clients: set(&["app"]),
            client_versions: set(&["v1", "v9"]),
            vehicles: set(&[OWNED]),
            ..surface("mobile")
        },
    ]
}

#[test]
fn what_is_closed_in_any_dimension_is_answered_closed() {
    let house = House::start();
    for (number, scope) in scopes().into_iter().enumerate() {
        let told = format!("{scope:?}");
        let closure = house.close(&format!("c-{number}"), scope, State::Closed);
        let probed = house.probe(&closure).unwrap();
        let answer = (probed.status, probed.code.as_str());
        assert_eq!(answer, (503, "closed"), "{told}");
        assert!(probed.as_expected && probed.other.is_none(), "{told}");
        assert!(house.upstream.requests().is_empty(), "{told}");
        let records = house.records();
        assert_eq!(records.len(), number + 1, "{records:?}");
        assert_eq!(records[number]["rehearsal"], true, "{records:?}");
        assert_eq!(records[number]["reason"], closure.id, "{records:?}");
        house.open(&closure);
    }
}

#[test]
fn what_is_open_passes_and_goes_nowhere() {
    let house = House::start();
    for scope in scopes() {
        let closure = house.close("c-1", scope.clone(), State::Open);
        let probed = house.probe(&closure).unwrap();
        assert_eq!(
            (probed.status, probed.code.as_str()),
            (403, "passed"),
            "{scope:?}"
        );
        assert!(probed.as_expected, "{scope:?}");
    }
    assert!(house.upstream.requests().is_empty());
    let now = vingate::clock::unix_time();
    let traffic = house.shared.traffic.surfaces(now);
    assert!(
        traffic.is_empty(),
        "a rehearsal is nobody's request: {traffic:?}"
    );
}

#[test]
fn each_state_is_answered_as_it_asks_for() {
    let read = Scope {
        routes: set(&["battery"]),
        ..Scope::default()
    };
    let table = [
        (surface("mobile"), State::ReadOnly, "read-only"),
        (read, State::ReadOnly, "passed"),
        (
            surface("mobile"),
            ramp(Shut::Closed, Share::Testers),
            "closed",
        ),
        (
            surface("mobile"),
            ramp(Shut::Closed, Share::Fifty),
            "closed",
        ),
        (
            surface("mobile"),
            ramp(Shut::ReadOnly, Share::Ten),
            "read-only",
        ),
        (surface("mobile"), ramp(Shut::Closed, Share::All), "passed"),
        (
            surface("portal"),
            ramp(Shut::Closed, Share::Testers),
            "passed",
        ), // static files are public
    ];
    let house = House::start();
    for (scope, state, code) in table {
        let told = format!("{scope:?} {state:?}");
        let closure = house.close(&told, scope, state);
        let probed = house.probe(&closure).unwrap();
        assert_eq!(probed.code, code, "{told}");
        assert!(probed.as_expected, "{told}");
        house.open(&closure);
    }
}

#[test]
fn a_closure_that_covers_the_same_place_is_named() {
    let house = House::start();
    house.close("c-1", surface("mobile"), State::Closed);
    let route = Scope {
        routes: set(&["battery"]),
        ..Scope::default()
    };
    let second = house.close("c-2", route, State::Closed);
    let probed = house.probe(&second).unwrap();
    assert_eq!(probed.other.as_deref(), Some("c-1"));
    assert_eq!(probed.code, "closed");
    // Where some place is the closure's alone, that one is asked.
    let wide = Scope {
        upstreams: set(&["telematics"]),
        ..Scope::default()
    };
    let third = house.close("c-3", wide, State::Closed);
    let probed = house.probe(&third).unwrap();
    assert_eq!((probed.other, probed.as_expected), (None, true));
}

#[test]
fn a_board_that_does_not_hold_the_closure_is_not_told_as_expected() {
    let house = House::start();
    let closure = house.close("c-1", surface("mobile"), State::Closed);
    let opened = house.close("c-2", surface("portal"), State::Open); // never in force
    let replica = House::start(); // it did not hear of either
    let probed = replica.probe(&closure).unwrap();
    assert_eq!(
        (probed.code.as_str(), probed.as_expected),
        ("passed", false)
    );
    assert!(replica.probe(&opened).unwrap().as_expected);
}

#[test]
fn what_no_route_fits_is_said_so() {
    let house = House::start();
    let scopes = [
        Scope {
            routes: set(&["static"]),
            ..surface("mobile")
        },
        Scope {
            clients: set(&["app"]),
            ..surface("portal")
        },
        Scope {
            client_versions: set(&["v9"]),
            ..Scope::default()
        },
        Scope {
            subjects: set(&["others/a"]),
            ..Scope::default()
        },
    ];
    for scope in scopes {
        let closure = house.close("c-1", scope.clone(), State::Closed);
        let told = house.probe(&closure).unwrap_err();
        assert_eq!(told, "no route is covered", "{scope:?}");
    }
}

#[test]
fn a_flood_from_elsewhere_does_not_use_up_what_the_door_lets_in() {
    let house = House::with(&["door.requests_per_second=1", "door.burst=1"]);
    let closure = house.close("c-1", surface("mobile"), State::Closed);
    let target = "/owners/static/x";
    assert_eq!(get(house.address(), target, None).status, 200);
    assert_eq!(get(house.address(), target, None).status, 429, "a flood");
    let probed = house.probe(&closure).unwrap();
    assert_eq!(probed.code, "closed");
}

#[test]
fn a_listener_that_does_not_answer_is_said_so_in_time() {
    let house = House::start();
    let closure = house.close("c-1", surface("mobile"), State::Closed);
    let mute = TcpListener::bind("127.0.0.1:0").unwrap(); // takes connections and says nothing
    let mut doorway = house.doorway.clone();
    doorway.address = mute.local_addr().unwrap();
    let prober = house.prober_at(doorway);
    let told = house.runtime.block_on(prober.probe(&closure)).unwrap_err();
    assert_eq!(told, "listener `edge`: no answer within 2 s");
}

#[test]
fn under_tls_exactly_the_own_certificate_counts() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let (pair, other) = (authority.issue("localhost"), authority.issue("other"));
    let tls = |pair: &crate::support::certificates::Pair| {
        format!(
            "listeners.edge.tls={{ certificate_file = \"{}\", key_file = \"{}\" }}",
            pair.certificate.display(),
            pair.key.display()
        )
    };
    let house = House::with(&[&tls(&pair)]);
    let closure = house.close("c-1", surface("mobile"), State::Closed);
    let probed = house.probe(&closure).unwrap();
    assert_eq!((probed.status, probed.as_expected), (503, true));
    let second = House::with(&[&tls(&other)]);
    let mut doorway = second.doorway.clone();
    doorway.shown.clone_from(&house.doorway.shown);
    let asking = house.prober_at(doorway);
    let told = house.runtime.block_on(asking.probe(&closure)).unwrap_err();
    assert!(told.contains("another certificate"), "{told}");
}

#[test]
fn a_request_can_be_made_for_every_route_of_the_shipped_estate() {
    let (folder, tokens) = (tempfile::tempdir().unwrap(), Tokens::new());
    let plan = Plan {
        routes: ROUTES,
        ..Plan::default()
    };
    gateway::write_inputs(&plan, &Upstream::start(), &tokens, &folder);
    let here = |name: &str| folder.path().join(name).display().to_string();
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/leaf/make-cars.sh");
    let made = std::process::Command::new(script)
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let words = [
        format!("certificates.tcu.authorities_file={}", here("cars-ca.pem")),
        format!("certificates.tcu.crl_files=[\"{}\"]", here("cars-crl.pem")),
        "upstreams.telematics.addresses=[\"127.0.0.1:1\"]".to_owned(),
        format!("issuers.owners.jwks_file={}", here("jwks.json")),
        format!("issuers.dealers.jwks_file={}", here("jwks.json")),
        format!("issuers.partners.jwks_file={}", here("jwks.json")),
        format!("issuers.agents.jwks_file={}", here("jwks.json")),
        format!("assertion.key_file={}", here("assertion.pem")),
        format!("audit.pseudonym_key_file={}", here("pseudonym.key")),
    ];
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/leaf/vingate.toml");
    let loaded = vingate::config::load(&file, &words).unwrap_or_else(|m| panic!("{m}"));
    let rules = vingate::rules::build(&loaded).unwrap_or_else(|m| panic!("{m}"));
    let served = rules.routes.values().filter(|route| route.off.is_none());
    let ids: Vec<_> = served.map(|route| route.id.to_string()).collect();
    assert!(ids.len() > 20, "{ids:?}");
    let house = House::start();
    house.shared.rules.store(std::sync::Arc::new(rules));
    for id in ids {
        let scope = Scope {
            routes: set(&[&id]),
            ..Scope::default()
        };
        let closure = house.close("c-1", scope, State::Closed);
        let probed = house
            .probe(&closure)
            .unwrap_or_else(|why| panic!("{id}: {why}"));
        assert!(
            probed.as_expected && probed.code == "closed",
            "{id}: {probed:?}"
        );
    }
}
