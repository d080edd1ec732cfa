//! Does who sends a token hold the key that it is bound to?
//!
//! A `DPoP` proof (RFC 9449, 4.2) is a signed word about one request: this method, this address, this
//! token, now. It is read and checked as section 4.3 lists it, the cheap before the dear; that it comes
//! once only is for a store to know ([`Proof::bytes`]).

pub mod nonce;
mod target;
mod thumbprint;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::Value;

use crate::config::file::{self, Algorithm};
use crate::denial::TokenFlaw;
use crate::digest::sha256;
use crate::pipeline::RequestHead;
use crate::pipeline::identity::dpop::nonce::{Age, Nonces};
use crate::pipeline::identity::header::Header;
use crate::pipeline::identity::keys::{self, Key};
use crate::pipeline::identity::members::{self, Members};

/// The field that a proof comes in.
pub const FIELD: HeaderName = HeaderName::from_static("dpop");

/// What may sign a proof, as a challenge lists it (RFC 9449, 7.1).
pub const ALGORITHMS: &str = "ES256 EdDSA PS256";

/// Longest proof. One of P-256 has 600 bytes, one of an 8192-bit RSA key under 3,500.
const PROOF_BYTES: usize = 4_096;

/// Longest `jti`: a random UUID has 36 bytes.
const ID_BYTES: usize = 256;

/// `typ` of a proof, reduced.
const TYPE: &str = "dpop+jwt";

/// Parameters of private and of secret keys (RFC 7518, 6).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// What proofs must keep to.
#[derive(Debug)]
pub struct Terms {
    max_age: Duration,
    ahead: Duration,
    nonces: Option<Nonces>,
}

impl Terms {
    /// By these settings, with one of these nonces where there are any.
    pub fn new(settings: &file::Dpop, nonces: Option<Nonces>) -> Self {
        Self {
            max_age: settings.max_age.get(),
            ahead: settings.ahead.get(),
            nonces,
        }
    }

    /// The nonce that a proof is to carry at `now`, if any is wanted.
    pub fn nonce(&self, now: Duration) -> Option<String> {
        self.nonces.as_ref().map(|nonces| nonces.at(now))
    }
}

/// A proof that held, to be used once.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    key: [u8; 32],
    target: String,
    id: String,
    /// When no proof of that age is taken any more, since the Unix epoch.
    pub until: Duration,
    /// Whether its nonce ends soon, so that its sender is to be given another.
    pub renew_nonce: bool,
}

impl fmt::Debug for Proof {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Proof(..)") // its target can name a vehicle
    }
}

impl Proof {
    /// One that nobody made, for tests of what remembers them.
    #[cfg(test)]
    pub(crate) fn made_up(key: [u8; 32], target: &str, id: &str, until: Duration) -> Self {
        Self {
            key,
            target: target.to_owned(),
            id: id.to_owned(),
            until,
            renew_nonce: false,
        }
    }

