//! Does a list show one's own vehicles, and nobody else's?

use serde_json::json;

use crate::support::{Answer, Gateway, Plan, Tokens, Upstream, get};
use crate::{FOREIGN, OWNED};

const LENT: &str = "SJNFAAZE0U6011111";
const EXPIRED: &str = "SJNFAAZE0U6022222";
const OF_FLEET: &str = "SJNFAAZE0U6033333";
const UNKNOWN: &str = "SJNFAAZE0U6099999";
const MASK: &str = "*****************";

const ROUTES: &str = r#"
[[route]]
id = "cars"
surface = "mobile"
methods = ["GET"]
path = "/cars"
action = "ListVehicles"
vehicle = "none"
because = "lists one's own"
upstream = "telematics"

[[route]]
id = "fleet"
surface = "fleet"
methods = ["GET"]
path = "/fleet"
action = "ListFleet"
vehicle = "none"
because = "lists the fleet"
upstream = "telematics"

[[route]]
id = "public"
surface = "portal"
methods = ["GET"]
path = "/public"
action = "ReadStatic"
vehicle = "none"
identity = "none"
because = "public files"
upstream = "telematics"

[[route]]
id = "public-guarded"
surface = "portal"
methods = ["GET"]
path = "/guarded"
action = "ReadStatic"
vehicle = "none"
identity = "none"
answer = "guarded"
because = "public files, made of what customers wrote"
upstream = "telematics"
"#;

const FLEETS: &str = r#"
[surfaces.fleet]
issuers = ["fleets"]
on_cold_start = "open"

[issuers.fleets]
issuer = "https://fleets.test"
audiences = ["telematics"]
algorithms = ["ES256"]
jwks_file = "jwks.json"
max_lifetime = "1h"
principal = "User"
fleet_claim = "fleet"
same_subjects_as = "owners"
"#;

struct House {
    upstream: Upstream,
    tokens: Tokens,
    gateway: Gateway,
}

fn house(set: &[&str]) -> House {
    house_before(Upstream::start(), set)
}

fn house_before(upstream: Upstream, set: &[&str]) -> House {
    let tokens = Tokens::new();
    let car = |vin: &str, owner: &str, fleet: Option<&str>, until: Option<&str>| {
        let drivers = json!([{"subject": "owner", "entitlements": [], "until": until}]);
        let drivers = if until.is_some() { drivers } else { json!([]) };
        let car = json!({
            "vin": vin, "owner": owner, "drivers": drivers, "fleet": fleet, "region": "NE",
            "trim": "SV", "capabilities": [], "telematics": true,
        });
        format!("{car}\n")
    };
    let vehicles = [
        car(OWNED, "owner", None, None),
        car(FOREIGN, "stranger", None, None),
        car(LENT, "stranger", None, Some("2100-01-01T00:00:00Z")),
        car(EXPIRED, "stranger", None, Some("2020-01-01T00:00:00Z")),
        car(OF_FLEET, "firm", Some("post"), None),
    ];
    let plan = Plan {
        routes: ROUTES,
        config: FLEETS,
        vehicles: &vehicles.concat(),
        set,
        ..Plan::default()
    };
    let gateway = Gateway::start(&plan, &upstream, &tokens);
    let all = [OWNED, FOREIGN, LENT, EXPIRED, OF_FLEET, UNKNOWN].join(" ");
    let length = all.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-First: {FOREIGN}\r\n\
         Content-Length: {length}\r\n\r\n{all}"
    );
    upstream.answer_with(answer.as_bytes());
    House {
        upstream,
        tokens,
        gateway,
    }
}

impl House {
    fn get(&self, target: &str, token: Option<&str>) -> Answer {
        get(self.gateway.edge, target, token)
    }

    /// The manager of a fleet, who also has a car.
    fn manager(&self, fleet: Option<&str>) -> String {
        let mut claims = Tokens::claims("owner");
        claims["iss"] = json!("https://fleets.test");
        if let Some(fleet) = fleet {
            claims["fleet"] = json!(fleet);
        }
        self.tokens.sign(&claims)
    }
}

/// A list where these stand and the others are masked.
fn shown(vins: &[&str]) -> String {
    [OWNED, FOREIGN, LENT, EXPIRED, OF_FLEET, UNKNOWN]
        .map(|vin| if vins.contains(&vin) { vin } else { MASK })
        .join(" ")
}

#[test]
fn a_list_shows_ones_own_vehicles_alone() {
    let house = house(&[]);
    let owner = house.tokens.token("owner");
    let answer = house.get("/cars", Some(&owner));
    assert_eq!(answer.text(), shown(&[OWNED, LENT]));
    assert_eq!(answer.header("x-first"), Some(MASK));
    let nobody = house.tokens.token("nobody");
    assert_eq!(house.get("/cars", Some(&nobody)).text(), shown(&[]));
    let records = house.gateway.records(2);
    assert_eq!(records[0]["masked"], 5, "{}", records[0]);
    assert_eq!(records[0].get("shortfall"), None);
    assert_eq!(records[1]["masked"], 7);
}

#[test]
fn who_sold_a_car_doesnt_see_it_any_more() {
    let house = house(&[]);
    let owner = house.tokens.token("owner");
    assert_eq!(
        house.get("/cars", Some(&owner)).text(),
        shown(&[OWNED, LENT])
    );
    let words = [
        "ownership",
        "revoke",
        LENT,
        "--driver",
        "owner",
        "--reason",
        "x",
    ];
    assert!(house.gateway.operate(&words).status.success());
    assert_eq!(house.get("/cars", Some(&owner)).text(), shown(&[OWNED]));
    let words = [
        "ownership",
        "grant",
        FOREIGN,
        "--owner",
        "owner",
        "--reason",
        "x",
    ];
    assert!(house.gateway.operate(&words).status.success());
    let shown = shown(&[OWNED, FOREIGN]);
    assert_eq!(house.get("/cars", Some(&owner)).text(), shown);
}

