//! Which policies do the cases try, and which way?
//!
//! In a case that a policy's scope fits (principal, action, resource), one of three things happens:
//! it *fired*, so it is among the deciding policies; it did *not fire*, because its conditions did not
//! hold; or it was *overruled*: a permit whose conditions held, where a forbid decided. A policy with a
//! condition has been tried when it fired once and did not fire once; one without has fired once, for
//! it can't do otherwise. To be overruled tries nothing: without the permit the case would come out
//! the same.

use std::collections::BTreeMap;

use cedar_policy::{Effect, Entities, Policy, Request};
use serde::Serialize;

use crate::pipeline::policy::parts::{self, Truth};

/// How often each policy fired and did not.
#[derive(Debug, Default)]
pub struct Coverage(Vec<Tried>);

/// One policy.
#[derive(Debug)]
struct Tried {
    whole: Policy,
    scope: Policy,
    line: Line,
}

/// What the cases tried of one policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its `@id`.
    pub policy: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    /// `file:line:column`.
    pub place: String,
    /// Whether it has a condition, so that it can fail to fire.
    pub conditional: bool,
    /// In how many questions it was among the deciding policies.
    pub fired: usize,
    /// In how many its scope fitted and a condition did not hold.
    pub not_fired: usize,
    /// In how many it would have permitted, and a forbid decided.
    pub overruled: usize,
}

impl Line {
    /// What a policy can do, and how much of it was seen.
    fn outcomes(&self) -> (usize, usize) {
        let fired = usize::from(self.fired > 0);
        if !self.conditional {
            return (fired, 1);
        }
        let not_fired = usize::from(self.not_fired > 0);
        (fired.saturating_add(not_fired), 2)
    }
}

impl Coverage {
    /// Nothing is tried yet of these policies, each under its `@id`.
    pub(crate) fn of(
        policies: &[Policy],
        places: &BTreeMap<String, String>,
    ) -> Result<Self, String> {
        let tried = |policy: &Policy| {
            let id: &str = policy.id().as_ref();
            Ok(Tried {
                whole: policy.clone(),
                scope: parts::scope(policy)?,
                line: Line {
                    policy: id.to_owned(),
                    effect: match policy.effect() {
                        Effect::Permit => "permit",
                        Effect::Forbid => "forbid",
                    },
                    place: places.get(id).cloned().unwrap_or_default(),
                    conditional: parts::is_conditional(policy),
                    fired: 0,
                    not_fired: 0,
                    overruled: 0,
                },
            })
        };
        Ok(Self(
            policies.iter().map(tried).collect::<Result<_, String>>()?,
        ))
    }

    /// Counts one question, with the `@id`s that decided it.
    pub(crate) fn count(&mut self, request: &Request, entities: &Entities, deciding: &[&str]) {
        for Tried { whole, scope, line } in &mut self.0 {
            let seen = if deciding.contains(&line.policy.as_str()) {
                &mut line.fired
            } else if parts::ask(scope, request, entities) != Truth::Holds {
                continue;
            } else {
                match parts::ask(whole, request, entities) {
                    Truth::Holds => &mut line.overruled,
                    Truth::Fails => &mut line.not_fired,
                    Truth::Errs(_) => continue, // an error tries neither way, and denies
                }
            };
            *seen = seen.saturating_add(1);
        }
    }

    /// Adds those of another set.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// All policies, in the order of their files.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.0.iter().map(|tried| &tried.line)
    }

    /// How many of all outcomes the cases have seen.
    pub fn outcomes(&self) -> (usize, usize) {
        self.lines().fold((0, 0), |(seen, all), line| {
            let (more, of) = line.outcomes();
            (seen.saturating_add(more), all.saturating_add(of))
        })
    }

    /// The same in percent, rounded down: 100 is all of them.
    pub fn percent(&self) -> usize {
        let (seen, all) = self.outcomes();
        seen.saturating_mul(100).checked_div(all).unwrap_or(0)
    }
}
