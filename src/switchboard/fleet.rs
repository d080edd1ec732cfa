//! What does a fleet share, and what of it can be relied on?
//!
//! One trait, owned here by its user; adapters implement it. It carries sealed texts and never
//! looks into them: who may have written one is judged by whoever opens the seal.

use std::time::Duration;

use async_trait::async_trait;

/// The fleet's store could not do what it was asked. Unknown is not empty.
///
/// A write that fails may have been done all the same; doing it again is harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// No connection, or nobody there who is responsible now.
    #[error("unreachable")]
    Unreachable,
    /// It answers, and refuses these credentials or what they ask for.
    #[error("the credentials are refused")]
    Refused,
    /// What it holds or answers can't be understood, or is larger than anything a fleet writes.
    #[error("malformed answer")]
    Malformed,
    /// It takes no writes.
    #[error("takes no writes")]
    ReadOnly,
    /// It has no room for more.
    #[error("full")]
    Full,
}

/// What replicas tell each other beside the board, each a word for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// A replica is alive, and has this in force; by replica.
    Replicas,
    /// What a replica wants to hear from all others; by question.
    Questions,
    /// The answers; by question and replica.
    Answers,
}

/// A sealed revocation, and what the store goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// What it is about; of one the highest revision is kept.
    pub field: String,
    /// Its version.
    pub revision: u64,
    /// Sealed.
    pub sealed: String,
}

/// What was put since somebody asked last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RevokedSince {
    /// The count that the newest entry of all has: lower than before in a store that lost entries.
    pub newest: u64,
    /// How many entries there are in all.
    pub count: u64,
    /// Each with its own count, in that order.
    pub entries: Vec<(u64, Carried)>,
}

/// What a fleet shares. Carries, never decides.
#[async_trait]
pub trait FleetStore: Send + Sync {
    /// Moves with every change of the board; one that differs in any way, backwards too, means:
    /// read it all. Zero where nothing was ever written.
    ///
    /// Asked before [`Self::entries`], never after: so a change in between is seen the next time.
    async fn version(&self) -> Result<u64, FleetError>;

    /// All entries of the board, in any order: field (closure id) and sealed text.
    async fn entries(&self) -> Result<Vec<(String, String)>, FleetError>;

    /// Puts entries in place of those with the same fields, all or none, moves the version, and
    /// hints.
    async fn put(&self, entries: &[(String, String)]) -> Result<(), FleetError>;

    /// Removes fields (long-ended closures). Where none of them is there, nothing moves.
    async fn remove(&self, fields: &[String]) -> Result<(), FleetError>;

    /// Says a sealed word, in place of the one of the same name; forgotten after `expiry` by the
    /// store's own clock, unless it comes again. A question hints.
    async fn say(
        &self,
        topic: Topic,
        name: &str,
        sealed: &str,
        expiry: Duration,
    ) -> Result<(), FleetError>;

    /// All words that are not forgotten, in any order: name and sealed text.
    async fn said(&self, topic: Topic) -> Result<Vec<(String, String)>, FleetError>;

    /// Revocations that were put after the entry of this count, at most so many; all begin after 0.
    async fn revoked_since(&self, after: u64, most: usize) -> Result<RevokedSince, FleetError>;

    /// Puts revocations, all or none. Each gets a count of its own, higher than any before; one that is there
    /// in the same or a higher revision stays as it is.
    async fn put_revoked(&self, entries: &[Carried]) -> Result<(), FleetError>;

    /// Removes revocations (long ended).
    async fn drop_revoked(&self, fields: &[String]) -> Result<(), FleetError>;

    /// The store's own clock, since the Unix epoch: tells a replica that its clock is off.
    async fn time(&self) -> Result<Duration, FleetError>;

    /// Completes when somebody, this handle included, hinted that there is something new. A hint
    /// that comes while nobody waits is kept; it may be missed and may be spurious. Never fails:
    /// without a connection it stays pending. One waiter a handle.
    async fn hinted(&self);
}
