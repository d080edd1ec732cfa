//! Is a token that was taken back at one replica refused by all, whatever becomes of Redis?

use crate::house::Fleet;
use crate::support::redis::Restart;
use crate::support::{Gateway, get};

const PATH: &str = "/cars/SJNFAAZE0U6012345/battery";

/// Known, and not allowed: the estate has no car.
const KNOWN: u16 = 403;
const NOT_BELIEVED: u16 = 401;

fn asked(gateway: &Gateway, token: &str) -> u16 {
    get(gateway.edge, PATH, Some(token)).status
}

fn expect_all(fleet: &Fleet, token: &str, wanted: u16) {
    for gateway in &fleet.gateways {
        assert_eq!(asked(gateway, token), wanted, "{}", gateway.stderr());
    }
}

fn until_all(fleet: &Fleet, token: &str, wanted: u16) {
    for gateway in &fleet.gateways {
        let has = |gateway: &Gateway| (asked(gateway, token) == wanted).then_some(());
        gateway.until(&format!("{wanted}"), has);
    }
}

/// `vingate token VERB --subject owner ...` at a replica; its exit code.
fn token(fleet: &Fleet, replica: usize, verb: &str, more: &[&str]) -> i32 {
    let words = [
        "token",
        verb,
        "--issuer",
        "owners",
        "--subject",
        "owner",
        "--reason",
        "stolen phone",
    ];
    let output = fleet.gateways[replica].operate(&[&words, more].concat());
    let code = output.status.code().unwrap();
    assert!(matches!(code, 0 | 6), "{output:?}");
    code
}

#[test]
fn a_token_taken_back_at_one_is_refused_by_all() {
    let mut fleet = Fleet::start();
    let (owner, other) = (fleet.token("owner"), fleet.token("other"));
    expect_all(&fleet, &owner, KNOWN); // and now every replica remembers it
    expect_all(&fleet, &other, KNOWN);
    let past = ["--issued-before", "2026-01-01T00:00:00Z", "--wait"];
    assert_eq!(token(&fleet, 0, "revoke", &past), 0);
    expect_all(&fleet, &owner, KNOWN);
    assert_eq!(token(&fleet, 1, "revoke", &["--wait"]), 0);
    expect_all(&fleet, &owner, NOT_BELIEVED);
    expect_all(&fleet, &other, KNOWN);
    let record = fleet.gateways[2].until("a record", |gateway| {
        let records = gateway.audit();
        records.into_iter().find(|record| record["status"] == 401)
    });
    assert_eq!(
        (&record["code"], &record["reason"]),
        (&"token-invalid".into(), &"revoked".into())
    );
    // one that was not there
    fleet.add("gw4", &[]);
    until_all(&fleet, &owner, NOT_BELIEVED);
    assert_eq!(token(&fleet, 3, "restore", &["--wait"]), 0);
    expect_all(&fleet, &owner, KNOWN);
}

#[test]
fn it_is_in_force_at_once_and_everywhere_without_being_waited_for() {
    let fleet = Fleet::start();
    let owner = fleet.token("owner");
    expect_all(&fleet, &owner, KNOWN);
    assert_eq!(token(&fleet, 0, "revoke", &[]), 0);
    assert_eq!(asked(&fleet.gateways[0], &owner), NOT_BELIEVED, "at once");
    until_all(&fleet, &owner, NOT_BELIEVED);
    for gateway in &fleet.gateways {
        assert!(gateway.metric("vingate_revocations") >= 1.0);
        assert!(gateway.metric("vingate_revocations_durable") >= 1.0);
        assert!(gateway.metric("vingate_revocations_age_seconds") < 60.0);
        assert!(gateway.metric("vingate_revocations_refused_total") < 1.0);
    }
}

