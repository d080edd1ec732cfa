//! How do ownership facts come in?
//!
//! JSON Lines: one object a line, UTF-8, at most 64 KiB each; blank lines are skipped, line feeds
//! may have a carriage return before them, and the last may be missing.
//!
//! ```json
//! {"vin":"SJNFAAZE0U6012345","owner":"SUBJECT","drivers":[{"subject":"S2","entitlements":["StartClimate"],"until":"2027-01-01T00:00:00Z"}],"fleet":null,"region":"NE","trim":"SV","capabilities":["climate","charging"],"telematics":true,"consents":[{"client":"C1","scopes":["read_status"],"until":null}],"work_orders":[{"id":"W1","dealership":"D1","technician":"T1","agreed":["ReadDiagnostics"],"until":"2026-06-02T18:00:00Z"}],"cases":[{"case":"K1","agent":"A1","until":"2026-06-01T16:00:00Z"}],"suspended":false}
//! {"issuer":"owners","subject":"S9","suspended":true}
//! {"alias":"a-7f3c","client":"C1","vin":"SJNFAAZE0U6012345"}
//! ```
//!
//! A vehicle; it replaces what was known of it, whole:
//!
//! | member | value |
//! |---|---|
//! | `vin` | 17 characters (ISO 3779), upper case; once in an import |
//! | `owner` | subject of the owner, or `null` |
//! | `drivers` | grants; may be left out |
//! | `drivers[].subject` | subject of the driver |
//! | `drivers[].entitlements` | names of actions, letters only |
//! | `drivers[].until` | end, itself not included: RFC 3339 in UTC; left out or `null` means none |
//! | `fleet` | fleet that it belongs to; may be `null` or left out |
//! | `region` | a name of the configuration's `[regions]`, if it has any; such as `NE` |
//! | `trim` | such as `SV` |
//! | `capabilities` | what the car can be asked |
//! | `telematics` | whether its owner left telematics on |
//! | `consents` | the owner's consents to partners, 100 at most; may be left out |
//! | `consents[].client` | subject of the partner's application |
//! | `consents[].scopes` | OAuth scopes (RFC 6749, 3.3), 50 at most |
//! | `consents[].until` | as a grant's |
//! | `work_orders` | open work orders, 100 at most; may be left out |
//! | `work_orders[].id` | the dealership's name for it |
//! | `work_orders[].dealership` | the dealership, as the issuer's `tenant_claim` says it |
//! | `work_orders[].technician`, `.role` | one of the two: the employee's subject, or a role |
//! | `work_orders[].agreed` | actions that the owner agreed to, 50 at most; may be left out |
//! | `work_orders[].until` | end, itself not included; never left out |
//! | `cases` | open roadside cases, 20 at most; may be left out |
//! | `cases[].case`, `.agent`, `.until` | its name, the agent's subject, its end; never left out |
//! | `suspended` | whether nobody may use it for now; left out means no |
//!
//! A subject: `issuer`, a name of the configuration's `[issuers]`; `subject`, its `sub`; `suspended`.
//! A partner's name for a vehicle: `alias`, `client`, and `vin`, or `null` to forget it.
//!
//! Other members, and a member twice, are refused. Messages name lines and members, never a VIN or
//! a subject: they may end up where personal data must not be.

mod lines;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::io::BufRead;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::adapters::facts::form;
use crate::adapters::facts::line::Fact;
use crate::adapters::facts::progress::{Told, tell};
use crate::pipeline::ownership::{Alias, SubjectKey, VehicleFacts};
use crate::pipeline::vehicle::Vin;
pub(crate) use lines::{Lines, Place};

/// Bad lines that are told one by one; the rest are counted.
const TOLD: usize = 1_000;

/// What happens when a line is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadLines {
    /// Nothing is imported.
    Refuse,
    /// The good lines are imported. Of lines about the same thing, the first good one counts.
    Skip,
}

/// What is asked of lines.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What happens to bad ones.
    pub bad: BadLines,
    /// Regions that a vehicle may be in, as the configuration names them; empty: any. A region that
    /// no switch knows would be closed with each.
    pub regions: BTreeSet<String>,
    /// Issuers that a subject may be of, as the configuration names them; empty: any. A suspension
    /// under another name would suspend nobody.
    pub issuers: BTreeSet<String>,
}

/// A line that could not be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BadLine {
    /// Its number; the first line is 1, blank lines count.
    pub line: u64,
    /// What was wanted.
    pub why: String,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// Records written: vehicles, subjects and aliases.
    pub imported: u64,
    /// Lines skipped because they were bad; the first 1,000.
    pub skipped: Vec<BadLine>,
    /// How many more were skipped.
    pub more: u64,
    /// SHA-256 of all lines as they came, in hexadecimal digits.
    #[serde(default)]
    pub sha256: String,
}

/// Why nothing was imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// Bad lines, and they are refused: the first 1,000, and how many more there are.
    #[error("some lines are bad: nothing was imported")]
    Bad(Vec<BadLine>, u64),
    /// The lines stopped coming, or the store could not write them: what happened.
    #[error("{0}")]
    Store(String),
    /// Not something that is done here: why, and where or how it is.
    #[error("{0}")]
    Refused(String),
}

