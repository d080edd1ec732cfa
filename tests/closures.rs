//! What do users of the real binary hear of what is closed, or will be gone?
//!
//! The switch board is written before the gateway starts, except where it matters that a closure comes
//! while a request is being served.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod support;
#[path = "closures/table.rs"]
mod table;
#[path = "closures/notice.rs"]
mod notice;
#[path = "closures/in_flight.rs"]
mod in_flight;
#[path = "closures/retired.rs"]
mod retired;

use serde_json::Value;
use support::certificates::Authority;
use support::{Answer, Gateway, Plan, Tokens, Upstream, board};

/// A car of `owner`.
const OWNED: &str = "SJNFAAZE0U6012345";

const ROUTES: &str = r#"
[[route]]
id = "api.battery"
surface = "api"
methods = ["GET"]
path = "/cars/{vin}/battery"
action = "ReadBatteryStatus"
vehicle = { path = "vin" }
upstream = "telematics"

[[route]]
id = "api.climate"
surface = "api"
methods = ["POST"]
path = "/cars/{vin}/climate"
action = "StartClimate"
vehicle = { path = "vin" }
body = "opaque"
because = "messages of gRPC"
upstream = "telematics"

[[route]]
id = "mobile.climate"
surface = "mobile"
methods = ["POST"]
path = "/gdc/ACRemoteRequest.php"
action = "StartClimate"
vehicle = { form = "VIN" }
upstream = "telematics"

[[route]]
id = "device.ingest"
surface = "device"
methods = ["POST"]
path = "/ingest/{vin}"
action = "IngestTelemetry"
vehicle = { path = "vin" }
body = "opaque"
because = "measurements"
upstream = "telematics"

[[route]]
id = "portal.page"
surface = "portal"
methods = ["GET"]
path = "/owners/{*rest}"
action = "ReadStatic"
vehicle = "none"
identity = "none"
because = "public files"
upstream = "telematics"

[[route]]
id = "portal.car"
surface = "portal"
methods = ["GET"]
path = "/mycar/{vin}"
action = "ReadBatteryStatus"
vehicle = { path = "vin" }
upstream = "telematics"
"#;

const MORE: &str = r#"
[surfaces.api]
issuers = ["owners"]
on_cold_start = "open"
client_version = { header = "x-app-version" }

[surfaces.device]
issuers = ["cars"]
on_cold_start = "open"

[issuers.cars]
issuer = "https://cars.test"
audiences = ["telematics"]
algorithms = ["ES256"]
jwks_file = "jwks.json"
max_lifetime = "1h"
principal = "Vehicle"

[regions.NE]
hosts = ["ne.test"]

[door]
requests_per_second = 100000
burst = 100000
"#;

/// What every gateway here is started with.
const SET: &[&str] = &[
    "issuers.owners.tenant_claim=tenant",
    "surfaces.mobile.client_version={ header = \"x-app-version\" }",
];

/// A gateway with the routes above.
struct House {
    upstream: Upstream,
    tokens: Tokens,
    gateway: Gateway,
    /// Where its edge speaks TLS.
    authority: Option<Authority>,
}

impl House {
    /// With these closures.
    fn with(closures: &[Value]) -> Self {
        Self::before(Upstream::start(), ROUTES, closures)
    }

    /// Before an upstream, with these routes.
    fn before(upstream: Upstream, routes: &str, closures: &[Value]) -> Self {
        Self::start(upstream, routes, closures, &[])
    }

    /// Before an upstream, its edge by TLS.
    fn with_tls(upstream: Upstream, closures: &[Value]) -> Self {
        let folder = tempfile::tempdir().unwrap().keep();
        let authority = Authority::new(&folder);
        let pair = authority.issue("localhost");
        let listener = format!(
            "listeners.edge.tls={{ certificate_file = \"{}\", key_file = \"{}\" }}",
            pair.certificate.display(),
            pair.key.display()
        );
        let mut house = Self::start(upstream, ROUTES, closures, &[&listener]);
        house.authority = Some(authority);
        house
    }

    fn start(upstream: Upstream, routes: &str, closures: &[Value], set: &[&str]) -> Self {
        let tokens = Tokens::new();
        let car = serde_json::json!({
            "vin": OWNED, "owner": "owner", "drivers": [], "fleet": null, "region": "NE",
            "trim": "SV", "capabilities": ["climate", "charging"], "telematics": true,
        });
        let all: Vec<&str> = SET.iter().chain(set).copied().collect();
        let plan = Plan {
            routes,
            config: MORE,
            vehicles: &format!("{car}\n"),
            set: &all,
            board: closures,
            ..Plan::default()
        };
        let gateway = Gateway::start(&plan, &upstream, &tokens);
        Self {
            upstream,
            tokens,
            gateway,
            authority: None,
        }
    }

    fn owner(&self) -> String {
        let mut claims = Tokens::claims("owner");
        claims["tenant"] = "leasing".into();
        self.tokens.sign(&claims)
    }

    /// One request of the owner, from its first line to its last field.
    fn ask(&self, first: &str, fields: &[&str]) -> Answer {
        let head = self.request(first, fields);
        support::exchange(self.gateway.edge, head.as_bytes())
    }

    /// The bytes of such a request.
    fn request(&self, first: &str, fields: &[&str]) -> String {
        let token = self.owner();
        let mut head = format!("{first} HTTP/1.1\r\nAuthorization: Bearer {token}\r\n");
        if !fields.iter().any(|field| field.starts_with("Host:")) {
            head.push_str("Host: ne.test\r\n");
        }
        for field in fields {
            head.push_str(field);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head
    }
}

/// A closed state.
fn closed() -> Value {
    serde_json::json!({ "is": "closed" })
}

/// A closure of one surface, closed.
fn of_surface(surface: &str) -> Value {
    let scope = serde_json::json!({ "surfaces": [surface] });
    board::closure("c-1", &scope, &closed())
}
