//! What must never be allowed, and what must always be?
//!
//! A file of `ceilings/` or `floors/` is one bound: a set of permits and forbids, read like the live
//! policies and never with them. Nothing here decides a request; `vingate policy prove` asks it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use cedar_policy::{PolicySet, Schema};

use crate::config::Mistakes;
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::read;
use crate::pipeline::policy::source::Source;

/// Which way a bound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing beyond it is allowed.
    Ceiling,
    /// Nothing of it is refused.
    Floor,
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Ceiling => "ceiling",
            Self::Floor => "floor",
        })
    }
}

impl Kind {
    /// What proves a bound of this name.
    pub(crate) fn claim(self, name: &str) -> String {
        format!("{self} {name}")
    }
}

/// What proves that no policy errs.
pub(crate) const NEVER_ERRS: &str = "never errs";

/// Opens the names of claims about operators, where those about vehicles are told too.
pub(crate) const OPERATORS: &str = "operators: ";

/// Where bounds lie.
const FOLDERS: [(Kind, &str); 2] = [(Kind::Ceiling, "ceilings"), (Kind::Floor, "floors")];

/// One file.
#[derive(Debug)]
pub struct Bound {
    /// Which way it goes.
    pub kind: Kind,
    /// The file's name without its end.
    pub name: String,
    /// The file's first line: what it says, in a sentence.
    pub says: String,
    /// The file.
    pub place: String,
    /// Its policies, each under its `@id`.
    pub policies: PolicySet,
    /// `file:line:column` of each.
    pub places: BTreeMap<String, String>,
}

/// Reads all ceilings and floors of a policy folder; its schema is the file of this name.
///
/// # Errors
/// Every mistake, in the folder's own files too; none of a kind: nothing would be proved.
pub fn read(files: &Files, schema: &str) -> Result<Vec<Bound>, Mistakes> {
    let written = read::read(files, schema)?;
    read_with(files, &written.schema)
}

/// What has to be proved of policies in these files, by the names of the claims: for vehicles and, in
/// the folder of this name, for operators. A set without ceilings or floors has a claim that nothing
/// proves: leaving them out is no way around them.
pub(crate) fn claims(files: &BTreeMap<String, String>, operators: &str) -> Vec<String> {
    let mut claims = Vec::new();
    for (at, whose) in [(String::new(), ""), (format!("{operators}/"), OPERATORS)] {
        claims.push(format!("{whose}{NEVER_ERRS}"));
        for (kind, folder) in FOLDERS {
            let names = files.keys().filter_map(|file| {
                let name = file.strip_prefix(&at)?.strip_prefix(folder)?;
                let name = name.strip_prefix('/')?.strip_suffix(".cedar")?;
                (!name.contains('/')).then(|| format!("{whose}{}", kind.claim(name)))
            });
            let before = claims.len();
            claims.extend(names);
            if claims.len() == before {
                claims.push(format!("{whose}{}", kind.claim("(there is none)")));
            }
        }
    }
    claims
}

/// Reads them by a schema that was read already.
pub(crate) fn read_with(files: &Files, schema: &Schema) -> Result<Vec<Bound>, Mistakes> {
    let mut mistakes = Mistakes::default();
    let mut bounds = Vec::new();
    for (kind, folder) in FOLDERS {
        let folder = files.below(folder);
        let before = mistakes.count();
        let sources = folder.read_all("cedar", &mut mistakes);
        if sources.is_empty() && mistakes.count() == before {
            let message = format!("no {kind} in a `*.cedar` file: nothing to prove");
            mistakes.add(folder.place(), message);
        }
        for source in sources {
            bounds.extend(bound(kind, source, schema, &mut mistakes));
        }
    }
    mistakes.or(bounds)
}

fn bound(kind: Kind, source: Source, schema: &Schema, mistakes: &mut Mistakes) -> Option<Bound> {
    let first = source.text.lines().next().unwrap_or_default();
    let says = first
        .strip_prefix("//")
        .unwrap_or_default()
        .trim()
        .to_owned();
    if says.is_empty() {
        let message = format!("a {kind} opens with a comment that says it in one sentence");
        mistakes.add(source.at(0), message);
    }
    let sources = [source];
    // The loader knows these names, so that a file that strays is never live.
    let (policies, places) = read::parse_all(&sources, Some(schema), mistakes);
    let [source] = sources;
    let prefix = format!("{kind}.");
    for (id, place) in places.iter().filter(|(id, _)| !id.starts_with(&prefix)) {
        let message = format!("`@id(\"{id}\")` in a {kind} begins with `{prefix}`");
        mistakes.add(place.as_str(), message);
    }
    let policies = match PolicySet::from_policies(policies) {
        Ok(policies) => policies,
        Err(error) => {
            mistakes.add(source.place, error.to_string());
            return None;
        }
    };
    let name = Path::new(&source.place).file_stem().unwrap_or_default();
    Some(Bound {
        kind,
        name: name.to_string_lossy().into_owned(),
        says,
        policies,
        places,
        place: source.place,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PERMIT: &str = "@owner(\"x\")\n@reason(\"x\")\npermit (principal, action, resource);\n";

    /// What is wrong with a folder that has these files beside the shipped schema and a policy.
    fn wrong(files: &[(&str, String)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        fs::copy(shipped.join(read::SCHEMA), folder.path().join(read::SCHEMA)).unwrap();
        fs::write(folder.path().join("a.cedar"), permit("a")).unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        match read(&Files::folder(folder.path()), read::SCHEMA) {
            Ok(bounds) => format!("{} bounds", bounds.len()),
            Err(mistakes) => mistakes.to_string(),
        }
    }

    fn permit(id: &str) -> String {
        format!("@id(\"{id}\")\n{PERMIT}")
    }

    #[test]
    fn what_bounds_nothing_or_strays_is_a_mistake() {
        let says = "// Something.\n\n";
        let ceiling = ("ceilings/c.cedar", format!("{says}{}", permit("ceiling.c")));
        let floor = ("floors/f.cedar", format!("{says}{}", permit("floor.f")));
        let all = [ceiling.clone(), floor.clone()];
        assert_eq!(wrong(&all), "2 bounds");
        for (files, wanted) in [
            (vec![ceiling.clone()], "floors: can't be read"),
            (
                vec![floor.clone(), ("ceilings/c.txt", String::new())],
                "ceilings: no ceiling in a `*.cedar` file",
            ),
            (
                vec![floor.clone(), ("ceilings/c.cedar", permit("ceiling.c"))],
                "c.cedar:1:1: a ceiling opens with a comment",
            ),
            (
                vec![
                    floor.clone(),
                    ("ceilings/c.cedar", format!("{says}{}", permit("c"))),
                ],
                "c.cedar:3:1: `@id(\"c\")` in a ceiling begins with `ceiling.`",
            ),
            (
                vec![
                    ceiling.clone(),
                    floor.clone(),
                    ("c.cedar", permit("ceiling.c")),
                ],
                "c.cedar:1:1: `@id(\"ceiling.c\")` names a ceiling or a floor: it is never live",
            ),
        ] {
            let told = wrong(&files);
            assert!(told.contains(wanted), "wanted {wanted}:\n{told}");
        }
    }
}
