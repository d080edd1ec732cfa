//! What does a token say about itself, before any of it is believed?
//!
//! The JOSE header (RFC 7515, 4), read strictly: jsonwebtoken ignores `crit` and `typ`.

use serde_json::Value;

use crate::config::file::Algorithm;
use crate::denial::TokenFlaw;
use crate::pipeline::identity::members::Members;

/// Parameters that change how a token is to be read or where its key is to be had: no key is fetched
/// for one, and no extension is understood (RFC 7515, 4.1.11; RFC 7797; RFC 8725, 3.10).
const FORBIDDEN: [&str; 7] = ["crit", "b64", "jku", "x5u", "x5c", "enc", "zip"];

/// Parameters that are not used here, and are strings where they stand.
const TEXTS: [&str; 5] = ["cty", "x5t", "x5t#S256", "url", "nonce"];

/// The parameters that choose a key, all unverified.
#[derive(Debug)]
pub struct Header {
    /// `alg`, if it is one that can be configured at all.
    pub algorithm: Option<Algorithm>,
    /// `typ`, reduced.
    pub token_type: Option<String>,
    /// `kid`.
    pub key_id: Option<String>,
}

impl Header {
    /// Reads the first part of a token, which brings no key of its own.
    pub fn read(part: &str) -> Result<Self, TokenFlaw> {
        let members = Members::read(part).ok_or(TokenFlaw::Malformed)?;
        if members.has("jwk") {
            return Err(TokenFlaw::HeaderForbidden);
        }
        Self::of(&members)
    }

    /// The same of what may bring its key, in `jwk`: that is left to the caller.
    pub fn of(members: &Members) -> Result<Self, TokenFlaw> {
        if FORBIDDEN.iter().any(|name| members.has(name)) {
            return Err(TokenFlaw::HeaderForbidden);
        }
        for name in TEXTS {
            text(members, name)?;
        }
        let algorithm = text(members, "alg")?.ok_or(TokenFlaw::Malformed)?;
        Ok(Self {
            algorithm: algorithm_named(algorithm),
            token_type: text(members, "typ")?.map(reduced),
            key_id: text(members, "kid")?.map(str::to_owned),
        })
    }
}

fn text<'a>(members: &'a Members, name: &str) -> Result<Option<&'a str>, TokenFlaw> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenFlaw::Malformed),
    }
}

/// The algorithm of exactly this name; names are compared with their case (RFC 7515, 4.1.1).
pub fn algorithm_named(name: &str) -> Option<Algorithm> {
    match name {
        "ES256" => Some(Algorithm::ES256),
        "RS256" => Some(Algorithm::RS256),
        "PS256" => Some(Algorithm::PS256),
        "EdDSA" => Some(Algorithm::EdDSA),
        _ => None,
    }
}

/// A media type in lower case, without `application/` where nothing but that is left out
/// (RFC 7515, 4.1.9).
pub fn reduced(media_type: &str) -> String {
    let lower = media_type.to_ascii_lowercase();
    match lower.strip_prefix("application/") {
        Some(rest) if !rest.contains('/') => rest.to_owned(),
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_have_two_spellings() {
        let table = [
            ("at+jwt", "at+jwt"),
            ("AT+JWT", "at+jwt"),
            ("application/at+jwt", "at+jwt"),
            ("Application/AT+jwt", "at+jwt"),
            ("application/x/at+jwt", "application/x/at+jwt"),
            ("text/at+jwt", "text/at+jwt"),
            (" at+jwt", " at+jwt"),
        ];
        for (written, reduced_) in table {
            assert_eq!(reduced(written), reduced_, "{written}");
        }
    }
}
