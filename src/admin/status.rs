//! How does this gateway do?
//!
//! Of what it knows anyway: nothing is asked for it but the fleet's store for the other replicas.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::{Extension, Json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::adapters::{introspection, jwks};
use crate::admin::Operated;
use crate::admin::authority::{Act, Circumstances};
use crate::admin::facts::{self, Replicas, SurfaceFacts};
use crate::admin::person::Person;
use crate::admin::problem::Problem;
use crate::clock;
use crate::switchboard::spread::Health;
use crate::telemetry::troubles::{POLICIES, Trouble, upstream};

/// Seconds for which something that failed counts as failing: as long as people look at one screen.
const FAILING: u64 = 60;

/// As requests that it failed are counted.
const DIRECTORY: &str = "directory";

/// What the gateway says of itself.
#[derive(Debug, Clone, Default)]
pub struct Running {
    /// When it began to serve, in seconds since the Unix epoch.
    pub since: u64,
    /// Whether it takes requests.
    pub serving: bool,
    /// Revision of the rules in force.
    pub rules: String,
    /// Revision of the policies in force.
    pub policies: String,
    /// The audit log.
    pub audit: Audit,
    /// What is wrong with files of closures.
    pub file_flaws: Vec<String>,
    /// What failed since the start, by name.
    pub troubles: BTreeMap<String, Trouble>,
    /// The keys of issuers that are fetched.
    pub keys: Vec<jwks::Told>,
    /// The issuers that are asked about tokens.
    pub introspections: Vec<introspection::Told>,
}

/// The audit log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Audit {
    /// Whether records can be written.
    pub healthy: bool,
    /// Records not written yet.
    pub waiting: u64,
    /// Failed writes.
    pub write_errors: u64,
    /// Requests let through without a record.
    pub unrecorded: u64,
}

/// Surfaces, switches, replicas and what the gateway depends on.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Status {
    /// The replica that answers.
    pub replica: String,
    /// Its version.
    pub version: String,
    /// When it began to serve, in seconds since the Unix epoch.
    pub since: u64,
    /// As `/readyz` says: whether it takes requests, can record them, knows what is closed, and reached
    /// its ownership directory.
    pub ready: bool,
    /// Revision of the rules in force.
    pub rules: String,
    /// Revision of the policies in force.
    pub policies: String,
    /// Policies that could not be evaluated since the start: each denied its request.
    pub policy_errors: Trouble,
    /// What is open.
    pub surfaces: Vec<SurfaceFacts>,
    /// What is closed.
    pub switches: Switches,
    /// Who else there is.
    pub replicas: Replicas,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
}

/// The switch board.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Switches {
    /// Its revision.
    pub revision: u64,
    /// Ids of the closures in force.
    pub in_force: Vec<String>,
    /// Whether a restart would keep them.
    pub durable: bool,
    /// Whether a board is known, so that no cold-start states hold.
    pub known: bool,
}

/// Something that the gateway depends on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Dependency {
    /// `audit`, `fleet`, `switch-files`, `revocations`, `policies`, `keys ISSUER` where they are fetched,
    /// `introspection ISSUER` where it is asked, `directory`, `ledger`, `assertion`, `upstream NAME`.
    pub name: String,
    /// Whether it works; of what only requests ask, whether one met a failure in the last minute.
    pub ok: bool,
    /// What is known of it.
    pub says: String,
}

pub(super) async fn status(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
) -> Result<Json<Status>, Problem> {
    operated.permit(&person, Act::View, Circumstances::default())?;
    let running = (operated.running)();
    let board = operated.switchboard.board();
    let known = operated.switchboard.is_known();
    Ok(Json(Status {
        replica: operated.spread.id().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        since: running.since,
        ready: running.serving
            && running.audit.healthy
            && known
            && operated.directory.was_reached(),
        rules: running.rules.clone(),
        policies: running.policies.clone(),
        policy_errors: running.troubles.get(POLICIES).cloned().unwrap_or_default(),
        surfaces: facts::surfaces_of(&operated),
        switches: Switches {
            revision: board.revision(),
            in_force: board.in_force().map(|one| one.id.clone()).collect(),
            durable: operated.switchboard.is_durable(),
            known,
        },
        replicas: facts::replicas_of(&operated).await,
        dependencies: dependencies(&operated, &running),
    }))
}

fn dependencies(operated: &Operated, running: &Running) -> Vec<Dependency> {
    let dependency = |name: &str, ok, says: String| Dependency {
        name: name.to_owned(),
        ok,
        says,
    };
    let audit = running.audit;
    let health = operated.spread.health();
    let age = operated.fleet_age();
    let mut all = vec![
        dependency(
            "audit",
            audit.healthy,
            format!(
                "{} waiting, {} write errors, {} unrecorded",
                audit.waiting, audit.write_errors, audit.unrecorded
            ),
        ),
        dependency(
            "fleet",
            matches!(health, Health::InStep),
            match age {
                Some(age) => format!("{health}, heard {age} s ago"),
                None => health.to_string(),
            },
        ),
        dependency(
            "switch-files",
            running.file_flaws.is_empty(),
            match running.file_flaws.as_slice() {
                [] => "all are in force".to_owned(),
                flaws => flaws.join("; "),
            },
        ),
    ];
    let (ok, says) = revocations(operated);
    all.push(dependency("revocations", ok, says));
    let policies = operated.policies.load();
    all.push(dependency(
        "policies",
        !policies.is_odd(),
        policies.origin(),
    ));
    all.extend(issuers(running));
    let names = (operated.names)();
    let upstreams = names.upstreams.iter().map(|name| upstream(name));
    let asked = [DIRECTORY, "ledger", "assertion"].map(str::to_owned);
    let now = clock::unix_time().as_secs();
    all.extend(asked.into_iter().chain(upstreams).map(|name| {
        let trouble = running.troubles.get(&name);
        let failing = trouble.is_some_and(|one| now.saturating_sub(one.last) < FAILING);
        let known_gone = name == DIRECTORY && !operated.directory.answers();
        dependency(&name, !failing && !known_gone, told(trouble))
    }));
    all
}

/// How it is with issuers: their keys, where they are fetched, and their word, where they are asked.
fn issuers(running: &Running) -> impl Iterator<Item = Dependency> {
    let keys = running.keys.iter().map(|keys| Dependency {
        name: format!("keys {}", keys.issuer),
        ok: keys.is_usable && keys.is_answering,
        says: keys.says.clone(),
    });
    let asked = running.introspections.iter().map(|asked| Dependency {
        name: format!("introspection {}", asked.issuer),
        ok: asked.is_answering,
        says: asked.says.clone(),
    });
    keys.chain(asked)
}

/// How it is with what was taken back.
fn revocations(operated: &Operated) -> (bool, String) {
    let list = &operated.revocations;
    let count = list.count();
    match (list.are_known(), list.are_durable()) {
        (true, true) => (true, format!("{count} held")),
        (true, false) => (false, format!("{count} held, not all of them on disk")),
        (false, _) => (false, "the fleet's were not read yet".to_owned()),
    }
}

/// What requests met.
fn told(trouble: Option<&Trouble>) -> String {
    match trouble {
        None => "failed no request since the start".to_owned(),
        Some(trouble) => {
            let last = clock::rfc3339(std::time::Duration::from_secs(trouble.last));
            let route = trouble.route.as_deref().unwrap_or("-");
            format!(
                "failed {} requests, last at {last} on {route}",
                trouble.count
            )
        }
    }
}
