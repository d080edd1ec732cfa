//! How far did an interrupted import come?

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::run::Run;
use crate::adapters::facts::import::{BadLine, Place};
use crate::folder;

/// Its file, replaced whole after each run.
pub(super) const FILE: &str = "mark";

/// What was read of an import's lines, and is in runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// How far.
    pub(crate) place: Place,
    /// Records and rows of an index that are in runs.
    pub(crate) rows: u64,
    /// Bad lines that were skipped, the first of them.
    pub(crate) bad: Vec<BadLine>,
    /// How many more were.
    pub(crate) more: u64,
}

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Marked {
    pub(super) terms: String,
    pub(super) runs: Vec<Run>,
    pub(super) mark: Mark,
}

impl Marked {
    /// `None` where there is no such file.
    pub(super) fn read(folder: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(folder.join(FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(io::Error::other)
    }

    /// Returns when it is on disk, as the runs it names are.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self)?;
        folder::replace(folder, FILE, &text, || Ok(()))
    }
}
