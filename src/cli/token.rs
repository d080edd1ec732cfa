//! How are tokens taken back by command?
//!
//! Subjects on a command line land in process lists and shell histories: `-` reads names from standard
//! input, a line each.

use std::io::{BufRead, stdin};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use clap::Subcommand;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::client::Client;
use crate::admin::facts::Replicas;
use crate::admin::revoking::{RestoreTokens, RevokeTokens, Revoked, RevokedList, Which};
use crate::cli::reach::Reach;
use crate::cli::{End, Failure, Output, data, table, talk};
use crate::clock;
use crate::switchboard::spread::Replica;

const REVOCATIONS: &str = "/v1/revocations";

/// Names that one call carries.
const NAMES: usize = 10_000;

/// Between two looks at the replicas.
const PAUSE: Duration = Duration::from_millis(50);

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take tokens back before their end.
    ///
    /// In force for the next request and for those that are being served; on every gateway of the fleet
    /// within a second. A subject who signs in anew within the issuer's clock skew (5 s by default) is refused
    /// once more. To keep somebody out who can still sign in, close: `vingate switch close --subject`.
    Revoke(RevokeArgs),
    /// Let tokens count again that were taken back by mistake.
    ///
    /// As far as nothing else takes them back, and they have not ended.
    Restore(RestoreArgs),
    /// Show what is taken back, by whom and why; people as pseudonyms, the same as in records.
    List(ListArgs),
}

/// Which tokens.
#[derive(Debug, clap::Args)]
struct WhichArgs {
    /// The name in the configuration: of `[issuers.NAME]`, or of `[certificates.NAME]`.
    #[arg(long, value_name = "NAME")]
    issuer: String,
    #[command(flatten)]
    names: NameArgs,
    /// The issuer's name once more; for `--all`.
    #[arg(long, value_name = "NAME", requires = "all")]
    confirm_name: Option<String>,
    /// Why: recorded.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Whose.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct NameArgs {
    /// Tokens by their ids (`jti`). Repeatable; `-` reads them from standard input.
    #[arg(long, value_name = "JTI")]
    token: Vec<String>,
    /// All tokens of sessions at the issuer (`sid`), later ones too. Repeatable.
    #[arg(long, value_name = "SID")]
    session: Vec<String>,
    /// All tokens of subjects. Repeatable.
    #[arg(long, value_name = "SUBJECT")]
    subject: Vec<String>,
    /// All tokens that clients hold. Repeatable.
    #[arg(long, value_name = "CLIENT")]
    client: Vec<String>,
    /// Certificates by their SHA-256, as `openssl x509 -fingerprint -sha256` tells it, and the tokens bound
    /// to them. Repeatable.
    #[arg(long, value_name = "SHA256")]
    thumbprint: Vec<String>,
    /// All tokens, or certificates, of the issuer: everybody is signed out.
    #[arg(long, requires = "confirm_name")]
    all: bool,
}

#[derive(Debug, clap::Args)]
struct RevokeArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Only those issued up to then; by default up to now.
    #[arg(long, value_name = "TIME", conflicts_with_all = ["token", "session", "thumbprint"])]
    issued_before: Option<String>,
    #[command(flatten)]
    then: ThenArgs,
}

#[derive(Debug, clap::Args)]
struct RestoreArgs {
    #[command(flatten)]
    which: WhichArgs,
    #[command(flatten)]
    then: ThenArgs,
}

/// What is waited for, and how it is printed.
#[derive(Debug, clap::Args)]
struct ThenArgs {
    /// Wait until every replica has it in force; exit 6 names the others.
    #[arg(long)]
    wait: bool,
    /// How long at most.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "10s")]
    wait_for: Duration,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// How many, the newest.
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    newest: usize,
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    reach: Reach,
}

/// Runs it.
///
/// # Errors
/// The gateway can't be asked, or refuses.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Revoke(args) => revoke(args),
        Command::Restore(args) => restore(args),
        Command::List(args) => list(args),
    }
}

fn revoke(args: &RevokeArgs) -> Result<(), Failure> {
    let body = |which| RevokeTokens {
        issuer: args.which.issuer.clone(),
        which,
        issued_before: args.issued_before.clone(),
        reason: args.which.reason.clone(),
    };
    let (calls, count) = args.which.read(&mut stdin().lock())?;
    let calls = calls.into_iter().map(body);
    args.then.send(REVOCATIONS, (calls, count), "taken back")
}

fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let body = |which| RestoreTokens {
        issuer: args.which.issuer.clone(),
        which,
        reason: args.which.reason.clone(),
    };
    let (calls, count) = args.which.read(&mut stdin().lock())?;
    let calls = calls.into_iter().map(body);
    let path = format!("{REVOCATIONS}:restore");
    args.then.send(&path, (calls, count), "counting again")
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let path = format!("{REVOCATIONS}?newest={}", args.newest);
    let client = args.reach.client()?;
    let (_, body) = client.send(Method::GET, &path, Bytes::new())?;
    let list: RevokedList = read(&body)?;
    let rows = list.revocations.iter().map(|one| {
        let words = [
            &one.issuer,
            &one.about,
            &one.refuses,
            &one.ends,
            &one.at,
            &one.by,
            &one.reason,
        ];
        let [issuer, about, refuses, ends, at, by, reason] = words.map(String::clone);
        [
            one.kind.word().to_owned(),
            issuer,
            about,
            refuses,
            ends,
            at,
            by,
            reason,
        ]
    });
    let rows: Vec<[String; 8]> = rows.collect();
    match args.output {
        Output::Json => data(&String::from_utf8_lossy(&body)),
        Output::Plain => rows.iter().for_each(|row| data(&row.join("\t"))),
        Output::Table => {
            let heads = [
                "KIND",
                "ISSUER",
                "ABOUT",
                "ISSUED UNTIL",
                "ENDS",
                "AT",
                "BY",
                "REASON",
            ];
            let heads = heads.map(str::to_owned);
            table(&std::iter::once(heads).chain(rows).collect::<Vec<_>>());
            talk(&format!("{} in all", list.count));
            if !list.durable {
                talk("not all of them are on disk");
            }
        }
    }
    Ok(())
}

