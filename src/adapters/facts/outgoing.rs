//! In which order do the records of a store come out, where the store has no order of its own?
//!
//! In that of an embedded store: sorted by a spool, in bounded memory. What was read twice comes out
//! as it was read last.

use crate::adapters::facts::import::ImportError;
use crate::adapters::facts::intake::{Resume, Room};
use crate::adapters::facts::row::{self, Kind, Row};
use crate::adapters::facts::spool::{Record, Spool};
use crate::adapters::facts::{Fact, form, record};
use crate::pipeline::ownership::{Alias, SubjectKey};
use crate::pipeline::vehicle::Vin;

/// Why not all of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The store can't be read, or holds what no line can say.
    #[error("the ownership directory: {0}")]
    Store(String),
    /// Who takes the lines takes no more.
    #[error("nobody takes the lines any more: {0}")]
    Taker(String),
}

/// Records on their way out.
pub(crate) struct Outgoing {
    spool: Spool,
    key: Vec<u8>,
}

impl Outgoing {
    /// None yet.
    ///
    /// # Errors
    /// What an earlier one left there can't be removed.
    pub(crate) fn begin(room: Room) -> Result<Self, ImportError> {
        let (spool, _) = Spool::begin(room, String::new(), Resume::Never)?;
        Ok(Self {
            spool,
            key: Vec::new(),
        })
    }

    /// Takes what is known of something, as it was read in this round; an empty record is none.
    ///
    /// # Errors
    /// The disk doesn't take it.
    pub(crate) fn put(
        &mut self,
        (kind, first, second): (Kind, &str, Option<&str>),
        round: u64,
        record: &[u8],
    ) -> Result<(), String> {
        row::name(&mut self.key, kind, first, second);
        self.spool.push(&self.key, round, record);
        if self.spool.is_full() {
            self.spool.spill(None)?;
        }
        Ok(())
    }

    /// Hands each line to `take`, without its end: vehicles, subjects, aliases, each in the order of
    /// their keys. Answers how many. Blocks.
    ///
    /// # Errors
    /// A record can't be read; what `take` says.
    pub(crate) fn write(
        mut self,
        take: &mut dyn FnMut(&str) -> Result<(), String>,
    ) -> Result<u64, Broken> {
        let mut merge = self.spool.merge().map_err(Broken::Store)?;
        let mut last = Record::default();
        let mut count = 0_u64;
        loop {
            let next = merge.next();
            let next = next.map_err(|error| Broken::Store(self.spool.flaw(&error)))?;
            if next.is_none_or(|record| record.key != last.key) && !last.value.is_empty() {
                let unread = || Broken::Store("a record can't be read".to_owned());
                let fact = fact(&last).ok_or_else(unread)?;
                let line = form::write(&fact).map_err(|flaw| Broken::Store(flaw.to_string()))?;
                take(&line).map_err(Broken::Taker)?;
                count = count.saturating_add(1);
            }
            let Some(record) = next else {
                return Ok(count);
            };
            last.key.clone_from(&record.key);
            last.value.clone_from(&record.value);
        }
    }
}

fn fact(record: &Record) -> Option<Fact> {
    let row = Row::read(&record.key, &record.value)?;
    let vin = |bytes: &[u8]| Vin::read(std::str::from_utf8(bytes).ok()?).ok();
    match row.kind {
        Kind::Vehicle => {
            let facts = Box::new(record::decode(row.value)?);
            Some(Fact::Vehicle(vin(row.vin())?, facts))
        }
        Kind::Subject => {
            let (issuer, subject) = row.names()?;
            let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
            let key = SubjectKey { issuer, subject };
            Some(Fact::Subject(key, record::decode_subject(row.value)?))
        }
        Kind::Alias => {
            let (client, alias) = row.names()?;
            let (client, alias) = (client.to_owned(), alias.to_owned());
            let alias = Alias { client, alias };
            Some(Fact::Alias(alias, Some(vin(row.value)?)))
        }
        Kind::Index => None,
    }
}
