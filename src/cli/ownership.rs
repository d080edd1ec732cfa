//! How do ownership facts get in and out, and how is a vehicle changed?
//!
//! A running gateway holds the file, so what goes in and out goes through its admin socket; without
//! one the file is opened here. A vehicle is looked up and changed through a gateway alone: who did
//! it and why is on its record.

mod change;
mod export;
mod vehicle;
mod words;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Subcommand;
use http::Method;
use serde::Deserialize;
use tokio::runtime::Runtime;

use crate::adapters::directory::Directory;
use crate::adapters::facts::import::{self, BadLine, BadLines, ImportError, ImportReport, Terms};
use crate::admin::IMPORT_BYTES;
use crate::admin::client::Client;
use crate::cli::reach::Secure;
use crate::cli::{self, End, Failure};
use crate::config::{self, ConfigFile};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Import ownership facts from a file of JSON lines: vehicles, suspended subjects, aliases.
    ///
    /// All lines are imported or none; a vehicle that is there already is replaced whole. Goes
    /// through the admin socket of a running gateway (files up to 256 MiB); where none listens,
    /// the directory that the configuration names is opened. For a larger file, stop the gateway.
    Import(Import),
    /// Write all ownership facts as the lines that `import` reads, in the order of their keys.
    ///
    /// Through the admin socket of a running gateway, which records it, or where none listens from
    /// the directory that the configuration names. It shows one moment. A directory in Redis is not
    /// exported.
    Export(export::Args),
    /// Show whose a vehicle is and what is granted on it. Recorded.
    Get(Box<vehicle::GetArgs>),
    /// Set a vehicle's owner, or give somebody access to it.
    ///
    /// In force for the next request. What the same driver or partner had on it, and the same work
    /// order or case, is replaced. An owner is a sale: all grants, consents, work orders and cases on
    /// the vehicle end, and it belongs to no fleet any more.
    Grant(Box<change::GrantArgs>),
    /// Take access to a vehicle away.
    ///
    /// In force for the next request. Without its owner a vehicle has no grants, consents, work
    /// orders, cases and fleet either.
    Revoke(Box<change::RevokeArgs>),
    /// Let nobody use a vehicle, such as while it is disputed whose it is.
    Suspend(Box<change::SuspendArgs>),
    /// Let those use a vehicle again who may.
    Unsuspend(Box<change::SuspendArgs>),
}

/// Which gateway, or else which directory.
#[derive(Debug, clap::Args)]
struct Place {
    /// Configuration file; may be left out where a socket is named.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one key of the configuration: `key=value`. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "config")]
    set: Vec<String>,
    /// Admin socket of the running gateway; else the configuration's.
    #[arg(long, value_name = "PATH", env = "VINGATE_SOCKET")]
    socket: Option<PathBuf>,
    #[command(flatten)]
    secure: Secure,
}

#[derive(Debug, clap::Args)]
struct Import {
    /// One JSON object a line; `-` reads the standard input.
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    /// Import the good lines although others are bad.
    #[arg(long)]
    skip_bad: bool,
    /// Take the lines as a whole snapshot: vehicles and aliases that they leave out are forgotten, all
    /// at one moment. Suspensions stay. Not for a directory in Redis.
    #[arg(long, conflicts_with = "skip_bad")]
    replace: bool,
    #[command(flatten)]
    place: Place,
    /// Read and check every line, write nothing. With a configuration, regions and issuers are
    /// checked too.
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Import(args) => import(args),
        Command::Export(args) => export::export(args),
        Command::Get(args) => vehicle::get(args),
        Command::Grant(args) => change::grant(args),
        Command::Revoke(args) => change::revoke(args),
        Command::Suspend(args) => change::suspend("suspend", args),
        Command::Unsuspend(args) => change::suspend("unsuspend", args),
    }
}

fn import(args: &Import) -> Result<(), Failure> {
    let bad = if args.skip_bad {
        BadLines::Skip
    } else {
        BadLines::Refuse
    };
    if args.dry_run {
        let loaded = args
            .place
            .config
            .as_deref()
            .map(|file| config::load(file, &args.place.set));
        let loaded = loaded.transpose()?;
        let terms = terms(bad, loaded.as_ref().map(|loaded| &loaded.config));
        let report = import::check(&mut *open(&args.file)?, &terms);
        let report = tell(&args.file, report)?;
        cli::data(&format!("{} records would be imported", report.imported));
        return Ok(());
    }
    let imported = match Target::find(&args.place)? {
        Target::Gateway(client) => send(&client, args, bad)?,
        Target::Store(directory, config, _runtime) => {
            let terms = terms(bad, Some(&config));
            let lines = &mut *open(&args.file)?;
            let report = if args.replace {
                directory.replace(lines, &terms)
            } else {
                directory.import(lines, &terms)
            };
            tell(&args.file, report)?.imported
        }
    };
    cli::data(&format!("{imported} records imported"));
    Ok(())
}

