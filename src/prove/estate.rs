//! Which policies are live, what can they be asked, and is a counterexample real?

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Decision, Policy, PolicyId, PolicySet, RequestEnv, Response, Schema,
};
use cedar_policy_symcc::{CompiledPolicy, CompiledPolicySet, Env};

use crate::config::Mistakes;
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::read::{self, Written};
use crate::prove::Trouble;
use crate::prove::shape::Shape;
use crate::prove::solver::{Answer, Question, Solver};

/// The solver said so, and the authorizer doesn't.
pub(super) const UNCONFIRMED: &str = "the authorizer doesn't confirm the solver's counterexample";

/// What every request says of itself, as a policy; no `@id` can be this.
const PROMISE: &str = "what every request says";

/// The live policies and every kind of request.
pub(super) struct Estate {
    /// The folder.
    pub(super) place: String,
    /// Of the live policies.
    pub(super) revision: Arc<str>,
    /// The schema.
    pub(super) schema: Schema,
    /// What the schema's types are made of.
    pub(super) shape: Shape,
    /// The live policies, each under its `@id`.
    pub(super) live: PolicySet,
    /// `file:line:column` of each.
    pub(super) places: BTreeMap<String, String>,
    /// Every principal type, action and resource type that go together.
    pub(super) environments: Vec<RequestEnv>,
}

impl Estate {
    /// Reads the files as the gateway does.
    pub(super) fn read(files: &Files, file: &str) -> Result<Self, Trouble> {
        let Written {
            schema,
            policies,
            places,
            revision,
        } = read::read(files, file)?;
        let mut environments: Vec<RequestEnv> = schema.request_envs().collect();
        environments.sort_unstable(); // the same story in each run, where the solver agrees
        count(&schema, environments.len())?;
        let mut mistakes = Mistakes::default();
        let shape = files.read(file, &mut mistakes);
        let shape = shape.ok_or(Trouble::Wrong(mistakes))?;
        Ok(Self {
            place: files.place(),
            revision,
            shape: Shape::read(&shape.text),
            live: set(policies)?,
            places,
            environments,
            schema,
        })
    }

    /// Whether `less` allows nothing that `more` doesn't, in one environment.
    pub(super) async fn implies(
        &self,
        solver: &mut Solver<'_>,
        environment: &RequestEnv,
        less: &PolicySet,
        more: &PolicySet,
    ) -> Answer {
        let less = match self.promised(environment, less) {
            Ok(less) => less,
            Err(why) => return Answer::Undecided(why),
        };
        let compile = |set| {
            let compiled = CompiledPolicySet::compile(set, environment, &self.schema);
            compiled.map_err(|error| error.to_string())
        };
        let (one, other) = match (compile(&less), compile(more)) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(why), _) | (_, Err(why)) => return Answer::Undecided(why),
        };
        let answer = solver.ask(Question::Implies(&one, &other)).await;
        if let Answer::Broken(example) = &answer {
            let allowed = judge(&less, example).decision() == Decision::Allow;
            let refused = judge(more, example).decision() == Decision::Deny;
            if !(allowed && refused) {
                return Answer::Undecided(UNCONFIRMED.to_owned());
            }
        }
        answer
    }

    /// The set, for requests as the gateway makes them: `context.action` is the action's name. Where
    /// the schema has no such attribute nothing is promised.
    pub(super) fn promised(
        &self,
        environment: &RequestEnv,
        set: &PolicySet,
    ) -> Result<PolicySet, String> {
        let action = environment.action();
        let name = action.id().escaped();
        let text = format!(
            "forbid (principal, action == {action}, resource) unless {{ context.action == \"{name}\" }};"
        );
        let promise = Policy::parse(Some(PolicyId::new(PROMISE)), text);
        let promise = promise.map_err(|error| error.to_string())?;
        let mut set = set.clone();
        if CompiledPolicy::compile(&promise, environment, &self.schema).is_ok() {
            set.add(promise).map_err(|error| error.to_string())?;
        }
        Ok(set)
    }
}

/// Policies as a set.
pub(super) fn set(policies: Vec<Policy>) -> Result<PolicySet, Trouble> {
    PolicySet::from_policies(policies).map_err(|error| Trouble::Undecided(error.to_string()))
}

/// The number of environments, counted another way: none may be left out in silence.
fn count(schema: &Schema, found: usize) -> Result<(), Trouble> {
    let mut wanted = 0_usize;
    for action in schema.actions() {
        let principals = schema.principals_for_action(action);
        let resources = schema.resources_for_action(action);
        let pairs = principals
            .map_or(0, Iterator::count)
            .saturating_mul(resources.map_or(0, Iterator::count));
        wanted = wanted.saturating_add(pairs);
    }
    if found == 0 || found != wanted {
        let why = format!("{found} kinds of request of the schema's {wanted} would be proved");
        return Err(Trouble::Undecided(why));
    }
    Ok(())
}

/// What the authorizer says to an example.
pub(super) fn judge(set: &PolicySet, example: &Env) -> Response {
    Authorizer::new().is_authorized(&example.request, set, &example.entities)
}

/// What the authorizer can't evaluate in a policy, in an example.
pub(super) fn error_of(policy: &Policy, example: &Env) -> Option<String> {
    let set = PolicySet::from_policies([policy.clone()]).ok()?;
    let response = judge(&set, example);
    let error = response.diagnostics().errors().next()?;
    let cause = std::error::Error::source(error).map(ToString::to_string);
    Some(cause.unwrap_or_else(|| error.to_string()))
}
