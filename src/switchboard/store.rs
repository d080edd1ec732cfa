//! Which board is in force, and how does it outlive the process?
//!
//! Closing is in force at once and then durable; opening is durable first and then in force. So a
//! closure never waits for a disk, and nothing opens that a restart would close again.
//!
//! In force is more than the board that the fleet shares: closures from files in the run directory,
//! and the cold-start states while nothing better is known, lie over it and only add.

mod file;
mod layers;
mod swaps;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::switchboard::{Board, Closure};

use layers::Layers;
pub use layers::{COLD_START_PREFIX, FILE_PREFIX};
pub use swaps::Swap;
use swaps::Swaps;

/// How long an ended closure is remembered, so that no replica brings an older version of it back:
/// longer than any replica is away and comes back with its old disk.
const ENDED_SECONDS: u64 = 90 * 24 * 60 * 60;

/// Ends before this, in seconds since the Unix epoch, are forgotten.
pub(in crate::switchboard) fn forgotten_since() -> u64 {
    clock::unix_time().as_secs().saturating_sub(ENDED_SECONDS)
}

/// The boards of this gateway and their durable copy.
#[derive(Debug)]
pub struct Switchboard {
    directory: PathBuf,
    in_force: ArcSwap<Board>,
    /// Held for a moment, while the next board is made.
    changing: Mutex<Layers>,
    /// Held while the file is written. INVARIANT: taken before `changing`, never after it.
    writing: Mutex<()>,
    durable: AtomicBool,
    known: AtomicBool,
    revisions: watch::Sender<u64>,
    swaps: Swaps,
    /// Kept open for its lock.
    _held: File,
}

/// What holds where no board is on disk.
#[derive(Debug, Clone, Default)]
pub struct ColdStart {
    /// A board signed by the fleet's own key, from beside the configuration.
    pub baseline: Option<Board>,
    /// Surfaces that are closed where there is no baseline either.
    pub closed: Vec<String>,
}

/// What was found on disk at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The newest board.
    Board,
    /// The newest can't be trusted and is kept beside; an older generation can, and lies under the
    /// cold-start states, since it may lack what closed last.
    Older(String),
    /// Nothing: a first start.
    Nothing,
    /// Files that can't be trusted; the newest is kept beside for inspection.
    Broken(String),
}

/// What came of a change.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The closure as it is now.
    pub closure: Arc<Closure>,
    /// Why it isn't on disk. It is in force all the same, until a restart.
    pub not_durable: Option<String>,
}

/// Why nothing changed.
#[derive(Debug)]
pub enum Unchanged<E> {
    /// The caller's own reason.
    Refused(E),
    /// The closure changed meanwhile; ask again.
    Raced,
    /// The board can't be written, and what opens is durable first.
    NotDurable(String),
}

/// What came of versions from elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many changed something here.
    pub changed: usize,
    /// Why those that open were not taken: they are not durable.
    pub refused: Option<String>,
    /// Why what closes is in force but not on disk.
    pub not_durable: Option<String>,
}

impl Switchboard {
    /// Reads the last board of `directory`, which is made if missing. Where there is no board to be
    /// trusted, `cold_start` holds until an operator or the fleet says otherwise.
    ///
    /// # Errors
    /// The folder can't be made, or another process holds it: two boards in one folder would write
    /// over each other, and a closure of one be gone at its restart.
    pub fn open(directory: &Path, cold_start: &ColdStart) -> Result<(Self, Found), String> {
        file::make_directory(directory)?;
        let held = file::hold(directory)?;
        let (read, found) = file::read_newest(directory);
        let (kept, mut cold): (Vec<_>, Vec<_>) = read
            .iter()
            .flat_map(Board::closures)
            .cloned()
            .partition(|closure| !layers::is_cold(closure));
        let mut shared = Board::new(read.as_ref().map_or(0, Board::revision), kept);
        // an older generation lacks what closed last, and a baseline doesn't know it either
        let lacks = matches!(found, Found::Older(_));
        if found != Found::Board {
            if let Some(baseline) = &cold_start.baseline {
                shared = shared.merge(baseline);
            }
            if lacks || cold_start.baseline.is_none() {
                cold.extend(layers::closed_surfaces(&cold_start.closed, lacks));
            }
        }
        let known = found == Found::Board || (cold_start.baseline.is_some() && !lacks);
        let layers = Layers {
            shared: Arc::new(shared.without_ended(forgotten_since())),
            cold,
            files: Vec::new(),
            given: 0,
        };
        let switchboard = Self {
            directory: directory.to_owned(),
            in_force: ArcSwap::from_pointee(layers.in_force()),
            changing: Mutex::new(layers),
            writing: Mutex::new(()),
            durable: AtomicBool::new(found == Found::Board),
            known: AtomicBool::new(known),
            revisions: watch::Sender::new(0),
            swaps: Swaps::default(),
            _held: held,
        };
        Ok((switchboard, found))
    }

