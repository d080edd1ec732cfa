//! How does a change of ownership get into the file, whole or not at all?

use std::fmt;
use std::io::BufRead;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{ReadableTable, StorageError, Table, TableError, WriteTransaction};

use super::index::{self, INDEX, Rows};
use super::{ALIASES, EmbeddedDirectory, Key, SUBJECTS, VEHICLES, key};
use crate::adapters::directory::Unchanged;
use crate::adapters::facts::import::{self, BadLines, ImportError, ImportReport, Terms};
use crate::adapters::facts::{Fact, record};
use crate::pipeline::ownership::{SubjectFacts, VehicleFacts};
use crate::pipeline::vehicle::Vin;

/// What becomes of records that the lines don't name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    Stay,
    Go,
}

impl EmbeddedDirectory {
    /// Imports lines of the form that [`import`] describes: all of them or nothing, in one
    /// transaction. A vehicle that stands there already is replaced whole; others stay. Blocks for
    /// as long as reading and writing take; look-ups go on meanwhile.
    ///
    /// # Errors
    /// Bad lines where they are refused; lines that can't be read; a file that can't be written.
    pub fn import(
        &self,
        lines: &mut dyn BufRead,
        terms: &Terms,
    ) -> Result<ImportReport, ImportError> {
        self.write_lines(lines, terms, Others::Stay)
    }

    /// Imports lines as a whole snapshot: vehicles and aliases that they leave out are forgotten. A
    /// suspension isn't: nobody is let in because a file forgot them. Every look-up sees all of the old
    /// facts or all of the new ones. Lines without any record are no snapshot.
    ///
    /// # Errors
    /// As for an import; and bad lines may not be skipped, since whoever they are about would be
    /// forgotten.
    pub fn replace(
        &self,
        lines: &mut dyn BufRead,
        terms: &Terms,
    ) -> Result<ImportReport, ImportError> {
        if terms.bad == BadLines::Skip {
            let why = "a snapshot with bad lines would forget what they are about";
            return Err(ImportError::Store(why.to_owned()));
        }
        self.write_lines(lines, terms, Others::Go)
    }

    fn write_lines(
        &self,
        lines: &mut dyn BufRead,
        terms: &Terms,
        others: Others,
    ) -> Result<ImportReport, ImportError> {
        // As in `read`: what redb had begun is given up, and the file stays as it was.
        let imported = catch_unwind(AssertUnwindSafe(|| self.write(lines, terms, others)))
            .unwrap_or_else(|_| Err(unwritable("its pages don't fit together")));
        if matches!(imported, Err(ImportError::Store(_)))
            && let Ok(held) = self.database.write()
        {
            self.renew(held);
        }
        imported
    }

    /// Changes a vehicle to what `make` makes of its facts, durably; `None` is no vehicle. Blocks while
    /// an import is written.
    ///
    /// # Errors
    /// See [`Unchanged`].
    pub fn change<Flaw>(
        &self,
        vin: &Vin,
        make: impl Fn(Option<VehicleFacts>) -> Result<Option<VehicleFacts>, Flaw>,
    ) -> Result<(), Unchanged<Flaw>> {
        let changed = catch_unwind(AssertUnwindSafe(|| self.write_one(vin, make)))
            .unwrap_or_else(|_| Err(unchanged("its pages don't fit together")));
        if matches!(changed, Err(Unchanged::Store(_)))
            && let Ok(held) = self.database.write()
        {
            self.renew(held);
        }
        changed
    }

    fn write_one<Flaw>(
        &self,
        vin: &Vin,
        make: impl Fn(Option<VehicleFacts>) -> Result<Option<VehicleFacts>, Flaw>,
    ) -> Result<(), Unchanged<Flaw>> {
        let opened = self.opened();
        let database = opened.as_ref().ok().and_then(|opened| opened.as_ref());
        let database = database.ok_or_else(|| unchanged("it could not be opened"))?;
        let transaction = database.begin_write().map_err(unchanged)?;
        {
            let mut tables = Tables::open(&transaction).map_err(unchanged)?;
            let key = key(vin).ok_or_else(|| unchanged("not a VIN"))?;
            let found = tables.vehicles.get(&key).map_err(unchanged)?;
            let facts = match found.map(|bytes| record::decode(bytes.value())) {
                Some(None) => return Err(unchanged("a record can't be read")),
                Some(facts @ Some(_)) => facts,
                None => None,
            };
            let facts = make(facts).map_err(Unchanged::Senseless)?;
            let bytes = facts.as_ref().map(record::encode).transpose();
            let bytes = bytes.map_err(unchanged)?;
            let put = tables.put(&key, facts.as_ref(), bytes.as_deref());
            put.map_err(unchanged)?;
        }
        transaction.commit().map_err(unchanged)
    }