/// Reads all lines without writing any: what an import would do to them.
///
/// # Errors
/// As an import.
fn check(lines: &mut dyn BufRead, terms: &Terms) -> Result<ImportReport, ImportError> {
    read(lines, terms, &mut None, &mut |_| Ok(()))
}

/// Whether a vehicle with these facts is one that can be imported. Its region is not asked: it is
/// what it was.
///
/// # Errors
/// What is wrong.
pub fn check_vehicle(vin: &Vin, facts: &VehicleFacts) -> Result<(), String> {
    let line = form::vehicle(vin, facts).map_err(|flaw| flaw.to_string())?;
    let terms = Terms {
        bad: BadLines::Refuse,
        regions: BTreeSet::new(),
        issuers: BTreeSet::new(),
    };
    match check(&mut line.as_bytes(), &terms) {
        Ok(_) => Ok(()),
        Err(ImportError::Bad(lines, _)) => {
            let first = lines.into_iter().next();
            Err(first.map_or_else(String::new, |bad| bad.why))
        }
        Err(ImportError::Store(flaw) | ImportError::Refused(flaw)) => Err(flaw),
    }
}

/// Reads all lines and hands each good one to `take`; after a bad line that is refused, only reads
/// on to tell the others.
pub(crate) fn read(
    from: &mut dyn BufRead,
    terms: &Terms,
    told: &mut Told<'_>,
    take: &mut dyn FnMut(&Fact) -> Result<(), ImportError>,
) -> Result<ImportReport, ImportError> {
    let mut found = BadFound::default();
    let mut imported: u64 = 0;
    let mut seen = Seen::default();
    let mut lines = Lines::new(from);
    while let Some((number, judged)) = lines.next(terms)? {
        match judged.and_then(|fact| seen.once(&fact, number).map(|()| fact)) {
            Ok(fact) if terms.bad == BadLines::Skip || found.is_empty() => {
                take(&fact)?;
                imported = imported.saturating_add(1);
            }
            Ok(_) => {}
            Err(why) => found.add(number, why),
        }
        tell(told, number, lines.progress());
    }
    found.report(terms.bad, imported, lines.sha256())
}

/// Bad lines, the first of them in words.
#[derive(Debug, Clone, Default)]
pub(crate) struct BadFound {
    told: BTreeMap<u64, String>,
    more: u64,
}

impl BadFound {
    /// Those of an import that goes on.
    pub(crate) fn again(told: &[BadLine], more: u64) -> Self {
        let told = told.iter().map(|bad| (bad.line, bad.why.clone()));
        Self {
            told: told.collect(),
            more,
        }
    }

    pub(crate) fn add(&mut self, line: u64, why: String) {
        self.told.insert(line, why);
        if self.told.len() > TOLD {
            self.told.pop_last();
            self.more = self.more.saturating_add(1);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.told.is_empty()
    }

    /// What is told of them, and how many are only counted.
    pub(crate) fn lines(&self) -> (Vec<BadLine>, u64) {
        let told = self.told.iter().map(|(&line, why)| BadLine {
            line,
            why: why.clone(),
        });
        (told.collect(), self.more)
    }

    /// What an import came to.
    pub(crate) fn report(
        self,
        bad: BadLines,
        imported: u64,
        sha256: String,
    ) -> Result<ImportReport, ImportError> {
        let (skipped, more) = self.lines();
        if bad == BadLines::Refuse && !skipped.is_empty() {
            return Err(ImportError::Bad(skipped, more));
        }
        Ok(ImportReport {
            imported,
            skipped,
            more,
            sha256,
        })
    }
}

/// Where each thing stood first.
#[derive(Default)]
struct Seen {
    vehicles: HashMap<Vin, u64>,
    subjects: HashMap<SubjectKey, u64>,
    aliases: HashMap<Alias, u64>,
}

impl Seen {
    /// Refuses what stands on an earlier line: which of the two is true?
    fn once(&mut self, fact: &Fact, line: u64) -> Result<(), String> {
        let (earlier, name, thing) = match fact {
            Fact::Vehicle(vin, _) => (first(&mut self.vehicles, *vin, line), "VIN", "vehicle"),
            Fact::Subject(key, _) => {
                let earlier = first(&mut self.subjects, key.clone(), line);
                (earlier, "subject", "subject")
            }
            Fact::Alias(alias, _) => {
                let earlier = first(&mut self.aliases, alias.clone(), line);
                (earlier, "alias", "alias")
            }
        };
        earlier.map_or(Ok(()), |earlier| {
            Err(format!(
                "the {name} of line {earlier} again: lines {earlier} and {line} are about one {thing}"
            ))
        })
    }
}

/// The line that the key stood on before, or else this one is kept as its first.
fn first<K: Eq + Hash>(seen: &mut HashMap<K, u64>, key: K, line: u64) -> Option<u64> {
    match seen.entry(key) {
        Entry::Vacant(entry) => {
            entry.insert(line);
            None
        }
        Entry::Occupied(earlier) => Some(*earlier.get()),
    }
}

#[cfg(test)]
mod tests;
