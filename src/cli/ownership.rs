//! How do ownership facts get in and out, and how is a vehicle changed?
//!
//! A running gateway holds the file, so what goes in and out goes through its admin socket; without
//! one the file is opened here. A vehicle is looked up and changed through a gateway alone: who did
//! it and why is on its record.

mod change;
mod export;
mod import;
mod progress;
mod vehicle;
mod words;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use tokio::runtime::Runtime;

use crate::adapters::directory::Directory;
use crate::admin::client::Client;
use crate::cli::reach::Secure;
use crate::cli::{End, Failure};
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
    /// Recorded, with the digest of the lines. What `--replace` replaced in Redis is removed 20 s later:
    /// without a gateway the command stays for that.
    Import(import::Args),
    /// Write all ownership facts as the lines that `import` reads, in the order of their keys.
    ///
    /// Through the admin socket of a running gateway, or where none listens from the directory that
    /// the configuration names; recorded either way. It shows one moment. A directory in Redis is read
    /// whole before the first line comes.
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

/// Runs it.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Import(args) => import::import(args),
        Command::Export(args) => export::export(args),
        Command::Get(args) => vehicle::get(args),
        Command::Grant(args) => change::grant(args),
        Command::Revoke(args) => change::revoke(args),
        Command::Suspend(args) => change::suspend("suspend", args),
        Command::Unsuspend(args) => change::suspend("unsuspend", args),
    }
}

/// Where the records go.
enum Target {
    Gateway(Client),
    /// The store itself.
    Store(Box<Opened>),
}

/// A store that no gateway holds.
struct Opened {
    directory: Directory,
    /// Whose names count.
    config: ConfigFile,
    /// Keeps a connection up.
    runtime: Runtime,
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
        Ok(Self::Store(Box::new(Opened {
            directory,
            config: loaded.config,
            runtime,
        })))
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
