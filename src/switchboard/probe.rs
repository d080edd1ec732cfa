//! What does this replica really answer where something was closed?

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::switchboard::Closure;

/// What a synthetic request through this replica's own data path was answered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probed {
    /// Status of the answer.
    pub status: u16,
    /// Its public code, or `passed` where nothing of the switches refused it.
    pub code: String,
    /// Whether the closure's state asks for that answer.
    pub as_expected: bool,
    /// Milliseconds since the Unix epoch.
    pub at: u64,
    /// Id of another closure that alone would have had it answered like that: then the answer proves
    /// nothing about this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

/// Sends synthetic requests. None of them ever gets a permit.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Asks for what the closure covers, and tells the answer.
    ///
    /// # Errors
    /// Why no request could be made or no answer came, in words.
    async fn probe(&self, closure: &Closure) -> Result<Probed, String>;
}
