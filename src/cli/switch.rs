//! How does an operator close and reopen an entrance?
//!
//! Vehicles and testers come by file or standard input, never by flag: command lines land in process
//! lists and shell histories.

mod scope;
mod preset;
mod lines;
mod close;
mod change;
mod show;
mod before;
mod wait;

use std::time::Duration;

use bytes::Bytes;
use clap::Subcommand;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::asked::{Done, Merged, Sealed};
use crate::admin::client::Client;
use crate::cli::reach::Reach;
use crate::cli::{End, Failure, data, talk};
use crate::clock;
use crate::switchboard::closure::{Pending, What};
use crate::switchboard::{Closure, State};

const SWITCHES: &str = "/v1/switches";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show what is closed.
    List(show::ListArgs),
    /// Show one closure, whole.
    Show(show::ShowArgs),
    /// Close what all flags together name.
    Close(close::Args),
    /// Refuse commands where all flags together name, and let reads through.
    Readonly(close::Args),
    /// Let testers in, then 1, 10, 50 and 100 % of subjects.
    Restore(change::RestoreArgs),
    /// Open at once, without a ramp: takes a second person.
    Open(change::OpenArgs),
    /// Be the second person for what somebody else asked for.
    Approve(change::ApproveArgs),
    /// Take the last change of a closure back, within ten minutes.
    Undo(change::UndoArgs),
    /// Give a closure a later end.
    Extend(change::ExtendArgs),
    /// Say what a closure would hit, from the last minutes' traffic of all replicas.
    Preview(before::PreviewArgs),
    /// Try a closure on a stand-in through the real data path; nobody else is refused.
    Drill(before::DrillArgs),
    /// Show what was changed, by whom and why.
    History(before::HistoryArgs),
    /// Print the board, sealed, for `switches.baseline_file`.
    Baseline,
}

/// Runs it.
pub fn run(args: &Args) -> Result<(), Failure> {
    let gateway = Gateway {
        client: args.reach.client()?,
    };
    let gateway = &gateway;
    let reach = &args.reach;
    match &args.action {
        Action::List(args) => show::list(gateway, args),
        Action::Show(args) => show::show(gateway, args),
        Action::Close(args) => close::close((gateway, reach), args, &State::Closed),
        Action::Readonly(args) => close::close((gateway, reach), args, &State::ReadOnly),
        Action::Restore(args) => change::restore((gateway, reach), args),
        Action::Open(args) => change::open((gateway, reach), args),
        Action::Approve(args) => change::approve((gateway, reach), args),
        Action::Undo(args) => change::undo((gateway, reach), args),
        Action::Extend(args) => change::extend((gateway, reach), args),
        Action::Preview(args) => before::preview(gateway, args),
        Action::Drill(args) => before::drill(gateway, args),
        Action::History(args) => before::history(gateway, args),
        Action::Baseline => before::baseline(gateway),
    }
}

/// The gateway at the other end.
struct Gateway {
    client: Client,
}

impl Gateway {
    /// Reads.
    fn get<T: DeserializeOwned>(&self, path: &str) -> Result<(Bytes, T), Failure> {
        let (_, body) = self.client.send(Method::GET, path, Bytes::new())?;
        let read = serde_json::from_slice(&body).map_err(|error| unread(&error))?;
        Ok((body, read))
    }

    /// Reads what is no JSON.
    fn text(&self, path: &str) -> Result<String, Failure> {
        let (_, body) = self.client.send(Method::GET, path, Bytes::new())?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Changes something, in the state that was seen: `tag`, or any.
    fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        tag: Option<&Closure>,
        body: &impl Serialize,
    ) -> Result<(Bytes, T), Failure> {
        let body = serde_json::to_vec(body).map_err(|error| unread(&error))?;
        let seen = tag.map_or_else(|| "*".to_owned(), |seen| format!("\"{}\"", seen.revision));
        let mut headers = HeaderMap::new();
        if let Ok(seen) = HeaderValue::from_str(&seen) {
            headers.insert(header::IF_MATCH, seen);
        }
        let sent = self
            .client
            .send_with(Method::POST, path, headers, Bytes::from(body))?;
        let read = serde_json::from_slice(&sent.2).map_err(|error| unread(&error))?;
        Ok((sent.2, read))
    }

    /// Changes a closure, as it was seen.
    fn change(&self, seen: &Closure, verb: &str, body: &impl Serialize) -> Result<Done, Failure> {
        let path = format!("{SWITCHES}/{}:{verb}", segment(&seen.id));
        Ok(self.post(&path, Some(seen), body)?.1)
    }
}

