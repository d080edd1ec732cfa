//! Is the log in these files whole?

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::chain::report::Report;
use crate::chain::verify::Verifier;
use crate::chain::{ChainKey, Head};

use super::disk::{HEAD_BYTES, head_path};

/// Why nothing can be said of a log.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverifiable {
    /// No such file, and no head that would tell of one.
    #[error("there is no log `{0}`")]
    Absent(String),
    /// A file that can't be read.
    #[error("`{0}` can't be read: {1}")]
    Unreadable(String, String),
    /// No line of it is chained, and no head says that there were any.
    #[error("`{0}` is no log: none of its lines is chained")]
    NoLog(String),
}

/// Checks one log in `files`, oldest first, with the keys that it may have had. The head beside the
/// last of them tells how far the log reached. Reads them once, whatever a gateway writes
/// meanwhile; waits for the disk, so it is not for a thread that serves requests.
///
/// # Errors
/// A file is missing, unreadable, or no log.
pub fn verify(files: &[PathBuf], keys: &[ChainKey]) -> Result<Report, Unverifiable> {
    let mut verifier = Verifier::new(keys);
    if let Some((last, older)) = files.split_last() {
        for file in older {
            read_file(&mut verifier, file, open(file)?)?;
        }
        read_last(&mut verifier, last)?;
    }
    let report = verifier.finish();
    match files.last() {
        Some(last) if report.lines == 0 && report.at_least_up_to.is_none() => {
            Err(Unverifiable::NoLog(shown(last)))
        }
        Some(_) | None => Ok(report),
    }
}

fn read_last(verifier: &mut Verifier<'_>, file: &Path) -> Result<(), Unverifiable> {
    let (head, opened) = open_with_head(file)?;
    verifier.expect(&head);
    match opened {
        Some(opened) => read_file(verifier, file, opened),
        None if head.is_empty() => Err(Unverifiable::Absent(shown(file))),
        None => read(verifier, file, io::empty()), // a log without its lines
    }
}

/// A file and the head that belongs to it: not that of before a rotation, or of after it.
fn open_with_head(file: &Path) -> Result<(Vec<u8>, Option<File>), Unverifiable> {
    let mut head = read_head(file)?;
    for _ in 0..3 {
        let opened = match File::open(file) {
            Ok(opened) => Some(opened),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(unreadable(file, &error)),
        };
        let again = read_head(file)?;
        if Head::first_of(&again) == Head::first_of(&head) {
            return Ok((head, opened));
        }
        head = again;
    }
    Err(Unverifiable::Unreadable(
        shown(file),
        "it is rotated all the time".to_owned(),
    ))
}

fn read_head(file: &Path) -> Result<Vec<u8>, Unverifiable> {
    let path = head_path(file);
    let mut bytes = Vec::new();
    match File::open(&path) {
        Ok(head) => head.take(HEAD_BYTES).read_to_end(&mut bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
    .map_err(|error| unreadable(&path, &error))?;
    Ok(bytes)
}

fn open(file: &Path) -> Result<File, Unverifiable> {
    File::open(file).map_err(|error| {
        if error.kind() == ErrorKind::NotFound {
            Unverifiable::Absent(shown(file))
        } else {
            unreadable(file, &error)
        }
    })
}

fn read_file(verifier: &mut Verifier<'_>, file: &Path, opened: File) -> Result<(), Unverifiable> {
    match opened.metadata() {
        Ok(found) if found.is_file() => read(verifier, file, opened),
        Ok(_) => Err(Unverifiable::NoLog(shown(file))), // a device has no end
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn read(verifier: &mut Verifier<'_>, file: &Path, reader: impl Read) -> Result<(), Unverifiable> {
    let reader = BufReader::with_capacity(65_536, reader);
    let read = verifier.read(&shown(file), reader);
    read.map_err(|error| unreadable(file, &error))
}

fn unreadable(file: &Path, error: &io::Error) -> Unverifiable {
    Unverifiable::Unreadable(shown(file), error.to_string())
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
