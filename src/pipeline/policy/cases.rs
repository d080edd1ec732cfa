//! Do the policies decide as their cases say?
//!
//! `cases/*.toml` beside the policies: people, vehicles, and what must come out. The way is that of a
//! request: the relation is resolved at the case's time, then the policies are asked.

mod file;
mod facts;
mod one;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::config::Mistakes;
use crate::denial::Denial;
use crate::pipeline::identity::sign_in::Authentication;
use crate::pipeline::ownership::{self, Relation, SubjectFacts, VehicleFacts};
use crate::pipeline::policy::coverage::Coverage;
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::read;
use crate::pipeline::policy::source::Source;
use crate::pipeline::policy::{
    Circumstances, PolicySet, Question, Resource, ResourceKind, evaluate,
};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

use facts::{facts, not_a_time, principal, time};
use file::{Case, CaseFile, Expected};
pub(crate) use one::{Told, put_each};

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

/// Runs all cases of the files that `policies` were loaded from.
///
/// # Errors
/// Every case that can't be understood: a name that isn't there, an action that the schema doesn't
/// know for such a principal, which would be denied for no good reason.
pub fn run_cases(policies: &PolicySet, files: &Files) -> Result<CaseReport, Mistakes> {
    let mut tally = Tally::default();
    run_all(policies, files, &mut tally);
    tally.mistakes.or(tally.report)
}

/// The same, and which policies the cases tried; slower, for a person.
///
/// # Errors
/// As [`run_cases`].
pub fn cover_cases(
    policies: &PolicySet,
    files: &Files,
) -> Result<(CaseReport, Coverage), Mistakes> {
    let mut tally = Tally::default();
    let written = read::read(files, read::SCHEMA)?;
    match Coverage::of(&written.policies, &written.places) {
        Ok(coverage) => tally.coverage = Some(coverage),
        Err(why) => tally.mistakes.add(files.place(), why),
    }
    run_all(policies, files, &mut tally);
    let coverage = tally.coverage.unwrap_or_default();
    tally.mistakes.or((tally.report, coverage))
}

fn run_all(policies: &PolicySet, files: &Files, tally: &mut Tally) {
    for source in sheets(files, &mut tally.mistakes) {
        Sheet(source).run(policies, tally);
    }
}

/// What comes out while cases are run.
#[derive(Debug, Default)]
struct Tally {
    report: CaseReport,
    mistakes: Mistakes,
    coverage: Option<Coverage>,
}

/// The files of cases below `files`; none where there is no such folder.
pub(crate) fn sheets(files: &Files, mistakes: &mut Mistakes) -> Vec<Source> {
    let folder = files.below("cases");
    if folder.exist() {
        folder.read_all("toml", mistakes)
    } else {
        Vec::new()
    }
}

/// A file of cases, as text.
struct Sheet(Source);

impl Sheet {
    fn at(&self, offset: usize) -> String {
        self.0.line_at(offset)
    }

    /// The cases, and when they happen.
    fn read(&self, mistakes: &mut Mistakes) -> Option<(CaseFile, Duration)> {
        let file: CaseFile = match toml::from_str(&self.0.text) {
            Ok(file) => file,
            Err(error) => {
                let offset = error.span().map_or(0, |span| span.start);
                mistakes.add(self.at(offset), error.message());
                return None;
            }
        };
        let now = time(file.now.get_ref());
        if now.is_none() {
            let message = not_a_time(file.now.get_ref());
            mistakes.add(self.at(file.now.span().start), message);
        }
        now.map(|now| (file, now))
    }

    fn run(&self, policies: &PolicySet, tally: &mut Tally) {
        let Some((file, now)) = self.read(&mut tally.mistakes) else {
            return;
        };
        let cars = self.cars(&file, &mut tally.mistakes);
        for case in &file.case {
            let place = self.at(case.name.span().start);
            match Setting::of(case, &file, &cars, now) {
                Ok(setting) => setting.ask(policies, &place, tally),
                Err(message) => tally.mistakes.add(place, message),
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
                bound: caller.bound,
            },
            subject: SubjectFacts {
                suspended: caller.suspended,
            },
            car,
            now,
        })
    }

    fn ask(&self, policies: &PolicySet, place: &str, tally: &mut Tally) {
        for action in &self.case.actions {
            if let Err(message) = self.is_known(policies, action) {
                tally.mistakes.add(place, message);
                continue;
            }
            let report = &mut tally.report;
            report.total = report.total.saturating_add(1);
            let (got, by) = self.decide(policies, action);
            if let Some(coverage) = &mut tally.coverage {
                self.with_question(action, |question| {
                    policies.cover(question, &by, coverage);
                });
            }
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

    /// An action that the schema doesn't know would be denied for no good reason.
    fn is_known(&self, policies: &PolicySet, action: &str) -> Result<(), String> {
        let kind = self.principal.kind;
        let (resource, told_resource) = match self.car {
            Some(_) => (ResourceKind::Vehicle, "a vehicle"),
            None => (ResourceKind::Surface, "a surface"),
        };
        if policies.applies(action, kind, resource) {
            return Ok(());
        }
        Err(format!(
            "the schema has no `{action}` by a {kind:?} on {told_resource}"
        ))
    }

    /// The question as a request would put it.
    fn with_question<T>(&self, action: &str, put: impl FnOnce(Question<'_>) -> T) -> T {
        let relation = self.relation();
        let resource = match (self.car, &relation) {
            (Some((vin, facts)), Some(relation)) => {
                Resource::Vehicle(vin, facts.as_ref(), relation)
            }
            (None, _) | (_, None) => Resource::Surface,
        };
        put(Question {
            principal: &self.principal,
            action,
            resource,
            context: Circumstances {
                surface: &self.case.surface,
                network: &self.case.network,
                authentication: self.authentication,
                subject: self.subject,
            },
        })
    }

    /// What the principal is to the car at the case's time.
    fn relation(&self) -> Option<Relation> {
        let (_, facts) = self.car?;
        Some(ownership::relate(&self.principal, facts.as_ref(), self.now))
    }

    /// As `decide` does: the relation first, then the policies, and never an unknown vehicle.
    fn decide(&self, policies: &PolicySet, action: &str) -> (Result<(), Denial>, BTreeSet<String>) {
        let mut findings = Findings::default();
        let mut answer = self.with_question(action, |question| {
            evaluate(policies, question, &mut findings)
        });
        let unknown = self.relation().is_some_and(|relation| !relation.known);
        if unknown && answer.is_ok() {
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
