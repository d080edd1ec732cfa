//! May this principal do this action to this vehicle in this context?
//!
//! The home of Cedar, but for what operators may do. Policies are sliced by action and principal type
//! when they are loaded; an evaluation error denies.

pub(crate) mod source;
pub mod files;
mod traps;
pub(crate) mod read;
pub mod bounds;
pub mod bundle;
pub mod generations;
mod vocabulary;
mod entities;
mod memo;
mod slice;
mod trim;
mod posed;
mod step_up;
mod parts;
pub mod coverage;
pub mod recorded;
pub mod explain;
pub mod cases;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{Authorizer, Policy, PolicyId, Schema};

use crate::config::Mistakes;
use crate::config::file::PrincipalKind;
use crate::denial::{AccessFlaw, Denial};
use crate::pipeline::identity::sign_in::Authentication;
use crate::pipeline::ownership::{Relation, SubjectFacts, VehicleFacts};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

use coverage::Coverage;
use files::Files;
use memo::Memo;
pub use memo::Verdict;
pub use posed::Posed;
use slice::{Slice, Slices};
use vocabulary::Names;

/// The schema and the policies, whole.
pub struct PolicySet {
    revision: Arc<str>,
    names: Names,
    slices: Slices,
    ids: HashMap<PolicyId, Arc<str>>,
    /// Forbids that a better sign-in lifts, by their `@advice`.
    step_ups: HashSet<PolicyId>,
    /// What every action is.
    classes: HashMap<String, Arc<ActionClass>>,
    authorizer: Authorizer,
    memo: Memo,
}

impl fmt::Debug for PolicySet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PolicySet")
            .field("revision", &self.revision)
            .field("policies", &self.ids.len())
            .finish_non_exhaustive()
    }
}

/// What an action is, as the schema says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionClass {
    /// Its name.
    pub name: Arc<str>,
    /// Every group that it is in, sorted.
    pub groups: Vec<Arc<str>>,
    /// Whether it has an effect.
    pub command: bool,
}

/// What Cedar is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// Which action; known to the schema since load.
    pub action: &'a str,
    /// On what.
    pub resource: Resource<'a>,
    /// By what way, and in what standing.
    pub context: Circumstances<'a>,
}

/// What a request is beside who asks for what: resolved at its time, so without a clock or an age.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Name of the surface.
    pub surface: &'a str,
    /// Name of the listener that it came in by, so the network that it came from.
    pub network: &'a str,
    /// What the principal's sign-in is worth now.
    pub authentication: Authentication,
    /// What the directory knows of the principal.
    pub subject: SubjectFacts,
}

/// What an action is done to.
#[derive(Debug, Clone, Copy)]
pub enum Resource<'a> {
    /// A vehicle, known or not: an unknown one is judged with empty facts, then refused.
    Vehicle(&'a Vin, Option<&'a VehicleFacts>, &'a Relation),
    /// The surface itself, where the route names no vehicle.
    Surface,
}

/// What kind of thing an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceKind {
    /// A vehicle.
    Vehicle,
    /// A surface.
    Surface,
}

impl Resource<'_> {
    /// Its kind.
    pub fn kind(&self) -> ResourceKind {
        match self {
            Self::Vehicle(..) => ResourceKind::Vehicle,
            Self::Surface => ResourceKind::Surface,
        }
    }
}

impl PolicySet {
    /// Loads `schema.cedarschema` and `*.cedar` of `directory` (nothing below it), strictly
    /// validated.
    ///
    /// # Errors
    /// Every mistake of every file: what doesn't parse or validate, a policy without `@id`,
    /// `@owner` or `@reason`, an `@id` that stands twice, a template, a set without a permit.
    pub fn load(directory: &Path) -> Result<Self, Mistakes> {
        Self::of(&Files::folder(directory))
    }

