//! Where are the policy bundles kept that this gateway loaded?
//!
//! One folder: the bundles, and beside them what is remembered of them. Written by one process at a time,
//! each file whole or not at all.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::folder;
use crate::pipeline::policy::bundle::{BundleId, MOST_BYTES};
use crate::pipeline::policy::generations::Generations;

/// What is remembered.
const STATE: &str = "generations.json";

/// Held by the process that may write.
const LOCK: &str = "lock";

/// End of a bundle's file.
const END: &str = "bundle";

/// The folder, while this process may write it.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    _lock: File,
}

impl Shelf {
    /// Opens the folder, making what is missing (0700).
    ///
    /// # Errors
    /// Another process has it, or the system refuses.
    pub fn open(folder: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| format!("`{}`: {error}", folder.display());
        let lock = folder.join(LOCK);
        folder::make_for(&lock).map_err(failed)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock)
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder: folder.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(format!(
                "`{}` is held by a running gateway",
                folder.display()
            )),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Whether it is this folder.
    pub fn is_at(&self, folder: &Path) -> bool {
        self.folder == folder
    }

    /// Keeps a bundle and what is remembered with it; on disk when it returns. What isn't remembered any
    /// more is gone then.
    ///
    /// # Errors
    /// The disk doesn't take it: what was remembered before still is.
    pub fn keep(
        &self,
        (id, bytes): (&BundleId, &[u8]),
        generations: &Generations,
    ) -> Result<(), String> {
        self.write(&name(id), bytes)?;
        self.remember(generations)?;
        self.clear(generations);
        Ok(())
    }

    /// Keeps what is remembered; on disk when it returns.
    ///
    /// # Errors
    /// The disk doesn't take it.
    pub fn remember(&self, generations: &Generations) -> Result<(), String> {
        let mut text = serde_json::to_vec_pretty(generations).map_err(|error| error.to_string())?;
        text.push(b'\n');
        self.write(STATE, &text)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        folder::replace(&self.folder, name, bytes, || Ok(())).map_err(|error| {
            let place = self.folder.join(name);
            format!("`{}` can't be written: {error}", place.display())
        })
    }

    /// What can't be removed now is tried again at the next load.
    fn clear(&self, generations: &Generations) {
        let kept = generations.loaded.iter();
        let kept: BTreeSet<String> = kept.map(|one| name(&one.bundle)).collect();
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let is_bundle = path.extension().is_some_and(|end| end == END);
            let is_kept = entry
                .file_name()
                .to_str()
                .is_none_or(|name| kept.contains(name));
            if is_bundle
                && !is_kept
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(file = %path.display(), %error, "an old policy bundle stays");
            }
        }
    }
}

fn name(id: &BundleId) -> String {
    format!("{}.{END}", id.as_str())
}

/// What is remembered in this folder; nothing where it isn't there yet.
///
/// # Errors
/// It can't be read: nobody knows then what is too old to be loaded.
pub fn read_state(folder: &Path) -> Result<Generations, String> {
    let file = folder.join(STATE);
    let text = match fs::read(&file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Generations::default()),
        Err(error) => return Err(format!("`{}`: {error}", file.display())),
    };
    serde_json::from_slice(&text).map_err(|error| {
        format!(
            "`{}` is damaged ({error}): without it, an older bundle would be loaded again; remove it \
             if the bundle that is given is the newest",
            file.display()
        )
    })
}

/// Bytes of a bundle that is kept.
///
/// # Errors
/// It can't be read.
pub fn read_kept(folder: &Path, id: &BundleId) -> Result<Vec<u8>, String> {
    read_bundle(&folder.join(name(id)))
}

/// Bytes of a file that may be a bundle, and not more than one can have.
///
/// # Errors
/// It can't be read.
pub fn read_bundle(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let most = MOST_BYTES.saturating_add(1); // one more is too large, and seen to be
    let read = File::open(file).and_then(|open| open.take(most).read_to_end(&mut bytes));
    read.map_err(|error| format!("`{}`: {error}", file.display()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::pipeline::policy::generations::Generation;

    fn id(digit: char) -> BundleId {
        digit.to_string().repeat(64).try_into().unwrap()
    }

    fn of(bundles: &[char]) -> Generations {
        let generation = |digit: &char| Generation {
            bundle: id(*digit),
            built: 1,
            loaded: 2,
            signer: None,
            proved: false,
        };
        Generations {
            loaded: bundles.iter().map(generation).collect(),
            newest_built: 1,
            ..Generations::default()
        }
    }

    #[test]
    fn what_is_kept_comes_back_and_what_is_not_remembered_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("bundles");
        assert_eq!(read_state(&folder), Ok(Generations::default()));
        let shelf = Shelf::open(&folder).unwrap();
        shelf.keep((&id('a'), b"A"), &of(&['a'])).unwrap();
        shelf.keep((&id('b'), b"B"), &of(&['b', 'a'])).unwrap();
        assert_eq!(read_state(&folder), Ok(of(&['b', 'a'])));
        assert_eq!(read_kept(&folder, &id('a')), Ok(b"A".to_vec()));
        shelf.keep((&id('c'), b"C"), &of(&['c', 'b'])).unwrap();
        assert!(read_kept(&folder, &id('a')).is_err());
        assert_eq!(read_kept(&folder, &id('b')), Ok(b"B".to_vec()));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(STATE))), (0o700, 0o600));
    }

    #[test]
    fn one_process_writes_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        let held = Shelf::open(folder.path()).unwrap_err();
        assert!(held.contains("held by a running gateway"), "{held}");
        drop(shelf);
        assert!(Shelf::open(folder.path()).is_ok());
    }

    #[test]
    fn what_is_damaged_is_not_taken_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "{", "{}", "{\"loaded\":[],\"newest_built\":-1}"] {
            fs::write(folder.path().join(STATE), text).unwrap();
            let flaw = read_state(folder.path()).unwrap_err();
            assert!(
                flaw.contains("generations.json` is damaged"),
                "{text}: {flaw}"
            );
        }
    }

    #[test]
    fn a_disk_that_takes_nothing_leaves_what_was_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        shelf.keep((&id('a'), b"A"), &of(&['a'])).unwrap();
        // a folder in the place of the file: root can write everywhere else
        fs::create_dir(folder.path().join(format!("{STATE}.tmp"))).unwrap();
        let flaw = shelf.keep((&id('b'), b"B"), &of(&['b', 'a'])).unwrap_err();
        assert!(
            flaw.contains("generations.json` can't be written"),
            "{flaw}"
        );
        assert_eq!(read_state(folder.path()), Ok(of(&['a'])));
        assert_eq!(read_kept(folder.path(), &id('a')), Ok(b"A".to_vec()));
    }

    #[test]
    fn no_more_is_read_than_a_bundle_can_have() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("large");
        File::create(&file)
            .unwrap()
            .set_len(MOST_BYTES + 10)
            .unwrap();
        let read = read_bundle(&file).unwrap();
        assert_eq!(u64::try_from(read.len()).unwrap(), MOST_BYTES + 1);
    }
}
