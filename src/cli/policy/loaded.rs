//! Which policies does a gateway have, and how does it go back?
//!
//! Asked of a running gateway. One that doesn't start by what lies there is told offline, by its
//! configuration, what to start with.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::Method;

use crate::adapters::generations::read_bundle;
use crate::admin::policies::{BreakGlass, Change, PoliciesForm, RollBack};
use crate::cli::policy::offline;
use crate::cli::reach::Reach;
use crate::cli::{End, Failure, Output, data, table, talk};
use crate::pipeline::policy::bundle;

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    reach: Reach,
}

/// What every change takes.
#[derive(Debug, clap::Args)]
struct ChangeArgs {
    /// Why: recorded.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The gateway doesn't run: say what it starts with. Needs `-c`.
    #[arg(long, requires = "config")]
    offline: bool,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    reach: Reach,
}

/// Arguments of `rollback`.
#[derive(Debug, clap::Args)]
pub(super) struct RollBackArgs {
    /// Eight or more digits of the bundle's id, as `show` tells it; else the one before.
    #[arg(long, value_name = "ID")]
    to: Option<String>,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// Arguments of `break-glass`.
#[derive(Debug, clap::Args)]
pub(super) struct BreakGlassArgs {
    /// The bundle.
    #[arg(value_name = "FILE")]
    bundle: PathBuf,
    /// For how long it may be loaded: three days at most.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    term: Duration,
    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn show(args: &ShowArgs) -> Result<(), Failure> {
    let sent = args
        .reach
        .client()?
        .send(Method::GET, "/v1/policies", Bytes::new())?;
    print(&sent.1, args.output)
}

pub(super) fn roll_back(args: &RollBackArgs) -> Result<(), Failure> {
    if args.change.offline {
        let change = Change::RollBack {
            to: args.to.clone(),
            dry_run: args.dry_run,
        };
        return args.change.offline(change);
    }
    let body = RollBack {
        to: args.to.clone(),
        reason: args.change.reason.clone(),
        dry_run: args.dry_run,
    };
    args.change.send("rollback", &body)?;
    if args.dry_run {
        talk("dry run: nothing changed");
    }
    Ok(())
}

pub(super) fn break_glass(args: &BreakGlassArgs) -> Result<(), Failure> {
    let invalid = |flaw| Failure::new(End::InvalidInput, flaw);
    let bytes = read_bundle(&args.bundle).map_err(invalid)?;
    let bundle = bundle::identity(&bytes)
        .map_err(|flaw| invalid(format!("`{}` {flaw}", args.bundle.display())))?;
    if args.change.offline {
        let term = args.term;
        return args.change.offline(Change::Admit { bundle, term });
    }
    let body = BreakGlass {
        bundle: bundle.as_str().to_owned(),
        seconds: args.term.as_secs(),
        reason: args.change.reason.clone(),
    };
    args.change.send("break-glass", &body)
}

impl ChangeArgs {
    fn send(&self, verb: &str, body: &impl serde::Serialize) -> Result<(), Failure> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Failure::new(End::Failed, error.to_string()))?;
        let path = format!("/v1/policies:{verb}");
        let client = self.reach.client()?;
        let (_, answer) = client.send(Method::POST, &path, Bytes::from(body))?;
        print(&answer, self.output)
    }

    fn offline(&self, change: Change) -> Result<(), Failure> {
        let form = offline::change(&self.reach, change, &self.reason)?;
        let text = serde_json::to_vec(&form)
            .map_err(|error| Failure::new(End::Failed, error.to_string()))?;
        print(&text, self.output)
    }
}

fn print(document: &[u8], output: Output) -> Result<(), Failure> {
    let form: PoliciesForm = serde_json::from_slice(document).map_err(|error| {
        let message = format!("the gateway's answer can't be read: {error}");
        Failure::new(End::Failed, message)
    })?;
    match output {
        Output::Json => data(&String::from_utf8_lossy(document)),
        Output::Plain => facts(&form)
            .into_iter()
            .for_each(|[name, value]| data(&format!("{name}={value}"))),
        Output::Table => {
            let shown = |[name, value]: [String; 2]| [name.replace('_', " "), value];
            let shown = facts(&form).into_iter().map(shown);
            table(&shown.collect::<Vec<_>>());
            let rows = kept(&form);
            if rows.len() > 1 {
                table(&rows);
            }
        }
    }
    Ok(())
}

fn facts(form: &PoliciesForm) -> Vec<[String; 2]> {
    let mut facts: Vec<(&str, String)> = vec![
        ("revision", form.revision.clone()),
        ("operators_revision", form.operators_revision.clone()),
        ("place", form.place.clone()),
    ];
    if let Some(bundle) = &form.bundle {
        facts.push(("bundle", bundle.id.clone()));
        facts.push(("built", bundle.built.clone()));
        let signer = bundle.signer.clone();
        facts.push((
            "signer",
            signer.unwrap_or_else(|| "nobody trusted".to_owned()),
        ));
        let proved = if bundle.unproved.is_empty() {
            "yes".to_owned()
        } else {
            format!("not {}", bundle.unproved.join(", "))
        };
        facts.push(("proved", proved));
    }
    if let Some(back) = &form.rolled_back {
        let who = format!("{} at {}: {}", back.by, back.at, back.reason);
        facts.push(("rolled_back_by", who));
    }
    if let Some(one) = &form.admitted {
        let who = format!(
            "{} until {}, by {} at {}: {}",
            one.bundle, one.until, one.by, one.at, one.reason
        );
        facts.push(("break_glass", who));
    }
    // offline nothing was loaded that could be told of
    facts.retain(|(_, value)| !value.is_empty());
    let row = |(name, value): (&str, String)| [name.to_owned(), value];
    facts.into_iter().map(row).collect()
}

fn kept(form: &PoliciesForm) -> Vec<[String; 5]> {
    let head = ["KEPT", "BUILT", "LOADED", "SIGNER", "PROVED"].map(str::to_owned);
    let rows = form.kept.iter().map(|one| {
        let id = one.id.get(..16).unwrap_or(&one.id);
        let mark = if one.in_force { " *" } else { "" };
        let proved = if one.proved { "yes" } else { "no" };
        [
            format!("{id}{mark}"),
            one.built.clone(),
            one.loaded.clone(),
            one.signer.clone().unwrap_or_else(|| "-".to_owned()),
            proved.to_owned(),
        ]
    });
    [head].into_iter().chain(rows).collect()
}
