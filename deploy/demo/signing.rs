//! How is a token of the demo's issuer signed?
//!
//! ES256 (RFC 7518, 3.4) with a key made at the start. The tests sign with the same code.

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// A P-256 key and its id.
#[derive(Debug)]
pub(crate) struct TokenKey {
    pair: EcdsaKeyPair,
    id: String,
}

impl TokenKey {
    /// Makes a new key.
    pub(crate) fn generate(id: &str) -> Result<Self> {
        let pair = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &new_pkcs8()?,
            &SystemRandom::new(),
        )
        .map_err(|rejected| anyhow!("the new key was rejected: {rejected}"))?;
        let id = id.to_owned();
        Ok(Self { pair, id })
    }

    /// The public half, as a JWK set (RFC 7517, 5).
    pub(crate) fn jwk_set(&self) -> Result<Value> {
        // An uncompressed point: 4, then 32 bytes each of x and y (SEC 1, 2.3.3).
        let point = self.pair.public_key().as_ref();
        let (x, y) = point
            .split_at_checked(1)
            .and_then(|(_, coordinates)| coordinates.split_at_checked(32))
            .context("the public key is not a point")?;
        Ok(json!({"keys": [{
            "kty": "EC",
            "crv": "P-256",
            "use": "sig",
            "alg": "ES256",
            "kid": self.id,
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        }]}))
    }

    /// An access token (RFC 9068, 2.1) with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String> {
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": self.id});
        self.sign_as(&header, claims)
    }

    /// A signed token with any header, as only an attacker or a broken issuer would make it.
    pub(crate) fn sign_as(&self, header: &Value, claims: &Value) -> Result<String> {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| anyhow!("the token could not be signed"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// A new P-256 private key in PKCS #8 PEM, as the gateway's assertion needs it.
pub(crate) fn private_key_pem() -> Result<String> {
    let encoded = STANDARD.encode(new_pkcs8()?);
    let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
    for line in encoded.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line)?); // RFC 7468, 2: 64 characters a line
        pem.push('\n');
    }
    pem.push_str("-----END PRIVATE KEY-----\n");
    Ok(pem)
}

fn new_pkcs8() -> Result<Vec<u8>> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map(|document| document.as_ref().to_vec())
        .map_err(|_| anyhow!("no random key could be made"))
}