    /// The same, of files that are at hand.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn of(files: &Files) -> Result<Self, Mistakes> {
        let read::Written {
            schema,
            policies,
            revision,
            ..
        } = read::read(files, read::SCHEMA)?;
        Self::assemble(&schema, &policies, revision).map_err(|message| {
            let mut mistakes = Mistakes::default();
            mistakes.add(files.place_of(read::SCHEMA), message);
            mistakes
        })
    }

    /// Puts a schema and policies together; what doesn't fit is named.
    fn assemble(schema: &Schema, policies: &[Policy], revision: Arc<str>) -> Result<Self, String> {
        let names = Names::of(schema)?;
        let slices = Slices::cut(schema, policies, &names)?;
        let ids = policies
            .iter()
            .map(|policy| (policy.id().clone(), Arc::from(policy.id().as_ref())))
            .collect();
        let mut step_ups = HashSet::new();
        for policy in policies {
            if step_up::lifts(policy)? {
                step_ups.insert(policy.id().clone());
            }
        }
        Ok(Self {
            revision,
            names,
            slices,
            ids,
            step_ups,
            classes: slice::classes(schema)?,
            authorizer: Authorizer::new(),
            memo: Memo::new()?,
        })
    }

    /// What can decide a question, if the schema knows such a one.
    fn slice(&self, question: Question<'_>) -> Option<&Slice> {
        let slice = self.slices.find(question.action, question.principal.kind);
        slice.filter(|slice| slice.takes(question.resource.kind()))
    }

    /// Counts a question for coverage, with the policies that decided it.
    fn cover(&self, question: Question<'_>, by: &BTreeSet<String>, coverage: &mut Coverage) {
        if let Some(Ok((request, entities))) = posed::whole(self, question) {
            let by: Vec<&str> = by.iter().map(String::as_str).collect();
            coverage.count(&request, &entities, &by);
        }
    }

    /// SHA-256 of schema and policies, hex, first 16 digits.
    pub fn revision(&self) -> &Arc<str> {
        &self.revision
    }

    /// Whether the schema has this action.
    pub fn knows(&self, action: &str) -> bool {
        self.classes.contains_key(action)
    }

    /// Whether the schema knows the action for such principals on such a resource.
    pub fn applies(&self, action: &str, kind: PrincipalKind, resource: ResourceKind) -> bool {
        self.slices
            .find(action, kind)
            .is_some_and(|slice| slice.takes(resource))
    }

    /// Whether the action has an effect: it is in a group other than `Read` and `Public`. An action
    /// that the schema lacks, or that is in no group, is a command.
    pub fn is_command(&self, action: &str) -> bool {
        self.classes.get(action).is_none_or(|class| class.command)
    }

    /// What an action is; one that the schema lacks is a command in no group.
    pub fn class(&self, action: &str) -> Arc<ActionClass> {
        match self.classes.get(action) {
            Some(class) => Arc::clone(class),
            None => Arc::new(ActionClass {
                name: Arc::from(action),
                groups: Vec::new(),
                command: true,
            }),
        }
    }

    /// Names of all actions and groups of actions.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.classes.keys().map(String::as_str)
    }
}

/// Decides; writes the deciding policies and errors into `findings`. An answer that was given to the
/// same question, fact for fact, is given again.
pub fn evaluate(
    policies: &PolicySet,
    question: Question<'_>,
    findings: &mut Findings,
) -> Result<(), Denial> {
    let verdict = answer(policies, question, findings)?;
    findings
        .policies
        .extend(verdict.policies.iter().map(Arc::clone));
    let Err(flaw) = verdict.outcome else {
        return Ok(());
    };
    // INVARIANT: asked again whatever else forbids it, so a foreign vehicle and one that doesn't exist
    // are as often evaluated. The second answer allows nothing: it only words the denial.
    if verdict.step_up {
        let mut stepped_up = question;
        stepped_up.context.authentication = Authentication {
            bound: question.context.authentication.bound,
            ..Authentication::STEPPED_UP
        };
        if answer(policies, stepped_up, findings)?.outcome.is_ok() {
            let acr = Arc::clone(&question.principal.sign_in.strong_acr);
            return Err(Denial::StepUpRequired(acr));
        }
    }
    Err(Denial::AccessDenied(flaw))
}

/// The kept answer, or a new one.
fn answer(
    policies: &PolicySet,
    question: Question<'_>,
    findings: &mut Findings,
) -> Result<Arc<Verdict>, Denial> {
    let key = policies.memo.key(question);
    if let Some(verdict) = policies.memo.find(&key) {
        return Ok(verdict);
    }
    match compute(policies, question) {
        Ok(verdict) => Ok(policies.memo.keep(key, verdict)),
        Err(errors) => {
            findings.policy_errors = findings.policy_errors.saturating_add(errors);
            Err(Denial::AccessDenied(AccessFlaw::PolicyError))
        }
    }
}

/// Decides anew, and keeps nothing: what [`evaluate`] costs the first time.
///
/// # Errors
/// How many policies could not be evaluated, at least 1.
pub fn compute(policies: &PolicySet, question: Question<'_>) -> Result<Verdict, usize> {
    match Posed::of(policies, question)? {
        Some(posed) => posed.judge(),
        None => Ok(Verdict {
            outcome: Err(AccessFlaw::NotPermitted),
            policies: Vec::new(),
            step_up: false,
        }),
    }
}
