//! Which lines are on their way to the log?

use std::io;
use std::mem;

use crate::chain::{Chain, Link};

use super::disk::{Disk, write_all};
use super::journal::one_line;

/// Lines that are handed over and not written yet, chained.
pub(super) struct Pending {
    /// The chain behind the last line that is written.
    written: Chain,
    /// The chain behind the last line here.
    chain: Chain,
    /// The lines as they came: a new file needs them chained anew.
    lines: Vec<String>,
    bytes: Vec<u8>,
    done: usize,
    records: usize,
}

impl Pending {
    pub(super) fn behind(chain: Chain) -> Self {
        Self {
            written: chain.clone(),
            chain,
            lines: Vec::new(),
            bytes: Vec::new(),
            done: 0,
            records: 0,
        }
    }

    /// The last line that is written.
    pub(super) fn written(&self) -> Link {
        self.written.last()
    }

    /// Records among them.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    pub(super) fn push_record(&mut self, line: &str) {
        self.push(line);
        self.records = self.records.saturating_add(1);
    }

    pub(super) fn push(&mut self, line: &str) {
        let line = one_line(line).into_owned();
        self.chain.seal(&line, &mut self.bytes);
        self.lines.push(line);
    }

    /// Writes all; answers how many records are among it.
    pub(super) fn write(&mut self, disk: &mut dyn Disk) -> io::Result<usize> {
        write_all(|bytes| disk.write_log(bytes), &self.bytes, &mut self.done)?;
        if !self.lines.is_empty() {
            self.written.clone_from(&self.chain);
        }
        self.lines.clear();
        self.bytes.clear();
        self.done = 0;
        Ok(mem::take(&mut self.records))
    }

    /// Goes on in a new file. A line that is half written comes whole there; one that lacks its
    /// line feed only is whole where it is.
    pub(super) fn begin_file(&mut self) {
        self.forget_whole();
        self.written.begin_file();
        self.chain = self.written.clone();
        self.bytes.clear();
        self.done = 0;
        for line in &self.lines {
            self.chain.seal(line, &mut self.bytes);
        }
    }

    /// Forgets the lines that are written whole.
    fn forget_whole(&mut self) {
        let reach = match self.bytes.get(self.done) {
            Some(b'\n') => self.done.saturating_add(1),
            Some(_) | None => self.done,
        };
        let done = self.bytes.get(..reach).unwrap_or_default();
        let parts = done.split(|byte| *byte == b'\n').count();
        let whole = parts.saturating_sub(1); // the last is behind a line feed
        for line in self.lines.drain(..whole.min(self.lines.len())) {
            self.written.seal(&line, &mut Vec::new());
        }
    }
}