    /// The board in force, to keep.
    pub fn board(&self) -> Arc<Board> {
        self.in_force.load_full()
    }

    /// The board in force, for a moment: cheaper than [`Self::board`], not to be held for long.
    pub fn current(&self) -> arc_swap::Guard<Arc<Board>> {
        self.in_force.load()
    }

    /// The board that the fleet shares: what is in force without what is this gateway's alone.
    pub fn shared(&self) -> Arc<Board> {
        Arc::clone(&hold(&self.changing).shared)
    }

    /// Whether what is in force is on disk.
    pub fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Acquire)
    }

    /// Whether a board is known: from disk, a baseline, the fleet, or an operator's word.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    /// The cold-start states are all there will be: nobody else can be asked.
    pub fn settle_for_cold_start(&self) {
        self.known.store(true, Ordering::Release);
    }

    /// The fleet has a board: the cold-start states of this gateway no longer hold.
    pub fn defer_to_fleet(&self) {
        self.known.store(true, Ordering::Release);
        let mut layers = hold(&self.changing);
        if !layers.cold.is_empty() {
            layers.cold.clear();
            self.put_in_force(&layers);
        }
    }

    /// Counts changes of what is in force; what it counts to means nothing.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.revisions.subscribe()
    }

    /// Every change of what is in force from now on, one by one. For who never lags behind for long:
    /// what isn't received yet is kept.
    pub fn swaps(&self) -> mpsc::UnboundedReceiver<Swap> {
        self.swaps.subscribe()
    }

    /// A change that refuses at least as much as before: in force at once, then written. Waits for
    /// the disk before it answers. `make` gets the board in force and the revision to use.
    ///
    /// # Errors
    /// `make`'s own, or it made something that opens.
    pub fn close<E>(
        &self,
        make: impl FnOnce(&Board, u64) -> Result<Closure, E>,
    ) -> Result<Changed, Unchanged<E>> {
        let closure = {
            let mut layers = hold(&self.changing);
            let board = self.board();
            let next = layers.next_revision();
            let closure = make(&board, next).map_err(Unchanged::Refused)?;
            if layers::lessens(&board, &closure) {
                return Err(Unchanged::Raced);
            }
            layers.shared = Arc::new(layers.shared.with(closure.clone()));
            self.durable.store(false, Ordering::Release);
            self.put_in_force(&layers);
            closure
        };
        let _writing = hold(&self.writing);
        Ok(Changed {
            closure: Arc::new(closure),
            not_durable: self.write_in_force().err(),
        })
    }

    /// Any other change: written first, then in force.
    ///
    /// # Errors
    /// `make`'s own; it can't be written; the closure changed while it was written.
    pub fn open_up<E>(
        &self,
        make: impl FnOnce(&Board, u64) -> Result<Closure, E>,
    ) -> Result<Changed, Unchanged<E>> {
        let _writing = hold(&self.writing);
        let (closure, before, planned) = {
            let mut layers = hold(&self.changing);
            let board = self.board();
            let next = layers.next_revision();
            let closure = make(&board, next).map_err(Unchanged::Refused)?;
            let before = board.get(&closure.id).cloned();
            (closure.clone(), before, layers.with(closure))
        };
        if let Err(flaw) = file::write(&self.directory, &planned.durable()) {
            return Err(Unchanged::NotDurable(self.take_back(flaw)));
        }
        let mut layers = hold(&self.changing);
        if self.board().get(&closure.id) != before.as_ref() {
            drop(layers);
            let flaw = self.write_in_force().err();
            return Err(flaw.map_or(Unchanged::Raced, Unchanged::NotDurable));
        }
        // another closure may have come meanwhile: it stays, and its own call writes it
        let alone = layers.given.max(layers.shared.revision()) == closure.revision;
        *layers = layers.with(closure.clone());
        self.durable.store(alone, Ordering::Release);
        self.put_in_force(&layers);
        Ok(Changed {
            closure: Arc::new(closure),
            not_durable: None,
        })
    }

    /// Takes versions that others made, whatever they do: those that refuse more are in force at once,
    /// the others once they are on disk. Older versions change nothing.
    pub fn take(&self, closures: impl IntoIterator<Item = Arc<Closure>>) -> Taken {
        let mut taken = Taken::default();
        let (closing, opening) = {
            let mut layers = hold(&self.changing);
            let given = closures
                .into_iter()
                .filter(|closure| !layers::is_file(closure));
            let offered = Board::new(0, given);
            let news: Vec<_> = offered.beyond(&layers.shared).cloned().collect();
            let (opening, closing): (Vec<_>, Vec<_>) = news
                .into_iter()
                .partition(|closure| layers::lessens(&self.board(), closure));
            if !closing.is_empty() {
                self.durable.store(false, Ordering::Release);
                let more = Board::new(0, closing.iter().cloned());
                layers.shared = Arc::new(layers.shared.merge(&more));
                self.put_in_force(&layers);
            }
            (closing.len(), opening)
        };
        if closing == 0 && opening.is_empty() {
            return taken;
        }
        let _writing = hold(&self.writing);
        let opening = Board::new(0, opening);
        let planned = hold(&self.changing).merge(&opening);
        match file::write(&self.directory, &planned.durable()) {
            Ok(()) => {
                let mut layers = hold(&self.changing);
                let alone = layers.shared.revision() <= planned.shared.revision();
                *layers = layers.merge(&opening);
                self.durable.store(alone, Ordering::Release);
                self.put_in_force(&layers);
                taken.changed = closing.saturating_add(opening.closures().len());
            }
            Err(flaw) => {
                let flaw = self.take_back(flaw);
                taken.changed = closing;
                taken.refused = (opening.closures().len() > 0).then(|| flaw.clone());
                taken.not_durable = (closing > 0).then_some(flaw);
            }
        }
        taken
    }

    /// Puts the closures of files in force, in place of those before.
    pub fn set_files(&self, files: Vec<Arc<Closure>>) {
        let mut layers = hold(&self.changing);
        if layers.files != files {
            layers.files = files;
            self.put_in_force(&layers);
        }
    }

    fn put_in_force(&self, layers: &Layers) {
        let next = Arc::new(layers.in_force());
        let before = self.in_force.swap(Arc::clone(&next));
        self.swaps.tell(&before, &next);
        self.revisions
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// After a write that failed, perhaps behind its rename: the file must not say less than what
    /// is in force.
    fn take_back(&self, flaw: String) -> String {
        self.durable.store(false, Ordering::Release);
        match self.write_in_force() {
            Ok(()) => flaw,
            Err(_) => format!("{flaw}; the file may not hold what is in force"),
        }
    }

    /// Writes what is in force. The caller holds `writing`.
    fn write_in_force(&self) -> Result<(), String> {
        let (board, revision) = {
            let layers = hold(&self.changing);
            (layers.durable(), layers.shared.revision())
        };
        file::write(&self.directory, &board)?;
        let newest = hold(&self.changing).shared.revision() == revision;
        self.durable.store(newest, Ordering::Release);
        Ok(())
    }
}

/// A panic elsewhere leaves no half-made board: boards are immutable, so a poisoned lock is fine.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