#[test]
fn a_manager_sees_the_fleet_as_far_as_the_answer_names_it() {
    let house = house(&[]);
    let of_post = house.manager(Some("post"));
    let answer = house.get("/fleet", Some(&of_post));
    assert_eq!(answer.text(), shown(&[OWNED, LENT, OF_FLEET]));
    let of_another = house.manager(Some("bahn"));
    let answer = house.get("/fleet", Some(&of_another));
    assert_eq!(answer.text(), shown(&[OWNED, LENT]));
    let of_none = house.manager(None);
    assert_eq!(house.get("/fleet", Some(&of_none)).status, 403);
}

#[test]
fn beyond_the_limits_vins_are_masked_and_the_record_says_so() {
    let set = [
        "limits.vehicles_of_subject=1",
        "limits.vehicles_of_answer=1",
    ];
    let house = house(&set);
    let owner = house.tokens.token("owner");
    let answer = house.get("/cars", Some(&owner));
    assert_eq!(answer.text(), shown(&[LENT]), "the first by its VIN");
    let manager = house.manager(Some("post"));
    let answer = house.get("/fleet", Some(&manager));
    assert_eq!(
        answer.text(),
        shown(&[LENT]),
        "the one of the head was asked about"
    );
    for record in house.gateway.records(2) {
        assert_eq!(record["shortfall"], "limit", "{record}");
    }
}

#[test]
fn a_list_is_asked_for_in_plain_bytes() {
    let house = house(&[]);
    let token = house.tokens.token("owner");
    let request = format!(
        "GET /cars HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\
         Accept-Encoding: gzip\r\nRange: bytes=3-\r\nConnection: close\r\n\r\n"
    );
    crate::support::client::exchange(house.gateway.edge, request.as_bytes());
    let seen = house.upstream.only_request().to_ascii_lowercase();
    assert!(
        !seen.contains("accept-encoding") && !seen.contains("range"),
        "{seen}"
    );
    let zipped = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nzz";
    house.upstream.answer_with(zipped);
    assert_eq!(house.get("/cars", Some(&token)).status, 502);
}

#[test]
fn what_is_public_passes_unless_its_route_says_otherwise() {
    let house = house(&[]);
    assert_eq!(
        house.get("/public", None).text(),
        shown(&[OWNED, FOREIGN, LENT, EXPIRED, OF_FLEET, UNKNOWN])
    );
    assert_eq!(house.get("/guarded", None).text(), shown(&[]));
}

const SHARED: &str =
    r#"ownership={ store = "redis", keep = { max_age = "1h", absent_max_age = "1h" } }"#;

#[test]
fn lists_over_redis_show_what_the_sealed_records_say() {
    let redis = crate::support::redis::Redis::start();
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("fleet.key");
    std::fs::write(&key, [7; 32]).unwrap();
    let url = format!("redis.url={}", redis.url());
    let key = format!("switches.fleet_key_file={}", key.display());
    let set = [SHARED, &url, &key, "redis.timeout=200ms"];
    let house = house(&set);
    let manager = house.manager(Some("post"));
    let answer = house.get("/fleet", Some(&manager));
    assert_eq!(answer.text(), shown(&[OWNED, LENT, OF_FLEET]));
    let owner = house.tokens.token("owner");
    assert_eq!(
        house.get("/cars", Some(&owner)).text(),
        shown(&[OWNED, LENT])
    );
    for vin in [FOREIGN, UNKNOWN, EXPIRED] {
        redis.command(&["ZADD", "{vingate:vingate:i:u:b3duZXI}", "9e15", vin]);
    }
    assert_eq!(
        house.get("/cars", Some(&owner)).text(),
        shown(&[OWNED, LENT])
    );
    let words = [
        "ownership",
        "grant",
        OWNED,
        "--owner",
        "stranger",
        "--reason",
        "sold",
    ];
    assert!(house.gateway.operate(&words).status.success());
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(house.get("/cars", Some(&owner)).text(), shown(&[LENT]));
    let before = house.upstream.requests().len();
    redis.stop();
    assert_eq!(house.get("/cars", Some(&owner)).status, 503);
    assert_eq!(
        house.upstream.requests().len(),
        before,
        "nothing was forwarded"
    );
    redis.go_on();
}

#[test]
fn a_directory_that_stops_in_the_middle_of_an_answer_shows_no_more() {
    let redis = std::sync::Arc::new(crate::support::redis::Redis::start());
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("fleet.key");
    std::fs::write(&key, [7; 32]).unwrap();
    let url = format!("redis.url={}", redis.url());
    let key = format!("switches.fleet_key_file={}", key.display());
    let stopped = std::sync::Arc::clone(&redis);
    let upstream = Upstream::scripted(move |stream, _| {
        use std::io::Write;
        stopped.stop(); // after the vehicles of the person were looked up
        let body = format!("{OWNED} {OF_FLEET}");
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).is_ok()
    });
    let house = house_before(upstream, &[SHARED, &url, &key, "redis.timeout=200ms"]);
    let answer = house.get("/fleet", Some(&house.manager(Some("post"))));
    assert_eq!(answer.text(), format!("{OWNED} {MASK}"));
    redis.go_on();
    let record = house.gateway.records(1);
    assert_eq!(
        record[0]["shortfall"], "directory-unavailable",
        "{record:?}"
    );
}
