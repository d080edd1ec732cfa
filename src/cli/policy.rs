//! Are the policies right, and do they decide as their cases say?
//!
//! Those for vehicles, and those for operators where the folder has them.

mod fmt;
mod lint;
mod prove;

use std::path::{Path, PathBuf};

use crate::admin::authority::{self, Authority};
use crate::cli::{End, Failure, data};
use crate::config;
use crate::pipeline::policy::PolicySet;
use crate::pipeline::policy::cases::{CaseReport, run_cases};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: PolicyCommand,
}

/// What to do with the policies.
#[derive(Debug, clap::Subcommand)]
enum PolicyCommand {
    /// Write policies the way Cedar's formatter does; exit 1 if `--check` finds one that isn't.
    Fmt(fmt::Args),
    /// Parse and validate schema and policies; exit 3 if anything is wrong.
    ///
    /// Strictly: a policy that can never apply, one that may not find what it asks for, one without
    /// `@id`, `@owner` and `@reason`, a clock or an age in the context, and characters that hide or look
    /// alike are mistakes. A gateway insists on the same when it starts.
    Check(Target),
    /// Check, ceilings and floors too; `--deep` finds policies that change nothing.
    Lint(lint::Args),
    /// Run the policies' cases; exit 4 if one fails.
    Test(Target),
    /// Prove what the policies never allow and never refuse; exit 4 if anything isn't proved.
    ///
    /// Over every kind of request and every state of the facts, with the solver cvc5. What the policies
    /// allow must be within each file of `ceilings/`; what a file of `floors/` allows they must allow;
    /// no policy may fail to be evaluated. What doesn't hold is told by an example: who, what, to which
    /// car, by which policy. In each run a hole is planted, and must be found.
    Prove(prove::Args),
}

/// How long the solver may think.
#[derive(Debug, clap::Args)]
struct Solver {
    /// The solver's program, cvc5 1.0 or later.
    #[arg(long, env = "CVC5", value_name = "PROGRAM", default_value = "cvc5")]
    solver: PathBuf,
    /// How many seconds it may take for one question.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    time_limit: u16,
}

#[cfg(feature = "prove")]
impl Solver {
    fn cvc5(&self) -> crate::prove::Cvc5 {
        crate::prove::Cvc5 {
            program: self.solver.clone(),
            limit: std::time::Duration::from_secs(self.time_limit.into()),
        }
    }
}

/// What a build without the feature says.
#[cfg(not(feature = "prove"))]
fn without_prover() -> Failure {
    let message = "this build has no prover: it was made without the cargo feature `prove`";
    Failure::new(End::Failed, message)
}

/// Which policies.
#[derive(Debug, clap::Args)]
struct Target {
    /// Folder of schema and policies [default: policies].
    #[arg(value_name = "DIR", conflicts_with = "config")]
    directory: Option<PathBuf>,
    /// Configuration file whose policies are meant.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Target {
    fn folder(&self) -> Result<PathBuf, Failure> {
        match (&self.directory, &self.config) {
            (Some(directory), _) => Ok(directory.clone()),
            (None, Some(file)) => Ok(config::load(file, &[])?.config.policies),
            (None, None) => Ok(PathBuf::from("policies")),
        }
    }
}

/// Runs it.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        PolicyCommand::Test(target) => test(&target.folder()?, &mut data),
        PolicyCommand::Check(target) => check(&target.folder()?, &mut data),
        PolicyCommand::Fmt(args) => fmt::run(args),
        PolicyCommand::Lint(args) => lint::run(args),
        PolicyCommand::Prove(args) => prove::run(args),
    }
}

fn check(directory: &Path, say: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    let policies = PolicySet::load(directory)?;
    let valid =
        |folder: &Path, revision: &str| format!("{}: valid, revision {revision}", folder.display());
    let operators = operators(directory)?;
    say(&valid(directory, policies.revision()));
    if let Some((folder, authority)) = operators {
        say(&valid(&folder, authority.revision()));
    }
    Ok(())
}

/// The operators' policies of a folder, if it has any. A gateway insists on them.
fn operators(directory: &Path) -> Result<Option<(PathBuf, Authority)>, Failure> {
    let folder = directory.join(authority::FOLDER);
    if !folder.exists() {
        return Ok(None);
    }
    let authority = Authority::load(&folder)?;
    Ok(Some((folder, authority)))
}

