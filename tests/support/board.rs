//! How does a test put a switch board where a gateway finds it at its start?

use std::path::Path;

use serde_json::{Value, json};
use vingate::digest;

/// A closure, to be changed by a test.
pub(crate) fn closure(id: &str, scope: &Value, state: &Value) -> Value {
    let at = vingate::clock::unix_time().as_secs();
    json!({
        "id": id, "revision": 1, "scope": scope, "state": state, "reason": "private words",
        "texts": { "de": "Die App ist nicht erreichbar.", "en": "The app is unavailable." },
        "closed_by": "test", "closed_at": at,
        "change": { "what": "close", "by": "test", "at": at },
    })
}

/// Writes these closures as the board in `folder`.
pub(crate) fn write(folder: &Path, closures: &[Value]) {
    let board = json!({ "version": 2, "revision": 1, "closures": closures }).to_string();
    let hashed = board.strip_suffix('}').unwrap();
    let checksum = digest::hex(&digest::sha256(hashed.as_bytes()));
    let sealed = format!("{hashed},\"checksum\":\"sha256:{checksum}\"}}\n");
    std::fs::write(folder.join("board.json"), sealed).unwrap();
}
