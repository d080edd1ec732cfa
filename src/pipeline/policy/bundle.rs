//! What is a policy bundle, and who signed it?
//!
//! One file with everything that a gateway needs of a policy set, and with what was found out about it
//! before. Three parts, in this order:
//!
//! 1. the line `vingate-policy-bundle 1`: what it is, and in which form;
//! 2. a line with the Ed25519 signature (RFC 8032) over the first line and the third part, in base64
//!    (RFC 4648, section 4);
//! 3. one JSON object: `built`, `files`, `digest`, `results`.
//!
//! The same files, results and time make the same bytes. INVARIANT: nothing of the third part is parsed
//! before a key that the reader trusts has verified it, or an operator has vouched for these very bytes.

mod keys;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::pipeline::policy::bounds;
use crate::pipeline::policy::files::Files;

pub use keys::{SigningKey, VerifyingKey};

/// Bytes of a bundle: hundreds of times the shipped set.
pub const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// Folder of the operators' policies.
const OPERATORS: &str = "admin";

/// What a bundle opens with.
const FORM: &[u8] = b"vingate-policy-bundle 1\n";

/// Characters of 64 bytes in base64.
const SIGNATURE: usize = 88;

/// What is in a bundle, in the order in which it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    built: u64,
    files: Arc<BTreeMap<String, String>>,
    digest: String,
    results: Results,
}

/// What was found out about the files before they were signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// Which program did.
    pub program: String,
    /// How many questions of the cases were answered as expected.
    pub cases: usize,
    /// What was proved; `None` where nothing was.
    pub proofs: Option<Proofs>,
}

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proofs {
    /// Over how many kinds of request.
    pub environments: usize,
    /// How many questions went to the solver.
    pub questions: usize,
    /// Each claim that holds, by name, with what it says.
    pub claims: BTreeMap<String, String>,
}

/// A policy set in one piece.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    payload: Payload,
    id: BundleId,
    signer: Option<String>,
}

impl fmt::Debug for Bundle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Bundle")
            .field("id", &self.id)
            .field("signer", &self.signer)
            .finish_non_exhaustive()
    }
}

/// Which bundle: the SHA-256 of all that is signed, in hex. The same content signed by another key has
/// the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct BundleId(String);

impl BundleId {
    /// As people are told it: the first 16 digits.
    pub fn short(&self) -> &str {
        self.0.get(..16).unwrap_or(&self.0)
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it begins with these digits, at least eight of them.
    pub fn is_meant_by(&self, digits: &str) -> bool {
        digits.len() >= 8 && self.0.starts_with(digits)
    }
}

impl TryFrom<String> for BundleId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 64 && text.bytes().all(digit) {
            Ok(Self(text))
        } else {
            Err("a bundle is named by 64 hex digits")
        }
    }
}

impl fmt::Debug for BundleId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.short())
    }
}

impl fmt::Display for BundleId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.short())
    }
}

/// Why a file is no bundle that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It doesn't open as one.
    #[error("is not a policy bundle of form 1: `vingate policy build` makes one")]
    NotABundle,
    /// Too large.
    #[error("is larger than {MOST_BYTES} bytes")]
    TooLarge,
    /// No trusted key made its signature.
    #[error("is signed by none of the trusted keys, or was altered since")]
    Untrusted,
    /// It was signed, and is wrong all the same.
    #[error("is signed and can't be read: {0}")]
    Unreadable(String),
}

impl Bundle {
    /// Of these files.
    ///
    /// # Errors
    /// A file has a name that a bundle can't hold.
    pub fn of(
        files: BTreeMap<String, String>,
        built: u64,
        results: Results,
    ) -> Result<Self, String> {
        files.keys().try_for_each(|name| check_name(name))?;
        let payload = Payload {
            built,
            digest: files_digest(&files)?,
            files: Arc::new(files),
            results,
        };
        let id = identify(&write(&payload)?);
        Ok(Self {
            payload,
            id,
            signer: None,
        })
    }

