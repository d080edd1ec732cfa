//! Where is it kept who was given which result key, and for how long?

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration::Span;

/// Whose result keys are whose.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultKeys {
    /// Where they are kept. A poll that comes to another replica than its command needs `redis`.
    pub store: ResultKeyStore,
    /// How long a key can be polled with.
    #[serde(default = "default_lifetime")]
    pub lifetime: Span,
}

fn default_lifetime() -> Span {
    Span::from_secs(900) // old clients wait 600 s for a car, from its command's answer on
}

/// Kinds of store of result keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResultKeyStore {
    /// In this process, as long as it lives.
    Local,
    /// In Redis, sealed.
    Redis,
}
