//! Do the policies decide as their cases say?
//!
//! `cases/*.toml` beside the policies: people, vehicles, and what must come out. The way is that of a
//! request: the relation is resolved at the case's time, then the policies are asked.

mod file;
mod facts;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::Mistakes;
use crate::denial::Denial;
use crate::pipeline::identity::sign_in::Authentication;
use crate::pipeline::ownership::{self, SubjectFacts, VehicleFacts};
use crate::pipeline::policy::{
    Circumstances, PolicySet, Question, Resource, ResourceKind, evaluate,
};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

use facts::{facts, not_a_time, principal, time};
use file::{Case, CaseFile, Expected};

/// What came out of all cases.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CaseReport {
    /// How many questions were asked: one for each action of each case.
    pub total: usize,
    /// Those with another answer than expected.
    pub failures: Vec<CaseFailure>,
}

/// A question with another answer than expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFailure {
    /// `file:line`.
    pub place: String,
    /// Name of the case.
    pub name: String,
    /// The action that was asked for.
    pub action: String,
    /// What the case says.
    pub expected: String,
    /// What the policies say.
    pub got: String,
}

/// Runs all cases of the policy folder `directory`, which `policies` were loaded from.
///
/// # Errors
/// Every case that can't be understood: a name that isn't there, an action that the schema doesn't
/// know for such a principal, which would be denied for no good reason.
pub fn run_cases(policies: &PolicySet, directory: &Path) -> Result<CaseReport, Mistakes> {
    let mut mistakes = Mistakes::default();
    let mut report = CaseReport::default();
    for path in list(&directory.join("cases"), &mut mistakes) {
        let place = path.display().to_string();
        match fs::read_to_string(&path) {
            Ok(text) => Sheet { place, text }.run(policies, &mut report, &mut mistakes),
            Err(error) => mistakes.add(place, format!("can't be read: {error}")),
        }
    }
    mistakes.or(report)
}

/// The files of cases of a folder, sorted; none where there is no folder.
pub(crate) fn list(directory: &Path, mistakes: &mut Mistakes) -> Vec<PathBuf> {
    if !directory.exists() {
        return Vec::new();
    }
    let entries: Result<Vec<PathBuf>, _> = fs::read_dir(directory).and_then(|entries| {
        entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    });
    let mut paths = entries.unwrap_or_else(|error| {
        let place = directory.display().to_string();
        mistakes.add(place, format!("can't be read: {error}"));
        Vec::new()
    });
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort_unstable();
    paths
}

/// A file of cases, as text.
struct Sheet {
    place: String,
    text: String,
}

impl Sheet {
    fn at(&self, offset: usize) -> String {
        let before = self.text.bytes().take(offset);
        let line = before.filter(|byte| *byte == b'\n').count();
        format!("{}:{}", self.place, line.saturating_add(1))
    }

    fn run(&self, policies: &PolicySet, report: &mut CaseReport, mistakes: &mut Mistakes) {
        let file: CaseFile = match toml::from_str(&self.text) {
            Ok(file) => file,
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                mistakes.add(self.at(offset), error.message());
                return;
            }
        };
        let Some(now) = time(file.now.get_ref()) else {
            let message = not_a_time(file.now.get_ref());
            mistakes.add(self.at(file.now.span().start), message);
            return;
        };
        let cars = self.cars(&file, mistakes);
        for case in &file.case {
            let place = self.at(case.name.span().start);
            match Setting::of(case, &file, &cars, now) {
                Ok(setting) => setting.ask(policies, &place, report, mistakes),
                Err(message) => mistakes.add(place, message),
            }
        }
    }

    fn cars<'a>(
        &self,
        file: &'a CaseFile,
        mistakes: &mut Mistakes,
    ) -> BTreeMap<&'a str, (Vin, Option<VehicleFacts>)> {
        let mut cars = BTreeMap::new();
        for (name, car) in &file.vehicle {
            match facts(car.get_ref()) {
                Ok(car) => {
                    cars.insert(name.as_str(), car);
                }
                Err(message) => mistakes.add(
                    self.at(car.span().start),
                    format!("vehicle `{name}`: {message}"),
                ),
            }
        }
        cars
    }
}

