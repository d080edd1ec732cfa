//! Does the response carry a VIN that the principal may not see?
//!
//! A VIN of the estate other than those that the principal may see is masked in the answer, byte for
//! byte of the same length, so that framing stays as it is. On routes that name a vehicle that is the
//! judged one; elsewhere [`Sight`] says which, and which are to be asked about when they are met.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::pipeline::vehicle::{Vin, is_vin_character};

/// Characters of a VIN.
const LENGTH: usize = 17;

/// Characters of the longest escape after its `\` or `%`: `u003d`.
const LONGEST_ESCAPE: usize = 5;

/// What stands in the place of a VIN.
const MASK: [u8; LENGTH] = [b'*'; LENGTH];

/// The `\` or `%` that stands before `start`.
fn introducer(bytes: &[u8], start: usize) -> Option<u8> {
    let before = bytes.get(start.checked_sub(1)?)?;
    b"\\%".contains(before).then_some(*before)
}

/// How many characters of a run are the end of an escape: `n` of `\n`, `3D` of `%3D`. In JSON, in
/// scripts and in links a VIN follows on it without a gap.
fn escape_length(introducer: Option<u8>, run: &[u8]) -> usize {
    let hexadecimal =
        |digits: Option<&[u8]>| digits.is_some_and(|all| all.iter().all(u8::is_ascii_hexdigit));
    match (introducer, run.first()) {
        (Some(_), Some(b'u')) if hexadecimal(run.get(1..LONGEST_ESCAPE)) => LONGEST_ESCAPE,
        (Some(b'%'), Some(_)) if hexadecimal(run.get(..2)) => 2,
        (Some(b'\\'), Some(b'x')) if hexadecimal(run.get(1..3)) => 3,
        (Some(b'\\'), Some(b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'0')) => 1,
        (Some(_) | None, Some(_) | None) => 0,
    }
}

/// Whose VINs a principal may see.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sight {
    vins: BTreeSet<Vin>,
    /// Whether there may be more of them than were looked up.
    has_more: bool,
    /// Whether others may be among them that only their own records tell.
    asks: bool,
}

impl fmt::Debug for Sight {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sight(..)") // whose cars they are is personal data
    }
}

impl Sight {
    /// Of one vehicle, and no other.
    pub fn of_vehicle(vin: Vin) -> Self {
        Self {
            vins: BTreeSet::from([vin]),
            ..Self::default()
        }
    }

    /// Of these vehicles; `has_more` that were not looked up, `asks` for those that are met.
    pub fn of_person(vins: BTreeSet<Vin>, has_more: bool, asks: bool) -> Self {
        Self {
            vins,
            has_more,
            asks,
        }
    }

    /// Of none.
    pub fn of_nobody() -> Self {
        Self::default()
    }
}

/// Why VINs may have been masked that the principal may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortfall {
    /// There are more vehicles than are looked up for one answer.
    Limit,
    /// The directory stopped answering.
    Directory,
}

impl Shortfall {
    /// As the record has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Limit => "limit",
            Self::Directory => "directory-unavailable",
        }
    }
}

/// Reads an answer chunk by chunk.
pub struct Guard {
    allowed: BTreeSet<Vin>,
    /// Asked about, and not among those.
    refused: BTreeSet<Vin>,
    asks: bool,
    /// How many more may be asked about.
    askable: usize,
    shortfall: Option<Shortfall>,
    wmis: Vec<String>,
    /// A run of letters and digits at the end of what was seen, still short enough for a VIN and an
    /// escape before it.
    held: Bytes,
    /// Whether what was passed ends in a run too long for a VIN, which may go on.
    overlong: bool,
    masked: u32,
}

impl fmt::Debug for Guard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is held may be a VIN.
        out.debug_struct("Guard")
            .field("masked", &self.masked)
            .finish_non_exhaustive()
    }
}

/// Bytes that were read and not yet passed.
pub struct Met {
    whole: Bytes,
    /// Where VINs of the estate begin.
    vins: Vec<(usize, Vin)>,
}

impl fmt::Debug for Met {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Met(..)")
    }
}

/// What a scan found.
struct Scan {
    /// Where VINs of the estate begin.
    vins: Vec<(usize, Vin)>,
    /// From where on bytes are held back.
    hold: usize,
    overlong: bool,
}

impl Guard {
    /// Lets VINs that are in sight pass; masks others that begin with one of `wmis` (any VIN, if
    /// empty). At most `most` are asked about.
    pub fn new(sight: &Sight, wmis: &[String], most: u32) -> Self {
        Self {
            allowed: sight.vins.clone(),
            refused: BTreeSet::new(),
            asks: sight.asks,
            askable: usize::try_from(most).unwrap_or(usize::MAX),
            shortfall: sight.has_more.then_some(Shortfall::Limit),
            wmis: wmis.to_vec(),
            held: Bytes::new(),
            overlong: false,
            masked: 0,
        }
    }

    /// What can be sent of the bytes seen so far; holds back what may be a VIN cut in two (at most
    /// 23 bytes) until the next chunk or the end. Where nothing is held or masked, nothing is copied.
    pub fn pass(&mut self, chunk: Bytes, end: bool) -> Bytes {
        let met = self.meet(chunk, end);
        self.settle(met)
    }

