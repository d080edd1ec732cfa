//! Real rules over ports that do what a test says, and requests that are easy to write.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use tempfile::TempDir;
use uuid::Uuid;
use vingate::denial::Denial;
use vingate::pipeline::Findings;
use vingate::pipeline::decide::{Judge, Permit, decide};
use vingate::pipeline::head::{self, HeadLimits, ListenerFacts, RawHead};
use vingate::pipeline::ownership::VehicleFacts;
use vingate::pipeline::ports::{BodySource, Ports};
use vingate::pipeline::rehearsal::Rehearsal;
use vingate::pipeline::route::{Route, Router};
use vingate::revocations::Revocations;
use vingate::rules::Rules;
use vingate::switchboard::Board;

use crate::estate::{QUOTAS, ROUTES};
use crate::ports::Fakes;
use crate::support::{Plan, Tokens, Upstream, gateway};

/// A car of `owner`.
pub(crate) const OWNED: &str = "SJNFAAZE0U6012345";
/// A car of `stranger`.
pub(crate) const FOREIGN: &str = "SJNFAAZE0U6054321";
/// A car that the directory doesn't know.
pub(crate) const UNKNOWN: &str = "SJNFAAZE0U6099999";
/// A car of `owner` with telematics off.
pub(crate) const SILENT: &str = "SJNFAAZE0U6000001";

/// Real rules, fake ports.
pub(crate) struct Court {
    pub(crate) ports: Arc<Fakes>,
    pub(crate) board: Board,
    pub(crate) revoked: Revocations,
    pub(crate) recordable: bool,
    pub(crate) rehearsal: Option<Rehearsal>,
    rules: Rules,
    tokens: Tokens,
    _folder: TempDir,
}

impl Court {
    pub(crate) fn open() -> Self {
        Self::with(&[])
    }

    /// Facts of a vehicle, in place of those that were there.
    pub(crate) fn put(&mut self, vin: &str, facts: VehicleFacts) {
        let ports = Arc::get_mut(&mut self.ports).expect("nobody else asks");
        ports.vehicles.insert(vin.to_owned(), Arc::new(facts));
    }

    /// Suspends a subject.
    pub(crate) fn suspend(&mut self, issuer: &str, subject: &str) {
        let ports = Arc::get_mut(&mut self.ports).expect("nobody else asks");
        let whose = (issuer.to_owned(), subject.to_owned());
        ports.suspended.insert(whose);
    }

    /// A good token with these claims.
    pub(crate) fn sign(&self, claims: &serde_json::Value) -> String {
        self.tokens.sign(claims)
    }

    /// With `--set` overrides.
    pub(crate) fn with(set: &[&str]) -> Self {
        let (folder, tokens) = (TempDir::new().unwrap(), Tokens::new());
        let plan = Plan {
            routes: ROUTES,
            config: QUOTAS,
            ..Plan::default()
        };
        gateway::write_inputs(&plan, &Upstream::start(), &tokens, &folder);
        let set: Vec<String> = set.iter().map(|set| (*set).to_owned()).collect();
        let loaded = vingate::config::load(&folder.path().join("vingate.toml"), &set);
        let rules = vingate::rules::build(&loaded.expect("the configuration is right"));
        let rules = rules
            .map_err(|mistakes| mistakes.to_string())
            .expect("the rules build");
        let car = |owner: &str, telematics| {
            Arc::new(VehicleFacts {
                owner: Some(owner.to_owned()),
                region: "NE".to_owned(),
                trim: "SV".to_owned(),
                capabilities: vec!["climate".to_owned(), "charging".to_owned()],
                telematics,
                ..VehicleFacts::default()
            })
        };
        let vehicles = [
            (OWNED.to_owned(), car("owner", true)),
            (FOREIGN.to_owned(), car("stranger", true)),
            (SILENT.to_owned(), car("owner", false)),
        ];
        let revoked = Revocations::open(folder.path(), false, BTreeSet::new());
        let ports = Arc::new(Fakes {
            vehicles: vehicles.into(),
            ..Fakes::default()
        });
        Self {
            ports,
            board: Board::default(),
            revoked: revoked.expect("the folder is new").0,
            recordable: true,
            rehearsal: None,
            rules,
            tokens,
            _folder: folder,
        }
    }

    /// Takes the need for an identity off every route, as no configuration can.
    pub(crate) fn waive_identity(&mut self) {
        let waived = |route: &Arc<Route>| {
            Arc::new(Route {
                identity_required: false,
                ..Route::clone(route)
            })
        };
        let routes: Vec<_> = self.rules.routes.values().map(waived).collect();
        self.rules.router = Router::new(&routes).unwrap();
    }

