//! In which order do an import's records reach a store, and what of them outlives the import?
//!
//! A tree that is filled in the order of its keys is written once; one that is filled in any order is
//! written all over. So records are sorted before a store sees them, in bounded memory: what fills
//! it goes into a file in order, a run, and in the end the runs are merged. What is about one thing
//! stands together then, so no import remembers all its keys to find a second one.
//!
//! A folder of runs with its mark is also what an import that was interrupted goes on from. Nothing of
//! it is in the store before all of it is.

mod arena;
mod mark;
mod merge;
mod run;

use std::fs;
use std::io;
use std::mem;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use crate::adapters::facts::import::ImportError;
use crate::folder;
use arena::Arena;
pub(crate) use mark::Mark;
use mark::Marked;
pub(crate) use merge::{Merge, Record};
use run::Run;

/// Where an import may keep what it has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Room {
    /// It is made once there is something to keep.
    pub(crate) folder: PathBuf,
    /// Bytes that are sorted in memory.
    pub(crate) memory: usize,
}

/// What becomes of the runs of an import that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// They go: whoever imports starts again.
    Never,
    /// They stay, to be gone on from; an import starts anew.
    Later,
    /// They stay, and an import goes on from those that are there.
    Now,
}

/// Records on their way to a store.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    /// What lines are read by: runs that were read by other terms are of no use.
    terms: String,
    memory: usize,
    arena: Arena,
    runs: Vec<Run>,
    /// The run that is being written while the next is read, and its memory, which comes back.
    writing: Option<JoinHandle<io::Result<(Run, Arena)>>>,
    spare: Arena,
    keeps: bool,
}

impl Spool {
    /// In this room; and the mark that lines are to be read from.
    ///
    /// # Errors
    /// There is nothing to go on from, or what is there can't be read or removed.
    pub(crate) fn begin(
        room: Room,
        terms: String,
        resume: Resume,
    ) -> Result<(Self, Mark), ImportError> {
        let mut spool = Self {
            folder: room.folder,
            terms,
            memory: room.memory,
            arena: Arena::default(),
            runs: Vec::new(),
            writing: None,
            spare: Arena::default(),
            keeps: resume != Resume::Never,
        };
        let flaw = |error| ImportError::Store(spool.flaw(&error));
        if resume != Resume::Now {
            remove(&spool.folder).map_err(flaw)?;
            return Ok((spool, Mark::default()));
        }
        let refused = |why: &str| ImportError::Refused(why.to_owned());
        let found = Marked::read(&spool.folder).map_err(flaw)?;
        let nothing = || refused("there is no interrupted import to go on from");
        let found = found.ok_or_else(nothing)?;
        if found.terms != spool.terms {
            return Err(refused(
                "the interrupted import was begun with other options, regions, issuers or another \
                 version: import without `--resume`",
            ));
        }
        run::keep_only(&spool.folder, &found.runs).map_err(flaw)?;
        spool.runs = found.runs;
        Ok((spool, found.mark))
    }

    /// How far an interrupted import came.
    pub(crate) fn left_in(folder: &Path) -> Option<Mark> {
        Marked::read(folder).ok().flatten().map(|found| found.mark)
    }

    /// Takes a record of a line.
    pub(crate) fn push(&mut self, key: &[u8], line: u64, value: &[u8]) {
        self.arena.push(key, line, value);
    }

    /// Whether what is in memory should become a run.
    pub(crate) fn is_full(&self) -> bool {
        self.arena.bytes() >= self.memory
    }

    /// Makes a run of what is in memory, on a thread of its own; with a mark, an interrupted import goes
    /// on from here once it is there. Waits for the run before: no more than two are in memory.
    ///
    /// # Errors
    /// The disk doesn't take it, or didn't take the one before.
    pub(crate) fn spill(&mut self, mark: Option<Mark>) -> Result<(), String> {
        let begun = self.settle().and_then(|()| self.begin_run(mark));
        begun.map_err(|error| self.flaw(&error))
    }

    fn begin_run(&mut self, mark: Option<Mark>) -> io::Result<()> {
        folder::make_for(&self.folder.join("run"))?;
        let (folder, terms) = (self.folder.clone(), self.terms.clone());
        let mut runs = self.runs.clone();
        let mark = mark.filter(|_| self.keeps);
        let mut arena = mem::replace(&mut self.arena, mem::take(&mut self.spare));
        let write = move || {
            let run = Run::write(&folder, runs.len(), &mut arena)?;
            if let Some(mark) = mark {
                runs.push(run.clone());
                Marked { terms, runs, mark }.write(&folder)?;
            }
            Ok((run, arena))
        };
        let thread = thread::Builder::new().name("import-run".to_owned());
        self.writing = Some(thread.spawn(write)?);
        Ok(())
    }

    /// Waits until the run that is being written is there.
    fn settle(&mut self) -> io::Result<()> {
        let Some(writing) = self.writing.take() else {
            return Ok(());
        };
        let (run, arena) = writing
            .join()
            .unwrap_or_else(|panic| resume_unwind(panic))?;
        self.runs.push(run);
        self.spare = arena;
        Ok(())
    }

    /// All records in the order of their keys and, of one key, of their lines.
    ///
    /// # Errors
    /// A run can't be written or read.
    pub(crate) fn merge(&mut self) -> Result<Merge, String> {
        let settled = self.settle();
        self.spare = Arena::default();
        let arena = mem::take(&mut self.arena);
        let merge = settled.and_then(|()| Merge::new(&self.folder, &self.runs, arena));
        merge.map_err(|error| self.flaw(&error))
    }

    /// Nothing is left of it: the store has it all.
    pub(crate) fn end(mut self) {
        self.keeps = false;
    }

    pub(crate) fn flaw(&self, error: &io::Error) -> String {
        let folder = self.folder.display();
        format!("cannot keep what was read in `{folder}`: {error}")
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What an interrupted import goes on from is there, and nobody writes into a folder that is gone.
        let written = self.writing.take().map(JoinHandle::join);
        if !matches!(written, None | Some(Ok(Ok(_)))) {
            let folder = self.folder.display();
            tracing::warn!("not all that was read is kept in `{folder}`");
        }
        if self.keeps {
            return;
        }
        if let Err(error) = remove(&self.folder) {
            let folder = self.folder.display();
            tracing::warn!("cannot remove `{folder}`: {error}");
        }
    }
}

/// Removes a folder of runs, if there is one.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
