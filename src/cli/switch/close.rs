//! How is something closed by command?

use std::path::PathBuf;

use crate::admin::asked::{Asked, Done};
use crate::cli::reach::Reach;
use crate::cli::switch::preset::{self, Preset};
use crate::cli::switch::scope::ScopeArgs;
use crate::cli::switch::wait::WaitArgs;
use crate::cli::switch::{Gateway, SWITCHES, conclude, whole_seconds};
use crate::cli::{End, Failure};
use crate::switchboard::{AtExpiry, Drain, Shut, State, Texts};

/// Arguments of `close` and `readonly`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags, each on its own")]
pub(super) struct Args {
    #[command(flatten)]
    scope: ScopeArgs,
    /// File of a prepared closure, such as those of deploy/leaf/switches; flags go before it.
    #[arg(long, value_name = "FILE")]
    preset: Option<PathBuf>,
    /// Why, for the record. Never public.
    #[arg(long, value_name = "TEXT", required_unless_present = "preset")]
    reason: Option<String>,
    /// What users are told, in English.
    #[arg(long, value_name = "TEXT", conflicts_with = "message_file")]
    message: Option<String>,
    /// File of what users are told: `en = "..."`, `de = "..."`, TOML.
    #[arg(long, value_name = "FILE")]
    message_file: Option<PathBuf>,
    /// How long, such as `2h`; 4 h unless said.
    #[arg(long = "for", value_name = "TIME", value_parser = whole_seconds)]
    seconds: Option<u64>,
    /// Begin to restore when the time is over, instead of holding and warning.
    #[arg(long)]
    restore_at_end: bool,
    /// Cut requests that are being served, instead of letting them end.
    #[arg(long)]
    now: bool,
    /// Ticket of the incident.
    #[arg(long, value_name = "ID")]
    ticket: Option<String>,
    /// Team that owns the closure.
    #[arg(long, value_name = "TEAM")]
    owner: Option<String>,
    /// The name of what is grave, typed once more.
    #[arg(long, value_name = "NAME")]
    confirm_name: Option<String>,
    /// Go ahead alone where two are needed. It is announced loudly.
    #[arg(long)]
    break_glass: bool,
    /// Only say what would come of it.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Closes.
pub(super) fn close(
    (gateway, reach): (&Gateway, &Reach),
    args: &Args,
    state: &State,
) -> Result<(), Failure> {
    let asked = asked(args, state)?;
    let (_, done): (_, Done) = gateway.post(SWITCHES, None, &asked)?;
    conclude(gateway, (reach, &args.wait), &done)
}

/// What the flags and the preset say together; a flag goes before the preset.
fn asked(args: &Args, state: &State) -> Result<Asked, Failure> {
    let preset = match &args.preset {
        Some(file) => preset::preset(file)?,
        None => Preset::default(),
    };
    let command = state.shut().unwrap_or(Shut::Closed);
    if preset.state.is_some_and(|wanted| wanted != command) {
        let message = "this preset is of the other kind: `close` and `readonly` are two commands";
        return Err(Failure::new(End::Usage, message));
    }
    let texts = match (&args.message, &args.message_file) {
        (Some(text), _) => Texts::from([("en".to_owned(), text.clone())]),
        (None, Some(file)) => preset::texts(file)?,
        (None, None) => preset.texts,
    };
    let lasts = preset.lasts.as_deref().map(whole_seconds).transpose();
    let lasts = lasts.map_err(|flaw| Failure::new(End::InvalidInput, format!("`for`: {flaw}")))?;
    let reason = args.reason.clone().or(preset.reason).ok_or_else(|| {
        let message = "the preset gives no reason: add --reason TEXT";
        Failure::new(End::Usage, message)
    })?;
    Ok(Asked {
        scope: if args.scope.is_empty() {
            preset.scope
        } else {
            args.scope.scope()?
        },
        state: command,
        reason,
        texts,
        notice: preset.notice,
        ticket: args.ticket.clone().or(preset.ticket),
        owner: args.owner.clone().or(preset.owner),
        seconds: args.seconds.or(lasts),
        at_expiry: if args.restore_at_end {
            AtExpiry::Restore
        } else {
            preset.at_expiry
        },
        drain: if args.now { Drain::Now } else { preset.drain },
        confirm: args.confirm_name.clone(),
        break_glass: args.break_glass,
        dry_run: args.dry_run,
    })
}