    /// Judges a request.
    pub(crate) fn judge(&self, request: &Request) -> Result<Permit, Denial> {
        let ports = Ports {
            directory: self.ports.clone(),
            used_proofs: self.ports.clone(),
            introspection: self.ports.clone(),
            result_keys: self.ports.clone(),
            door: self.ports.clone(),
            ledger: self.ports.clone(),
            audit: self.ports.clone(),
        };
        let head = request.head(&self.tokens)?;
        let judge = Judge {
            rules: &self.rules,
            board: &self.board,
            revoked: &self.revoked,
            ports: &ports,
            recordable: self.recordable,
            rehearsal: self.rehearsal.as_ref(),
        };
        let mut body = Body(Bytes::from(request.body.clone()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true) // a look-up that hangs costs no real time
            .build()
            .unwrap();
        runtime.block_on(decide(judge, &head, &mut body, &mut Findings::default()))
    }

    /// A partner's name for a vehicle.
    pub(crate) fn alias(&mut self, client: &str, alias: &str, vin: &str) {
        let ports = Arc::get_mut(&mut self.ports).expect("nobody else asks");
        let whose = (client.to_owned(), alias.to_owned());
        ports.aliases.insert(whose, vin.to_owned());
    }
}

struct Body(Bytes);

#[async_trait]
impl BodySource for Body {
    fn announced(&self) -> Option<u64> {
        u64::try_from(self.0.len()).ok()
    }

    async fn read(&mut self, limit: usize) -> Result<Bytes, Denial> {
        if self.0.len() > limit {
            Err(Denial::BodyTooLarge)
        } else {
            Ok(self.0.clone())
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: Method,
    target: String,
    media_type: Option<String>,
    body: String,
    subject: Option<String>,
    token: Option<String>,
    proof: Option<String>,
}

impl Request {
    pub(crate) fn get(target: &str) -> Self {
        Self {
            method: Method::GET,
            target: target.to_owned(),
            media_type: None,
            body: String::new(),
            subject: None,
            token: None,
            proof: None,
        }
    }

    pub(crate) fn post(target: &str, media_type: &str, body: &str) -> Self {
        Self {
            method: Method::POST,
            media_type: Some(media_type.to_owned()),
            body: body.to_owned(),
            ..Self::get(target)
        }
    }

    /// Reads the battery of a car.
    pub(crate) fn read(vin: &str) -> Self {
        Self::get(&format!("/cars/{vin}/battery"))
    }

    /// Starts the climate of a car.
    pub(crate) fn command(vin: &str) -> Self {
        Self::post(
            "/climate",
            "application/x-www-form-urlencoded",
            &format!("VIN={vin}"),
        )
    }

    /// Sends a climate command that the body chooses.
    pub(crate) fn hvac(vin: &str, body: &str) -> Self {
        Self::post(&format!("/cars/{vin}/hvac"), "application/json", body)
    }

    pub(crate) fn by(mut self, subject: &str) -> Self {
        self.subject = Some(subject.to_owned());
        self
    }

    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// A bound token, with what proves it.
    pub(crate) fn with_proof(mut self, token: &str, proof: &str) -> Self {
        self.proof = Some(proof.to_owned());
        self.with_token(token)
    }

    pub(crate) fn to(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    fn head(&self, tokens: &Tokens) -> Result<vingate::pipeline::RequestHead, Denial> {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("gateway.test"));
        if let Some(media_type) = &self.media_type {
            headers.insert(header::CONTENT_TYPE, media_type.parse().unwrap());
            headers.insert(header::CONTENT_LENGTH, self.body.len().into());
        }
        let token = self
            .token
            .clone()
            .or(self.subject.as_ref().map(|s| tokens.token(s)));
        if let Some(token) = token {
            let scheme = if self.proof.is_some() {
                "DPoP"
            } else {
                "Bearer"
            };
            headers.insert(
                header::AUTHORIZATION,
                format!("{scheme} {token}").parse().unwrap(),
            );
        }
        if let Some(proof) = &self.proof {
            headers.insert("dpop", proof.parse().unwrap());
        }
        let listener = ListenerFacts {
            name: Arc::from("edge"),
            tls: false,
            trusted_proxies: Vec::new(),
        };
        let raw = RawHead {
            id: Uuid::now_v7(),
            received_at: vingate::clock::unix_time(),
            listener: &listener,
            peer: Ipv4Addr::LOCALHOST.into(),
            certificate: None,
            method: &self.method,
            version: Version::HTTP_11,
            target: self.target.as_bytes(),
            authority: None,
            headers: &headers,
            header_bytes: 500,
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
    }
}
