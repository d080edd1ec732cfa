//! Do the shipped partner and roadside routes reach the vehicle that an alias or a case means?

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::OWNED;
use crate::support::{Answer, Gateway, Plan, Tokens, Upstream, client};

const OTHER: &str = "SJNFAAZE0U6011111";

const PARTIES: &str = r#"
[surfaces.partner]
issuers = ["partners"]
on_cold_start = "open"

[surfaces.roadside]
issuers = ["agents"]
on_cold_start = "open"

[issuers.partners]
issuer = "https://partners.test"
audiences = ["telematics"]
algorithms = ["ES256"]
jwks_file = "jwks.json"
max_lifetime = "1h"
principal = "Client"

[issuers.agents]
issuer = "https://agents.test"
audiences = ["telematics"]
algorithms = ["ES256"]
jwks_file = "jwks.json"
max_lifetime = "1h"
principal = "Agent"
strong_acr = ["mfa"]
"#;

struct House {
    upstream: Upstream,
    tokens: Tokens,
    gateway: Gateway,
}

/// The shipped routes, each quota of which is one here.
fn routes() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/leaf/routes");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let all = read("partner.toml") + &read("roadside.toml");
    let lines = all.lines().filter(|line| !line.starts_with("quotas"));
    lines.collect::<Vec<_>>().join("\n")
}

fn house() -> House {
    let (upstream, tokens) = (Upstream::start(), Tokens::new());
    let far = "2100-01-01T00:00:00Z";
    let car = json!({
        "vin": OWNED, "owner": "owner", "region": "NE", "trim": "SV", "telematics": true,
        "capabilities": ["charging", "doors", "location"],
        "consents": [{
            "client": "charger",
            "scopes": ["read_status", "read_location", "read_vin", "control", "control_security"],
            "until": far,
        }],
        "cases": [
            {"case": "K1", "agent": "gil", "until": far},
            {"case": "K0", "agent": "gil", "until": "2020-01-01T00:00:00Z"},
        ],
    });
    let other = json!({
        "vin": OTHER, "owner": "stranger", "region": "NE", "trim": "SV", "telematics": true,
        "capabilities": ["charging", "doors", "location"],
        "cases": [{"case": "K2", "agent": "ann", "until": far}],
    });
    let alias = |client: &str, alias: &str, vin: &str| {
        json!({"alias": alias, "client": client, "vin": vin}).to_string()
    };
    let lines = [
        car.to_string(),
        other.to_string(),
        alias("charger", "a-1", OWNED),
        alias("charger", "a-2", OTHER),
        alias("tracker", "t-1", OWNED),
    ];
    let plan = Plan {
        routes: &routes(),
        config: PARTIES,
        vehicles: &lines.join("\n"),
        ..Plan::default()
    };
    let gateway = Gateway::start(&plan, &upstream, &tokens);
    House {
        upstream,
        tokens,
        gateway,
    }
}

impl House {
    fn ask(&self, issuer: &str, subject: &str, line: &str, body: &str) -> Answer {
        let mut claims = Tokens::claims(subject);
        claims["iss"] = json!(issuer);
        claims["scope"] = json!("read_status read_location read_vin control control_security");
        let (token, length) = (self.tokens.sign(&claims), body.len());
        let fields = if body.is_empty() {
            String::new()
        } else {
            format!("Content-Type: application/json\r\nContent-Length: {length}\r\n")
        };
        let request = format!(
            "{line} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n{fields}\
             Connection: close\r\n\r\n{body}"
        );
        client::exchange(self.gateway.edge, request.as_bytes())
    }

    fn partner(&self, line: &str, body: &str) -> Answer {
        self.ask("https://partners.test", "charger", line, body)
    }

    fn agent(&self, line: &str, body: &str) -> Answer {
        self.ask("https://agents.test", "gil", line, body)
    }

    /// What the upstream got: its first line, and what the gateway says of it.
    fn seen(&self) -> (String, Value) {
        let request = self.upstream.only_request();
        self.upstream.clear();
        let first = request.lines().next().unwrap().to_owned();
        let mut fields = request.lines().filter_map(|line| line.split_once(": "));
        let assertion = fields.find(|(name, _)| name.eq_ignore_ascii_case("vingate-assertion"));
        let claims = assertion.unwrap().1.split('.').nth(1).unwrap();
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
        (first, serde_json::from_slice(&claims).unwrap())
    }
}

