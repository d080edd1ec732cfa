//! Does a fleet share what it should through real servers, and what when they fail?

mod cluster;
mod directory;
mod exporting;
mod filled;
mod importing;
mod indexed;
mod replacing;
mod swapped;
mod faults;
mod garbage;
mod partition;
mod result_keys;
mod sentinel;
#[path = "../../../tests/support/redis.rs"]
#[allow(dead_code, reason = "shared with the tests over sockets")]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "a server of a test that fails is a test that fails"
)]
mod server;
mod tls;
mod used_proofs;

use std::sync::Arc;

use server::Redis as Server;
use server::Restart;

use super::*;
use crate::adapters::fleet_contract::{self, Handle, board, hold, pairs, until};

/// Settings as the file has them. The time is a long one: two cores run all tests at once.
fn settings(form: &str) -> Redis {
    toml::from_str(&format!("timeout = \"5s\"\n{form}")).unwrap()
}

/// Settings of a fleet that gives up early.
fn hasty(form: &str) -> Redis {
    toml::from_str(&format!("timeout = \"300ms\"\n{form}")).unwrap()
}

fn single(server: &Server) -> String {
    format!("url = \"{}\"", server.url())
}

fn open(settings: &Redis) -> Handle {
    Arc::new(RedisFleet::open(settings).unwrap())
}

/// Waits until a handle can read.
async fn readable(handle: &Handle) {
    until("it can be read again", || async {
        handle.version().await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_over_one_server() {
    let server = Server::start();
    let settings = settings(&single(&server));
    hold(open(&settings), open(&settings)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_fleets_of_two_names_share_nothing() {
    let server = Server::start();
    let one = open(&settings(&single(&server)));
    let other = open(&settings(&format!("{}\nname = \"x\"", single(&server))));
    one.put(&pairs(&[("a", "1")])).await.unwrap();
    one.say(Topic::Replicas, "r", "s", Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(other.version().await, Ok(0));
    assert_eq!(other.entries().await, Ok(vec![]));
    assert_eq!(other.said(Topic::Replicas).await, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_version_comes_twice_after_everything_was_lost() {
    let server = Server::start();
    let handle = open(&settings(&single(&server)));
    let mut seen = std::collections::BTreeSet::from([0]);
    for round in 0..3 {
        for text in ["a", "b"] {
            handle.put(&pairs(&[("field", text)])).await.unwrap();
            let version = handle.version().await.unwrap();
            assert!(seen.insert(version), "{version} again in round {round}");
        }
        assert_eq!(server.command(&["FLUSHALL"]), "OK");
        assert_eq!(handle.version().await, Ok(0));
        assert_eq!(handle.entries().await, Ok(vec![]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_renews_leaves_nothing_behind() {
    let server = Server::start();
    let handle = open(&settings(&single(&server)));
    for replica in ["a", "b"] {
        let expiry = Duration::from_millis(300);
        handle
            .say(Topic::Replicas, replica, "sealed", expiry)
            .await
            .unwrap();
    }
    until("the key is gone", || async {
        server.command(&["DBSIZE"]) == "0"
    })
    .await;
    assert_eq!(handle.said(Topic::Replicas).await, Ok(vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_opens_and_is_never_printed() {
    let server = Server::with_password("open-sesame");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    let form = format!("{}\npassword_file = {file:?}", single(&server));
    let none = open(&hasty(&single(&server)));
    assert_eq!(none.version().await, Err(FleetError::Refused));
    std::fs::write(&file, "wrong\n").unwrap();
    let wrong = open(&hasty(&form));
    assert_eq!(wrong.version().await, Err(FleetError::Refused));
    std::fs::write(&file, "open-sesame\r\n").unwrap();
    let right = RedisFleet::open(&settings(&form)).unwrap();
    assert_eq!(right.version().await, Ok(0));
    let shown = format!("{right:?} {:?}", settings(&form));
    assert!(!shown.contains("sesame"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_may_do_what_its_rights_say() {
    let server = Server::start();
    let rights = ["reader", "on", ">secret", "~*", "&*", "+@read", "+ping"];
    server.command(&[["ACL", "SETUSER"].as_slice(), &rights].concat());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "secret").unwrap();
    let user = format!("username = \"reader\"\npassword_file = {file:?}");
    let handle = open(&settings(&format!("{}\n{user}", single(&server))));
    assert_eq!(handle.version().await, Ok(0));
    let put = handle.put(&pairs(&[("a", "1")])).await;
    assert_eq!(put, Err(FleetError::Refused));
    // who may not publish may write all the same: a hint is only a hint
    server.command(&["ACL", "SETUSER", "reader", "+@all", "resetchannels"]);
    assert_eq!(handle.put(&pairs(&[("a", "1")])).await, Ok(()));
    assert_eq!(handle.entries().await, Ok(pairs(&[("a", "1")])));
}

#[test]
fn settings_that_cannot_be_used_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        format!("{path:?}")
    };
    let url = "url = \"redis://127.0.0.1:1\"";
    let table = [
        (String::new(), "names no server"),
        (
            format!("{url}\npassword_file = \"/nowhere\""),
            "can't read `/nowhere`",
        ),
        (
            format!("{url}\npassword_file = {}", file("empty", "\n")),
            "wants one line with a password",
        ),
        (
            format!("{url}\npassword_file = {}", file("two", "a\nb\n")),
            "wants one line with a password",
        ),
        (
            format!(
                "url = \"rediss://a:1\"\nca_file = {}",
                file("ca", "nothing")
            ),
            "no certificate",
        ),
    ];
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    for (form, expected) in table {
        let flaw = RedisFleet::open(&settings(&form)).unwrap_err();
        assert!(flaw.contains(expected), "{flaw}");
    }
}
