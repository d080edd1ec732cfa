//! What is known while an issuer fails: nothing, and soon everything again.

use super::*;
use crate::clock;

fn impatient(house: &House, timeout: Span, breaker: &str) -> Source {
    let mut source = house.source();
    source.asked.timeout = timeout;
    source.asked.breaker = toml::from_str(breaker).unwrap();
    source
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_fails_is_left_alone_and_asked_again() {
    let house = House::new().await;
    house.knows("one", ACTIVE);
    let breaker = "failures = 3\npause = \"1h\"\nlongest_pause = \"1h\"";
    let source = impatient(&house, Span::from_secs(5), breaker);
    let all = following(&source);
    for status in [
        "500 Internal Server Error",
        "503 Service Unavailable",
        "429 Too Many",
    ] {
        house
            .service
            .says(status, "Content-Type: application/json\r\n", ACTIVE);
        assert_eq!(
            all.ask(&source, "one").await,
            Err(LookupError::Unreachable),
            "{status}"
        );
    }
    house.service.act(&[Act::Honest]);
    for _ in 0..10 {
        assert_eq!(all.ask(&source, "one").await, Err(LookupError::Unreachable));
    }
    assert_eq!(house.service.heads().len(), 3, "three, and then none");
    assert!(!is_answering(&all));
    let hasty = "failures = 1\npause = \"20ms\"\nlongest_pause = \"50ms\"";
    let source = impatient(&house, Span::from_secs(5), hasty);
    let all = following(&source);
    house.service.says("500 Internal Server Error", "", "");
    assert!(all.ask(&source, "one").await.is_err());
    house.service.act(&[Act::Honest]);
    let begun = clock::monotonic();
    while all.ask(&source, "one").await.is_err() {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "it is asked again"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(is_answering(&all));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_answer_and_connections_that_are_cut_are_failures() {
    let house = House::new().await;
    let source = house.source();
    let all = following(&source);
    let cut = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{ACTIVE}"
    );
    for bytes in ["", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\n", &cut] {
        house.service.act(&[Act::Raw(bytes.as_bytes().to_vec())]);
        let said = all.ask(&source, "one").await;
        assert!(said.is_err(), "{bytes}: {said:?}");
    }
    assert_eq!(all.told()[0].failures, 4);
    assert!(!is_answering(&all), "never heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let house = House::new().await;
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 52428800\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    bytes.resize(bytes.len() + 52_428_800, b' ');
    house.service.act(&[Act::Raw(bytes)]);
    let source = house.source();
    let all = following(&source);
    assert_eq!(all.ask(&source, "one").await, Err(LookupError::Malformed));
    assert!(all.told()[0].says.contains("larger"), "{:?}", all.told());
}

/// Tokens that are made up take the places of an issuer that hangs, and nobody waits for longer than the
/// time of an answer, or at all where too many wait.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_bounded_in_number_and_time() {
    let house = House::new().await;
    house.service.act(&[Act::Hang]);
    let never = "failures = 1000\npause = \"1h\"\nlongest_pause = \"1h\"";
    let source = impatient(&house, Span::from_millis(500), never);
    let all = following(&source);
    let tokens: Vec<String> = (0..3_000)
        .map(|number| format!("made-up-{number}"))
        .collect();
    let begun = clock::monotonic();
    let asked = join_all(tokens.iter().map(|token| all.ask(&source, token))).await;
    let count = |error| asked.iter().filter(|said| **said == Err(error)).count();
    assert_eq!(count(LookupError::Unreachable), 3_000 - WAITING, "at once");
    assert_eq!(count(LookupError::TimedOut), WAITING);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "twice its time, and a busy machine"
    );
    let heard = house.service.heads().len();
    assert!(heard <= 8, "as many as it has connections, twice: {heard}");
    let client = all.client(&source).unwrap();
    assert!(client.flights.is_empty(), "all have landed");
}
