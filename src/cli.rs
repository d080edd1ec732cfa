//! Which commands are there, and how do they end?
//!
//! stdout is data, stderr is talk. Exit codes: 0 done, 1 failed, 2 usage, 3 invalid input, 4 test or
//! proof failed, 5 refused, 6 not confirmed by every replica, 7 conflict.

mod chosen;
mod recorded;
mod whole;
pub mod reach;
pub mod run;
pub mod check;
pub mod config;
pub mod switch;
pub mod policy;
pub mod ownership;
pub mod audit;
pub mod status;
pub mod token;

use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::Mistakes;

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "vingate", version, about, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One command each.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve requests.
    Run(run::Args),
    /// Check configuration, routes, keys, policies and their cases.
    Check(check::Args),
    /// Show the configuration's schema, or the values in force.
    Config(config::Args),
    /// Close, reopen and list entrances of a running gateway.
    Switch(Box<switch::Args>),
    /// Check, test and prove Cedar policies.
    Policy(policy::Args),
    /// Fill and read the ownership directory.
    Ownership(ownership::Args),
    /// Take tokens back before their end, let them count again, list them.
    Token(Box<token::Args>),
    /// Check that no line of the audit log or the switch log is missing or altered.
    Audit(audit::Args),
    /// Show how a running gateway does: surfaces, switches, replicas, dependencies, policy errors.
    Status(status::Args),
}

/// Which configuration, with which overrides.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArgs {
    /// Configuration file, TOML.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub config: PathBuf,
    /// Override one key, such as `listeners.edge.address=127.0.0.1:0`; may be given several times.
    ///
    /// The key is dotted as in TOML. The value is TOML where that fits the key, else plain text. A
    /// relative path starts at the working directory.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// One JSON document.
    Json,
    /// One value a line, for scripts.
    Plain,
}

/// How a command ends when it doesn't succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// Which end.
    pub end: End,
    /// What was wanted; lower case, no full stop. May have several lines.
    pub message: String,
}

/// Ends with a code of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the exit codes' table is in the file's head")]
pub enum End {
    Failed,
    Usage,
    InvalidInput,
    TestFailed,
    Refused,
    NotConfirmed,
    Conflict,
}

impl End {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::InvalidInput => 3,
            Self::TestFailed => 4,
            Self::Refused => 5,
            Self::NotConfirmed => 6,
            Self::Conflict => 7,
        }
    }
}

impl Failure {
    /// Makes one.
    pub fn new(end: End, message: impl Into<String>) -> Self {
        Self {
            end,
            message: message.into(),
        }
    }
}

impl From<Mistakes> for Failure {
    /// One line a mistake, then how many.
    fn from(mistakes: Mistakes) -> Self {
        let count = mistakes.count();
        let noun = if count == 1 { "mistake" } else { "mistakes" };
        Self::new(
            End::InvalidInput,
            format!("{mistakes}vingate: {count} {noun}"),
        )
    }
}

/// Set when data could not be written, so that the command fails.
static DATA_LOST: AtomicBool = AtomicBool::new(false);

/// Whether nobody reads what is printed.
fn is_data_lost() -> bool {
    DATA_LOST.load(Ordering::Relaxed)
}

/// Runs one command.
///
/// # Errors
/// What the command fails with, or that its data could not be written.
pub fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Switch(args) => switch::run(&args),
        Command::Policy(args) => policy::run(&args),
        Command::Ownership(args) => ownership::run(&args),
        Command::Token(args) => token::run(&args),
        Command::Audit(args) => audit::run(&args),
        Command::Status(args) => status::run(&args),
    }?;
    if DATA_LOST.load(Ordering::Relaxed) {
        return Err(Failure::new(End::Failed, "not all data could be written"));
    }
    Ok(())
}

/// Prints one line of data. A reader that went away (`vingate ... | head`) has what it wanted.
pub fn data(line: &str) {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{line}").and_then(|()| out.flush());
    if written.is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
        DATA_LOST.store(true, Ordering::Relaxed);
    }
}

/// Prints rows as columns; the last one is as wide as it is.
pub fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) {
    let mut widths = [0_usize; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        data(cells.join("  ").trim_end());
    }
}

/// Says one line to the person.
pub fn talk(line: &str) {
    drop(writeln!(io::stderr().lock(), "{line}")); // nobody is left to be told
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;
    use clap::error::ErrorKind as Usage;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_errors_end_with_2_and_help_with_0() {
        let table: [(&[&str], Usage, i32); 6] = [
            (&[], Usage::DisplayHelpOnMissingArgumentOrSubcommand, 2),
            (&["chek"], Usage::InvalidSubcommand, 2),
            (&["check"], Usage::MissingRequiredArgument, 2),
            (&["check", "-c", "f", "-o", "xml"], Usage::InvalidValue, 2),
            (&["config", "schema", "--all"], Usage::UnknownArgument, 2),
            (&["check", "--help"], Usage::DisplayHelp, 0),
        ];
        for (arguments, kind, code) in table {
            let words = ["vingate"].iter().chain(arguments);
            let error = Cli::try_parse_from(words).unwrap_err();
            assert_eq!(
                (error.kind(), error.exit_code()),
                (kind, code),
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn mistakes_are_one_line_each_and_counted() {
        let mut mistakes = Mistakes::default();
        mistakes.add("a:1", "wrong");
        mistakes.add("b:2", "wrong too");
        let failure = Failure::from(mistakes);
        assert_eq!(failure.end.code(), 3);
        assert_eq!(
            failure.message,
            "a:1: wrong\nb:2: wrong too\nvingate: 2 mistakes"
        );
    }
}
