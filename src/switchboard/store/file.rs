//! What does the board look like on disk, and when is a file believed?
//!
//! One JSON object. Its last member is the SHA-256 of every byte before that member, so nothing in
//! the file can differ from what was written. It is written beside, synced and renamed: a crash at
//! any moment leaves the old board or the new one. The four boards before it are kept as
//! `board.json.1` (the youngest) to `board.json.4`.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::{hex, sha256};
use crate::folder;
use crate::switchboard::store::Found;
use crate::switchboard::{Board, Closure};

const NAME: &str = "board.json";
const VERSION: u32 = 2;
/// Boards that are kept, the newest included.
const GENERATIONS: u32 = 5;
/// What stands between the hashed bytes and the checksum.
const SEAL: &str = ",\"checksum\":\"sha256:";
const END: &str = "\"}\n";
const DIGITS: usize = 64;

/// The hashed part as it is written.
#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    revision: u64,
    closures: Vec<&'a Closure>,
}

/// The hashed part as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    revision: u64,
    closures: Vec<Closure>,
}

/// Makes the folder, for this user only.
pub(super) fn make_directory(directory: &Path) -> Result<(), String> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(directory).map_err(|error| {
        let shown = directory.display();
        format!("the folder of the switch board `{shown}` can't be made: {error}")
    })
}

/// Takes the folder for this process, until the file is dropped.
pub(super) fn hold(directory: &Path) -> Result<File, String> {
    let shown = directory.display();
    let folder = File::open(directory).map_err(|error| {
        format!("the folder of the switch board `{shown}` can't be read: {error}")
    })?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(format!(
            "the folder of the switch board `{shown}` is held by another process"
        )),
        Err(TryLockError::Error(error)) => Err(format!(
            "the folder of the switch board `{shown}` can't be locked: {error}"
        )),
    }
}

/// The newest board that can be trusted, and how it was found. A newest one that can't be is moved
/// aside, so that it doesn't become a generation.
pub(super) fn read_newest(directory: &Path) -> (Option<Board>, Found) {
    let flaw = match read(&directory.join(NAME)) {
        Ok(Some(board)) => return (Some(board), Found::Board),
        Ok(None) => None,
        Err(flaw) => Some(format!("{flaw}; {}", keep_broken(directory))),
    };
    let mut older = (1..GENERATIONS).map(|age| read(&generation(directory, age)));
    let older = older.find_map(|read| read.ok().flatten());
    match (older, flaw) {
        (Some(board), Some(flaw)) => {
            let revision = board.revision();
            let told = format!("{flaw}; the board of revision {revision} is taken");
            (Some(board), Found::Older(told))
        }
        (Some(board), None) => {
            let revision = board.revision();
            let told =
                format!("the newest switch board is gone; that of revision {revision} is taken");
            (Some(board), Found::Older(told))
        }
        (None, Some(flaw)) => (None, Found::Broken(flaw)),
        (None, None) => (None, Found::Nothing),
    }
}

fn generation(directory: &Path, age: u32) -> PathBuf {
    directory.join(format!("{NAME}.{age}"))
}

/// A board; `None` if there is no file at all.
fn read(path: &Path) -> Result<Option<Board>, String> {
    let shown = path.display();
    match fs::read(path) {
        Ok(bytes) => decode(&bytes)
            .map(Some)
            .map_err(|flaw| format!("the switch board `{shown}` is refused: {flaw}")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("the switch board `{shown}` can't be read: {error}")),
    }
}

/// Moves a refused board aside and says where it is.
fn keep_broken(directory: &Path) -> String {
    let path = directory.join(NAME);
    let free = (1..=u32::MAX)
        .map(|number| directory.join(format!("{NAME}.broken-{number}")))
        .find(|candidate| fs::symlink_metadata(candidate).is_err());
    let Some(kept) = free else {
        return "it stays where it is until the next change".to_owned();
    };
    match fs::rename(&path, &kept) {
        Ok(()) => format!("it is kept as `{}`", kept.display()),
        Err(error) => format!("it can't be kept beside: {error}"),
    }
}

/// Replaces the board, whole, and returns when it is on disk.
pub(super) fn write(directory: &Path, board: &Board) -> Result<(), String> {
    let bytes = encode(board)?;
    let keep = || keep_generations(directory);
    folder::replace(directory, NAME, &bytes, keep).map_err(|error| {
        let shown = directory.display();
        format!("the switch board in `{shown}` can't be written: {error}")
    })
}

/// Makes the boards there are a generation older. The newest keeps its name as well, until it is
/// replaced: at no moment is there none.
fn keep_generations(directory: &Path) -> Result<(), std::io::Error> {
    let absent = |error: std::io::Error| {
        if error.kind() == ErrorKind::NotFound {
            Ok(())
        } else {
            Err(error)
        }
    };
    for age in (1..GENERATIONS.saturating_sub(1)).rev() {
        let older = generation(directory, age.saturating_add(1));
        fs::rename(generation(directory, age), older).or_else(absent)?;
    }
    fs::hard_link(directory.join(NAME), generation(directory, 1)).or_else(absent)
}

pub(super) fn encode(board: &Board) -> Result<Vec<u8>, String> {
    let written = Written {
        version: VERSION,
        revision: board.revision(),
        closures: board.closures().map(Arc::as_ref).collect(),
    };
    let mut text = serde_json::to_string(&written).map_err(|error| error.to_string())?;
    if text.pop() != Some('}') {
        return Err("the switch board is no JSON object".to_owned());
    }
    let checksum = hash(text.as_bytes());
    text.push_str(SEAL);
    text.push_str(&checksum);
    text.push_str(END);
    Ok(text.into_bytes())
}

pub(super) fn decode(bytes: &[u8]) -> Result<Board, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
    let (content, checksum) = text
        .strip_suffix(END)
        .and_then(|rest| rest.split_at_checked(rest.len().checked_sub(DIGITS)?))
        .and_then(|(rest, checksum)| Some((rest.strip_suffix(SEAL)?, checksum)))
        .ok_or("it is half-written: no checksum at its end")?;
    if hash(content.as_bytes()) != checksum {
        return Err("its checksum is wrong: it was altered or damaged".to_owned());
    }
    let read: Read = serde_json::from_str(&format!("{content}}}"))
        .map_err(|error| format!("it is not a switch board: {error}"))?;
    if read.version != VERSION {
        return Err(format!("version `{}` is not known", read.version));
    }
    let mut ids = BTreeSet::new();
    for closure in &read.closures {
        if let Err(flaw) = closure.scope.check() {
            return Err(format!("closure `{}`: {flaw}", closure.id));
        }
        if !ids.insert(closure.id.as_str()) {
            return Err(format!("the id `{}` stands twice", closure.id));
        }
    }
    Ok(Board::new(
        read.revision,
        read.closures.into_iter().map(Arc::new),
    ))
}

/// SHA-256 in lower-case hexadecimal digits.
pub(super) fn hash(bytes: &[u8]) -> String {
    hex(&sha256(bytes))
}
