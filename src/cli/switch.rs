//! How does an operator close and reopen an entrance?
//!
//! Vehicles come by file or standard input, never by flag: command lines land in process lists and
//! shell histories.

mod vehicles;

use std::path::PathBuf;

use bytes::Bytes;
use clap::Subcommand;
use http::Method;

use crate::admin::client::Client;
use crate::admin::{Asked, Done, Listed};
use crate::cli::{End, Failure, Output, data, talk};
use crate::clock;
use crate::switchboard::{Closure, Scope};

const SWITCHES: &str = "/v1/switches";

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    action: Action,
}

/// Which gateway: the socket, or the configuration that names it.
#[derive(Debug, Clone, clap::Args)]
pub struct Reach {
    /// Admin socket of the gateway.
    #[arg(long, env = "VINGATE_SOCKET", value_name = "PATH", global = true)]
    pub socket: Option<PathBuf>,
    /// Configuration that names the admin socket, if no socket is given.
    #[arg(short = 'c', long = "config", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Overrides one key of the configuration: `key=value`. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE", global = true)]
    pub set: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Close an entrance, a client, a subject or vehicles. All that is named must fit a request.
    Close(CloseArgs),
    /// Open again what is closed.
    Open(OpenArgs),
    /// Show what is closed.
    List(ListArgs),
}

#[derive(Debug, clap::Args)]
struct CloseArgs {
    #[command(flatten)]
    entrance: Entrance,
    /// OAuth client id. Repeatable.
    #[arg(long = "client", value_name = "CLIENT")]
    clients: Vec<String>,
    /// Subject of an issuer. Repeatable.
    #[arg(long = "subject", value_name = "ISSUER/SUBJECT")]
    subjects: Vec<String>,
    /// File of VINs, one a line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    vehicle_file: Option<PathBuf>,
    /// Why, for the record. Never public.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What users are told.
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// How long clients are told to wait, such as `60s`.
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    retry_after: Option<u64>,
    /// The protected surface's name, typed once more.
    #[arg(long, value_name = "NAME")]
    confirm_name: Option<String>,
    /// Only say whether it could be closed.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
struct OpenArgs {
    /// Ids of closures.
    #[arg(
        value_name = "ID",
        required_unless_present_any = ["surfaces", "routes", "upstreams"]
    )]
    ids: Vec<String>,
    #[command(flatten)]
    entrance: Entrance,
    /// Only say what would be opened.
    #[arg(long)]
    dry_run: bool,
}

