//! Which closures stand in files of this host?
//!
//! One closure a file, in a folder that belongs to root: they need no API, no fleet, no runtime, and
//! only close. Looked at every second. What breaks keeps its last good version; only a file that is
//! removed lifts its closure.

mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::switchboard::store::Switchboard;
use crate::switchboard::{Closure, Scope};
use file::{Mark, belongs};

const LOOK: Duration = Duration::from_secs(1);

/// Most files that are read.
const MOST: usize = 1_000;

const ROOT: u32 = 0;

/// Closures in files.
pub struct DropIns {
    folder: PathBuf,
    /// User id of who may write there.
    owner: u32,
    board: Arc<Switchboard>,
    found: Mutex<Found>,
    failed: AtomicBool,
    meant: OnceLock<Meant>,
}

/// Whether a scope can be meant, by the names of the rules in force; why not.
pub type Meant = Box<dyn Fn(&Scope) -> Result<(), String> + Send + Sync>;

impl fmt::Debug for DropIns {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("DropIns")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Found {
    files: BTreeMap<String, Kept>,
    /// What is wrong with the folder.
    flaw: Option<String>,
}

/// What is known of a file.
#[derive(Debug, Clone)]
struct Kept {
    mark: Mark,
    /// The last good version.
    closure: Option<Arc<Closure>>,
    /// What is wrong with what is there now.
    flaw: Option<String>,
    /// It wasn't there when the folder was looked at last.
    missed: bool,
    /// Why it closes less than it says, or nothing: a name that the rules don't know.
    unmeant: Option<String>,
}

impl Kept {
    /// What is wrong with it, if anything.
    fn wrong(&self) -> Option<&String> {
        self.flaw.as_ref().or(self.unmeant.as_ref())
    }
}

impl DropIns {
    /// For this folder, which need not be there, and its files, all of them root's.
    pub fn new(folder: PathBuf, board: Arc<Switchboard>) -> Self {
        Self::of(ROOT, folder, board)
    }

    fn of(owner: u32, folder: PathBuf, board: Arc<Switchboard>) -> Self {
        Self {
            folder,
            owner,
            board,
            found: Mutex::default(),
            failed: AtomicBool::new(false),
            meant: OnceLock::new(),
        }
    }

    /// From now on closures are held against the names of the rules in force. One that names
    /// something else is in force all the same, with an alarm: it may close nothing.
    pub fn hold_against(&self, meant: Meant) {
        if self.meant.set(meant).is_err() {
            tracing::debug!("closures in files are held against names already");
        }
    }

    /// Whether all files, and their folder, could be used as they are now.
    pub fn is_healthy(&self) -> bool {
        !self.failed.load(Ordering::Acquire)
    }

    /// What can't be used, and why, a line each.
    pub fn flaws(&self) -> Vec<String> {
        let found = self.found();
        let files = found
            .files
            .iter()
            .filter_map(|(name, kept)| Some(format!("`{name}`: {}", kept.wrong()?)));
        found.flaw.iter().cloned().chain(files).collect()
    }

    /// Looks once and puts in force what is there.
    pub fn look(&self) {
        let mut found = self.found();
        let flaw = match self.names(&found) {
            Ok(names) => {
                self.look_at(&mut found, names);
                self.hold(&mut found);
                None
            }
            Err(flaw) => Some(flaw),
        };
        if flaw != found.flaw {
            if let Some(flaw) = &flaw {
                tracing::error!(target: "vingate::alarm", %flaw, "closures in files stay as they are");
            }
            found.flaw = flaw;
        }
        let failed =
            found.flaw.is_some() || found.files.values().any(|kept| kept.wrong().is_some());
        self.failed.store(failed, Ordering::Release);
        let closures = found.files.values().filter_map(|kept| kept.closure.clone());
        self.board.set_files(closures.collect());
    }

