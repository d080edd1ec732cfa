//! How is the board shown?

use std::time::Duration;

use crate::admin::asked::Listed;
use crate::cli::switch::{Gateway, SWITCHES, segment};
use crate::cli::{Failure, Output, data, talk};
use crate::clock;
use crate::switchboard::changes::is_overdue;
use crate::switchboard::{AtExpiry, Closure, State};

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Also what has ended.
    #[arg(long)]
    ended: bool,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// Id of the closure.
    #[arg(value_name = "ID")]
    id: String,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn list(gateway: &Gateway, args: &ListArgs) -> Result<(), Failure> {
    let query = if args.ended { "?ended=true" } else { "" };
    let (document, listed): (_, Listed) = gateway.get(&format!("{SWITCHES}{query}"))?;
    match args.output {
        Output::Json => data(&String::from_utf8_lossy(&document)),
        Output::Plain => listed.closures.iter().for_each(|closure| data(&closure.id)),
        Output::Table => table(&listed),
    }
    Ok(())
}

fn table(listed: &Listed) {
    let revision = listed.revision;
    if listed.closures.is_empty() {
        data(&format!("nothing is closed (revision {revision})"));
    }
    let ids = listed.closures.iter().map(|one| one.id.len());
    let width = ids.max().unwrap_or(0);
    for closure in &listed.closures {
        let scope = closure.scope.summary();
        data(&format!(
            "{:width$}  {}: {scope}",
            closure.id,
            state(closure)
        ));
        let since = time(closure.closed_at);
        let (who, reason) = (&closure.closed_by, &closure.reason);
        data(&format!("{:width$}  by {who} since {since}: {reason}", ""));
        if let Some(end) = end(closure) {
            data(&format!("{:width$}  {end}", ""));
        }
    }
    talk(&format!("revision {revision}"));
    if !listed.durable {
        talk("not all of it is on disk: a restart may not keep it");
    }
    if !listed.known {
        talk("no board is known yet: the cold-start states hold");
    }
    if let Some(age) = listed.fleet_age.filter(|age| *age > 10) {
        talk(&format!(
            "nothing was heard of the fleet's store for {age} s: this is what was known"
        ));
    }
}

fn state(closure: &Closure) -> String {
    let state = match &closure.state {
        State::Restoring(ramp) => match ramp.stage.percent() {
            0 => "restoring (testers)".to_owned(),
            percent => format!("restoring ({percent} %)"),
        },
        State::Open | State::ReadOnly | State::Closed => closure.state.word().to_owned(),
    };
    match &closure.pending {
        Some(pending) => {
            let (to, who) = (pending.state.word(), &pending.asked_by);
            format!("{state}, {who} asks for {to}")
        }
        None => state,
    }
}

fn end(closure: &Closure) -> Option<String> {
    let end = closure.expires_at.filter(|_| closure.is_in_force())?;
    let now = clock::unix_time().as_secs();
    let told = time(end);
    Some(if is_overdue(closure, now) {
        format!("OVERDUE since {told}: it holds until somebody ends it")
    } else if closure.at_expiry == AtExpiry::Restore {
        format!("until {told}, then it begins to restore")
    } else {
        format!("until {told}")
    })
}

fn time(seconds: u64) -> String {
    clock::rfc3339(Duration::from_secs(seconds))
}

pub(super) fn show(gateway: &Gateway, args: &ShowArgs) -> Result<(), Failure> {
    let path = format!("{SWITCHES}/{}", segment(&args.id));
    let (document, closure): (_, Closure) = gateway.get(&path)?;
    match args.output {
        Output::Json => data(&String::from_utf8_lossy(&document)),
        Output::Plain => data(closure.state.word()),
        Output::Table => facts(&closure),
    }
    Ok(())
}

/// Every fact, a line each.
fn facts(closure: &Closure) {
    let optional = |text: &Option<String>| text.clone().unwrap_or_default();
    let change = &closure.change;
    let mut rows = vec![
        ["id".to_owned(), closure.id.clone()],
        ["state".to_owned(), state(closure)],
        ["covers".to_owned(), closure.scope.summary()],
        ["reason".to_owned(), closure.reason.clone()],
        ["ticket".to_owned(), optional(&closure.ticket)],
        ["owner".to_owned(), optional(&closure.owner)],
        ["closed by".to_owned(), closure.closed_by.clone()],
        ["approved by".to_owned(), optional(&closure.approved_by)],
        ["closed at".to_owned(), time(closure.closed_at)],
        ["end".to_owned(), end(closure).unwrap_or_default()],
        [
            "last change".to_owned(),
            format!("{:?} by {}, {}", change.what, change.by, time(change.at)),
        ],
        ["asked by".to_owned(), optional(&change.asked_by)],
        ["revision".to_owned(), closure.revision.to_string()],
    ];
    if change.break_glass {
        rows.push([
            "glass".to_owned(),
            "broken: one person where two were needed".to_owned(),
        ]);
    }
    for (language, text) in &*closure.texts {
        rows.push([format!("message ({language})"), text.clone()]);
    }
    if let Some(notice) = &closure.notice {
        for (language, text) in &notice.texts {
            rows.push([
                format!("notice on {} ({language})", notice.surface),
                text.clone(),
            ]);
        }
    }
    rows.retain(|[_, value]| !value.is_empty());
    crate::cli::table(&rows);
}
