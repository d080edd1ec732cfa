//! What happens while a server is away, stopped, emptied, full, or read-only?

use super::*;
use crate::clock;

/// Every call of a handle, each with its error if any.
async fn errors(handle: &Handle) -> [Option<FleetError>; 7] {
    let expiry = Duration::from_secs(60);
    [
        handle.version().await.err(),
        handle.entries().await.err(),
        handle.put(&pairs(&[("field", "text")])).await.err(),
        handle.remove(&["field".to_owned()]).await.err(),
        handle
            .say(Topic::Replicas, "replica", "sealed", expiry)
            .await
            .err(),
        handle.said(Topic::Replicas).await.err(),
        handle.time().await.err(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_is_unreachable_and_taken_up_again() {
    let mut server = Server::start();
    let [one, other] = [(); 2].map(|()| open(&settings(&single(&server))));
    one.put(&pairs(&[("a", "1")])).await.unwrap();
    let before = one.version().await;
    server.restart(Restart::WithItsData);
    readable(&one).await;
    assert_eq!(one.version().await, before);
    assert_eq!(one.entries().await, Ok(pairs(&[("a", "1")])));
    readable(&other).await;
    fleet_contract::hints_arrive(&one, &other).await;
    server.kill();
    assert_eq!(errors(&one).await, [Some(FleetError::Unreachable); 7]);
    server.restart(Restart::Empty);
    readable(&one).await;
    assert_eq!(one.version().await, Ok(0));
    assert_eq!(one.entries().await, Ok(vec![]));
    readable(&other).await;
    fleet_contract::hints_arrive(&one, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_starts_before_its_redis() {
    let mut server = Server::start();
    server.kill();
    let handle = open(&settings(&single(&server)));
    assert_eq!(errors(&handle).await, [Some(FleetError::Unreachable); 7]);
    server.restart(Restart::Empty);
    readable(&handle).await;
    assert_eq!(handle.put(&pairs(&[("a", "1")])).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_between_two_calls_is_not_noticed() {
    let mut server = Server::start();
    let handle = open(&settings(&single(&server)));
    handle.put(&pairs(&[("a", "1")])).await.unwrap();
    server.restart(Restart::WithItsData);
    assert_eq!(handle.entries().await, Ok(pairs(&[("a", "1")])));
    assert_eq!(server.command(&["CLIENT", "KILL", "TYPE", "normal"]), "1");
    assert_eq!(handle.put(&pairs(&[("a", "2")])).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_server_never_hangs_a_call() {
    let server = Server::start();
    let [one, other] = [(); 2].map(|()| open(&hasty(&single(&server))));
    until("hints are heard", || async {
        one.put(&pairs(&[("a", "1")])).await.is_ok()
    })
    .await;
    readable(&other).await;
    server.stop();
    let begun = clock::monotonic();
    assert_eq!(errors(&one).await, [Some(FleetError::TimedOut); 7]);
    // 4 words at 0.3 s, 3 boards at 3 s: what is known to be down is told at once, so it is less
    assert!(begun.elapsed() < Duration::from_secs(12));
    let new = open(&hasty(&single(&server)));
    assert_eq!(new.version().await, Err(FleetError::TimedOut));
    let silent = tokio::time::timeout(Duration::from_millis(300), async {
        loop {
            other.hinted().await; // those of before
        }
    });
    assert!(silent.await.is_err(), "pending, and no panic");
    server.go_on();
    for handle in [&one, &other, &new] {
        readable(handle).await;
    }
    until("written again", || async {
        one.put(&pairs(&[("a", "2")])).await.is_ok()
    })
    .await;
    assert_eq!(
        board(&other).await,
        pairs(&[("a", "2")]).into_iter().collect()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_was_cut_is_made_again() {
    let server = Server::start();
    let [one, other] = [(); 2].map(|()| open(&settings(&single(&server))));
    fleet_contract::hints_arrive(&one, &other).await;
    server.until("both listen", "2", &["CLIENT", "KILL", "TYPE", "pubsub"]);
    fleet_contract::hints_arrive(&one, &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_over_which_nothing_comes_is_asked_and_kept() {
    let server = Server::start();
    let [one, other] = [(); 2].map(|()| open(&settings(&single(&server))));
    fleet_contract::hints_arrive(&one, &other).await;
    let listing = ["CLIENT", "LIST", "TYPE", "pubsub"];
    let ids = || {
        let list = server.command(&listing);
        let ids = list.lines().map(|line| line.split(' ').next().unwrap());
        ids.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = ids();
    server.until("it is asked", "cmd=ping", &listing);
    fleet_contract::hints_arrive(&one, &other).await;
    assert_eq!(ids(), before, "the same subscriptions");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_is_read_and_says_that_it_takes_no_writes() {
    let master = Server::start();
    let writer = open(&settings(&single(&master)));
    writer.put(&pairs(&[("a", "1")])).await.unwrap();
    let replica = Server::replica_of(&master);
    let reader = open(&settings(&single(&replica)));
    assert_eq!(reader.entries().await, Ok(pairs(&[("a", "1")])));
    let read_only = Some(FleetError::ReadOnly);
    let expected = [None, None, read_only, None, read_only, None, None];
    let mut found = errors(&reader).await;
    found[3] = None; // removing what isn't there writes nothing: some versions refuse, some don't
    assert_eq!(found, expected);
    let removed = reader.remove(&["a".to_owned()]).await;
    assert_eq!(removed, Err(FleetError::ReadOnly));
    assert_eq!(writer.entries().await, Ok(pairs(&[("a", "1")])));
    fleet_contract::hint_until_heard(&writer, &reader).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_refuses_whole_puts_and_lets_entries_go() {
    let server = Server::start();
    let handle = open(&settings(&single(&server)));
    handle.put(&pairs(&[("a", "1"), ("b", "1")])).await.unwrap();
    let before = handle.version().await;
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let three = pairs(&[("a", "2"), ("b", "2"), ("c", "2")]);
    assert_eq!(handle.put(&three).await, Err(FleetError::Full));
    let expiry = Duration::from_secs(60);
    assert_eq!(
        handle.say(Topic::Replicas, "r", "s", expiry).await,
        Err(FleetError::Full)
    );
    assert_eq!(handle.version().await, before);
    let whole = pairs(&[("a", "1"), ("b", "1")]);
    assert_eq!(board(&handle).await, whole.into_iter().collect());
    assert_eq!(handle.remove(&["a".to_owned()]).await, Ok(()));
    assert_ne!(handle.version().await, before);
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(handle.put(&pairs(&[("a", "3")])).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_misses_its_replicas_takes_no_writes() {
    let server = Server::start();
    let handle = open(&settings(&single(&server)));
    readable(&handle).await;
    for (key, value) in [
        ("min-replicas-to-write", "1"),
        ("min-replicas-max-lag", "1"),
    ] {
        server.command(&["CONFIG", "SET", key, value]);
    }
    let put = handle.put(&pairs(&[("a", "1")])).await;
    assert_eq!(put, Err(FleetError::ReadOnly));
    assert_eq!(handle.entries().await, Ok(vec![]));
}
