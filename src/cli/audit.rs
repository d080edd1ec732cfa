//! Is a line of the logs missing or altered?
//!
//! Reads files, so it works without a gateway, and on copies elsewhere; or asks a running gateway. Exit code 4: a chain is
//! broken; 3: a file is no log.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::adapters::audit_log::verify::{Unverifiable, verify};
use crate::adapters::history;
use crate::admin::facts::Verified;
use crate::chain::report::{End as Line, Report};
use crate::chain::{self, ChainKey};
use crate::cli::reach::Reach;
use crate::cli::{self, End, Failure, Output};
use crate::config;
use crate::pipeline::audit::Pseudonyms;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, clap::Subcommand)]
enum AuditCommand {
    /// Find missing, altered, added and moved lines; exit 4 if there are any.
    ///
    /// A cut-off end is found with the help of `FILE.head` beside the last file: copy it along. A
    /// line younger than that head, which is a second at most, can be cut off unseen.
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
struct Verify {
    #[command(flatten)]
    reach: Reach,
    /// Pseudonym key file; may be given several times, for a log that has had other keys.
    #[arg(long, value_name = "FILE")]
    chain_key: Vec<PathBuf>,
    /// How to print what was found.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    /// The files of one log, oldest first. Without files: the audit log and the switch log of the
    /// configuration; without a configuration either, those of the running gateway, by itself.
    #[arg(value_name = "FILES")]
    files: Vec<PathBuf>,
}

/// What is to be checked, and with what.
#[derive(Default)]
struct Task {
    logs: Vec<Log>,
    key_files: Vec<PathBuf>,
}

struct Log {
    name: &'static str,
    files: Vec<PathBuf>,
    /// It may not be there yet.
    optional: bool,
}

/// A log that was checked.
#[derive(Debug, Serialize)]
struct Checked {
    log: &'static str,
    files: Vec<PathBuf>,
    #[serde(flatten)]
    report: Report,
}

/// Runs it.
///
/// # Errors
/// A chain is broken (exit code 4), or a file is no log (3).
pub fn run(args: &Args) -> Result<(), Failure> {
    let AuditCommand::Verify(args) = &args.command;
    if args.reach.config.is_none() && args.chain_key.is_empty() {
        return live(args);
    }
    let task = task(args)?;
    let keys = chain_keys(&task.key_files)?;
    let mut found = Vec::new();
    for log in task.logs {
        match verify(&log.files, &keys) {
            Ok(report) => found.push(Checked {
                log: log.name,
                files: log.files,
                report,
            }),
            Err(error @ Unverifiable::Absent(_)) if log.optional => cli::talk(&error.to_string()),
            Err(error) => return Err(failed(&error)),
        }
    }
    print(&found, args.output)?;
    match found.iter().map(|checked| checked.report.broken).sum() {
        0_u64 => Ok(()),
        1 => Err(Failure::new(End::TestFailed, "`1` break in the chain")),
        broken => {
            let message = format!("`{broken}` breaks in the chain");
            Err(Failure::new(End::TestFailed, message))
        }
    }
}

/// What the running gateway finds in its own logs: it has the keys.
fn live(args: &Verify) -> Result<(), Failure> {
    if !args.files.is_empty() {
        let message = "files are verified with `-c FILE` or `--chain-key FILE`";
        return Err(Failure::new(End::Usage, message));
    }
    let client = args.reach.client()?;
    let (_, answer) = client.send(Method::GET, "/v1/audit:verify", Bytes::new())?;
    let read = serde_json::from_slice(&answer);
    let found: Vec<Verified> =
        read.map_err(|error| Failure::new(End::Failed, format!("an unreadable answer: {error}")))?;
    if args.output == Output::Json {
        cli::data(&String::from_utf8_lossy(&answer));
    }
    for one in found.iter().filter(|_| args.output != Output::Json) {
        let lines = one.report.get("lines").map(ToString::to_string);
        let state = if one.whole { "whole" } else { "BROKEN" };
        cli::data(&format!(
            "{}: {state}, {} lines",
            one.log,
            lines.unwrap_or_default()
        ));
        for part in ["breaks", "facts"] {
            let told = one.report.get(part).and_then(serde_json::Value::as_array);
            told.into_iter()
                .flatten()
                .for_each(|told| cli::data(&format!("  {part}: {told}")));
        }
    }
    if found.iter().all(|one| one.whole) {
        return Ok(());
    }
    Err(Failure::new(End::TestFailed, "a chain is broken"))
}

fn failed(error: &Unverifiable) -> Failure {
    let end = match error {
        Unverifiable::Absent(_) | Unverifiable::NoLog(_) => End::InvalidInput,
        Unverifiable::Unreadable(..) => End::Failed,
    };
    Failure::new(end, error.to_string())
}

fn task(args: &Verify) -> Result<Task, Failure> {
    let mut task = Task::default();
    let log = |name, files, optional| Log {
        name,
        files,
        optional,
    };
    if let Some(file) = &args.reach.config {
        let config = config::load(file, &args.reach.set)?.config;
        let switches = config.switches.directory.join(history::FILE);
        task.logs.push(log("audit", vec![config.audit.file], false));
        task.logs.push(log("switches", vec![switches], true));
        task.key_files.push(config.audit.pseudonym_key_file);
    }
    if !args.files.is_empty() {
        task.logs = vec![log("given", args.files.clone(), false)];
    }
    if task.logs.is_empty() {
        let message = "which log? name its files, or `-c FILE`";
        return Err(Failure::new(End::Usage, message));
    }
    task.key_files.extend_from_slice(&args.chain_key);
    Ok(task)
}

/// Each key file serves the request log and the switch log, which have keys of their own.
fn chain_keys(files: &[PathBuf]) -> Result<Vec<ChainKey>, Failure> {
    let mut keys = Vec::new();
    for file in files {
        let pseudonyms = read(file).map_err(|error| Failure::new(End::InvalidInput, error))?;
        for label in [chain::REQUEST_LOG, chain::SWITCH_LOG] {
            keys.push(ChainKey::new(&pseudonyms.derive(label)));
        }
    }
    Ok(keys)
}

fn read(file: &Path) -> Result<Pseudonyms, String> {
    let key = fs::read(file).map_err(|error| format!("`{}`: {error}", file.display()))?;
    Pseudonyms::new(&Zeroizing::new(key)).map_err(|error| format!("`{}`: {error}", file.display()))
}

fn print(found: &[Checked], output: Output) -> Result<(), Failure> {
    match output {
        Output::Json => {
            let text = serde_json::to_string_pretty(found)
                .map_err(|error| Failure::new(End::Failed, error.to_string()))?;
            cli::data(&text);
        }
        Output::Plain => found.iter().for_each(print_plain),
        Output::Table => {
            let head = [
                "LOG", "LINES", "FROM", "TO", "HEAD", "FIRST", "LAST", "BREAKS",
            ];
            let rows = found.iter().map(row);
            cli::table(
                &std::iter::once(head.map(str::to_owned))
                    .chain(rows)
                    .collect::<Vec<_>>(),
            );
            found.iter().for_each(print_findings);
        }
    }
    Ok(())
}

fn row(checked: &Checked) -> [String; 8] {
    let report = &checked.report;
    let n = |end: &Option<Line>| end.as_ref().map_or_else(dash, |end| end.n.to_string());
    let time = |end: &Option<Line>| {
        let time = end.as_ref().and_then(|end| end.time.clone());
        time.unwrap_or_else(dash)
    };
    [
        checked.log.to_owned(),
        report.lines.to_string(),
        n(&report.first),
        n(&report.last),
        report.at_least_up_to.map_or_else(dash, |n| n.to_string()),
        time(&report.first),
        time(&report.last),
        report.broken.to_string(),
    ]
}

fn dash() -> String {
    "-".to_owned()
}

fn print_plain(checked: &Checked) {
    let names = [
        "log", "lines", "from", "to", "head", "first", "last", "breaks",
    ];
    for (name, value) in names.iter().zip(row(checked)) {
        cli::data(&format!("{name}={value}"));
    }
    print_findings(checked);
}

fn print_findings(checked: &Checked) {
    for found in &checked.report.breaks {
        cli::data(&format!("broken {found}"));
    }
    for found in &checked.report.facts {
        cli::data(&format!("note {found}"));
    }
}

#[cfg(test)]
mod tests;
