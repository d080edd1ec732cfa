//! What if Redis is gone, hangs, forgets, or takes no writes?

use crate::house::Fleet;
use crate::proxy::Proxy;
use crate::support::redis::{Redis, Restart};

/// Closes before, closes and opens meanwhile, and checks what everybody knows after.
fn through(fleet: &mut Fleet, begin: impl FnOnce(&mut Fleet), end: impl FnOnce(&mut Fleet)) {
    fleet.close(0, "mobile", &[]);
    fleet.until_all("mobile", 503);
    begin(fleet);
    fleet.until_missed();
    fleet.expect_all("mobile", 503);
    fleet.expect_all("portal", 200);
    fleet.close(1, "portal", &["--confirm-name", "portal"]); // on one replica, without Redis
    fleet.expect_all("mobile", 503);
    end(fleet);
    fleet.until_all("portal", 503);
    fleet.expect_all("mobile", 503);
    fleet.until_in_step();
    fleet.open(2, "portal");
    fleet.until_all("portal", 200);
    fleet.expect_all("mobile", 503);
    assert_eq!(fleet.refused(), [0.0; 3]);
}

#[test]
fn redis_killed_and_restarted_empty() {
    let mut fleet = Fleet::start();
    through(
        &mut fleet,
        |fleet| fleet.redis.kill(),
        |fleet| fleet.redis.restart(Restart::Empty),
    );
    assert_eq!(fleet.entries().len(), 2, "it was told again");
}

#[test]
fn redis_hung() {
    let mut fleet = Fleet::start();
    through(
        &mut fleet,
        |fleet| fleet.redis.stop(),
        |fleet| fleet.redis.go_on(),
    );
    assert_eq!(fleet.entries().len(), 2, "both changes are there");
}

#[test]
fn redis_flapping() {
    let mut fleet = Fleet::start();
    fleet.close(0, "mobile", &[]);
    fleet.until_all("mobile", 503);
    for turn in 0..6 {
        if turn % 2 == 0 {
            fleet.redis.kill();
        } else {
            fleet.redis.restart(Restart::Empty);
        }
        if turn == 2 {
            fleet.close(1, "portal", &["--confirm-name", "portal"]);
        }
        fleet.expect_all("mobile", 503);
    }
    fleet.until_all("portal", 503);
    fleet.expect_all("mobile", 503);
    fleet.open(0, "mobile");
    fleet.until_all("mobile", 200);
    fleet.expect_all("portal", 503);
}

#[test]
fn redis_flushed() {
    let fleet = Fleet::start();
    fleet.close(0, "mobile", &[]);
    fleet.close(1, "portal", &["--confirm-name", "portal"]);
    fleet.until_all("mobile", 503);
    fleet.until_all("portal", 503);
    fleet.open(2, "portal");
    fleet.until_all("portal", 200);
    for _ in 0..3 {
        assert_eq!(fleet.redis.command(&["FLUSHALL"]), "OK");
        fleet
            .redis
            .until("two entries", "2", &["HLEN", "{vingate:vingate}:board"]);
        fleet.expect_all("mobile", 503);
        fleet.expect_all("portal", 200);
    }
}

#[test]
fn redis_read_only() {
    let mut fleet = Fleet::start();
    through(
        &mut fleet,
        |fleet| {
            // a replica of nobody there serves what it has and takes nothing
            assert_eq!(fleet.redis.command(&["REPLICAOF", "127.0.0.1", "1"]), "OK");
            fleet.gateways.iter().for_each(|gateway| {
                let words = ["switch", "close", "--client", "x", "--reason", "leak"];
                assert!(gateway.operate(&words).status.success());
            });
        },
        |fleet| assert_eq!(fleet.redis.command(&["REPLICAOF", "NO", "ONE"]), "OK"),
    );
}

#[test]
fn redis_takes_no_writes() {
    for (name, bad, good) in [("min-replicas-to-write", "1", "0"), ("maxmemory", "1", "0")] {
        let mut fleet = Fleet::start();
        through(
            &mut fleet,
            |fleet| {
                assert_eq!(fleet.redis.command(&["CONFIG", "SET", name, bad]), "OK");
                // a change that can't be written is what shows it
                fleet.gateways.iter().for_each(|gateway| {
                    let words = ["switch", "close", "--client", "x", "--reason", "leak"];
                    assert!(gateway.operate(&words).status.success());
                });
            },
            |fleet| assert_eq!(fleet.redis.command(&["CONFIG", "SET", name, good]), "OK"),
        );
    }
}

#[test]
fn one_replica_cut_off() {
    let mut fleet = Fleet::over(Redis::start());
    fleet.add("gw1", &[]);
    fleet.add("gw2", &[]);
    let way = Proxy::to(fleet.redis.port);
    let url = format!("redis.url=redis://{}", way.address);
    fleet.add("cut", &[&url]);
    fleet.close(0, "mobile", &[]);
    fleet.until_all("mobile", 503);
    way.cut();
    fleet.gateways[2].until("to be cut off", |gateway| {
        (gateway.metric("vingate_switch_fleet_age_seconds") >= 3.0).then_some(())
    });
    fleet.open(0, "mobile"); // the other half goes on
    fleet.close(2, "portal", &["--confirm-name", "portal"]);
    let seen = |replica: usize, surface| crate::house::status(&fleet.gateways[replica], surface);
    fleet.gateways[1].until("open on the other half", |_| {
        (seen(1, "mobile") == 200).then_some(())
    });
    assert_eq!((seen(2, "mobile"), seen(1, "portal")), (503, 200));
    way.mend();
    fleet.until_all("portal", 503);
    fleet.until_all("mobile", 200);
}

#[test]
fn a_failover_with_lost_writes() {
    let (first, second) = (Redis::start(), Redis::start());
    let mut fleet = Fleet::over(first);
    let way = Proxy::to(fleet.redis.port);
    let url = format!("redis.url=redis://{}", way.address);
    for name in ["gw1", "gw2", "gw3"] {
        fleet.add(name, &[&url]);
    }
    fleet.close(0, "mobile", &[]);
    fleet.until_all("mobile", 503);
    // the second one has the board as it is now, and nothing of what comes
    let master = fleet.redis.port.to_string();
    assert_eq!(second.command(&["REPLICAOF", "127.0.0.1", &master]), "OK");
    second.until("a copy", "1", &["HLEN", "{vingate:vingate}:board"]);
    assert_eq!(second.command(&["REPLICAOF", "NO", "ONE"]), "OK");
    fleet.close(1, "portal", &["--confirm-name", "portal"]);
    fleet.until_all("portal", 503);
    fleet.open(2, "mobile");
    fleet.until_all("mobile", 200);
    way.lead_to(second.port);
    fleet.redis = second; // the first one ends here
    fleet
        .redis
        .until("both", "2", &["HLEN", "{vingate:vingate}:board"]);
    let newest = |fleet: &Fleet| {
        let mut revisions: Vec<u64> = fleet.entries().iter().map(|c| c.revision).collect();
        revisions.sort_unstable();
        revisions
    };
    fleet.gateways[0].until("the newest versions", |_| {
        (newest(&fleet) == [2, 3]).then_some(())
    });
    fleet.expect_all("portal", 503);
    fleet.expect_all("mobile", 200);
}
