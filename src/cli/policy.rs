//! Are the policies right, and do they decide as their cases say?
//!
//! Those for vehicles, and those for operators where the folder has them.

mod build;
mod explain;
mod fmt;
mod lint;
mod loaded;
mod offline;
mod prove;
mod test;

use std::path::{Path, PathBuf};

use crate::adapters::generations::read_bundle;
use crate::admin::authority::{self, Authority};
use crate::cli::{End, Failure, chosen, data};
use crate::config;
use crate::pipeline::policy::PolicySet;
use crate::pipeline::policy::bundle::{Bundle, VerifyingKey};
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::read;

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
    Test(test::Args),
    /// Say why a case comes out so: who decided, or which permit is nearest and what it misses.
    ///
    /// Of a case, or with `--record` of a decision that the audit log tells of. Allowed, forbidden, not permitted, or errored; the deciding policies with their reasons. Where no
    /// policy permits it, the nearest permit: among those whose scope fits, the one with the fewest
    /// conditions that don't hold, each as it is written and where.
    Explain(explain::Args),
    /// Prove what the policies never allow and never refuse; exit 4 if anything isn't proved.
    ///
    /// Over every kind of request and every state of the facts, with the solver cvc5. What the policies
    /// allow must be within each file of `ceilings/`; what a file of `floors/` allows they must allow;
    /// no policy may fail to be evaluated. What doesn't hold is told by an example: who, what, to which
    /// car, by which policy. In each run a hole is planted, and must be found. The operators' policies, in
    /// `admin/`, are proved in the same way.
    Prove(prove::Args),
    /// Check, test and prove, and write it all into one signed file, which a gateway loads.
    ///
    /// Schema, policies, cases, ceilings and floors, with what was proved of them. Exit 3 or 4 if
    /// anything is wrong: nothing is written then. The same files at the same time (`--built`) make the
    /// same bytes.
    Build(build::Args),
    /// Which policies a gateway has in force, and which bundles it keeps.
    Show(loaded::ShowArgs),
    /// Have a gateway go back to a policy bundle that it loaded before: the one before, or `--to`.
    ///
    /// It needs no network: five bundles are kept. The one that was left stays left until another one
    /// lies in its place.
    Rollback(loaded::RollBackArgs),
    /// Let a gateway load a bundle that nobody signed or proved; recorded, logged, and for a time.
    ///
    /// For when nobody who can sign is there. It is for this one file, however it gets in its place; its
    /// cases must still pass. What is in force stays in force when the time is over; a start or a reload
    /// refuses it then.
    BreakGlass(loaded::BreakGlassArgs),
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
    /// Folder of schema and policies, or a bundle [default: policies].
    #[arg(value_name = "DIR", conflicts_with = "config")]
    directory: Option<PathBuf>,
    /// Public key that a bundle must be signed by, PEM. Repeatable.
    #[arg(long = "key", value_name = "FILE", conflicts_with = "config")]
    keys: Vec<PathBuf>,
    /// Configuration file whose policies are meant.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
}

impl Target {
    /// What is to be read. A bundle is read only if a given key signed it.
    fn files(&self) -> Result<Files, Failure> {
        match (&self.directory, &self.config) {
            (None, Some(file)) => Ok(chosen::choose(&config::load(file, &[])?)?.files),
            (Some(path), _) if path.is_file() => self.open(path),
            (Some(_) | None, _) => Ok(Files::folder(&self.folder()?)),
        }
    }

    fn open(&self, path: &Path) -> Result<Files, Failure> {
        let invalid = |flaw: String| Failure::new(End::InvalidInput, flaw);
        if self.keys.is_empty() {
            let message = "a bundle is read by the key that signed it: `--key FILE`";
            return Err(Failure::new(End::Usage, message));
        }
        let keys = self.keys.iter().map(|file| VerifyingKey::read(file));
        let keys = keys.collect::<Result<Vec<_>, _>>().map_err(invalid)?;
        let bytes = read_bundle(path).map_err(invalid)?;
        let bundle = Bundle::open(&bytes, &keys, |_| false);
        let bundle = bundle.map_err(|flaw| invalid(format!("`{}` {flaw}", path.display())))?;
        Ok(bundle.files(path))
    }

