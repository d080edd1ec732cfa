//! Was a proof made lately, by the gateway's clock?
//!
//! A nonce (RFC 9449, 9) that no replica has to remember: a MAC of the time, in periods, under a key that
//! all replicas derive. A client can't make proofs for a period that hasn't come yet.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

use crate::denial::TokenFlaw;

/// Seconds of a period: a proof that was made ahead is worth two at most.
const PERIOD: u64 = 60;

/// Makes nonces, and knows them again.
pub struct Nonces(hmac::Key);

/// Of which period a nonce is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// This one.
    Present,
    /// The one before.
    Former,
}

impl fmt::Debug for Nonces {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Nonces(..)")
    }
}

impl Nonces {
    /// With this key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// The nonce of the period at `now`, since the Unix epoch.
    pub fn at(&self, now: Duration) -> String {
        self.of(period(now))
    }

    /// Of which period a proof's nonce is: this one or the one before.
    pub(super) fn check(&self, nonce: Option<&str>, now: Duration) -> Result<Age, TokenFlaw> {
        let nonce = nonce.ok_or(TokenFlaw::ProofNonceMissing)?;
        let present = period(now);
        if nonce == self.of(present) {
            Ok(Age::Present)
        } else if present
            .checked_sub(1)
            .is_some_and(|former| nonce == self.of(former))
        {
            Ok(Age::Former)
        } else {
            Err(TokenFlaw::ProofNonceStale)
        }
    }

    fn of(&self, period: u64) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &period.to_be_bytes()))
    }
}

fn period(now: Duration) -> u64 {
    now.as_secs() / PERIOD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_counts_in_its_period_and_the_next() {
        let nonces = Nonces::new(&[7; 32]);
        let at = |seconds| Duration::from_secs(seconds);
        let nonce = nonces.at(at(6_000));
        let check = |nonces: &Nonces, seconds| nonces.check(Some(&nonce), at(seconds));
        assert_eq!(check(&nonces, 6_059), Ok(Age::Present));
        assert_eq!(check(&nonces, 6_060), Ok(Age::Former));
        assert_eq!(check(&nonces, 6_119), Ok(Age::Former));
        assert_eq!(check(&nonces, 6_120), Err(TokenFlaw::ProofNonceStale));
        assert_eq!(check(&nonces, 5_999), Err(TokenFlaw::ProofNonceStale));
        let replica = Nonces::new(&[7; 32]);
        assert_eq!(check(&replica, 6_000), Ok(Age::Present));
        let stranger = Nonces::new(&[8; 32]);
        assert_eq!(check(&stranger, 6_000), Err(TokenFlaw::ProofNonceStale));
        let missing = nonces.check(None, at(6_000));
        assert_eq!(missing, Err(TokenFlaw::ProofNonceMissing));
    }

    #[test]
    fn a_nonce_is_what_the_field_may_hold() {
        let nonce = Nonces::new(&[7; 32]).at(Duration::ZERO);
        // NQCHAR of RFC 9449, 8.1
        assert!(
            nonce
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
        );
        assert_eq!(nonce.len(), 43);
    }
}
