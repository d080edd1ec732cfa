//! By which keys are policy bundles signed, and whose signatures count?
//!
//! Ed25519 keys in the files that `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer};
use zeroize::Zeroizing;

use crate::digest;

/// An Ed25519 key has about 120 bytes in PEM.
const KEY_FILE_BYTES: u64 = 16_384;

/// What stands before the 32 bytes of an Ed25519 key in a `SubjectPublicKeyInfo` (RFC 8410, section 4).
const PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Signs bundles.
#[expect(missing_debug_implementations, reason = "a secret")]
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads an unencrypted PKCS #8 key in PEM.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn read(file: &Path) -> Result<Self, String> {
        let pem = Zeroizing::new(read(file)?);
        let wrong = || {
            let name = file.display();
            format!(
                "`{name}` holds no unencrypted Ed25519 key (`BEGIN PRIVATE KEY`); \
                 `openssl genpkey -algorithm ed25519` makes one"
            )
        };
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|_| wrong())?;
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        key.map(Self).map_err(|_| wrong())
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut bytes = [0; 64];
        let signature = self.0.sign(message);
        for (to, from) in bytes.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        bytes
    }

    /// What verifies its signatures.
    pub fn verifying(&self) -> VerifyingKey {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *to = *from;
        }
        VerifyingKey::new(bytes)
    }
}

/// Says whether a key signed a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    bytes: [u8; 32],
    id: String,
}

impl VerifyingKey {
    fn new(bytes: [u8; 32]) -> Self {
        let digest = digest::sha256(&bytes);
        let (start, _) = digest.split_at(8);
        let id = digest::hex(start);
        Self { bytes, id }
    }

    /// Reads a public key in PEM.
    ///
    /// # Errors
    /// The file, and what is wrong with it.
    pub fn read(file: &Path) -> Result<Self, String> {
        let pem = read(file)?;
        let der = SubjectPublicKeyInfoDer::from_pem_slice(&pem).ok();
        let key = der.and_then(|der| der.as_ref().strip_prefix(&PREFIX)?.try_into().ok());
        key.map(Self::new).ok_or_else(|| {
            let name = file.display();
            format!(
                "`{name}` holds no public Ed25519 key (`BEGIN PUBLIC KEY`); \
                 `openssl pkey -in KEY -pubout` writes it"
            )
        })
    }

    /// The first 16 hex digits of its SHA-256: names the key to people, and decides nothing.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let key = UnparsedPublicKey::new(&ED25519, self.bytes);
        key.verify(message, signature).is_ok()
    }
}

/// At once, so that no copy of a key is left behind where a buffer grew.
fn read(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(usize::try_from(KEY_FILE_BYTES).unwrap_or_default());
    let read = File::open(file).and_then(|open| open.take(KEY_FILE_BYTES).read_to_end(&mut bytes));
    read.map_err(|error| format!("can't read `{}`: {error}", file.display()))?;
    Ok(bytes)
}
