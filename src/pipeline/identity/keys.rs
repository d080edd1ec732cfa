//! Which keys may have signed?
//!
//! A JWK set (RFC 7517), reduced to the public keys that serve a configured algorithm.
//! jsonwebtoken would take any curve, a shared secret, and ignore `use` and `alg`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use ring::agreement::{self, ECDH_P256, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use serde::Deserialize;
use serde_json::Value;

use crate::config::file::Algorithm;
use crate::denial::TokenFlaw;
use crate::pipeline::identity::header::algorithm_named;
use crate::pipeline::identity::members::{self, Members};

/// A set of a hundred keys has 50 KiB, 500 with certificates; what is larger is not a key set.
pub const SET_BYTES: usize = 1_048_576;

/// Issuers publish two or three.
const KEYS: usize = 100;

/// The usable keys of an issuer.
#[derive(Debug, PartialEq, Eq)]
pub struct KeySet(Vec<Arc<Key>>);

/// One public key.
#[derive(Debug)]
pub struct Key {
    /// `kid`.
    pub id: Option<String>,
    /// What it may verify: configured, and fitting its type and `alg`.
    pub algorithms: BTreeSet<Algorithm>,
    /// The key as jsonwebtoken takes it.
    pub decoding: DecodingKey,
    /// The key's bytes, for a fingerprint.
    pub material: Vec<u8>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            id,
            algorithms,
            decoding: _, // is made of the others
            material,
        } = self;
        (id, algorithms, material) == (&other.id, &other.algorithms, &other.material)
    }
}

impl Eq for Key {}

#[derive(Deserialize)]
struct File_ {
    keys: Vec<Members>,
}

impl KeySet {
    /// Reads a file; the message names it.
    pub fn load(file: &Path, configured: &BTreeSet<Algorithm>) -> Result<Self, String> {
        let name = file.display();
        let mut bytes = Vec::new();
        File::open(file)
            .and_then(|open| {
                let most = u64::try_from(SET_BYTES).unwrap_or(u64::MAX);
                open.take(most.saturating_add(1)).read_to_end(&mut bytes)
            })
            .map_err(|error| format!("can't read `{name}`: {error}"))?;
        if bytes.len() <= SET_BYTES {
            Self::read(&bytes, configured).map_err(|error| format!("`{name}` {error}"))
        } else {
            Err(format!("`{name}` is larger than {SET_BYTES} bytes"))
        }
    }

    /// Reads a JWK set. Keys that can't serve are left out, as RFC 7517, 5 says; if none is left,
    /// the message tells why of each.
    pub fn read(json: &[u8], configured: &BTreeSet<Algorithm>) -> Result<Self, String> {
        let set: File_ = serde_json::from_slice(json)
            .map_err(|error| format!("is not a JWK set (RFC 7517): {error}"))?;
        if set.keys.len() > KEYS {
            return Err(format!(
                "holds {} keys; at most {KEYS} are taken",
                set.keys.len()
            ));
        }
        let mut keys: Vec<Arc<Key>> = Vec::new();
        let mut unusable = Vec::new();
        for (index, jwk) in set.keys.iter().enumerate() {
            let name = match jwk.get("kid") {
                Some(Value::String(id)) => format!("key `{id}`"),
                _ => format!("key number {}", index.saturating_add(1)),
            };
            if jwk.has("d") {
                return Err(format!(
                    "holds the private part of {name}; publish public keys only"
                ));
            }
            match key(jwk, configured).and_then(on_curve) {
                Ok(key) if keys.iter().any(|other| other.id == key.id) => {
                    return Err(format!(
                        "needs a `kid` of its own for every key; see {name}"
                    ));
                }
                Ok(key) => keys.push(Arc::new(key)),
                Err(why) => unusable.push(format!("{name} {why}")),
            }
        }
        if keys.is_empty() {
            unusable.insert(0, "holds no usable key".to_owned());
            return Err(unusable.join("; "));
        }
        if keys.len() > 1 && keys.iter().any(|key| key.id.is_none()) {
            return Err("holds several keys; every one needs a `kid`".to_owned());
        }
        Ok(Self(keys))
    }

    /// The key of a token, which must name it unless there is only one.
    pub fn choose(&self, id: Option<&str>, algorithm: Algorithm) -> Result<&Arc<Key>, TokenFlaw> {
        let key = match (self.0.as_slice(), id) {
            ([only], id) if id.is_none() || only.id.is_none() => Some(only),
            (keys, Some(id)) => keys.iter().find(|key| key.id.as_deref() == Some(id)),
            (_, None) => None,
        };
        let key = key.ok_or(TokenFlaw::UnknownKey)?;
        if key.algorithms.contains(&algorithm) {
            Ok(key)
        } else {
            Err(TokenFlaw::WrongAlgorithm)
        }
    }

    /// Whether this very key is among them.
    pub fn holds(&self, key: &Arc<Key>) -> bool {
        self.0.iter().any(|one| Arc::ptr_eq(one, key) || one == key)
    }

    /// All keys, in the order of the set.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Key>> {
        self.0.iter()
    }
}

