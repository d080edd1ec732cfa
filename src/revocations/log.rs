//! What of the revocations is on disk, and when is it believed?
//!
//! One line a version: the first 64 bits of the SHA-256 of the rest as 16 hexadecimal digits, a space, the
//! version as JSON. Appended and synced before anybody is told that it is durable. What a crash tore off
//! at the end was told to nobody and is cut away; any other line that doesn't fit its digits makes the
//! whole file one that can't be believed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::version::Version;
use crate::digest;

const NAME: &str = "revocations.log";

/// Longest line that is read: a reason has 8 KB at most.
const LINE_BYTES: u64 = 65_536;

const DIGITS: usize = 16;

/// The file, open for more.
#[derive(Debug)]
pub(super) struct Log {
    folder: PathBuf,
    file: File,
    /// Bytes of whole lines; what lies behind them is of a write that failed.
    length: u64,
    lines: usize,
    /// In force, and not written yet.
    unsaved: String,
}

/// What was found at a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// All that was ever revoked and has not ended.
    All,
    /// No file: nothing was ever revoked here, or it is not known here.
    Nothing,
    /// Lines that can't be believed, so others may be missing; the file is kept beside.
    Broken(String),
}

impl Log {
    /// Opens the log of a folder that this process holds, and gives `take` each version in it.
    ///
    /// # Errors
    /// It can't be read or written.
    pub(super) fn open(
        folder: &Path,
        mut take: impl FnMut(Version),
    ) -> Result<(Self, Found), String> {
        let path = folder.join(NAME);
        let told = |error: io::Error| format!("`{}`: {error}", path.display());
        let existed = path.exists();
        let mut log = Self {
            file: open(&path).map_err(told)?,
            folder: folder.to_owned(),
            length: 0,
            lines: 0,
            unsaved: String::new(),
        };
        let read = log.read(&mut take).map_err(told)?;
        let found = match read {
            None if existed => Found::All,
            None => Found::Nothing,
            Some(bad) => Found::Broken(log.put_aside(bad).map_err(told)?),
        };
        if found == Found::Nothing {
            File::open(folder)
                .and_then(|folder| folder.sync_all())
                .map_err(told)?;
        }
        Ok((log, found))
    }

