//! What would a disk that fills up, or loses power at any moment, hold?

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Cursor};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use uuid::Uuid;

use crate::chain::report::Report;
use crate::chain::verify::Verifier;
use crate::chain::{ChainKey, Sealed};
use crate::pipeline::audit::{Intent, Record};

use super::disk::Disk;

/// What stands on the disk; of what isn't synced, a crash keeps any beginning.
#[derive(Clone, Default)]
pub(super) struct Image {
    pub(super) log: Vec<u8>,
    pub(super) log_synced: usize,
    pub(super) journal: Vec<u8>,
    pub(super) journal_synced: usize,
    pub(super) head: Vec<u8>,
    /// Ids whose intents were on disk at some time.
    pub(super) promised: BTreeSet<String>,
}

/// How the disk behaves.
#[derive(Default)]
pub(super) struct Behaviour {
    /// Bytes until it is full; `None` is never.
    pub(super) space: Option<usize>,
    /// Most bytes a write takes; 0 is any number.
    pub(super) most: usize,
    pub(super) sync_fails: bool,
    pub(super) reopen_fails: bool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) now: Image,
    /// Logs that were rotated away.
    pub(super) rotated: Vec<Vec<u8>>,
    /// What it held after each step.
    pub(super) history: Vec<Image>,
    pub(super) behaviour: Behaviour,
}

/// A disk in memory.
#[derive(Clone, Default)]
pub(super) struct Faulty(Arc<Mutex<State>>);

impl Faulty {
    pub(super) fn holding(image: Image) -> Self {
        let disk = Self::default();
        disk.state().now = image;
        disk
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log(&self) -> String {
        String::from_utf8(self.state().now.log.clone()).unwrap()
    }

    fn step<T>(&self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.state();
        let outcome = change(&mut state);
        let now = state.now.clone();
        state.history.push(now);
        outcome
    }
}

fn admit(behaviour: &mut Behaviour, bytes: &[u8]) -> io::Result<usize> {
    let most = if behaviour.most == 0 {
        usize::MAX
    } else {
        behaviour.most
    };
    let count = bytes
        .len()
        .min(most)
        .min(behaviour.space.unwrap_or(usize::MAX));
    if count == 0 && !bytes.is_empty() {
        return Err(io::ErrorKind::StorageFull.into());
    }
    behaviour.space = behaviour.space.map(|space| space.saturating_sub(count));
    Ok(count)
}

fn sync(behaviour: &Behaviour) -> io::Result<()> {
    if behaviour.sync_fails {
        return Err(io::Error::other("sync failed"));
    }
    Ok(())
}

fn promise(image: &mut Image) {
    image.journal_synced = image.journal.len();
    let text = String::from_utf8(image.journal.clone()).unwrap();
    let intents = text.lines().filter(|line| line.starts_with('+'));
    let ids = intents.map(|line| line.get(1..37).unwrap().to_owned());
    image.promised.extend(ids);
}

impl Disk for Faulty {
    fn write_log(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.step(|state| {
            let count = admit(&mut state.behaviour, bytes)?;
            state.now.log.extend_from_slice(&bytes[..count]);
            Ok(count)
        })
    }

    fn sync_log(&mut self) -> io::Result<()> {
        self.step(|state| {
            sync(&state.behaviour)?;
            state.now.log_synced = state.now.log.len();
            Ok(())
        })
    }

    fn log_len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.state().now.log.len()).unwrap())
    }

    fn read_log(&mut self, offset: u64) -> io::Result<Box<dyn BufRead + '_>> {
        let rest = self.state().now.log[usize::try_from(offset).unwrap()..].to_vec();
        Ok(Box::new(Cursor::new(rest)))
    }

    fn reopen_log(&mut self) -> io::Result<()> {
        self.step(|state| {
            if state.behaviour.reopen_fails {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            let old = std::mem::take(&mut state.now.log);
            state.rotated.push(old);
            state.now.log_synced = 0;
            Ok(())
        })
    }

    fn write_journal(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.step(|state| {
            let count = admit(&mut state.behaviour, bytes)?;
            state.now.journal.extend_from_slice(&bytes[..count]);
            Ok(count)
        })
    }

    fn sync_journal(&mut self) -> io::Result<()> {
        self.step(|state| {
            sync(&state.behaviour)?;
            promise(&mut state.now);
            Ok(())
        })
    }

    fn read_journal(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.state().now.journal.clone())
    }

    fn truncate_journal(&mut self, length: u64) -> io::Result<()> {
        self.step(|state| {
            state.now.journal.truncate(usize::try_from(length).unwrap());
            state.now.journal_synced = state.now.journal.len();
            Ok(())
        })
    }

    fn replace_journal(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.step(|state| {
            sync(&state.behaviour)?;
            state.now.journal = bytes.to_vec();
            promise(&mut state.now);
            Ok(())
        })
    }

    fn write_head(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.step(|state| {
            state.now.head = bytes.to_vec();
            Ok(())
        })
    }

    fn read_head(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.state().now.head.clone())
    }
}

pub(super) fn key() -> ChainKey {
    ChainKey::new(&[9; 32])
}

/// What the lines said before they were chained.
pub(super) fn bare(log: &str) -> Vec<String> {
    let bare = |line: &str| {
        let body = Sealed::read(line.as_bytes()).unwrap().body;
        let body = body.split(r#","chain_from":"#).next().unwrap();
        format!("{body}}}")
    };
    log.lines().map(bare).collect()
}

/// Everything that was found in these files and the head beside the last, oldest first.
pub(super) fn verified(files: &[&[u8]], head: &[u8]) -> Report {
    let keys = [key()];
    let mut verifier = Verifier::new(&keys);
    for (index, file) in files.iter().enumerate() {
        if files.get(index.saturating_add(1)).is_none() {
            verifier.expect(head);
        }
        verifier.read(&index.to_string(), *file).unwrap();
    }
    verifier.finish()
}

pub(super) fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(super) fn line(number: u128, outcome: &str) -> String {
    format!(
        r#"{{"time":"t","id":"{}","outcome":"{outcome}"}}"#,
        id(number)
    )
}

pub(super) fn record(number: u128) -> Record {
    Record {
        id: id(number),
        line: line(number, "forwarded"),
        had_intent: false,
    }
}

pub(super) fn intent(number: u128) -> Intent {
    Intent {
        id: id(number),
        line: line(number, "unknown"),
    }
}

/// Outcomes of whole records by id.
pub(super) fn outcomes(log: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in log.split(|byte| *byte == b'\n') {
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            continue;
        };
        if let Some(id) = value["id"].as_str() {
            let outcome = value["outcome"].as_str().unwrap().to_owned();
            found.entry(id.to_owned()).or_default().push(outcome);
        }
    }
    found
}
