//! In what state did the last process leave the end of a log?

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::time::Duration;

use serde::de::IgnoredAny;

use crate::chain::torn::TornLine;
use crate::chain::{Chain, ChainKey, Head, Link, Origin, Sealed};
use crate::clock;

use super::disk::{Disk, write_all};

/// So much of the end is looked at: records are much shorter.
const TAIL_BYTES: u64 = 1_048_576;

/// Longest first line that is looked at.
const LINE_BYTES: u64 = 65_536;

/// The end of a log, as it was found.
#[derive(Default)]
struct Tail {
    /// The newest line of the chain.
    last: Option<Link>,
    /// What a crash tore, behind the last whole line.
    torn: Option<Vec<u8>>,
}

/// A log that can be appended to.
pub(super) struct Mended {
    /// Goes on from the log's last line, or from what its head knew beyond that.
    pub(super) chain: Chain,
    /// The line that tells of a torn one, to be written first.
    pub(super) note: Option<String>,
    /// Number of the first line of the file; that of the next one if it is empty.
    pub(super) first: u64,
}

/// Completes the last line, which a crash may have torn, and finds where the chain goes on. A torn
/// line is kept: what there is of it may still tell something.
pub(super) fn mend(disk: &mut dyn Disk, key: &Arc<ChainKey>, now: Duration) -> io::Result<Mended> {
    let tail = read(disk)?;
    let head = Head::read(&disk.read_head()?, key);
    let (last, origin) = go_on(tail.last, head);
    let first = match head.filter(|head| head.first <= last.n && tail.last.is_some()) {
        Some(head) => head.first,
        None => first_number(disk)?.unwrap_or(last.n.saturating_add(1)),
    };
    Ok(Mended {
        chain: Chain::new(Arc::clone(key), last, origin),
        note: tail.torn.map(|torn| note(&torn, now)),
        first,
    })
}

/// A head that is ahead of the log knows lines that are gone: the chain goes on behind them, so
/// that the gap is found.
fn go_on(last: Option<Link>, head: Option<Head>) -> (Link, Origin) {
    let known = head.map(|head| head.last).filter(|link| link.n > 0);
    match (last, known) {
        (Some(last), Some(known)) if known.n > last.n => {
            tracing::error!(
                found = last.n,
                known = known.n,
                "lines are missing at the end of the log"
            );
            (known, Origin::Head)
        }
        (Some(last), _) => (last, Origin::Line),
        (None, Some(known)) => (known, Origin::Head),
        (None, None) => (Link::default(), Origin::Genesis),
    }
}

fn note(torn: &[u8], now: Duration) -> String {
    let bytes = torn.len();
    tracing::warn!(bytes, "the log ended in a torn line, which is kept");
    TornLine::new(torn).line(&clock::rfc3339(now))
}

fn read(disk: &mut dyn Disk) -> io::Result<Tail> {
    let start = disk.log_len()?.saturating_sub(TAIL_BYTES);
    let mut bytes = Vec::new();
    let log = disk.read_log(start)?;
    log.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    if bytes.last().is_some_and(|byte| *byte != b'\n') {
        // The line feed goes to disk before anything else is judged by lines.
        write_all(|bytes| disk.write_log(bytes), b"\n", &mut 0)?;
        bytes.push(b'\n');
    }
    Ok(judge(&bytes))
}

/// What whole lines tell. A line is whole if it is JSON: no beginning of an object is.
fn judge(bytes: &[u8]) -> Tail {
    let mut rest = bytes;
    let mut torn_from = bytes.len();
    while let Some((before, line)) = split_last_line(rest) {
        if serde_json::from_slice::<IgnoredAny>(line).is_ok() {
            break;
        }
        torn_from = before.len();
        rest = before;
    }
    let torn = bytes.get(torn_from..).unwrap_or_default();
    let mut last = None;
    while let (None, Some((before, line))) = (last, split_last_line(rest)) {
        last = Sealed::read(line).map(|sealed| sealed.link);
        rest = before;
    }
    Tail {
        last,
        torn: torn.strip_suffix(b"\n").map(<[u8]>::to_vec),
    }
}

/// What stands before the last line, and that line without its line feed.
fn split_last_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let open = bytes.strip_suffix(b"\n")?;
    let feed = open.iter().rposition(|byte| *byte == b'\n');
    open.split_at_checked(feed.map_or(0, |feed| feed.saturating_add(1)))
}

/// Number of the first line of the file.
fn first_number(disk: &mut dyn Disk) -> io::Result<Option<u64>> {
    let mut line = Vec::new();
    let log = disk.read_log(0)?;
    log.take(LINE_BYTES).read_until(b'\n', &mut line)?;
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(Sealed::read(line).map(|sealed| sealed.link.n))
}
