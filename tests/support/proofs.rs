//! Who proves that a token is theirs?

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vingate::digest::sha256;

use super::signing::TokenKey;
use super::tokens::Tokens;

/// A client with a key of its own.
#[derive(Debug)]
pub(crate) struct Prover {
    key: TokenKey,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Prover {
    pub(crate) fn new() -> Self {
        Self {
            key: TokenKey::generate("proof").unwrap(),
        }
    }

    /// The public key, as a proof shows it.
    fn jwk(&self) -> Value {
        let set = self.key.jwk_set().unwrap();
        let key = &set["keys"][0];
        json!({ "crv": "P-256", "kty": "EC", "x": key["x"], "y": key["y"] })
    }

    /// Claims of a token for a subject that is bound to this client's key.
    pub(crate) fn claims(&self, subject: &str) -> Value {
        let jwk = self.jwk().to_string(); // its members in order, as RFC 7638, 3 has them
        let mut claims = Tokens::claims(subject);
        claims["cnf"] = json!({ "jkt": encode(sha256(jwk.as_bytes())) });
        claims
    }

    /// A proof for one request.
    pub(crate) fn proof(&self, token: &str, (method, address): (&str, &str), id: &str) -> String {
        self.proof_with(token, (method, address), &json!({ "jti": id }))
    }

    /// The same, with these claims changed.
    pub(crate) fn proof_with(
        &self,
        token: &str,
        (method, address): (&str, &str),
        change: &Value,
    ) -> String {
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        let mut claims = json!({
            "htm": method, "htu": address, "iat": vingate::clock::unix_time().as_secs(),
            "ath": encode(sha256(token.as_bytes())),
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.key.sign_as(&header, &claims).unwrap()
    }
}
