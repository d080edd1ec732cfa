//! Do the operators' policies decide as their cases say?
//!
//! `cases/*.toml` beside them: roles, acts, circumstances, and what must come out, as the API would
//! say it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::admin::authority::{Act, Answer, Authority, Circumstances, NotAllowed, SCHEMA};
use crate::config::Mistakes;
use crate::config::file::Role;
use crate::pipeline::policy::cases::{CaseFailure, CaseReport, sheets};
use crate::pipeline::policy::coverage::Coverage;
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::read;
use crate::pipeline::policy::source::Source;

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    case: Vec<Case>,
}

/// One case: the same question for each of its acts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: Spanned<String>,
    /// Of one person.
    roles: BTreeSet<Role>,
    acts: Vec<Act>,
    #[serde(default)]
    at: Circumstances,
    expect: Expected,
    /// `@id`s of the deciding policies, all of them; not compared where it is absent.
    by: Option<BTreeSet<String>>,
}

/// What must come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Expected {
    Allow,
    NoRole,
    NeedsName,
    NeedsSecondPerson,
    NeedsNameAndSecondPerson,
    SamePerson,
    Forbidden,
}

impl Expected {
    fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::NoRole => "no-role",
            Self::NeedsName => "needs-name",
            Self::NeedsSecondPerson => "needs-second-person",
            Self::NeedsNameAndSecondPerson => "needs-name-and-second-person",
            Self::SamePerson => "same-person",
            Self::Forbidden => "forbidden",
        }
    }
}

/// Runs all cases of the files that `authority` was loaded from.
///
/// # Errors
/// Every case that can't be understood; a folder without a case: a test that asks nothing must not
/// look like one that passed.
pub fn run_cases(authority: &Authority, files: &Files) -> Result<CaseReport, Mistakes> {
    let mut tally = Tally::default();
    run_all(authority, files, &mut tally);
    tally.mistakes.or(tally.report)
}

/// The same, and which policies the cases tried.
///
/// # Errors
/// As [`run_cases`].
pub fn cover_cases(
    authority: &Authority,
    files: &Files,
) -> Result<(CaseReport, Coverage), Mistakes> {
    let mut tally = Tally::default();
    let written = read::read(files, SCHEMA)?;
    match Coverage::of(&written.policies, &written.places) {
        Ok(coverage) => tally.coverage = Some(coverage),
        Err(why) => tally.mistakes.add(files.place(), why),
    }
    run_all(authority, files, &mut tally);
    let coverage = tally.coverage.unwrap_or_default();
    tally.mistakes.or((tally.report, coverage))
}

fn run_all(authority: &Authority, files: &Files, tally: &mut Tally) {
    for source in sheets(files, &mut tally.mistakes) {
        run_file(&source, authority, tally);
    }
    if tally.report.total == 0 && tally.mistakes.is_empty() {
        tally.mistakes.add(files.below("cases").place(), "no case");
    }
}

/// What comes out while cases are run.
#[derive(Debug, Default)]
struct Tally {
    report: CaseReport,
    mistakes: Mistakes,
    coverage: Option<Coverage>,
}

fn run_file(source: &Source, authority: &Authority, tally: &mut Tally) {
    let file: CaseFile = match toml::from_str(&source.text) {
        Ok(file) => file,
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            tally.mistakes.add(source.line_at(offset), error.message());
            return;
        }
    };
    for case in &file.case {
        let place = source.line_at(case.name.span().start);
        for act in &case.acts {
            tally.report.total = tally.report.total.saturating_add(1);
            let failure = run_case(&place, case, *act, authority);
            tally.report.failures.extend(failure);
            if let Some(coverage) = &mut tally.coverage {
                cover(authority, case, *act, coverage);
            }
        }
    }
}

fn cover(authority: &Authority, case: &Case, act: Act, coverage: &mut Coverage) {
    let Ok((request, entities)) = authority.put(&case.roles, act, case.at) else {
        return;
    };
    let deciding = match authority.ask(&case.roles, act, case.at) {
        Answer::Yes(policies) | Answer::No(policies) => policies,
        Answer::Error => Vec::new(),
    };
    let deciding: Vec<&str> = deciding.iter().map(AsRef::as_ref).collect();
    coverage.count(&request, &entities, &deciding);
}

fn run_case(place: &str, case: &Case, act: Act, authority: &Authority) -> Option<CaseFailure> {
    let (got, by) = match authority.judge(&case.roles, act, case.at) {
        Ok(by) => ("allow", by),
        Err(why) => refused(why),
    };
    let by: BTreeSet<String> = by.iter().map(ToString::to_string).collect();
    let expected = case.expect.word();
    let same = case.by.as_ref().is_none_or(|wanted| *wanted == by);
    let told = |word: &str, by: Option<&BTreeSet<String>>| match by {
        Some(by) => format!("{word} by {by:?}"),
        None => word.to_owned(),
    };
    (got != expected || !same).then(|| CaseFailure {
        place: place.to_owned(),
        name: case.name.get_ref().clone(),
        action: act.name().to_owned(),
        expected: told(expected, case.by.as_ref()),
        got: told(got, Some(&by)),
    })
}

fn refused(why: NotAllowed) -> (&'static str, Vec<Arc<str>>) {
    let word = match why {
        NotAllowed::NoRole => Expected::NoRole.word(),
        NotAllowed::NeedsName => Expected::NeedsName.word(),
        NotAllowed::NeedsSecondPerson => Expected::NeedsSecondPerson.word(),
        NotAllowed::NeedsNameAndSecondPerson => Expected::NeedsNameAndSecondPerson.word(),
        NotAllowed::SamePerson => Expected::SamePerson.word(),
        NotAllowed::Forbidden(by) => return (Expected::Forbidden.word(), by),
        NotAllowed::Error => "error",
    };
    (word, Vec::new())
}
