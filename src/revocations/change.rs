//! What is asked for, and what came of it?

use std::collections::BTreeMap;

use super::MOST;
use super::mark::Mark;
use super::version::{Reach, Told};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it is about.
    pub mark: Mark,
    /// What is to be refused; [`Reach::Restored`] takes a revocation back.
    pub reach: Reach,
    /// When the last token that it can be about has ended, in seconds since the Unix epoch.
    pub ends: u64,
    /// For people.
    pub told: Told,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Made {
    /// How many are revoked, or restored, that were not before.
    pub changed: usize,
    /// Some of the versions that say so, by mark, with the revision of each: what replicas are asked for.
    pub versions: BTreeMap<String, u64>,
    /// Why it isn't on disk. It is in force all the same, until a restart.
    pub not_durable: Option<String>,
}

/// Why nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unchanged {
    /// There is no room.
    #[error("there are {MOST} revocations: no more are taken before some end")]
    Full,
    /// Restored is what is on disk first.
    #[error("it can't be written, and what was revoked stays so until it is: {0}")]
    NotDurable(String),
}
