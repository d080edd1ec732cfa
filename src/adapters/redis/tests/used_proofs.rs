//! Does a proof count once at all replicas together, and what without Redis?

use super::filled::key;
use super::*;
use crate::adapters::used_proofs::{LocalUsedProofs, SharedUsedProofs};
use crate::adapters::used_proofs_contract::{hold, proof};
use crate::clock;
use crate::pipeline::ports::{LookupError, Use, UsedProofs};

fn proofs(settings: &Redis) -> Arc<RedisUsedProofs> {
    Arc::new(RedisUsedProofs::open(settings, key()).unwrap())
}

fn shared(settings: &Redis) -> SharedUsedProofs {
    let here = Arc::new(LocalUsedProofs::new().unwrap());
    SharedUsedProofs::new(here, proofs(settings))
}

fn times() -> (Duration, Duration) {
    let now = clock::unix_time();
    (now, now.saturating_add(Duration::from_secs(65)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_over_redis() {
    let server = Server::start();
    let settings = settings(&single(&server));
    hold(&*proofs(&settings), &*proofs(&settings)).await;
    server.command(&["FLUSHALL"]);
    hold(&shared(&settings), &shared(&settings)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_over_a_cluster_of_redis() {
    let nodes = Server::cluster();
    let urls: Vec<_> = nodes.iter().map(Server::url).collect();
    let settings = settings(&format!("cluster = {urls:?}"));
    hold(&shared(&settings), &shared(&settings)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_redis_tells_nothing_and_outlives_the_proof() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let (now, until) = times();
    let used = proof("a-jti-of-somebody", until);
    assert_eq!(proofs(&settings).use_up(&used, now).await, Ok(Use::First));
    let name = server.command(&["KEYS", "*"]);
    for told in ["a-jti", "gateway.example", "cars"] {
        assert!(!name.contains(told), "{name}");
    }
    assert_eq!(server.command(&["GET", &name]), "");
    // whatever the clock of Redis says, and for clocks that are behind
    let left: i64 = server.command(&["PTTL", &name]).parse().unwrap();
    assert!((120_000..=125_000).contains(&left), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_empties_redis_has_no_proof_taken_twice_by_one_replica() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let (one, (now, until)) = (shared(&settings), times());
    let used = proof("a", until);
    assert_eq!(one.use_up(&used, now).await, Ok(Use::First));
    server.command(&["FLUSHALL"]);
    assert_eq!(one.use_up(&used, now).await, Ok(Use::Again));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_no_proof_is_taken() {
    let mut server = Server::start();
    let settings = hasty(&single(&server));
    let (one, (now, until)) = (proofs(&settings), times());
    assert_eq!(one.use_up(&proof("a", until), now).await, Ok(Use::First));
    assert!(one.contact().was_heard());
    server.kill();
    for id in ["a", "b"] {
        let answer = one.use_up(&proof(id, until), now).await;
        let failed = [LookupError::TimedOut, LookupError::Unreachable];
        assert!(answer.is_err_and(|error| failed.contains(&error)), "{id}");
    }
    assert_eq!(one.contact().failures(), 2);
    assert!(
        shared(&settings)
            .use_up(&proof("c", until), now)
            .await
            .is_err()
    );
}
