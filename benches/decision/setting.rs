//! Real rules, a real directory, ledger and door, and one request.

use std::collections::BTreeSet;
use std::io::BufReader;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Version, header};
use uuid::Uuid;
use vingate::adapters::door::LocalDoor;
use vingate::adapters::embedded::{BadLines, EmbeddedDirectory, Terms};
use vingate::adapters::ledger::LocalLedger;
use vingate::adapters::result_keys::LocalResultKeys;
use vingate::adapters::used_proofs::LocalUsedProofs;
use vingate::config::file::Door as DoorSettings;
use vingate::denial::Denial;
use vingate::pipeline::RequestHead;
use vingate::pipeline::audit::Intent;
use vingate::pipeline::head::{self, HeadLimits, ListenerFacts, RawHead};
use vingate::pipeline::identity::introspected::Source;
use vingate::pipeline::ports::{
    AuditSink, AuditSlot, BodySource, Introspection, LookupError, Ports,
};
use vingate::revocations::Revocations;
use vingate::rules::Rules;
use vingate::switchboard::Board;

use crate::support::{Plan, Tokens, Upstream, gateway};

pub(crate) const ROUTES: &str = r#"
[[route]]
id = "battery"
surface = "mobile"
methods = ["GET"]
path = "/cars/{vin}/battery"
action = "ReadBatteryStatus"
vehicle = { path = "vin" }
upstream = "telematics"
quotas = ["reads", "reads-per-vehicle"]
"#;

pub(crate) const QUOTAS: &str = r#"
[quotas.reads]
quota = 4000000000
window = "1m"
key = ["principal"]
store = "local"

[quotas.reads-per-vehicle]
quota = 4000000000
window = "1m"
key = ["vehicle"]
store = "local"
"#;

pub(crate) const VIN: &str = "SJNFAAZE0U6012345";

/// Takes records and forgets them: the writer thread's work isn't the decision's.
pub(crate) struct Nowhere;

#[async_trait]
impl AuditSink for Nowhere {
    fn reserve(&self) -> Result<Box<dyn AuditSlot>, LookupError> {
        Err(LookupError::Unreachable)
    }

    fn count_unrecorded(&self) {}

    async fn intend(&self, _: Intent) -> Result<(), LookupError> {
        Ok(())
    }
}

#[async_trait]
impl Introspection for Nowhere {
    async fn ask(&self, _: &Source, _: &str) -> Result<Bytes, LookupError> {
        Err(LookupError::Unreachable)
    }
}

pub(crate) struct NoBody;

#[async_trait]
impl BodySource for NoBody {
    fn announced(&self) -> Option<u64> {
        None
    }

    async fn read(&mut self, _: usize) -> Result<Bytes, Denial> {
        Ok(Bytes::new())
    }
}

pub(crate) struct Setting {
    pub(crate) rules: Rules,
    pub(crate) ports: Ports,
    pub(crate) board: Board,
    pub(crate) revoked: Revocations,
    pub(crate) headers: HeaderMap,
    pub(crate) stranger: HeaderMap,
    listener: ListenerFacts,
    _folder: tempfile::TempDir,
}

impl Setting {
    pub(crate) fn new(token_cache: u32) -> Self {
        Self::with(token_cache, ROUTES)
    }

    pub(crate) fn with(token_cache: u32, routes: &str) -> Self {
        let (folder, tokens) = (tempfile::TempDir::new().unwrap(), Tokens::new());
        let plan = Plan {
            routes,
            config: QUOTAS,
            ..Plan::default()
        };
        gateway::write_inputs(&plan, &Upstream::start(), &tokens, &folder);
        let set = [format!("limits.token_cache={token_cache}")];
        let loaded = vingate::config::load(&folder.path().join("vingate.toml"), &set).unwrap();
        let rules = vingate::rules::build(&loaded)
            .map_err(|m| m.to_string())
            .unwrap();
        let door = DoorSettings {
            requests_per_second: 1_000_000_000,
            burst: 1_000_000_000,
        };
        let ports = Ports {
            directory: Arc::new(directory(&folder, [VIN.to_owned()].into_iter())),
            used_proofs: Arc::new(LocalUsedProofs::new().unwrap()),
            introspection: Arc::new(Nowhere),
            result_keys: Arc::new(LocalResultKeys::new().unwrap()),
            door: Arc::new(LocalDoor::new(&door)),
            ledger: Arc::new(LocalLedger::new(100_000)),
            audit: Arc::new(Nowhere),
        };
        let revoked = Revocations::open(folder.path(), false, BTreeSet::new());
        let headers = |subject: &str| {
            let mut headers = HeaderMap::new();
            let token = format!("Bearer {}", tokens.token(subject));
            headers.insert(header::AUTHORIZATION, token.parse().unwrap());
            headers.insert(header::HOST, "api.example".parse().unwrap());
            headers.insert(header::ACCEPT, "application/json".parse().unwrap());
            headers.insert(
                header::USER_AGENT,
                "LEAF/2.5 (iPhone; iOS 19)".parse().unwrap(),
            );
            headers
        };
        let listener = ListenerFacts {
            name: Arc::from("edge"),
            tls: true,
            trusted_proxies: Vec::new(),
        };
        Self {
            rules,
            ports,
            board: Board::default(),
            revoked: revoked.unwrap().0,
            headers: headers("owner"),
            stranger: headers("stranger"),
            listener,
            _folder: folder,
        }
    }

    pub(crate) fn head(&self, headers: &HeaderMap) -> RequestHead {
        self.head_for(headers, VIN)
    }

    pub(crate) fn head_for(&self, headers: &HeaderMap, vin: &str) -> RequestHead {
        let target = format!("/cars/{vin}/battery");
        let raw = RawHead {
            id: Uuid::nil(),
            received_at: vingate::clock::unix_time(),
            listener: &self.listener,
            peer: [192, 0, 2, 1].into(),
            certificate: None,
            method: &Method::GET,
            version: Version::HTTP_11,
            target: target.as_bytes(),
            authority: None,
            headers,
            header_bytes: 900,
            two_framings: false,
            has_body: false,
            sent_ahead: false,
        };
        head::read(
            &raw,
            HeadLimits {
                header_bytes: 16_384,
                uri_bytes: 8_192,
            },
        )
        .unwrap()
    }
}

/// A directory of these cars, all of one owner.
pub(crate) fn directory(
    folder: &tempfile::TempDir,
    vins: impl Iterator<Item = String>,
) -> EmbeddedDirectory {
    let directory = EmbeddedDirectory::open(&folder.path().join("bench.redb")).unwrap();
    let line = |vin: String| {
        let line = serde_json::json!({
            "vin": vin, "owner": "owner",
            "drivers": [{"subject": "d", "entitlements": ["StartClimate"], "until": null}],
            "fleet": null, "region": "NE", "trim": "SV",
            "capabilities": ["climate", "charging", "location"], "telematics": true,
        });
        format!("{line}\n")
    };
    let lines: String = vins.map(line).collect();
    let terms = Terms {
        bad: BadLines::Refuse,
        regions: BTreeSet::new(),
        issuers: BTreeSet::new(),
    };
    directory
        .import(&mut BufReader::new(lines.as_bytes()), &terms)
        .unwrap();
    directory
}
