//! What is a run, as a file?
//!
//! Records in order, each as the lengths of its key and value, its line, and the two. Its digest is on
//! the mark: what was cut or altered meanwhile is not merged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::arena::Arena;
use super::mark;
use super::merge::Record;
use crate::digest;

/// Bytes that are read or written at once.
const BUFFER: usize = 256 * 1024;

/// Bytes of a record before its key.
const HEAD: usize = 16;

/// A file of sorted records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Run {
    name: String,
    sha256: String,
}

impl Run {
    /// Sorts what is in memory and writes it, and returns when it is on disk.
    pub(super) fn write(folder: &Path, number: usize, arena: &mut Arena) -> io::Result<Self> {
        arena.sort();
        let name = format!("run-{number}");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(folder.join(&name))?;
        let mut out = BufWriter::with_capacity(BUFFER, file);
        let mut hashed = Context::new(&SHA256);
        let mut record = Vec::new();
        let mut place = 0_usize;
        while let Some((key, line, value)) = arena.get(place) {
            record.clear();
            record.extend_from_slice(&length(key)?);
            record.extend_from_slice(&length(value)?);
            record.extend_from_slice(&line.to_be_bytes());
            record.extend_from_slice(key);
            record.extend_from_slice(value);
            hashed.update(&record);
            out.write_all(&record)?;
            place = place.saturating_add(1);
        }
        out.flush()?;
        out.get_ref().sync_data()?;
        arena.clear();
        let sha256 = digest::hex(hashed.finish().as_ref());
        Ok(Self { name, sha256 })
    }
}

fn length(part: &[u8]) -> io::Result<[u8; 4]> {
    let length = u32::try_from(part.len()).map_err(io::Error::other)?;
    Ok(length.to_be_bytes())
}

/// Removes what no mark knows: it was written after the last one.
pub(super) fn keep_only(folder: &Path, runs: &[Run]) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_known = runs.iter().any(|run| name == *run.name) || name == mark::FILE;
        if !is_known {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A run that is being read.
pub(super) struct Reader {
    file: BufReader<File>,
    hashed: Context,
    sha256: String,
}

impl Reader {
    pub(super) fn open(folder: &Path, run: &Run) -> io::Result<Self> {
        let file = File::open(folder.join(&run.name))?;
        Ok(Self {
            file: BufReader::with_capacity(BUFFER, file),
            hashed: Context::new(&SHA256),
            sha256: run.sha256.clone(),
        })
    }

    /// Reads the next record into `record`; `false` at the end, where all of it was as it was written.
    pub(super) fn next(&mut self, record: &mut Record) -> io::Result<bool> {
        let buffer = self.file.fill_buf()?;
        if let Some((key, line, value)) = whole(buffer) {
            record.key.clear();
            record.key.extend_from_slice(key);
            record.line = line;
            record.value.clear();
            record.value.extend_from_slice(value);
            let length = HEAD.saturating_add(key.len()).saturating_add(value.len());
            self.hashed.update(buffer.get(..length).unwrap_or_default());
            self.file.consume(length);
            return Ok(true);
        }
        self.next_of_pieces(record)
    }

    /// A record that doesn't lie in the buffer as a whole.
    fn next_of_pieces(&mut self, record: &mut Record) -> io::Result<bool> {
        let mut head = [0; HEAD];
        let (first, rest) = head.split_at_mut(1);
        if self.file.read(first)? == 0 {
            return self.ended();
        }
        self.file.read_exact(rest)?;
        self.hashed.update(&head);
        let [k0, k1, k2, k3, v0, v1, v2, v3, line @ ..] = head;
        record.line = u64::from_be_bytes(line);
        for (part, length) in [
            (&mut record.key, [k0, k1, k2, k3]),
            (&mut record.value, [v0, v1, v2, v3]),
        ] {
            part.clear();
            let length = u64::from(u32::from_be_bytes(length));
            let read = self.file.by_ref().take(length).read_to_end(part)?;
            if u64::try_from(read).ok() != Some(length) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.hashed.update(part);
        }
        Ok(true)
    }

    /// Whether it ended as it was written.
    fn ended(&self) -> io::Result<bool> {
        let sha256 = digest::hex(self.hashed.clone().finish().as_ref());
        if sha256 == self.sha256 {
            return Ok(false);
        }
        Err(io::Error::other("a run was altered since it was written"))
    }
}

/// The key, line and value of the record that begins here, if all of it is here.
fn whole(buffer: &[u8]) -> Option<(&[u8], u64, &[u8])> {
    let (head, rest) = buffer.split_first_chunk::<HEAD>()?;
    let &[k0, k1, k2, k3, v0, v1, v2, v3, ref line @ ..] = head;
    let length = |bytes| usize::try_from(u32::from_be_bytes(bytes)).ok();
    let (key, rest) = rest.split_at_checked(length([k0, k1, k2, k3])?)?;
    let value = rest.get(..length([v0, v1, v2, v3])?)?;
    Some((key, u64::from_be_bytes(*line), value))
}
