//! What stands for a vehicle or a person where nobody is to be named?

use ring::hmac;

use crate::digest;
use crate::pipeline::vehicle::Vin;

/// Shortest key that is accepted: the strength of HMAC-SHA-256 (RFC 2104, 3).
const KEY_BYTES: usize = 32;

/// Bytes of an HMAC that stand in a record: 128 bits don't collide.
const PSEUDONYM_BYTES: usize = 16;

/// Key of the HMACs that stand for VINs and subjects.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a secret")]
pub struct Pseudonyms {
    root: hmac::Key,
    vin: hmac::Key,
    subject: hmac::Key,
    token: hmac::Key,
    word: hmac::Key,
}

impl Pseudonyms {
    /// From the bytes of a key file; at least 32.
    ///
    /// # Errors
    /// The key is too short.
    pub fn new(key: &[u8]) -> Result<Self, String> {
        if key.len() < KEY_BYTES {
            let found = key.len();
            return Err(format!(
                "a pseudonym key of `{found}` bytes is too short, {KEY_BYTES} are needed"
            ));
        }
        let root = hmac::Key::new(hmac::HMAC_SHA256, key);
        // A key of its own for each kind: a subject that reads like a VIN gets another pseudonym.
        let kind = |label| hmac::Key::new(hmac::HMAC_SHA256, &mac(&root, &[b"pseudonym", label]));
        Ok(Self {
            vin: kind(b"vin"),
            subject: kind(b"subject"),
            token: kind(b"token"),
            word: kind(b"word"),
            root,
        })
    }

    /// HMAC-SHA-256 of a VIN, first 128 bits in hex.
    pub fn vin(&self, vin: &Vin) -> String {
        shorten(&mac(&self.vin, &[vin.as_str().as_bytes()]))
    }

    /// HMAC-SHA-256 of issuer and subject, first 128 bits in hex.
    pub fn subject(&self, issuer: &str, subject: &str) -> String {
        shorten(&mac(
            &self.subject,
            &[issuer.as_bytes(), subject.as_bytes()],
        ))
    }

    /// HMAC-SHA-256 of issuer and token id (`jti`), first 128 bits in hex.
    pub fn token(&self, issuer: &str, token_id: &str) -> String {
        shorten(&mac(&self.token, &[issuer.as_bytes(), token_id.as_bytes()]))
    }

    /// HMAC-SHA-256 of a word that names a vehicle or a subject where none should, first 128 bits in
    /// hex.
    pub fn word(&self, word: &str) -> String {
        shorten(&mac(&self.word, &[word.as_bytes()]))
    }

    /// A key for another internal use, such as the partition keys of quotas: one a label, none of
    /// them a key of pseudonyms.
    pub fn derive(&self, label: &str) -> [u8; 32] {
        mac(&self.root, &[b"derived", label.as_bytes()])
    }
}

/// HMAC over parts, each with its length before it: no two lists of parts read the same.
fn mac(key: &hmac::Key, parts: &[&[u8]]) -> [u8; 32] {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        context.update(&length.to_be_bytes());
        context.update(part);
    }
    digest::whole(context.sign().as_ref())
}

fn shorten(mac: &[u8; 32]) -> String {
    digest::hex(mac.get(..PSEUDONYM_BYTES).unwrap_or(mac))
}
