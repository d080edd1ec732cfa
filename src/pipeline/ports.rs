//! What does a decision need from outside?
//!
//! One trait a dependency, owned here by their user; adapters implement them. A port answers or
//! fails with [`LookupError`]; only `decide` turns a failure into a denial.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::denial::Denial;
use crate::pipeline::audit::{Intent, Record};
use crate::pipeline::identity::dpop::Proof;
use crate::pipeline::identity::introspected::Source;
use crate::pipeline::ownership::{Alias, Hints, IndexKey, SubjectFacts, VehicleFacts};
use crate::pipeline::quota::{Charge, QuotaStanding};
use crate::pipeline::result_key::GivenOut;
use crate::pipeline::vehicle::Vin;

/// A port could not answer. Unknown is not absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// No connection, no space, no slot.
    #[error("unreachable")]
    Unreachable,
    /// An answer that can't be understood.
    #[error("malformed answer")]
    Malformed,
}

/// The ownership directory: policy information point.
#[async_trait]
pub trait OwnershipDirectory: Send + Sync {
    /// Facts of a vehicle, `None` if the directory answered that it has none.
    async fn find(&self, vin: &Vin) -> Result<Option<Arc<VehicleFacts>>, LookupError>;

    /// The same, asked now: not from what was answered before.
    async fn find_fresh(&self, vin: &Vin) -> Result<Option<Arc<VehicleFacts>>, LookupError> {
        self.find(vin).await
    }

    /// Facts of a subject of an issuer, named as the configuration does. One that the directory has
    /// no record of is in good standing; that it can't be asked is a failure.
    async fn find_subject(&self, issuer: &str, subject: &str) -> Result<SubjectFacts, LookupError>;

    /// Vehicles that may name this subject or case, `most` of them at most. Each is a hint: what the
    /// vehicle's own record says counts. No vehicle is an answer; a store that has no such index, or
    /// can't read it, fails.
    async fn find_by(&self, key: &IndexKey, most: usize) -> Result<Hints, LookupError>;

    /// The vehicle that a partner means by an alias, asked now; `None` if it means none.
    async fn find_alias(&self, alias: &Alias) -> Result<Option<Vin>, LookupError>;

    /// The same, asked now: not from what was answered before.
    async fn find_subject_fresh(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<SubjectFacts, LookupError> {
        self.find_subject(issuer, subject).await
    }
}

/// Which proofs of possession were used.
#[async_trait]
pub trait UsedProofs: Send + Sync {
    /// Uses a proof up at `now` (since the Unix epoch). Once this returned [`Use::First`], whoever is asked
    /// about the same proof until it ends answers [`Use::Again`]. No place for one more is a failure.
    async fn use_up(&self, proof: &Proof, now: Duration) -> Result<Use, LookupError>;
}

/// How often a proof was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Never before.
    First,
    /// Before, so it was copied.
    Again,
}

/// The issuers that are asked about tokens which say nothing by themselves.
#[async_trait]
pub trait Introspection: Send + Sync {
    /// What an issuer says about a token (RFC 7662, 2.2): the body of its answer, not judged yet. Who
    /// asks about one token at the same time may get one answer.
    async fn ask(&self, issuer: &Source, token: &str) -> Result<Bytes, LookupError>;
}

/// Which result keys were given out.
#[async_trait]
pub trait ResultKeys: Send + Sync {
    /// Keeps that this was given out; it counts until then, since the Unix epoch. Once this returned,
    /// whoever is asked knows.
    async fn keep(&self, given: GivenOut<'_>, until: Duration) -> Result<(), LookupError>;

    /// Whether exactly this was given out, and still counts at `now`.
    async fn knows(&self, given: GivenOut<'_>, now: Duration) -> Result<bool, LookupError>;
}

/// The limit by client address.
pub trait Door: Send + Sync {
    /// Lets one request of `address` in, or says how long to wait.
    fn admit(&self, address: IpAddr) -> Result<(), Duration>;
}

/// Counts of quota policies.
#[async_trait]
pub trait QuotaLedger: Send + Sync {
    /// Charges one unit of each, all together or none, at time `now` (since the Unix epoch).
    /// Answers the tightest of them; `Err(index)` inside tells which of `charges` is used up.
    async fn charge(
        &self,
        charges: &[Charge],
        now: Duration,
    ) -> Result<Result<Option<QuotaStanding>, Exhausted>, LookupError>;
}

/// A charge that could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// Which of the charges.
    pub index: usize,
    /// When one unit is available again.
    pub retry_after: Duration,
}

/// Where audit records go.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// A place for exactly one record, held until it is written.
    fn reserve(&self) -> Result<Box<dyn AuditSlot>, LookupError>;

    /// Counts a request whose record had no place; told when records can be written again.
    fn count_unrecorded(&self);

    /// Returns when the intent of a command is on disk.
    async fn intend(&self, intent: Intent) -> Result<(), LookupError>;
}

/// A reserved place. `write` can't fail: the place is there.
pub trait AuditSlot: Send + Sync {
    /// Hands the record over.
    fn write(self: Box<Self>, record: Record);
}

/// The body of the request at hand.
#[async_trait]
pub trait BodySource: Send {
    /// Its length in bytes, where the request states one.
    fn announced(&self) -> Option<u64>;

    /// The whole body, at most `limit` bytes, kept for forwarding byte for byte.
    ///
    /// # Errors
    /// `BodyTooLarge`, `RequestTimeout`, or `Malformed(BodyIncomplete)`.
    async fn read(&mut self, limit: usize) -> Result<Bytes, Denial>;
}

/// All ports of a decision.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Ports {
    /// Ownership facts.
    pub directory: Arc<dyn OwnershipDirectory>,
    /// Used proofs of possession.
    pub used_proofs: Arc<dyn UsedProofs>,
    /// Issuers that are asked about tokens.
    pub introspection: Arc<dyn Introspection>,
    /// Result keys.
    pub result_keys: Arc<dyn ResultKeys>,
    /// Limit by address.
    pub door: Arc<dyn Door>,
    /// Quota counts.
    pub ledger: Arc<dyn QuotaLedger>,
    /// Audit records.
    pub audit: Arc<dyn AuditSink>,
}
