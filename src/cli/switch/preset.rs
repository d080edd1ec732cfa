//! What does a file of a closure say?
//!
//! TOML: the same as the flags, ready before it is needed. The flags go before it.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cli::{End, Failure};
use crate::switchboard::{AtExpiry, Drain, Notice, Scope, Shut, Texts};

/// A closure, prepared.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Preset {
    /// What it covers.
    pub(super) scope: Scope,
    /// How; `closed` unless said.
    pub(super) state: Option<Shut>,
    /// Private.
    pub(super) reason: Option<String>,
    /// Public texts by language tag.
    pub(super) texts: Texts,
    /// What another surface tells.
    pub(super) notice: Option<Notice>,
    /// Ticket.
    pub(super) ticket: Option<String>,
    /// Team.
    pub(super) owner: Option<String>,
    /// How long, such as `2h`.
    #[serde(rename = "for")]
    pub(super) lasts: Option<String>,
    /// What happens then.
    pub(super) at_expiry: AtExpiry,
    /// What becomes of requests in flight.
    pub(super) drain: Drain,
}

/// Reads a preset.
///
/// # Errors
/// It can't be read, or says something else than a preset does.
pub(super) fn preset(file: &Path) -> Result<Preset, Failure> {
    read(file)
}

/// Reads public texts: language tag to text.
///
/// # Errors
/// It can't be read, or says something else.
pub(super) fn texts(file: &Path) -> Result<Texts, Failure> {
    read(file)
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T, Failure> {
    let shown = file.display();
    let wrong = |flaw: String| Failure::new(End::InvalidInput, format!("`{shown}`: {flaw}"));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    toml::from_str(&text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))
}
