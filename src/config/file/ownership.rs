//! Where do ownership facts live, and how is it asked?

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{OwnershipLookups, VehicleMap};
use crate::config::duration::Span;

/// Where ownership facts live.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ownership {
    /// Kind of store.
    pub store: OwnershipStore,
    /// File of the embedded store.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub file: Option<PathBuf>,
    /// How long answers of a store elsewhere are kept.
    #[serde(default)]
    pub keep: Option<OwnershipKeep>,
    /// The service of the store `http`.
    #[serde(default)]
    pub http: Option<OwnershipHttp>,
}

/// How long answers of an ownership store elsewhere are kept. Nothing is assumed: somebody who sold
/// their car is its owner here for no longer than this, whatever happens.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnershipKeep {
    /// Age limit of a vehicle's facts, and of a subject's.
    pub max_age: Span,
    /// Age limit of the answer that there is no such vehicle.
    pub absent_max_age: Span,
    /// Vehicles at most, and as many subjects: some 1 KB each.
    #[serde(default = "OwnershipKeep::entries")]
    #[schemars(range(min = 1, max = 10_000_000))]
    pub entries: u32,
}

impl OwnershipKeep {
    /// The cars that are driven in one hour of a busy day, at about 100 MB.
    fn entries() -> u32 {
        100_000
    }
}

/// Kinds of ownership store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OwnershipStore {
    /// One file on this machine.
    Embedded,
    /// The Redis of `[redis]`, shared by a fleet.
    Redis,
    /// A service that knows whose car it is, `[ownership.http]`.
    Http,
}

/// An ownership service that is there already. It is asked by GET, over HTTP/1.1, and never changed.
///
/// 200 with JSON is an answer, 404 is absence; whatever else comes, or doesn't, is unknown. No
/// redirect is followed, and no answer above 64 KiB is read.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnershipHttp {
    /// Where a vehicle is, such as `https://ownership.internal/v1/vehicles/{vin}`; `http://` on this
    /// machine alone.
    #[schemars(length(min = 1))]
    pub vehicle_url: String,
    /// Where a subject's standing is, or `"not-asked"`: then this gateway suspends nobody.
    pub subjects: Subjects,
    /// The authorities that may have signed its certificate, PEM; needed for `https://`. The
    /// system's are not believed.
    #[schemars(length(min = 1))]
    pub ca_file: Option<PathBuf>,
    /// Chain that is shown to the service, leaf first, PEM.
    #[schemars(length(min = 1))]
    pub client_certificate_file: Option<PathBuf>,
    /// Its key.
    #[schemars(length(min = 1))]
    pub client_key_file: Option<PathBuf>,
    /// File with a bearer token (RFC 6750) for the service.
    #[schemars(length(min = 1))]
    pub authorization_file: Option<PathBuf>,
    /// Time for an answer, connecting included.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// Connections at most, so questions at once.
    #[serde(default = "default_connections")]
    #[schemars(range(min = 1, max = 1_000))]
    pub connections: u32,
    /// What a 404 has to say to be believed; without it any 404 is absence, a misrouted proxy's too.
    pub absent: Option<Absent>,
    /// When a service that fails is left alone.
    #[serde(default)]
    pub breaker: ServiceBreaker,
    /// What else it can be asked.
    #[serde(default)]
    pub lookups: OwnershipLookups,
    /// Where in an answer each fact is.
    pub map: VehicleMap,
}

/// Whether subjects are asked for.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Subjects {
    /// In so many words: they aren't, so that nobody is suspended.
    Not(NotAsked),
    /// They are.
    Asked(SubjectLookup),
}

/// The statement that no subject is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotAsked {
    /// The service can't say who is suspended.
    NotAsked,
}

/// Where a subject's standing is. Pointers are JSON pointers (RFC 6901).
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectLookup {
    /// On the same server, such as `https://ownership.internal/v1/subjects/{issuer}/{subject}`. The
    /// issuer is named as in `[issuers]`.
    #[schemars(length(min = 1))]
    pub url: String,
    /// The subject itself; an answer about another one is none.
    #[schemars(length(min = 1))]
    pub subject: String,
    /// Its issuer, named as here, where the answer says it.
    #[schemars(length(min = 1))]
    pub issuer: Option<String>,
    /// Whether it is suspended: `true` or `false`.
    #[schemars(length(min = 1))]
    pub suspended: String,
    /// What a 404 has to say for a subject without a record, who is in good standing. Without it a
    /// 404 is no answer: a misrouted proxy's would suspend nobody.
    pub absent: Option<Absent>,
}

/// How a service says in its own terms that there is no such thing.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Absent {
    /// JSON pointer into the body of its 404.
    #[schemars(length(min = 1))]
    pub pointer: String,
    /// The text that stands there.
    #[schemars(length(min = 1))]
    pub equals: String,
}

/// When a service that fails is left alone: nothing is asked for a pause, then one question. Each
/// pause is shortened by up to half, by chance, so that gateways don't come back together.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceBreaker {
    /// Failures in a row: no answer in time, no connection, 429 or 5xx.
    #[schemars(range(min = 1, max = 1_000))]
    pub failures: u32,
    /// The first pause; doubled each time that the one question fails too.
    pub pause: Span,
    /// The longest pause.
    pub longest_pause: Span,
}

impl Default for ServiceBreaker {
    fn default() -> Self {
        Self {
            failures: 10, // one car whose record the service can't read is not the whole service
            pause: Span::from_secs(1), // longer than a restart of one of several servers is felt
            longest_pause: Span::from_secs(15), // a service that is back is soon asked again
        }
    }
}

fn default_timeout() -> Span {
    Span::from_millis(200) // below `limits.lookup_timeout`: a request hears what was wrong
}

fn default_connections() -> u32 {
    32 // 1,600 answers a second, of 20 ms each
}
