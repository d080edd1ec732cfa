//! How do tests get tokens, good and forged?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaPublicKeyComponents,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use crate::config::duration::Span;
use crate::config::file::{self, PrincipalKind, PrincipalSource};
use crate::pipeline::identity::jws;

/// A key pair that signs test tokens.
pub(crate) struct Pair {
    pub(crate) algorithm: Algorithm,
    pub(crate) pkcs8: Vec<u8>,
    pub(crate) jwk: Value,
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Pair {
    pub(crate) fn es256(kid: &str) -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        let (x, y) = jws::coordinates(pair.public_key().as_ref()).unwrap();
        Self {
            algorithm: Algorithm::ES256,
            jwk: json!({
                "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y), "kid": kid,
                "use": "sig", "alg": "ES256",
            }),
            pkcs8: pkcs8.as_ref().to_vec(),
        }
    }

    pub(crate) fn eddsa(kid: &str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        Self {
            algorithm: Algorithm::EdDSA,
            jwk: json!({
                "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key()), "kid": kid,
            }),
            pkcs8: pkcs8.as_ref().to_vec(),
        }
    }

    /// The fixture's key; `alg` in its JWK only if given.
    pub(crate) fn rsa(kid: &str, algorithm: Algorithm, stated: Option<&str>) -> Self {
        let pem = include_bytes!("../../../tests/fixtures/keys/rsa-2048.pem");
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).unwrap();
        let pkcs8 = der.secret_pkcs8_der().to_vec();
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
        let mut jwk = json!({
            "kty": "RSA", "n": encode(public.n), "e": encode(public.e), "kid": kid,
        });
        if let Some(stated) = stated {
            jwk["alg"] = json!(stated);
        }
        Self {
            algorithm,
            pkcs8,
            jwk,
        }
    }

    /// A token of exactly these bytes, properly signed.
    pub(crate) fn sign_raw(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", encode(signature))
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "jsonwebtoken's list is open"
    )]
    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let encoding: &dyn RsaEncoding = match self.algorithm {
            Algorithm::ES256 => {
                let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_pkcs8(algorithm, &self.pkcs8, &random).unwrap();
                return pair.sign(&random, message).unwrap().as_ref().to_vec();
            }
            Algorithm::EdDSA => {
                let pair = Ed25519KeyPair::from_pkcs8(&self.pkcs8).unwrap();
                return pair.sign(message).as_ref().to_vec();
            }
            Algorithm::RS256 => &RSA_PKCS1_SHA256,
            Algorithm::PS256 => &RSA_PSS_SHA256,
            other => panic!("no test signs with {other:?}"),
        };
        let pair = RsaKeyPair::from_pkcs8(&self.pkcs8).unwrap();
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(encoding, &random, message, &mut signature)
            .unwrap();
        signature
    }

    pub(crate) fn sign(&self, header: &Value, payload: &Value) -> String {
        self.sign_raw(&header.to_string(), &payload.to_string())
    }
}

/// Writes a JWK set, and gives the settings of an issuer that uses it.
pub(crate) fn issuer(folder: &Path, iss: &str, keys: &[&Value]) -> file::Issuer {
    let jwks_file = folder.join(format!("{}.json", encode(iss)));
    std::fs::write(&jwks_file, json!({ "keys": keys }).to_string()).unwrap();
    file::Issuer {
        issuer: iss.to_owned(),
        audiences: vec!["telematics".to_owned()],
        algorithms: BTreeSet::from([file::Algorithm::ES256]),
        jwks_file: Some(jwks_file),
        jwks_url: None,
        discovery: false,
        fetch: None,
        introspection: None,
        principal: PrincipalSource::Fixed(PrincipalKind::User),
        token_type: "at+jwt".to_owned(),
        fleet_claim: Some("fleet".to_owned()),
        tenant_claim: None,
        roles_claim: None,
        strong_acr: Vec::new(),
        same_subjects_as: None,
        max_lifetime: Span::from_secs(3_600),
        clock_skew: Span::from_secs(5),
    }
}

pub(crate) fn named<const N: usize>(
    issuers: [(&str, file::Issuer); N],
) -> BTreeMap<String, file::Issuer> {
    issuers
        .into_iter()
        .map(|(name, settings)| (name.to_owned(), settings))
        .collect()
}

pub(crate) fn pseudonym() -> super::Pseudonym {
    Arc::new(|issuer, subject| format!("{issuer}/{}", subject.len()))
}