    /// Looks every second, on a thread of its own, until `stop`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn watch(self: Arc<Self>, stop: Arc<AtomicBool>) -> Result<JoinHandle<()>, String> {
        let looking = move || {
            while !stop.load(Ordering::Acquire) {
                thread::park_timeout(LOOK);
                self.look();
            }
        };
        thread::Builder::new()
            .name("switch-files".to_owned())
            .spawn(looking)
            .map_err(|error| format!("no thread for closures in files: {error}"))
    }

    /// The files that there are; none where the folder never was.
    fn names(&self, known: &Found) -> Result<Vec<String>, String> {
        let shown = self.folder.display();
        let unreadable = |error: std::io::Error| format!("`{shown}` can't be read: {error}");
        let facts = match fs::symlink_metadata(&self.folder) {
            Ok(facts) => facts,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return if known.files.is_empty() {
                    Ok(Vec::new())
                } else {
                    Err(format!(
                        "`{shown}` is gone; to lift a closure, remove its file alone"
                    ))
                };
            }
            Err(error) => return Err(unreadable(error)),
        };
        if !facts.is_dir() {
            return Err(format!("`{shown}` is no folder"));
        }
        belongs(&facts, self.owner).map_err(|flaw| format!("`{shown}`: {flaw}"))?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let is_toml = Path::new(&name)
                .extension()
                .is_some_and(|end| end == "toml");
            if let Some(name) = name
                .to_str()
                .filter(|name| is_toml && !name.starts_with('.'))
            {
                names.push(name.to_owned());
            }
        }
        if names.len() > MOST {
            return Err(format!("`{shown}` has more than {MOST} files"));
        }
        Ok(names)
    }

    fn look_at(&self, found: &mut Found, names: Vec<String>) {
        let mut before = std::mem::take(&mut found.files);
        for name in names {
            let known = before.remove(&name);
            let path = self.folder.join(&name);
            found
                .files
                .insert(name.clone(), self.look_at_one(&name, &path, known));
        }
        // Some editors remove a file and write it anew: gone is what is missing twice.
        for (name, mut kept) in before {
            if kept.missed {
                tracing::info!(file = name, "the file of a closure is gone");
            } else {
                kept.missed = true;
                found.files.insert(name, kept);
            }
        }
    }

    fn look_at_one(&self, name: &str, path: &Path, known: Option<Kept>) -> Kept {
        let mark = Mark::of(path);
        // one that failed is tried again: it may have been the host that failed
        let as_it_was = |known: &&Kept| known.mark == mark && known.flaw.is_none();
        if let Some(known) = known.as_ref().filter(as_it_was) {
            return Kept {
                missed: false,
                ..known.clone()
            };
        }
        let (last, told) = known.map_or((None, None), |known| (known.closure, known.flaw));
        let (closure, flaw) = match file::read(name, path, self.owner) {
            Ok(closure) => {
                let (id, scope) = (&closure.id, closure.scope.summary());
                tracing::warn!(id, scope, "a file closes");
                (Some(Arc::new(closure)), None)
            }
            Err(flaw) => {
                let file = path.display();
                let holds = last.is_some();
                if told.as_ref() != Some(&flaw) {
                    tracing::error!(target: "vingate::alarm", %file, %flaw, holds, "the file of a closure is refused");
                }
                (last, Some(flaw))
            }
        };
        Kept {
            mark,
            closure,
            flaw,
            missed: false,
            unmeant: None,
        }
    }

    /// The rules may have changed since, so this is asked at every look.
    fn hold(&self, found: &mut Found) {
        let Some(meant) = self.meant.get() else {
            return;
        };
        for (file, kept) in &mut found.files {
            let Some(closure) = &kept.closure else {
                continue;
            };
            let unmeant = meant(&closure.scope).err();
            if unmeant.is_some() && unmeant != kept.unmeant {
                let flaw = unmeant.as_deref().unwrap_or_default();
                tracing::error!(
                    target: "vingate::alarm", file, flaw, "the file of a closure may close nothing"
                );
            }
            kept.unmeant = unmeant;
        }
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
