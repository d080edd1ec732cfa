//! How does a change of ownership get into the file, whole or not at all?

use std::fmt;
use std::io::BufRead;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{
    AccessGuard, ReadableTable, ReadableTableMetadata, StorageError, Table, TableError,
    WriteTransaction,
};

use super::index::{self, INDEX, Rows};
use super::{ALIASES, EmbeddedDirectory, Key, SUBJECTS, VEHICLES, key};
use crate::adapters::directory::Unchanged;
use crate::adapters::facts::Rows as Records;
use crate::adapters::facts::import::{ImportError, ImportReport, Terms};
use crate::adapters::facts::intake::{self, Intake, Kind, Others, Resume, Room, Row};
use crate::adapters::facts::record;
use crate::pipeline::ownership::VehicleFacts;
use crate::pipeline::vehicle::Vin;

impl EmbeddedDirectory {
    /// Imports lines of the form that [`import`](crate::adapters::facts::import) describes: all of
    /// them or nothing, in one transaction. A vehicle that stands there already is replaced whole;
    /// others stay. Blocks for as long as reading and writing take; look-ups go on meanwhile.
    ///
    /// # Errors
    /// Bad lines where they are refused; lines that can't be read; a file that can't be written.
    pub fn import(
        &self,
        lines: &mut dyn BufRead,
        terms: &Terms,
    ) -> Result<ImportReport, ImportError> {
        self.take(&mut Intake::whole(lines, terms, Others::Stay))
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
        self.take(&mut Intake::whole(lines, terms, Others::Go))
    }

    /// Imports as it was asked for, which may be to go on with an import that was interrupted.
    ///
    /// # Errors
    /// As for the others; and where there is nothing to go on from, or the lines are other ones.
    pub fn take(&self, intake: &mut Intake<'_>) -> Result<ImportReport, ImportError> {
        intake.refuse_skipping()?;
        // As in `read`: what redb had begun is given up, and the file stays as it was.
        let imported = catch_unwind(AssertUnwindSafe(|| self.write(intake)))
            .unwrap_or_else(|_| Err(unwritable("its pages don't fit together")));
        if matches!(imported, Err(ImportError::Store(_)))
            && let Ok(held) = self.opened.write()
        {
            self.renew(held);
        }
        imported
    }

    /// Lines that an interrupted import read, and need not be read again.
    pub fn interrupted(&self) -> Option<u64> {
        intake::interrupted(&self.room(Resume::Later).folder)
    }

    /// Beside the file. What nobody goes on from is kept apart: it may be thrown away.
    pub(super) fn room(&self, resume: Resume) -> Room {
        let end = match resume {
            Resume::Never => ".importing",
            Resume::Later | Resume::Now => ".import",
        };
        let mut folder = self.file.clone().into_os_string();
        folder.push(end);
        Room {
            folder: folder.into(),
            memory: self.sorted,
        }
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
            && let Ok(held) = self.opened.write()
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
        let opened = opened.as_ref().ok().and_then(|opened| opened.as_ref());
        let opened = opened.ok_or_else(|| unchanged("it could not be opened"))?;
        let transaction = opened.database().begin_write().map_err(unchanged)?;
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
        opened.commit(transaction).map_err(unchanged)
    }

    fn write(&self, intake: &mut Intake<'_>) -> Result<ImportReport, ImportError> {
        let opened = self.opened();
        let opened = opened.as_ref().ok().and_then(|opened| opened.as_ref());
        let opened = opened.ok_or_else(|| unwritable("it could not be opened"))?;
        // From here on nobody changes anything: what is revoked while lines are read comes after them.
        let transaction = opened.database().begin_write().map_err(unwritable)?;
        let mut gathered =
            intake::gather(intake, self.room(intake.resume), Some(record::index_key))?;
        if intake.others == Others::Go {
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
            gathered.hand_over(&mut intake.told, |rows| tables.fill(rows))?
        };
        if intake.others == Others::Go && report.imported == 0 {
            return Err(intake::empty_snapshot());
        }
        opened.commit(transaction).map_err(unwritable)?;
        gathered.end();
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
        let before = replaced.as_ref().map(AccessGuard::value);
        index::update(&mut self.index, vin, before, facts)
    }

