//! How is a closure changed by command?

use std::path::PathBuf;

use crate::admin::asked::{Consent, Extend, Listed, Restore};
use crate::cli::reach::Reach;
use crate::cli::switch::scope::ScopeArgs;
use crate::cli::switch::wait::WaitArgs;
use crate::cli::switch::{Gateway, SWITCHES, conclude, each, lines, whole_seconds};
use crate::cli::{End, Failure, talk};
use crate::switchboard::{Closure, Share, State};

/// Seconds a stage, where a ramp begins and nobody says.
const STEP: u64 = 5 * 60;

/// The gateway, and how others are reached.
type At<'a> = (&'a Gateway, &'a Reach);

/// Which closures: by id, or by exactly what they close.
#[derive(Debug, clap::Args)]
pub(super) struct WhichArgs {
    /// Ids of closures.
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    scope: ScopeArgs,
}

/// Arguments of `restore`.
#[derive(Debug, clap::Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// File of subjects that are let in first, `ISSUER/SUBJECT` a line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    testers_file: Option<PathBuf>,
    /// How long each stage takes; where a ramp begins, 5m unless said.
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    step: Option<u64>,
    /// Take each stage by hand from now on, by `--stage`.
    #[arg(long, conflicts_with = "step")]
    by_hand: bool,
    /// Go on to this stage, the one after the present one: `1%`, `10%`, `50%`, `100%`.
    #[arg(long, value_name = "STAGE", value_parser = stage)]
    stage: Option<Share>,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Arguments of `open`.
#[derive(Debug, clap::Args)]
pub(super) struct OpenArgs {
    #[command(flatten)]
    pub(super) which: WhichArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Arguments of `undo`.
#[derive(Debug, clap::Args)]
pub(super) struct UndoArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    consent: ConsentArgs,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Arguments of `approve`.
#[derive(Debug, clap::Args)]
pub(super) struct ApproveArgs {
    /// Id of the closure.
    #[arg(value_name = "ID")]
    id: String,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Arguments of `extend`.
#[derive(Debug, clap::Args)]
pub(super) struct ExtendArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// How long from now, such as `2h`.
    #[arg(long = "for", value_name = "TIME", value_parser = whole_seconds)]
    seconds: u64,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

#[derive(Debug, clap::Args)]
struct ConsentArgs {
    /// The name of what is grave, typed once more.
    #[arg(long, value_name = "NAME")]
    confirm_name: Option<String>,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
}

impl ConsentArgs {
    fn consent(&self) -> Consent {
        Consent {
            confirm: self.confirm_name.clone(),
            break_glass: false, // it closes, and opens nothing
            dry_run: self.dry_run,
        }
    }
}

fn stage(text: &str) -> Result<Share, String> {
    let quoted = serde_json::Value::String(text.to_owned());
    serde_json::from_value(quoted).map_err(|_| "a stage is 1%, 10%, 50% or 100%".to_owned())
}

pub(super) fn restore(at: At<'_>, args: &RestoreArgs) -> Result<(), Failure> {
    let (gateway, reach) = at;
    let testers = args.testers_file.as_deref().map(lines::subjects);
    let asked = Restore {
        testers: testers.transpose()?.unwrap_or_default(),
        step_seconds: args.step,
        by_hand: args.by_hand,
        stage: args.stage,
        dry_run: args.dry_run,
    };
    let listed = fetch(gateway)?;
    each(&args.which.find(&listed)?, |closure| {
        let goes_on = args.by_hand || matches!(closure.state, State::Restoring(_));
        let asked = Restore {
            step_seconds: asked.step_seconds.or((!goes_on).then_some(STEP)),
            ..asked.clone()
        };
        let done = gateway.change(closure, "restore", &asked)?;
        conclude(gateway, (reach, &args.wait), &done)
    })
}

pub(super) fn open(at: At<'_>, args: &OpenArgs) -> Result<(), Failure> {
    let (gateway, reach) = at;
    let listed = fetch(gateway)?;
    let wanted = args.which.find(&listed)?;
    let opened = each(&wanted, |closure| {
        let done = gateway.change(closure, "open", &args.consent.consent())?;
        conclude(gateway, (reach, &args.wait), &done)
    });
    for closure in listed.closures.iter().filter(|one| one.is_in_force()) {
        let wished = wanted.iter().any(|one| one.id == closure.id);
        if !wished && wanted.iter().any(|one| one.scope.meets(&closure.scope)) {
            let (summary, id) = (closure.scope.summary(), &closure.id);
            talk(&format!("still closed: {summary} (id {id})"));
        }
    }
    opened
}

pub(super) fn undo(at: At<'_>, args: &UndoArgs) -> Result<(), Failure> {
    let (gateway, reach) = at;
    let (_, listed): (_, Listed) = gateway.get(&format!("{SWITCHES}?ended=true"))?;
    each(&args.which.find(&listed)?, |closure| {
        let done = gateway.change(closure, "undo", &args.consent.consent())?;
        conclude(gateway, (reach, &args.wait), &done)
    })
}

pub(super) fn approve(at: At<'_>, args: &ApproveArgs) -> Result<(), Failure> {
    let (gateway, reach) = at;
    let listed = fetch(gateway)?;
    let closure = by_id(&listed, &args.id)?;
    let consent = Consent {
        dry_run: args.dry_run,
        ..Consent::default()
    };
    let done = gateway.change(closure, "approve", &consent)?;
    conclude(gateway, (reach, &args.wait), &done)
}

pub(super) fn extend(at: At<'_>, args: &ExtendArgs) -> Result<(), Failure> {
    let (gateway, reach) = at;
    let asked = Extend {
        seconds: args.seconds,
        dry_run: args.dry_run,
    };
    let listed = fetch(gateway)?;
    each(&args.which.find(&listed)?, |closure| {
        let done = gateway.change(closure, "extend", &asked)?;
        conclude(gateway, (reach, &args.wait), &done)
    })
}

fn fetch(gateway: &Gateway) -> Result<Listed, Failure> {
    Ok(gateway.get(SWITCHES)?.1)
}

impl WhichArgs {
    /// The closures with these ids, and those that close exactly what is named. All or a failure.
    pub(super) fn find<'a>(&self, listed: &'a Listed) -> Result<Vec<&'a Closure>, Failure> {
        if self.ids.is_empty() && self.scope.is_empty() {
            let message = "which one? give its id, or exactly what it closes";
            return Err(Failure::new(End::Usage, message));
        }
        let mut found: Vec<&Closure> = Vec::new();
        for id in &self.ids {
            found.push(by_id(listed, id)?);
        }
        if !self.scope.is_empty() {
            let scope = self.scope.scope()?;
            let exact = listed.closures.iter().filter(|one| one.scope == scope);
            let before = found.len();
            found.extend(exact.filter(|one| one.is_in_force()));
            if found.len() == before {
                return Err(nothing(&format!(
                    "no closure is of {} alone",
                    scope.summary()
                )));
            }
        }
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found.dedup_by(|one, other| one.id == other.id);
        Ok(found)
    }
}

fn by_id<'a>(listed: &'a Listed, id: &str) -> Result<&'a Closure, Failure> {
    let found = listed.closures.iter().find(|closure| closure.id == id);
    found.ok_or_else(|| nothing(&format!("no closure has the id `{id}`")))
}

fn nothing(why: &str) -> Failure {
    Failure::new(End::Failed, format!("nothing to change: {why}"))
}
