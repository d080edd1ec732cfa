//! In which order does what was handed over go to disk, and what if the disk refuses?
//!
//! Nothing is dropped: what can't be written is kept and tried again, its places stay taken, and so
//! the queue fills up and requests are refused. Intents are not kept: their commands are refused.

use std::io;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::clock;
use crate::pipeline::audit::{Intent, Record};
use crate::pipeline::ports::LookupError;

use super::disk::{Disk, write_all};
use super::journal::{Journal, one_line};
use super::queue::{Entry, Queue};

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

/// Lines on their way to the log.
#[derive(Default)]
struct Pending {
    bytes: Vec<u8>,
    done: usize,
    records: usize,
}

impl Pending {
    fn push(&mut self, line: &str) {
        self.bytes.extend_from_slice(one_line(line).as_bytes());
        self.bytes.push(b'\n');
    }

    fn write(&mut self, disk: &mut dyn Disk) -> io::Result<usize> {
        write_all(|bytes| disk.write_log(bytes), &self.bytes, &mut self.done)?;
        self.bytes.clear();
        self.done = 0;
        Ok(mem::take(&mut self.records))
    }

    /// Goes back to the start of a line that is half written: a new file gets the whole of it. A
    /// line that lacks its line feed only is whole.
    fn rewind(&mut self) {
        if self.bytes.get(self.done) == Some(&b'\n') {
            self.done = self.done.saturating_add(1);
            return;
        }
        let done = self.bytes.get(..self.done).unwrap_or_default();
        let last = done.iter().rposition(|byte| *byte == b'\n');
        self.done = last.map_or(0, |last| last.saturating_add(1));
    }
}

/// The one writer of a log.
pub(super) struct Writer {
    queue: Arc<Queue>,
    disk: Box<dyn Disk>,
    journal: Journal,
    pending: Pending,
    /// Intents whose records are written but maybe not on disk yet.
    recorded: Vec<Uuid>,
    reopen: bool,
    backoff: Option<Duration>,
}

impl Writer {
    pub(super) fn new(queue: Arc<Queue>, disk: Box<dyn Disk>) -> Self {
        Self {
            queue,
            disk,
            journal: Journal::default(),
            pending: Pending::default(),
            recorded: Vec::new(),
            reopen: false,
            backoff: None,
        }
    }

    /// Writes until the queue closes.
    pub(super) fn run(mut self) {
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
        if self.pending.records > 0 {
            let count = self.pending.records;
            tracing::error!(count, "audit records could not be written before the end");
        }
    }

    /// Takes what waits and writes it.
    pub(super) fn turn(&mut self) -> Turn {
        let batch = self.queue.take(self.backoff);
        let empty = batch.entries.is_empty();
        self.reopen |= batch.reopen;
        self.accept(batch.entries);
        match self.settle() {
            Ok(()) => {
                self.backoff = None;
                if !self.queue.counters.healthy.set(true) {
                    tracing::info!("the audit log is written again");
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
            tracing::error!(%error, "the audit log can't be written, commands are refused");
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
        self.pending.push(&record.line);
        self.pending.records = self.pending.records.saturating_add(1);
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
        reopened
    }

    /// A path that can't be opened leaves the old file in use, and is tried again.
    fn reopen_log(&mut self) -> io::Result<()> {
        if !self.reopen {
            return Ok(());
        }
        if let Err(error) = self.disk.sync_log() {
            tracing::error!(%error, "the rotated audit file can't be synced");
        }
        self.disk.reopen_log()?;
        self.reopen = false;
        self.pending.rewind();
        self.journal.rotated();
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
        if let Err(error) = self.disk.sync_log() {
            tracing::error!(%error, "the audit file can't be synced");
        }
    }
}

#[cfg(test)]
mod tests;
