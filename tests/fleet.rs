//! Do three real gateways come to one board over a real Redis, whatever happens to it?
//!
//! Asserted each time: no closed entrance reopens, no open one closes, and boards merge when Redis
//! is back.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod support;
#[path = "fleet/house.rs"]
mod house;
#[path = "fleet/proxy.rs"]
mod proxy;
#[path = "fleet/outages.rs"]
mod outages;
#[path = "fleet/service.rs"]
mod service;
#[path = "fleet/ownership.rs"]
mod ownership;
#[path = "fleet/polls.rs"]
mod polls;
#[path = "fleet/revocations.rs"]
mod revocations;
#[path = "fleet/bound.rs"]
mod bound;
#[path = "fleet/lies.rs"]
mod lies;
#[path = "fleet/files.rs"]
mod files;
#[path = "fleet/kills.rs"]
mod kills;

use house::Fleet;

#[test]
fn a_closure_on_one_is_on_all_and_so_is_its_end() {
    let fleet = Fleet::start();
    fleet.close(0, "mobile", &[]);
    fleet.until_all("mobile", 503);
    fleet.expect_all("portal", 200);
    for gateway in &fleet.gateways {
        gateway.until("the replicas", |gateway| {
            (gateway.metric("vingate_switch_replicas") >= 3.0).then_some(())
        });
        assert!(gateway.metric("vingate_switch_fleet_age_seconds") < 60.0);
        assert!(gateway.metric("vingate_switch_clock_off") < 1.0);
        assert!(gateway.metric("vingate_switch_refused_total") < 1.0);
    }
    fleet.open(2, "mobile");
    fleet.until_all("mobile", 200);
}

#[test]
fn what_a_closure_would_hit_is_counted_on_all_replicas() {
    let mut fleet = Fleet::start();
    for gateway in &fleet.gateways {
        gateway.until("the replicas", |gateway| {
            (gateway.metric("vingate_switch_replicas") >= 3.0).then_some(())
        });
    }
    for replica in [1, 2] {
        for surface in ["mobile", "mobile", "mobile", "portal"] {
            assert_eq!(house::status(&fleet.gateways[replica], surface), 200);
        }
    }
    // the first served nothing itself
    let preview = |fleet: &Fleet, scope: &[&str]| -> serde_json::Value {
        let words = [&["switch", "preview", "-o", "json"], scope].concat();
        let output = fleet.gateways[0].operate(&words);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let told = preview(&fleet, &["--surface", "mobile"]);
    assert_eq!(
        (&told["replicas"], &told["requests"]),
        (&3.into(), &6.into())
    );
    let share = told["share"].as_f64().unwrap();
    assert!((0.6..0.9).contains(&share), "{share}"); // by rates, whose windows differ a little
    assert_eq!(
        preview(&fleet, &["--upstream", "telematics"])["confirm"],
        "telematics"
    );
    let broad = [
        "switch",
        "close",
        "--upstream",
        "telematics",
        "--reason",
        "leak",
    ];
    assert_eq!(
        fleet.gateways[0].operate(&broad).status.code(),
        Some(5),
        "it is grave"
    );
    fleet.redis.kill();
    let told = preview(&fleet, &["--surface", "mobile"]);
    assert_eq!(
        (&told["replicas"], &told["requests"]),
        (&1.into(), &0.into())
    );
    assert!(told["unknown"].is_string(), "{told}");
}

#[test]
fn a_replica_that_comes_later_or_again_knows_what_is_closed() {
    let mut fleet = Fleet::start();
    fleet.close(0, "mobile", &[]);
    fleet.until_all("mobile", 503);
    let gone = fleet.gateways.pop().unwrap();
    let (status, folder) = gone.stop();
    assert!(status.success());
    fleet.open(0, "mobile");
    fleet.close(0, "portal", &["--confirm-name", "portal"]);
    fleet.until_all("portal", 503);
    fleet.start_again(folder);
    fleet.until_all("portal", 503);
    fleet.until_all("mobile", 200);
    fleet.add("late", &["surfaces.mobile.on_cold_start=closed"]);
    fleet.until_all("portal", 503);
    fleet.until_all("mobile", 200);
}

#[test]
fn without_a_fleet_a_cold_start_is_ready_when_it_was_waited_for() {
    let mut fleet = Fleet::start();
    fleet.redis.kill();
    fleet.add("cold", &["surfaces.mobile.on_cold_start=closed"]);
    let cold = fleet.gateways.last().unwrap();
    assert_eq!(house::status(cold, "mobile"), 503);
    let ready = support::get(cold.ops, "/readyz", None);
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(ready.text().contains("switches failed"), "{}", ready.text());
    cold.until("ready", |cold| {
        (support::get(cold.ops, "/readyz", None).status == 200).then_some(())
    });
    assert_eq!(house::status(cold, "mobile"), 503);
}

#[test]
fn a_baseline_holds_where_nothing_else_is_known_and_a_forged_one_ends_the_start() {
    use vingate::switchboard::changes::{self, By, New};
    use vingate::switchboard::seal::FleetKey;
    use vingate::switchboard::{Board, Scope, spread};
    let scope = Scope {
        surfaces: ["mobile".to_owned()].into(),
        ..Scope::default()
    };
    let by = By {
        who: "root",
        at: 1_800_000_000,
        revision: 4,
        break_glass: false,
    };
    let new = New::closing("c-base".to_owned(), scope, "announced".to_owned());
    let board = Board::default().with(changes::begin(new, by));
    let sealed = |byte: u8| {
        let key = FleetKey::new(&[byte; 32]).unwrap();
        spread::baseline(&board, &key).unwrap()
    };
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("fleet.key");
    let file = keys.path().join("baseline");
    std::fs::write(&key, [7; 32]).unwrap();
    std::fs::write(&file, sealed(7)).unwrap();
    let set = [
        format!("switches.fleet_key_file={}", key.display()),
        format!("switches.baseline_file={}", file.display()),
    ];
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let tokens = support::Tokens::new();
    let upstream = support::Upstream::start();
    let plan = support::Plan {
        routes: house::ROUTES,
        config: house::MORE,
        set: &set,
        ..support::Plan::default()
    };
    let gateway = support::Gateway::start(&plan, &upstream, &tokens);
    assert_eq!(house::status(&gateway, "mobile"), 503);
    assert_eq!(house::status(&gateway, "portal"), 200);
    std::fs::write(&file, sealed(8)).unwrap();
    let (_, folder) = gateway.stop();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vingate"));
    let config = folder.path().join("vingate.toml");
    command.args(["run", "-c"]).arg(config);
    for set in set {
        command.args(["--set", set]);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("its seal is wrong"), "{said}");
}