    /// Its bytes, signed.
    ///
    /// # Errors
    /// It is larger than a gateway takes.
    pub fn seal(&self, key: &SigningKey) -> Result<Vec<u8>, String> {
        let payload = write(&self.payload)?;
        let signature = key.sign(&signed(&payload));
        let mut bytes = FORM.to_vec();
        bytes.extend_from_slice(STANDARD.encode(signature).as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(&payload);
        if u64::try_from(bytes.len()).map_or(true, |length| length > MOST_BYTES) {
            return Err(format!("the bundle {}", Flaw::TooLarge));
        }
        Ok(bytes)
    }

    /// Reads one that any of `trusted` signed, or that `vouched` says is to be taken without.
    ///
    /// # Errors
    /// See [`Flaw`].
    pub fn open(
        bytes: &[u8],
        trusted: &[VerifyingKey],
        vouched: impl Fn(&BundleId) -> bool,
    ) -> Result<Self, Flaw> {
        if u64::try_from(bytes.len()).map_or(true, |length| length > MOST_BYTES) {
            return Err(Flaw::TooLarge);
        }
        let (signature, payload) = split(bytes).ok_or(Flaw::NotABundle)?;
        let message = signed(payload);
        let signer = trusted
            .iter()
            .find(|key| key.verifies(&message, &signature));
        let id = identify(payload);
        if signer.is_none() && !vouched(&id) {
            return Err(Flaw::Untrusted);
        }
        let payload: Payload =
            serde_json::from_slice(payload).map_err(|error| Flaw::Unreadable(error.to_string()))?;
        payload
            .files
            .keys()
            .try_for_each(|name| check_name(name))
            .map_err(Flaw::Unreadable)?;
        if files_digest(&payload.files).map_err(Flaw::Unreadable)? != payload.digest {
            return Err(Flaw::Unreadable("its digest is of other files".to_owned()));
        }
        Ok(Self {
            payload,
            id,
            signer: signer.map(|key| key.id().to_owned()),
        })
    }

    /// Which one it is.
    pub fn id(&self) -> &BundleId {
        &self.id
    }

    /// Id of the key that signed it; `None` if no trusted one did.
    pub fn signer(&self) -> Option<&str> {
        self.signer.as_deref()
    }

    /// When it was built, in seconds since the Unix epoch.
    pub fn built(&self) -> u64 {
        self.payload.built
    }

    /// SHA-256 of its files, hex.
    pub fn digest(&self) -> &str {
        &self.payload.digest
    }

    /// What was found out about it.
    pub fn results(&self) -> &Results {
        &self.payload.results
    }

    /// Its files, as if they lay in a folder at `place`.
    pub fn files(&self, place: &Path) -> Files {
        Files::held(place, Arc::clone(&self.payload.files))
    }

    /// Claims that its own ceilings and floors make and that were not proved. None is missing where it
    /// was built with the prover.
    pub fn unproved(&self) -> Vec<String> {
        let proofs = self.payload.results.proofs.as_ref();
        let claims = bounds::claims(&self.payload.files, OPERATORS);
        let proved = |claim: &String| proofs.is_some_and(|all| all.claims.contains_key(claim));
        claims.into_iter().filter(|claim| !proved(claim)).collect()
    }
}

/// Which bundle these bytes are, without a word of what is in it.
///
/// # Errors
/// They are none.
pub fn identity(bytes: &[u8]) -> Result<BundleId, Flaw> {
    let (_, payload) = split(bytes).ok_or(Flaw::NotABundle)?;
    Ok(identify(payload))
}

/// Signature and payload.
fn split(bytes: &[u8]) -> Option<([u8; 64], &[u8])> {
    let rest = bytes.strip_prefix(FORM)?;
    let (signature, rest) = rest.split_at_checked(SIGNATURE)?;
    let payload = rest.strip_prefix(b"\n")?;
    let signature = STANDARD.decode(signature).ok()?;
    Some((signature.try_into().ok()?, payload))
}

/// What is signed: the form too, so that no signature counts for another one.
fn signed(payload: &[u8]) -> Vec<u8> {
    [FORM, payload].concat()
}

fn identify(payload: &[u8]) -> BundleId {
    BundleId(digest::hex(&digest::sha256(&signed(payload))))
}

fn write(payload: &Payload) -> Result<Vec<u8>, String> {
    serde_json::to_vec(payload).map_err(|error| error.to_string())
}

/// Of all names and contents, in the order of the names.
fn files_digest(files: &BTreeMap<String, String>) -> Result<String, String> {
    let text = serde_json::to_vec(files).map_err(|error| error.to_string())?;
    Ok(digest::hex(&digest::sha256(&text)))
}

/// A relative path without `.` and `..`: what reads as a place in a folder is one.
fn check_name(name: &str) -> Result<(), String> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let same = Path::new(name).components().map(Component::as_os_str);
    let same = same.collect::<std::path::PathBuf>();
    let sound = !name.is_empty()
        && Path::new(name).components().all(plain)
        && same.as_os_str() == name
        && !name.chars().any(char::is_control);
    if sound {
        Ok(())
    } else {
        Err(format!(
            "`{}` can't be the name of a file",
            name.escape_debug()
        ))
    }
}
