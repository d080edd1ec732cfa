//! Is what goes upstream exactly what was judged, and nothing when it was refused?

use std::net::SocketAddr;

use crate::support::client::{Answer, exchange, exchange_raw, get, post_form};
use crate::{FOREIGN, House, OWNED};

const FORM: &str =
    "custom_sessionid=a%2B%3D&tz=America%2FNew_York&empty=&VIN=SJNFAAZE0U6012345&x=1+2";

#[test]
fn a_form_is_forwarded_byte_for_byte() {
    let house = House::start();
    let target = "/gdc/BatteryStatusRecordsRequest.php?lg=en%2DUS".replace("%2D", "-");
    let answer = post_form(house.gateway.edge, &target, Some(&house.owner()), FORM);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = house.upstream.only_request();
    assert!(
        seen.starts_with(&format!("POST {target} HTTP/1.1\r\n")),
        "{seen}"
    );
    assert!(seen.ends_with(&format!("\r\n\r\n{FORM}")), "{seen}");
}

#[test]
fn empty_header_values_and_a_missing_accept_pass() {
    let house = House::start();
    let request = format!(
        "GET /cars/{OWNED}/battery HTTP/1.1\r\nHost: localhost\r\nUser-Agent:\r\n\
         Authorization: Bearer {}\r\nConnection: close\r\n\r\n",
        house.owner()
    );
    assert_eq!(exchange(house.gateway.edge, request.as_bytes()).status, 200);
}

#[test]
fn identity_headers_are_removed_in_every_spelling_and_the_assertion_stands_instead() {
    let house = House::start();
    let request = format!(
        "GET /cars/{OWNED}/battery HTTP/1.1\r\nHost: localhost\r\nX-User: root\r\nX_User: root\r\n\
         x-forwarded-for: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nVingate-Assertion: forged\r\n\
         vingate_assertion: forged\r\nX-HTTP-Method-Override: DELETE\r\nX-Kept: yes\r\n\
         Cookie: a=b\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
        house.owner()
    );
    assert_eq!(exchange(house.gateway.edge, request.as_bytes()).status, 200);
    let seen = house.upstream.only_request();
    let lower = seen.to_ascii_lowercase();
    for gone in [
        "root",
        "1.2.3.4",
        "forged",
        "delete",
        "authorization",
        "x_user",
    ] {
        assert!(!lower.contains(gone), "`{gone}` went upstream:\n{seen}");
    }
    assert!(
        lower.contains("x-kept: yes") && lower.contains("cookie: a=b"),
        "{seen}"
    );
    assert!(lower.contains("forwarded: for=\"127.0.0.1\""), "{seen}");
    let assertion = seen.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("vingate-assertion")
            .then(|| value.to_owned())
    });
    assert_eq!(assertion.map(|jws| jws.split('.').count()), Some(3));
}

/// Requests that are refused, each with the status that it should get.
fn refused(edge: SocketAddr, owner: &str) -> Vec<(u16, Answer)> {
    let foreign = format!("/cars/{FOREIGN}/battery");
    let target = format!("/cars/{OWNED}/battery");
    vec![
        (401, get(edge, &target, None)),
        (401, get(edge, &target, Some("garbage"))),
        (403, get(edge, &foreign, Some(owner))),
        (
            403,
            get(edge, "/cars/SJNFAAZE0U6099999/battery", Some(owner)),
        ),
        (400, get(edge, "/cars/SHORT/battery", Some(owner))),
        (
            400,
            get(edge, &format!("{target}?vin={FOREIGN}"), Some(owner)),
        ),
        (400, get(edge, &format!("{target}?a=1&a=2"), Some(owner))),
        (400, get(edge, "/owners/static/../leaf", None)),
        (400, get(edge, "/owners//static/x", None)),
        (400, get(edge, "/owners/static/%2e%2e/x", None)),
        (404, get(edge, "/actuator/env", Some(owner))),
        (405, post_form(edge, &target, Some(owner), "a=1")),
        (503, get(edge, "/owners/off", None)),
        (
            400,
            post_form(edge, "/gdc/ACRemoteRequest.php", Some(owner), "a=1"),
        ),
        (
            400,
            post_form(edge, "/gdc/ACRemoteRequest.php", Some(owner), "VIN=A&VIN=A"),
        ),
        (
            403,
            post_form(
                edge,
                "/gdc/ACRemoteRequest.php",
                Some(owner),
                &format!("VIN={FOREIGN}"),
            ),
        ),
    ]
}

