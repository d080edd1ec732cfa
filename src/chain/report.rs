//! What is told of a log that was checked?

use std::fmt;

use serde::{Serialize, Serializer};

/// What was found in a log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Lines that belong to the chain.
    pub lines: u64,
    /// Its first line.
    pub first: Option<End>,
    /// Its last line.
    pub last: Option<End>,
    /// The number that the head knew, if there is a head: lines behind it could be cut off unseen.
    pub at_least_up_to: Option<u64>,
    /// How many breaks there are.
    pub broken: u64,
    /// The first 100 breaks.
    pub breaks: Vec<Finding<Break>>,
    /// The first 100 facts that are no breaks.
    pub facts: Vec<Finding<Fact>>,
}

impl Report {
    /// Whether every line is there and as it was written, as far as that can be told.
    pub fn is_whole(&self) -> bool {
        self.broken == 0
    }
}

/// First or last line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct End {
    /// Its number.
    pub n: u64,
    /// Its `time`, as it stands there.
    pub time: Option<String>,
}

/// Something, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding<T: fmt::Display> {
    /// Name of the file.
    pub file: String,
    /// Line in it, from 1; 0 if it has none.
    pub line: u64,
    /// What.
    #[serde(serialize_with = "as_text")]
    pub what: T,
}

fn as_text<T: fmt::Display, S: Serializer>(what: &T, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(what)
}

impl<T: fmt::Display> fmt::Display for Finding<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Why a log isn't as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what it is")]
pub enum Break {
    #[error("line n=`{n}` was altered, or the one before it was")]
    Altered { n: u64 },
    #[error("lines n=`{from}` to n=`{to}` are missing before this one")]
    Missing { from: u64, to: u64 },
    #[error("line n=`{n}` stands where n=`{wanted}` belongs")]
    Misplaced { n: u64, wanted: u64 },
    #[error("not a line of this log (`{bytes}` bytes)")]
    Foreign { bytes: u64 },
    #[error("the torn line that this line tells of is missing or altered")]
    TornLine,
    #[error("line n=`{n}` opens no file: what stood before it was cut off")]
    Headless { n: u64 },
    #[error("the chain begins anew: nothing proves what stood between")]
    BeginsAnew,
    #[error("chained with another key (`{key}`), which is needed to check this and what follows")]
    OtherKey { key: String },
    #[error("lines n=`{from}` to n=`{to}` are missing at the end")]
    EndMissing { from: u64, to: u64 },
    #[error("lines n=`{from}` to n=`{to}` are missing at the beginning")]
    StartMissing { from: u64, to: u64 },
    #[error("another line n=`{n}` was written than this one")]
    Replaced { n: u64 },
}

/// What is worth knowing and no break.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what it is")]
pub enum Fact {
    #[error("starts at line n=`{n}`, continued from another file")]
    Continued { n: u64 },
    #[error("a crash tore this line (`{bytes}` bytes); the line behind it tells so")]
    Torn { bytes: u64 },
    #[error("ends in a torn line of `{bytes}` bytes")]
    TornEnd { bytes: u64 },
    #[error("the log was empty at a start, and went on from its head behind n=`{n}`")]
    FromHead { n: u64 },
    #[error("goes on behind n=`{n}`: `{lines}` lines before a crash came after what the head knew")]
    Overlap { n: u64, lines: u64 },
    #[error("no head that this key made lies beside the log: a cut-off end can't be seen")]
    NoHead,
}
