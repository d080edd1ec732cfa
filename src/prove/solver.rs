//! How is cvc5 asked, and which answer is none?

use std::future::Future;
use std::io;

use cedar_policy_symcc::solver::{
    Decision, DecisionWithModel, LocalSolver, Solver as Solving, SolverError,
};
use cedar_policy_symcc::{CedarSymCompiler, CompiledPolicy, CompiledPolicySet, Env, err};
use tokio::io::AsyncWrite;
use tokio::process::Command;
use tokio::time::timeout;

use crate::prove::Cvc5;

/// How many questions may stay open before no more are asked: a solver that is broken would take its
/// whole time for each.
const PATIENCE: usize = 10;

/// What is asked about one environment.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question<'a> {
    /// Does the second allow whatever the first allows?
    Implies(&'a CompiledPolicySet, &'a CompiledPolicySet),
    /// Do both allow the same?
    Equivalent(&'a CompiledPolicySet, &'a CompiledPolicySet),
    /// Can it always be evaluated?
    NeverErrs(&'a CompiledPolicy),
    /// Does it apply to nothing?
    NeverMatches(&'a CompiledPolicy),
}

/// What came out.
#[derive(Debug)]
pub(super) enum Answer {
    /// Yes, always.
    Holds,
    /// No: for example here.
    Broken(Box<Env>),
    /// Nobody knows, and this is why. Never a yes.
    Undecided(String),
}

/// A running cvc5.
pub(super) struct Solver<'a> {
    cvc5: &'a Cvc5,
    /// None after an error: what is left of its output could answer the next question.
    compiler: Option<CedarSymCompiler<Counted>>,
    answered: usize,
    patience: usize,
}

impl<'a> Solver<'a> {
    /// Starts one.
    pub(super) fn start(cvc5: &'a Cvc5) -> Result<Self, String> {
        Ok(Self {
            compiler: Some(spawn(cvc5)?),
            cvc5,
            answered: 0,
            patience: PATIENCE,
        })
    }

    /// How many questions the solver itself has answered; some need no solver.
    pub(super) fn answered(&self) -> usize {
        self.answered
    }

    /// Asks.
    pub(super) async fn ask(&mut self, question: Question<'_>) -> Answer {
        if self.patience == 0 {
            return Answer::Undecided(format!(
                "not asked, after {PATIENCE} questions without an answer"
            ));
        }
        let answer = self.ask_once(question).await;
        if matches!(answer, Answer::Undecided(_)) {
            self.patience = self.patience.saturating_sub(1);
        }
        answer
    }

    async fn ask_once(&mut self, question: Question<'_>) -> Answer {
        let compiler = match self.compiler.take() {
            Some(compiler) => Ok(compiler),
            None => spawn(self.cvc5),
        };
        let mut compiler = match compiler {
            Ok(compiler) => compiler,
            Err(why) => return Answer::Undecided(why),
        };
        // cvc5 keeps its own limit; this one is for a program that doesn't.
        let limit = self.cvc5.limit.saturating_mul(2);
        match timeout(limit, put(&mut compiler, question)).await {
            Ok(Ok(example)) => {
                self.answered = self.answered.saturating_add(compiler.solver().answered);
                compiler.solver_mut().answered = 0;
                self.compiler = Some(compiler);
                example.map_or(Answer::Holds, |example| Answer::Broken(Box::new(example)))
            }
            // INVARIANT: the solver is dropped here, and killed with it.
            Ok(Err(error)) => Answer::Undecided(explain(&error)),
            Err(_) => Answer::Undecided(format!("no answer from the solver within {limit:?}")),
        }
    }
}

async fn put(
    compiler: &mut CedarSymCompiler<Counted>,
    question: Question<'_>,
) -> err::Result<Option<Env>> {
    match question {
        Question::Implies(less, more) => {
            compiler
                .check_implies_with_counterexample_opt(less, more)
                .await
        }
        Question::Equivalent(one, other) => {
            compiler
                .check_equivalent_with_counterexample_opt(one, other)
                .await
        }
        Question::NeverErrs(policy) => {
            compiler
                .check_never_errors_with_counterexample_opt(policy)
                .await
        }
        Question::NeverMatches(policy) => {
            compiler
                .check_never_matches_with_counterexample_opt(policy)
                .await
        }
    }
}

fn explain(error: &err::Error) -> String {
    if matches!(error, err::Error::SolverUnknown) {
        return "the solver doesn't know, within its time".to_owned();
    }
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

/// A new process. Its limit is a question's: `--tlimit` would be that of its whole life.
fn spawn(cvc5: &Cvc5) -> Result<CedarSymCompiler<Counted>, String> {
    let mut command = Command::new(&cvc5.program);
    let limit = format!("--tlimit-per={}", cvc5.limit.as_millis());
    command.args(["--lang", "smt", &limit]).kill_on_drop(true);
    let inner = LocalSolver::from_command(&mut command).map_err(|error| missing(cvc5, &error))?;
    let counted = Counted { inner, answered: 0 };
    CedarSymCompiler::new(counted).map_err(|error| error.to_string())
}

fn missing(cvc5: &Cvc5, error: &SolverError) -> String {
    let program = cvc5.program.display();
    let advice = "install Debian's package `cvc5`, or name the program by `--solver` or CVC5";
    match error {
        SolverError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
            format!("there is no solver `{program}`: {advice}")
        }
        SolverError::Io(error) => {
            format!("the solver `{program}` doesn't start: {error}; {advice}")
        }
        SolverError::Solver(_)
        | SolverError::UnrecognizedSolverOutput(_)
        | SolverError::SolverMarkedFailed => {
            format!("the solver `{program}` doesn't start: {error}")
        }
    }
}

/// A solver that counts what it was asked.
struct Counted {
    inner: LocalSolver,
    answered: usize,
}

impl Solving for Counted {
    fn smtlib_input(&mut self) -> &mut (dyn AsyncWrite + Unpin + Send) {
        self.inner.smtlib_input()
    }

    fn enable_models(&mut self) -> impl Future<Output = Result<(), SolverError>> + Send {
        self.inner.enable_models()
    }

    async fn check_sat(&mut self) -> Result<Decision, SolverError> {
        let decision = self.inner.check_sat().await?;
        self.answered = self.answered.saturating_add(1);
        Ok(decision)
    }

    async fn check_sat_with_model(&mut self) -> Result<DecisionWithModel, SolverError> {
        let decision = self.inner.check_sat_with_model().await?;
        self.answered = self.answered.saturating_add(1);
        Ok(decision)
    }
}
