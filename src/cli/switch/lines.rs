//! Which vehicles or persons does a file name?

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use crate::cli::{End, Failure};
use crate::pipeline::vehicle::Vin;

/// Bytes of a file of VINs; more than one closure takes.
const LIMIT: u64 = 16 * 1024 * 1024;
/// Bad lines that are named one by one.
const SHOWN: usize = 10;

/// The VINs of a file, one a line; empty lines and lines that start with `#` count for nothing.
pub(super) fn vehicles(file: &Path) -> Result<BTreeSet<String>, Failure> {
    read(file, "VIN", |line| Vin::read(line).is_ok())
}

/// The subjects of a file, `ISSUER/SUBJECT` a line, by the same rules.
pub(super) fn subjects(file: &Path) -> Result<BTreeSet<String>, Failure> {
    read(file, "ISSUER/SUBJECT", |line| line.contains('/'))
}

fn read(file: &Path, what: &str, fits: impl Fn(&str) -> bool) -> Result<BTreeSet<String>, Failure> {
    let wrong = |flaw: &dyn std::fmt::Display| {
        Failure::new(End::InvalidInput, format!("`{}`: {flaw}", file.display()))
    };
    let text = text(file).map_err(|error| wrong(&error))?;
    parse(&text, what, fits).map_err(|flaws| wrong(&flaws))
}

/// A longer file is refused: a part of it would leave vehicles open.
fn text(file: &Path) -> Result<String, std::io::Error> {
    let mut source: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(file)?)
    };
    let mut text = String::new();
    source.by_ref().take(LIMIT).read_to_string(&mut text)?;
    if source.read(&mut [0])? != 0 {
        return Err(std::io::Error::other(format!("more than {LIMIT} bytes")));
    }
    Ok(text)
}

/// A bad line is named by its number: a VIN is not repeated on a screen.
fn parse(text: &str, what: &str, fits: impl Fn(&str) -> bool) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let mut bad = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1u64..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if fits(line) {
            found.insert(line.to_owned());
        } else {
            bad.push(number.to_string());
        }
    }
    if !bad.is_empty() {
        let more = if bad.len() > SHOWN { " and more" } else { "" };
        bad.truncate(SHOWN);
        return Err(format!("no {what} on line {}{more}", bad.join(", ")));
    }
    if found.is_empty() {
        return Err(format!("no {what} is in it")); // else a wider closure than was meant
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_named_by_number_only() {
        let good = "# stolen\n\nSJNFAAZE0U6012345\n SJNFAAZE0U6012346 \r\nSJNFAAZE0U6012345\n";
        let parse = |text| parse(text, "VIN", |line| Vin::read(line).is_ok());
        assert_eq!(parse(good).unwrap().len(), 2);
        let bad = "SJNFAAZE0U6012345\nSJNFAAZE0U601234\nsjnfaaze0u6012345\n";
        assert_eq!(parse(bad).unwrap_err(), "no VIN on line 2, 3");
    }

    #[test]
    fn a_file_without_a_vin_is_refused() {
        assert!(parse("# nothing\n\n", "VIN", |_| true).is_err());
        let absent = vehicles(Path::new("/nonexistent/vins")).unwrap_err();
        assert_eq!(absent.end, End::InvalidInput);
    }
}
