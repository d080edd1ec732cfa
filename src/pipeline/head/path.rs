//! Does this path have one spelling, and is it this one?
//!
//! Routes are told apart by the path's bytes; upstreams decode them first. So only paths pass whose
//! bytes can't be spelt in another way: what may stand raw must stand raw, what must be encoded is
//! encoded in upper-case hex (RFC 3986, 6.2.2), and what servers decode into structure is refused.

use crate::denial::{Denial, HeadFlaw};

/// The path as it was sent, which is its canonical form.
///
/// # Errors
/// `Ambiguous` for what two servers read differently, `Malformed` for what is no path.
pub(crate) fn read(path: &[u8]) -> Result<&str, Denial> {
    let malformed = Denial::Malformed(HeadFlaw::PathEncoding);
    let Some((b'/', rest)) = path.split_first() else {
        return Err(Denial::Malformed(HeadFlaw::PathNotCanonical));
    };
    let text = std::str::from_utf8(path).map_err(|_| malformed.clone())?;
    let mut segments = rest.split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let doubled = segment.is_empty() && segments.peek().is_some();
        if doubled || (!segment.is_empty() && is_dots(segment)) {
            return Err(Denial::Ambiguous(HeadFlaw::PathSegment));
        }
        check_segment(segment)?;
    }
    Ok(text)
}

/// Whether a byte may stand raw in a segment (`pchar` of RFC 3986, 3.3) and is not `;`, which some
/// servers take for the start of a parameter.
pub(crate) fn is_segment_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@".contains(&byte)
}

fn check_segment(segment: &[u8]) -> Result<(), Denial> {
    let malformed = Denial::Malformed(HeadFlaw::PathEncoding);
    let mut decoded = Vec::new(); // only what was encoded; stays unallocated for most paths
    let mut rest = segment.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let (high, low) = rest.next().zip(rest.next()).ok_or(malformed.clone())?;
                let byte = hex_byte(*high, *low).ok_or(malformed.clone())?;
                check_encoded(byte, *high, *low)?;
                decoded.push(byte);
            }
            b';' | b'\\' => return Err(Denial::Ambiguous(HeadFlaw::PathNotCanonical)),
            _ if is_segment_byte(*byte) => decoded_end(&mut decoded)?,
            _ => return Err(malformed),
        }
    }
    decoded_end(&mut decoded)
}

/// Whether there is nothing but dots and spaces: Windows drops those at the end of a name, and what
/// is left of `..%20` climbs.
fn is_dots(mut segment: &[u8]) -> bool {
    while let [b'.', rest @ ..] | [b'%', b'2', b'0', rest @ ..] = segment {
        segment = rest;
    }
    segment.is_empty()
}

/// An encoded byte must be one that can't stand raw and that no server takes for structure.
fn check_encoded(byte: u8, high: u8, low: u8) -> Result<(), Denial> {
    let lower = high.is_ascii_lowercase() || low.is_ascii_lowercase();
    let structure = b"/\\;%?#".contains(&byte); // `%25` is a second encoding, `%3F` a second query
    if byte.is_ascii_control() {
        Err(Denial::Malformed(HeadFlaw::PathEncoding))
    } else if lower || structure || is_segment_byte(byte) {
        Err(Denial::Ambiguous(HeadFlaw::PathNotCanonical))
    } else {
        Ok(())
    }
}

/// Characters that code pages and compatibility forms (Unicode, NFKC) turn into a dot, a slash, a
/// separator, a letter or a space: full-width and small forms, leaders, fraction slashes, the Greek
/// question mark, the currency signs in the place of `\`.
fn is_alike(character: char) -> bool {
    matches!(
        character,
        '\u{a0}' | '\u{a5}' | '\u{37e}' | '\u{2000}'..='\u{200b}' | '\u{2024}'..='\u{2026}'
            | '\u{2028}'..='\u{202f}' | '\u{2044}' | '\u{205f}' | '\u{20a9}' | '\u{2215}'
            | '\u{2216}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}' | '\u{3000}'
            | '\u{fe50}'..='\u{fe6f}' | '\u{feff}' | '\u{ff01}'..='\u{ff5e}'
            | '\u{ffe5}' | '\u{ffe6}'
    )
}

/// A run of encoded bytes must be UTF-8 by itself, without control characters and lookalikes.
fn decoded_end(decoded: &mut Vec<u8>) -> Result<(), Denial> {
    if decoded.is_empty() {
        return Ok(());
    }
    let sound = std::str::from_utf8(decoded).is_ok_and(|text| {
        !text.contains(|character: char| character.is_control() || is_alike(character))
    });
    decoded.clear();
    if sound {
        Ok(())
    } else {
        Err(Denial::Malformed(HeadFlaw::PathEncoding))
    }
}

/// The byte of two hexadecimal digits.
pub(crate) fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()
}
