//! Does the prover find a hole that is there?

use cedar_policy::{Policy, PolicyId, PolicySet};

use crate::pipeline::policy::bounds::{Bound, Kind};
use crate::prove::estate::Estate;
use crate::prove::name;
use crate::prove::solver::{Answer, Solver};

/// The hole; no `@id` can be this.
const PLANTED: &str = "planted: everyone may do everything";

/// Adds a permit for everyone to the live policies, and tells where it was found: refuted by the
/// solver, not by sorting alone, and confirmed by the authorizer.
pub(super) async fn find(
    solver: &mut Solver<'_>,
    estate: &Estate,
    bounds: &[Bound],
) -> Result<String, String> {
    let mut planted = estate.live.clone();
    planted.add(hole()?).map_err(|error| error.to_string())?;
    for environment in &estate.environments {
        for ceiling in bounds.iter().filter(|bound| bound.kind == Kind::Ceiling) {
            let before = solver.answered();
            let (less, more) = (&planted, &ceiling.policies);
            match estate.implies(solver, environment, less, more).await {
                Answer::Broken(_) if solver.answered() > before => {
                    let found = format!("{}, beyond ceiling {}", name(environment), ceiling.name);
                    return Ok(found);
                }
                Answer::Broken(_) | Answer::Holds => {}
                Answer::Undecided(why) => return Err(format!("{}: {why}", name(environment))),
            }
        }
    }
    Err("a permit for everyone, planted among the policies, was not found".to_owned())
}

/// Whether a bound can be broken at all: a ceiling by a permit for everyone, a floor by no policy.
pub(super) async fn says_something(
    solver: &mut Solver<'_>,
    estate: &Estate,
    bound: &Bound,
) -> Result<(), String> {
    let mut everything = PolicySet::new();
    everything.add(hole()?).map_err(|error| error.to_string())?;
    let nothing = PolicySet::new();
    let (less, more, why) = match bound.kind {
        Kind::Ceiling => (
            &everything,
            &bound.policies,
            "says nothing: a permit for everyone is within it",
        ),
        Kind::Floor => (
            &bound.policies,
            &nothing,
            "says nothing: it allows nothing at all",
        ),
    };
    for environment in &estate.environments {
        match estate.implies(solver, environment, less, more).await {
            Answer::Broken(_) => return Ok(()),
            Answer::Holds => {}
            Answer::Undecided(why) => return Err(format!("{}: {why}", name(environment))),
        }
    }
    Err(why.to_owned())
}

fn hole() -> Result<Policy, String> {
    let text = "permit (principal, action, resource);";
    Policy::parse(Some(PolicyId::new(PLANTED)), text).map_err(|error| error.to_string())
}
