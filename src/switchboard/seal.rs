//! How does a switch travel, so that nobody who carries it can change it?
//!
//! `HEX SPACE JSON`: the first is the HMAC-SHA-256, under the fleet key, of what kind of text it is and
//! every byte of the second. What carries sealed texts can lose, delay and repeat them, and nothing
//! else; that an old version comes back changes nothing, because versions only rise.

use std::fmt;
use std::path::Path;

use ring::hmac;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::digest;

/// Bytes that a fleet key has at least.
const KEY_BYTES: usize = 32;

/// What a sealed text is; one kind is never taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A version of a closure.
    Closure,
    /// What a replica says of itself.
    Replica,
    /// A whole board, for a cold start.
    Baseline,
    /// What a replica asks of the others.
    Question,
    /// What one answers.
    Answer,
    /// A record of ownership.
    Fact,
    /// That a result key was given out.
    ResultKey,
    /// A version of a revocation.
    Revocation,
}

impl Kind {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Closure => b"vingate closure 1",
            Self::Replica => b"vingate replica 1",
            Self::Baseline => b"vingate baseline 1",
            Self::Question => b"vingate question 1",
            Self::Answer => b"vingate answer 1",
            Self::Fact => b"vingate fact 1",
            Self::ResultKey => b"vingate result key 1",
            Self::Revocation => b"vingate revocation 1",
        }
    }
}

/// Why a sealed text is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsealed {
    /// No digits and a space before the rest.
    #[error("it has no seal")]
    NoSeal,
    /// Another key, another kind, or other bytes than were sealed.
    #[error("its seal is wrong: it was altered, or sealed with another fleet key")]
    WrongSeal,
    /// Sealed, and still not understood.
    #[error("it can't be read: {0}")]
    Unread(String),
}

/// The key that all replicas of a fleet share.
#[derive(Clone)]
pub struct FleetKey(hmac::Key);

impl fmt::Debug for FleetKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("FleetKey(..)")
    }
}

impl FleetKey {
    /// Reads a key file.
    ///
    /// # Errors
    /// It can't be read, or holds fewer than 32 bytes.
    pub fn read(file: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(file).map(Zeroizing::new);
        let bytes = bytes.map_err(|error| format!("`{}`: {error}", file.display()))?;
        Self::new(&bytes)
    }

    /// A key of these bytes.
    ///
    /// # Errors
    /// Fewer than 32.
    pub fn new(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() < KEY_BYTES {
            let found = bytes.len();
            return Err(format!(
                "a fleet key of `{found}` bytes is too short, {KEY_BYTES} are needed"
            ));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// Seals a value.
    ///
    /// # Errors
    /// It can't be written as JSON.
    pub fn seal(&self, kind: Kind, value: &impl Serialize) -> Result<String, String> {
        let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
        let seal = digest::hex(self.mac(kind, &text).as_ref());
        Ok(format!("{seal} {text}"))
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// See [`Unsealed`].
    pub fn open<T: DeserializeOwned>(&self, kind: Kind, sealed: &str) -> Result<T, Unsealed> {
        let (seal, text) = sealed.split_once(' ').ok_or(Unsealed::NoSeal)?;
        let seal: [u8; 32] = digest::unhex(seal).ok_or(Unsealed::NoSeal)?;
        let bytes = message(kind, text);
        hmac::verify(&self.0, &bytes, &seal).map_err(|_| Unsealed::WrongSeal)?; // in constant time
        serde_json::from_str(text).map_err(|error| Unsealed::Unread(error.to_string()))
    }

    /// A number that stands for a name on every replica of the fleet, and tells nobody else which.
    pub fn hash(&self, name: &str) -> u64 {
        let mut bytes = b"vingate name 1 ".to_vec(); // the length before a sealed text begins with 0
        bytes.extend_from_slice(name.as_bytes());
        let tag = hmac::sign(&self.0, &bytes);
        let first = tag.as_ref().first_chunk().copied();
        u64::from_be_bytes(first.unwrap_or_default())
    }

    /// What stands for some bytes on every replica of the fleet, and tells nobody else which.
    pub fn stand_in(&self, bytes: &[u8]) -> [u8; 32] {
        let labelled = [b"vingate stand-in 1 ", bytes].concat(); // as above
        digest::whole(hmac::sign(&self.0, &labelled).as_ref())
    }

    fn mac(&self, kind: Kind, text: &str) -> hmac::Tag {
        hmac::sign(&self.0, &message(kind, text))
    }
}

/// Kind and text, each with its length before it.
fn message(kind: Kind, text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len().saturating_add(64));
    for part in [kind.label(), text.as_bytes()] {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> FleetKey {
        FleetKey::new(&[byte; 32]).unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened() {
        let sealed = key(1).seal(Kind::Closure, &["a b", "c"]).unwrap();
        let opened: Vec<String> = key(1).open(Kind::Closure, &sealed).unwrap();
        assert_eq!(opened, ["a b", "c"]);
    }

    #[test]
    fn another_key_kind_or_byte_is_refused() {
        let sealed = key(1).seal(Kind::Closure, &7).unwrap();
        let open = |key: FleetKey, kind, text: &str| key.open::<u64>(kind, text).unwrap_err();
        assert_eq!(open(key(2), Kind::Closure, &sealed), Unsealed::WrongSeal);
        assert_eq!(open(key(1), Kind::Replica, &sealed), Unsealed::WrongSeal);
        let altered = sealed.replace(" 7", " 8");
        assert_eq!(open(key(1), Kind::Closure, &altered), Unsealed::WrongSeal);
        for bare in ["", "7", " 7", "abc 7", &format!("{} 7", "g".repeat(64))] {
            assert_eq!(
                open(key(1), Kind::Closure, bare),
                Unsealed::NoSeal,
                "{bare}"
            );
        }
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(FleetKey::new(&[7; 31]).unwrap_err().contains("`31` bytes"));
    }
}
