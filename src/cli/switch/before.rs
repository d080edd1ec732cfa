//! What would a closure hit, does it work, and what was changed before?

use serde_json::Value;

use crate::admin::asked::{Drill, Scoped};
use crate::admin::facts::Previewed;
use crate::cli::switch::preset;
use crate::cli::switch::scope::ScopeArgs;
use crate::cli::switch::{Gateway, SWITCHES, time};
use crate::cli::{End, Failure, Output, data, talk};
use crate::drill::Drilled;
use crate::switchboard::{Scope, Shut};

/// What would be closed.
#[derive(Debug, clap::Args)]
pub(super) struct PreviewArgs {
    #[command(flatten)]
    scope: ScopeArgs,
    /// File of a prepared closure; the flags go before it.
    #[arg(long, value_name = "FILE")]
    preset: Option<std::path::PathBuf>,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// What is tried.
#[derive(Debug, clap::Args)]
pub(super) struct DrillArgs {
    #[command(flatten)]
    what: PreviewArgs,
    /// Try a read-only closure.
    #[arg(long)]
    readonly: bool,
}

/// How much of the past.
#[derive(Debug, clap::Args)]
pub(super) struct HistoryArgs {
    /// So many changes.
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 50)]
    newest: usize,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl PreviewArgs {
    fn scope(&self) -> Result<Scope, Failure> {
        match &self.preset {
            Some(file) if self.scope.is_empty() => Ok(preset::preset(file)?.scope),
            Some(_) | None => self.scope.scope(),
        }
    }
}

pub(super) fn preview(gateway: &Gateway, args: &PreviewArgs) -> Result<(), Failure> {
    let scope = args.scope()?;
    let asked = Scoped {
        scope: scope.clone(),
    };
    let (document, told): (_, Previewed) =
        gateway.post(&format!("{SWITCHES}:preview"), None, &asked)?;
    let hits = &told.hits;
    match args.output {
        Output::Json => data(&String::from_utf8_lossy(&document)),
        Output::Plain => data(&format!("{:.4}", hits.share)),
        Output::Table => {
            data(&format!(
                "{} would hit {:.1} requests a second, {:.1} % of what came in on {} in {:.0} s",
                scope.summary(),
                hits.requests_per_second,
                hits.share * 100.0,
                replicas(hits.replicas),
                hits.window_seconds
            ));
            for name in &hits.missing {
                data(&format!("  without {name}, which did not answer"));
            }
            if let Some(why) = &hits.unknown {
                data(&format!(
                    "  without the other replicas: the fleet's store {why}"
                ));
            }
            for one in &hits.by_surface {
                let (name, rate, share) = (&one.surface, one.requests_per_second, one.share);
                data(&format!(
                    "  {name}: {rate:.1} a second, {:.1} % of it",
                    share * 100.0
                ));
            }
            let (clients, subjects, vehicles) = (hits.clients, hits.subjects, hits.vehicles);
            data(&format!(
                "  {clients} clients, {subjects} subjects, {vehicles} vehicles"
            ));
            let (denied, already) = (hits.denied * 100.0, hits.already_refused * 100.0);
            data(&format!(
                "  {denied:.1} % of them were refused, {already:.1} % by closures in force"
            ));
            for overlap in &hits.overlaps {
                data(&format!(
                    "  {} of them are covered by {} too",
                    overlap.requests, overlap.id
                ));
            }
            if let Some(name) = &told.confirm {
                data(&format!(
                    "  grave: it takes --confirm-name {name} and a second person"
                ));
            }
            match told.last_proved {
                Some(at) => data(&format!("  last proved by a drill {}", time(at))),
                None => data("  never proved by a drill"),
            }
        }
    }
    Ok(())
}

fn replicas(number: usize) -> String {
    match number {
        1 => "one replica".to_owned(),
        number => format!("{number} replicas"),
    }
}

pub(super) fn drill(gateway: &Gateway, args: &DrillArgs) -> Result<(), Failure> {
    let asked = Drill {
        scope: args.what.scope()?,
        state: if args.readonly {
            Shut::ReadOnly
        } else {
            Shut::Closed
        },
    };
    let (document, drilled): (_, Drilled) =
        gateway.post(&format!("{SWITCHES}:drill"), None, &asked)?;
    match args.what.output {
        Output::Json => data(&String::from_utf8_lossy(&document)),
        Output::Plain => data(if drilled.proved {
            "proved"
        } else {
            "not proved"
        }),
        Output::Table => {
            let steps = [
                ("closed for a stand-in", &drilled.closed),
                ("opened", &drilled.opened),
            ];
            for (step, probed) in steps {
                if let Some(probed) = probed {
                    data(&format!("{step}: {} {}", probed.status, probed.code));
                }
            }
            data(if drilled.proved {
                "proved"
            } else {
                "not proved"
            });
        }
    }
    if drilled.proved {
        return Ok(());
    }
    let flaw = drilled
        .flaw
        .unwrap_or_else(|| "it was not answered as it should be".to_owned());
    Err(Failure::new(End::TestFailed, flaw))
}

pub(super) fn history(gateway: &Gateway, args: &HistoryArgs) -> Result<(), Failure> {
    let path = format!("/v1/history?newest={}", args.newest);
    let (document, lines): (_, Vec<Value>) = gateway.get(&path)?;
    match args.output {
        Output::Json => data(&String::from_utf8_lossy(&document)),
        Output::Plain => lines.iter().for_each(|line| data(&line.to_string())),
        Output::Table => {
            for line in &lines {
                let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or("-");
                let (when, what, who) = (text("time"), text("what"), text("by"));
                let glass = line.get("break_glass") == Some(&Value::Bool(true));
                let glass = if glass { " (glass broken)" } else { "" };
                if what == "refused" {
                    let (act, why) = (text("act"), text("why"));
                    data(&format!("{when}  {who} was refused {act}: {why}"));
                    continue;
                }
                if what.starts_with("ownership ") {
                    let (kind, outcome, why) = (text("kind"), text("outcome"), text("reason"));
                    data(&format!(
                        "{when}  {what} by {who}: {kind}, {outcome}: {why}"
                    ));
                    continue;
                }
                let (id, state, scope) = (text("id"), text("state"), text("scope"));
                let reason = text("reason");
                data(&format!(
                    "{when}  {what} by {who}{glass}: {scope} is {state} ({id}): {reason}"
                ));
            }
            if lines.is_empty() {
                talk("nothing was changed yet");
            }
        }
    }
    Ok(())
}

/// The board, sealed, for `switches.baseline_file` of a cold start.
pub(super) fn baseline(gateway: &Gateway) -> Result<(), Failure> {
    let sealed = gateway.text("/v1/baseline")?;
    data(sealed.trim_end());
    Ok(())
}
