//! What stands for bytes that are too many, or too private, to be written?

use ring::digest::{Context, SHA256, digest};

/// SHA-256 of bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    whole(digest(&SHA256, bytes).as_ref())
}

/// SHA-256 of parts, each with its length before it: no two lists of parts read the same.
pub fn sha256_of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    whole(context.finish().as_ref())
}

/// The bytes of a SHA-256 digest or HMAC, which has 32.
pub fn whole(digest: &[u8]) -> [u8; 32] {
    digest.try_into().unwrap_or_default()
}

/// The first 64 bits: enough to tell things apart that nobody chose to collide.
pub fn short(digest: &[u8; 32]) -> u64 {
    digest
        .first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

/// Lower-case hexadecimal digits, two a byte.
pub fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}

/// Exactly 32 bytes of hexadecimal digits, two a byte, lower or upper case.
pub fn unhex(digits: &str) -> Option<[u8; 32]> {
    let nibble = |digit: char| {
        digit
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let nibbles: Vec<u8> = digits.chars().map(nibble).collect::<Option<_>>()?;
    let (pairs, rest) = nibbles.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    bytes.try_into().ok().filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_that_of_the_standard_in_each_form() {
        let sum = sha256(b"abc"); // FIPS 180-4
        assert!(hex(&sum).starts_with("ba7816bf8f01cfea414140de5dae2223b00361a3"));
        assert_eq!(short(&sum), 0xba78_16bf_8f01_cfea);
        assert_eq!(hex(&[0x00, 0x0f, 0xf0]), "000ff0");
        assert_eq!(unhex(&hex(&sum)), Some(sum));
        assert_eq!(unhex(&hex(&sum).to_uppercase()), Some(sum));
        let wrong = [
            "",
            "0",
            &hex(&sum[1..]),
            &format!("{}0", hex(&sum)),
            &"g".repeat(64),
        ];
        assert!(wrong.iter().all(|text| unhex(text).is_none()));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let of = |parts: &[&'static [u8]]| sha256_of_parts(parts.iter().copied());
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_ne!(of(&[b"a"]), of(&[b"a", b""]));
        assert_eq!(of(&[b"a", b"b"]), of(&[b"a", b"b"]));
    }
}
