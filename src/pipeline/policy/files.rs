//! Which files are the policies made of?
//!
//! Whoever reads policies, cases, ceilings or floors reads them by this: sorted, and none left out in
//! silence.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Mistakes;
use crate::pipeline::policy::source::Source;

/// The files of one folder, by name.
#[derive(Debug, Clone)]
pub struct Files {
    place: PathBuf,
}

impl Files {
    /// Those of a folder; read when they are asked for.
    pub fn folder(place: &Path) -> Self {
        Self {
            place: place.to_owned(),
        }
    }

    /// Where they are, as it is told.
    pub fn place(&self) -> String {
        self.place.display().to_string()
    }

    /// Where one of them is.
    pub(crate) fn place_of(&self, name: &str) -> String {
        self.place.join(name).display().to_string()
    }

    /// Those of a folder in it.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        Self {
            place: self.place.join(name),
        }
    }

    /// Whether there is such a folder at all.
    pub fn exist(&self) -> bool {
        self.place.exists()
    }

    /// Names of the files that end so, sorted; nothing of the folders below.
    pub(crate) fn list(&self, end: &str, mistakes: &mut Mistakes) -> Vec<String> {
        let unread = |error: &dyn std::fmt::Display| format!("can't be read: {error}");
        let entries = match fs::read_dir(&self.place) {
            Ok(entries) => entries,
            Err(error) => {
                mistakes.add(self.place(), unread(&error));
                return Vec::new();
            }
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = match entry {
                Ok(entry) => entry.path(),
                // A policy that can't be seen could be a forbid.
                Err(error) => {
                    mistakes.add(self.place(), unread(&error));
                    continue;
                }
            };
            if !ends(&path, end) || path.is_dir() {
                continue;
            }
            match path.file_name().and_then(|name| name.to_str()) {
                Some(name) => names.push(name.to_owned()),
                None => mistakes.add(path.display().to_string(), "its name is not UTF-8"),
            }
        }
        names.sort_unstable();
        names
    }

    /// One of them; one that can't be read is a mistake.
    pub(crate) fn read(&self, name: &str, mistakes: &mut Mistakes) -> Option<Source> {
        Source::read(&self.place.join(name), mistakes)
    }

    /// All that end so, in the order of their names.
    pub(crate) fn read_all(&self, end: &str, mistakes: &mut Mistakes) -> Vec<Source> {
        let names = self.list(end, mistakes);
        let read = names.iter().filter_map(|name| self.read(name, mistakes));
        read.collect()
    }
}

fn ends(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|extension| extension == end)
}