    /// Reads all lines and cuts off what is none at the end; the number of the first that can't be
    /// believed.
    fn read(&mut self, take: &mut dyn FnMut(Version)) -> io::Result<Option<usize>> {
        let mut bad = None;
        let mut reader = BufReader::new(&self.file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let bytes = (&mut reader)
                .take(LINE_BYTES)
                .read_until(b'\n', &mut line)?;
            let Some((b'\n', text)) = line.split_last() else {
                if bytes >= usize::try_from(LINE_BYTES).unwrap_or(usize::MAX) {
                    bad = bad.or(Some(self.lines)); // not a line, however it goes on
                }
                break;
            };
            match decode(text) {
                Some(version) => take(version),
                None => bad = bad.or(Some(self.lines)),
            }
            self.lines = self.lines.saturating_add(1);
            self.length = self
                .length
                .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
        if bad.is_none() && self.file.metadata()?.len() > self.length {
            tracing::warn!(
                "a revocation that was being written at a crash was told to nobody: cut off"
            );
            self.file.set_len(self.length)?;
            self.file.sync_all()?;
        }
        Ok(bad)
    }

    /// Keeps the file beside, and goes on with the lines of it that can be believed.
    fn put_aside(&mut self, bad: usize) -> io::Result<String> {
        let path = self.folder.join(NAME);
        let number = bad.saturating_add(1);
        let mut beside = self.folder.join(format!("{NAME}.broken"));
        for again in 1_u32.. {
            if !beside.exists() {
                break;
            }
            beside = self.folder.join(format!("{NAME}.broken.{again}"));
        }
        fs::hard_link(&path, &beside)?;
        self.rewrite(|_| true)?;
        let shown = beside.display();
        Ok(format!(
            "line {number} can't be believed; the file is kept as `{shown}`"
        ))
    }

    /// Lines of the file.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// Whether something in force waits to be written.
    pub(super) fn is_behind(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// Writes versions, and what was not written before; returns when that is on disk.
    ///
    /// # Errors
    /// It isn't, none of it.
    pub(super) fn append(&mut self, versions: &[Version]) -> io::Result<()> {
        let mut text = self.unsaved.clone();
        for version in versions {
            text.push_str(&encode(version)?);
        }
        if text.is_empty() {
            return Ok(());
        }
        if self.file.metadata()?.len() != self.length {
            self.file.set_len(self.length)?;
        }
        let written = (&self.file).write_all(text.as_bytes());
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            // else what follows would not begin a line; where it fails it is done before the next write
            self.file.set_len(self.length).ok();
            return Err(error);
        }
        self.unsaved.clear();
        self.lines = self.lines.saturating_add(text.lines().count());
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(bytes);
        Ok(())
    }

    /// Keeps versions for the next write: they are in force and not on disk.
    pub(super) fn keep(&mut self, versions: &[Version]) {
        let lines = versions.iter().filter_map(|version| encode(version).ok());
        self.unsaved.extend(lines);
    }

    /// The versions so far, in the order in which they were made, those too that are not written; to be
    /// read while others are appended.
    ///
    /// # Errors
    /// The file can't be opened.
    pub(super) fn versions(&self) -> io::Result<impl Iterator<Item = Version> + use<>> {
        let file = File::open(self.folder.join(NAME))?;
        let unsaved = self.unsaved.lines();
        let unsaved: Vec<Version> = unsaved.filter_map(|line| decode(line.as_bytes())).collect();
        Ok(Lines(BufReader::new(file.take(self.length))).chain(unsaved))
    }

    /// Leaves out versions that are not to be kept. A crash at any moment leaves the old file or the new.
    ///
    /// # Errors
    /// The system refuses; the old file is there then.
    pub(super) fn rewrite(&mut self, keep: impl Fn(&Version) -> bool) -> io::Result<()> {
        let path = self.folder.join(NAME);
        let beside = self.folder.join(format!("{NAME}.tmp"));
        let (mut lines, mut length) = (0_usize, 0_u64);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&beside)?;
        let mut writer = BufWriter::new(file);
        for version in self.versions()?.filter(keep) {
            let line = encode(&version)?;
            writer.write_all(line.as_bytes())?;
            lines = lines.saturating_add(1);
            length = length.saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        }
        let file = writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let opened = open(&beside)?;
        fs::rename(&beside, &path)?;
        (self.file, self.lines, self.length) = (opened, lines, length);
        self.unsaved.clear();
        File::open(&self.folder)?.sync_all() // the rename itself
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Versions of a file; a line that can't be believed is none.
struct Lines(BufReader<io::Take<File>>);

impl Iterator for Lines {
    type Item = Version;

    fn next(&mut self) -> Option<Version> {
        let mut line = Vec::new();
        loop {
            line.clear();
            self.0
                .read_until(b'\n', &mut line)
                .ok()
                .filter(|bytes| *bytes > 0)?;
            if let Some(version) = line.strip_suffix(b"\n").and_then(decode) {
                return Some(version);
            }
        }
    }
}

fn encode(version: &Version) -> io::Result<String> {
    let text = serde_json::to_string(version).map_err(io::Error::other)?;
    Ok(format!("{} {text}\n", digits(text.as_bytes())))
}

fn decode(line: &[u8]) -> Option<Version> {
    let (found, text) = line.split_at_checked(DIGITS)?;
    let text = text.strip_prefix(b" ")?;
    if found != digits(text).as_bytes() {
        return None;
    }
    serde_json::from_slice(text).ok()
}

fn digits(text: &[u8]) -> String {
    digest::hex(&digest::short(&digest::sha256(text)).to_be_bytes())
}

#[cfg(test)]
impl Log {
    /// A disk that takes nothing.
    pub(super) fn break_disk(&mut self) {
        self.file = File::open(self.folder.join(NAME)).unwrap();
    }

    /// One that takes it again.
    pub(super) fn mend_disk(&mut self) {
        self.file = open(&self.folder.join(NAME)).unwrap();
    }
}
