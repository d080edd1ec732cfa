//! What does a gateway start from that has neither a disk nor a fleet?

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::switchboard::seal::{FleetKey, Kind};
use crate::switchboard::store::FILE_PREFIX;
use crate::switchboard::{Board, Closure};

/// Largest file that is read: ten times a very bad day.
const MOST_BYTES: u64 = 256 << 20;

/// A board as a sealed text, for `switches.baseline_file`.
///
/// # Errors
/// It can't be written as JSON.
pub fn baseline(board: &Board, key: &FleetKey) -> Result<String, String> {
    let shared = board
        .closures()
        .filter(|closure| !closure.id.starts_with(FILE_PREFIX));
    let closures: Vec<&Closure> = shared.map(Arc::as_ref).collect();
    let mut text = key.seal(Kind::Baseline, &closures)?;
    text.push('\n');
    Ok(text)
}

/// The board of a baseline file.
///
/// # Errors
/// It can't be read, its seal is wrong, or a closure in it makes no sense.
pub fn read_baseline(file: &Path, key: &FleetKey) -> Result<Board, String> {
    let shown = file.display();
    let refused = |flaw: String| format!("switches.baseline_file: `{shown}`: {flaw}");
    let size = std::fs::metadata(file).map(|found| found.len());
    let size = size.map_err(|error| refused(error.to_string()))?;
    if size > MOST_BYTES {
        return Err(refused(format!("it has more than {MOST_BYTES} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    let opened = key.open(Kind::Baseline, text.trim_end_matches('\n'));
    let closures: Vec<Closure> = opened.map_err(|flaw| refused(flaw.to_string()))?;
    let mut ids = BTreeSet::new();
    for closure in &closures {
        let id = &closure.id;
        if let Err(flaw) = closure.scope.check() {
            return Err(refused(format!("closure `{id}`: {flaw}")));
        }
        if id.starts_with(FILE_PREFIX) {
            return Err(refused(format!("closure `{id}`: its id is that of a file")));
        }
        if !ids.insert(id.as_str()) {
            return Err(refused(format!("the id `{id}` stands twice")));
        }
    }
    Ok(Board::new(0, closures.into_iter().map(Arc::new)))
}
