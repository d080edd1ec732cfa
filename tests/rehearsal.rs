//! Does the gateway answer its own questions as it answers everybody's, and never lets one through?
//!
//! A gateway in this process, over real sockets, before an upstream that keeps raw bytes.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod support;
#[path = "rehearsal/drills.rs"]
mod drills;
#[path = "rehearsal/fuses.rs"]
mod fuses;
#[path = "rehearsal/probes.rs"]
mod probes;
#[path = "rehearsal/tickets.rs"]
mod tickets;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use vingate::adapters::audit_log::AuditLog;
use vingate::adapters::door::LocalDoor;
use vingate::adapters::embedded::{BadLines, EmbeddedDirectory, Terms};
use vingate::adapters::introspection::Introspections;
use vingate::adapters::ledger::LocalLedger;
use vingate::adapters::result_keys::LocalResultKeys;
use vingate::adapters::used_proofs::LocalUsedProofs;
use vingate::chain::ChainKey;
use vingate::config::file::Listener;
use vingate::edge::shown::Shown;
use vingate::edge::tls::Certificates;
use vingate::edge::{self, Connections, Doorway};
use vingate::gateway::Shared;
use vingate::gateway::in_flight::InFlight;
use vingate::pipeline::ports::Ports;
use vingate::pipeline::rehearsal::Rehearsals;
use vingate::prober::LoopbackProber;
use vingate::revocations::Revocations;
use vingate::switchboard::changes::{self, By, New};
use vingate::switchboard::closure::What;
use vingate::switchboard::fuse::Fuses;
use vingate::switchboard::probe::{Probed, Prober};
use vingate::switchboard::store::{ColdStart, Switchboard};
use vingate::switchboard::{Closure, Ramp, Scope, Share, Shut, State};
use vingate::telemetry::Telemetry;
use vingate::traffic::Traffic;

use support::{Plan, Tokens, Upstream, gateway};

/// A car of `owner`.
const OWNED: &str = "SJNFAAZE0U6012345";
/// A car of `stranger`.
const FOREIGN: &str = "SJNFAAZE0U6054321";

const ROUTES: &str = r#"
[[route]]
id = "battery"
surface = "mobile"
methods = ["GET"]
path = "/{version}/cars/{vin}/battery"
where = { version = ["v1", "v2"] }
action = "ReadBatteryStatus"
vehicle = { path = "vin" }
upstream = "telematics"

[[route]]
id = "climate"
surface = "mobile"
methods = ["POST"]
path = "/{version}/climate"
where = { version = ["v1", "v2"] }
action = "StartClimate"
vehicle = { form = "VIN" }
upstream = "telematics"
quotas = ["commands"]

[[route]]
id = "hvac"
surface = "mobile"
methods = ["POST"]
path = "/{version}/cars/{vin}/hvac"
where = { version = ["v1", "v2"] }
action = { json = "/action", values = { start = "StartClimate", stop = "StopClimate" } }
vehicle = { path = "vin" }
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

const MORE: &str = r#"
[quotas.commands]
quota = 3
window = "1d"
key = ["vehicle"]
store = "local"

[regions.NE]
hosts = ["ne.example"]

[fuses.probing]
surface = "mobile"
codes = ["access-denied"]
distinct_principals = 3
window = "5m"
state = "closed"
close = { surfaces = ["mobile"], actions = ["ReadBatteryStatus"] }
for = "30m"
"#;

/// A gateway of this process.
struct House {
    upstream: Upstream,
    tokens: Tokens,
    switchboard: Arc<Switchboard>,
    shared: Arc<Shared>,
    audit: Arc<AuditLog>,
    doorway: Doorway,
    runtime: Runtime,
    folder: TempDir,
    _stop: watch::Sender<bool>,
}

/// What the edge shows and asks for, if it speaks TLS.
fn shown(listener: &Listener, shared: &Shared) -> Option<Arc<Shown>> {
    let read = Certificates::read(listener.tls.as_ref()?).unwrap();
    let rules = shared.rules.load();
    let asked = rules.issuers.certificates().of_listener("edge");
    Some(Shown::new(read, asked).unwrap())
}

impl House {
    fn start() -> Self {
        Self::with(&[])
    }

