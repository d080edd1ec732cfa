//! Whose car it is, told through Redis: do all replicas go by it, and by nothing older?

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::house::{Fleet, MORE, ROUTES};
use crate::service::{Act, Service};
use crate::support::certificates::Authority;
use crate::support::redis::Restart;
use crate::support::{Answer, Gateway, Plan, Tokens, Upstream, get};

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

/// Whoever asks meanwhile is answered as before or as after.
fn replace_while_served(fleet: &Fleet, lines: &str) {
    let [first, second, third] = &fleet.gateways[..] else {
        panic!("three");
    };
    let file = fleet.file("snapshot.jsonl", lines);
    let is_loaded = AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut asked = Vec::new();
            while !is_loaded.load(Ordering::Acquire) || asked.len() < 3 {
                asked.push([ask(fleet, second, "alice"), ask(fleet, third, "mallory")]);
            }
            asked
        });
        let output = first.operate(&["ownership", "import", "--replace", &file]);
        is_loaded.store(true, Ordering::Release);
        assert!(output.status.success(), "{output:?}");
        asking.join().unwrap()
    });
    for [owners, strangers] in asked {
        assert!([200, 403].contains(&owners.status), "{}", owners.text());
        assert_eq!(strangers.status, 403, "{}", strangers.text());
    }
}

#[test]
fn a_whole_snapshot_takes_the_place_of_another_while_replicas_serve() {
    let mut fleet = fleet();
    let other = car("alice").replace(VIN, "SJNFAAZE0U6099999");
    let (before, after) = (car("alice") + &other, car("bob"));
    for lines in [&before, &after, &before, &after] {
        replace_while_served(&fleet, lines);
        std::thread::sleep(Duration::from_secs(1));
        let is_after = *lines == after;
        let (owner, former) = if is_after {
            ("bob", "alice")
        } else {
            ("alice", "bob")
        };
        for one in &fleet.gateways {
            assert_eq!(ask(&fleet, one, owner).status, 200);
            assert_eq!(ask(&fleet, one, former).status, 403);
            let gone = one.operate(&["ownership", "get", "SJNFAAZE0U6099999"]);
            assert_eq!(gone.status.success(), !is_after, "{gone:?}");
        }
    }
    let exported = fleet.gateways[2].operate(&["ownership", "export"]);
    assert!(exported.status.success(), "{exported:?}");
    let line: serde_json::Value = serde_json::from_slice(&exported.stdout).unwrap();
    assert_eq!((&line["vin"], &line["owner"]), (&VIN.into(), &"bob".into()));
    // who came later knows no former snapshot
    fleet.add("late", &[SHARED]);
    let late = &fleet.gateways[3];
    late.until("bob's", |one| {
        (ask(&fleet, one, "bob").status == 200).then_some(())
    });
    assert_eq!(ask(&fleet, late, "alice").status, 403);
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

#[test]
fn a_replica_is_ready_once_the_directory_can_be_asked_and_stays_so() {
    let mut fleet = fleet();
    fleet.redis.kill();
    fleet.add("late", &[SHARED]);
    let ready = |one: &Gateway| get(one.ops, "/readyz", None);
    let late = &fleet.gateways[3];
    late.until("all but the directory", |one| {
        let said = ready(one);
        let others = ["serving ok", "audit ok", "switches ok"];
        let text = said.text();
        others.iter().all(|line| text.contains(line)).then(|| {
            assert!(text.contains("directory failed\n"), "{text}");
            assert_eq!(said.status, 503);
        })
    });
    assert!(late.metric("vingate_directory_answers") < 0.5);
    let status = late.operate(&["status", "-o", "plain"]);
    let status = String::from_utf8(status.stdout).unwrap();
    for line in ["ready false\n", "dependency.directory failing\n"] {
        assert!(status.contains(line), "{status}");
    }
    fleet.redis.restart(Restart::Empty);
    late.until("ready", |one| (ready(one).status == 200).then_some(()));
    late.until("in touch", |one| {
        (one.metric("vingate_directory_answers") > 0.5).then_some(())
    });
    // lost later: what needs no vehicle is served on
    fleet.redis.kill();
    let late = &fleet.gateways[3];
    late.until("lost", |one| {
        ready(one)
            .text()
            .contains("directory-now failed")
            .then_some(())
    });
    assert_eq!(ready(late).status, 200);
    assert!(late.metric("vingate_directory_failures_total") > 0.5);
}

/// A gateway whose facts are those of a service.
fn asking(
    service: &Service,
    authority: &Authority,
    tokens: &Tokens,
    upstream: &Upstream,
) -> Gateway {
    let (port, ca) = (service.address.port(), authority.file.display());
    let http = format!(
        r#"ownership={{ store = "http", keep = {{ max_age = "1ms", absent_max_age = "1ms" }}, http = {{
        vehicle_url = "https://127.0.0.1:{port}/cars/{{vin}}", subjects = "not-asked", ca_file = "{ca}",
        timeout = "1s", absent = {{ pointer = "/code", equals = "unknown" }},
        breaker = {{ failures = 3, pause = "200ms", longest_pause = "400ms" }},
        map = {{ vin = "/vin", owner = "/owner", region = "/region", trim = "/trim",
        capabilities = "/can", telematics = "/on", suspended = "/disputed" }} }} }}"#
    );
    let http = http.replace("\n        ", " ");
    let set = [http.as_str(), "limits.lookup_timeout=2s"];
    let plan = Plan {
        routes: ROUTES,
        config: MORE,
        vehicles: "",
        set: &set,
        ..Plan::default()
    };
    Gateway::start(&plan, upstream, tokens)
}

