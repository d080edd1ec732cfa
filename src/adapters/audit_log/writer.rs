//! In which order does what was handed over go to disk, and what if the disk refuses?
//!
//! Nothing is dropped: what can't be written is kept and tried again, its places stay taken, and so
//! the queue fills up and requests are refused. Intents are not kept: their commands are refused.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::chain::Chain;
use crate::clock;
use crate::pipeline::audit::{Intent, Record};
use crate::pipeline::ports::LookupError;

use super::disk::Disk;
use super::head::HeadFile;
use super::journal::Journal;
use super::pending::Pending;
use super::queue::{Entry, Queue, Wait};

/// First wait after a failed write.
const BACKOFF: Duration = Duration::from_millis(100);

/// Longest wait between two attempts: a disk with space again is used within this time.
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);

/// Attempts after the log was asked to close; about 3 s together.
const LAST_ATTEMPTS: u32 = 6;

type Waiting = (Intent, oneshot::Sender<Result<(), LookupError>>);

/// Whether there will be another turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There will.
    Open,
    /// There will if something is left to write.
    Closing,
    /// Nothing is left.
    Last,
}

/// The one writer of a log.
pub(super) struct Writer {
    queue: Arc<Queue>,
    disk: Box<dyn Disk>,
    journal: Journal,
    pending: Pending,
    head: HeadFile,
    /// Intents whose records are written but maybe not on disk yet.
    recorded: Vec<Uuid>,
    reopen: bool,
    backoff: Option<Duration>,
}

impl Writer {
    /// `chain` goes on behind what the log holds, `first` is the number of the file's first line.
    pub(super) fn new(queue: Arc<Queue>, disk: Box<dyn Disk>, chain: Chain, first: u64) -> Self {
        let head = HeadFile::new(Arc::clone(chain.key()), first);
        Self {
            queue,
            disk,
            journal: Journal::default(),
            pending: Pending::behind(chain),
            head,
            recorded: Vec::new(),
            reopen: false,
            backoff: None,
        }
    }

    /// Writes until the queue closes.
    pub(super) fn run(mut self) {
        self.head.write(&mut *self.disk, self.pending.written()); // what was found is synced
        let mut last_attempts = LAST_ATTEMPTS;
        while last_attempts > 0 {
            match self.turn() {
                Turn::Last => break,
                Turn::Closing if self.backoff.is_some() => {
                    last_attempts = last_attempts.saturating_sub(1);
                }
                Turn::Open | Turn::Closing => {}
            }
        }
        let count = self.pending.records();
        if count > 0 {
            let log = self.queue.name;
            tracing::error!(count, log, "records could not be written before the end");
        }
    }

    /// Takes what waits and writes it.
    pub(super) fn turn(&mut self) -> Turn {
        let wait = match self.backoff {
            Some(backoff) => Wait::Backoff(backoff),
            None => self
                .head
                .due_in(self.pending.written())
                .map_or(Wait::Idle, Wait::AtMost),
        };
        let batch = self.queue.take(wait);
        let empty = batch.entries.is_empty();
        self.reopen |= batch.reopen;
        self.accept(batch.entries);
        match self.settle() {
            Ok(()) => {
                self.backoff = None;
                if !self.queue.counters.healthy.set(true) {
                    tracing::info!(log = self.queue.name, "the log is written again");
                }
            }
            Err(error) => self.put_off(&error),
        }
        match (batch.closing, empty && self.backoff.is_none()) {
            (false, _) => Turn::Open,
            (true, false) => Turn::Closing,
            (true, true) => Turn::Last,
        }
    }

    fn put_off(&mut self, error: &io::Error) {
        let longer = |backoff: Duration| backoff.saturating_mul(2).min(LONGEST_BACKOFF);
        self.backoff = Some(self.backoff.map_or(BACKOFF, longer));
        self.queue.counters.write_errors.add(1);
        if self.queue.counters.healthy.set(false) {
            let log = self.queue.name;
            tracing::error!(%error, log, "the log can't be written, what it must hold is refused");
        }
    }

