//! Why does a case come out so, or why did a recorded decision?

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cli::policy::Target;
use crate::cli::{End, Failure, data};
use crate::pipeline::policy::explain::{Wanted, explain, explain_record};
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::source::Source;

/// Bytes of a file of cases that is given: many times what a person writes.
const CASE_BYTES: u64 = 1_048_576;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of a case, or a part of it that no other case has. With `--record` the folder stands here.
    #[arg(value_name = "CASE", required_unless_present_any = ["file", "record"])]
    case: Option<String>,
    #[command(flatten)]
    target: Target,
    /// Look for the case here instead of beside the policies; `-` reads the standard input.
    ///
    /// Written like a file of `cases/`.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A recorded decision instead of a case: one line of the audit log; `-` reads the standard input.
    ///
    /// The record of a refusal by policy, and that of a command, holds the facts that it was decided on.
    /// They are put to the policies that are here, with pseudonyms where VINs and subjects were; a note
    /// says where these are others than decided then, or decide otherwise.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "action"])]
    record: Option<PathBuf>,
    /// One of the case's actions; else all of them.
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
}

/// Runs it.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    if let Some(record) = &args.record {
        return run_on(record, args);
    }
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

fn run_on(record: &PathBuf, args: &Args) -> Result<(), Failure> {
    let files = match (&args.case, &args.target) {
        (None, target) => target.files()?,
        (
            Some(folder),
            Target {
                directory: None,
                config: None,
                ..
            },
        ) => Files::folder(Path::new(folder)),
        (Some(_), _) => {
            let message = "--record is one decision: a case beside it means nothing";
            return Err(Failure::new(End::Usage, message));
        }
    };
    let record = read(record)?;
    let lines = record.text.lines().filter(|line| !line.trim().is_empty());
    let count = lines.count();
    if count != 1 {
        let place = &record.place;
        let message = format!(
            "{place}: holds {count} lines, and one record is explained at a time; \
             take the one with the request's id, such as by `grep ID audit.jsonl`"
        );
        return Err(Failure::new(End::InvalidInput, message));
    }
    for line in explain_record(&files, &record)? {
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
