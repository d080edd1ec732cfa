//! How does the running gateway do?

use std::io::IsTerminal as _;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use crate::admin::status::Status;
use crate::cli::reach::Reach;
use crate::cli::{self, End, Failure, Output, data, talk};
use crate::clock;

/// How often `--watch` asks.
const EVERY: Duration = Duration::from_secs(2);

/// Clears a terminal (ECMA-48: ED, CUP).
const CLEAR: &str = "\u{1b}[2J\u{1b}[H";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    reach: Reach,
    /// Ask every two seconds, until interrupted.
    #[arg(long)]
    watch: bool,
    /// How it is printed: `plain` is a name and a value a line.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Runs it.
///
/// # Errors
/// The gateway can't be asked.
pub fn run(args: &Args) -> Result<(), Failure> {
    if !args.watch {
        return show(args);
    }
    let clear = args.output == Output::Table && std::io::stdout().is_terminal();
    while !cli::is_data_lost() {
        if clear {
            data(CLEAR);
        }
        // A gateway that restarts comes back.
        if let Err(failure) = show(args) {
            talk(&format!("vingate: {failure}"));
        }
        if !clear && args.output == Output::Table {
            data("");
        }
        thread::sleep(EVERY);
    }
    Ok(())
}

fn show(args: &Args) -> Result<(), Failure> {
    let client = args.reach.client()?;
    let (_, answer) = client.send(Method::GET, "/v1/status", Bytes::new())?;
    let status = serde_json::from_slice(&answer)
        .map_err(|error| Failure::new(End::Failed, format!("an unreadable answer: {error}")))?;
    match args.output {
        Output::Json => data(&String::from_utf8_lossy(&answer)),
        Output::Plain => plain(&status),
        Output::Table => table(&status),
    }
    Ok(())
}

fn time(seconds: u64) -> String {
    clock::rfc3339(Duration::from_secs(seconds))
}

fn word(ok: bool) -> &'static str {
    if ok { "ok" } else { "FAILING" }
}

fn plain(status: &Status) {
    let mut lines = vec![
        format!("ready {}", status.ready),
        format!("rules {}", status.rules),
        format!("policies {}", status.policies),
        format!("policy-errors {}", status.policy_errors.count),
        format!("switch-revision {}", status.switches.revision),
        format!("in-force {}", status.switches.in_force.len()),
        format!("replicas {}", status.replicas.replicas.len()),
    ];
    let surfaces = status.surfaces.iter();
    lines.extend(surfaces.map(|one| format!("surface.{} {}", one.name, one.state)));
    lines.extend(status.dependencies.iter().map(|one| {
        let state = if one.ok { "ok" } else { "failing" };
        format!("dependency.{} {state}", one.name.replace(' ', "."))
    }));
    for line in &lines {
        data(line);
    }
}

fn table(status: &Status) {
    let switches = &status.switches;
    let errors = &status.policy_errors;
    let in_force = match switches.in_force.as_slice() {
        [] => "nothing is closed".to_owned(),
        ids => format!("{} in force: {}", ids.len(), ids.join(", ")),
    };
    let erred = match errors.count {
        0 => "no errors since the start".to_owned(),
        count => format!(
            "{count} ERRORS since the start, each a denial, last at {} on {}",
            time(errors.last),
            errors.route.as_deref().unwrap_or("-")
        ),
    };
    let ready = if status.ready { "ready" } else { "NOT READY" };
    let mut rows = vec![
        ["replica".to_owned(), status.replica.clone()],
        ["version".to_owned(), status.version.clone()],
        [
            "state".to_owned(),
            format!("{ready}, since {}", time(status.since)),
        ],
        ["rules".to_owned(), format!("revision {}", status.rules)],
        [
            "policies".to_owned(),
            format!("revision {}, {erred}", status.policies),
        ],
        [
            "switches".to_owned(),
            format!("revision {}, {in_force}", switches.revision),
        ],
    ];
    if !switches.durable {
        rows.push([
            String::new(),
            "not all of it is on disk: a restart may not keep it".to_owned(),
        ]);
    }
    if !switches.known {
        rows.push([
            String::new(),
            "no board is known yet: the cold-start states hold".to_owned(),
        ]);
    }
    rows.extend(around(status));
    cli::table(&rows);
}

/// Surfaces, replicas and dependencies.
fn around(status: &Status) -> Vec<[String; 2]> {
    let mut rows = Vec::new();
    rows.extend(status.surfaces.iter().map(|one| {
        let closures = one.closures.join(", ");
        let rate = format!("{:.1} requests/s", one.requests_per_second);
        let state = [one.state.clone(), rate, closures];
        let state: Vec<String> = state.into_iter().filter(|part| !part.is_empty()).collect();
        [format!("surface {}", one.name), state.join("  ")]
    }));
    rows.extend(status.replicas.replicas.iter().map(|one| {
        let durable = if one.durable { "" } else { ", not durable" };
        let told = format!("revision {}{durable}", one.revision);
        [format!("replica {}", one.name), told]
    }));
    if let Some(unknown) = &status.replicas.unknown {
        rows.push([String::new(), format!("there may be others: {unknown}")]);
    }
    let dependencies = status.dependencies.iter();
    rows.extend(
        dependencies.map(|one| [one.name.clone(), format!("{}: {}", word(one.ok), one.says)]),
    );
    rows
}
