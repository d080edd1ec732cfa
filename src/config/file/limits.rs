//! How much of everything, and how long?

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration::Span;

/// A quota policy: so many units a window, for each combination of its key.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Units a window; also the most that can be taken at once.
    #[schemars(range(min = 1))]
    pub quota: u32,
    /// Length of the window.
    pub window: Span,
    /// What is counted apart.
    #[schemars(length(min = 1))]
    pub key: BTreeSet<QuotaKey>,
    /// Where the counts live.
    pub store: QuotaStore,
}

/// One part of a quota's partition key.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum QuotaKey {
    Principal,
    Client,
    Vehicle,
    Address,
}

/// Kinds of quota store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QuotaStore {
    /// In this process.
    Local,
}

/// Limit by client address (IPv4 address, IPv6 /64), before any look-up or cryptography.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Door {
    /// Sustained rate.
    #[schemars(range(min = 1))]
    pub requests_per_second: u32,
    /// Taken at once.
    #[schemars(range(min = 1))]
    pub burst: u32,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            requests_per_second: 50, // a household behind one address, many times over
            burst: 200,              // a carrier's NAT in a busy second
        }
    }
}

/// Sizes and times.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections on all listeners together.
    #[schemars(range(min = 1))]
    pub connections: u32,
    /// Time from a connection's first byte to a whole header section, and between requests.
    pub header_timeout: Span,
    /// Bytes of a header section.
    #[schemars(range(min = 1))]
    pub header_bytes: u32,
    /// Bytes of path and query.
    #[schemars(range(min = 1))]
    pub uri_bytes: u32,
    /// Bytes of a body that is judged; the proxy can hold no more than 64 KiB for a replay.
    #[schemars(range(min = 1, max = 65_536))]
    pub judged_body_bytes: u32,
    /// Bytes of a body that passes unjudged.
    pub body_bytes: u64,
    /// Time for a whole judged body.
    pub body_timeout: Span,
    /// Time for one look-up in the ownership directory.
    pub lookup_timeout: Span,
    /// Vehicles of one person that are looked up before a list is asked for; VINs beyond are masked.
    #[schemars(range(min = 1, max = 10_000))]
    pub vehicles_of_subject: u32,
    /// VINs of one answer that are looked up for who is something to them by membership, such as a
    /// fleet's manager; VINs beyond are masked.
    #[schemars(range(min = 1, max = 100_000))]
    pub vehicles_of_answer: u32,
    /// Verified tokens that are remembered.
    #[schemars(range(min = 1))]
    pub token_cache: u32,
    /// Time that SIGTERM gives to requests in flight.
    pub drain_timeout: Span,
    /// WebSockets that are open at a time: each holds one of the connections, and the place of its
    /// record.
    pub websockets: u32,
    /// Time without a byte in either direction after which a WebSocket is closed.
    pub websocket_idle: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,                    // about 0.5 GB at 48 KiB each
            header_timeout: Span::from_secs(10),    // a slow phone takes 2 s
            header_bytes: 16_384,                   // cookies of an old portal are long
            uri_bytes: 8_192,                       // RFC 9110, 4.1 asks for at least 8,000
            judged_body_bytes: 65_536, // pingora replays 64 KiB and loses what is longer
            body_bytes: 1_048_576,     // telematics requests are small
            body_timeout: Span::from_secs(30), // 64 KiB at 2 KiB/s
            lookup_timeout: Span::from_millis(250), // an embedded look-up takes microseconds
            vehicles_of_subject: 100,  // a family has ten, whoever has more has a fleet
            vehicles_of_answer: 1_000, // a long page of a fleet
            token_cache: 100_000,      // about 100 MB at 1 KiB each
            drain_timeout: Span::from_secs(30), // what orchestrators wait by habit
            websockets: 5_000,         // the other half of the connections is for requests
            websocket_idle: Span::from_secs(300), // clients that mean to stay send a ping a minute
        }
    }
}