    fn write(
        &self,
        lines: &mut dyn BufRead,
        terms: &Terms,
        others: Others,
    ) -> Result<ImportReport, ImportError> {
        let opened = self.opened();
        let database = opened.as_ref().ok().and_then(|opened| opened.as_ref());
        let database = database.ok_or_else(|| unwritable("it could not be opened"))?;
        let transaction = database.begin_write().map_err(unwritable)?;
        if others == Others::Go {
            for deleted in [
                transaction.delete_table(VEHICLES),
                transaction.delete_table(ALIASES),
                transaction.delete_table(INDEX),
            ] {
                deleted.map_err(unwritable)?;
            }
        }
        let report = {
            let mut tables = Tables::open(&transaction).map_err(unwritable)?;
            import::read(lines, terms, &mut |fact| tables.write(fact))?
        };
        if others == Others::Go && report.imported == 0 {
            let why = "an empty snapshot would forget every vehicle: nothing was changed";
            return Err(ImportError::Store(why.to_owned()));
        }
        transaction.commit().map_err(unwritable)?;
        Ok(report)
    }
}

/// The tables of one import.
pub(super) struct Tables<'a> {
    vehicles: Table<'a, &'static Key, &'static [u8]>,
    subjects: Table<'a, (&'static str, &'static str), &'static [u8]>,
    aliases: Table<'a, (&'static str, &'static str), &'static Key>,
    index: Rows<'a>,
}

impl<'a> Tables<'a> {
    pub(super) fn open(transaction: &'a WriteTransaction) -> Result<Self, TableError> {
        Ok(Self {
            vehicles: transaction.open_table(VEHICLES)?,
            subjects: transaction.open_table(SUBJECTS)?,
            aliases: transaction.open_table(ALIASES)?,
            index: transaction.open_table(INDEX)?,
        })
    }

    /// Fills an index that this file never had.
    pub(super) fn build_index(&mut self) -> Result<(), StorageError> {
        index::build(&mut self.index, &self.vehicles)
    }

    /// Puts a vehicle's record, or removes it, and its rows of the index with it.
    fn put(
        &mut self,
        vin: &Key,
        facts: Option<&VehicleFacts>,
        bytes: Option<&[u8]>,
    ) -> Result<(), StorageError> {
        let replaced = match bytes {
            Some(bytes) => self.vehicles.insert(vin, bytes)?,
            None => self.vehicles.remove(vin)?,
        };
        let before = replaced.as_ref().map(redb::AccessGuard::value);
        index::update(&mut self.index, vin, before, facts)
    }

    fn write(&mut self, fact: &Fact) -> Result<(), ImportError> {
        let no_vin = || ImportError::Store("not a VIN".to_owned());
        match fact {
            Fact::Vehicle(vin, facts) => {
                let key = key(vin).ok_or_else(no_vin)?;
                let bytes = record::encode(facts).map_err(unwritable)?;
                let put = self.put(&key, Some(facts), Some(&bytes));
                put.map_err(unwritable)
            }
            Fact::Subject(whose, facts) => {
                let key = (whose.issuer.as_str(), whose.subject.as_str());
                let replaced = if *facts == SubjectFacts::default() {
                    self.subjects.remove(key)
                } else {
                    let bytes = record::encode_subject(*facts);
                    self.subjects.insert(key, bytes.as_slice())
                };
                replaced.map(drop).map_err(unwritable)
            }
            Fact::Alias(alias, vin) => {
                let name = (alias.client.as_str(), alias.alias.as_str());
                let replaced = match vin {
                    None => self.aliases.remove(name),
                    Some(vin) => self.aliases.insert(name, &key(vin).ok_or_else(no_vin)?),
                };
                replaced.map(drop).map_err(unwritable)
            }
        }
    }
}

fn unchanged<Flaw>(error: impl fmt::Display) -> Unchanged<Flaw> {
    Unchanged::Store(format!("it can't be written: {error}"))
}

fn unwritable(error: impl fmt::Display) -> ImportError {
    ImportError::Store(format!("cannot write the ownership directory: {error}"))
}