/// Tells what came of a change, tells other replicas, and waits for all of them, as asked.
fn conclude(
    gateway: &Gateway,
    (reach, wait): (&Reach, &wait::WaitArgs),
    done: &Done,
) -> Result<(), Failure> {
    tell(done)?;
    if done.dry_run {
        return Ok(());
    }
    let mut others = Vec::new();
    let mut missed = Vec::new();
    for place in wait.also() {
        match hand_over(reach, place, done) {
            Ok(other) => others.push(other),
            Err(failure) => missed.push(format!("{place}: {failure}")),
        }
    }
    let all: Vec<&Gateway> = std::iter::once(gateway).chain(&others).collect();
    let confirmed = wait.confirm(&all, &done.closure);
    if missed.is_empty() {
        return confirmed;
    }
    let told = confirmed
        .err()
        .map_or_else(String::new, |failure| format!("; {failure}"));
    let message = format!("not handed over: {}{told}", missed.join("; "));
    Err(Failure::new(End::NotConfirmed, message))
}

/// Gives another replica what was made here: it works while the fleet's store is down.
fn hand_over(reach: &Reach, place: &str, done: &Done) -> Result<Gateway, Failure> {
    let sealed = done.sealed.clone().ok_or_else(|| {
        let message = "the gateway has no fleet key: nothing can be handed over";
        Failure::new(End::Failed, message)
    })?;
    let other = Gateway {
        client: reach.other(place)?,
    };
    let sealed = Sealed {
        entries: vec![sealed],
    };
    let (_, merged): (_, Merged) = other.post(&format!("{SWITCHES}:merge"), None, &sealed)?;
    match merged.refused.first() {
        Some(why) => Err(Failure::new(End::NotConfirmed, why.clone())),
        None => Ok(other),
    }
}

/// Tells what came of a change; fails if it waits for somebody.
fn tell(done: &Done) -> Result<(), Failure> {
    let closure = &done.closure;
    let (scope, id, revision) = (closure.scope.summary(), &closure.id, closure.revision);
    if done.dry_run {
        let state = match asked_for(closure) {
            Some(pending) => format!("ask for {}", pending.state.word()),
            None => format!("be {}", closure.state.word()),
        };
        data(&format!("{scope} would {state} (dry run, nothing changed)"));
        return Ok(());
    }
    if let Some(pending) = asked_for(closure) {
        let until = time(pending.until);
        data(&format!(
            "asked for: {scope} {} (id {id})",
            pending.state.word()
        ));
        let message = format!(
            "nothing changed yet: another person runs `vingate switch approve {id}` before {until}"
        );
        return Err(Failure::new(End::Refused, message));
    }
    data(&format!(
        "{} {scope} (id {id}, revision {revision})",
        words(&closure.state)
    ));
    if closure.is_in_force()
        && let Some(end) = closure.expires_at
    {
        talk(&format!("until {}", time(end)));
    }
    if let Some(flaw) = &done.warning {
        talk(&format!(
            "in force, but only until the gateway restarts: {flaw}"
        ));
    }
    Ok(())
}

/// What waits for somebody, if that is what came of the change. An older request may wait beside it.
fn asked_for(closure: &Closure) -> Option<&Pending> {
    let asked = closure.change.what == What::Ask;
    closure.pending.as_ref().filter(|_| asked)
}

/// Changes one closure after the other, each whatever became of those before: a second one isn't left
/// as it is because the first waits for somebody.
fn each(
    closures: &[&Closure],
    mut change: impl FnMut(&Closure) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failures = closures.iter().filter_map(|one| change(one).err());
    let Some(failure) = failures.reduce(|first, other| {
        let end = if first.end.code() < other.end.code() {
            other.end
        } else {
            first.end
        };
        Failure::new(end, format!("{first}\n{other}"))
    }) else {
        return Ok(());
    };
    Err(failure)
}

/// What a closure did, in words.
fn words(state: &State) -> String {
    match state {
        State::Open => "opened".to_owned(),
        State::Closed => "closed".to_owned(),
        State::ReadOnly => "made read-only".to_owned(),
        State::Restoring(ramp) => match ramp.stage.percent() {
            0 => "restoring, testers first,".to_owned(),
            percent => format!("restoring, {percent} %,"),
        },
    }
}

fn time(seconds: u64) -> String {
    clock::rfc3339(Duration::from_secs(seconds))
}

fn whole_seconds(text: &str) -> Result<u64, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if span.subsec_nanos() != 0 || span.is_zero() {
        return Err("whole seconds are wanted, at least one".to_owned());
    }
    Ok(span.as_secs())
}

/// An id as a path segment (RFC 3986, 2.1): a surface's name may have any character.
fn segment(id: &str) -> String {
    let mut written = String::new();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            written.push(char::from(byte));
        } else {
            let digits = [byte >> 4, byte & 15].map(|nibble| char::from_digit(nibble.into(), 16));
            written.push('%');
            written.extend(
                digits
                    .into_iter()
                    .flatten()
                    .map(|digit| digit.to_ascii_uppercase()),
            );
        }
    }
    written
}

fn unread(error: &serde_json::Error) -> Failure {
    let message = format!("the gateway's answer can't be read: {error}");
    Failure::new(End::Failed, message)
}

#[cfg(test)]
mod tests;