    /// What makes it the same proof as another: its key, its `jti`, and where it was sent (RFC 9449,
    /// 11.1). Not its bytes: a signature of ECDSA has a second form.
    pub fn bytes(&self) -> Vec<u8> {
        let parts = [&self.key[..], self.target.as_bytes(), self.id.as_bytes()];
        let mut bytes = Vec::with_capacity(256);
        for part in parts {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

/// The proof of a request, that its sender holds the key of this thumbprint and means this token.
pub fn prove(
    terms: &Terms,
    head: &RequestHead,
    token: &str,
    bound_to: [u8; 32],
) -> Result<Proof, TokenFlaw> {
    let text = field(&head.headers)?;
    let (message, signature) = text.rsplit_once('.').ok_or(TokenFlaw::ProofMalformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenFlaw::ProofMalformed)?;
    let (algorithm, key) = signer(header, bound_to)?;
    let claims = Members::read(payload).ok_or(TokenFlaw::ProofMalformed)?;
    let target = check_request(&claims, head)?;
    check_token(&claims, token)?;
    let until = check_time(&claims, terms, head.received_at)?;
    let id = identifier(&claims)?;
    let age = match &terms.nonces {
        Some(nonces) => nonces.check(text_of(&claims, "nonce")?, head.received_at)?,
        None => Age::Present,
    };
    // ring refuses a point off its curve, and zero or too large values of ECDSA
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.decoding, algorithm) {
        Ok(true) => {}
        Ok(false) | Err(_) => return Err(TokenFlaw::ProofSignature),
    }
    Ok(Proof {
        key: bound_to,
        target,
        id,
        until,
        renew_nonce: age == Age::Former,
    })
}

/// The one `DPoP` field of a request.
fn field(headers: &HeaderMap) -> Result<&str, TokenFlaw> {
    let mut lines = headers.get_all(FIELD).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Err(TokenFlaw::ProofMissing),
        (Some(line), None) => line,
        (Some(_), Some(_)) => return Err(TokenFlaw::ProofDuplicate),
    };
    if line.len() > PROOF_BYTES {
        return Err(TokenFlaw::ProofTooLong);
    }
    line.to_str().map_err(|_| TokenFlaw::ProofMalformed)
}

/// The key of a header, as members.
#[derive(Deserialize)]
struct WithKey {
    jwk: Members,
}

/// The key that a proof brings, which is the one that the token is bound to.
fn signer(part: &str, bound_to: [u8; 32]) -> Result<(jsonwebtoken::Algorithm, Key), TokenFlaw> {
    let json = members::decode(part).ok_or(TokenFlaw::ProofMalformed)?;
    let members: Members = serde_json::from_slice(&json).map_err(|_| TokenFlaw::ProofMalformed)?;
    let header = Header::of(&members).map_err(|flaw| {
        if flaw == TokenFlaw::HeaderForbidden {
            TokenFlaw::ProofHeader
        } else {
            TokenFlaw::ProofMalformed
        }
    })?;
    if header.token_type.as_deref() != Some(TYPE) {
        return Err(TokenFlaw::ProofType);
    }
    let (ours, algorithm) = match header.algorithm {
        Some(Algorithm::ES256) => (Algorithm::ES256, jsonwebtoken::Algorithm::ES256),
        Some(Algorithm::EdDSA) => (Algorithm::EdDSA, jsonwebtoken::Algorithm::EdDSA),
        Some(Algorithm::PS256) => (Algorithm::PS256, jsonwebtoken::Algorithm::PS256),
        Some(Algorithm::RS256) | None => return Err(TokenFlaw::ProofAlgorithm),
    };
    let WithKey { jwk } = serde_json::from_slice(&json).map_err(|_| TokenFlaw::ProofKey)?;
    if PRIVATE.iter().any(|name| jwk.has(name)) {
        return Err(TokenFlaw::ProofKey);
    }
    let key = keys::key(&jwk, &BTreeSet::from([ours])).map_err(|_| TokenFlaw::ProofKey)?;
    // before any cryptography: a key that anybody made is not worth it
    if thumbprint::of(&jwk).ok_or(TokenFlaw::ProofKey)? != bound_to {
        return Err(TokenFlaw::ProofOfOtherKey);
    }
    Ok((algorithm, key))
}

/// `htm` and `htu`: that it is about this request. Answers where it was sent.
fn check_request(claims: &Members, head: &RequestHead) -> Result<String, TokenFlaw> {
    if required(text_of(claims, "htm")?)? != head.method.as_str() {
        return Err(TokenFlaw::ProofMethod);
    }
    let sent_to = target::of(head);
    let said = target::normal(required(text_of(claims, "htu")?)?);
    if said.as_ref() == Some(&sent_to) {
        Ok(sent_to)
    } else {
        Err(TokenFlaw::ProofTarget)
    }
}

/// `ath`: that it is about this token.
fn check_token(claims: &Members, token: &str) -> Result<(), TokenFlaw> {
    let hash = required(text_of(claims, "ath")?)?;
    let hash = members::decode(hash).ok_or(TokenFlaw::ProofClaimMalformed)?;
    if hash == sha256(token.as_bytes()) {
        Ok(())
    } else {
        Err(TokenFlaw::ProofOfOtherToken)
    }
}

/// `iat`: that it was made now; and where it sets itself an end or a beginning, that too. Answers when
/// no such proof is taken any more.
fn check_time(claims: &Members, terms: &Terms, now: Duration) -> Result<Duration, TokenFlaw> {
    let made_at = required(time(claims, "iat")?)?;
    let until = made_at.saturating_add(terms.max_age);
    let latest = now.saturating_add(terms.ahead);
    let is_over = time(claims, "exp")?.is_some_and(|end| now >= end);
    let is_to_come = time(claims, "nbf")?.is_some_and(|begin| begin > latest);
    if now >= until || is_over {
        Err(TokenFlaw::ProofStale)
    } else if made_at > latest || is_to_come {
        Err(TokenFlaw::ProofEarly)
    } else {
        Ok(until)
    }
}

/// `jti`.
fn identifier(claims: &Members) -> Result<String, TokenFlaw> {
    let id = required(text_of(claims, "jti")?)?;
    if id.is_empty() || id.len() > ID_BYTES || id.chars().any(char::is_control) {
        return Err(TokenFlaw::ProofClaimMalformed);
    }
    Ok(id.to_owned())
}

fn required<T>(claim: Option<T>) -> Result<T, TokenFlaw> {
    claim.ok_or(TokenFlaw::ProofClaimMissing)
}

fn text_of<'a>(claims: &'a Members, name: &str) -> Result<Option<&'a str>, TokenFlaw> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value
            .as_str()
            .map(Some)
            .ok_or(TokenFlaw::ProofClaimMalformed),
    }
}

/// Whole seconds, as in a token.
fn time(claims: &Members, name: &str) -> Result<Option<Duration>, TokenFlaw> {
    let seconds = claims.get(name).map(Value::as_u64);
    match seconds {
        None => Ok(None),
        Some(Some(seconds)) => Ok(Some(Duration::from_secs(seconds))),
        Some(None) => Err(TokenFlaw::ProofClaimMalformed),
    }
}

#[cfg(test)]
mod tests;
