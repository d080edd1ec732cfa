//! Is a route that goes announced, and then gone?

use serde_json::json;

use crate::support::Upstream;
use crate::{House, OWNED, ROUTES};

/// 2020-01-01 and 2100-01-01: before and after any day that this runs on.
const PAST: &str = "2020-01-01T00:00:00Z";
const FUTURE: &str = "2100-01-01T00:00:00Z";

/// The route of the battery with a retirement.
fn house(announced: &str, sunset: &str) -> House {
    let retired = format!(
        "id = \"api.battery\"\nretired = {{ announced = \"{announced}\", sunset = \"{sunset}\", \
         because = \"Use the new address.\", successor = \"https://example/v2\" }}"
    );
    let routes = ROUTES.replace("id = \"api.battery\"", &retired);
    House::before(Upstream::start(), &routes, &[])
}

const FIELDS: [(&str, Option<&str>); 3] = [
    ("deprecation", Some("@1577836800")),
    ("sunset", Some("Fri, 01 Jan 2100 00:00:00 GMT")),
    (
        "link",
        Some("<https://example/v2>; rel=\"successor-version\""),
    ),
];

#[test]
fn an_announced_route_answers_as_before_and_says_when_it_goes() {
    let house = house(PAST, FUTURE);
    let good = house.ask(&format!("GET /cars/{OWNED}/battery"), &[]);
    assert_eq!((good.status, good.text().as_str()), (200, "ok"));
    let refused = house.ask("GET /cars/SJNFAAZE0U6054321/battery", &[]);
    assert_eq!(refused.status, 403);
    for answer in [good, refused] {
        for (name, value) in FIELDS {
            assert_eq!(answer.header(name), value);
        }
    }
    let other = house.ask("GET /owners/x", &[]);
    assert_eq!((other.status, other.header("sunset")), (200, None));
    let links =
        b"HTTP/1.1 200 OK\r\nLink: </a>; rel=next\r\nSunset: x\r\nContent-Length: 2\r\n\r\nok";
    house.upstream.answer_with(links);
    let answer = house.ask(&format!("GET /cars/{OWNED}/battery"), &[]);
    assert_eq!(answer.all("link").len(), 2, "the upstream's links stay");
    assert_eq!(answer.all("sunset").len(), 1);
}

#[test]
fn before_its_announcement_a_route_says_nothing() {
    let house = house(FUTURE, "2100-06-01T00:00:00Z");
    let answer = house.ask(&format!("GET /cars/{OWNED}/battery"), &[]);
    assert_eq!(answer.status, 200);
    assert!(FIELDS.iter().all(|(name, _)| answer.header(name).is_none()));
}

#[test]
fn from_its_sunset_on_a_route_is_gone_for_everybody() {
    let house = house(PAST, "2020-06-01T00:00:00Z");
    for vin in [OWNED, "SJNFAAZE0U6054321"] {
        let answer = house.ask(&format!("GET /cars/{vin}/battery"), &[]);
        assert_eq!(answer.status, 410);
        let body = answer.json();
        assert_eq!(body["type"], "urn:vingate:problem:retired");
        assert_eq!(body["detail"], json!("Use the new address."));
        let sunset = Some("Mon, 01 Jun 2020 00:00:00 GMT");
        assert_eq!(answer.header("sunset"), sunset);
        assert_eq!(answer.header("link"), FIELDS[2].1);
        assert_eq!(answer.header("retry-after"), None);
    }
    assert!(house.upstream.requests().is_empty());
    let records = house.gateway.records(2);
    assert_eq!(records[0]["code"], "retired", "{records:?}");
}
