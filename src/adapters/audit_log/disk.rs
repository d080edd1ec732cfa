//! What does the writer need from a file system?

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::folder;

/// The log and its journal, both written at their ends only, and its head.
pub(super) trait Disk: Send {
    /// Appends some of `bytes` to the log; answers how many.
    fn write_log(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Returns when the log is on disk.
    fn sync_log(&mut self) -> io::Result<()>;
    /// Length of the log.
    fn log_len(&self) -> io::Result<u64>;
    /// The log from an offset to its end.
    fn read_log(&mut self, offset: u64) -> io::Result<Box<dyn BufRead + '_>>;
    /// Opens the log's path anew.
    fn reopen_log(&mut self) -> io::Result<()>;
    /// Appends some of `bytes` to the journal; answers how many.
    fn write_journal(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Returns when the journal is on disk.
    fn sync_journal(&mut self) -> io::Result<()>;
    /// The whole journal.
    fn read_journal(&mut self) -> io::Result<Vec<u8>>;
    /// Cuts the journal.
    fn truncate_journal(&mut self, length: u64) -> io::Result<()>;
    /// Puts other contents in the journal's place, on disk, in one step.
    fn replace_journal(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Writes the head over the one before, which has the same length.
    fn write_head(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// The whole head; empty if there is none.
    fn read_head(&mut self) -> io::Result<Vec<u8>>;
}

/// Writes all of `bytes`; `done` says how far it came, also when it fails.
pub(super) fn write_all(
    mut write: impl FnMut(&[u8]) -> io::Result<usize>,
    bytes: &[u8],
    done: &mut usize,
) -> io::Result<()> {
    while let Some(rest) = bytes.get(*done..).filter(|rest| !rest.is_empty()) {
        match write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => *done = done.saturating_add(count),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Real files.
pub(super) struct Files {
    path: PathBuf,
    journal_path: PathBuf,
    log: File,
    journal: File,
    head: File,
}

impl Files {
    /// Opens both, making what is missing; nobody but the gateway's user can read them.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let journal_path = beside(path, ".intents");
        folder::make_for(path)?;
        let journal = open(&journal_path)?;
        lock(&journal)?;
        let log = open(path)?;
        let head = open_head(path)?;
        sync_folder(&journal_path)?;
        Ok(Self {
            path: path.to_owned(),
            journal_path,
            log,
            journal,
            head,
        })
    }

    /// A pipe or a terminal has no length and nothing to sync or to read back.
    fn log_is_a_file(&self) -> io::Result<bool> {
        Ok(self.log.metadata()?.is_file())
    }
}

impl Disk for Files {
    fn write_log(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.log.write(bytes)
    }

    fn sync_log(&mut self) -> io::Result<()> {
        if self.log_is_a_file()? {
            self.log.sync_data()?;
        }
        Ok(())
    }

    fn log_len(&self) -> io::Result<u64> {
        Ok(self.log.metadata()?.len())
    }

    fn read_log(&mut self, offset: u64) -> io::Result<Box<dyn BufRead + '_>> {
        if !self.log_is_a_file()? {
            return Ok(Box::new(io::empty()));
        }
        self.log.seek(SeekFrom::Start(offset))?;
        Ok(Box::new(BufReader::with_capacity(65_536, &mut self.log)))
    }

    fn reopen_log(&mut self) -> io::Result<()> {
        self.log = open(&self.path)?;
        sync_folder(&self.path)
    }

    fn write_journal(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.journal.write(bytes)
    }

    fn sync_journal(&mut self) -> io::Result<()> {
        self.journal.sync_data()
    }

    fn read_journal(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.journal.seek(SeekFrom::Start(0))?;
        self.journal.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn truncate_journal(&mut self, length: u64) -> io::Result<()> {
        self.journal.set_len(length)?;
        self.journal.sync_all()
    }

    fn replace_journal(&mut self, bytes: &[u8]) -> io::Result<()> {
        let path = beside(&self.journal_path, ".new");
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut journal = open(&path)?;
        lock(&journal)?; // before it has the journal's name: no moment without a lock
        journal.write_all(bytes)?;
        journal.sync_all()?;
        fs::rename(&path, &self.journal_path)?;
        self.journal = journal;
        sync_folder(&self.journal_path)
    }

    fn write_head(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.head.write_all_at(bytes, 0) // less than a sector: it is replaced whole
    }

    fn read_head(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.head.seek(SeekFrom::Start(0))?;
        (&self.head).take(HEAD_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// Longer than a head is.
pub(super) const HEAD_BYTES: u64 = 512;

/// Where the head of a log is kept.
pub(super) fn head_path(log: &Path) -> PathBuf {
    beside(log, ".head")
}

/// Not for append: it is written over.
fn open_head(log: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(head_path(log))
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Two writers of one journal would close each other's intents.
fn lock(journal: &File) -> io::Result<()> {
    journal.try_lock().map_err(|error| match error {
        fs::TryLockError::WouldBlock => {
            io::Error::new(io::ErrorKind::ResourceBusy, "another process writes it")
        }
        fs::TryLockError::Error(error) => error,
    })
}

/// A new name is on disk when its folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