#[test]
fn every_denial_leaves_the_upstream_untouched() {
    let house = House::start();
    let answers = refused(house.gateway.edge, &house.owner());
    for (index, (expected, answer)) in answers.iter().enumerate() {
        assert_eq!(answer.status, *expected, "row {index}: {}", answer.text());
        assert!(answer.header("x-request-id").is_some(), "row {index}");
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store"),
            "row {index}"
        );
    }
    assert!(
        house.upstream.requests().is_empty(),
        "a refused request went upstream"
    );
    assert_eq!(house.read().status, 200, "the control reaches it");
    assert_eq!(house.upstream.requests().len(), 1);
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let house = House::start();
    let token = house.owner();
    let target = format!("/cars/{OWNED}/battery");
    let form = format!("VIN={OWNED}");
    let length = form.len();
    let post = "POST /gdc/BatteryStatusRecordsRequest.php HTTP/1.1\r\nHost: h\r\nConnection: close";
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let auth = format!("Authorization: Bearer {token}");
    let rows = [
        format!(
            "{post}\r\n{auth}\r\n{kind}\r\nContent-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!(
            "{post}\r\n{auth}\r\n{kind}\r\nContent-Length: {length}\r\nContent-Length: {length}\r\n\r\n{form}"
        ),
        format!("{post}\r\n{auth}\r\n{kind}\r\n{kind}\r\nContent-Length: {length}\r\n\r\n{form}"),
        format!(
            "{post}\r\n{auth}\r\n{kind}\r\nContent-Encoding: gzip\r\nContent-Length: {length}\r\n\r\n{form}"
        ),
        format!("GET {target} HTTP/1.1\r\nConnection: close\r\n{auth}\r\n\r\n"),
        format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n{auth}\r\n\r\n"
        ),
        format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{auth}\r\n{auth}\r\n\r\n"
        ),
        format!(
            "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{auth}\r\nContent-Length: 3\r\n\r\nabc"
        ),
        format!("GET {target};v=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{auth}\r\n\r\n"),
        format!("GET {target}%2f HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{auth}\r\n\r\n"),
        format!("GET {target} HTTP/1.0\r\nHost: a\r\n{auth}\r\n\r\n"),
        format!("GET {target} HTTP/1.1\r\nHost : a\r\n{auth}\r\n\r\n"),
        "\u{0}\u{1}garbage\r\n\r\n".to_owned(),
    ];
    for row in &rows {
        let bytes = exchange_raw(house.gateway.edge, row.as_bytes());
        let text = String::from_utf8_lossy(&bytes);
        let status = text.split(' ').nth(1).unwrap_or_default();
        assert!(matches!(status, "400" | "401" | "415"), "{row}\n{text}");
        assert!(
            text.contains("urn:vingate:problem:") || text.contains("ErrorCode"),
            "{row}\n{text}"
        );
    }
    assert!(
        house.upstream.requests().is_empty(),
        "{:?}",
        house.upstream.requests()
    );
}

#[test]
fn a_body_over_the_limit_is_refused_and_not_lost() {
    let house = House::start();
    let token = house.owner();
    let path = "/gdc/BatteryStatusRecordsRequest.php";
    let fits = format!("VIN={OWNED}&x={}", "a".repeat(60_000));
    let answer = post_form(house.gateway.edge, path, Some(&token), &fits);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(house.upstream.only_request().ends_with(&fits));
    house.upstream.clear();
    let large = format!("VIN={OWNED}&x={}", "a".repeat(70_000));
    assert_eq!(
        post_form(house.gateway.edge, path, Some(&token), &large).status,
        413
    );
    let chunked = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{large}\r\n0\r\n\r\n",
        large.len()
    );
    assert_eq!(exchange(house.gateway.edge, chunked.as_bytes()).status, 413);
    assert!(house.upstream.requests().is_empty());
}

#[test]
fn another_cars_vin_in_an_answer_is_masked() {
    let house = House::start();
    let body = format!("{{\"mine\":\"{OWNED}\",\"other\":\"{FOREIGN}\"}}");
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF8\r\nSet-Cookie: a=1\r\n\
         Set-Cookie: b=2\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    house.upstream.answer_with(answer.as_bytes());
    let answer = get(
        house.gateway.edge,
        &format!("/cars/{OWNED}/battery"),
        Some(&house.owner()),
    );
    assert_eq!(answer.text(), body.replace(FOREIGN, "*****************"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=UTF8")
    );
    assert_eq!(answer.all("set-cookie"), ["a=1", "b=2"]);
    let encoded = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nxx";
    house.upstream.answer_with(encoded);
    let answer = get(
        house.gateway.edge,
        &format!("/cars/{OWNED}/battery"),
        Some(&house.owner()),
    );
    assert_eq!(
        answer.status, 502,
        "what can't be read can't be let through"
    );
    assert!(answer.text().contains("response-withheld"));
}
