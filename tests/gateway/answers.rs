//! Does a client learn what it needs, and nothing more?

use crate::support::client::{exchange, exchange_raw, get, post_form};
use crate::{FOREIGN, House, OWNED};

/// An answer without what differs each time: the request id.
fn without_id(answer: &crate::support::Answer) -> (u16, Vec<(String, String)>, String) {
    let id = answer.header("x-request-id").unwrap().to_owned();
    let clean = |text: &str| text.replace(&id, "ID");
    let headers = answer
        .headers
        .iter()
        .filter(|(name, _)| name != "date")
        .map(|(name, value)| (name.clone(), clean(value)))
        .collect();
    (answer.status, headers, clean(&answer.text()))
}

#[test]
fn foreign_and_unknown_are_the_same_to_the_byte() {
    let house = House::start();
    let owner = house.owner();
    let ask = |vin: &str| {
        without_id(&get(
            house.gateway.edge,
            &format!("/cars/{vin}/battery"),
            Some(&owner),
        ))
    };
    let foreign = ask(FOREIGN);
    assert_eq!(foreign, ask("SJNFAAZE0U6099999"));
    assert_eq!(foreign.0, 403);
}

#[test]
fn an_old_client_finds_its_two_members() {
    let house = House::start();
    let form = format!("VIN={FOREIGN}");
    let answer = post_form(
        house.gateway.edge,
        "/gdc/ACRemoteRequest.php",
        Some(&house.owner()),
        &form,
    );
    let body = answer.json();
    assert_eq!(body["type"], "urn:vingate:problem:access-denied");
    assert!(
        !body["ErrorCode"].is_null() && !body["ErrorMessage"].is_null(),
        "{body}"
    );
}

#[test]
fn a_browser_gets_a_page() {
    let house = House::start();
    let request =
        b"GET /owners/off HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\nConnection: close\r\n\r\n";
    let answer = exchange(house.gateway.edge, request);
    assert_eq!(answer.status, 503);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(
        answer.text().contains("this page is not offered yet"),
        "{}",
        answer.text()
    );
    let retry: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((30..=90).contains(&retry), "{retry}");
}

#[test]
fn a_quota_says_what_is_left_and_when() {
    let house = House::start();
    let (owner, form) = (house.owner(), format!("VIN={OWNED}"));
    let command = || {
        post_form(
            house.gateway.edge,
            "/gdc/ACRemoteRequest.php",
            Some(&owner),
            &form,
        )
    };
    let first = command();
    assert_eq!(first.status, 200, "{}", first.text());
    assert!(
        first.header("ratelimit").unwrap().contains("r=2"),
        "{:?}",
        first.headers
    );
    assert_eq!((command().status, command().status), (200, 200));
    let refused = command();
    assert_eq!(refused.status, 429);
    assert!(refused.header("ratelimit-policy").unwrap().contains("q=3"));
    assert!(
        refused
            .header("retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            >= 1
    );
    assert_eq!(house.upstream.requests().len(), 3);
}

#[test]
fn head_follows_get() {
    let house = House::start();
    let ask = |vin: &str| {
        let request = format!(
            "HEAD /cars/{vin}/battery HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
             Authorization: Bearer {}\r\n\r\n",
            house.owner()
        );
        exchange(house.gateway.edge, request.as_bytes())
    };
    let answer = ask(OWNED);
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let denied = ask(FOREIGN);
    assert_eq!((denied.status, denied.body.len()), (403, 0));
    assert_eq!(house.upstream.requests().len(), 1);
}

#[test]
fn a_dead_or_silent_upstream_is_told_apart_and_a_command_is_sent_once() {
    let dead = House::with(&["upstreams.telematics.addresses=[\"127.0.0.1:1\"]"]);
    let target = format!("/cars/{OWNED}/battery");
    let answer = get(dead.gateway.edge, &target, Some(&dead.owner()));
    assert_eq!(
        (answer.status, answer.json()["type"].as_str()),
        (502, Some("urn:vingate:problem:upstream-failed"))
    );
    let slow = House::with(&["upstreams.telematics.read_timeout=200ms"]);
    slow.upstream.answer_with(b""); // takes the request, says nothing, keeps it
    let form = format!("VIN={OWNED}");
    let answer = post_form(
        slow.gateway.edge,
        "/gdc/ACRemoteRequest.php",
        Some(&slow.owner()),
        &form,
    );
    assert!(matches!(answer.status, 502 | 504), "{}", answer.text());
    assert_eq!(
        slow.upstream.requests().len(),
        1,
        "a command is never sent twice"
    );
}

#[test]
fn another_cars_vin_in_the_head_of_an_answer_is_masked() {
    let house = House::start();
    let target = format!("/cars/{OWNED}/battery");
    let answer = format!(
        "HTTP/1.1 200 {FOREIGN}\r\nLocation: /cars/{FOREIGN}/x\r\nSet-Cookie: car={FOREIGN}\r\n\
         Set-Cookie: mine={OWNED}\r\nVingate-Assertion: a.b.c\r\nX-Kept: yes\r\n\
         Content-Length: 2\r\n\r\nok"
    );
    house.upstream.answer_with(answer.as_bytes());
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        house.owner()
    );
    let raw = exchange_raw(house.gateway.edge, request.as_bytes());
    let text = String::from_utf8_lossy(&raw);
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(!text.contains(FOREIGN), "{text}");
    assert!(
        text.contains(OWNED) && text.to_ascii_lowercase().contains("x-kept: yes"),
        "{text}"
    );
    assert!(
        !text.to_ascii_lowercase().contains("vingate-assertion"),
        "{text}"
    );
    for coding in [
        "Content-Encoding: identity\r\nContent-Encoding: gzip",
        "Transfer-Encoding: gzip, chunked",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{coding}\r\n\r\n2\r\nok\r\n0\r\n\r\n");
        house.upstream.answer_with(answer.as_bytes());
        let answer = get(house.gateway.edge, &target, Some(&house.owner()));
        assert_eq!(answer.status, 502, "{coding}");
    }
}