#[test]
fn a_partner_reads_and_charges_by_its_own_alias() {
    let house = house();
    let start = r#"{"data":{"attributes":{"action":"start"}}}"#;
    for (line, body, action) in [
        ("GET /partner/v1/vehicles/a-1/odometer", "", "ReadOdometer"),
        (
            "GET /partner/v1/vehicles/a-1/battery",
            "",
            "ReadBatteryStatus",
        ),
        (
            "GET /partner/v1/vehicles/a-1/charge",
            "",
            "ReadBatteryStatus",
        ),
        ("GET /partner/v1/vehicles/a-1/location", "", "ReadLocation"),
        ("GET /partner/v1/vehicles/a-1/vin", "", "ReadVin"),
        (
            "POST /partner/v1/vehicles/a-1/charge",
            start,
            "StartCharging",
        ),
    ] {
        let answer = house.partner(line, body);
        assert_eq!(answer.status, 200, "{line}: {}", answer.text());
        let (first, claims) = house.seen();
        assert_eq!(first, format!("{line} HTTP/1.1"), "as it came");
        assert_eq!(claims["vin"], OWNED, "{line}");
        assert_eq!(claims["action"], action, "{line}");
    }
    let lock = r#"{"data":{"attributes":{"action":"unlock"}}}"#;
    let answer = house.partner("POST /partner/v1/vehicles/a-1/security", lock);
    assert_eq!(answer.status, 503, "off, whatever the owner agreed to");
}

#[test]
fn a_partners_answer_carries_the_vin_of_that_car_alone() {
    let house = house();
    let body = format!("{OWNED} {OTHER}");
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
    house.upstream.answer_with(answer.as_bytes());
    let answer = house.partner("GET /partner/v1/vehicles/a-1/vin", "");
    assert_eq!(answer.text(), format!("{OWNED} *****************"));
    let records = house.gateway.records(1);
    assert_eq!(records[0]["relation"], "partner");
    assert!(records[0]["vin"].is_string());
}

#[test]
fn an_agent_helps_by_an_open_case() {
    let house = house();
    for (line, body, action) in [
        (
            "GET /roadside/v1/cases/K1/vehicle/location",
            "",
            "ReadLocation",
        ),
        (
            "POST /roadside/v1/cases/K1/vehicle/unlock",
            "{}",
            "UnlockDoors",
        ),
    ] {
        let answer = house.agent(line, body);
        assert_eq!(answer.status, 200, "{line}: {}", answer.text());
        let (first, claims) = house.seen();
        assert_eq!(first, format!("{line} HTTP/1.1"), "as it came");
        assert_eq!(claims["vin"], OWNED, "{line}");
        assert_eq!(claims["action"], action, "{line}");
    }
    let words = [
        "ownership",
        "revoke",
        OWNED,
        "--case",
        "K1",
        "--reason",
        "done",
    ];
    assert!(house.gateway.operate(&words).status.success());
    let answer = house.agent("GET /roadside/v1/cases/K1/vehicle/location", "");
    assert_eq!(answer.status, 403, "closed for the next request");
}

/// Foreign, closed, forgotten or never there: one answer, to the byte.
#[test]
fn what_leads_nowhere_is_answered_as_a_foreign_car() {
    let house = house();
    let clean = |answer: Answer| {
        let id = answer.header("x-request-id").unwrap().to_owned();
        let headers = answer.headers.iter().filter(|(name, _)| name != "date");
        let headers: Vec<String> = headers
            .map(|(name, value)| format!("{name}: {}", value.replace(&id, "ID")))
            .collect();
        (answer.status, headers, answer.text().replace(&id, "ID"))
    };
    let partner = |alias: &str| {
        let line = format!("GET /partner/v1/vehicles/{alias}/battery");
        clean(house.partner(&line, ""))
    };
    let foreign = partner("a-2");
    assert_eq!(foreign.0, 403);
    for alias in ["t-1", "a-9", OWNED, OTHER] {
        assert_eq!(partner(alias), foreign, "{alias}");
    }
    let agent = |case: &str| {
        let line = format!("GET /roadside/v1/cases/{case}/vehicle/location");
        clean(house.agent(&line, ""))
    };
    let foreign = agent("K2");
    assert_eq!(foreign.0, 403);
    for case in ["K0", "K9", OWNED] {
        assert_eq!(agent(case), foreign, "{case}");
    }
    assert!(
        house.upstream.requests().is_empty(),
        "nothing was forwarded"
    );
}