fn test(directory: &Path, say: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    let policies = PolicySet::load(directory)?;
    let mut report = run_cases(&policies, directory)?;
    if let Some((folder, authority)) = operators(directory)? {
        let more = authority::cases::run_cases(&authority, &folder)?;
        report.total = report.total.saturating_add(more.total);
        report.failures.extend(more.failures);
    }
    for line in lines(&report) {
        say(&line);
    }
    let (total, failed) = (report.total, report.failures.len());
    if total == 0 {
        // A test that asks nothing must not look like one that passed.
        let cases = directory.join("cases").display().to_string();
        return Err(Failure::new(
            End::InvalidInput,
            format!("no case in {cases}"),
        ));
    }
    say(&format!(
        "{} passed, {failed} failed",
        total.saturating_sub(failed)
    ));
    if failed == 0 {
        Ok(())
    } else {
        let message = format!("{failed} of {total} policy cases failed");
        Err(Failure::new(End::TestFailed, message))
    }
}

fn lines(report: &CaseReport) -> Vec<String> {
    let mut lines = Vec::new();
    for failure in &report.failures {
        lines.push(format!(
            "{}: {}: {}",
            failure.place, failure.name, failure.action
        ));
        lines.push(format!("  expected: {}", failure.expected));
        lines.push(format!("  got:      {}", failure.got));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_on(command: &str, directory: &Path) -> Result<(), Failure> {
        match command {
            "test" => test(directory, &mut |_| {}),
            _ => check(directory, &mut |_| {}),
        }
    }

    /// A copy of the shipped policies that a test may spoil.
    fn copy() -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for folder in ["", "cases", "admin", "admin/cases"] {
            std::fs::create_dir_all(copy.path().join(folder)).unwrap();
            let from = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("policies")
                .join(folder);
            for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
                if entry.path().is_file() {
                    let to = copy.path().join(folder).join(entry.file_name());
                    std::fs::copy(entry.path(), to).unwrap();
                }
            }
        }
        copy
    }

    #[test]
    fn shipped_policies_pass_their_cases() {
        let copy = copy();
        assert_eq!(run_on("check", copy.path()), Ok(()));
        assert_eq!(run_on("test", copy.path()), Ok(()));
    }

    #[test]
    fn a_failing_case_ends_with_4() {
        let copy = copy();
        let open = "@id(\"open\")\n@owner(\"x\")\n@reason(\"x\")\n\
                    permit (principal is User, action, resource is Vehicle);\n";
        std::fs::write(copy.path().join("open.cedar"), open).unwrap();
        let failure = run_on("test", copy.path()).unwrap_err();
        assert_eq!(failure.end, End::TestFailed);
        assert!(failure.message.contains("policy cases failed"), "{failure}");
    }

    #[test]
    fn a_failing_case_for_operators_ends_with_4() {
        let copy = copy();
        let open = "@id(\"open\")\n@owner(\"x\")\n@reason(\"x\")\n\
                    permit (principal, action, resource);\n";
        std::fs::write(copy.path().join("admin/open.cedar"), open).unwrap();
        assert_eq!(run_on("check", copy.path()), Ok(()));
        let failure = run_on("test", copy.path()).unwrap_err();
        assert_eq!(failure.end, End::TestFailed);
    }

    #[test]
    fn what_does_not_parse_ends_with_3() {
        for (file, text, wanted) in [
            ("admin/bad.cedar", "permit (\n", "admin/bad.cedar:"),
            ("admin/cases/bad.toml", "case = 1\n", "bad.toml:1"),
            ("bad.cedar", "permit (\n", "bad.cedar:"),
            ("cases/bad.toml", "now = \n", "bad.toml:1"),
            (
                "cases/bad.toml",
                "now = \"yesterday\"\ncase = []\nprincipal = {}\n",
                "bad.toml:1",
            ),
        ] {
            let copy = copy();
            std::fs::write(copy.path().join(file), text).unwrap();
            let failure = run_on("test", copy.path()).unwrap_err();
            assert_eq!(failure.end, End::InvalidInput, "{file}: {failure}");
            assert!(failure.message.contains(wanted), "{file}: {failure}");
        }
    }

    #[test]
    fn no_case_at_all_is_no_pass() {
        let copy = copy();
        std::fs::remove_dir_all(copy.path().join("admin")).unwrap();
        std::fs::remove_dir_all(copy.path().join("cases")).unwrap();
        let failure = run_on("test", copy.path()).unwrap_err();
        assert_eq!(failure.end, End::InvalidInput);
    }
}
