//! Which keys were the last good ones before a restart?
//!
//! A file says it, with when the issuer said so, under a keyed hash: it is about this issuer and this
//! source, as this gateway wrote it, or it is nothing.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::digest;
use crate::folder;
use crate::pipeline::identity::keys::SET_BYTES;
use crate::pipeline::identity::published::Source;

/// Largest first line.
const HEAD_BYTES: usize = 16_384;

/// Of the form below.
const VERSION: u32 = 1;

/// The first line. The second is the hash over all the rest; the set follows, as it came.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    version: u32,
    issuer: String,
    /// URL of the set; none where the issuer's metadata said it.
    url: Option<String>,
    /// Seconds since the Unix epoch.
    confirmed: u64,
}

/// Where a set is kept.
#[derive(Clone)]
pub(super) struct Disk {
    file: PathBuf,
    seal: hmac::Key,
    issuer: String,
    url: Option<String>,
}

impl Disk {
    /// For this source, under this key.
    pub(super) fn new(source: &Source, seal: hmac::Key) -> Self {
        Self {
            file: source.fetch.file.clone(),
            seal,
            issuer: source.issuer.clone(),
            url: source.url.clone(),
        }
    }

    /// The set and when it was confirmed, since the Unix epoch; `None` if none was ever kept. Blocks.
    ///
    /// # Errors
    /// What is there was not written here, or not for this.
    pub(super) fn read(&self) -> Result<Option<(Bytes, Duration)>, String> {
        let shown = self.file.display();
        let mut bytes = Vec::new();
        let most = u64::try_from(SET_BYTES.saturating_add(HEAD_BYTES)).unwrap_or(u64::MAX);
        let read = File::open(&self.file).and_then(|file| file.take(most).read_to_end(&mut bytes));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("`{shown}` can't be read: {error}")),
        }
        let mut lines = bytes.splitn(3, |byte| *byte == b'\n');
        let (Some(head), Some(seal), Some(set)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(format!("`{shown}` is damaged"));
        };
        if seal != self.sealed(head, set).as_bytes() {
            return Err(format!(
                "`{shown}` was not written here, or under another pseudonym key"
            ));
        }
        let head: Head = serde_json::from_slice(head)
            .map_err(|error| format!("`{shown}` is damaged: {error}"))?;
        if head != self.head(head.confirmed) {
            return Err(format!("`{shown}` is of another issuer or URL"));
        }
        let confirmed = Duration::from_secs(head.confirmed);
        Ok(Some((Bytes::copy_from_slice(set), confirmed)))
    }

    /// Keeps a set that was confirmed then, since the Unix epoch. Blocks.
    ///
    /// # Errors
    /// The system refuses; what was kept before is there then.
    pub(super) fn write(&self, set: &[u8], confirmed: Duration) -> io::Result<()> {
        let head = serde_json::to_vec(&self.head(confirmed.as_secs()))?;
        let seal = self.sealed(&head, set);
        let bytes = [head.as_slice(), b"\n", seal.as_bytes(), b"\n", set].concat();
        let name = self.file.file_name().and_then(|name| name.to_str());
        let (Some(name), Some(parent)) = (name, self.file.parent()) else {
            return Err(io::ErrorKind::InvalidFilename.into());
        };
        folder::make_for(&self.file)?;
        folder::replace(parent, name, &bytes, || Ok(()))
    }

    fn head(&self, confirmed: u64) -> Head {
        Head {
            version: VERSION,
            issuer: self.issuer.clone(),
            url: self.url.clone(),
            confirmed,
        }
    }

    /// In hexadecimal digits. The first line has no end of line in it, so what is hashed reads one way.
    fn sealed(&self, head: &[u8], set: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.seal);
        for part in [head, b"\n", set] {
            context.update(part);
        }
        digest::hex(context.sign().as_ref())
    }
}
