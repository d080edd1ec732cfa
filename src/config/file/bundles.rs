//! Whose policy bundles are loaded, and where are they kept?

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Signed policy bundles.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundles {
    /// Public Ed25519 keys, PEM: a bundle is loaded if one of them signed it.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub key_files: Vec<PathBuf>,
    /// Whether nothing is loaded but a signed bundle with proofs of all its ceilings and floors. Without,
    /// a folder is loaded too, and a signed bundle that was not proved.
    pub require_signed: bool,
    /// Folder of the bundles that were loaded: what `vingate policy rollback` goes back to, and what says
    /// which bundles are too old to be loaded.
    #[schemars(length(min = 1))]
    pub directory: PathBuf,
}