    /// The first half of it: reads.
    pub fn meet(&mut self, chunk: Bytes, end: bool) -> Met {
        let mut whole = self.prepend_held(chunk);
        let scan = self.scan(&whole, end);
        self.overlong = scan.overlong;
        self.held = whole.split_off(scan.hold.min(whole.len()));
        Met {
            whole,
            vins: scan.vins,
        }
    }

    /// VINs that were met and have to be asked about: each once, and as many as may be.
    pub fn unjudged(&mut self, met: &Met) -> Vec<Vin> {
        if !self.asks {
            return Vec::new();
        }
        let new = met.vins.iter().map(|(_, vin)| *vin);
        let new = new.filter(|vin| !self.allowed.contains(vin) && !self.refused.contains(vin));
        let mut new: Vec<Vin> = new.collect::<BTreeSet<Vin>>().into_iter().collect();
        if new.len() > self.askable {
            new.truncate(self.askable);
            self.shortfall.get_or_insert(Shortfall::Limit);
        }
        self.askable = self.askable.saturating_sub(new.len());
        new
    }

    /// What came of asking about them: those that may be seen, or that nobody could say, after which
    /// nobody is asked any more.
    pub fn judge(&mut self, asked: Vec<Vin>, seen: Option<BTreeSet<Vin>>) {
        let Some(seen) = seen else {
            self.asks = false;
            self.shortfall = Some(Shortfall::Directory);
            return;
        };
        self.refused
            .extend(asked.into_iter().filter(|vin| !seen.contains(vin)));
        self.allowed.extend(seen);
    }

    /// Why VINs may be masked that the principal may see.
    pub fn shortfall(&self) -> Option<Shortfall> {
        self.shortfall
    }

    /// The second half: masks what isn't allowed.
    pub fn settle(&mut self, met: Met) -> Bytes {
        let Met { whole, vins } = met;
        let foreign = vins.iter().filter(|(_, vin)| !self.allowed.contains(vin));
        let foreign: Vec<usize> = foreign.map(|(start, _)| *start).collect();
        if foreign.is_empty() {
            return whole;
        }
        let count = u32::try_from(foreign.len()).unwrap_or(u32::MAX);
        self.masked = self.masked.saturating_add(count);
        let mut masked = BytesMut::from(whole);
        for start in foreign {
            let vin = masked.get_mut(start..start.saturating_add(LENGTH));
            if let Some(vin) = vin {
                vin.copy_from_slice(&MASK);
            }
        }
        masked.freeze()
    }

    /// How many VINs were masked.
    pub fn masked(&self) -> u32 {
        self.masked
    }

    fn prepend_held(&mut self, chunk: Bytes) -> Bytes {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return chunk;
        }
        let mut whole = BytesMut::with_capacity(held.len().saturating_add(chunk.len()));
        whole.extend_from_slice(&held);
        whole.extend_from_slice(&chunk);
        whole.freeze()
    }

    fn scan(&self, bytes: &[u8], end: bool) -> Scan {
        let mut scan = Scan {
            vins: Vec::new(),
            hold: bytes.len(),
            overlong: self.overlong,
        };
        let mut start = 0_usize;
        let mut runs = bytes.split(|byte| !byte.is_ascii_alphanumeric()).peekable();
        while let Some(run) = runs.next() {
            if runs.peek().is_none() && !end {
                let (before, longest) = match introducer(bytes, start) {
                    Some(_) => (1, LENGTH.saturating_add(LONGEST_ESCAPE)),
                    None => (0, LENGTH),
                };
                scan.overlong = scan.overlong || run.len() > longest;
                if !scan.overlong {
                    scan.hold = start.saturating_sub(before);
                }
                break;
            }
            let escape = escape_length(introducer(bytes, start), run);
            for skipped in [0, escape] {
                let run = run.get(skipped..).unwrap_or_default();
                if !scan.overlong
                    && let Some(vin) = self.vin(run)
                {
                    scan.vins.push((start.saturating_add(skipped), vin));
                    break;
                }
            }
            scan.overlong = false;
            start = start.saturating_add(run.len()).saturating_add(1);
        }
        scan
    }

    /// The VIN of the estate that a run is, in upper or lower case.
    fn vin(&self, run: &[u8]) -> Option<Vin> {
        if run.len() != LENGTH || !self.is_of_estate(run) {
            return None;
        }
        let upper = run.iter().copied().all(is_vin_character);
        let is_lower =
            |byte: &u8| !byte.is_ascii_uppercase() && is_vin_character(byte.to_ascii_uppercase());
        if !upper && !run.iter().all(is_lower) {
            return None;
        }
        let text = std::str::from_utf8(run).ok()?;
        Vin::read(&text.to_ascii_uppercase()).ok()
    }

    /// Without prefixes a VIN needs a letter: 17 digits are a number, and masking breaks its JSON.
    fn is_of_estate(&self, run: &[u8]) -> bool {
        if self.wmis.is_empty() {
            return run.iter().any(u8::is_ascii_alphabetic);
        }
        self.wmis.iter().any(|wmi| {
            run.get(..wmi.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(wmi.as_bytes()))
        })
    }
}
