//! Which cryptography checks a signature?
//!
//! `ring`, which rustls uses too, behind jsonwebtoken's pluggable provider: one crypto provider in
//! the process (docs/decisions/0001-one-crypto-provider.md). What is not listed here is an error:
//! jsonwebtoken signs nothing here and reads no private key.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(ErrorKind::InvalidKeyFormat.into()),
        rsa_pub_components_from_public_key: |_| Err(ErrorKind::InvalidKeyFormat.into()),
        ec_pub_components_from_private_key: |_, _| Err(ErrorKind::InvalidKeyFormat.into()),
        ed_pub_components_from_private_key: |_, _| Err(ErrorKind::InvalidKeyFormat.into()),
        compute_digest: digest,
    },
};

/// Makes `ring` the provider of jsonwebtoken, once a process; later calls change nothing. Whoever
/// calls jsonwebtoken calls this before: without a provider it panics.
pub fn install() {
    // INVARIANT: no other crate of the process installs one, so `Err` means that ours is there.
    let (Ok(()) | Err(_)) = PROVIDER.install_default();
}

/// Checks signatures of one algorithm with one public key.
struct RingVerifier {
    algorithm: Algorithm,
    key: PublicKey,
}

enum PublicKey {
    Point(UnparsedPublicKey<Vec<u8>>),
    Rsa(&'static RsaParameters, RsaPublicKeyComponents<Vec<u8>>),
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "jsonwebtoken prescribes the signature"
)]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if key.family() != family(*algorithm)? {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    let public = match (algorithm, key.kind()) {
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => PublicKey::Point(
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.clone()),
        ),
        (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => {
            PublicKey::Point(UnparsedPublicKey::new(&ED25519, point.clone()))
        }
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            PublicKey::Rsa(&RSA_PKCS1_2048_8192_SHA256, components(n, e))
        }
        (Algorithm::PS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            PublicKey::Rsa(&RSA_PSS_2048_8192_SHA256, components(n, e))
        }
        _ => return Err(ErrorKind::InvalidKeyFormat.into()),
    };
    Ok(Box::new(RingVerifier {
        algorithm: *algorithm,
        key: public,
    }))
}

fn components(n: &[u8], e: &[u8]) -> RsaPublicKeyComponents<Vec<u8>> {
    RsaPublicKeyComponents {
        n: n.to_vec(),
        e: e.to_vec(),
    }
}

/// The key family of an algorithm that is offered at all.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "jsonwebtoken's list is open; what is not named here is refused"
)]
fn family(algorithm: Algorithm) -> Result<AlgorithmFamily> {
    match algorithm {
        Algorithm::ES256 => Ok(AlgorithmFamily::Ec),
        Algorithm::EdDSA => Ok(AlgorithmFamily::Ed),
        Algorithm::RS256 | Algorithm::PS256 => Ok(AlgorithmFamily::Rsa),
        _ => Err(ErrorKind::UnsupportedAlgorithm.into()),
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        match &self.key {
            PublicKey::Point(key) => key.verify(message, signature),
            PublicKey::Rsa(parameters, key) => key.verify(parameters, message, signature),
        }
        .map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// `x` and `y` of an uncompressed P-256 point (SEC 1, 2.3.3).
pub(crate) fn coordinates(point: &[u8]) -> Option<(&[u8], &[u8])> {
    let (form, both) = point.split_first()?;
    if *form != 4 || both.len() != 64 {
        return None;
    }
    both.split_at_checked(32)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "jsonwebtoken prescribes the signature"
)]
fn digest(data: &[u8], hash: ThumbprintHash) -> Result<Vec<u8>> {
    let algorithm = match hash {
        ThumbprintHash::SHA256 => &ring::digest::SHA256,
        ThumbprintHash::SHA384 => &ring::digest::SHA384,
        ThumbprintHash::SHA512 => &ring::digest::SHA512,
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(ring::digest::digest(algorithm, data).as_ref().to_vec())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::EncodingKey;
    use jsonwebtoken::jwk::EllipticCurve;

    use super::*;

    #[test]
    fn what_is_not_offered_is_an_error_and_no_panic() {
        install();
        install();
        let secret = DecodingKey::from_secret(&[7; 32]);
        let curve = DecodingKey::from_ec_der(&[4; 65]);
        for algorithm in [Algorithm::HS256, Algorithm::ES384, Algorithm::RS512] {
            for public in [&secret, &curve] {
                assert!(verifier(&algorithm, public).is_err(), "{algorithm:?}");
            }
        }
        // A key of one family under the name of another, and a key that is none.
        assert!(verifier(&Algorithm::EdDSA, &curve).is_err());
        assert!(verifier(&Algorithm::ES256, &secret).is_err());
        let private = EncodingKey::from_ec_der(&[4; 65]);
        assert!(jsonwebtoken::crypto::sign(b"x", &private, Algorithm::ES256).is_err());
        let utilities = &PROVIDER.key_utils;
        assert!((utilities.rsa_pub_components_from_private_key)(b"x").is_err());
        assert!((utilities.rsa_pub_components_from_public_key)(b"x").is_err());
        assert!((utilities.ec_pub_components_from_private_key)(b"x", Algorithm::ES256).is_err());
        let curve = EllipticCurve::Ed25519;
        assert!((utilities.ed_pub_components_from_private_key)(b"x", &curve).is_err());
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        let empty = digest(b"", ThumbprintHash::SHA256).unwrap();
        assert_eq!(empty.first_chunk(), Some(&[0xe3, 0xb0, 0xc4, 0x42])); // FIPS 180-4
        let lengths = [ThumbprintHash::SHA384, ThumbprintHash::SHA512]
            .map(|hash| digest(b"", hash).unwrap().len());
        assert_eq!(lengths, [48, 64]);
    }
}