/// What is asked of lines; without a configuration any name will do.
fn terms(bad: BadLines, config: Option<&ConfigFile>) -> Terms {
    let regions = config.map(|config| config.regions.keys().cloned().collect());
    let issuers = config.map(|config| config.issuers.keys().cloned().collect());
    Terms {
        bad,
        regions: regions.unwrap_or_default(),
        issuers: issuers.unwrap_or_default(),
    }
}

/// Where the records go.
enum Target {
    Gateway(Client),
    /// The store itself, the configuration whose names count, and what keeps a connection up.
    Store(Directory, Box<ConfigFile>, Runtime),
}

impl Target {
    fn find(args: &Place) -> Result<Self, Failure> {
        let named = args.socket.as_deref();
        let named = named.filter(|socket| !socket.as_os_str().is_empty());
        if let Some(client) = args.secure.client(named)? {
            return Ok(Self::Gateway(client));
        }
        // A socket that was named and answers needs no configuration.
        if let Some(client) = named.map(Client::connect).transpose()?.flatten() {
            return Ok(Self::Gateway(client));
        }
        let Some(file) = &args.config else {
            return Err(without_configuration(named));
        };
        let loaded = config::load(file, &args.set)?;
        if named.is_none()
            && let Some(client) = Client::connect(&loaded.config.admin.socket)?
        {
            return Ok(Self::Gateway(client));
        }
        let failed = |error| Failure::new(End::Failed, error);
        let runtime = Runtime::new().map_err(|error| failed(error.to_string()))?;
        let directory = Directory::open(&loaded.config, runtime.handle()).map_err(failed)?;
        Ok(Self::Store(directory, Box::new(loaded.config), runtime))
    }
}

fn without_configuration(socket: Option<&Path>) -> Failure {
    match socket {
        Some(socket) => {
            let shown = socket.display();
            let message = format!(
                "nobody listens on `{shown}`: name a configuration with `-c` to open its directory"
            );
            Failure::new(End::Failed, message)
        }
        None => Failure::new(
            End::Usage,
            "name the admin socket of a running gateway (`--socket` or `VINGATE_SOCKET`), its \
             address (`--url`) or a configuration (`-c`)",
        ),
    }
}

fn open(file: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if file == Path::new("-") {
        return Ok(Box::new(std::io::stdin().lock()));
    }
    let opened = File::open(file).map_err(|error| unreadable(file, &error))?;
    Ok(Box::new(BufReader::with_capacity(1024 * 1024, opened)))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    let message = format!("cannot read `{}`: {error}", file.display());
    Failure::new(End::Failed, message)
}

/// The part of the gateway's answer that counts.
#[derive(Deserialize)]
struct Answer {
    imported: u64,
}

/// Checks the lines here, so that bad ones are told alike with and without a gateway, and sends
/// them.
fn send(client: &Client, args: &Import, bad: BadLines) -> Result<u64, Failure> {
    let file = &args.file;
    let body = read_bounded(file, &mut *open(file)?, IMPORT_BYTES)?;
    let terms = terms(bad, None); // the gateway's own names are what counts
    tell(file, import::check(&mut body.as_slice(), &terms))?;
    let path = match bad {
        BadLines::Refuse if args.replace => "/v1/ownership/import?replace=true",
        BadLines::Refuse => "/v1/ownership/import?skip_bad=false",
        BadLines::Skip => "/v1/ownership/import?skip_bad=true",
    };
    let (status, answer) = client.send(Method::POST, path, Bytes::from(body))?;
    match serde_json::from_slice::<Answer>(&answer) {
        Ok(answer) if status.is_success() => Ok(answer.imported),
        Ok(_) | Err(_) => Err(Failure::new(
            End::Failed,
            format!("the gateway answered {status}, which this version doesn't understand"),
        )),
    }
}

