//! Which line is next, and what was read so far?

use std::io::{self, BufRead, Read};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::{ImportError, Terms};
use crate::adapters::facts::line::{self, Fact};
use crate::adapters::facts::progress::Progress;
use crate::digest;

/// Bytes of a line, without its end. A vehicle with a hundred drivers takes a tenth.
pub(super) const LINE_BYTES: usize = 64 * 1024;

/// Lines that are being read, numbered and digested.
pub(crate) struct Lines<'a> {
    from: &'a mut dyn BufRead,
    buffer: Vec<u8>,
    number: u64,
    bytes: u64,
    hashed: Context,
    /// Whether what was read ends with the end of a line.
    is_whole: bool,
}

/// The number of a line, and what it says or why it is bad.
pub(crate) type Judged = (u64, Result<Fact, String>);

/// How far it was read: lines, bytes, their SHA-256 in hexadecimal digits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(from: &'a mut dyn BufRead) -> Self {
        Self {
            from,
            buffer: Vec::new(),
            number: 0,
            bytes: 0,
            hashed: Context::new(&SHA256),
            is_whole: false,
        }
    }

    /// The next line that isn't blank; `None` at the end.
    pub(crate) fn next(&mut self, terms: &Terms) -> Result<Option<Judged>, ImportError> {
        loop {
            self.number = self.number.saturating_add(1);
            let number = self.number;
            let unread = |error| ImportError::Store(format!("cannot read line {number}: {error}"));
            if !self.fill().map_err(unread)? {
                self.number = number.saturating_sub(1); // there is none
                return Ok(None);
            }
            let text = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            if text.len() > LINE_BYTES {
                while !self.buffer.ends_with(b"\n") && self.fill().map_err(unread)? {}
                return Ok(Some((number, Err("longer than 64 KiB".to_owned()))));
            }
            if !text.trim_ascii().is_empty() {
                return Ok(Some((number, line::read(text, terms))));
            }
        }
    }

    /// Reads up to the end of a line, at most a little more than a line may have; whether anything
    /// came.
    fn fill(&mut self) -> io::Result<bool> {
        const ENOUGH: u64 = 64 * 1024 + 2; // the line and its end
        self.buffer.clear();
        let mut bounded = self.from.take(ENOUGH);
        let read = bounded.read_until(b'\n', &mut self.buffer)?;
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
        self.hashed.update(&self.buffer);
        if read > 0 {
            self.is_whole = self.buffer.ends_with(b"\n");
        }
        Ok(read > 0)
    }

    /// SHA-256 of all that was read, in hexadecimal digits.
    pub(crate) fn sha256(&self) -> String {
        digest::hex(self.hashed.clone().finish().as_ref())
    }

    /// How much was read.
    pub(crate) fn progress(&self) -> Progress {
        Progress::Read {
            lines: self.number,
            bytes: self.bytes,
        }
    }

    /// The end of the last line; `None` if it has none, so that more of it could still come.
    pub(crate) fn place(&self) -> Option<Place> {
        self.is_whole.then(|| Place {
            lines: self.number,
            bytes: self.bytes,
            sha256: self.sha256(),
        })
    }

    /// Passes over what was read before, up to this place.
    ///
    /// # Errors
    /// It can't be read, or is something else.
    pub(crate) fn pass_over(&mut self, place: &Place) -> Result<(), ImportError> {
        if *place == Place::default() {
            return Ok(()); // nothing was
        }
        while self.bytes < place.bytes {
            let left = place.bytes.saturating_sub(self.bytes);
            let unread = |error| ImportError::Store(format!("cannot read the lines: {error}"));
            let piece = self.from.fill_buf().map_err(unread)?;
            let wanted = usize::try_from(left).unwrap_or(usize::MAX);
            let piece = piece.get(..wanted).unwrap_or(piece);
            let length = piece.len();
            if length == 0 {
                break;
            }
            self.hashed.update(piece);
            self.from.consume(length);
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            self.bytes = self.bytes.saturating_add(length);
        }
        if self.bytes != place.bytes || self.sha256() != place.sha256 {
            let why = format!(
                "its first {} lines are not those that the interrupted import read: import without \
                 `--resume`",
                place.lines
            );
            return Err(ImportError::Refused(why));
        }
        self.number = place.lines;
        self.is_whole = true;
        Ok(())
    }
}