    /// Intents first: a record in the same batch may already close one of them.
    fn accept(&mut self, entries: Vec<Entry>) {
        let mut intents = Vec::new();
        let mut records = Vec::new();
        for entry in entries {
            match entry {
                Entry::Record(record) => records.push(record),
                Entry::Intent(intent, answer) => intents.push((intent, answer)),
            }
        }
        self.accept_intents(intents);
        for record in records {
            self.accept_record(&record);
        }
    }

    fn accept_intents(&mut self, mut intents: Vec<Waiting>) {
        self.queue.give_back(intents.len());
        intents.retain(|(_, answer)| !answer.is_closed()); // nobody left who could forward it
        if intents.is_empty() {
            return;
        }
        let outcome = if self.backoff.is_some() {
            Err(LookupError::Unreachable)
        } else {
            let lines: Vec<&Intent> = intents.iter().map(|(intent, _)| intent).collect();
            let errors = &self.queue.counters.write_errors;
            self.journal.add(&mut *self.disk, &lines).map_err(|error| {
                errors.add(1);
                tracing::warn!(%error, "the intent of a command can't be written");
                LookupError::Unreachable
            })
        };
        for (_, answer) in intents {
            // Who is gone by now doesn't forward; the request's record closes the intent.
            answer.send(outcome).ok();
        }
    }

    fn accept_record(&mut self, record: &Record) {
        self.pending.push_record(&record.line);
        if self.journal.is_open(record.id) {
            self.recorded.push(record.id);
        }
    }

    /// Everything that is to be done on disk, in an order that a crash can cut anywhere.
    fn settle(&mut self) -> io::Result<()> {
        let reopened = self.reopen_log();
        self.write_pending()?;
        self.report_unrecorded()?;
        self.journal.mend(&mut *self.disk)?;
        if !self.recorded.is_empty() {
            // INVARIANT: an intent is closed only when its record is on disk.
            self.disk.sync_log()?;
            self.journal.close(&mut *self.disk, &self.recorded)?;
            self.recorded.clear();
        }
        self.journal.compact(&mut *self.disk)?;
        if self.head.due_in(self.pending.written()) == Some(Duration::ZERO) {
            self.disk.sync_log()?;
            self.head.write(&mut *self.disk, self.pending.written());
        }
        reopened
    }

    /// A path that can't be opened leaves the old file in use, and is tried again.
    fn reopen_log(&mut self) -> io::Result<()> {
        if !self.reopen {
            return Ok(());
        }
        match self.disk.sync_log() {
            Ok(()) => self.head.write(&mut *self.disk, self.pending.written()),
            Err(error) => tracing::error!(%error, "the rotated file can't be synced"),
        }
        self.disk.reopen_log()?;
        self.reopen = false;
        self.pending.begin_file();
        self.journal.rotated();
        self.head.rotated(self.pending.written());
        self.head.write(&mut *self.disk, self.pending.written());
        Ok(())
    }

    fn write_pending(&mut self) -> io::Result<()> {
        let records = self.pending.write(&mut *self.disk)?;
        let count = u64::try_from(records).unwrap_or(u64::MAX);
        self.queue.counters.written.add(count);
        self.queue.counters.waiting.sub(count);
        self.queue.give_back(records);
        Ok(())
    }

    /// One line for all requests that were let through without a record.
    fn report_unrecorded(&mut self) -> io::Result<()> {
        let count = self.queue.counters.unreported.take();
        if count == 0 {
            return Ok(());
        }
        let time = clock::rfc3339(clock::unix_time());
        let line = format!(r#"{{"time":"{time}","outcome":"unrecorded","count":{count}}}"#);
        self.pending.push(&line);
        self.write_pending()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.end(); // after a panic too
        match self.disk.sync_log() {
            Ok(()) => self.head.write(&mut *self.disk, self.pending.written()),
            Err(error) => tracing::error!(%error, log = self.queue.name, "the log can't be synced"),
        }
    }
}

#[cfg(test)]
mod tests;
