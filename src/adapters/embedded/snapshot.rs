//! What does the directory know at one moment?

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{
    Key as TableKey, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, Value,
};

use super::{ALIASES, EmbeddedDirectory, Key, SUBJECTS, VEHICLES};
use crate::adapters::facts::outgoing::Broken;
use crate::adapters::facts::{Fact, form, record};
use crate::pipeline::ownership::{Alias, SubjectKey};
use crate::pipeline::ports::LookupError;
use crate::pipeline::vehicle::Vin;

/// One moment of a directory. What is written meanwhile is not in it. Look-ups and changes go on; the
/// file keeps what was replaced since until this is dropped.
pub struct Snapshot(ReadTransaction);

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Snapshot")
    }
}

impl EmbeddedDirectory {
    /// This moment of it.
    ///
    /// # Errors
    /// `Unreachable` for a file that can't be read.
    pub fn snapshot(&self) -> Result<Snapshot, LookupError> {
        let read = || {
            // Not held for as long as the snapshot lives: a file that failed can be opened anew.
            let opened = self.opened()?;
            let opened = opened.as_ref().ok_or(LookupError::Unreachable)?;
            let transaction = opened.database().begin_read();
            transaction.map_err(|_| LookupError::Unreachable)
        };
        let begun = catch_unwind(AssertUnwindSafe(read));
        begun.unwrap_or(Err(LookupError::Unreachable)).map(Snapshot)
    }
}

impl Snapshot {
    /// Hands each line to `take`, without its end: vehicles, subjects, aliases, each in the order of
    /// their keys. Answers how many. Blocks.
    ///
    /// # Errors
    /// A record can't be read: what was taken is not all of it. What `take` says.
    pub fn write(&self, take: &mut dyn FnMut(&str) -> Result<(), String>) -> Result<u64, Broken> {
        let written = catch_unwind(AssertUnwindSafe(|| {
            let vehicles = self.each(VEHICLES, take, vehicle)?;
            let subjects = self.each(SUBJECTS, take, subject)?;
            let aliases = self.each(ALIASES, take, alias)?;
            Ok(vehicles.saturating_add(subjects).saturating_add(aliases))
        }));
        written.unwrap_or_else(|_| Err(broken("its pages don't fit together")))
    }

    fn each<K: TableKey + 'static, V: Value + 'static>(
        &self,
        table: TableDefinition<'static, K, V>,
        take: &mut dyn FnMut(&str) -> Result<(), String>,
        read: impl Fn(K::SelfType<'_>, V::SelfType<'_>) -> Option<Fact>,
    ) -> Result<u64, Broken> {
        let table = self.0.open_table(table).map_err(broken)?;
        let mut count: u64 = 0;
        for entry in table.iter().map_err(broken)? {
            let (key, value) = entry.map_err(broken)?;
            let fact = read(key.value(), value.value());
            let fact = fact.ok_or_else(|| broken("a record can't be read"))?;
            take(&form::write(&fact).map_err(broken)?).map_err(Broken::Taker)?;
            count = count.saturating_add(1);
        }
        Ok(count)
    }
}

fn vehicle(key: &Key, bytes: &[u8]) -> Option<Fact> {
    let facts = Box::new(record::decode(bytes)?);
    Some(Fact::Vehicle(vin(key)?, facts))
}

fn subject((issuer, subject): (&str, &str), bytes: &[u8]) -> Option<Fact> {
    let key = SubjectKey {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
    };
    Some(Fact::Subject(key, record::decode_subject(bytes)?))
}

fn alias((client, alias): (&str, &str), key: &Key) -> Option<Fact> {
    let name = Alias {
        client: client.to_owned(),
        alias: alias.to_owned(),
    };
    Some(Fact::Alias(name, Some(vin(key)?)))
}

fn vin(key: &Key) -> Option<Vin> {
    Vin::read(std::str::from_utf8(key).ok()?).ok()
}

fn broken(why: impl std::fmt::Display) -> Broken {
    Broken::Store(why.to_string())
}
