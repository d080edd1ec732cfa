//! Does the response carry a VIN that the principal may not see?
//!
//! On routes that name a vehicle, a VIN of the estate other than the judged one is masked in the
//! answer, byte for byte of the same length, so that framing stays as it is.

#[cfg(test)]
mod tests;

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

/// Reads an answer chunk by chunk.
pub struct Guard {
    allowed: Vin,
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

/// What a scan found.
struct Scan {
    /// Where VINs to mask begin.
    foreign: Vec<usize>,
    /// From where on bytes are held back.
    hold: usize,
    overlong: bool,
}

impl Guard {
    /// Lets `allowed` pass; masks other VINs that begin with one of `wmis` (any VIN, if empty).
    pub fn new(allowed: Vin, wmis: &[String]) -> Self {
        Self {
            allowed,
            wmis: wmis.to_vec(),
            held: Bytes::new(),
            overlong: false,
            masked: 0,
        }
    }

    /// What can be sent of the bytes seen so far; holds back what may be a VIN cut in two (at most
    /// 23 bytes) until the next chunk or the end. Where nothing is held or masked, nothing is copied.
    pub fn pass(&mut self, chunk: Bytes, end: bool) -> Bytes {
        let mut whole = self.prepend_held(chunk);
        let scan = self.scan(&whole, end);
        self.overlong = scan.overlong;
        self.held = whole.split_off(scan.hold.min(whole.len()));
        if scan.foreign.is_empty() {
            return whole;
        }
        let count = u32::try_from(scan.foreign.len()).unwrap_or(u32::MAX);
        self.masked = self.masked.saturating_add(count);
        let mut masked = BytesMut::from(whole);
        for start in scan.foreign {
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
            foreign: Vec::new(),
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
                let vin = run.get(skipped..).unwrap_or_default();
                if !scan.overlong && self.is_foreign(vin) {
                    scan.foreign.push(start.saturating_add(skipped));
                    break;
                }
            }
            scan.overlong = false;
            start = start.saturating_add(run.len()).saturating_add(1);
        }
        scan
    }

    /// Whether a run is a VIN of the estate, in upper or lower case, and not the judged one.
    fn is_foreign(&self, run: &[u8]) -> bool {
        if run.len() != LENGTH {
            return false;
        }
        let upper = run.iter().copied().all(is_vin_character);
        let is_lower =
            |byte: &u8| !byte.is_ascii_uppercase() && is_vin_character(byte.to_ascii_uppercase());
        if !upper && !run.iter().all(is_lower) {
            return false;
        }
        self.is_of_estate(run) && !run.eq_ignore_ascii_case(self.allowed.as_str().as_bytes())
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
