//! Why does a question come out so, in a person's words?
//!
//! For a case, or a decision by its record: who decided, with their reasons and places. Where nothing permits it, the nearest
//! permit: among those whose scope fits, the one with the fewest conditions that do not hold. Each
//! condition is asked about by itself (`parts`); Cedar evaluates, nothing here does.

mod clause;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Effect, Entities, Policy, Request};

use crate::config::Mistakes;
use crate::config::file::PrincipalKind;
use crate::denial::{AccessFlaw, Denial};
use crate::pipeline::policy::cases::{self, Told};
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::parts::{self, Truth};
use crate::pipeline::policy::recorded::Decision;
use crate::pipeline::policy::source::Source;
use crate::pipeline::policy::{PolicySet, Question, posed, read};

/// What is to be explained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// A case's name, whole or a part of it that no other has; any where there is one case only.
    pub(crate) case: Option<&'a str>,
    /// One of its actions; else all.
    pub(crate) action: Option<&'a str>,
}

impl Wanted<'_> {
    /// Whether a case may be meant.
    pub(super) fn names(&self, case: &str) -> bool {
        self.case.is_none_or(|part| case.contains(part))
    }
}

/// Explains a case of the files that the policies are of, or of `text`, which is written like a file of
/// cases: as lines.
///
/// # Errors
/// Every mistake in policies or cases; no such case, or more than one.
pub(crate) fn explain(
    files: &Files,
    text: Option<Source>,
    wanted: Wanted<'_>,
) -> Result<Vec<String>, Mistakes> {
    let mut mistakes = Mistakes::default();
    let explainer = Explainer::of(files, &mut mistakes)?;
    let sheets = match text {
        Some(source) => vec![source],
        None => cases::sheets(files, &mut mistakes),
    };
    let mut lines = Vec::new();
    let mut put = |told: Told<'_>, question: Question<'_>| {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.extend(explainer.tell(&told, question));
    };
    cases::put_each(&explainer.policies, sheets, wanted, &mut put, &mut mistakes);
    mistakes.or(lines)
}

/// Explains a decision by its record, a line of an audit log: what the policies that are here say of the
/// facts that it was made on, as lines.
///
/// # Errors
/// Every mistake in the policies; what is no record, or one without facts.
pub(crate) fn explain_record(files: &Files, record: &Source) -> Result<Vec<String>, Mistakes> {
    let mut mistakes = Mistakes::default();
    let explainer = Explainer::of(files, &mut mistakes)?;
    match Decision::read(record.text.trim()) {
        Ok(decision) => mistakes.or(explainer.tell_record(&decision)),
        Err(why) => {
            mistakes.add(record.place.as_str(), why);
            Err(mistakes)
        }
    }
}

/// The policies, with where and how they are written.
struct Explainer {
    policies: PolicySet,
    places: BTreeMap<String, String>,
    all: Vec<Policy>,
    sources: Vec<Source>,
}

/// A permit that didn't permit.
struct Near<'a> {
    policy: &'a Policy,
    clauses: Vec<(parts::Clause, Truth)>,
}

impl Near<'_> {
    /// How many conditions are missing.
    fn missing(&self) -> usize {
        let missing = |(_, truth): &&(parts::Clause, Truth)| *truth != Truth::Holds;
        self.clauses.iter().filter(missing).count()
    }
}

impl Explainer {
    fn of(files: &Files, mistakes: &mut Mistakes) -> Result<Self, Mistakes> {
        let written = read::read(files, read::SCHEMA)?;
        Ok(Self {
            policies: PolicySet::of(files)?,
            places: written.places,
            all: written.policies,
            sources: files.read_all("cedar", mistakes),
        })
    }

    fn tell_record(&self, decision: &Decision) -> Vec<String> {
        let (answer, by) = decision.again(&self.policies);
        let again = match &answer {
            Ok(()) => "allowed".to_owned(),
            Err(denial) => denial.reason(),
        };
        let told = Told {
            head: decision.head(),
            answer,
            by: &by,
        };
        let mut lines = self.tell(&told, decision.question());
        let later = decision.later.iter();
        let mut notes: Vec<String> = later
            .map(|why| format!("refused after the policies were asked: {why}"))
            .collect();
        let here = self.policies.revision();
        if **here != *decision.revision {
            let then = &decision.revision;
            notes.push(format!("decided by policies {then}; these are {here}"));
        }
        if again != decision.outcome || by != decision.by {
            let then = told_by(&decision.outcome, &decision.by);
            notes.push(format!("recorded: {then}; here: {}", told_by(&again, &by)));
            let who = decision.principal.kind;
            let named = self.naming_somebody(who, &decision.action);
            notes.extend(named.map(|policy| {
                let named = self.named(policy);
                format!(
                    "names one subject or vehicle, for which the record has a pseudonym: {named}"
                )
            }));
        }
        lines.extend(notes.into_iter().map(|note| format!("  note: {note}")));
        lines
    }

    /// Policies that compare with one subject or vehicle.
    fn naming_somebody(&self, who: PrincipalKind, action: &str) -> impl Iterator<Item = &Policy> {
        let slice = self.policies.slices.find(action, who);
        self.all.iter().filter(move |policy| {
            let live = slice.is_some_and(|slice| slice.policies().policy(policy.id()).is_some());
            let literals = policy.entity_literals();
            live && literals
                .iter()
                .any(|one| self.policies.names.somebody(one.type_name()))
        })
    }