#[test]
fn without_redis_it_holds_where_it_is_known_and_reaches_the_others_later() {
    let mut fleet = Fleet::start();
    let owner = fleet.token("owner");
    fleet.redis.kill();
    assert_eq!(
        token(&fleet, 0, "revoke", &["--wait", "--wait-for", "1s"]),
        6,
        "the others aren't told"
    );
    assert_eq!(asked(&fleet.gateways[0], &owner), NOT_BELIEVED);
    assert_eq!(asked(&fleet.gateways[1], &owner), KNOWN, "nobody told it");
    let gone = fleet.gateways.remove(0);
    let (_, folder) = gone.stop();
    fleet.start_again(folder);
    assert_eq!(
        asked(&fleet.gateways[2], &owner),
        NOT_BELIEVED,
        "over a restart"
    );
    fleet.redis.restart(Restart::Empty);
    until_all(&fleet, &owner, NOT_BELIEVED);
}

#[test]
fn who_writes_to_redis_alone_takes_nothing_back() {
    let mut fleet = Fleet::start();
    let owner = fleet.token("owner");
    assert_eq!(token(&fleet, 0, "revoke", &["--wait"]), 0);
    let keys = ["revoked", "revoked-order", "revoked-newest"]
        .map(|key| format!("{{vingate:vingate}}:{key}"));
    let field = fleet.redis.command(&["HKEYS", &keys[0]]);
    let sealed = fleet.redis.command(&["HGET", &keys[0], &field]);
    let (_, sealed) = sealed.split_once(' ').unwrap();
    let forged = sealed.replace("issued-until", "restored");
    let texts = [
        String::new(),
        "garbage".to_owned(),
        "9 garbage".to_owned(),
        format!("9999 {forged}"),
        format!("9999 {sealed}"),
    ];
    for (text, late) in texts.iter().zip(9_000_000_000_000_000_u64..) {
        let late = late.to_string();
        fleet.redis.command(&["HSET", &keys[0], &field, text]);
        fleet.redis.command(&["ZADD", &keys[1], &late, &field]);
        fleet.redis.command(&["SET", &keys[2], &late]);
        let refused = |gateway: &Gateway| gateway.metric("vingate_revocations_refused_total");
        fleet.gateways[0].until("what was forged to be gone", |_| {
            let found = fleet.redis.command(&["HGET", &keys[0], &field]);
            (found != *text || fleet.gateways.iter().map(refused).sum::<f64>() > 0.0).then_some(())
        });
        expect_all(&fleet, &owner, NOT_BELIEVED);
    }
    let refused = |gateway: &Gateway| gateway.metric("vingate_revocations_refused_total");
    let alarms: f64 = fleet.gateways.iter().map(refused).sum();
    assert!(alarms >= 1.0, "{alarms}");
    // and where all of it is gone it comes again
    fleet.redis.command(&["DEL", &keys[0], &keys[1], &keys[2]]);
    fleet.redis.until("what was gone", "1", &["HLEN", &keys[0]]);
    fleet.add("gw4", &[]);
    until_all(&fleet, &owner, NOT_BELIEVED);
    for newest in ["-1", "nan", "inf", "1e300", "words", "0"] {
        fleet.redis.command(&["SET", &keys[2], newest]);
        assert_eq!(token(&fleet, 0, "restore", &["--wait"]), 0, "{newest}");
        expect_all(&fleet, &owner, KNOWN);
        assert_eq!(token(&fleet, 1, "revoke", &["--wait"]), 0, "{newest}");
        expect_all(&fleet, &owner, NOT_BELIEVED);
    }
}

#[test]
fn a_new_replica_without_redis_serves_nobody_it_would_have_to_know() {
    let mut fleet = Fleet::start();
    let (owner, other) = (fleet.token("owner"), fleet.token("other"));
    fleet.close(0, "portal", &["--confirm-name", "portal"]); // so that the fleet has a board
    assert_eq!(token(&fleet, 0, "revoke", &["--wait"]), 0);
    fleet.redis.stop();
    fleet.add("gw4", &["surfaces.mobile.on_cold_start=closed"]);
    let fresh = &fleet.gateways[3];
    assert_eq!((asked(fresh, &owner), asked(fresh, &other)), (503, 503));
    fleet.redis.go_on();
    fresh.until("the fleet", |gateway| {
        let answered = asked(gateway, &other);
        assert_ne!(asked(gateway, &owner), KNOWN, "at no moment");
        (answered == KNOWN).then_some(())
    });
    assert_eq!(asked(fresh, &owner), NOT_BELIEVED);
}
