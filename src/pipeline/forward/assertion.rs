//! What does the upstream get to know, signed?
//!
//! A JWT of at most 30 s (RFC 7519) in `Vingate-Assertion`: what was decided, about which request.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use quick_cache::sync::Cache;
use ring::digest::{Context, SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Serialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::digest::whole;
use crate::pipeline::identity::jws::coordinates;

/// How long an upstream may accept it: a queue and a retry of a connection, no more.
const LIFETIME: Duration = Duration::from_secs(30);

/// How long a read's may be reused, so that at least 20 s of it remain.
const REUSE: Duration = Duration::from_secs(10);

/// Reads remembered for reuse: a busy gateway's distinct reads of 10 s; 8 MB at 1 KiB each.
const REMEMBERED: usize = 8_192;

/// A PKCS #8 key has 300 bytes.
const KEY_FILE_BYTES: u64 = 65_536;

/// Signs assertions with one key, P-256 or Ed25519.
#[expect(missing_debug_implementations, reason = "a secret")]
pub struct Signer {
    key: Key,
    key_id: String,
    issuer: String,
    header: String,
    reads: Cache<[u8; 32], Reusable>,
}

enum Key {
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A read's assertion, and when it was signed.
#[derive(Clone)]
struct Reusable {
    issued_at: Duration,
    assertion: HeaderValue,
}

/// What is asserted.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "the names are the claims'")]
#[expect(missing_debug_implementations, reason = "carries a VIN and a subject")]
pub struct Asserted<'a> {
    pub audience: &'a str,
    pub id: &'a str,
    pub subject: Option<&'a str>,
    /// Name of the subject's issuer in the configuration: a subject is unique within it only.
    pub subject_issuer: Option<&'a str>,
    pub client: Option<&'a str>,
    pub action: &'a str,
    pub vin: Option<&'a str>,
    pub method: &'a str,
    pub path_and_query: &'a str,
    pub body_digest: Option<[u8; 32]>,
    pub policy_revision: &'a str,
    pub issued_at: Duration,
}

/// The claims, as they are written.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_issuer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<&'a str>,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vin: Option<&'a str>,
    htm: &'a str,
    htu: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_sha256: Option<String>,
    policy_revision: &'a str,
}

/// No assertion could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the assertion can't be signed")]
pub struct Unsigned;

impl Signer {
    /// Reads a PKCS #8 PEM key; the algorithm follows from the key. The message names the file.
    pub fn load(key_file: &Path, issuer: &str) -> Result<Self, String> {
        let name = key_file.display();
        // Taken at once, so that no copy of the key is left behind where a buffer grew.
        let mut pem = Zeroizing::new(Vec::with_capacity(
            usize::try_from(KEY_FILE_BYTES).unwrap_or_default(),
        ));
        File::open(key_file)
            .and_then(|open| open.take(KEY_FILE_BYTES).read_to_end(&mut pem))
            .map_err(|error| format!("can't read `{name}`: {error}"))?;
        Self::from_pem(&pem, issuer).map_err(|error| format!("`{name}` {error}"))
    }

