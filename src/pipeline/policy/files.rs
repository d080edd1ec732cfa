//! Which files are the policies made of?
//!
//! Whoever reads policies, cases, ceilings or floors reads them by this: sorted, and none left out in
//! silence. They lie in a folder, or are held in memory as they came in a bundle.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Mistakes;
use crate::pipeline::policy::source::Source;

/// The files of one folder, by name.
#[derive(Debug, Clone)]
pub struct Files {
    place: PathBuf,
    held: Option<Held>,
}

/// Files in memory, by their path from the top, with `/`.
#[derive(Debug, Clone)]
struct Held {
    all: Arc<BTreeMap<String, String>>,
    /// Which folder of them: empty, or ends with `/`.
    folder: String,
}

impl Held {
    /// Names of the files of this folder that end so, in order; of none below it. A folder that isn't
    /// there is told as one on disk is.
    fn list(&self, end: &str, place: &Path, mistakes: &mut Mistakes) -> Vec<String> {
        let inside = self.all.keys();
        let mut inside = inside
            .filter_map(|path| path.strip_prefix(&self.folder))
            .peekable();
        if inside.peek().is_none() {
            mistakes.add(place.display().to_string(), "is not in the bundle");
        }
        inside
            .filter(|name| !name.contains('/') && ends(Path::new(name), end))
            .map(str::to_owned)
            .collect()
    }
}

impl Files {
    /// Those of a folder; read when they are asked for.
    pub fn folder(place: &Path) -> Self {
        Self {
            place: place.to_owned(),
            held: None,
        }
    }

    /// These, told of as if they lay at `place`.
    pub(crate) fn held(place: &Path, all: Arc<BTreeMap<String, String>>) -> Self {
        let folder = String::new();
        Self {
            place: place.to_owned(),
            held: Some(Held { all, folder }),
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
            held: self.held.as_ref().map(|held| Held {
                all: Arc::clone(&held.all),
                folder: format!("{}{name}/", held.folder),
            }),
        }
    }

    /// Whether there is such a folder at all.
    pub fn exist(&self) -> bool {
        match &self.held {
            Some(held) => held.all.keys().any(|path| path.starts_with(&held.folder)),
            None => self.place.exists(),
        }
    }

    /// Names of the files that end so, sorted; nothing of the folders below.
    pub(crate) fn list(&self, end: &str, mistakes: &mut Mistakes) -> Vec<String> {
        if let Some(held) = &self.held {
            return held.list(end, &self.place, mistakes);
        }
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
        let Some(held) = &self.held else {
            return Source::read(&self.place.join(name), mistakes);
        };
        let place = self.place_of(name);
        let Some(text) = held.all.get(&format!("{}{name}", held.folder)) else {
            mistakes.add(place, "is not in the bundle");
            return None;
        };
        let text = text.clone();
        Some(Source { place, text })
    }

    /// All that end so, in the order of their names.
    pub(crate) fn read_all(&self, end: &str, mistakes: &mut Mistakes) -> Vec<Source> {
        let names = self.list(end, mistakes);
        let read = names.iter().filter_map(|name| self.read(name, mistakes));
        read.collect()
    }
}

/// The folders that are read, and the ends of the files that count in each.
const READ: [(&str, &[&str]); 8] = [
    ("", &["cedar", "cedarschema"]),
    ("cases", &["toml"]),
    ("ceilings", &["cedar"]),
    ("floors", &["cedar"]),
    ("admin", &["cedar", "cedarschema"]),
    ("admin/cases", &["toml"]),
    ("admin/ceilings", &["cedar"]),
    ("admin/floors", &["cedar"]),
];

/// Everything of a policy folder that is ever read, by its path from the top.
///
/// # Errors
/// What can't be read.
pub fn gather(files: &Files) -> Result<BTreeMap<String, String>, Mistakes> {
    let mut mistakes = Mistakes::default();
    let mut gathered = BTreeMap::new();
    for (folder, ends) in READ {
        let parts = folder.split('/').filter(|part| !part.is_empty());
        let at = parts.fold(files.clone(), |at, part| at.below(part));
        if !at.exist() && !folder.is_empty() {
            continue;
        }
        for end in ends {
            for name in at.list(end, &mut mistakes) {
                let path = Path::new(folder).join(&name).display().to_string();
                let source = at.read(&name, &mut mistakes);
                gathered.extend(source.map(|source| (path, source.text)));
            }
        }
    }
    mistakes.or(gathered)
}

fn ends(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|extension| extension == end)
}