impl WhichArgs {
    /// What each call is about, and how many names there are in all.
    fn read(&self, lines: &mut dyn BufRead) -> Result<(Vec<Which>, usize), Failure> {
        if self.names.all {
            let confirm = self.confirm_name.clone().unwrap_or_default();
            return Ok((vec![Which::All { confirm }], 1));
        }
        let mut calls = Vec::new();
        let mut count = 0_usize;
        let mut add = |words: &[String], which: fn(Vec<String>) -> Which| {
            let names = names(words, lines)?;
            count = count.saturating_add(names.len());
            calls.extend(names.chunks(NAMES).map(|names| which(names.to_vec())));
            Ok::<_, Failure>(())
        };
        add(&self.names.token, Which::Tokens)?;
        add(&self.names.session, Which::Sessions)?;
        add(&self.names.subject, Which::Subjects)?;
        add(&self.names.client, Which::Clients)?;
        add(&self.names.thumbprint, Which::Certificates)?;
        if calls.is_empty() {
            let message = "standard input has no line: nobody is named";
            return Err(Failure::new(End::InvalidInput, message));
        }
        Ok((calls, count))
    }
}

/// The words, and in place of `-` all lines.
fn names(words: &[String], lines: &mut dyn BufRead) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for word in words {
        if word != "-" {
            names.push(word.clone());
            continue;
        }
        for line in lines.lines() {
            let line = line.map_err(|error| {
                Failure::new(End::InvalidInput, format!("standard input: {error}"))
            })?;
            if !line.trim().is_empty() {
                names.push(line.trim().to_owned());
            }
        }
    }
    Ok(names)
}

impl ThenArgs {
    fn send(
        &self,
        path: &str,
        (calls, count): (impl Iterator<Item = impl Serialize>, usize),
        done: &str,
    ) -> Result<(), Failure> {
        let client = self.reach.client()?;
        let mut changed = 0_usize;
        for body in calls {
            let body = serde_json::to_vec(&body).map_err(|error| unread(&error))?;
            let (_, answer) = client.send(Method::POST, path, Bytes::from(body))?;
            let revoked: Revoked = read(&answer)?;
            changed = changed.saturating_add(revoked.changed);
            match self.output {
                Output::Json => data(&String::from_utf8_lossy(&answer)),
                Output::Plain | Output::Table => {}
            }
            if let Some(flaw) = &revoked.warning {
                talk(&format!(
                    "in force, but only until the gateway restarts: {flaw}"
                ));
            }
            if self.wait {
                self.confirm(&client, &revoked)?;
            }
        }
        match self.output {
            Output::Json => {}
            Output::Plain => data(&changed.to_string()),
            Output::Table if changed < count => {
                let others = count.saturating_sub(changed);
                data(&format!("{changed} {done}; {others} were so already"));
            }
            Output::Table => data(&format!("{changed} {done}")),
        }
        Ok(())
    }

    /// Waits until every replica says that it has these versions in force, or later ones.
    fn confirm(&self, client: &Client, revoked: &Revoked) -> Result<(), Failure> {
        let begun = clock::monotonic();
        loop {
            let (_, body) = client.send(Method::GET, "/v1/replicas", Bytes::new())?;
            let seen: Replicas = read(&body)?;
            let has = |replica: &&Replica| {
                let mut versions = revoked.versions.iter();
                versions.all(|(mark, revision)| replica.revoked.get(mark) >= Some(revision))
            };
            let (done, missing): (Vec<_>, Vec<_>) = seen.replicas.iter().partition(has);
            if missing.is_empty() && seen.unknown.is_none() {
                talk(&format!("in force on {} of {}", done.len(), done.len()));
                return Ok(());
            }
            if begun.elapsed() >= self.wait_for {
                let mut names: Vec<String> = missing.iter().map(|one| one.name.clone()).collect();
                names.extend(
                    seen.unknown
                        .map(|why| format!("replicas that are not named ({why})")),
                );
                let message = format!("not confirmed: {}", names.join("; "));
                return Err(Failure::new(End::NotConfirmed, message));
            }
            thread::sleep(PAUSE);
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| unread(&error))
}

fn unread(error: &serde_json::Error) -> Failure {
    let message = format!("the gateway's answer can't be read: {error}");
    Failure::new(End::Failed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_all_lines() {
        let words = ["a".to_owned(), "-".to_owned(), "d".to_owned()];
        let mut lines = "b\r\n\n  c  \n".as_bytes();
        assert_eq!(names(&words, &mut lines).unwrap(), ["a", "b", "c", "d"]);
        assert!(
            names(&["-".to_owned()], &mut "\n".as_bytes())
                .unwrap()
                .is_empty()
        );
    }
}
