//! Can any bytes make the upstream act on what was not judged?
//!
//! Attacks by the table, fired at the real binary: the upstream that keeps raw bytes is the oracle.
//! Each table has a control that does get through, so that a row can't be refused for another reason.

mod support;
#[path = "bypass/paths.rs"]
mod paths;
#[path = "bypass/framing.rs"]
mod framing;
#[path = "bypass/copies.rs"]
mod copies;
#[path = "bypass/bodies.rs"]
mod bodies;
#[path = "bypass/identity.rs"]
mod identity;
#[path = "bypass/leaks.rs"]
mod leaks;
#[path = "bypass/connections.rs"]
mod connections;
#[path = "bypass/estate.rs"]
mod estate;

use std::cell::Cell;

use support::client::exchange_raw;
use support::{Gateway, Plan, Tokens, Upstream};

/// A car of `owner`.
const OWNED: &str = "SJNFAAZE0U6012345";
/// A car of `stranger`, who is never the one who asks here.
const FOREIGN: &str = "SJNFAAZE0U6054321";

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const JSON: &str = "Content-Type: application/json";

const ROUTES: &str = r#"
[[route]]
id = "battery"
surface = "mobile"
methods = ["GET"]
path = "/cars/{vin}/battery"
action = "ReadBatteryStatus"
vehicle = { path = "vin" }
upstream = "telematics"

[[route]]
id = "records-get"
surface = "mobile"
methods = ["GET"]
path = "/gdc/Records.php"
action = "ReadBatteryStatus"
vehicle = { query = "VIN" }
upstream = "telematics"

[[route]]
id = "records"
surface = "mobile"
methods = ["POST"]
path = "/gdc/Records.php"
action = "ReadBatteryStatus"
vehicle = { form = "VIN" }
upstream = "telematics"

[[route]]
id = "car-json"
surface = "mobile"
methods = ["POST"]
path = "/json/records"
action = "ReadBatteryStatus"
vehicle = { json = "/data/vehicleId" }
upstream = "telematics"

[[route]]
id = "car-header"
surface = "mobile"
methods = ["GET"]
path = "/header/records"
action = "ReadBatteryStatus"
vehicle = { header = "Car-Id" }
upstream = "telematics"

[[route]]
id = "hvac"
surface = "mobile"
methods = ["GET"]
path = "/cars/{vin}/hvac"
action = { query = "fan", values = { on = "StartClimate", off = "StopClimate" } }
vehicle = { path = "vin" }
upstream = "telematics"

[[route]]
id = "hvac-json"
surface = "mobile"
methods = ["POST"]
path = "/cars/{vin}/hvac"
action = { json = "/data/attributes/task", values = { start = "StartClimate", stop = "StopClimate" } }
vehicle = { path = "vin" }
upstream = "telematics"

[[route]]
id = "cars"
surface = "mobile"
methods = ["GET"]
path = "/cars"
action = "ListVehicles"
vehicle = "none"
because = "the cars of whoever asks"
upstream = "telematics"

[[route]]
id = "static"
surface = "portal"
methods = ["GET", "POST"]
path = "/owners/static/{*rest}"
action = "ReadStatic"
vehicle = "none"
identity = "none"
because = "public files"
upstream = "telematics"
"#;

const MORE: &str = r"
[door]
requests_per_second = 100000
burst = 100000
";

/// A gateway with the routes above.
struct House {
    upstream: Upstream,
    tokens: Tokens,
    gateway: Gateway,
    owner: String,
    /// Requests sent by [`House::reaches`].
    asked: Cell<usize>,
}

/// An attack: what it is, and its bytes.
type Row = (&'static str, Vec<u8>);

impl House {
    fn start() -> Self {
        let (upstream, tokens) = (Upstream::start(), Tokens::new());
        let car = |vin: &str, owner: &str| {
            serde_json::json!({
                "vin": vin, "owner": owner, "drivers": [], "fleet": null, "region": "NE",
                "trim": "SV", "capabilities": ["climate"], "telematics": true,
            })
        };
        let plan = Plan {
            routes: ROUTES,
            config: MORE,
            vehicles: &format!("{}\n{}\n", car(OWNED, "owner"), car(FOREIGN, "stranger")),
            set: &["limits.body_timeout=1s", "limits.header_timeout=1s"],
            ..Plan::default()
        };
        let gateway = Gateway::start(&plan, &upstream, &tokens);
        let owner = tokens.token("owner");
        Self {
            upstream,
            tokens,
            gateway,
            owner,
            asked: Cell::new(0),
        }
    }

    /// A request of the owner: its first line, further fields (each with its end), its body.
    fn ask(&self, line: &str, fields: &str, body: &str) -> Vec<u8> {
        let owner = &self.owner;
        format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer {owner}\r\n{fields}\r\n{body}"
        )
        .into_bytes()
    }

    /// As [`Self::ask`], with the body's length.
    fn send(&self, line: &str, kind: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        self.ask(
            line,
            &format!("{kind}\r\nContent-Length: {length}\r\n"),
            body,
        )
    }

    /// What reaches the upstream of one request, as text.
    fn reaches(&self, request: &[u8]) -> (String, Vec<String>) {
        self.upstream.clear();
        self.asked.set(self.asked.get().saturating_add(1));
        let answer = exchange_raw(self.gateway.edge, request);
        let seen = self.upstream.requests();
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        (text(&answer), seen.iter().map(text).collect())
    }

    /// Every attack gets an answer that is a refusal, and nothing of any reaches the upstream.
    fn refuses(&self, rows: &[Row]) {
        let mut passed = Vec::new();
        for (name, request) in rows {
            let (answer, seen) = self.reaches(request);
            let status = answer.split(' ').nth(1).unwrap_or("no answer").to_owned();
            let refused = matches!(
                &*status,
                "400" | "401" | "403" | "404" | "405" | "408" | "415"
            );
            if !refused || !seen.is_empty() {
                let lines: Vec<_> = seen
                    .iter()
                    .filter_map(|request| request.lines().next())
                    .collect();
                passed.push(format!("{name}: {status}, upstream saw {lines:?}"));
            }
        }
        assert!(passed.is_empty(), "got through: {passed:#?}");
    }

    /// The end: each request left one record, and none of them, nor the log, names a car or a token.
    fn one_record_each(self) {
        let stderr = self.gateway.stderr();
        let (status, folder) = self.gateway.stop();
        assert!(status.success(), "{status}");
        let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap_or_default();
        assert_eq!(text.lines().count(), self.asked.get(), "{text}");
        for secret in [OWNED, FOREIGN, &self.owner, "panicked"] {
            assert!(
                !text.contains(secret) && !stderr.contains(secret),
                "{secret}"
            );
        }
    }

    /// The control: these do get through, each as one request.
    fn lets_through(&self, rows: &[Row]) {
        for (name, request) in rows {
            let (answer, seen) = self.reaches(request);
            assert!(answer.starts_with("HTTP/1.1 200 "), "{name}: {answer}");
            assert_eq!(seen.len(), 1, "{name}: {seen:?}");
        }
    }
}
