//! What if somebody writes to Redis who has no key?

use vingate::switchboard::seal::{FleetKey, Kind};
use vingate::switchboard::{Closure, State};

use crate::house::Fleet;
use crate::support::Gateway;

const BOARD: &str = "{vingate:vingate}:board";

#[test]
fn nothing_that_lacks_the_seal_opens_or_closes() {
    let fleet = Fleet::start();
    fleet.close(0, "mobile", &[]);
    fleet.until_all("mobile", 503);
    fleet.redis.until("one entry", "1", &["HLEN", BOARD]);
    let known: Closure = fleet.entries().pop().unwrap();
    let stolen = FleetKey::new(&[8; 32]).unwrap();
    let forge = |change: &dyn Fn(&mut Closure)| {
        let mut forged = known.clone();
        forged.revision = 1_000;
        change(&mut forged);
        stolen.seal(Kind::Closure, &forged).unwrap()
    };
    let opened = forge(&|closure| closure.state = State::Open);
    let of_portal = forge(&|closure| closure.scope.surfaces = ["portal".to_owned()].into());
    let rows = [
        (known.id.as_str(), "junk"),
        (known.id.as_str(), opened.as_str()),
        ("c-new", of_portal.as_str()),
    ];
    for (field, text) in rows {
        let before = fleet.refused();
        fleet.redis.command(&["HSET", BOARD, field, text]);
        fleet.redis.command(&["INCR", "{vingate:vingate}:version"]);
        for (gateway, before) in fleet.gateways.iter().zip(before) {
            gateway.until("an alarm, or that another one put it right", |gateway| {
                let alarmed = gateway.metric("vingate_switch_refused_total") > before;
                let mended = field == known.id && fleet.entries().contains(&known);
                (alarmed || mended).then_some(())
            });
        }
        assert!(fleet.refused().iter().sum::<f64>() > 0.0);
        fleet.expect_all("mobile", 503);
        fleet.expect_all("portal", 200);
    }
    fleet.gateways[0].until("it put right", |_| {
        fleet.entries().contains(&known).then_some(())
    });
    let said: String = fleet.gateways.iter().map(Gateway::stderr).collect();
    assert!(said.contains("its seal is wrong"), "{said}");
    assert!(
        !said.contains("junk"),
        "what was written there is not repeated"
    );
}

#[test]
fn a_replica_that_cannot_be_believed_leaves_a_closure_unconfirmed() {
    let fleet = Fleet::start();
    let far = "9999999999999:"; // never forgotten
    let stolen = FleetKey::new(&[8; 32]).unwrap();
    let word = stolen.seal(Kind::Replica, &"gw4").unwrap();
    let replicas = "{vingate:vingate}:replicas";
    fleet
        .redis
        .command(&["HSET", replicas, "gw4-1", &format!("{far}{word}")]);
    let words = ["switch", "close", "--surface", "mobile", "--reason", "leak"];
    let waiting = [&words[..], &["--wait", "--wait-for", "3s"]].concat();
    let output = fleet.gateways[0].operate(&waiting);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("no right seal"), "{told}");
    fleet.until_all("mobile", 503);
}

#[test]
fn an_old_version_that_is_written_again_reopens_nothing() {
    let fleet = Fleet::start();
    fleet.close(0, "mobile", &[]);
    fleet.until_all("mobile", 503);
    fleet.open(0, "mobile");
    fleet.until_all("mobile", 200);
    let id = fleet.entries()[0].id.clone();
    let opened = fleet.redis.command(&["HGET", BOARD, &id]);
    fleet.close(1, "mobile", &[]);
    fleet.until_all("mobile", 503);
    let newer = fleet
        .entries()
        .into_iter()
        .find(|one| one.id != id)
        .unwrap();
    let closed = fleet.redis.command(&["HGET", BOARD, &newer.id]);
    // the open version under the id of the closed one, and the closed one gone
    fleet.redis.command(&["HSET", BOARD, &newer.id, &opened]);
    fleet
        .redis
        .command(&["SET", "{vingate:vingate}:version", "1"]);
    fleet.gateways[0].until("it put right", |_| {
        (fleet.redis.command(&["HGET", BOARD, &newer.id]) == closed).then_some(())
    });
    fleet.expect_all("mobile", 503);
    fleet.redis.command(&["HDEL", BOARD, &newer.id]);
    fleet
        .redis
        .command(&["SET", "{vingate:vingate}:version", "2"]);
    fleet.gateways[0].until("it put right", |_| {
        (fleet.redis.command(&["HGET", BOARD, &newer.id]) == closed).then_some(())
    });
    fleet.expect_all("mobile", 503);
}

#[test]
fn keys_of_another_type_are_an_outage_and_no_more() {
    let fleet = Fleet::start();
    fleet.close(0, "mobile", &[]);
    fleet.until_all("mobile", 503);
    for key in [
        BOARD,
        "{vingate:vingate}:version",
        "{vingate:vingate}:replicas",
    ] {
        fleet.redis.command(&["DEL", key]);
        fleet.redis.command(&["LPUSH", key, "junk"]);
    }
    fleet.until_missed();
    fleet.expect_all("mobile", 503);
    fleet.expect_all("portal", 200);
    assert_eq!(fleet.redis.command(&["FLUSHALL"]), "OK");
    fleet.until_in_step();
    fleet.redis.until("one entry", "1", &["HLEN", BOARD]);
    fleet.expect_all("mobile", 503);
}
