//! How does a record get to disk, exactly once, even over a crash?
//!
//! Places for records are counted: who has one can hand a record over without waiting, and when none
//! is left nothing more is let through. One thread writes what was handed over, in batches. The
//! intent of a command goes to a journal beside the file (`FILE.intents`) and is on disk before the
//! command is forwarded; a start closes what a crash left open there with a record `unknown`.
//! Each line is chained to the one before by the writer's thread, and a head beside the file
//! (`FILE.head`) tells how far it reached: [`crate::chain`], and [`verify`] to check it.
//!
//! Records of reads and denials are written within milliseconds and not synced one by one: a crash
//! of the process loses what is younger than that, a crash of the machine what the system had not
//! written yet. What a crash can't take is a command.

pub mod verify;

mod disk;
mod head;
mod journal;
mod pending;
mod queue;
mod tail;
mod writer;
#[cfg(test)]
mod faulty;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::chain::ChainKey;
use crate::clock;
use crate::pipeline::audit::{Intent, Record};
use crate::pipeline::ports::{AuditSink, AuditSlot, LookupError};

use self::disk::Files;
use self::queue::{Entry, Queue};
use self::writer::Writer;

/// A disk that doesn't sync within this time counts as failed: a command waits no longer.
const INTENT_TIMEOUT: Duration = Duration::from_secs(2);

/// A JSON-lines file with one writer thread and a bounded queue of reserved places.
pub struct AuditLog {
    queue: Arc<Queue>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl fmt::Debug for AuditLog {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("AuditLog")
            .field("healthy", &self.healthy())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl AuditLog {
    /// Opens `file` for append; writes the records that a crash left open, with outcome
    /// `unknown`. At most `places` records and intents wait at any time. Every line is chained to
    /// the one before with `key`, over restarts and rotation.
    ///
    /// # Errors
    /// The file, its journal or its head can't be opened, is in use by another process, or a
    /// record that a crash left open can't be written.
    pub fn open(file: &Path, places: usize, key: ChainKey) -> Result<Self, String> {
        Self::open_named("audit", file, places, key)
    }

    /// The same for a log of another kind, called `name` in messages.
    pub(super) fn open_named(
        name: &'static str,
        file: &Path,
        places: usize,
        key: ChainKey,
    ) -> Result<Self, String> {
        let shown = file.display();
        let mut disk = Files::open(file)
            .map_err(|error| format!("{name} file `{shown}` can't be opened: {error}"))?;
        let (chain, first) = journal::recover(&mut disk, &Arc::new(key), clock::unix_time())
            .map_err(|error| format!("{name} file `{shown}` can't be recovered: {error}"))?;
        let queue = Arc::new(Queue::new(name, places));
        let writer = Writer::new(Arc::clone(&queue), Box::new(disk), chain, first);
        Self::start(queue, writer)
    }

    fn start(queue: Arc<Queue>, writer: Writer) -> Result<Self, String> {
        let name = queue.name;
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || writer.run())
            .map_err(|error| format!("the {name} thread can't be started: {error}"))?;
        Ok(Self {
            queue,
            writer: Mutex::new(Some(thread)),
        })
    }

    /// Whether everything handed over so far could be written, or is about to be tried for the
    /// first time.
    pub fn healthy(&self) -> bool {
        self.queue.counters.healthy.get()
    }

    /// Records written since the start.
    pub fn written(&self) -> u64 {
        self.queue.counters.written.get()
    }

    /// Records handed over and not written yet.
    pub fn waiting(&self) -> u64 {
        self.queue.counters.waiting.get()
    }

    /// Writes that failed since the start; each is tried again.
    pub fn write_errors(&self) -> u64 {
        self.queue.counters.write_errors.get()
    }

    /// Requests let through without a record since the start.
    pub fn unrecorded(&self) -> u64 {
        self.queue.counters.unrecorded.get()
    }

    /// Places given back without a record since the start: each is a bug.
    pub fn dropped_slots(&self) -> u64 {
        self.queue.counters.dropped_slots.get()
    }

    /// Opens the file's path anew, for rotation: call it after the file was renamed.
    pub fn reopen(&self) {
        self.queue.ask_reopen();
    }

    /// Takes no more records, writes what waits and ends the writer. On a disk that stays full it
    /// gives up after some seconds; commands without a record then get one at the next start.
    pub fn close(&self) {
        self.queue.ask_close();
        let thread = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the {} thread panicked", self.queue.name);
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl AuditSink for AuditLog {
    fn reserve(&self) -> Result<Box<dyn AuditSlot>, LookupError> {
        self.queue.take_place()?;
        let queue = Some(Arc::clone(&self.queue));
        Ok(Box::new(Slot { queue }))
    }

    /// The log says how many there were as soon as it can be written again.
    fn count_unrecorded(&self) {
        self.queue.count_unrecorded();
    }

    async fn intend(&self, intent: Intent) -> Result<(), LookupError> {
        if !self.healthy() {
            return Err(LookupError::Unreachable);
        }
        self.queue.take_place()?;
        let (answer, answered) = oneshot::channel();
        self.queue.push(Entry::Intent(intent, answer));
        match tokio::time::timeout(INTENT_TIMEOUT, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(LookupError::Unreachable), // the writer is gone
            Err(_) => Err(LookupError::TimedOut),
        }
    }
}

/// A reserved place.
struct Slot {
    queue: Option<Arc<Queue>>,
}

impl AuditSlot for Slot {
    fn write(mut self: Box<Self>, record: Record) {
        if let Some(queue) = self.queue.take() {
            queue.push(Entry::Record(record));
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.give_back_unused();
        }
    }
}
