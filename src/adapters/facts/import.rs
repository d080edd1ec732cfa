//! How do ownership facts come in?
//!
//! JSON Lines: one object a line, UTF-8, at most 64 KiB each; blank lines are skipped, line feeds
//! may have a carriage return before them, and the last may be missing.
//!
//! ```json
//! {"vin":"SJNFAAZE0U6012345","owner":"SUBJECT","drivers":[{"subject":"S2","entitlements":["StartClimate"],"until":"2027-01-01T00:00:00Z"}],"fleet":null,"region":"NE","trim":"SV","capabilities":["climate","charging"],"telematics":true}
//! ```
//!
//! | member | value |
//! |---|---|
//! | `vin` | 17 characters (ISO 3779), upper case; once in an import |
//! | `owner` | subject of the owner, or `null` |
//! | `drivers` | grants; may be left out |
//! | `drivers[].subject` | subject of the driver |
//! | `drivers[].entitlements` | names of actions, letters only |
//! | `drivers[].until` | end, itself not included: RFC 3339 in UTC; left out or `null` means none |
//! | `fleet` | fleet that it belongs to; may be `null` or left out |
//! | `region` | a name of the configuration's `[regions]`, if it has any; such as `NE` |
//! | `trim` | such as `SV` |
//! | `capabilities` | what the car can be asked |
//! | `telematics` | whether its owner left telematics on |
//!
//! Other members, and a member twice, are refused. Messages name lines and members, never a VIN or
//! a subject: they may end up where personal data must not be.

mod line;

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead, Read};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pipeline::ownership::VehicleFacts;
use crate::pipeline::vehicle::Vin;

/// Bytes of a line, without its end. A vehicle with a hundred drivers takes a tenth.
const LINE_BYTES: usize = 64 * 1024;

/// Bad lines that are told one by one; the rest are counted.
const TOLD: usize = 1_000;

/// What happens when a line is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadLines {
    /// Nothing is imported.
    Refuse,
    /// The good lines are imported. Of lines with the same VIN, the first good one counts.
    Skip,
}

/// What is asked of lines.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What happens to bad ones.
    pub bad: BadLines,
    /// Regions that a vehicle may be in, as the configuration names them; empty: any. A region that
    /// no switch knows would be closed with each.
    pub regions: BTreeSet<String>,
}

/// A line that could not be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BadLine {
    /// Its number; the first line is 1, blank lines count.
    pub line: u64,
    /// What was wanted.
    pub why: String,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Vehicles written.
    pub imported: u64,
    /// Lines skipped because they were bad; the first 1,000.
    pub skipped: Vec<BadLine>,
    /// How many more were skipped.
    pub more: u64,
}

/// Why nothing was imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Bad lines, and they are refused: the first 1,000, and how many more there are.
    #[error("some lines are bad: nothing was imported")]
    Bad(Vec<BadLine>, u64),
    /// The lines stopped coming, or the store could not write them: what happened.
    #[error("{0}")]
    Store(String),
}

/// Reads all lines without writing any: what an import would do to them.
///
/// # Errors
/// As an import.
pub fn check(lines: &mut dyn BufRead, terms: &Terms) -> Result<ImportReport, ImportError> {
    read(lines, terms, &mut |_, _| Ok(()))
}

/// Reads all lines and hands each good one to `take`; after a bad line that is refused, only reads
/// on to tell the others.
pub(super) fn read(
    lines: &mut dyn BufRead,
    terms: &Terms,
    take: &mut dyn FnMut(&Vin, &VehicleFacts) -> Result<(), ImportError>,
) -> Result<ImportReport, ImportError> {
    let mut found: Vec<BadLine> = Vec::new();
    let mut more: u64 = 0;
    let mut imported: u64 = 0;
    let mut seen: HashMap<Vin, u64> = HashMap::new();
    let mut buffer = Vec::new();
    for number in 1.. {
        let read = next(lines, &mut buffer);
        let next = read
            .map_err(|error| ImportError::Store(format!("cannot read line {number}: {error}")))?;
        let judged = match next {
            Next::End => break,
            Next::TooLong => Err("longer than 64 KiB".to_owned()),
            Next::Line(text) if text.trim_ascii().is_empty() => continue,
            Next::Line(text) => line::read(text, &terms.regions),
        };
        match judged.and_then(|(vin, facts)| once(&mut seen, vin, number).map(|()| (vin, facts))) {
            Ok((vin, facts)) if terms.bad == BadLines::Skip || found.is_empty() => {
                take(&vin, &facts)?;
                imported = imported.saturating_add(1);
            }
            Ok(_) => {}
            Err(why) if found.len() < TOLD => found.push(BadLine { line: number, why }),
            Err(_) => more = more.saturating_add(1),
        }
    }
    if terms.bad == BadLines::Refuse && !found.is_empty() {
        return Err(ImportError::Bad(found, more));
    }
    Ok(ImportReport {
        imported,
        skipped: found,
        more,
    })
}

/// Refuses a VIN that stands on an earlier line: which of the two is true?
fn once(seen: &mut HashMap<Vin, u64>, vin: Vin, line: u64) -> Result<(), String> {
    match seen.entry(vin) {
        Entry::Vacant(entry) => {
            entry.insert(line);
            Ok(())
        }
        Entry::Occupied(earlier) => Err(format!(
            "the VIN of line {} again: lines {0} and {line} are about one vehicle",
            earlier.get()
        )),
    }
}

enum Next<'a> {
    /// A line without its end.
    Line(&'a [u8]),
    /// A line of which the rest was passed over.
    TooLong,
    End,
}

fn next<'a>(lines: &mut dyn BufRead, buffer: &'a mut Vec<u8>) -> io::Result<Next<'a>> {
    if !fill(lines, buffer)? {
        return Ok(Next::End);
    }
    let text = buffer.strip_suffix(b"\n").unwrap_or(buffer);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.len() <= LINE_BYTES {
        let length = text.len();
        return Ok(Next::Line(buffer.get(..length).unwrap_or_default()));
    }
    while !buffer.ends_with(b"\n") && fill(lines, buffer)? {}
    Ok(Next::TooLong)
}

/// Reads up to the end of a line, at most a little more than a line may have; whether anything came.
fn fill(lines: &mut dyn BufRead, buffer: &mut Vec<u8>) -> io::Result<bool> {
    const ENOUGH: u64 = 64 * 1024 + 2; // the line and its end
    buffer.clear();
    Ok(lines.take(ENOUGH).read_until(b'\n', buffer)? > 0)
}

#[cfg(test)]
mod tests;