#[test]
fn an_ownership_service_that_fails_lets_nobody_in_and_is_gone_back_to() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let tls = authority.issue("127.0.0.1").server();
    let service = Service::start(tls, VIN, "alice");
    let (tokens, upstream) = (Tokens::new(), Upstream::start());
    let gateway = asking(&service, &authority, &tokens, &upstream);
    let ask = |subject: &str| {
        let target = format!("/cars/{VIN}/battery");
        get(gateway.edge, &target, Some(&tokens.token(subject)))
    };
    let recovered = || {
        gateway.until("recovered", |_| (ask("alice").status == 200).then_some(()));
        assert_eq!(ask("mallory").status, 403);
    };
    recovered();
    let failing = [Act::Slow, Act::Hang, Act::Garbage, Act::Error, Act::Mixed];
    for act in failing {
        service.act(act);
        for subject in ["alice", "mallory", "alice", "alice"] {
            let answer = ask(subject);
            assert_eq!(answer.status, 503, "{act:?}: {}", answer.text());
            assert!(answer.text().contains("dependency-unavailable"), "{act:?}");
        }
        service.act(Act::Honest);
        recovered();
    }
    service.act(Act::Flap);
    for _ in 0..20 {
        let (owner, stranger) = (ask("alice").status, ask("mallory").status);
        assert!([200, 503].contains(&owner), "{owner}");
        assert!([403, 503].contains(&stranger), "{stranger}");
    }
    service.act(Act::Honest);
    recovered();
    assert!(gateway.metric("vingate_directory_failures_total") > 0.5);
}

#[test]
fn facts_of_an_ownership_service_are_not_changed_here() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let tls = authority.issue("127.0.0.1").server();
    let service = Service::start(tls, VIN, "alice");
    let (tokens, upstream) = (Tokens::new(), Upstream::start());
    let gateway = asking(&service, &authority, &tokens, &upstream);
    let lines = folder.path().join("cars.jsonl");
    std::fs::write(&lines, car("bob")).unwrap();
    let file = lines.to_str().unwrap();
    let words: [&[&str]; 6] = [
        &["grant", VIN, "--owner", "bob", "--reason", "r"],
        &["grant", VIN, "--owner", "bob", "--reason", "r", "--dry-run"],
        &["revoke", VIN, "--owner", "--reason", "r"],
        &["suspend", VIN, "--reason", "r"],
        &["import", file],
        &["export"],
    ];
    for words in words {
        let output = gateway.operate(&[&["ownership"], words].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{words:?}: {said}");
        assert!(
            said.contains("kept by the ownership service"),
            "{words:?}: {said}"
        );
    }
    let shown = gateway.operate(&["ownership", "get", VIN]);
    assert!(shown.status.success(), "{shown:?}");
}