    fn from_pem(pem: &[u8], issuer: &str) -> Result<Self, String> {
        if issuer.is_empty() {
            return Err("can't sign for an empty issuer".to_owned());
        }
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| {
            "holds no unencrypted PKCS #8 key (`BEGIN PRIVATE KEY`); \
             `openssl pkcs8 -topk8 -nocrypt` converts others"
                .to_owned()
        })?;
        let key = Key::read(der.secret_pkcs8_der())
            .ok_or("holds a key that is neither P-256 (ES256) nor Ed25519 (EdDSA)")?;
        let (algorithm, public) = key.public();
        let key_id = URL_SAFE_NO_PAD.encode(digest(&SHA256, public.to_string().as_bytes()));
        let header = json!({ "typ": "vingate-assertion+jwt", "alg": algorithm, "kid": key_id });
        Ok(Self {
            key,
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
            key_id,
            issuer: issuer.to_owned(),
            reads: Cache::new(REMEMBERED),
        })
    }

    /// The compact JWS (RFC 7515), signed for this request alone.
    pub fn sign(&self, asserted: &Asserted<'_>) -> Result<HeaderValue, Unsigned> {
        let issued_at = asserted.issued_at;
        let claims = Claims {
            iss: &self.issuer,
            aud: asserted.audience,
            iat: issued_at.as_secs(),
            exp: issued_at.saturating_add(LIFETIME).as_secs(),
            jti: asserted.id,
            sub: asserted.subject,
            sub_issuer: asserted.subject_issuer,
            client_id: asserted.client,
            action: asserted.action,
            vin: asserted.vin,
            htm: asserted.method,
            htu: asserted.path_and_query,
            body_sha256: asserted.body_digest.map(|sum| URL_SAFE_NO_PAD.encode(sum)),
            policy_revision: asserted.policy_revision,
        };
        let claims = serde_json::to_vec(&claims).map_err(|_| Unsigned)?;
        let mut jws = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(jws.as_bytes())?;
        jws.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
        HeaderValue::try_from(jws).map_err(|_| Unsigned)
    }

    /// An assertion for a read: one made within the last 10 s, if it says the same in all but time
    /// and id; else a new one.
    pub fn sign_read(&self, asserted: &Asserted<'_>) -> Result<HeaderValue, Unsigned> {
        let content = content(asserted);
        if let Some(known) = self.reads.get(&content) {
            let age = asserted.issued_at.checked_sub(known.issued_at);
            if age.is_some_and(|age| age < REUSE) {
                return Ok(known.assertion);
            }
        }
        let assertion = self.sign(asserted)?;
        let reusable = Reusable {
            issued_at: asserted.issued_at,
            assertion: assertion.clone(),
        };
        self.reads.insert(content, reusable);
        Ok(assertion)
    }

    /// The public key as a JWK set (RFC 7517).
    pub fn jwk_set(&self) -> Value {
        let (algorithm, mut jwk) = self.key.public();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), json!(self.key_id));
            members.insert("alg".to_owned(), json!(algorithm));
            members.insert("use".to_owned(), json!("sig"));
        }
        json!({ "keys": [jwk] })
    }
}

impl Key {
    fn read(pkcs8: &[u8]) -> Option<Self> {
        let random = SystemRandom::new();
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random)
            .map(Self::Ec)
            // OpenSSL writes Ed25519 keys without their public half: nothing to compare.
            .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map(Self::Ed))
            .ok()
    }

    /// The algorithm, and the required members of the JWK in the order of RFC 7638, 3.2.
    fn public(&self) -> (&'static str, Value) {
        match self {
            Self::Ec(key) => {
                let (x, y) = coordinates(key.public_key().as_ref()).unwrap_or_default();
                let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
                (
                    "ES256",
                    json!({ "crv": "P-256", "kty": "EC", "x": x, "y": y }),
                )
            }
            Self::Ed(key) => {
                let x = URL_SAFE_NO_PAD.encode(key.public_key());
                ("EdDSA", json!({ "crv": "Ed25519", "kty": "OKP", "x": x }))
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Unsigned> {
        match self {
            Self::Ec(key) => key
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| Unsigned),
            Self::Ed(key) => Ok(key.sign(message).as_ref().to_vec()),
        }
    }
}

/// SHA-256 of all that is asserted but time and id.
fn content(asserted: &Asserted<'_>) -> [u8; 32] {
    // INVARIANT: every member is named here, so that a new one can't be forgotten.
    let Asserted {
        audience,
        id: _,
        subject,
        subject_issuer,
        client,
        action,
        vin,
        method,
        path_and_query,
        body_digest,
        policy_revision,
        issued_at: _,
    } = asserted;
    let parts = [
        Some(audience.as_bytes()),
        subject.map(str::as_bytes),
        subject_issuer.map(str::as_bytes),
        client.map(str::as_bytes),
        Some(action.as_bytes()),
        vin.map(str::as_bytes),
        Some(method.as_bytes()),
        Some(path_and_query.as_bytes()),
        body_digest.as_ref().map(<[u8; 32]>::as_slice),
        Some(policy_revision.as_bytes()),
    ];
    let mut context = Context::new(&SHA256);
    for part in parts {
        // Lengths keep neighbours apart; an absent part is not an empty one.
        let length = part.map_or(u64::MAX, |part| {
            u64::try_from(part.len()).unwrap_or_default()
        });
        context.update(&length.to_be_bytes());
        context.update(part.unwrap_or_default());
    }
    whole(context.finish().as_ref())
}

#[cfg(test)]
mod tests;