    /// A folder that can be written to.
    fn folder(&self) -> Result<PathBuf, Failure> {
        let folder = match (&self.directory, &self.config) {
            (Some(directory), _) => directory.clone(),
            (None, Some(file)) => config::load(file, &[])?.config.policies,
            (None, None) => PathBuf::from("policies"),
        };
        if folder.is_file() {
            let message = format!("`{}` is a file: wanted a folder", folder.display());
            return Err(Failure::new(End::InvalidInput, message));
        }
        Ok(folder)
    }
}

/// Runs it.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        PolicyCommand::Test(args) => test::run(args),
        PolicyCommand::Check(target) => check(&target.files()?, &mut data),
        PolicyCommand::Explain(args) => explain::run(args),
        PolicyCommand::Fmt(args) => fmt::run(args),
        PolicyCommand::Lint(args) => lint::run(args),
        PolicyCommand::Prove(args) => prove::run(args),
        PolicyCommand::Build(args) => build::run(args),
        PolicyCommand::Show(args) => loaded::show(args),
        PolicyCommand::Rollback(args) => loaded::roll_back(args),
        PolicyCommand::BreakGlass(args) => loaded::break_glass(args),
    }
}

fn check(files: &Files, say: &mut dyn FnMut(&str)) -> Result<(), Failure> {
    let policies = PolicySet::of(files)?;
    let valid =
        |files: &Files, revision: &str| format!("{}: valid, revision {revision}", files.place());
    let operators = operators(files)?;
    say(&valid(files, policies.revision()));
    if let Some((folder, authority)) = operators {
        say(&valid(&folder, authority.revision()));
    }
    Ok(())
}

/// The folders with policies, each with the name of its schema: those for vehicles, and those for
/// operators beside them.
fn sets(files: &Files) -> Vec<(Files, &'static str)> {
    let operators = files.below(authority::FOLDER);
    let mut sets = vec![(files.clone(), read::SCHEMA)];
    if operators.exist() {
        sets.push((operators, authority::SCHEMA));
    }
    sets
}

/// The operators' policies beside them, if there are any. A gateway insists on them.
fn operators(files: &Files) -> Result<Option<(Files, Authority)>, Failure> {
    let folder = files.below(authority::FOLDER);
    if !folder.exist() {
        return Ok(None);
    }
    let authority = Authority::of(&folder)?;
    Ok(Some((folder, authority)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli;

    fn run_on(command: &str, directory: &Path) -> Result<(), Failure> {
        let files = Files::folder(directory);
        match command {
            "test" => test::test(&files, &mut |_| {}),
            _ => check(&files, &mut |_| {}),
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

    #[test]
    fn a_policy_that_no_case_tries_lowers_the_coverage_and_ends_with_4() {
        use clap::Parser as _;

        let copy = copy();
        let never = "@id(\"never\")\n@owner(\"x\")\n@reason(\"x\")\n\
                     permit (principal is User, action == Action::\"ReadOdometer\", resource is Vehicle)\n\
                     when { resource.trim == \"none such\" };\n";
        let run = |min: &str| {
            let folder = copy.path().to_str().unwrap();
            let words = [
                "vingate",
                "policy",
                "test",
                folder,
                "--coverage",
                "--min",
                min,
            ];
            cli::run(cli::Cli::try_parse_from(words).unwrap())
        };
        assert_eq!(
            run("100"),
            Ok(()),
            "all shipped policies are tried both ways"
        );
        std::fs::write(copy.path().join("never.cedar"), never).unwrap();
        assert_eq!(run("50"), Ok(()));
        let failure = run("100").unwrap_err();
        assert_eq!(failure.end, End::TestFailed);
        assert!(failure.message.contains("less than 100 %"), "{failure}");
    }
}
