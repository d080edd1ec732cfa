//! Which vehicles does a file name?

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
pub(super) fn read(file: &Path) -> Result<BTreeSet<String>, Failure> {
    let shown = file.display();
    let text = text(file)
        .map_err(|error| Failure::new(End::InvalidInput, format!("`{shown}`: {error}")))?;
    parse(&text).map_err(|flaws| Failure::new(End::InvalidInput, format!("`{shown}`: {flaws}")))
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
fn parse(text: &str) -> Result<BTreeSet<String>, String> {
    let mut vins = BTreeSet::new();
    let mut bad = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1u64..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match Vin::read(line) {
            Ok(vin) => {
                vins.insert(vin.as_str().to_owned());
            }
            Err(_) => bad.push(number.to_string()),
        }
    }
    if !bad.is_empty() {
        let more = if bad.len() > SHOWN { " and more" } else { "" };
        bad.truncate(SHOWN);
        return Err(format!("no VIN on line {}{more}", bad.join(", ")));
    }
    if vins.is_empty() {
        return Err("no VIN is in it".to_owned()); // else a wider closure than was meant
    }
    Ok(vins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_lines_are_named_by_number_only() {
        let good = "# stolen\n\nSJNFAAZE0U6012345\n SJNFAAZE0U6012346 \r\nSJNFAAZE0U6012345\n";
        assert_eq!(parse(good).unwrap().len(), 2);
        let bad = "SJNFAAZE0U6012345\nSJNFAAZE0U601234\nsjnfaaze0u6012345\n";
        assert_eq!(parse(bad).unwrap_err(), "no VIN on line 2, 3");
    }

    #[test]
    fn a_file_without_a_vin_is_refused() {
        assert!(parse("# nothing\n\n").is_err());
        let absent = read(Path::new("/nonexistent/vins")).unwrap_err();
        assert_eq!(absent.end, End::InvalidInput);
    }
}
