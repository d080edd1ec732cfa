//! What changed at the switches, and what is on disk of it?
//!
//! A log of its own, chained as the audit log is and written by the same kind of thread: who
//! appends never waits for a disk. An entry is any JSON object.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::adapters::audit_log::AuditLog;
use crate::chain::torn::TornLine;
use crate::chain::{ChainKey, RESERVED, Sealed};
use crate::pipeline::audit::{Intent, Record};
use crate::pipeline::ports::{AuditSink, LookupError};

/// Name of the file in the folder of the switches.
pub const FILE: &str = "history.jsonl";

/// Entries in memory, and entries that can wait for the disk: years of incidents, about 10 MB.
const ENTRIES: usize = 10_000;

/// So much of the file's end is read at the start.
const TAIL_BYTES: u64 = 16_777_216;

/// Something that is about to be done, on disk.
#[derive(Debug)]
#[must_use = "what came of it is to be told"]
pub struct Intended(Uuid);

/// The log of the switches, and of who was told or changed whose car it is.
#[derive(Debug)]
pub struct History {
    log: AuditLog,
    newest: Mutex<VecDeque<Value>>,
}

impl History {
    /// Opens `file` for append, making what is missing.
    ///
    /// # Errors
    /// It can't be opened or read, or another process writes it.
    pub fn open(file: &Path, key: ChainKey) -> Result<Self, String> {
        let log = AuditLog::open_named("switch history", file, ENTRIES, key)?;
        let newest = read_newest(file).map_err(|error| {
            format!(
                "switch history file `{}` can't be read: {error}",
                file.display()
            )
        })?;
        Ok(Self {
            log,
            newest: Mutex::new(newest),
        })
    }

    /// Takes an entry, without waiting; it is on disk within about a second. Its members `n`,
    /// `chain` and `chain_from` are the chain's: they are left out. While the disk refuses, 10,000
    /// entries wait for it; for those beyond, the log gets a line with their count.
    pub fn append(&self, entry: Map<String, Value>) {
        self.take(entry, None);
    }

    /// Returns when it is on disk that this is about to be done. If nobody [concludes](Self::conclude)
    /// it before the gateway ends, the next start writes the entry as it is: it says `unknown` of what
    /// came of it.
    ///
    /// # Errors
    /// The disk doesn't take it: it must not be done.
    pub async fn intend(&self, entry: Map<String, Value>) -> Result<Intended, LookupError> {
        let id = Uuid::new_v4();
        let line = without_reserved(entry).to_string();
        self.log.intend(Intent { id, line }).await?;
        Ok(Intended(id))
    }

    /// Takes the entry of what was intended, with what came of it.
    pub fn conclude(&self, intended: Intended, entry: Map<String, Value>) {
        self.take(entry, Some(intended));
    }

    fn take(&self, entry: Map<String, Value>, intended: Option<Intended>) {
        let entry = without_reserved(entry);
        let line = entry.to_string();
        push(&mut self.newest(), entry);
        match self.log.reserve() {
            Ok(place) => place.write(Record {
                had_intent: intended.is_some(),
                id: intended.map_or(Uuid::nil(), |Intended(id)| id),
                line,
            }),
            Err(_) => self.log.count_unrecorded(),
        }
    }

    /// The newest entries, at most so many and at most 10,000, the newest last; those too that wait
    /// for the disk.
    pub fn read(&self, newest: usize) -> Vec<Value> {
        let entries = self.newest();
        let skipped = entries.len().saturating_sub(newest);
        entries.iter().skip(skipped).cloned().collect()
    }

    /// Whether all entries are on disk, or are about to be tried for the first time.
    pub fn healthy(&self) -> bool {
        self.log.healthy()
    }

    /// Entries that are not written yet.
    pub fn waiting(&self) -> u64 {
        self.log.waiting()
    }

    /// Opens the file's path anew, for rotation.
    pub fn reopen(&self) {
        self.log.reopen();
    }

    /// Takes no more entries, writes what waits and ends the writer.
    pub fn close(&self) {
        self.log.close();
    }

    fn newest(&self) -> MutexGuard<'_, VecDeque<Value>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn without_reserved(mut entry: Map<String, Value>) -> Value {
    entry.retain(|name, _| !RESERVED.contains(&name.as_str()));
    Value::Object(entry)
}

fn push(entries: &mut VecDeque<Value>, entry: Value) {
    if entries.len() >= ENTRIES {
        entries.pop_front();
    }
    entries.push_back(entry);
}

fn read_newest(file: &Path) -> io::Result<VecDeque<Value>> {
    let mut entries = VecDeque::new();
    let mut file = File::open(file)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Ok(entries); // a device has no end
    }
    file.seek(SeekFrom::Start(found.len().saturating_sub(TAIL_BYTES)))?;
    for line in BufReader::new(file.take(TAIL_BYTES)).split(b'\n') {
        if let Some(entry) = read_entry(&line?) {
            push(&mut entries, entry);
        }
    }
    Ok(entries)
}

/// An entry as it was appended; a torn line is none, nor is the one that tells of it.
fn read_entry(line: &[u8]) -> Option<Value> {
    let sealed = Sealed::read(line)?;
    if TornLine::read(sealed.body).is_some() {
        return None;
    }
    let mut entry: Map<String, Value> = serde_json::from_slice(line).ok()?;
    entry.retain(|name, _| !RESERVED.contains(&name.as_str()));
    Some(Value::Object(entry))
}

#[cfg(test)]
mod tests;
