//! What does a file close, and is it root's word?

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::switchboard::changes::{self, By, New};
use crate::switchboard::store::FILE_PREFIX;
use crate::switchboard::{AtExpiry, Closure, Drain, Notice, Scope, Shut, State, Texts};

/// Largest file that is read: some thousand vehicles.
const MOST_BYTES: u64 = 1 << 20;

/// Who may write beside the owner: the group, or everybody.
const OTHERS_WRITE: u32 = 0o022;

/// Characters of a file's name.
const NAME: usize = 64;

/// What stands in a file: a preset can be copied there as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    scope: Scope,
    state: Shut,
    reason: Option<String>,
    #[serde(default)]
    texts: Texts,
    notice: Option<Notice>,
    ticket: Option<String>,
    owner: Option<String>,
    #[serde(default)]
    drain: Drain,
    /// Counts for nothing here: it closes until the file goes.
    #[serde(rename = "for")]
    _lasts: Option<String>,
    /// Counts for nothing here.
    #[serde(rename = "at_expiry")]
    _at_expiry: Option<AtExpiry>,
}

/// What tells one content of a file from another; `None` while nothing is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(Option<[i64; 8]>);

impl Mark {
    /// Of what is there now.
    pub(super) fn of(path: &Path) -> Self {
        let wide = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let facts = fs::symlink_metadata(path).ok();
        Self(facts.map(|facts| {
            [
                facts.mtime(),
                facts.mtime_nsec(),
                facts.ctime(),
                facts.ctime_nsec(),
                wide(facts.size()),
                wide(facts.ino()),
                facts.uid().into(),
                facts.mode().into(),
            ]
        }))
    }
}

/// Whether only `owner` can change it.
pub(super) fn belongs(facts: &Metadata, owner: u32) -> Result<(), &'static str> {
    if facts.uid() != owner {
        Err("it doesn't belong to root")
    } else if facts.mode() & OTHERS_WRITE != 0 {
        Err("others than its owner may write to it")
    } else {
        Ok(())
    }
}

/// The closure of a file.
pub(super) fn read(name: &str, path: &Path, owner: u32) -> Result<Closure, String> {
    let stem = name.strip_suffix(".toml").unwrap_or(name);
    let is_plain =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    if stem.is_empty() || stem.len() > NAME || !stem.chars().all(is_plain) {
        return Err(format!(
            "its name wants 1 to {NAME} of `a-z`, `A-Z`, `0-9`, `-`, `_` and `.`"
        ));
    }
    let (text, at) = text(path, owner)?;
    let written: Written = toml::from_str(&text).map_err(|error| told(&error, &text))?;
    written
        .scope
        .check()
        .map_err(|flaw| format!("`scope`: {flaw}"))?;
    let reason = written
        .reason
        .unwrap_or_else(|| format!("the file `{name}`"));
    if reason.trim().is_empty() {
        return Err("`reason` is empty".to_owned());
    }
    let state = match written.state {
        Shut::ReadOnly => State::ReadOnly,
        Shut::Closed => State::Closed,
    };
    let new = New {
        state,
        texts: Arc::new(written.texts),
        notice: written.notice.map(Arc::new),
        ticket: written.ticket,
        owner: written.owner,
        drain: written.drain,
        ..New::closing(format!("{FILE_PREFIX}{stem}"), written.scope, reason)
    };
    let by = By {
        who: "root",
        at,
        revision: 0,
        break_glass: false,
    };
    Ok(changes::begin(new, by))
}

/// Its text, and when it was written, in seconds since the Unix epoch.
fn text(path: &Path, owner: u32) -> Result<(String, u64), String> {
    let words = |error: std::io::Error| error.to_string();
    let there = fs::symlink_metadata(path).map_err(words)?;
    if !there.is_file() {
        return Err("it is no plain file".to_owned()); // a pipe would be waited for
    }
    let file = File::open(path).map_err(words)?;
    let facts = file.metadata().map_err(words)?;
    if (facts.dev(), facts.ino()) != (there.dev(), there.ino()) {
        return Err("it changed while it was opened".to_owned());
    }
    belongs(&facts, owner)?;
    if facts.size() > MOST_BYTES {
        return Err(format!("it has more than {MOST_BYTES} bytes"));
    }
    let mut text = String::new();
    file.take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(words)?;
    Ok((text, u64::try_from(facts.mtime()).unwrap_or(0)))
}

/// What is wrong, without a value that may be a vehicle or a person: those are written in quotes.
fn told(error: &toml::de::Error, text: &str) -> String {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    let line = before.matches('\n').count().saturating_add(1);
    let message = error.message();
    if message.contains('"') || message.contains('\n') {
        format!("line `{line}` is not what a closure looks like")
    } else {
        format!("line `{line}`: {message}")
    }
}