/// What is closed before it is known who asks.
#[derive(Debug, clap::Args)]
struct Entrance {
    /// Surface. Repeatable.
    #[arg(long = "surface", value_name = "SURFACE")]
    surfaces: Vec<String>,
    /// Route id. Repeatable.
    #[arg(long = "route", value_name = "ROUTE")]
    routes: Vec<String>,
    /// Upstream. Repeatable.
    #[arg(long = "upstream", value_name = "UPSTREAM")]
    upstreams: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// How it is printed.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Runs it.
pub fn run(args: &Args) -> Result<(), Failure> {
    let socket = args.reach.socket()?;
    let client = Client::connect(&socket)?.ok_or_else(|| {
        let shown = socket.display();
        let message = format!("nobody listens on `{shown}`: the gateway isn't running");
        Failure::new(End::Failed, message)
    })?;
    match &args.action {
        Action::Close(args) => close(&client, args),
        Action::Open(args) => open(&client, args),
        Action::List(args) => list(&client, args.output),
    }
}

impl Reach {
    /// The admin socket: `--socket`, else `VINGATE_SOCKET`, else the configuration's.
    pub fn socket(&self) -> Result<PathBuf, Failure> {
        if let Some(socket) = &self.socket {
            return Ok(socket.clone());
        }
        let Some(config) = &self.config else {
            let message = "which gateway? give --socket PATH, VINGATE_SOCKET or -c FILE";
            return Err(Failure::new(End::Usage, message));
        };
        Ok(crate::config::load(config, &self.set)?.config.admin.socket)
    }
}

fn whole_seconds(text: &str) -> Result<u64, String> {
    let span = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if span.subsec_nanos() != 0 || span.is_zero() {
        return Err("whole seconds are wanted, at least one".to_owned());
    }
    Ok(span.as_secs())
}

fn close(client: &Client, args: &CloseArgs) -> Result<(), Failure> {
    let asked = Asked {
        scope: Scope {
            surfaces: args.entrance.surfaces.iter().cloned().collect(),
            routes: args.entrance.routes.iter().cloned().collect(),
            upstreams: args.entrance.upstreams.iter().cloned().collect(),
            clients: args.clients.iter().cloned().collect(),
            subjects: args.subjects.iter().cloned().collect(),
            vehicles: match &args.vehicle_file {
                Some(file) => vehicles::read(file)?,
                None => std::collections::BTreeSet::new(),
            },
        },
        reason: args.reason.clone(),
        message: args.message.clone(),
        retry_after: args.retry_after,
        confirm: args.confirm_name.clone(),
        dry_run: args.dry_run,
    };
    let body = serde_json::to_vec(&asked).map_err(|error| unread(&error))?;
    let (_, answer) = client.send(Method::POST, SWITCHES, Bytes::from(body))?;
    let done: Done = serde_json::from_slice(&answer).map_err(|error| unread(&error))?;
    let summary = asked.scope.summary();
    match &done.id {
        Some(id) => data(&format!(
            "closed {summary} (id {id}, revision {})",
            done.revision
        )),
        None => data(&format!("would close {summary} (dry run, nothing changed)")),
    }
    if let Some(flaw) = &done.warning {
        talk(&format!(
            "in force, but only until the gateway restarts: {flaw}"
        ));
    }
    Ok(())
}

fn open(client: &Client, args: &OpenArgs) -> Result<(), Failure> {
    let listed = fetch(client)?.1;
    let wanted = find(&listed, args)?;
    for closure in &wanted {
        let summary = closure.scope.summary();
        let id = &closure.id;
        if args.dry_run {
            data(&format!(
                "would open {summary} (id {id}; dry run, nothing changed)"
            ));
            continue;
        }
        let path = format!("{SWITCHES}/{}", segment(id));
        let (_, answer) = client.send(Method::DELETE, &path, Bytes::new())?;
        let done: Done = serde_json::from_slice(&answer).map_err(|error| unread(&error))?;
        data(&format!(
            "opened {summary} (id {id}, revision {})",
            done.revision
        ));
    }
    for closure in &listed.closures {
        let opened = wanted.iter().any(|one| one.id == closure.id);
        if !opened && wanted.iter().any(|one| overlap(&one.scope, &closure.scope)) {
            let (summary, id) = (closure.scope.summary(), &closure.id);
            talk(&format!("still closed: {summary} (id {id})"));
        }
    }
    Ok(())
}

/// The closures with these ids, and those that close exactly what is named. All or a failure.
fn find<'a>(listed: &'a Listed, args: &OpenArgs) -> Result<Vec<&'a Closure>, Failure> {
    let mut found: Vec<&Closure> = Vec::new();
    for id in &args.ids {
        let closure = listed.closures.iter().find(|closure| closure.id == *id);
        found.push(closure.ok_or_else(|| nothing(&format!("no closure has the id `{id}`")))?);
    }
    for scope in args.entrance.scopes() {
        let exact = listed.closures.iter().filter(|one| one.scope == scope);
        let before = found.len();
        found.extend(exact);
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

impl Entrance {
    /// A scope of its own for each name.
    fn scopes(&self) -> Vec<Scope> {
        let only = |name: &String| std::collections::BTreeSet::from([name.clone()]);
        let surfaces = self.surfaces.iter().map(|name| Scope {
            surfaces: only(name),
            ..Scope::default()
        });
        let routes = self.routes.iter().map(|name| Scope {
            routes: only(name),
            ..Scope::default()
        });
        let upstreams = self.upstreams.iter().map(|name| Scope {
            upstreams: only(name),
            ..Scope::default()
        });
        surfaces.chain(routes).chain(upstreams).collect()
    }
}

/// Whether a closure still covers a part of what another one covered by name.
fn overlap(opened: &Scope, other: &Scope) -> bool {
    !opened.surfaces.is_disjoint(&other.surfaces)
        || !opened.routes.is_disjoint(&other.routes)
        || !opened.upstreams.is_disjoint(&other.upstreams)
}

fn list(client: &Client, output: Output) -> Result<(), Failure> {
    let (document, listed) = fetch(client)?;
    match output {
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
        return;
    }
    let width = listed
        .closures
        .iter()
        .map(|one| one.id.len())
        .max()
        .unwrap_or(0);
    for closure in &listed.closures {
        let since = clock::rfc3339(std::time::Duration::from_secs(closure.closed_at));
        let scope = closure.scope.summary();
        data(&format!("{:width$}  {scope}", closure.id));
        data(&format!(
            "{:width$}  by {} since {since}: {}",
            "", closure.closed_by, closure.reason
        ));
    }
    talk(&format!("revision {revision}"));
    if !listed.durable {
        talk("not all of it is on disk: a restart may not keep it");
    }
}

fn fetch(client: &Client) -> Result<(Bytes, Listed), Failure> {
    let (_, answer) = client.send(Method::GET, SWITCHES, Bytes::new())?;
    let listed = serde_json::from_slice(&answer).map_err(|error| unread(&error))?;
    Ok((answer, listed))
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

fn nothing(why: &str) -> Failure {
    Failure::new(End::Failed, format!("nothing to open: {why}"))
}

fn unread(error: &serde_json::Error) -> Failure {
    Failure::new(
        End::Failed,
        format!("the gateway's answer can't be read: {error}"),
    )
}

#[cfg(test)]
mod tests;
