//! How far is an import, for somebody who waits for it?
//!
//! One line on a terminal, written over; nothing anywhere else.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::adapters::facts::progress::{Progress, Told};
use crate::clock;

/// Between two lines.
const EVERY: Duration = Duration::from_millis(200);

/// Goes to the start of the line and clears it (ECMA-48).
const ANEW: &str = "\r\x1b[K";

/// The line. It is gone when this is.
pub(super) struct Bar {
    /// Bytes of the lines, where that is known.
    size: Option<u64>,
    is_seen: bool,
    shown_at: Option<Instant>,
    phase: Option<Phase>,
    hear: Option<Box<dyn FnMut(Progress)>>,
}

/// What goes on since when, and what was done by then: a rate is that of this turn.
struct Phase {
    is_writing: bool,
    begun: Instant,
    at_first: u64,
}

impl Bar {
    /// For the lines of a file.
    pub(super) fn of(file: &Path) -> Self {
        let found = file.metadata().ok().filter(std::fs::Metadata::is_file);
        Self::sized(found.map(|found| found.len()))
    }

    /// For lines of so many bytes.
    pub(super) fn sized(size: Option<u64>) -> Self {
        Self {
            size,
            is_seen: io::stderr().is_terminal(),
            shown_at: None,
            phase: None,
            hear: None,
        }
    }

    /// Who is to be told.
    pub(super) fn told(&mut self) -> Told<'_> {
        if !self.is_seen {
            return None;
        }
        let (size, mut shown_at, mut phase) = (self.size, self.shown_at, self.phase.take());
        let hear = self.hear.insert(Box::new(move |progress| {
            let now = clock::monotonic();
            if shown_at.is_some_and(|shown| now.duration_since(shown) < EVERY) {
                return;
            }
            shown_at = Some(now);
            let phase = Phase::of(&mut phase, progress, now);
            show(&text(progress, size, phase.rate(progress, now)));
        }));
        Some(hear)
    }

    /// What goes on, where nobody says how far it is.
    pub(super) fn say(&self, what: &str) {
        if self.is_seen {
            show(what);
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.is_seen {
            show("");
        }
    }
}

impl Phase {
    /// The one that goes on, begun anew where it is another one.
    fn of(known: &mut Option<Self>, progress: Progress, now: Instant) -> &Self {
        let is_writing = matches!(progress, Progress::Written { .. });
        let kept = known.take().filter(|one| one.is_writing == is_writing);
        known.insert(kept.unwrap_or(Self {
            is_writing,
            begun: now,
            at_first: done(progress),
        }))
    }

    /// Lines or records a second, once there was time to tell.
    fn rate(&self, progress: Progress, now: Instant) -> Option<u64> {
        let milliseconds = now.duration_since(self.begun).as_millis();
        let milliseconds = u64::try_from(milliseconds).ok()?;
        let more = done(progress).saturating_sub(self.at_first);
        more.saturating_mul(1_000).checked_div(milliseconds)
    }
}

fn done(progress: Progress) -> u64 {
    match progress {
        Progress::Read { lines, .. } => lines,
        Progress::Written { records, .. } => records,
    }
}

fn text(progress: Progress, size: Option<u64>, rate: Option<u64>) -> String {
    let (what, count, part, whole) = match progress {
        Progress::Read { lines, bytes } => ("read", lines, bytes, size),
        Progress::Written { records, of } => ("written", records, records, Some(of)),
    };
    let share = whole.and_then(|whole| part.saturating_mul(100).checked_div(whole));
    let share = share.map(|share| format!("{:3}%  ", share.min(100)));
    let rate = rate.map(|rate| format!("  {}/s", grouped(rate)));
    format!(
        "{}{} {what}{}",
        share.unwrap_or_default(),
        grouped(count),
        rate.unwrap_or_default()
    )
}

/// Digits in threes: 20,000,000 is not read as two million.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len().saturating_sub(place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Nobody is left to be told where it can't be written.
fn show(text: &str) {
    let mut out = io::stderr().lock();
    drop(write!(out, "{ANEW}{text}").and_then(|()| out.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_count_rate_and_share() {
        let read = Progress::Read {
            lines: 1_234_567,
            bytes: 50,
        };
        let written = Progress::Written {
            records: 999,
            of: 20_000_000,
        };
        let table = [
            (
                read,
                Some(200),
                Some(210_000),
                " 25%  1,234,567 read  210,000/s",
            ),
            (read, Some(10), None, "100%  1,234,567 read"), // the file grew
            (read, None, None, "1,234,567 read"),
            (read, Some(0), None, "1,234,567 read"),
            (written, None, Some(0), "  0%  999 written  0/s"),
        ];
        for (progress, size, rate, expected) in table {
            assert_eq!(text(progress, size, rate), expected);
        }
    }

    #[test]
    fn a_rate_counts_from_where_this_turn_began() {
        let begun = clock::monotonic();
        let later = begun + Duration::from_secs(2);
        let read = |lines| Progress::Read { lines, bytes: 0 };
        let mut known = None;
        // as after `--resume`
        let phase = Phase::of(&mut known, read(1_000_000), begun);
        assert_eq!(phase.rate(read(1_000_000), begun), None);
        let phase = Phase::of(&mut known, read(1_500_000), later);
        assert_eq!(phase.rate(read(1_500_000), later), Some(250_000));
        let written = Progress::Written { records: 5, of: 10 };
        let phase = Phase::of(&mut known, written, later);
        assert_eq!(phase.rate(written, later), None, "another phase");
    }

    #[test]
    fn nobody_is_told_where_nobody_looks() {
        let mut bar = Bar::sized(None);
        bar.is_seen = false;
        assert!(bar.told().is_none());
    }
}