/// Reads one key. Whether an EC point is on its curve is left to who verifies with it: ring refuses
/// one that isn't then.
///
/// # Errors
/// Why it can't serve, as the rest of a sentence about it.
pub(super) fn key(jwk: &Members, configured: &BTreeSet<Algorithm>) -> Result<Key, String> {
    check_purpose(jwk)?;
    let (fitting, decoding, material) = match text(jwk, "kty")?.unwrap_or_default() {
        "EC" => {
            let point = ec_point(jwk)?;
            (
                vec![Algorithm::ES256],
                DecodingKey::from_ec_der(&point),
                point,
            )
        }
        "OKP" => {
            let point = ed_point(jwk)?;
            (
                vec![Algorithm::EdDSA],
                DecodingKey::from_ed_der(&point),
                point,
            )
        }
        "RSA" => {
            let (n, e) = rsa_components(jwk)?;
            let decoding = DecodingKey::from_rsa_raw_components(&n, &e);
            (
                vec![Algorithm::RS256, Algorithm::PS256],
                decoding,
                [n, e].concat(),
            )
        }
        other => return Err(format!("is of type `{other}`; EC, OKP and RSA are taken")),
    };
    let stated = text(jwk, "alg")?;
    let algorithms: BTreeSet<_> = fitting
        .into_iter()
        .filter(|fits| configured.contains(fits))
        .filter(|fits| stated.is_none_or(|stated| algorithm_named(stated) == Some(*fits)))
        .collect();
    if algorithms.is_empty() {
        return Err("serves none of the issuer's `algorithms`".to_owned());
    }
    Ok(Key {
        id: text(jwk, "kid")?.map(str::to_owned),
        algorithms,
        decoding,
        material,
    })
}

/// `use` and `key_ops` (RFC 7517, 4.2 and 4.3), where they stand.
fn check_purpose(jwk: &Members) -> Result<(), String> {
    match text(jwk, "use")? {
        None | Some("sig") => {}
        Some(other) => return Err(format!("is for `{other}`, not for signatures")),
    }
    match jwk.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|name| name == "verify") => Ok(()),
        Some(_) => Err("is not for the operation `verify`".to_owned()),
    }
}

fn text<'a>(jwk: &'a Members, name: &str) -> Result<Option<&'a str>, String> {
    match jwk.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("has a `{name}` that is not a string")),
    }
}

fn bytes(jwk: &Members, name: &str) -> Result<Vec<u8>, String> {
    let text = text(jwk, name)?.ok_or_else(|| format!("has no `{name}`"))?;
    members::decode(text).ok_or_else(|| format!("has a `{name}` that is not base64url"))
}

/// The uncompressed point of a P-256 key (SEC 1, 2.3.3).
fn ec_point(jwk: &Members) -> Result<Vec<u8>, String> {
    check_curve(jwk, "P-256")?;
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    if x.len() != 32 || y.len() != 32 {
        return Err("has coordinates that are not 32 bytes each".to_owned());
    }
    Ok([&[4], x.as_slice(), y.as_slice()].concat())
}

/// A set that holds what is no point is told when it is read, not when a token fails.
fn on_curve(key: Key) -> Result<Key, String> {
    if key.algorithms.contains(&Algorithm::ES256) {
        // ring checks the point when it agrees on a secret with it; the secret is thrown away.
        let peer = agreement::UnparsedPublicKey::new(&ECDH_P256, &key.material);
        EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())
            .and_then(|ours| agreement::agree_ephemeral(ours, &peer, |_| ()))
            .map_err(|_| "is not a point on P-256".to_owned())?;
    }
    Ok(key)
}

fn ed_point(jwk: &Members) -> Result<Vec<u8>, String> {
    check_curve(jwk, "Ed25519")?;
    let x = bytes(jwk, "x")?;
    if x.len() == 32 {
        Ok(x)
    } else {
        Err("has an `x` that is not 32 bytes".to_owned())
    }
}

fn check_curve(jwk: &Members, wanted: &str) -> Result<(), String> {
    match text(jwk, "crv")?.unwrap_or_default() {
        curve if curve == wanted => Ok(()),
        other => Err(format!(
            "is on the curve `{other}`; only `{wanted}` is taken"
        )),
    }
}

/// Modulus and exponent without leading zeros, as ring wants them; 2048 to 8192 bits.
fn rsa_components(jwk: &Members) -> Result<(Vec<u8>, Vec<u8>), String> {
    let (n, e) = (stripped(&bytes(jwk, "n")?), stripped(&bytes(jwk, "e")?));
    let size = bits(&n);
    if !(2048..=8192).contains(&size) {
        return Err(format!(
            "is an RSA key of {size} bits; 2048 to 8192 are taken"
        ));
    }
    let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    if !odd(&n) || !odd(&e) || !(2..=33).contains(&bits(&e)) {
        return Err("has an RSA modulus or exponent that can't be one".to_owned());
    }
    Ok((n, e))
}

fn stripped(number: &[u8]) -> Vec<u8> {
    number
        .iter()
        .copied()
        .skip_while(|byte| *byte == 0)
        .collect()
}

/// Bits of a big-endian number without leading zeros.
fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    number
        .len()
        .saturating_mul(8)
        .saturating_sub(usize::try_from(unused).unwrap_or_default())
}
