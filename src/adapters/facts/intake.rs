//! How do the lines of an import become the records of a store, in the order of their keys?

use std::collections::HashSet;
use std::fmt::Write;
use std::io::{self, BufRead};
use std::path::Path;

use uuid::Uuid;

use crate::adapters::facts::Fact;
use crate::adapters::facts::import::{BadFound, BadLines, ImportError, ImportReport, Lines, Terms};
use crate::adapters::facts::progress::{Progress, Told, tell};
use crate::adapters::facts::record;
use crate::adapters::facts::row;
pub(crate) use crate::adapters::facts::row::{Kind, Row};
pub use crate::adapters::facts::spool::Resume;
pub(crate) use crate::adapters::facts::spool::Room;
use crate::adapters::facts::spool::{self, Mark, Record, Spool};
use crate::digest;
use crate::pipeline::ownership::{IndexKey, SubjectFacts};

/// What becomes of records that the lines don't name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They stay.
    Stay,
    /// Vehicles and aliases are forgotten: the lines are a whole snapshot.
    Go,
}

/// An import that was asked for.
#[expect(missing_debug_implementations, reason = "a reader and a listener")]
pub struct Intake<'a> {
    /// The lines.
    pub lines: &'a mut dyn BufRead,
    /// What is asked of them.
    pub terms: &'a Terms,
    /// What becomes of other records.
    pub others: Others,
    /// What becomes of it if it is interrupted.
    pub resume: Resume,
    /// Hears how far it is.
    pub told: Told<'a>,
}

impl<'a> Intake<'a> {
    /// One that starts again if it is interrupted, and that nobody watches.
    pub fn whole(lines: &'a mut dyn BufRead, terms: &'a Terms, others: Others) -> Self {
        Self {
            lines,
            terms,
            others,
            resume: Resume::Never,
            told: None,
        }
    }

    /// A snapshot is whole.
    ///
    /// # Errors
    /// It may have bad lines.
    pub(crate) fn refuse_skipping(&self) -> Result<(), ImportError> {
        if self.others == Others::Go && self.terms.bad == BadLines::Skip {
            let why = "a snapshot with bad lines would forget what they are about";
            return Err(ImportError::Refused(why.to_owned()));
        }
        Ok(())
    }
}

/// A snapshot with nothing in it is none.
pub(crate) fn empty_snapshot() -> ImportError {
    let why = "an empty snapshot would forget every vehicle: nothing was changed";
    ImportError::Refused(why.to_owned())
}

/// Bytes that a check sorts in memory.
const CHECKED: usize = 64 * 1024 * 1024;

/// How an index writes what it finds a vehicle by.
type Prefix = fn(&IndexKey) -> (u8, &str);

/// Lines that were all read.
pub(crate) struct Gathered {
    spool: Spool,
    found: BadFound,
    bad: BadLines,
    /// Records, and rows of an index.
    rows: u64,
    sha256: String,
    /// Where an import is gone on with once all is on disk.
    end: Option<Mark>,
    /// Reused from line to line.
    key: Vec<u8>,
}

/// Reads all lines without writing any: what an import would do to them. Keys alone are kept, sorted in
/// bounded memory; many of them in a folder of their own for a while.
///
/// # Errors
/// As an import.
pub fn check<'a>(
    lines: &'a mut dyn BufRead,
    terms: &'a Terms,
    told: Told<'a>,
) -> Result<ImportReport, ImportError> {
    let room = Room {
        // nobody can have made it before
        folder: std::env::temp_dir().join(format!("vingate-check-{}", Uuid::new_v4())),
        memory: CHECKED,
    };
    let mut intake = Intake::whole(lines, terms, Others::Stay);
    intake.told = told;
    let mut gathered = gather(&mut intake, room, None)?;
    gathered.each(&mut intake.told, &mut |_| Ok(()))
}

/// Reads all lines into a spool in this room.
///
/// # Errors
/// They can't be read or kept; or they aren't those that an interrupted import began with. Bad lines
/// are told later, with those that are bad because of others.
pub(crate) fn gather(
    intake: &mut Intake<'_>,
    room: Room,
    keeping: Option<Prefix>,
) -> Result<Gathered, ImportError> {
    let terms = intake.terms;
    let begun = Spool::begin(room, digest_of(terms), intake.resume);
    let (spool, mark) = begun?;
    let mut gathered = Gathered {
        spool,
        found: BadFound::again(&mark.bad, mark.more),
        bad: terms.bad,
        rows: mark.rows,
        sha256: String::new(),
        end: None,
        key: Vec::new(),
    };
    let mut lines = Lines::new(&mut *intake.lines);
    lines.pass_over(&mark.place)?;
    let mut count = 0_u64;
    while let Some((number, judged)) = lines.next(terms)? {
        match judged {
            Ok(fact) => gathered.take(&fact, number, keeping)?,
            Err(why) => gathered.found.add(number, why),
        }
        if gathered.spool.is_full() {
            gathered.spill(&lines)?;
        }
        count = count.saturating_add(1);
        tell(&mut intake.told, count, lines.progress());
    }
    gathered.sha256 = lines.sha256();
    gathered.end = gathered.mark(&lines);
    Ok(gathered)
}