    /// With `--set` overrides.
    fn with(set: &[&str]) -> Self {
        let (folder, tokens) = (TempDir::new().unwrap(), Tokens::new());
        let upstream = Upstream::start();
        let plan = Plan {
            routes: ROUTES,
            config: MORE,
            ..Plan::default()
        };
        gateway::write_inputs(&plan, &upstream, &tokens, &folder);
        let mut words = vec![r#"surfaces.mobile.client_version={ path = "version" }"#.to_owned()];
        words.extend(set.iter().map(|set| (*set).to_owned()));
        let loaded = vingate::config::load(&folder.path().join("vingate.toml"), &words)
            .unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let rules = vingate::rules::build(&loaded).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let config = &loaded.config;
        let switchboard = Switchboard::open(&config.switches.directory, &ColdStart::default());
        let switchboard = Arc::new(switchboard.unwrap().0);
        let audit = AuditLog::open(&config.audit.file, 1_024, ChainKey::new(&[7; 32]));
        let audit = Arc::new(audit.unwrap());
        let (fuses, blowing) = Fuses::new(&config.fuses);
        let (runtime, (stop, stopped)) = (Runtime::new().unwrap(), watch::channel(false));
        let shared = Arc::new(Shared {
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            switchboard: Arc::clone(&switchboard),
            revocations: Arc::new(no_revocations(&folder)),
            ports: Ports {
                directory: Arc::new(directory(&folder)),
                used_proofs: Arc::new(LocalUsedProofs::new().unwrap()),
                introspection: asks_nobody(&runtime),
                result_keys: Arc::new(LocalResultKeys::new().unwrap()),
                door: Arc::new(LocalDoor::new(&config.door)),
                ledger: Arc::new(LocalLedger::new(1_000)),
                audit: Arc::<AuditLog>::clone(&audit),
            },
            telemetry: Arc::new(Telemetry::new().unwrap()),
            traffic: Arc::new(Traffic::new(vingate::clock::unix_time())),
            rehearsals: Arc::new(Rehearsals::new().unwrap()),
            fuses,
            in_flight: InFlight::new(0),
        });
        let listener = &config.listeners["edge"];
        let shown = shown(listener, &shared);
        let bound = edge::bind("edge", listener, shown).unwrap();
        let doorway = bound.doorway();
        let connections = Connections::new(64, stopped);
        runtime.block_on(async {
            let listening = edge::listen(bound, Arc::clone(&shared), connections).unwrap();
            tokio::spawn(listening.serve());
            tokio::spawn(blowing.serve(Arc::clone(&switchboard), |_| {}));
        });
        Self {
            upstream,
            tokens,
            switchboard,
            shared,
            audit,
            doorway,
            runtime,
            folder,
            _stop: stop,
        }
    }

    fn address(&self) -> SocketAddr {
        self.doorway.address
    }

    fn prober(&self) -> LoopbackProber {
        self.prober_at(self.doorway.clone())
    }

    fn prober_at(&self, doorway: Doorway) -> LoopbackProber {
        LoopbackProber::new(
            vec![doorway],
            Arc::clone(&self.shared.rules),
            Arc::clone(&self.switchboard),
            Arc::clone(&self.shared.rehearsals),
        )
    }

    fn probe(&self, closure: &Closure) -> Result<Probed, String> {
        self.runtime.block_on(self.prober().probe(closure))
    }

    /// Puts a closure in force.
    fn close(&self, id: &str, scope: Scope, state: State) -> Arc<Closure> {
        let new = New {
            state,
            ..New::closing(id.to_owned(), scope, "test".to_owned())
        };
        let begin = |revision| changes::begin(new, by(revision));
        let closed = self
            .switchboard
            .close(|_, revision| Ok::<_, ()>(begin(revision)));
        closed.unwrap().closure
    }

    /// Takes a closure out of force.
    fn open(&self, closure: &Closure) {
        let opened = self
            .switchboard
            .open_up(|_, revision| changes::set(closure, State::Open, What::Open, by(revision)));
        assert!(!opened.unwrap().closure.is_in_force());
    }

    /// The records so far, once all are written.
    fn records(&self) -> Vec<serde_json::Value> {
        for _ in 0..1_000 {
            if self.audit.waiting() == 0 {
                break;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(10));
        }
        let text = std::fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn by(revision: u64) -> By<'static> {
    By {
        who: "operator",
        at: vingate::clock::unix_time().as_secs(),
        revision,
        break_glass: false,
    }
}

fn directory(folder: &TempDir) -> EmbeddedDirectory {
    let directory = EmbeddedDirectory::open(&folder.path().join("own.redb")).unwrap();
    let car = |vin: &str, owner: &str| {
        serde_json::json!({
            "vin": vin, "owner": owner, "drivers": [], "fleet": null, "region": "NE",
            "trim": "SV", "capabilities": ["climate", "charging"], "telematics": true,
        })
        .to_string()
    };
    let lines = format!("{}\n{}\n", car(OWNED, "owner"), car(FOREIGN, "stranger"));
    let mut lines = std::io::BufReader::new(lines.as_bytes());
    let terms = Terms {
        bad: BadLines::Refuse,
        regions: set(&["NE"]),
        issuers: set(&[]),
    };
    directory.import(&mut lines, &terms).unwrap();
    directory
}

fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

fn surface(name: &str) -> Scope {
    Scope {
        surfaces: set(&[name]),
        ..Scope::default()
    }
}

fn ramp(from: Shut, stage: Share) -> State {
    State::Restoring(Ramp {
        from,
        stage,
        since: 0,
        step: None,
        testers: set(&[]),
        draw: "00".to_owned(),
    })
}

fn asks_nobody(runtime: &Runtime) -> Arc<Introspections> {
    let asks = Introspections::new(runtime.handle().clone(), std::iter::empty());
    Arc::new(asks)
}

fn no_revocations(folder: &TempDir) -> Revocations {
    Revocations::open(folder.path(), false, BTreeSet::new())
        .unwrap()
        .0
}
