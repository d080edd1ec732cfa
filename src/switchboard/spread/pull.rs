//! What of the fleet's entries is believed?
//!
//! An entry counts if its seal is right, it stands under its own id, its scope makes sense, and it
//! could come from a replica at all. What doesn't count is refused, and says so once.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::switchboard::seal::{FleetKey, Kind, Unsealed};
use crate::switchboard::store::FILE_PREFIX;
use crate::switchboard::{Board, Closure};

/// Characters of a field's name that are shown.
const SHOWN: usize = 64;

/// Why an entry is refused. No text of the entry's own is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    NoSeal,
    WrongSeal,
    /// Sealed by the fleet, perhaps by a later version of this program.
    Unread,
    OtherField,
    Scope,
    NoRevision,
    NotShared,
}

impl fmt::Display for Flaw {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoSeal => "it has no seal",
            Self::WrongSeal => {
                "its seal is wrong: it was altered, or sealed with another fleet key"
            }
            Self::Unread => "its seal is right, but it can't be read",
            Self::OtherField => "it stands under another id than its own",
            Self::Scope => "its scope makes no sense",
            Self::NoRevision => "it has no revision",
            Self::NotShared => "it is of a kind that no replica shares",
        })
    }
}

/// An entry as it was read, and what came of it.
#[derive(Debug)]
struct Entry {
    text: String,
    judged: Result<Arc<Closure>, Flaw>,
}

/// What the fleet's store holds, as far as this replica knows.
#[derive(Debug, Default)]
pub(super) struct Read {
    entries: HashMap<String, Entry>,
    /// What of it counts, and what was put there since.
    pub(super) board: Board,
}

impl Read {
    /// Judges entries; those that are as they were `before` are not opened again. Answers the names
    /// of those that are newly refused as well.
    pub(super) fn judge(
        mut before: Self,
        entries: Vec<(String, String)>,
        key: &FleetKey,
    ) -> (Self, Vec<(String, Flaw)>) {
        let mut refused = Vec::new();
        let mut judged = HashMap::with_capacity(entries.len());
        for (field, text) in entries {
            let known = before.entries.remove(&field);
            let entry = known.filter(|known| known.text == text);
            let entry = entry.unwrap_or_else(|| {
                let judged = open(&field, &text, key);
                if let Err(flaw) = judged {
                    refused.push((shown(&field), flaw));
                }
                Entry { text, judged }
            });
            judged.insert(field, entry);
        }
        let counts = judged
            .values()
            .filter_map(|entry| entry.judged.as_ref().ok());
        let board = Board::new(0, counts.cloned());
        let read = Self {
            entries: judged,
            board,
        };
        (read, refused)
    }

    /// Fields of what ended before `since`: nobody brings an older version of it back.
    pub(super) fn ended_before(&self, since: u64) -> Vec<String> {
        let closures = self.board.closures();
        let ended = closures.filter(|closure| closure.ended_before(since));
        ended.map(|closure| closure.id.clone()).collect()
    }

    /// Whether there is nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many entries are refused, and why one of them is.
    pub(super) fn refused(&self) -> Option<(usize, Flaw)> {
        let mut flaws = self
            .entries
            .values()
            .filter_map(|entry| entry.judged.as_ref().err());
        let first = *flaws.next()?;
        Some((flaws.count().saturating_add(1), first))
    }

    /// What `shared` knows better, except for entries that only a later version of this program
    /// understands: those it must not write over.
    pub(super) fn behind(&self, shared: &Board) -> Vec<Arc<Closure>> {
        let is_unread = |id: &str| {
            let entry = self.entries.get(id);
            entry.is_some_and(|entry| matches!(entry.judged, Err(Flaw::Unread)))
        };
        let better = shared.beyond(&self.board);
        better
            .filter(|closure| !is_unread(&closure.id) && !closure.id.starts_with(FILE_PREFIX))
            .cloned()
            .collect()
    }
}

fn open(field: &str, text: &str, key: &FleetKey) -> Result<Arc<Closure>, Flaw> {
    let closure: Closure = key.open(Kind::Closure, text).map_err(|flaw| match flaw {
        Unsealed::NoSeal => Flaw::NoSeal,
        Unsealed::WrongSeal => Flaw::WrongSeal,
        Unsealed::Unread(_) => Flaw::Unread,
    })?;
    if closure.id != field {
        return Err(Flaw::OtherField);
    }
    if closure.scope.check().is_err() {
        return Err(Flaw::Scope);
    }
    if closure.revision == 0 {
        return Err(Flaw::NoRevision);
    }
    if closure.id.starts_with(FILE_PREFIX) {
        return Err(Flaw::NotShared);
    }
    Ok(Arc::new(closure))
}

/// A field's name, as far as it looks like an id: whoever wrote it may have meant the log.
fn shown(field: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
    if field.chars().all(is_plain) && field.len() <= SHOWN {
        field.to_owned()
    } else {
        format!("a name of {} bytes", field.len())
    }
}
