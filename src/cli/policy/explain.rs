//! Why does a case come out so?

use std::io::Read;
use std::path::PathBuf;

use crate::cli::policy::Target;
use crate::cli::{End, Failure, data};
use crate::pipeline::policy::explain::{Wanted, explain};
use crate::pipeline::policy::source::Source;

/// Bytes of a file of cases that is given: many times what a person writes.
const CASE_BYTES: u64 = 1_048_576;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of a case, or a part of it that no other case has.
    #[arg(value_name = "CASE", required_unless_present = "file")]
    case: Option<String>,
    #[command(flatten)]
    target: Target,
    /// Look for the case here instead of beside the policies; `-` reads the standard input.
    ///
    /// Written like a file of `cases/`. Facts of a decision that was recorded go in here too: the record
    /// has them, but for VINs and subjects, which it holds as pseudonyms.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// One of the case's actions; else all of them.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let files = args.target.files()?;
    let text = args.file.as_ref().map(read).transpose()?;
    let wanted = Wanted {
        case: args.case.as_deref(),
        action: args.action.as_deref(),
    };
    for line in explain(&files, text, wanted)? {
        data(&line);
    }
    Ok(())
}

fn read(path: &PathBuf) -> Result<Source, Failure> {
    let place = path.display().to_string();
    let mut text = String::new();
    let read = if place == "-" {
        std::io::stdin().take(CASE_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(CASE_BYTES).read_to_string(&mut text))
    };
    match read {
        Ok(_) => Ok(Source { place, text }),
        Err(error) => {
            let message = format!("{place}: can't be read: {error}");
            Err(Failure::new(End::InvalidInput, message))
        }
    }
}
