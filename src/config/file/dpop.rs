//! How do clients prove that a token is theirs?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration::Span;

/// `DPoP` (RFC 9449). Without it no token that is bound to a key is taken.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dpop {
    /// Where it is remembered which proofs were used. That a proof counts once for all replicas together
    /// needs `redis`.
    pub store: ProofStore,
    /// Age from which on a proof is refused.
    #[serde(default = "default_max_age")]
    pub max_age: Span,
    /// How far ahead of the gateway's clock a proof may be made.
    #[serde(default = "default_ahead")]
    pub ahead: Span,
    /// Whether proofs carry a nonce of the gateway.
    #[serde(default)]
    pub nonce: DpopNonce,
}

fn default_max_age() -> Span {
    Span::from_secs(60) // made for one request and sent at once; phones are slow, and their clocks off
}

fn default_ahead() -> Span {
    Span::from_secs(5) // clocks on NTP differ by less; more would be remembered for longer
}

/// Kinds of memory of used proofs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProofStore {
    /// In this process, as long as it lives.
    Local,
    /// In Redis too.
    Redis,
}

/// Whether a proof carries a nonce (RFC 9449, 9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DpopNonce {
    /// It need not.
    #[default]
    None,
    /// It must: no proof is made long before it is used, at the price of one more request a client.
    Required,
}

/// Whether the tokens of a surface must be bound to who sends them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BoundTokens {
    /// As the issuer has it: a token that is bound needs its proof, others don't.
    #[default]
    AsIssued,
    /// All of them: a token of whoever bears it is refused.
    Required,
}