    /// Takes all records of an import.
    fn fill(&mut self, rows: &mut Records) -> Result<(), ImportError> {
        let unread = || unwritable("a record can't be read");
        self.fill_vehicles(rows)?;
        while let Some(row) = rows.next_of(Kind::Subject) {
            let names = row.names().ok_or_else(unread)?;
            if row.value.is_empty() {
                self.subjects.remove(names).map(drop)
            } else {
                self.subjects.insert(names, row.value).map(drop)
            }
            .map_err(unwritable)?;
        }
        while let Some(row) = rows.next_of(Kind::Alias) {
            let names = row.names().ok_or_else(unread)?;
            if row.value.is_empty() {
                self.aliases.remove(names).map(drop)
            } else {
                let vin: &Key = row.value.try_into().map_err(|_| unread())?;
                self.aliases.insert(names, vin).map(drop)
            }
            .map_err(unwritable)?;
        }
        self.fill_index(rows)?;
        // whatever is left would be lost
        if rows.is_ended() {
            Ok(())
        } else {
            Err(unwritable("records are in no order"))
        }
    }

    fn fill_vehicles(&mut self, rows: &mut Records) -> Result<(), ImportError> {
        let key = |row: &Row<'_>| -> Result<Key, ImportError> {
            let read = row.vin().try_into();
            read.map_err(|_| unwritable("a record can't be read"))
        };
        if self.vehicles.is_empty().map_err(unwritable)? {
            let mut end = self
                .vehicles
                .upper_bound_mut(Bound::<&Key>::Unbounded)
                .map_err(unwritable)?;
            while let Some(row) = rows.next_of(Kind::Vehicle) {
                end.insert_before(&key(&row)?, row.value)
                    .map_err(unwritable)?;
            }
            return end.close().map_err(unwritable);
        }
        while let Some(row) = rows.next_of(Kind::Vehicle) {
            self.replace(&key(&row)?, row.value).map_err(unwritable)?;
        }
        Ok(())
    }

    fn fill_index(&mut self, rows: &mut Records) -> Result<(), ImportError> {
        let unread = || unwritable("a record can't be read");
        if self.index.is_empty().map_err(unwritable)? {
            let end = Bound::<index::Row<'_>>::Unbounded;
            let mut end = self.index.upper_bound_mut(end).map_err(unwritable)?;
            while let Some(row) = rows.next_of(Kind::Index) {
                let (kind, name, vin) = row.indexed().ok_or_else(unread)?;
                let vin: &Key = vin.try_into().map_err(|_| unread())?;
                end.insert_before((kind, name, vin), ())
                    .map_err(unwritable)?;
            }
            return end.close().map_err(unwritable);
        }
        while let Some(row) = rows.next_of(Kind::Index) {
            let (kind, name, vin) = row.indexed().ok_or_else(unread)?;
            let vin: &Key = vin.try_into().map_err(|_| unread())?;
            let put = self.index.insert((kind, name, vin), ());
            put.map_err(unwritable)?;
        }
        Ok(())
    }

    /// Puts a vehicle's record of an import, whose rows of the index come later, in their own order;
    /// those of what stood there before go.
    fn replace(&mut self, vin: &Key, bytes: &[u8]) -> Result<(), StorageError> {
        let replaced = self.vehicles.insert(vin, bytes)?;
        match replaced.as_ref().map(AccessGuard::value) {
            Some(before) if before != bytes => index::remove(&mut self.index, vin, before, bytes),
            Some(_) | None => Ok(()),
        }
    }
}

fn unchanged<Flaw>(error: impl fmt::Display) -> Unchanged<Flaw> {
    Unchanged::Store(format!("it can't be written: {error}"))
}

fn unwritable(error: impl fmt::Display) -> ImportError {
    ImportError::Store(format!("cannot write the ownership directory: {error}"))
}
