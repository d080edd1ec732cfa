//! Whose car it is, told through Redis: do all replicas go by it, and by nothing older?

use std::time::Duration;

use crate::house::Fleet;
use crate::support::redis::Restart;
use crate::support::{Answer, Gateway, get};

const VIN: &str = "SJNFAAZE0U6012345";

/// Kept for longer than any test takes: only what is told ends it.
const SHARED: &str =
    r#"ownership={ store = "redis", keep = { max_age = "1h", absent_max_age = "1h" } }"#;

fn car(owner: &str) -> String {
    let car = serde_json::json!({
        "vin": VIN, "owner": owner, "drivers": [], "fleet": null, "region": "NE",
        "trim": "SV", "capabilities": ["doors"], "telematics": true,
    });
    format!("{car}\n")
}

fn fleet() -> Fleet {
    let mut fleet = Fleet::over(crate::support::redis::Redis::start());
    for name in ["gw1", "gw2", "gw3"] {
        fleet.add(name, &[SHARED]);
    }
    fleet
}

fn import(fleet: &Fleet, gateway: &Gateway, owner: &str) {
    let file = fleet.file("cars.jsonl", &car(owner));
    let output = gateway.operate(&["ownership", "import", &file]);
    assert!(output.status.success(), "{output:?}");
}

fn ask(fleet: &Fleet, gateway: &Gateway, subject: &str) -> Answer {
    let target = format!("/cars/{VIN}/battery");
    get(gateway.edge, &target, Some(&fleet.token(subject)))
}

#[test]
fn a_second_after_a_sale_every_replica_refuses_the_old_owner() {
    let fleet = fleet();
    let [first, _, last] = &fleet.gateways[..] else {
        panic!("three");
    };
    for (gateway, owner, former) in [(first, "alice", "bob"), (last, "bob", "alice")] {
        import(&fleet, gateway, owner);
        std::thread::sleep(Duration::from_secs(1));
        for one in &fleet.gateways {
            let refused = ask(&fleet, one, former);
            assert_eq!(refused.status, 403, "{}", refused.text());
            let allowed = ask(&fleet, one, owner);
            assert_eq!(allowed.status, 200, "{}", allowed.text());
        }
    }
}

#[test]
fn without_redis_nobody_is_allowed_and_nobody_is_called_a_stranger() {
    let mut fleet = fleet();
    import(&fleet, &fleet.gateways[0], "alice");
    let allowed = |fleet: &Fleet| {
        for one in &fleet.gateways {
            one.until("allowed", |one| {
                (ask(fleet, one, "alice").status == 200).then_some(())
            });
        }
    };
    let refused = |fleet: &Fleet| {
        std::thread::sleep(Duration::from_secs(1)); // what is kept counts no longer
        for one in &fleet.gateways {
            for subject in ["alice", "mallory"] {
                let answer = ask(fleet, one, subject);
                assert_eq!(answer.status, 503, "{}", answer.text());
                assert!(answer.text().contains("dependency-unavailable"));
            }
        }
    };
    allowed(&fleet);
    fleet.redis.stop();
    refused(&fleet);
    fleet.redis.go_on();
    allowed(&fleet);
    for _ in 0..2 {
        fleet.redis.kill();
        refused(&fleet);
        fleet.redis.restart(Restart::Empty);
        // an emptied store knows no car: nobody's, and not unknown
        for one in &fleet.gateways {
            let mut last = String::new();
            for _ in 0..100 {
                let answer = ask(&fleet, one, "alice");
                last = format!("{} {}", answer.status, answer.text());
                if answer.status == 403 {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            assert!(last.starts_with("403"), "{last}\n{}", one.stderr());
        }
    }
    import(&fleet, &fleet.gateways[1], "alice");
    allowed(&fleet);
}
