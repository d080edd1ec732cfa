//! Does the real binary enforce what was decided, over real sockets?
//!
//! An upstream that keeps raw bytes is the oracle: what it saw was forwarded, and nothing else was.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

mod support;
#[path = "gateway/wire.rs"]
mod wire;
#[path = "gateway/life.rs"]
mod life;
#[path = "gateway/answers.rs"]
mod answers;
#[path = "gateway/record.rs"]
mod record;
#[path = "gateway/tls.rs"]
mod tls;
#[path = "gateway/shown.rs"]
mod shown;
#[path = "gateway/clients.rs"]
mod clients;
#[path = "gateway/http2.rs"]
mod http2;
#[path = "gateway/faults.rs"]
mod faults;
#[path = "gateway/limits.rs"]
mod limits;
#[path = "gateway/crash.rs"]
mod crash;
#[path = "gateway/disk.rs"]
mod disk;
#[path = "gateway/operators.rs"]
mod operators;
#[path = "gateway/fuse.rs"]
mod fuse;
#[path = "gateway/grants.rs"]
mod grants;
#[path = "gateway/bundles.rs"]
mod bundles;
#[path = "gateway/unbuilt.rs"]
mod unbuilt;
#[path = "gateway/status.rs"]
mod status;
#[path = "gateway/lists.rs"]
mod lists;
#[path = "gateway/polls.rs"]
mod polls;
#[path = "gateway/bound.rs"]
mod bound;
#[path = "gateway/keys.rs"]
mod keys;
#[path = "gateway/introspection.rs"]
mod introspection;
#[path = "gateway/references.rs"]
mod references;

use support::{Gateway, Plan, Tokens, Upstream};

/// A car of `owner`.
const OWNED: &str = "SJNFAAZE0U6012345";
/// A car of `stranger`.
const FOREIGN: &str = "SJNFAAZE0U6054321";

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
id = "records"
surface = "mobile"
methods = ["POST"]
path = "/gdc/BatteryStatusRecordsRequest.php"
action = "ReadBatteryStatus"
vehicle = { form = "VIN" }
upstream = "telematics"

[[route]]
id = "climate"
surface = "mobile"
methods = ["POST"]
path = "/gdc/ACRemoteRequest.php"
action = "StartClimate"
vehicle = { form = "VIN" }
upstream = "telematics"
quotas = ["commands"]

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

[[route]]
id = "off"
surface = "portal"
methods = ["GET"]
path = "/owners/off"
action = "ReadStatic"
vehicle = "none"
identity = "none"
because = "public files"
off = "this page is not offered yet"
upstream = "telematics"
"#;

const MORE: &str = r#"
[quotas.commands]
quota = 3
window = "1d"
key = ["vehicle"]
store = "local"

[door]
requests_per_second = 100000
burst = 100000
"#;

fn vehicles() -> String {
    let car = |vin: &str, owner: &str| {
        serde_json::json!({
            "vin": vin, "owner": owner, "drivers": [], "fleet": null, "region": "NE",
            "trim": "SV", "capabilities": ["climate", "charging"], "telematics": true,
        })
        .to_string()
    };
    format!("{}\n{}\n", car(OWNED, "owner"), car(FOREIGN, "stranger"))
}

/// A gateway with the routes above.
struct House {
    upstream: Upstream,
    tokens: Tokens,
    gateway: Gateway,
}

impl House {
    fn start() -> Self {
        Self::with(&[])
    }

    /// With `--set` overrides.
    fn with(set: &[&str]) -> Self {
        Self::before(Upstream::start(), MORE, set)
    }

    /// Before an upstream, with other settings instead of `MORE`.
    fn before(upstream: Upstream, config: &str, set: &[&str]) -> Self {
        let tokens = Tokens::new();
        let vehicles = vehicles();
        let plan = Plan {
            routes: ROUTES,
            config,
            vehicles: &vehicles,
            set,
            ..Plan::default()
        };
        let gateway = Gateway::start(&plan, &upstream, &tokens);
        Self {
            upstream,
            tokens,
            gateway,
        }
    }

    fn owner(&self) -> String {
        self.tokens.token("owner")
    }

    /// The head of a request of the owner, up to its last field.
    fn head(&self, method: &str, target: &str) -> String {
        let token = self.owner();
        format!("{method} {target} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n")
    }

    /// A command of the owner.
    fn command(&self) -> support::Answer {
        let (owner, form) = (self.owner(), format!("VIN={OWNED}"));
        let path = "/gdc/ACRemoteRequest.php";
        support::post_form(self.gateway.edge, path, Some(&owner), &form)
    }

    /// A read of the owner.
    fn read(&self) -> support::Answer {
        let target = format!("/cars/{OWNED}/battery");
        support::get(self.gateway.edge, &target, Some(&self.owner()))
    }
}