/// A case with everything that it names.
struct Setting<'a> {
    case: &'a Case,
    principal: Principal,
    authentication: Authentication,
    subject: SubjectFacts,
    car: Option<&'a (Vin, Option<VehicleFacts>)>,
    now: Duration,
}

impl<'a> Setting<'a> {
    fn of(
        case: &'a Case,
        file: &'a CaseFile,
        cars: &'a BTreeMap<&str, (Vin, Option<VehicleFacts>)>,
        now: Duration,
    ) -> Result<Self, String> {
        let caller = file
            .principal
            .get(&case.principal)
            .ok_or_else(|| format!("no principal `{}` in this file", case.principal))?;
        let car = match &case.vehicle {
            None => None,
            Some(name) => Some(
                cars.get(name.as_str())
                    .ok_or_else(|| format!("no vehicle `{name}` in this file"))?,
            ),
        };
        let now = match &case.now {
            None => now,
            Some(text) => time(text).ok_or_else(|| not_a_time(text))?,
        };
        if case.actions.is_empty() {
            return Err("a case without an action tests nothing".to_owned());
        }
        Ok(Self {
            case,
            principal: principal(caller),
            authentication: Authentication {
                strength: caller.strength,
                freshness: caller.freshness,
            },
            subject: SubjectFacts {
                suspended: caller.suspended,
            },
            car,
            now,
        })
    }

    fn ask(
        &self,
        policies: &PolicySet,
        place: &str,
        report: &mut CaseReport,
        mistakes: &mut Mistakes,
    ) {
        for action in &self.case.actions {
            let kind = self.principal.kind;
            let (resource, told_resource) = match self.car {
                Some(_) => (ResourceKind::Vehicle, "a vehicle"),
                None => (ResourceKind::Surface, "a surface"),
            };
            if !policies.applies(action, kind, resource) {
                let message =
                    format!("the schema has no `{action}` by a {kind:?} on {told_resource}");
                mistakes.add(place, message);
                continue;
            }
            report.total = report.total.saturating_add(1);
            let (got, by) = self.decide(policies, action);
            let same_by = self.case.by.as_ref().is_none_or(|expected| *expected == by);
            if Expected::of(&got) != self.case.expect || !same_by {
                report.failures.push(CaseFailure {
                    place: place.to_owned(),
                    name: self.case.name.get_ref().clone(),
                    action: action.clone(),
                    expected: told(self.case.expect.word(), self.case.by.as_ref()),
                    got: match got {
                        Ok(()) => told(Expected::Allow.word(), Some(&by)),
                        Err(denial) => {
                            let word = Expected::of(&Err(denial.clone())).word();
                            told(&format!("{word} ({})", denial.reason()), Some(&by))
                        }
                    },
                });
            }
        }
    }

    /// As `decide` does: the relation first, then the policies, and never an unknown vehicle.
    fn decide(&self, policies: &PolicySet, action: &str) -> (Result<(), Denial>, BTreeSet<String>) {
        let mut findings = Findings::default();
        let relation = self.car.map(|(vin, facts)| {
            let relation = ownership::relate(&self.principal, facts.as_ref(), self.now);
            (vin, facts, relation)
        });
        let resource = match &relation {
            None => Resource::Surface,
            Some((vin, facts, relation)) => Resource::Vehicle(vin, facts.as_ref(), relation),
        };
        let question = Question {
            principal: &self.principal,
            action,
            resource,
            context: Circumstances {
                surface: &self.case.surface,
                network: &self.case.network,
                authentication: self.authentication,
                subject: self.subject,
            },
        };
        let mut answer = evaluate(policies, question, &mut findings);
        if relation.is_some_and(|(_, _, relation)| !relation.known) && answer.is_ok() {
            let flaw = crate::denial::AccessFlaw::UnknownVehicle;
            answer = Err(Denial::AccessDenied(flaw));
        }
        let by = findings.policies.iter().map(ToString::to_string).collect();
        (answer, by)
    }
}

fn told(decision: &str, by: Option<&BTreeSet<String>>) -> String {
    match by {
        None => decision.to_owned(),
        Some(by) if by.is_empty() => format!("{decision} by no policy"),
        Some(by) => {
            let ids: Vec<&str> = by.iter().map(String::as_str).collect();
            format!("{decision} by {}", ids.join(", "))
        }
    }
}
