//! What may be written, and what is in force?

use clap::Subcommand;
use serde::Serialize;

use crate::cli::{self, ConfigArgs, End, Failure, Output};
use crate::config::{self, effective, schema};

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to show.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be shown.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print the JSON Schema (draft 2020-12) of the configuration.
    Schema {
        /// That of a route file instead.
        #[arg(long)]
        routes: bool,
    },
    /// Print every value in force, defaults included, and where it came from.
    Effective {
        /// Which configuration.
        #[command(flatten)]
        config: ConfigArgs,
        /// How to print it.
        #[arg(short, long, value_enum, default_value_t)]
        output: Output,
    },
}

/// Runs it.
///
/// # Errors
/// Every mistake of the configuration.
pub fn run(args: &Args) -> Result<(), Failure> {
    match &args.command {
        Command::Schema { routes: true } => json(&schema::route_schema()),
        Command::Schema { routes: false } => json(&schema::json_schema()),
        Command::Effective { config, output } => print_effective(config, *output),
    }
}

fn print_effective(args: &ConfigArgs, output: Output) -> Result<(), Failure> {
    let loaded = config::load(&args.config, &args.set)?;
    let settings = effective::settings(&loaded)
        .map_err(|error| Failure::new(End::Failed, error.to_string()))?;
    match output {
        Output::Json => return json(&settings),
        Output::Plain => {
            for setting in &settings {
                cli::data(&format!("{}={}", setting.key, setting.written()));
            }
        }
        Output::Table => {
            let head = ["KEY", "ORIGIN", "VALUE"].map(str::to_owned);
            let rows = settings.iter().map(|setting| {
                [
                    setting.key.clone(),
                    setting.origin.clone(),
                    setting.written(),
                ]
            });
            cli::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
        }
    }
    Ok(())
}

fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::new(End::Failed, error.to_string()))?;
    cli::data(&text);
    Ok(())
}
