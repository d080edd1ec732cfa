//! How do ownership facts get in?

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::Map;

use crate::adapters::facts::import::{BadLine, BadLines, ImportError, ImportReport, Terms};
use crate::adapters::facts::intake::{self, Intake, Others, Resume};
use crate::admin::IMPORT_BYTES;
use crate::admin::client::Client;
use crate::admin::ownership::{outcome, words};
use crate::cli::ownership::progress::Bar;
use crate::cli::ownership::{Opened, Place, Target};
use crate::cli::recorded::Recorded;
use crate::cli::{self, End, Failure};
use crate::config::{self, ConfigFile};

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub(super) struct Args {
    /// One JSON object a line; `-` reads the standard input.
    #[arg(value_name = "FILE.jsonl")]
    file: PathBuf,
    /// Import the good lines although others are bad.
    #[arg(long)]
    skip_bad: bool,
    /// Take the lines as a whole snapshot: vehicles and aliases that they leave out are forgotten, all
    /// at one moment. Suspensions stay. In Redis nothing else is changed while it is loaded.
    #[arg(long, conflicts_with = "skip_bad")]
    replace: bool,
    /// Go on with an import of this file that was interrupted: killed, out of disk, or refused for a
    /// bad line that is corrected by now. What was read already is not read again, and must be the
    /// same. Only where no gateway runs.
    #[arg(long, conflicts_with = "dry_run")]
    resume: bool,
    #[command(flatten)]
    place: Place,
    /// Read and check every line, write nothing. With a configuration, regions and issuers are
    /// checked too.
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn import(args: &Args) -> Result<(), Failure> {
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
        let mut bar = Bar::of(&args.file);
        let report = intake::check(&mut *open(&args.file)?, &terms, bar.told());
        drop(bar);
        let report = tell(&args.file, report)?;
        cli::data(&format!("{} records would be imported", report.imported));
        return Ok(());
    }
    let imported = match Target::find(&args.place)? {
        Target::Gateway(_) if args.resume => {
            let message = "an import through a gateway is not gone on with: import again without \
                           `--resume`";
            return Err(Failure::new(End::Refused, message));
        }
        Target::Gateway(client) => send(&client, args, bad)?,
        Target::Store(opened) => {
            let imported = take(&opened, args, bad)?;
            told(imported);
            opened.directory.swept();
            return Ok(());
        }
    };
    told(imported);
    Ok(())
}

fn told(imported: u64) {
    cli::data(&format!("{imported} records imported"));
}

/// Imports into the store itself.
fn take(opened: &Opened, args: &Args, bad: BadLines) -> Result<u64, Failure> {
    let others = if args.replace {
        Others::Go
    } else {
        Others::Stay
    };
    let resume = if args.resume {
        Resume::Now
    } else {
        Resume::Later
    };
    let terms = terms(bad, Some(&opened.config));
    let mut lines = open(&args.file)?;
    let manner = Map::from_iter([("lines".to_owned(), words(bad, others).into())]);
    let place = (&opened.config, &opened.runtime);
    let recorded = Recorded::begin(place, "ownership import", manner)?;
    let mut bar = Bar::of(&args.file);
    let imported = opened.directory.import(&mut Intake {
        lines: &mut *lines,
        terms: &terms,
        others,
        resume,
        told: bar.told(),
    });
    drop(bar);
    let (ended, changed) = outcome(&imported);
    recorded.conclude(ended, changed);
    if let (Err(_), Some(read)) = (&imported, opened.directory.interrupted()) {
        cli::talk(&format!(
            "the first {read} lines are kept beside the directory: go on with `--resume`"
        ));
    }
    Ok(tell(&args.file, imported)?.imported)
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
fn send(client: &Client, args: &Args, bad: BadLines) -> Result<u64, Failure> {
    let file = &args.file;
    let body = read_bounded(file, &mut *open(file)?, IMPORT_BYTES)?;
    let terms = terms(bad, None); // the gateway's own names are what counts
    let mut bar = Bar::sized(u64::try_from(body.len()).ok());
    let checked = intake::check(&mut body.as_slice(), &terms, bar.told());
    bar.say("the gateway imports");
    tell(file, checked)?;
    let path = match bad {
        BadLines::Refuse if args.replace => "/v1/ownership/import?replace=true",
        BadLines::Refuse => "/v1/ownership/import?skip_bad=false",
        BadLines::Skip => "/v1/ownership/import?skip_bad=true",
    };
    let (status, answer) = client.send(Method::POST, path, Bytes::from(body))?;
    drop(bar);
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
        Err(ImportError::Refused(why)) => Err(Failure::new(End::Refused, why)),
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
    use crate::cli::ownership;

    const GOOD: &str = r#"{"vin":"SJNFAAZE0U6012345","owner":"alice","region":"NE","trim":"SV","capabilities":[],"telematics":true}"#;

    fn parse(words: &[&str]) -> Result<Args, clap::error::ErrorKind> {
        let words = ["vingate", "ownership", "import"].iter().chain(words);
        let cli = cli::Cli::try_parse_from(words).map_err(|error| error.kind())?;
        let cli::Command::Ownership(ownership::Args {
            command: ownership::Command::Import(args),
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
