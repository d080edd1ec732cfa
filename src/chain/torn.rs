//! Which bytes did a crash leave where a line belongs?

use ring::digest::{Context, SHA256};
use serde::Deserialize;

use crate::digest;

/// What a log says of a line, or the beginnings of several, that a crash tore and that are kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TornLine {
    /// Length, without the last line feed.
    pub bytes: u64,
    /// Their SHA-256 in hex: what is torn isn't chained, but can't be changed either.
    pub sha256: String,
}

impl TornLine {
    /// Of bytes as they stand in the log.
    pub fn new(bytes: &[u8]) -> Self {
        let mut hash = Context::new(&SHA256);
        hash.update(bytes);
        Self::of(u64::try_from(bytes.len()).unwrap_or(u64::MAX), hash)
    }

    /// Of so many bytes that went through SHA-256.
    pub fn of(bytes: u64, hash: Context) -> Self {
        let sha256 = digest::hex(hash.finish().as_ref());
        Self { bytes, sha256 }
    }

    /// The line that is written behind them.
    pub fn line(&self, time: &str) -> String {
        let Self { bytes, sha256 } = self;
        format!(r#"{{"time":"{time}","outcome":"torn-line","bytes":{bytes},"sha256":"{sha256}"}}"#)
    }

    /// What a line says of torn ones, if it is such a line; without its closing brace.
    pub fn read(body: &str) -> Option<Self> {
        // No text in a record can hold this: its quotes would be escaped.
        body.contains(r#","outcome":"torn-line","#)
            .then(|| serde_json::from_str(&format!("{body}}}")).ok())?
    }
}
