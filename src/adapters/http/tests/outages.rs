//! What is known while the service fails: nothing, and soon everything again.

use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::join_all;

use super::*;
use crate::adapters::kept::{Changes, Keeping, KeptDirectory};

async fn owner(directory: &dyn OwnershipDirectory) -> Result<Option<String>, LookupError> {
    let found = directory.find_fresh(&vin()).await?;
    Ok(found.and_then(|facts| facts.owner.clone()))
}

/// Asks until somebody is known to own it.
async fn known(directory: &dyn OwnershipDirectory) -> String {
    let begun = clock::monotonic();
    loop {
        match owner(directory).await {
            Ok(owner) => return owner.expect("unknown is not absent"),
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(20), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn kept(directory: Arc<HttpDirectory>) -> KeptDirectory {
    let keeping = Keeping {
        entries: 100,
        max_age: Duration::from_millis(1),
        absent_max_age: Duration::from_millis(1),
    };
    KeptDirectory::new(directory, keeping, Arc::new(Changes::untold()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_is_left_alone_and_asked_again() {
    let house = House::new();
    house.service.fill(&service::line("alice"));
    let patient = "breaker = { failures = 3, pause = \"1h\", longest_pause = \"1h\" }";
    let directory = house.open(patient);
    house.service.says("500 Internal Server Error", "", "");
    for _ in 0..20 {
        assert_eq!(owner(&*directory).await, Err(LookupError::Unreachable));
    }
    assert_eq!(house.service.heads().len(), 3, "three, and then none");
    let hasty = "breaker = { failures = 3, pause = \"20ms\", longest_pause = \"50ms\" }";
    let directory = house.open(hasty);
    for _ in 0..10 {
        assert_eq!(owner(&*directory).await, Err(LookupError::Unreachable));
    }
    house.service.act(&[Act::Honest]);
    assert_eq!(known(&*directory).await, "alice");
    for _ in 0..10 {
        assert_eq!(owner(&*directory).await, Ok(Some("alice".to_owned())));
    }
}

/// Anybody who owns a car that the service can't tell, or hangs up, would shut out all others.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_wrong_and_people_who_hang_up_open_nothing() {
    let house = House::new();
    house.service.fill(&service::line("alice"));
    let directory =
        house.open("breaker = { failures = 3, pause = \"1h\", longest_pause = \"1h\" }");
    let large = "x".repeat(100_000);
    for (status, body) in [
        ("200 OK", large.as_str()),
        ("200 OK", "{}"),
        ("400 Bad", ""),
    ] {
        house
            .service
            .says(status, "Content-Type: application/json\r\n", body);
        for _ in 0..5 {
            assert_eq!(owner(&*directory).await, Err(LookupError::Malformed));
        }
    }
    house.service.act(&[Act::Honest]);
    for _ in 0..10 {
        let asked = owner(&*directory).now_or_never();
        assert_eq!(asked, None, "nobody waited");
    }
    assert_eq!(owner(&*directory).await, Ok(Some("alice".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_hangs_holds_nobody_for_longer_than_its_time() {
    let house = House::new();
    house.service.act(&[Act::Hang]);
    let directory = house.open(
        "timeout = \"200ms\"\nconnections = 2\n\
         breaker = { failures = 4, pause = \"1h\", longest_pause = \"1h\" }",
    );
    let begun: Instant = clock::monotonic();
    let asked = join_all((0..50).map(|_| owner(&*directory))).await;
    assert!(asked.iter().all(Result::is_err), "{asked:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "twice its time, and a busy machine"
    );
    assert!(
        house.service.heads().len() <= 4,
        "two at once, others waited in vain"
    );
    while owner(&*directory).await != Err(LookupError::Unreachable) {
        assert!(begun.elapsed() < Duration::from_secs(20), "it opens");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_on_connections_makes_others_wait() {
    let house = House::new();
    house.service.fill(&service::line("alice"));
    house.service.act(&[Act::Slow(Duration::from_millis(5))]);
    let directory = house.open("connections = 3");
    let asked = join_all((0..30).map(|_| owner(&*directory))).await;
    let alice = Ok(Some("alice".to_owned()));
    assert!(asked.iter().all(|owner| *owner == alice), "{asked:?}");
    assert!(house.service.most_at_once() <= 3);
    assert!(house.service.connections() <= 3, "and they are kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_closed_meanwhile_is_no_failure() {
    let house = House::new();
    house.service.fill(&service::line("alice"));
    let directory = house.open("breaker = { failures = 1 }");
    house.service.act(&[Act::Once]);
    for _ in 0..50 {
        assert_eq!(owner(&*directory).await, Ok(Some("alice".to_owned())));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_killed_makes_nobody_an_owner() {
    let mut house = House::new();
    house.service.fill(&service::line("alice"));
    let more = "breaker = { failures = 3, pause = \"20ms\", longest_pause = \"50ms\" }";
    let directory = kept(house.open(more));
    assert_eq!(owner(&directory).await, Ok(Some("alice".to_owned())));
    for buyer in ["bob", "carol"] {
        let address = house.service.address;
        let spare = Service::start(None).await;
        std::mem::replace(&mut house.service, spare).kill().await;
        for _ in 0..20 {
            let found = owner(&directory).await;
            assert!(found.is_err(), "unknown is not {found:?}");
        }
        house.service = Service::start_at(address, Some(Arc::clone(&house.tls))).await;
        house.service.fill(&service::line(buyer)); // sold meanwhile
        house.service.act(&[Act::Honest]);
        assert_eq!(known(&directory).await, buyer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_flaps_tells_the_truth_or_nothing() {
    let house = House::new();
    house.service.fill(&service::line("alice"));
    let more = "timeout = \"300ms\"\n\
                breaker = { failures = 2, pause = \"5ms\", longest_pause = \"10ms\" }";
    let directory = kept(house.open(more));
    let raw = |text: &str| Act::Raw(text.as_bytes().to_vec());
    house.service.act(&[
        Act::Honest,
        raw("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n"),
        raw(""),
        Act::Once,
        raw("garbage\r\n\r\n"),
        Act::Hang,
        Act::Honest,
        raw("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n"),
    ]);
    let mut known = 0;
    for _ in 0..100 {
        match owner(&directory).await {
            Ok(owner) => {
                assert_eq!(owner.as_deref(), Some("alice"));
                known += 1;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
    assert!(known > 0, "the truth came through");
}
