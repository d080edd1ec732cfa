//! What does a configuration become, as a whole?

use std::collections::BTreeMap;
use std::fmt;

use crate::admin::access::Access;
use crate::admin::authority;
use crate::cli::chosen::{self, Chosen, ChosenBundle};
use crate::cli::{End, Failure};
use crate::config::{Loaded, Mistakes};
use crate::edge::tls::Certificates;
use crate::pipeline::policy::cases::{self, CaseFailure};
use crate::pipeline::policy::files::Files;
use crate::rules::{self, Rules};

/// What a gateway works by.
pub(super) struct Whole {
    /// For requests.
    pub(super) rules: Rules,
    /// For operators.
    pub(super) access: Access,
    /// How many questions the cases asked.
    pub(super) cases: usize,
    /// How many files of policies for vehicles there are.
    pub(super) policy_files: usize,
    /// What each listener that speaks TLS shows; `None` where policies alone were built.
    pub(super) certificates: Option<BTreeMap<String, Certificates>>,
    /// What the policies came in; `None` for a folder.
    pub(super) bundle: Option<ChosenBundle>,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Something is wrong.
    Wrong(Mistakes),
    /// Policies that don't decide as their cases say, a line each.
    Cases(Vec<String>),
}

impl From<Mistakes> for Refusal {
    fn from(mistakes: Mistakes) -> Self {
        Self::Wrong(mistakes)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(mistakes) => mistakes.fmt(out),
            Self::Cases(lines) => out.write_str(&lines.join("\n")),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let lines = match refusal {
            Refusal::Wrong(mistakes) => return mistakes.into(),
            Refusal::Cases(lines) => lines,
        };
        let noun = match lines.len() {
            1 => "case fails",
            _ => "cases fail",
        };
        let message = format!("{}\nvingate: {} {noun}", lines.join("\n"), lines.len());
        Self::new(End::TestFailed, message)
    }
}

/// The rules for requests and those for operators: both or none, and only if both decide as the cases
/// beside them say.
///
/// # Errors
/// Every mistake of both, or every case that fails.
pub(super) fn build(loaded: &Loaded) -> Result<Whole, Refusal> {
    let chosen = chosen::choose(loaded)?;
    match (build_by(loaded, chosen), certificates(loaded)) {
        (Ok(whole), Ok(certificates)) => Ok(Whole {
            certificates: Some(certificates),
            ..whole
        }),
        (Err(Refusal::Wrong(mut mistakes)), Err(others)) => {
            mistakes.extend(others);
            Err(mistakes.into())
        }
        (Err(refusal), Ok(_) | Err(_)) => Err(refusal),
        (Ok(_), Err(mistakes)) => Err(mistakes.into()),
    }
}

/// What the listeners show.
fn certificates(loaded: &Loaded) -> Result<BTreeMap<String, Certificates>, Mistakes> {
    let mut mistakes = Mistakes::default();
    let mut all = BTreeMap::new();
    for (name, listener) in &loaded.config.listeners {
        let Some(files) = &listener.tls else {
            continue;
        };
        match Certificates::read(files) {
            Ok(read) => drop(all.insert(name.clone(), read)),
            Err(flaw) => {
                let key = format!("listeners.{name}.tls");
                mistakes.add(loaded.origins.place(&key), flaw);
            }
        }
    }
    if mistakes.is_empty() {
        Ok(all)
    } else {
        Err(mistakes)
    }
}

/// The same, by policies that were chosen.
///
/// # Errors
/// As [`build`].
pub(super) fn build_by(loaded: &Loaded, chosen: Chosen) -> Result<Whole, Refusal> {
    let Chosen { files, bundle } = chosen;
    let (rules, access) = match (
        rules::build_from(loaded, &files),
        Access::load(loaded, &files),
    ) {
        (Ok(rules), Ok(access)) => (rules, access),
        (Err(mut mistakes), Err(others)) => {
            mistakes.extend(others);
            return Err(mistakes.into());
        }
        (Err(mistakes), Ok(_)) | (Ok(_), Err(mistakes)) => return Err(mistakes.into()),
    };
    let cases = run_cases(&rules, &access, &files)?;
    Ok(Whole {
        rules,
        access,
        cases,
        policy_files: files.list("cedar", &mut Mistakes::default()).len(), // all were read just now
        certificates: None,
        bundle,
    })
}

/// Those for vehicles and those for operators.
fn run_cases(rules: &Rules, access: &Access, files: &Files) -> Result<usize, Refusal> {
    let vehicles = cases::run_cases(&rules.policies, files)?;
    let folder = files.below(authority::FOLDER);
    let operators = authority::cases::run_cases(&access.authority, &folder)?;
    let told = |failure: &CaseFailure| {
        format!(
            "{}: case `{}`, {}: expected {}, got {}",
            failure.place, failure.name, failure.action, failure.expected, failure.got
        )
    };
    let failures = vehicles.failures.iter().chain(&operators.failures);
    let failures: Vec<String> = failures.map(told).collect();
    if failures.is_empty() {
        Ok(vehicles.total.saturating_add(operators.total))
    } else {
        Err(Refusal::Cases(failures))
    }
}
