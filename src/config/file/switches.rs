//! Where does the switch board live, and how does it travel?

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration::Span;

/// The switch board.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// Folder of the board file.
    #[schemars(length(min = 1))]
    pub directory: PathBuf,
    /// What carries the board to other replicas.
    #[serde(default)]
    pub store: SwitchStore,
    /// At least 32 bytes, the same on every replica: what travels carries a MAC under it. Needed
    /// with `redis` and with a baseline.
    #[schemars(length(min = 1))]
    pub fleet_key_file: Option<PathBuf>,
    /// Name of this replica, the host's unless it says otherwise.
    #[schemars(length(min = 1))]
    pub replica: Option<String>,
    /// A board sealed with the fleet key, which holds at a start without any on disk.
    #[schemars(length(min = 1))]
    pub baseline_file: Option<PathBuf>,
    /// Folder of closures in files, root's own: `switches.d` beside the admin socket unless it says
    /// otherwise.
    #[schemars(length(min = 1))]
    pub files_directory: Option<PathBuf>,
    /// How long each stage of a restore takes that begins by itself.
    #[serde(default = "default_restore_step")]
    pub restore_step: Span,
    /// Sign-ins that one replica lets through a second while their entrance is being restored.
    #[serde(default = "default_restoring_logins")]
    #[schemars(range(min = 1))]
    pub restoring_logins_per_second: u32,
}

fn default_restore_step() -> Span {
    Span::from_secs(300) // long enough to see in the metrics what the stage before it did
}

fn default_restoring_logins() -> u32 {
    10 // 36,000 an hour on each replica; identity providers plan for less at once
}

/// What carries the board.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SwitchStore {
    /// Nothing: this replica is the fleet.
    #[default]
    Local,
    /// Redis.
    Redis,
}
