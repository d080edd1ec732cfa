//! Which policies change nothing?
//!
//! Dead: it applies to nothing. Shadowed: whatever it could permit is forbidden. Redundant: without it
//! the others decide the same, so it only misleads whoever reads it.

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, RequestEnv};
use cedar_policy_symcc::{CompiledPolicy, CompiledPolicySet};

use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::read;
use crate::prove::estate::{self, Estate};
use crate::prove::solver::{Answer, Question, Solver};
use crate::prove::{Cvc5, Trouble, id, name, runtime};

/// Searches the live policies; a line each.
///
/// # Errors
/// Files with mistakes, or no solver.
pub fn search(files: &Files, cvc5: &Cvc5) -> Result<Vec<String>, Trouble> {
    let estate = Estate::read(files, read::SCHEMA)?;
    runtime()?.block_on(async {
        let mut solver = Solver::start(cvc5).map_err(Trouble::Undecided)?;
        let mut found = Vec::new();
        for policy in estate.live.policies() {
            if let Some(what) = useless(&mut solver, &estate, policy).await? {
                let place = estate.places.get(id(policy));
                let place = place.map_or("", String::as_str);
                found.push(format!("{place}: @id(\"{}\") {what}", id(policy)));
            }
        }
        found.sort_unstable();
        Ok(found)
    })
}

/// What is wrong with a policy, if anything.
async fn useless(
    solver: &mut Solver<'_>,
    estate: &Estate,
    policy: &Policy,
) -> Result<Option<String>, Trouble> {
    let environments: Vec<RequestEnv> = policy.get_valid_request_envs(&estate.schema).collect();
    let dead = Ask::Dead(policy);
    match all(solver, estate, &environments, &dead).await {
        Answer::Holds => return Ok(Some("is dead: it applies to no request".to_owned())),
        Answer::Broken(_) => {}
        Answer::Undecided(why) => return Ok(Some(format!("may be dead: {why}"))),
    }
    let mut rest = estate.live.clone();
    let gone = PolicyId::new(id(policy));
    rest.remove_static(gone)
        .map_err(|error| Trouble::Undecided(error.to_string()))?;
    match all(solver, estate, &environments, &Ask::Same(&rest)).await {
        Answer::Broken(_) => Ok(None),
        Answer::Undecided(why) => Ok(Some(format!("may change nothing: {why}"))),
        Answer::Holds => {
            let shadowed = policy.effect() == Effect::Permit
                && is_forbidden(solver, estate, &environments, policy).await?;
            let what = if shadowed {
                "is shadowed: all that it permits is forbidden"
            } else {
                "is redundant: without it the others decide the same"
            };
            Ok(Some(what.to_owned()))
        }
    }
}

/// Whether the live forbids leave nothing of a permit.
async fn is_forbidden(
    solver: &mut Solver<'_>,
    estate: &Estate,
    environments: &[RequestEnv],
    policy: &Policy,
) -> Result<bool, Trouble> {
    let forbids = estate.live.policies();
    let forbids = forbids.filter(|other| other.effect() == Effect::Forbid);
    let alone = estate::set(forbids.chain([policy]).cloned().collect())?;
    let answer = all(solver, estate, environments, &Ask::Nothing(&alone)).await;
    Ok(matches!(answer, Answer::Holds))
}

/// What is asked in each environment.
enum Ask<'a> {
    Dead(&'a Policy),
    /// Do these decide as the live policies?
    Same(&'a PolicySet),
    /// Do these allow nothing?
    Nothing(&'a PolicySet),
}

/// Whether something holds in all environments; the first where it doesn't, or isn't known.
async fn all(
    solver: &mut Solver<'_>,
    estate: &Estate,
    environments: &[RequestEnv],
    ask: &Ask<'_>,
) -> Answer {
    let mut open = None;
    for environment in environments {
        let answer = match one(solver, estate, environment, ask).await {
            Ok(answer) => answer,
            Err(why) => Answer::Undecided(why),
        };
        match answer {
            Answer::Holds => {}
            Answer::Broken(_) => return answer,
            Answer::Undecided(why) => open = Some(format!("{}: {why}", name(environment))),
        }
    }
    open.map_or(Answer::Holds, Answer::Undecided)
}

async fn one(
    solver: &mut Solver<'_>,
    estate: &Estate,
    environment: &RequestEnv,
    ask: &Ask<'_>,
) -> Result<Answer, String> {
    let schema = &estate.schema;
    let compile = |set: &PolicySet| {
        let set = estate.promised(environment, set)?;
        CompiledPolicySet::compile(&set, environment, schema).map_err(|error| error.to_string())
    };
    match ask {
        Ask::Dead(policy) => {
            let policy = CompiledPolicy::compile(policy, environment, schema);
            let policy = policy.map_err(|error| error.to_string())?;
            Ok(solver.ask(Question::NeverMatches(&policy)).await)
        }
        Ask::Same(rest) => {
            let (live, rest) = (compile(&estate.live)?, compile(rest)?);
            Ok(solver.ask(Question::Equivalent(&live, &rest)).await)
        }
        Ask::Nothing(set) => {
            let (set, nothing) = (compile(set)?, compile(&PolicySet::new())?);
            Ok(solver.ask(Question::Implies(&set, &nothing)).await)
        }
    }
}
