//! How does the board outlive the process?
//!
//! Closing is in force at once and then durable; opening is durable first and then in force. So a
//! closure never waits for a disk, and nothing opens that a restart would close again.

mod file;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::clock;
use crate::switchboard::{Board, Closure, Scope};

/// Seconds that clients are told to wait where only the cold-start state is known.
const COLD_START_RETRY: u64 = 60;

/// The board in force and its durable copy.
#[derive(Debug)]
pub struct Switchboard {
    directory: PathBuf,
    in_force: ArcSwap<Board>,
    /// Held for a moment, while the next board is made from the one in force.
    changing: Mutex<()>,
    /// Held while the file is written. INVARIANT: taken before `changing`, never after it.
    writing: Mutex<()>,
    durable: AtomicBool,
    /// Kept open for its lock.
    _held: File,
}

/// What was found on disk at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A whole board.
    Board,
    /// Nothing: a first start.
    Nothing,
    /// A file that can't be trusted; it is kept beside for inspection.
    Broken(String),
}

/// What came of closing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// Revision of the first board with the closure.
    pub revision: u64,
    /// Why the closure isn't on disk. It is in force all the same, until a restart.
    pub not_durable: Option<String>,
}

impl Switchboard {
    /// Reads the last board of `directory`, which is made if missing. Where there is no board to be
    /// trusted, the surfaces in `closed_at_cold_start` are closed until an operator opens them.
    ///
    /// # Errors
    /// The folder can't be made, or another process holds it: two boards in one folder would write
    /// over each other, and a closure of one be gone at its restart.
    pub fn open(
        directory: &Path,
        closed_at_cold_start: &[String],
    ) -> Result<(Self, Found), String> {
        file::make_directory(directory)?;
        let held = file::hold(directory)?;
        let (board, found) = match file::read(directory) {
            Ok(Some(board)) => (board, Found::Board),
            Ok(None) => (cold_start(closed_at_cold_start), Found::Nothing),
            Err(flaw) => {
                let kept = file::keep_broken(directory);
                (
                    cold_start(closed_at_cold_start),
                    Found::Broken(format!("{flaw}; {kept}")),
                )
            }
        };
        let durable = AtomicBool::new(found == Found::Board);
        let switchboard = Self {
            directory: directory.to_owned(),
            in_force: ArcSwap::from_pointee(board),
            changing: Mutex::new(()),
            writing: Mutex::new(()),
            durable,
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

    /// Whether the board in force is on disk.
    pub fn is_durable(&self) -> bool {
        self.durable.load(Ordering::Acquire)
    }

    /// Adds a closure: in force at once, then written. Waits for the disk before it answers.
    ///
    /// # Errors
    /// The scope names nothing, or the id is taken. Nothing has changed then.
    pub fn close(&self, closure: Closure) -> Result<Closing, String> {
        if closure.scope.is_empty() {
            return Err("a closure must name what it closes".to_owned());
        }
        let revision = {
            let _changing = hold(&self.changing);
            let board = self.board();
            if board.get(&closure.id).is_some() {
                return Err(format!("the id `{}` is taken", closure.id));
            }
            let next = board.with(closure);
            let revision = next.revision();
            self.durable.store(false, Ordering::Release);
            self.in_force.store(Arc::new(next));
            revision
        };
        let _writing = hold(&self.writing);
        Ok(Closing {
            revision,
            not_durable: self.write_board_in_force().err(),
        })
    }

    /// Removes the closure with this id: written first, then in force. Answers the revision of the
    /// board without it, `None` if there is no such closure.
    ///
    /// # Errors
    /// The board can't be written; the closure stays in force.
    pub fn open_again(&self, id: &str) -> Result<Option<u64>, String> {
        let _writing = hold(&self.writing);
        let Some(next) = self.board().without(id) else {
            return Ok(None);
        };
        if let Err(flaw) = file::write(&self.directory, &next) {
            return Err(self.take_back(flaw));
        }
        let _changing = hold(&self.changing);
        // a closure may have come meanwhile: it stays, and its own call writes it
        let board = self.board();
        let Some(now) = board.without(id) else {
            return Ok(None);
        };
        let alone = now.revision() == next.revision();
        let revision = now.revision();
        self.in_force.store(Arc::new(now));
        self.durable.store(alone, Ordering::Release);
        Ok(Some(revision))
    }

    /// After a write that failed, perhaps behind its rename: the file must not say less than what
    /// is in force.
    fn take_back(&self, flaw: String) -> String {
        self.durable.store(false, Ordering::Release);
        match self.write_board_in_force() {
            Ok(()) => flaw,
            Err(_) => format!("{flaw}; the file may not hold what is in force"),
        }
    }

    /// Writes what is in force. The caller holds `writing`.
    fn write_board_in_force(&self) -> Result<(), String> {
        let board = self.board();
        file::write(&self.directory, &board)?;
        let _changing = hold(&self.changing);
        let newest = self.current().revision() == board.revision();
        self.durable.store(newest, Ordering::Release);
        Ok(())
    }
}

/// A panic elsewhere leaves no half-made board: boards are immutable, so a poisoned lock is fine.
fn hold(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The state of a gateway that knows nothing.
fn cold_start(surfaces: &[String]) -> Board {
    let now = clock::unix_time().as_secs();
    let closures = surfaces.iter().map(|surface| {
        Arc::new(Closure {
            id: format!("cold-start-{surface}"),
            scope: Scope {
                surfaces: [surface.clone()].into(),
                ..Scope::default()
            },
            reason: "no switch board could be read".to_owned(),
            message: None,
            closed_by: "vingate".to_owned(),
            closed_at: now,
            retry_after: COLD_START_RETRY,
        })
    });
    Board::new(0, closures)
}

#[cfg(test)]
mod tests;
