//! What do operators and the gateway say to each other?
//!
//! The shapes of the API's bodies; the `OpenAPI` document is made from them.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::problem::Problem;
use crate::switchboard::{AtExpiry, Closure, Drain, Notice, Scope, Share, Shut, Texts};

/// Characters of a reason.
const REASON: usize = 2_000;

/// A reason that can be recorded.
pub(super) fn check_reason(reason: &str) -> Result<(), Problem> {
    if reason.trim().is_empty() {
        return Err(Problem::malformed("a reason is required"));
    }
    if reason.chars().count() > REASON {
        let detail = format!("a reason has at most {REASON} characters");
        return Err(Problem::malformed(detail));
    }
    Ok(())
}

/// A body that must be there.
pub(super) fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::malformed(error.to_string()))
}

/// What an operator asks to close.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// What to close.
    pub scope: Scope,
    /// How: `closed`, or `read-only`.
    pub state: Shut,
    /// Private; required.
    pub reason: String,
    /// Public texts by language tag.
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub texts: Texts,
    /// What another surface tells its users meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// Ticket of the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Team that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How long; 4 h unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
    /// What happens then.
    #[serde(default)]
    pub at_expiry: AtExpiry,
    /// What becomes of requests in flight.
    #[serde(default)]
    pub drain: Drain,
    /// The name of what it is about, typed, where it is grave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Go ahead alone where two are needed; announced loudly.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
    /// Only say what would come of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// What beside a role a change of a closure takes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Consent {
    /// The name of what it is about, typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Go ahead alone where two are needed; announced loudly.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
    /// Only say what would come of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// How a closure is to be restored.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Restore {
    /// `ISSUER/SUBJECT`s that are let in first.
    pub testers: BTreeSet<String>,
    /// Seconds a stage; left out: as before, at the beginning by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_seconds: Option<u64>,
    /// No stage is taken by time any more.
    pub by_hand: bool,
    /// The stage to take: the first, or the one after the present one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<Share>,
    /// Only say what would come of it.
    pub dry_run: bool,
}

/// A later end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// Seconds from now.
    pub seconds: u64,
    /// Only say what would come of it.
    #[serde(default)]
    pub dry_run: bool,
}

/// A scope alone.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scoped {
    /// What a closure would cover.
    pub scope: Scope,
}

/// A closure that is tried on a stand-in.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// What a closure would cover.
    pub scope: Scope,
    /// How it would refuse.
    pub state: Shut,
}

/// Versions of closures from another replica, each sealed with the fleet key.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// As the fleet's store carries them.
    pub entries: Vec<String>,
}

/// The board.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
pub struct Listed {
    /// The highest of all changes.
    pub revision: u64,
    /// Whether it would be so after a restart.
    pub durable: bool,
    /// Whether a board is known at all; else the cold-start states hold.
    pub known: bool,
    /// Seconds since anything was heard of the fleet's store; left out where this gateway is the fleet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet_age: Option<u64>,
    /// Closures, by id.
    pub closures: Vec<Closure>,
}

/// What came of a change.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
pub struct Done {
    /// The closure as it is now, or would be.
    pub closure: Closure,
    /// What would have come of it: nothing was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Whether it is on disk.
    pub durable: bool,
    /// Why it isn't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// The closure for other replicas, where there is a fleet key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

/// What came of entries from another replica.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Merged {
    /// How many changed something here.
    pub changed: u64,
    /// Why some were not taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Asked({:?}, {:?})", self.scope, self.state) // the rest is free text
    }
}

impl fmt::Debug for Restore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Restore({:?})", self.stage) // testers are persons
    }
}

impl fmt::Debug for Scoped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Scoped({:?})", self.scope)
    }
}

impl fmt::Debug for Drill {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Drill({:?}, {:?})", self.scope, self.state)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Sealed({} entries)", self.entries.len())
    }
}

impl fmt::Debug for Listed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Listed({}, {:?})", self.revision, self.closures)
    }
}

impl fmt::Debug for Done {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Done({:?})", self.closure)
    }
}
