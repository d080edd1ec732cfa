//! Do the operators' policies decide as their cases say?
//!
//! `cases/*.toml` beside them: roles, acts, circumstances, and what must come out, as the API would
//! say it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;

use crate::admin::authority::{Act, Authority, Circumstances, NotAllowed};
use crate::config::Mistakes;
use crate::config::file::Role;
use crate::pipeline::policy::cases::{CaseFailure, CaseReport, list};

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

/// Runs all cases of the folder that `authority` was loaded from.
///
/// # Errors
/// Every case that can't be understood; a folder without a case: a test that asks nothing must not
/// look like one that passed.
pub fn run_cases(authority: &Authority, directory: &Path) -> Result<CaseReport, Mistakes> {
    let mut mistakes = Mistakes::default();
    let mut report = CaseReport::default();
    let folder = directory.join("cases");
    for path in list(&folder, &mut mistakes) {
        let place = path.display().to_string();
        match fs::read_to_string(&path) {
            Ok(text) => run_file(&place, &text, authority, &mut report, &mut mistakes),
            Err(error) => mistakes.add(place, format!("can't be read: {error}")),
        }
    }
    if report.total == 0 && mistakes.is_empty() {
        mistakes.add(folder.display().to_string(), "no case");
    }
    mistakes.or(report)
}

fn run_file(
    place: &str,
    text: &str,
    authority: &Authority,
    report: &mut CaseReport,
    mistakes: &mut Mistakes,
) {
    let at = |offset: usize| {
        let lines = text.bytes().take(offset).filter(|byte| *byte == b'\n');
        format!("{place}:{}", lines.count().saturating_add(1))
    };
    let file: CaseFile = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let offset = error.span().map_or(0, |span| span.start);
            mistakes.add(at(offset), error.message());
            return;
        }
    };
    for case in &file.case {
        let place = at(case.name.span().start);
        for act in &case.acts {
            report.total = report.total.saturating_add(1);
            report
                .failures
                .extend(run_case(&place, case, *act, authority));
        }
    }
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
