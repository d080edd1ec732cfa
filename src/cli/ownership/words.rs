//! Which vehicle, and who?
//!
//! VINs and subjects on a command line land in process lists and shell histories: `-` instead of one
//! reads it from standard input, a line each, the vehicle first.

use std::io::BufRead;

use crate::cli::{End, Failure};
use crate::pipeline::vehicle::Vin;

/// Words of a command line, with the lines that stand for some of them.
pub(super) struct Words<'a>(pub(super) &'a mut dyn BufRead);

impl Words<'_> {
    /// What was meant by a word.
    ///
    /// # Errors
    /// It stands for a line, and there is none.
    pub(super) fn meant(&mut self, word: &str) -> Result<String, Failure> {
        if word != "-" {
            return Ok(word.to_owned());
        }
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        let line = line.trim();
        if read.is_err() || line.is_empty() {
            let message = "`-` stands for a line of standard input, and there is none";
            return Err(Failure::new(End::InvalidInput, message));
        }
        Ok(line.to_owned())
    }

    /// The same of a VIN.
    ///
    /// # Errors
    /// It is no VIN, which is not repeated.
    pub(super) fn vin(&mut self, word: &str) -> Result<Vin, Failure> {
        Vin::read(&self.meant(word)?).map_err(|_| {
            let message = "that is no VIN: wanted 17 characters, upper case";
            Failure::new(End::InvalidInput, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_the_next_line_and_anything_else_is_itself() {
        let mut lines = "SJNFAAZE0U6012345\r\nanna\n".as_bytes();
        let mut words = Words(&mut lines);
        assert_eq!(words.vin("-").unwrap().as_str(), "SJNFAAZE0U6012345");
        assert_eq!(words.meant("ben").unwrap(), "ben");
        assert_eq!(words.meant("-").unwrap(), "anna");
        assert_eq!(words.meant("-").unwrap_err().end, End::InvalidInput);
        let refused = words.vin("SJNFAAZE0U60").unwrap_err();
        assert_eq!(refused.end, End::InvalidInput);
        assert!(!refused.message.contains("SJN"), "{refused}");
    }
}
