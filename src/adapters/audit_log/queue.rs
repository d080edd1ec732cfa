//! Who may hand a record over, and what is waiting to be written?

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::pipeline::audit::{Intent, Record};
use crate::pipeline::ports::LookupError;

/// How long a record may wait for others: a wake-up of the writer for each would cost more than
/// the record.
const LINGER: Duration = Duration::from_millis(5);

/// So many records wake the writer at once.
const BATCH: usize = 256;

/// Something handed over.
pub(super) enum Entry {
    /// To be written some time soon.
    Record(Record),
    /// To be on disk before the answer.
    Intent(Intent, oneshot::Sender<Result<(), LookupError>>),
}

/// A number that metrics read.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(super) fn sub(&self, number: u64) {
        self.0.fetch_sub(number, Ordering::Relaxed);
    }

    pub(super) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Whether the last attempt to write succeeded.
pub(super) struct Health(AtomicBool);

impl Health {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Answers what it was before.
    pub(super) fn set(&self, healthy: bool) -> bool {
        self.0.swap(healthy, Ordering::AcqRel)
    }
}

/// What metrics can see.
pub(super) struct Counters {
    pub(super) healthy: Health,
    pub(super) written: Count,
    pub(super) waiting: Count,
    pub(super) write_errors: Count,
    pub(super) unrecorded: Count,
    pub(super) unreported: Count,
    pub(super) dropped_slots: Count,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    phase: Phase,
    urgent: bool,
    reopen: bool,
}

#[derive(Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Closing,
    Ended,
}

/// What the writer takes at once.
pub(super) struct Batch {
    pub(super) entries: Vec<Entry>,
    pub(super) reopen: bool,
    pub(super) closing: bool,
}

/// What the writer waits for.
#[derive(Clone, Copy)]
pub(super) enum Wait {
    /// Something to do.
    Idle,
    /// The same, for some time: then there is something to do besides.
    AtMost(Duration),
    /// The time until a failed write is tried again.
    Backoff(Duration),
}

/// Places, and what stands in them.
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    free: AtomicUsize,
    closed: AtomicBool,
    /// Which log, for messages.
    pub(super) name: &'static str,
    pub(super) counters: Counters,
}

impl Queue {
    pub(super) fn new(name: &'static str, places: usize) -> Self {
        let counters = Counters {
            healthy: Health(AtomicBool::new(true)),
            written: Count::default(),
            waiting: Count::default(),
            write_errors: Count::default(),
            unrecorded: Count::default(),
            unreported: Count::default(),
            dropped_slots: Count::default(),
        };
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            free: AtomicUsize::new(places),
            closed: AtomicBool::new(false),
            name,
            counters,
        }
    }

    /// Takes a place, without waiting.
    pub(super) fn take_place(&self) -> Result<(), LookupError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(LookupError::Unreachable);
        }
        let one_less = |free: usize| free.checked_sub(1);
        self.free
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_less)
            .map_or(Err(LookupError::Unreachable), |_| Ok(()))
    }

    pub(super) fn give_back(&self, places: usize) {
        self.free.fetch_add(places, Ordering::AcqRel);
    }

    pub(super) fn give_back_unused(&self) {
        self.give_back(1);
        self.counters.dropped_slots.add(1);
    }

    /// Puts an entry in a place that was taken for it.
    pub(super) fn push(&self, entry: Entry) {
        let mut state = self.lock();
        if state.phase == Phase::Ended {
            drop(state);
            return self.refuse(&entry);
        }
        let urgent = match &entry {
            Entry::Record(_) => state.entries.len() >= BATCH,
            Entry::Intent(..) => true,
        };
        if matches!(entry, Entry::Record(_)) {
            self.counters.waiting.add(1);
        }
        let wake = state.entries.is_empty() || (urgent && !state.urgent);
        state.urgent |= urgent;
        state.entries.push(entry);
        drop(state);
        if wake {
            self.changed.notify_one();
        }
    }

    /// After the writer's end a record can't be written: it is counted and told, not forgotten.
    fn refuse(&self, entry: &Entry) {
        self.give_back(1);
        if let Entry::Record(record) = entry {
            self.counters.dropped_slots.add(1);
            let log = self.name;
            tracing::error!(id = %record.id, log, "a record came after the log was closed");
        }
    }

    pub(super) fn count_unrecorded(&self) {
        self.counters.unrecorded.add(1);
        self.counters.unreported.add(1);
        if self.counters.healthy.get() {
            let mut state = self.lock();
            let wake = !state.urgent;
            state.urgent = true;
            drop(state);
            if wake {
                self.changed.notify_one();
            }
        }
    }

    pub(super) fn ask_reopen(&self) {
        let mut state = self.lock();
        state.reopen = true;
        state.urgent = true;
        drop(state);
        self.changed.notify_one();
    }

    pub(super) fn ask_close(&self) {
        self.closed.store(true, Ordering::Release);
        let mut state = self.lock();
        state.phase = Phase::Closing;
        state.urgent = true;
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for something to do, and then a little for more of it.
    pub(super) fn take(&self, wait: Wait) -> Batch {
        let state = self.lock();
        let idle = |state: &mut State| {
            state.entries.is_empty() && !state.urgent && state.phase == Phase::Open
        };
        let state = match wait {
            Wait::Backoff(time) => return Self::drain(self.wait(state, time)),
            Wait::AtMost(time) => {
                self.changed
                    .wait_timeout_while(state, time, idle)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            Wait::Idle => self
                .changed
                .wait_while(state, idle)
                .unwrap_or_else(PoisonError::into_inner),
        };
        if state.entries.is_empty() {
            return Self::drain(state); // nothing came, so no more of it is awaited
        }
        Self::drain(self.wait(state, LINGER))
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, time: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout_while(state, time, |state| !state.urgent)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn drain(mut state: MutexGuard<'_, State>) -> Batch {
        state.urgent = false;
        Batch {
            entries: mem::take(&mut state.entries),
            reopen: mem::take(&mut state.reopen),
            closing: state.phase != Phase::Open,
        }
    }

    /// The writer is gone: nothing is taken any more, and who waits for an intent is told so.
    pub(super) fn end(&self) {
        self.counters.healthy.set(false);
        self.closed.store(true, Ordering::Release);
        let mut state = self.lock();
        state.phase = Phase::Ended;
        let left = mem::take(&mut state.entries);
        drop(state);
        for entry in &left {
            if matches!(entry, Entry::Record(_)) {
                self.counters.waiting.sub(1);
            }
            self.refuse(entry);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
