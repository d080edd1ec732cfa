//! When was which scope last drilled?
//!
//! A small JSON file beside the board, replaced whole. A scope stands in it by its digest: scopes can
//! name vehicles and persons.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::digest;
use crate::drill::Drilled;
use crate::folder;
use crate::switchboard::Scope;

const NAME: &str = "drills.json";

/// Scopes that are remembered; of more the oldest are forgotten.
const MOST: usize = 1_000;

/// What is known of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    last: Drilled,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proved_at: Option<u64>,
}

type Entries = BTreeMap<String, Entry>;

/// The drills that are remembered.
#[derive(Debug)]
pub(super) struct Kept {
    directory: PathBuf,
    entries: Arc<Mutex<Entries>>,
}

impl Kept {
    pub(super) fn open(directory: &Path) -> Self {
        let entries = match read(&directory.join(NAME)) {
            Ok(entries) => entries,
            Err(why) => {
                tracing::warn!(%why, "earlier drills are forgotten");
                Entries::new()
            }
        };
        Self {
            directory: directory.to_owned(),
            entries: Arc::new(Mutex::new(entries)),
        }
    }

    pub(super) fn last(&self, scope: &Scope) -> Option<Drilled> {
        let entries = hold(&self.entries);
        entries.get(&name(scope)).map(|entry| entry.last.clone())
    }

    pub(super) fn last_proved(&self, scope: &Scope) -> Option<u64> {
        hold(&self.entries).get(&name(scope))?.proved_at
    }

    /// Returns when it is on disk. One call at a time.
    pub(super) async fn keep(&self, scope: &Scope, drilled: Drilled) -> Result<(), String> {
        let whole = {
            let mut entries = hold(&self.entries);
            let name = name(scope);
            let before = entries.get(&name).and_then(|entry| entry.proved_at);
            let proved_at = if drilled.proved {
                Some(drilled.at)
            } else {
                before
            };
            let last = drilled;
            entries.insert(name, Entry { last, proved_at });
            forget_oldest(&mut entries);
            entries.clone()
        };
        let directory = self.directory.clone();
        let written = tokio::task::spawn_blocking(move || write(&directory, &whole)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("`{NAME}` can't be written: {error}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The sets of a scope are sorted, so equal scopes read alike.
fn name(scope: &Scope) -> String {
    let bytes = serde_json::to_vec(scope).unwrap_or_default();
    digest::hex(&digest::sha256(&bytes))
}

fn forget_oldest(entries: &mut Entries) {
    while entries.len() > MOST {
        let oldest = entries.iter().min_by_key(|(_, entry)| entry.last.at);
        let Some(name) = oldest.map(|(name, _)| name.clone()) else {
            return;
        };
        entries.remove(&name);
    }
}

fn read(path: &Path) -> Result<Entries, String> {
    let shown = path.display();
    match fs::read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map_err(|error| format!("`{shown}` is broken: {error}"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Entries::new()),
        Err(error) => Err(format!("`{shown}` can't be read: {error}")),
    }
}

fn write(directory: &Path, entries: &Entries) -> io::Result<()> {
    let bytes = serde_json::to_vec(entries)?;
    folder::replace(directory, NAME, &bytes, || Ok(()))
}

/// A panic elsewhere leaves an entry there or not: a poisoned lock is fine.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drilled(at: u64, proved: bool) -> Drilled {
        Drilled {
            at,
            by: "alice".to_owned(),
            proved,
            closed: None,
            opened: None,
            flaw: (!proved).then(|| "no answer".to_owned()),
        }
    }

    fn scope(vehicle: &str) -> Scope {
        Scope {
            vehicles: [vehicle.to_owned()].into(),
            ..Scope::default()
        }
    }

    #[tokio::test]
    async fn the_last_proof_outlives_a_restart_and_a_failed_drill() {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::open(folder.path());
        let one = scope("SJNFAAZE0U6012345");
        assert_eq!(kept.last(&one), None);
        kept.keep(&one, drilled(10, true)).await.unwrap();
        kept.keep(&one, drilled(20, false)).await.unwrap();
        let again = Kept::open(folder.path());
        assert_eq!(again.last(&one), Some(drilled(20, false)));
        assert_eq!(again.last_proved(&one), Some(10));
        assert_eq!(again.last_proved(&scope("another")), None);
        let text = fs::read_to_string(folder.path().join(NAME)).unwrap();
        assert!(!text.contains("SJN"), "{text}");
    }

    #[tokio::test]
    async fn a_broken_file_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(NAME), "{\"a\":").unwrap();
        let kept = Kept::open(folder.path());
        kept.keep(&scope("v"), drilled(1, true)).await.unwrap();
        let again = Kept::open(folder.path());
        assert_eq!(again.last_proved(&scope("v")), Some(1));
    }

    #[test]
    fn of_too_many_the_oldest_are_forgotten() {
        let entry = |at: u64| Entry {
            last: drilled(at, true),
            proved_at: None,
        };
        let mut entries: Entries = (0..1_005).map(|at| (format!("{at}"), entry(at))).collect();
        forget_oldest(&mut entries);
        assert_eq!(entries.len(), MOST);
        assert!(!entries.contains_key("4") && entries.contains_key("5"));
    }
}
