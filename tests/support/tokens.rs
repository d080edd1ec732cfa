//! Who signs the tokens of a test?

use std::path::Path;

use serde_json::{Value, json};

use super::signing::TokenKey;

/// `iss` of the tokens.
pub(crate) const ISSUER: &str = "https://id.test";
/// `aud` of the tokens.
pub(crate) const AUDIENCE: &str = "telematics";

/// The `acr` of who signed in with more than a password.
pub(crate) const STRONG: &str = "mfa";

/// An issuer with one ES256 key.
#[derive(Debug)]
pub(crate) struct Tokens {
    key: TokenKey,
}

impl Tokens {
    pub(crate) fn new() -> Self {
        Self {
            key: TokenKey::generate("test-1").unwrap(),
        }
    }

    /// Writes the public keys where a configuration names them.
    pub(crate) fn write_jwk_set(&self, file: &Path) {
        std::fs::write(file, self.key.jwk_set().unwrap().to_string()).unwrap();
    }

    /// Claims of a good token for a subject, to be changed by a test.
    pub(crate) fn claims(subject: &str) -> Value {
        let now = vingate::clock::unix_time().as_secs();
        json!({
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "client_id": "test-app",
            "scope": "vehicle.read vehicle.command",
            "jti": format!("test-{subject}"),
            "acr": STRONG,
            "auth_time": now,
            "iat": now,
            "exp": now + 600,
        })
    }

    /// A good token for a subject.
    pub(crate) fn token(&self, subject: &str) -> String {
        self.sign(&Self::claims(subject))
    }

    /// A token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.key.sign(claims).unwrap()
    }

    /// A token with this header and these claims, its signature good.
    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> String {
        self.key.sign_as(header, claims).unwrap()
    }
}