fn read_bounded(file: &Path, lines: &mut dyn BufRead, most: usize) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let bound = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    let read = lines.take(bound).read_to_end(&mut body);
    read.map_err(|error| unreadable(file, &error))?;
    if body.len() <= most {
        return Ok(body);
    }
    let message = format!(
        "`{}` has more than {most} bytes, too much for the admin socket: stop the gateway and \
         import with `-c`, or split the file",
        file.display()
    );
    Err(Failure::new(End::InvalidInput, message))
}

/// Tells each bad line as `FILE:LINE: why`.
fn tell(file: &Path, report: Result<ImportReport, ImportError>) -> Result<ImportReport, Failure> {
    let each = |bad: &[BadLine], more: u64| {
        for line in lines(file, bad, more) {
            cli::talk(&line);
        }
    };
    match report {
        Ok(report) => {
            each(&report.skipped, report.more);
            Ok(report)
        }
        Err(ImportError::Bad(bad, more)) => {
            each(&bad, more);
            let error = ImportError::Bad(Vec::new(), 0).to_string();
            Err(Failure::new(End::InvalidInput, error))
        }
        Err(ImportError::Store(error)) => Err(Failure::new(End::Failed, error)),
    }
}

fn lines(file: &Path, bad: &[BadLine], more: u64) -> Vec<String> {
    let file = file.display();
    let each = bad
        .iter()
        .map(|bad| format!("{file}:{}: {}", bad.line, bad.why));
    let rest = (more > 0).then(|| format!("and {more} more"));
    each.chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const GOOD: &str = r#"{"vin":"SJNFAAZE0U6012345","owner":"alice","region":"NE","trim":"SV","capabilities":[],"telematics":true}"#;

    fn parse(words: &[&str]) -> Result<Import, clap::error::ErrorKind> {
        let words = ["vingate", "ownership", "import"].iter().chain(words);
        let cli = cli::Cli::try_parse_from(words).map_err(|error| error.kind())?;
        let cli::Command::Ownership(Args {
            command: Command::Import(args),
        }) = cli.command
        else {
            panic!("another command");
        };
        Ok(args)
    }

    fn folder_with(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cars.jsonl");
        std::fs::write(&file, text).unwrap();
        (folder, file)
    }

    #[test]
    fn overrides_need_a_configuration() {
        assert!(parse(&["-", "--set", "a=b"]).is_err());
        assert!(parse(&["-", "--set", "a=b", "-c", "vingate.toml"]).is_ok());
        assert!(parse(&[]).is_err());
    }

    #[test]
    fn neither_socket_nor_configuration_is_a_usage_error() {
        let (_folder, file) = folder_with(GOOD);
        let mut args = parse(&[file.to_str().unwrap()]).unwrap();
        for socket in [None, Some(PathBuf::new())] {
            args.place.socket = socket;
            let failure = import(&args).unwrap_err();
            assert_eq!(failure.end, End::Usage);
        }
    }

    #[test]
    fn a_dry_run_judges_the_lines_and_needs_no_store() {
        for (text, end) in [(GOOD, None), ("x", Some(End::InvalidInput))] {
            let (_folder, file) = folder_with(text);
            let args = parse(&["--dry-run", file.to_str().unwrap()]).unwrap();
            assert_eq!(import(&args).err().map(|failure| failure.end), end);
            let args = parse(&["--dry-run", "--skip-bad", file.to_str().unwrap()]).unwrap();
            assert_eq!(import(&args), Ok(()));
        }
        let args = parse(&["--dry-run", "/nonexistent.jsonl"]).unwrap();
        assert_eq!(import(&args).unwrap_err().end, End::Failed);
    }

    #[test]
    fn bad_lines_are_told_with_their_place() {
        let bad = [BadLine {
            line: 7,
            why: "not UTF-8".to_owned(),
        }];
        let told = lines(Path::new("cars.jsonl"), &bad, 3);
        assert_eq!(told, ["cars.jsonl:7: not UTF-8", "and 3 more"]);
    }

    #[test]
    fn too_much_for_the_socket_is_refused_with_advice() {
        let read = |most| read_bounded(Path::new("cars.jsonl"), &mut b"12345".as_slice(), most);
        assert_eq!(read(5).unwrap(), b"12345");
        let failure = read(4).unwrap_err();
        assert_eq!(failure.end, End::InvalidInput);
        assert!(failure.message.contains("stop the gateway"), "{failure}");
    }

    #[test]
    fn a_store_that_fails_is_not_bad_input() {
        let full = ImportError::Store("full".to_owned());
        let failure = tell(Path::new("-"), Err(full)).unwrap_err();
        assert_eq!((failure.end, &*failure.message), (End::Failed, "full"));
    }
}