    fn tell(&self, told: &Told<'_>, question: Question<'_>) -> Vec<String> {
        let mut lines = vec![told.head.clone(), format!("  {}", outcome(told))];
        let Some(slice) = self.policies.slice(question) else {
            return lines;
        };
        let (request, entities) = match posed::whole(&self.policies, question) {
            None => return lines,
            Some(Ok(asked)) => asked,
            Some(Err(why)) => {
                lines.push(format!("  the question can't be put: {why}"));
                return lines;
            }
        };
        let live: BTreeSet<&str> = slice.policies().policies().map(id).collect();
        let live: Vec<&Policy> = self
            .all
            .iter()
            .filter(|one| live.contains(id(one)))
            .collect();
        for policy in live.iter().filter(|one| told.by.contains(id(one))) {
            let word = match policy.effect() {
                Effect::Permit => "permitted",
                Effect::Forbid => "forbidden",
            };
            lines.push(format!("  {word} by {}", self.named(policy)));
        }
        for policy in &live {
            if let Truth::Errs(why) = parts::ask(policy, &request, &entities) {
                lines.push(format!("  can't be evaluated: {}", self.named(policy)));
                lines.push(format!("    {why}"));
            }
        }
        if told.by.is_empty() && told.answer.is_err() {
            lines.extend(self.nearest(&live, &request, &entities));
        }
        lines
    }

    /// `@id("owner.all") at policies/owner.cedar:3:1: an owner may ...`.
    fn named(&self, policy: &Policy) -> String {
        let place = self.places.get(id(policy)).map_or("", String::as_str);
        let reason = policy.annotation("reason").unwrap_or_default();
        format!("@id(\"{}\") at {place}: {reason}", id(policy))
    }

    fn nearest(&self, live: &[&Policy], request: &Request, entities: &Entities) -> Vec<String> {
        let mut near: Vec<Near<'_>> = Vec::new();
        for policy in live {
            let fits = policy.effect() == Effect::Permit
                && parts::scope(policy)
                    .is_ok_and(|scope| parts::ask(&scope, request, entities) == Truth::Holds);
            if !fits {
                continue;
            }
            let Ok(clauses) = parts::clauses(policy) else {
                continue;
            };
            let clauses = clauses.into_iter().map(|clause| {
                let truth = parts::ask(&clause.policy, request, entities);
                (clause, truth)
            });
            near.push(Near {
                policy,
                clauses: clauses.collect(),
            });
        }
        near.sort_by_key(Near::missing); // stable: among equals the first of the files
        let Some(nearest) = near.first() else {
            return vec!["  no permit is about this action for such a principal".to_owned()];
        };
        let mut lines = vec![format!("  nearest permit: {}", self.named(nearest.policy))];
        lines.extend(self.failing(nearest));
        let equals = near.iter().skip(1);
        let equals = equals.filter(|other| other.missing() == nearest.missing());
        lines.extend(equals.map(|other| format!("  as near: {}", self.named(other.policy))));
        lines
    }

    /// A line for each condition that doesn't hold, as it is written.
    fn failing(&self, near: &Near<'_>) -> Vec<String> {
        let place = self.places.get(id(near.policy));
        let found = place.and_then(|place| {
            let of_file = |source: &&Source| {
                let rest = place.strip_prefix(source.place.as_str());
                rest.is_some_and(|rest| rest.starts_with(':'))
            };
            let source = self.sources.iter().find(of_file)?;
            clause::find(source, near.policy, &near.clauses)
        });
        let mut failed = false;
        let mut lines = Vec::new();
        for (index, (clause, truth)) in near.clauses.iter().enumerate() {
            let word = match truth {
                Truth::Holds => continue,
                Truth::Fails => "does not hold",
                Truth::Errs(_) if failed => "not reached",
                Truth::Errs(_) => "can't be evaluated",
            };
            failed = true;
            let (at, text) = match found.as_ref().and_then(|found| found.get(index)) {
                Some((at, text)) => (at.clone(), text.clone()),
                None => (place.cloned().unwrap_or_default(), clause::print(clause)),
            };
            lines.push(format!("    {word}: {} {text}", clause.kind));
            lines.push(format!("      at {at}"));
            if let (Truth::Errs(why), "can't be evaluated") = (truth, word) {
                lines.push(format!("      {why}"));
            }
        }
        lines
    }
}

/// Allowed, forbidden, not permitted, or errored.
fn outcome(told: &Told<'_>) -> String {
    match &told.answer {
        Ok(()) => "allowed".to_owned(),
        Err(Denial::StepUpRequired(_)) => {
            "forbidden with this sign-in; a strong and recent one would be allowed".to_owned()
        }
        Err(Denial::AccessDenied(AccessFlaw::NotPermitted)) => {
            "not permitted: no policy permits it".to_owned()
        }
        Err(Denial::AccessDenied(AccessFlaw::Forbidden)) => "forbidden".to_owned(),
        Err(Denial::AccessDenied(AccessFlaw::PolicyError)) => {
            "errored: a policy can't be evaluated, so it is denied".to_owned()
        }
        Err(denial) => format!("denied: {}", denial.reason()),
    }
}

/// `forbidden by a, b`.
fn told_by(outcome: &str, by: &BTreeSet<String>) -> String {
    if by.is_empty() {
        return format!("{outcome} by no policy");
    }
    let ids: Vec<&str> = by.iter().map(String::as_str).collect();
    format!("{outcome} by {}", ids.join(", "))
}

fn id(policy: &Policy) -> &str {
    policy.id().as_ref()
}
