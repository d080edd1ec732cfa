//! How is an issuer asked about tokens that say nothing by themselves?

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ServiceBreaker;
use crate::config::duration::Span;

/// How an issuer is asked about a token (RFC 7662): by POST, over HTTP/1.1, with HTTP Basic. No redirect
/// is followed, and no answer above 64 KiB is read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Introspection {
    /// Its introspection endpoint; `http://` on this machine alone.
    #[schemars(length(min = 1))]
    pub url: String,
    /// As which client the gateway asks.
    #[schemars(length(min = 1))]
    pub client_id: String,
    /// File with that client's secret, one line.
    #[schemars(length(min = 1))]
    pub client_secret_file: PathBuf,
    /// The authorities that may have signed the server's certificate, PEM. Needed with `https://`.
    #[schemars(length(min = 1))]
    pub ca_file: Option<PathBuf>,
    /// Whether its answers say whom a token is for.
    pub audience: StatedAudience,
    /// How long its word about a token counts, at most: what it withdrew is served for as long. Never
    /// beyond the token's `exp`.
    pub max_cache: Span,
    /// How long a token that doesn't count isn't asked about again.
    #[serde(default = "default_negative_cache")]
    pub negative_cache: Span,
    /// Time for an answer, connecting and waiting for a place included.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
    /// Connections at most, so questions at once.
    #[serde(default = "default_connections")]
    #[schemars(range(min = 1, max = 1_000))]
    pub connections: u32,
    /// When an issuer that fails is left alone.
    #[serde(default)]
    pub breaker: ServiceBreaker,
}

/// Whether an issuer's answers have `aud`, which RFC 7662 leaves open. There is no default: without it
/// a token for anybody else's service counts here too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatedAudience {
    /// They have, and one of `audiences` is in it.
    Required,
    /// They may have none; where they have, one of `audiences` is in it.
    NotGiven,
}

fn default_negative_cache() -> Span {
    Span::from_secs(5) // a client that tries again and again costs one question; nobody is locked out for long
}

fn default_timeout() -> Span {
    Span::from_secs(1) // an issuer looks into its store; people wait for their car meanwhile
}

fn default_connections() -> u32 {
    32 // 640 tokens a second that weren't seen yet, of 50 ms each
}
