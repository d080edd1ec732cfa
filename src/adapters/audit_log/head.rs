//! How far does the log reach, told to whoever looks for a cut-off end?
//!
//! The head is written when the log is opened, rotated and closed, and else within a second after
//! a line. INVARIANT: what it tells was synced before; so a crash makes it old, never wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::chain::{ChainKey, Head, Link};
use crate::clock;

use super::disk::Disk;

/// Lines younger than this can be cut off unseen; each head costs a sync.
const PERIOD: Duration = Duration::from_secs(1);

/// The head of a log that is written.
pub(super) struct HeadFile {
    key: Arc<ChainKey>,
    /// Number of the first line of the file.
    first: u64,
    /// The newest line that it tells of.
    told: Option<u64>,
    written_at: Option<Instant>,
    refused: bool,
}

impl HeadFile {
    pub(super) fn new(key: Arc<ChainKey>, first: u64) -> Self {
        Self {
            key,
            first,
            told: None,
            written_at: None,
            refused: false,
        }
    }

    /// How long until it is to be written; `None` if it tells all there is.
    pub(super) fn due_in(&self, last: Link) -> Option<Duration> {
        if self.told == Some(last.n) {
            return None;
        }
        let now = clock::monotonic();
        let age = self.written_at.map(|at| now.saturating_duration_since(at));
        Some(age.map_or(Duration::ZERO, |age| PERIOD.saturating_sub(age)))
    }

    /// Says that the file is a new one, whose first line comes behind `last`.
    pub(super) fn rotated(&mut self, last: Link) {
        self.first = last.n.saturating_add(1);
        self.told = None;
    }

    /// Tells of `last`, which is synced. A head that can't be written leaves the old one, which
    /// holds as well: no record waits for it.
    pub(super) fn write(&mut self, disk: &mut dyn Disk, last: Link) {
        let first = self.first;
        let head = Head { first, last };
        self.written_at = Some(clock::monotonic());
        match disk.write_head(head.write(&self.key).as_bytes()) {
            Ok(()) => {
                self.told = Some(last.n);
                self.refused = false;
            }
            Err(error) if self.refused => tracing::debug!(%error, "the head is still refused"),
            Err(error) => {
                self.refused = true;
                tracing::warn!(%error, "the head of the log can't be written, its end is unguarded");
            }
        }
    }
}
