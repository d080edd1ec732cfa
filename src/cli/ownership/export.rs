//! How do ownership facts get out?

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::Map;

use crate::adapters::directory::NoSnapshot;
use crate::cli::ownership::{Opened, Place, Target};
use crate::cli::recorded::Recorded;
use crate::cli::{End, Failure, talk};

const PATH: &str = "/v1/ownership/export";

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File that is written whole or not at all, for its owner only; else standard output.
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn export(args: &Args) -> Result<(), Failure> {
    let target = Target::find(&args.place)?;
    let Some(file) = &args.output else {
        let mut out = BufWriter::new(io::stdout().lock());
        copy(&target, &mut out)?;
        let flushed = out.flush();
        return flushed.map_err(|error| unwritable(Path::new("-"), &error));
    };
    let temporary = beside(file);
    let written = write(&target, &temporary)
        .and_then(|()| fs::rename(&temporary, file).map_err(|error| unwritable(file, &error)));
    if written.is_err() {
        drop(fs::remove_file(&temporary)); // it may not have been made
        return written;
    }
    talk(&format!("exported to `{}`", file.display()));
    Ok(())
}

/// Writes all lines into a file that wasn't there, and returns when they are on disk.
fn write(target: &Target, file: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| unwritable(file, &error);
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        Ok(()) | Err(_) => {} // left behind by one that was killed
    }
    let opened: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(failed)?;
    let mut out = BufWriter::new(opened);
    copy(target, &mut out)?;
    out.flush().map_err(failed)?;
    out.get_ref().sync_all().map_err(failed)
}

fn copy(target: &Target, out: &mut dyn Write) -> Result<(), Failure> {
    match target {
        Target::Gateway(client) => client.download(PATH, out),
        Target::Store(opened) => {
            let place = (&opened.config, &opened.runtime);
            let recorded = Recorded::begin(place, "ownership export", Map::new())?;
            let written = lines(opened, out);
            match &written {
                Ok(count) => recorded.conclude("done", *count),
                Err(_) => recorded.conclude("broke-off", 0),
            }
            written.map(drop)
        }
    }
}

fn lines(opened: &Opened, out: &mut dyn Write) -> Result<u64, Failure> {
    let snapshot = opened.directory.snapshot().map_err(|why| {
        let end = match why {
            NoSnapshot::Failed(_) | NoSnapshot::Broken(_) => End::Failed,
            NoSnapshot::Refused(_) => End::Refused,
        };
        Failure::new(end, why.to_string())
    })?;
    let written = snapshot.write(&mut |line| {
        let written = writeln!(out, "{line}");
        written.map_err(|error| error.to_string())
    });
    written.map_err(|broken| Failure::new(End::Failed, broken.to_string()))
}

/// In the same folder, so that it can be renamed; a name that nobody else would use.
fn beside(file: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(file.file_name().unwrap_or_default());
    name.push(".vingate-export");
    file.with_file_name(name)
}

fn unwritable(file: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot write `{}`: {error}", file.display());
    Failure::new(End::Failed, message)
}
