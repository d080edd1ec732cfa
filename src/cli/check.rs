//! Is this configuration right?

use serde::Serialize;

use crate::adapters;
use crate::cli::whole::{Refusal, Whole};
use crate::cli::{self, ConfigArgs, End, Failure, Output, whole};
use crate::config::{self, Loaded, Mistakes};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// How to print the summary.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// What was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Summary {
    listeners: usize,
    surfaces: usize,
    routes: usize,
    policy_files: usize,
    policy_revision: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_bundle: Option<String>,
    cases: usize,
    off: Vec<Off>,
}

/// A route that is listed and refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Off {
    route: String,
    reason: String,
}

/// Runs it.
///
/// # Errors
/// Every mistake (exit code 3), or every failing case (4).
pub fn run(args: &Args) -> Result<(), Failure> {
    let loaded = config::load(&args.config.config, &args.config.set)?;
    let mut mistakes = ownership(&loaded);
    let whole = match whole::build(&loaded) {
        Ok(whole) => mistakes.or(whole)?,
        Err(Refusal::Wrong(others)) => {
            mistakes.extend(others);
            return Err(mistakes.into());
        }
        Err(cases @ Refusal::Cases(_)) => mistakes.or(Err(cases))??,
    };
    print(&summary(&loaded, &whole), args.output)
}

/// The files of an ownership service, which a start reads and a reload doesn't.
fn ownership(loaded: &Loaded) -> Mistakes {
    let mut mistakes = Mistakes::default();
    let http = loaded.config.ownership.http.as_ref();
    if let Some(Err(flaw)) = http.map(adapters::http::check) {
        mistakes.add(loaded.origins.place("ownership.http"), flaw);
    }
    mistakes
}

fn summary(loaded: &Loaded, whole: &Whole) -> Summary {
    let bundle = whole.bundle.as_ref().map(|chosen| chosen.bundle.id());
    let off = loaded.routes.iter().filter_map(|route| {
        route.entry.off.as_ref().map(|reason| Off {
            route: route.entry.id.clone(),
            reason: reason.clone(),
        })
    });
    Summary {
        listeners: loaded.config.listeners.len(),
        surfaces: loaded.config.surfaces.len(),
        routes: loaded.routes.len(),
        policy_files: whole.policy_files,
        policy_revision: whole.rules.policies.revision().to_string(),
        policy_bundle: bundle.map(|id| id.as_str().to_owned()),
        cases: whole.cases,
        off: off.collect(),
    }
}

fn print(summary: &Summary, output: Output) -> Result<(), Failure> {
    let mut counts = vec![
        ("listeners", summary.listeners.to_string()),
        ("surfaces", summary.surfaces.to_string()),
        ("routes", summary.routes.to_string()),
        ("policy_files", summary.policy_files.to_string()),
        ("policy_revision", summary.policy_revision.clone()),
        ("cases", summary.cases.to_string()),
        ("routes_off", summary.off.len().to_string()),
    ];
    if let Some(bundle) = &summary.policy_bundle {
        counts.push(("policy_bundle", bundle.clone()));
    }
    match output {
        Output::Json => {
            let text = serde_json::to_string_pretty(summary)
                .map_err(|error| Failure::new(End::Failed, error.to_string()))?;
            cli::data(&text);
        }
        Output::Plain => {
            for (name, value) in counts {
                cli::data(&format!("{name}={value}"));
            }
            for off in &summary.off {
                cli::data(&format!("off.{}={}", off.route, off.reason));
            }
        }
        Output::Table => {
            let row = |(name, value): (&str, String)| [name.replace('_', " "), value];
            cli::table(&counts.into_iter().map(row).collect::<Vec<_>>());
            let off = summary.off.iter();
            let rows: Vec<_> = off
                .map(|off| [format!("  {}", off.route), off.reason.clone()])
                .collect();
            cli::table(&rows);
        }
    }
    Ok(())
}
