//! What can the policies never allow, and what do they never refuse?
//!
//! Proved before load, over every request that the schema knows and every state of the facts, with
//! `cedar-policy-symcc` and the solver cvc5. What the live policies allow must be within every file of
//! `ceilings/`; what a file of `floors/` allows, the live policies must allow; no policy may err.
//!
//! INVARIANT: an unknown, an error, a solver that is missing or gone, and nothing to ask are never a
//! pass. A counterexample is told only if the authorizer confirms it; a hole that is planted in each
//! run must be found.
//!
//! What a pass means: the policies are right, not the facts that the gateway asks them with.

pub mod deep;
mod estate;
mod plant;
mod shape;
mod solver;
mod story;

use std::path::PathBuf;
use std::time::Duration;

use cedar_policy::{Policy, PolicyId, RequestEnv};
use cedar_policy_symcc::CompiledPolicy;

use crate::config::Mistakes;
use crate::pipeline::policy::bounds::{self, Bound, Kind};
use crate::pipeline::policy::files::Files;

use estate::Estate;
use solver::{Answer, Question, Solver};
use story::{Story, Teller};

/// The solver to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cvc5 {
    /// Its program; a bare name is looked up on `PATH`.
    pub program: PathBuf,
    /// How long it may think about one question.
    pub limit: Duration,
}

/// What was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Folder of the policies.
    pub place: String,
    /// Of the live policies.
    pub revision: String,
    /// How many kinds of request there are: principal type, action, resource type.
    pub environments: usize,
    /// How many questions the solver answered; the others needed none.
    pub asked: usize,
    /// Which planted hole was found.
    pub planted: String,
    /// Each with what came out.
    pub claims: Vec<Claim>,
}

/// Something that must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// `ceiling related`, `floor owner`, `never errs`.
    pub name: String,
    /// The same in a sentence.
    pub says: String,
    /// Where it is written.
    pub place: String,
    /// Confirmed counterexamples, in a person's words.
    pub broken: Vec<String>,
    /// What could not be decided, and why.
    pub undecided: Vec<String>,
}

impl Claim {
    /// Whether it was proved.
    pub fn holds(&self) -> bool {
        self.broken.is_empty() && self.undecided.is_empty()
    }
}

impl Proof {
    /// How many claims were not proved.
    pub fn open(&self) -> usize {
        self.claims.iter().filter(|claim| !claim.holds()).count()
    }
}

/// Why nothing could be proved at all.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The files are wrong.
    #[error("{0}")]
    Wrong(#[from] Mistakes),
    /// The solver is not there, or not to be trusted.
    #[error("nothing can be decided: {0}")]
    Undecided(String),
}

/// Proves what the files' ceilings and floors say of its policies; their schema is the file of this name.
///
/// # Errors
/// Files with mistakes, none of a kind, no solver, or a prover that misses the planted hole.
pub fn prove(files: &Files, schema: &str, cvc5: &Cvc5) -> Result<Proof, Trouble> {
    let estate = Estate::read(files, schema)?;
    let bounds = bounds::read_with(files, &estate.schema)?;
    let runtime = runtime()?;
    runtime.block_on(prove_all(&estate, &bounds, cvc5))
}

/// One thread: the solver is a process, and is asked one question at a time.
fn runtime() -> Result<tokio::runtime::Runtime, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| Trouble::Undecided(error.to_string()))
}

async fn prove_all(estate: &Estate, bounds: &[Bound], cvc5: &Cvc5) -> Result<Proof, Trouble> {
    let mut solver = Solver::start(cvc5).map_err(Trouble::Undecided)?;
    let planted = plant::find(&mut solver, estate, bounds).await;
    let planted = planted
        .map_err(|why| Trouble::Undecided(format!("the prover itself can't be trusted: {why}")))?;
    let mut claims = Vec::new();
    for bound in bounds {
        claims.push(check_bound(&mut solver, estate, bound).await);
    }
    claims.push(check_errors(&mut solver, estate).await);
    Ok(Proof {
        place: estate.place.clone(),
        revision: estate.revision.to_string(),
        environments: estate.environments.len(),
        asked: solver.answered(),
        planted,
        claims,
    })
}

async fn check_bound(solver: &mut Solver<'_>, estate: &Estate, bound: &Bound) -> Claim {
    let mut stories: Vec<Story> = Vec::new();
    let mut undecided = Vec::new();
    if let Err(why) = plant::says_something(solver, estate, bound).await {
        undecided.push(why);
    }
    for environment in &estate.environments {
        let answer = match bound.kind {
            Kind::Ceiling => {
                let (less, more) = (&estate.live, &bound.policies);
                estate.implies(solver, environment, less, more).await
            }
            Kind::Floor => {
                let (less, more) = (&bound.policies, &estate.live);
                estate.implies(solver, environment, less, more).await
            }
        };
        match answer {
            Answer::Holds => {}
            Answer::Broken(example) => {
                story::gather(&mut stories, Teller::of(estate, &example).bound(bound));
            }
            Answer::Undecided(why) => undecided.push(told(environment, &why)),
        }
    }
    Claim {
        name: bound.kind.claim(&bound.name),
        says: bound.says.clone(),
        place: bound.place.clone(),
        broken: stories.iter().map(ToString::to_string).collect(),
        undecided,
    }
}

/// Cedar skips a policy that errs; the gateway then denies, for everyone whom it concerns.
async fn check_errors(solver: &mut Solver<'_>, estate: &Estate) -> Claim {
    let mut stories = Vec::new();
    let mut undecided = Vec::new();
    for policy in estate.live.policies() {
        for environment in policy.get_valid_request_envs(&estate.schema) {
            match errs(solver, estate, policy, &environment).await {
                Answer::Holds => {}
                Answer::Broken(example) => {
                    story::gather(&mut stories, Teller::of(estate, &example).error(policy));
                }
                Answer::Undecided(why) => undecided.push(told(&environment, &why)),
            }
        }
    }
    Claim {
        name: bounds::NEVER_ERRS.to_owned(),
        says: "every policy can be evaluated, whatever the facts".to_owned(),
        place: estate.place.clone(),
        broken: stories.iter().map(ToString::to_string).collect(),
        undecided,
    }
}

async fn errs(
    solver: &mut Solver<'_>,
    estate: &Estate,
    policy: &Policy,
    environment: &RequestEnv,
) -> Answer {
    let compiled = match CompiledPolicy::compile(policy, environment, &estate.schema) {
        Ok(compiled) => compiled,
        Err(error) => return Answer::Undecided(error.to_string()),
    };
    let answer = solver.ask(Question::NeverErrs(&compiled)).await;
    if let Answer::Broken(example) = &answer
        && estate::error_of(policy, example).is_none()
    {
        return Answer::Undecided(estate::UNCONFIRMED.to_owned());
    }
    answer
}

fn told(environment: &RequestEnv, why: &str) -> String {
    format!("{}: {why}", name(environment))
}

/// `User does ReadVehicle to Vehicle`.
fn name(environment: &RequestEnv) -> String {
    format!(
        "{} does {} to {}",
        environment.principal(),
        environment.action().id().unescaped(),
        environment.resource()
    )
}

/// The `@id` of a policy as its key.
fn id(policy: &Policy) -> &str {
    let id: &PolicyId = policy.id();
    id.as_ref()
}
