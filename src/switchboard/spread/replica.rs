//! What does a replica say of itself?

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::switchboard::probe::Probed;
use crate::switchboard::store::{COLD_START_PREFIX, FILE_PREFIX};
use crate::switchboard::{Board, Closure};

/// How many closures an acknowledgement tells of: those that changed last, and those of files.
pub(super) const TOLD: usize = 32;

/// A replica's acknowledgement: alive, and so far.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Replica {
    /// Never used by another process.
    pub id: String,
    /// Its name in the configuration, or its host's.
    pub name: String,
    /// Where its operators' API answers, if it does elsewhere than on its socket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Revision of the board that it shares.
    pub revision: u64,
    /// SHA-256 of that board; equal on two replicas that know the same.
    pub digest: String,
    /// When it said so, by its own clock, in milliseconds since the Unix epoch.
    pub at: u64,
    /// Whether what is in force would be so after a restart.
    pub durable: bool,
    /// Whether it knows a board.
    pub known: bool,
    /// Whether cold-start states hold there still.
    #[serde(default)]
    pub cold_start: bool,
    /// What it doesn't take, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Seconds that its clock is ahead of the fleet's, or behind, where that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_off: Option<i64>,
    /// The revocations that it put in force last, by mark: the revision of each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revoked: BTreeMap<String, u64>,
    /// The closures that changed last, and those of files, by id.
    pub closures: BTreeMap<String, Seen>,
}

/// A closure, as a replica has it in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Seen {
    /// Which version; 0 for a file's.
    pub revision: u64,
    /// Its state in a word.
    pub state: String,
    /// What a synthetic request through its data path was answered since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probed>,
}

/// Answers of probes: closure id, and the version that was in force then.
pub(super) type Probes = HashMap<String, (Arc<Closure>, Probed)>;

/// What a board says of the closures that changed last.
pub(super) fn seen(board: &Board, probes: &Probes) -> BTreeMap<String, Seen> {
    let (files, shared): (Vec<_>, Vec<_>) = board
        .closures()
        .partition(|closure| closure.id.starts_with(FILE_PREFIX));
    let shared = newest(shared.into_iter().cloned().collect());
    let told = shared.iter().chain(files.into_iter().take(TOLD));
    told.map(|closure| {
        let probe = probes.get(&closure.id);
        let probe = probe.filter(|(version, _)| version == closure);
        let seen = Seen {
            revision: closure.revision,
            state: closure.state.word().to_owned(),
            probe: probe.map(|(_, probed)| probed.clone()),
        };
        (closure.id.clone(), seen)
    })
    .collect()
}

/// Whether a board in force holds cold-start states that nobody changed.
pub(super) fn is_cold(in_force: &Board) -> bool {
    let is_cold =
        |closure: &Arc<Closure>| closure.revision == 0 && closure.id.starts_with(COLD_START_PREFIX);
    in_force.closures().any(is_cold)
}

/// Those that changed last, the newest first.
pub(super) fn newest(mut closures: Vec<Arc<Closure>>) -> Vec<Arc<Closure>> {
    closures.sort_by_key(|closure| Reverse((closure.revision, closure.change.at)));
    closures.truncate(TOLD);
    closures
}

/// SHA-256 over a board's closures, each as JSON, in the order of their ids.
pub(super) fn digest(board: &Board) -> String {
    let texts: Vec<String> = board
        .closures()
        .map(|closure| serde_json::to_string(&**closure).unwrap_or_default())
        .collect();
    let parts = texts.iter().map(String::as_bytes);
    digest::hex(&digest::sha256_of_parts(parts))
}