impl Gathered {
    /// Takes what a line says, with the rows that an index has of it; or only what it is about, where
    /// nothing is to be kept.
    fn take(&mut self, fact: &Fact, line: u64, keeping: Option<Prefix>) -> Result<(), ImportError> {
        let key = &mut self.key;
        let value = write(fact, key)?;
        let kept = keeping.map_or(&[][..], |_| &value);
        self.spool.push(key, line, kept);
        self.rows = self.rows.saturating_add(1);
        let (Fact::Vehicle(vin, facts), Some(prefix)) = (fact, keeping) else {
            return Ok(());
        };
        for found_by in facts.index_keys() {
            let (letter, name) = prefix(&found_by);
            row::index(key, (letter, name), vin);
            self.spool.push(key, line, &[]);
            self.rows = self.rows.saturating_add(1);
        }
        Ok(())
    }

    /// Makes room in memory.
    fn spill(&mut self, lines: &Lines<'_>) -> Result<(), ImportError> {
        let mark = self.mark(lines);
        self.spool.spill(mark).map_err(ImportError::Store)
    }

    /// An import is gone on with from here if all lines so far were good, or need not be.
    fn mark(&self, lines: &Lines<'_>) -> Option<Mark> {
        let is_sound = self.bad == BadLines::Skip || self.found.is_empty();
        lines.place().filter(|_| is_sound).map(|place| {
            let (bad, more) = self.found.lines();
            Mark {
                place,
                rows: self.rows,
                bad,
                more,
            }
        })
    }

    /// Reads all of it once without handing anything on, so that whoever can't take records back is
    /// told what is wrong with the lines before the first one. An import that is interrupted later
    /// reads no line again.
    ///
    /// # Errors
    /// As for [`each`](Self::each).
    pub(crate) fn check(&mut self) -> Result<ImportReport, ImportError> {
        // into a run: what is in memory can be read once
        let end = self.end.take();
        self.spool.spill(end).map_err(ImportError::Store)?;
        self.each(&mut None, &mut |_| Ok(()))
    }

    /// Hands on each record in order. Of those about one thing the first is taken; where bad lines are
    /// refused, nothing more is once there is one.
    pub(crate) fn each(
        &mut self,
        told: &mut Told<'_>,
        take: &mut dyn FnMut(&Row<'_>) -> Result<(), ImportError>,
    ) -> Result<ImportReport, ImportError> {
        let mut found = self.found.clone();
        let mut merge = self.spool.merge().map_err(ImportError::Store)?;
        let mut last = Record::default();
        // lines whose vehicle stood on an earlier one: an index has nothing of them
        let mut passed_over = HashSet::new();
        let (mut records, mut rows) = (0_u64, 0_u64);
        loop {
            let next = merge.next();
            let next = next.map_err(|error| ImportError::Store(self.spool.flaw(&error)))?;
            let Some(record) = next else { break };
            let unread = || ImportError::Store("a record of a run can't be read".to_owned());
            let row = Row::read(&record.key, &record.value).ok_or_else(unread)?;
            let is_record = row.kind != Kind::Index;
            if is_record && record.key == last.key {
                found.add(record.line, again(row.kind, last.line, record.line));
                passed_over.insert(record.line);
                continue;
            }
            let is_wanted = self.bad == BadLines::Skip || found.is_empty();
            if is_wanted && (is_record || !passed_over.contains(&record.line)) {
                take(&row)?;
                records = records.saturating_add(u64::from(is_record));
            }
            rows = rows.saturating_add(1);
            let (records, of) = (rows, self.rows);
            tell(told, rows, Progress::Written { records, of });
            last.key.clone_from(&record.key);
            last.line = record.line;
        }
        found.report(self.bad, records, self.sha256.clone())
    }

    /// The store has it all: nothing is left to go on from.
    pub(crate) fn end(self) {
        self.spool.end();
    }
}

/// Lines that an interrupted import left read in a folder.
pub(crate) fn interrupted(folder: &Path) -> Option<u64> {
    Spool::left_in(folder).map(|mark| mark.place.lines)
}

/// Removes what an import left in a folder that nobody goes on from.
pub(crate) fn forget(folder: &Path) -> io::Result<()> {
    spool::remove(folder)
}

/// Which of the two is true?
fn again(kind: Kind, earlier: u64, line: u64) -> String {
    let (name, thing) = kind.words();
    format!("the {name} of line {earlier} again: lines {earlier} and {line} are about one {thing}")
}

/// The value of a fact's record; its key into `key`.
fn write(fact: &Fact, key: &mut Vec<u8>) -> Result<Vec<u8>, ImportError> {
    Ok(match fact {
        Fact::Vehicle(vin, facts) => {
            row::name(key, Kind::Vehicle, vin.as_str(), None);
            record::encode(facts).map_err(|error| ImportError::Store(error.to_string()))?
        }
        Fact::Subject(whose, facts) => {
            row::name(key, Kind::Subject, &whose.issuer, Some(&whose.subject));
            let is_plain = *facts == SubjectFacts::default();
            if is_plain {
                Vec::new()
            } else {
                record::encode_subject(*facts).to_vec()
            }
        }
        Fact::Alias(alias, vin) => {
            row::name(key, Kind::Alias, &alias.client, Some(&alias.alias));
            vin.map_or_else(Vec::new, |vin| vin.as_str().as_bytes().to_vec())
        }
    })
}

/// Differs where lines would be read in another way.
fn digest_of(terms: &Terms) -> String {
    // Taken apart without `..`: a term that is added later can't be forgotten here.
    let Terms {
        bad,
        regions,
        issuers,
    } = terms;
    let mut text = String::new();
    let version = env!("CARGO_PKG_VERSION");
    let written = write!(text, "{version} {bad:?} {regions:?} {issuers:?}");
    written.map_or_else(
        |_| String::new(),
        |()| digest::hex(&digest::sha256(text.as_bytes())),
    )
}
