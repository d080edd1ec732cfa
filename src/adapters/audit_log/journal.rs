//! Which commands were about to be forwarded, and which of them have no record?
//!
//! A line each, not chained: `+ID OFFSET RECORD` for an intent, with the length of the log at that time (its
//! record can only stand behind it), and `-ID` once its record is on disk.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{self, BufRead};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use uuid::Uuid;

use crate::chain::{Chain, ChainKey};
use crate::pipeline::audit::Intent;

use super::disk::{Disk, write_all};
use super::tail;

/// A journal below this size is left alone.
const COMPACT_BYTES: u64 = 1_048_576;

/// The intents without a record.
#[derive(Default)]
pub(super) struct Journal {
    open: HashMap<Uuid, String>,
    /// Length of the journal up to the last line that is known to be whole.
    length: u64,
    broken: bool,
    /// Offsets in it belong to a log that was rotated away.
    stale: bool,
}

impl Journal {
    pub(super) fn is_open(&self, id: Uuid) -> bool {
        self.open.contains_key(&id)
    }

    /// Writes intents and returns when they are on disk.
    pub(super) fn add(&mut self, disk: &mut dyn Disk, intents: &[&Intent]) -> io::Result<()> {
        let offset = disk.log_len()?;
        let mut lines = String::new();
        for intent in intents {
            push_intent(&mut lines, intent.id, offset, &intent.line);
        }
        self.append(disk, &lines)?;
        if let Err(error) = disk.sync_journal() {
            self.broken = true;
            return Err(error);
        }
        self.accept(&lines);
        for intent in intents {
            self.open.insert(intent.id, intent.line.clone());
        }
        Ok(())
    }

    /// Notes that the records of these intents are on disk.
    pub(super) fn close(&mut self, disk: &mut dyn Disk, ids: &[Uuid]) -> io::Result<()> {
        let mut lines = String::new();
        for id in ids.iter().filter(|id| self.is_open(**id)) {
            push(&mut lines, format_args!("-{id}\n"));
        }
        self.append(disk, &lines)?;
        self.accept(&lines);
        for id in ids {
            self.open.remove(id);
        }
        Ok(())
    }

    fn append(&mut self, disk: &mut dyn Disk, lines: &str) -> io::Result<()> {
        let written = write_all(|bytes| disk.write_journal(bytes), lines.as_bytes(), &mut 0);
        self.broken |= written.is_err();
        written
    }

    fn accept(&mut self, lines: &str) {
        let more = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        self.length = self.length.saturating_add(more);
    }

    /// After a failed write: cuts what came of it, and tries whether there is space again.
    pub(super) fn mend(&mut self, disk: &mut dyn Disk) -> io::Result<()> {
        if self.broken {
            disk.truncate_journal(self.length)?;
            self.append(disk, "\n")?;
            disk.sync_journal()?;
            self.accept("\n");
            self.broken = false;
        }
        Ok(())
    }

    /// Says that the log was rotated: offsets count anew.
    pub(super) fn rotated(&mut self) {
        self.stale = true;
    }

    /// Forgets what is closed, once that is worth it. INVARIANT: the log is on disk up to every
    /// record whose intent was closed.
    pub(super) fn compact(&mut self, disk: &mut dyn Disk) -> io::Result<()> {
        if !self.stale && self.length <= COMPACT_BYTES {
            return Ok(());
        }
        if self.open.is_empty() {
            disk.truncate_journal(0)?;
            self.length = 0;
            self.stale = false;
            return Ok(());
        }
        let offset = disk.log_len()?;
        let mut lines = String::new();
        for (id, line) in &self.open {
            push_intent(&mut lines, *id, offset, line);
        }
        let length = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if self.stale || length < self.length / 2 {
            disk.replace_journal(lines.as_bytes())?;
            self.length = length;
            self.stale = false;
        }
        Ok(())
    }
}

fn push_intent(lines: &mut String, id: Uuid, offset: u64, line: &str) {
    let line = one_line(line);
    push(lines, format_args!("+{id} {offset} {line}\n"));
}

fn push(lines: &mut String, line: std::fmt::Arguments<'_>) {
    if lines.write_fmt(line).is_err() {
        lines.push('\n'); // can't happen: a string takes everything
    }
}

/// Records come as one line; this makes sure of it.
pub(super) fn one_line(line: &str) -> Cow<'_, str> {
    if line.contains('\n') {
        Cow::Owned(line.replace('\n', " "))
    } else {
        Cow::Borrowed(line)
    }
}

/// Brings log and journal in order after a stop of any kind: completes a torn last line, writes a
/// record for every intent that has none, and empties the journal. Can be interrupted and repeated.
/// Answers the chain behind what it wrote, and the number of the file's first line.
pub(super) fn recover(
    disk: &mut dyn Disk,
    key: &Arc<ChainKey>,
    now: Duration,
) -> io::Result<(Chain, u64)> {
    let mut mended = tail::mend(disk, key, now)?;
    let (mut open, start) = read(&disk.read_journal()?);
    if !open.is_empty() {
        let start = if start > disk.log_len()? { 0 } else { start };
        remove_recorded(disk.read_log(start)?, &mut open)?;
    }
    let mut lines = Vec::new();
    for line in mended.note.iter().chain(open.values()) {
        mended.chain.seal(line, &mut lines);
    }
    write_all(|bytes| disk.write_log(bytes), &lines, &mut 0)?;
    disk.sync_log()?;
    if !open.is_empty() {
        tracing::warn!(
            count = open.len(),
            "commands without a known end were recorded"
        );
    }
    disk.truncate_journal(0)?;
    Ok((mended.chain, mended.first))
}

/// The intents that are not closed, and the offset behind which their records stand. A line that
/// can't be read was never answered, so its command was never forwarded.
fn read(journal: &[u8]) -> (HashMap<Uuid, String>, u64) {
    let mut open = HashMap::new();
    for line in journal.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else {
            continue; // torn
        };
        match std::str::from_utf8(line).ok().and_then(read_line) {
            Some(Line::Intent(id, offset, record)) => {
                open.insert(id, (offset, record.to_owned()));
            }
            Some(Line::Closed(id)) => {
                open.remove(&id);
            }
            None => {}
        }
    }
    let start = open.values().map(|(offset, _)| *offset).min();
    let open = open.into_iter().map(|(id, (_, line))| (id, line)).collect();
    (open, start.unwrap_or(0))
}

enum Line<'a> {
    Intent(Uuid, u64, &'a str),
    Closed(Uuid),
}

fn read_line(line: &str) -> Option<Line<'_>> {
    if let Some(id) = line.strip_prefix('-') {
        return id.parse().ok().map(Line::Closed);
    }
    let (id, rest) = line.strip_prefix('+')?.split_once(' ')?;
    let (offset, record) = rest.split_once(' ')?;
    let (id, offset) = (id.parse().ok()?, offset.parse().ok()?);
    Some(Line::Intent(id, offset, record))
}

/// The one member that counts here.
#[derive(Deserialize)]
struct Recorded<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

/// Removes what has a whole line in the log. A torn line is no record.
fn remove_recorded(
    mut log: Box<dyn BufRead + '_>,
    open: &mut HashMap<Uuid, String>,
) -> io::Result<()> {
    let mut line = Vec::new();
    while !open.is_empty() && log.read_until(b'\n', &mut line)? > 0 {
        let recorded = serde_json::from_slice::<Recorded<'_>>(&line).ok();
        if let Some(id) = recorded.and_then(|recorded| recorded.id.parse().ok()) {
            open.remove::<Uuid>(&id);
        }
        line.clear();
    }
    Ok(())
}
