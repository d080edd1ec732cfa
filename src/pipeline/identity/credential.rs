//! What vouches for a principal, and what else must its sender prove?

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::denial::TokenFlaw;
use crate::pipeline::identity::members::{self, Members};
use crate::revocations::Marks;

/// What a verified token says about itself.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Credential {
    /// `jti`.
    pub token_id: Option<String>,
    /// `sid`: the session at the issuer that it belongs to (back-channel logout of
    /// `OpenID` Connect, 2.1).
    pub session: Option<String>,
    /// `iat`, since the Unix epoch.
    pub issued_at: Duration,
    /// `exp`, since the Unix epoch.
    pub expires_at: Duration,
    /// `cnf`.
    pub confirmation: Confirmation,
    /// What a revocation of it would be about.
    pub marks: Marks,
}

impl fmt::Debug for Credential {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Credential(..)") // names a person's token: never in a log
    }
}

/// What the sender of a token must prove to hold (RFC 7800, 3.1): all of it. Nothing for a token of
/// whoever bears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confirmation {
    /// `jkt`: SHA-256 thumbprint of a public key (RFC 9449, 6.1).
    pub key: Option<[u8; 32]>,
    /// `x5t#S256`: SHA-256 of a certificate, DER (RFC 8705, 3.1).
    pub certificate: Option<[u8; 32]>,
}

impl Confirmation {
    /// Reads the `cnf` of a token.
    ///
    /// # Errors
    /// `ProofMissing` where it asks for what nobody can prove here, or for nothing at all: whoever stole
    /// the token would be served.
    pub fn read(claims: &Members) -> Result<Self, TokenFlaw> {
        let Some(value) = claims.get("cnf") else {
            return Ok(Self::default());
        };
        let asked = value.as_object().filter(|asked| !asked.is_empty());
        let mut confirmation = Self::default();
        for (name, value) in asked.ok_or(TokenFlaw::ProofMissing)? {
            let thumbprint = Some(thumbprint(value).ok_or(TokenFlaw::ProofMissing)?);
            match name.as_str() {
                "jkt" => confirmation.key = thumbprint,
                "x5t#S256" => confirmation.certificate = thumbprint,
                _ => return Err(TokenFlaw::ProofMissing),
            }
        }
        Ok(confirmation)
    }

    /// Whether there is anything to prove.
    pub fn is_asked(&self) -> bool {
        *self != Self::default()
    }
}

fn thumbprint(value: &Value) -> Option<[u8; 32]> {
    members::decode(value.as_str()?)?.try_into().ok()
}
