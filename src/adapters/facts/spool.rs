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
use std::path::{Path, PathBuf};

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

    /// Makes a run of what is in memory; with a mark, an interrupted import goes on from here.
    ///
    /// # Errors
    /// The disk doesn't take it.
    pub(crate) fn spill(&mut self, mark: Option<Mark>) -> Result<(), String> {
        self.spilled(mark).map_err(|error| self.flaw(&error))
    }

    fn spilled(&mut self, mark: Option<Mark>) -> io::Result<()> {
        folder::make_for(&self.folder.join("run"))?;
        let run = Run::write(&self.folder, self.runs.len(), &mut self.arena)?;
        self.runs.push(run);
        if let (Some(mark), true) = (mark, self.keeps) {
            let runs = self.runs.clone();
            let terms = self.terms.clone();
            Marked { terms, runs, mark }.write(&self.folder)?;
        }
        Ok(())
    }

    /// All records in the order of their keys and, of one key, of their lines.
    ///
    /// # Errors
    /// A run can't be read.
    pub(crate) fn merge(&mut self) -> Result<Merge, String> {
        let arena = std::mem::take(&mut self.arena);
        let merge = Merge::new(&self.folder, &self.runs, arena);
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
