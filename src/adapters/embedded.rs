//! Where do ownership facts live on this machine? The one home of redb.
//!
//! VIN to a record, subject to a record, alias to a VIN; and an index of whom the vehicles' records
//! name. Readers see the last committed import whole; a look-up takes microseconds, so it is made in
//! line.

mod index;
mod opened;
mod snapshot;
mod writing;

use std::fmt;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTableMetadata, StorageError,
    TableDefinition, TableError,
};

pub use crate::adapters::facts::import::{BadLine, BadLines, ImportError, ImportReport, Terms};
use crate::adapters::facts::intake::{self, Resume};
use crate::adapters::facts::record;
use crate::folder;
use crate::pipeline::ownership::{Alias, Hints, IndexKey, SubjectFacts, VehicleFacts};
use crate::pipeline::ports::{LookupError, OwnershipDirectory};
use crate::pipeline::vehicle::Vin;
use index::INDEX;
use opened::Opened;
pub use snapshot::Snapshot;
use writing::Tables;

type Key = [u8; 17];

const VEHICLES: TableDefinition<'static, &Key, &[u8]> = TableDefinition::new("vehicles");
/// Issuer and subject to a record; only of subjects that there is something to say of.
const SUBJECTS: TableDefinition<'static, (&str, &str), &[u8]> = TableDefinition::new("subjects");
/// A partner and its name for a vehicle, to a VIN.
const ALIASES: TableDefinition<'static, (&str, &str), &Key> = TableDefinition::new("aliases");

/// redb's own cache: the upper levels of 20 million vehicles and many of the pages below them, in half
/// of the memory that the directory may take. The system's page cache holds the rest.
const CACHE: usize = 512 * 1024 * 1024;

/// What an import sorts in memory: half a million vehicles.
const SORTED: usize = 64 * 1024 * 1024;

/// A redb file of vehicles.
pub struct EmbeddedDirectory {
    file: PathBuf,
    /// Bytes that an import sorts in memory.
    sorted: usize,
    /// `None` while a file that failed can't be opened again. Look-ups never wait for this lock.
    opened: RwLock<Option<Opened>>,
}

impl fmt::Debug for EmbeddedDirectory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("EmbeddedDirectory")
    }
}

impl EmbeddedDirectory {
    /// Opens or creates the file (mode 0600: it says who owns which car), and its folder.
    ///
    /// # Errors
    /// The file can't be opened, another process holds it, or it isn't an ownership directory.
    pub fn open(file: &Path) -> Result<Self, String> {
        let shown = file.display();
        let unopened = |error| format!("cannot open the ownership directory `{shown}`: {error}");
        folder::make_for(file).map_err(unopened)?;
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(file)
            .map_err(unopened)?;
        let opened = RwLock::new(Some(Self::open_file(file)?));
        let file = file.to_owned();
        let directory = Self {
            file,
            sorted: SORTED,
            opened,
        };
        // nobody else holds the file now, so an import that wrote these was killed
        if let Err(error) = intake::forget(&directory.room(Resume::Never).folder) {
            tracing::warn!("cannot remove what a killed import left beside `{shown}`: {error}");
        }
        Ok(directory)
    }

    fn open_file(file: &Path) -> Result<Opened, String> {
        let shown = file.display();
        let damaged = |why: &dyn fmt::Display| {
            format!(
                "`{shown}` is damaged or is not an ownership directory ({why}): \
                 move it away and import again"
            )
        };
        // redb trusts its pages: a file that something else has altered can make it panic.
        match catch_unwind(AssertUnwindSafe(|| prepare(file).map(Opened::new))) {
            Ok(Ok(opened)) => Ok(opened),
            Ok(Err(OpenError::Held)) => Err(format!(
                "the ownership directory `{shown}` is held by another process: \
                 stop it, or use its admin socket"
            )),
            Ok(Err(OpenError::File(error))) => Err(format!(
                "cannot read the ownership directory `{shown}`: {error}"
            )),
            Ok(Err(OpenError::Damaged(why))) => Err(damaged(&why)),
            Err(_) => Err(damaged(&"its pages don't fit together")),
        }
    }

    /// Facts of a vehicle.
    ///
    /// # Errors
    /// `Malformed` for a record that can't be read, `Unreachable` for a file that can't.
    pub fn get(&self, vin: &Vin) -> Result<Option<VehicleFacts>, LookupError> {
        let key = key(vin).ok_or(LookupError::Malformed)?;
        self.read(|tables| {
            let found = tables
                .vehicles
                .get(&key)
                .map_err(|_| LookupError::Unreachable)?;
            found
                .map(|bytes| record::decode(bytes.value()).ok_or(LookupError::Malformed))
                .transpose()
        })
    }

    /// Facts of a subject; those of good standing where there is no record.
    ///
    /// # Errors
    /// As for a vehicle.
    pub fn subject(&self, issuer: &str, subject: &str) -> Result<SubjectFacts, LookupError> {
        self.read(|tables| {
            let found = tables.subjects.get((issuer, subject));
            let found = found.map_err(|_| LookupError::Unreachable)?;
            found.map_or(Ok(SubjectFacts::default()), |bytes| {
                record::decode_subject(bytes.value()).ok_or(LookupError::Malformed)
            })
        })
    }

    /// The vehicle that a partner means by an alias.
    ///
    /// # Errors
    /// As for a vehicle.
    pub fn alias(&self, alias: &Alias) -> Result<Option<Vin>, LookupError> {
        self.read(|tables| {
            let found = tables
                .aliases
                .get((alias.client.as_str(), alias.alias.as_str()));
            let found = found.map_err(|_| LookupError::Unreachable)?;
            let vin = |key: &Key| Vin::read(std::str::from_utf8(key).ok()?).ok();
            found
                .map(|key| vin(key.value()).ok_or(LookupError::Malformed))
                .transpose()
        })
    }

    /// The first `most` vehicles whose records name this subject or case.
    ///
    /// # Errors
    /// As for a vehicle.
    pub fn indexed(&self, key: &IndexKey, most: usize) -> Result<Hints, LookupError> {
        self.read(|tables| index::find(&tables.index, key, most))
    }

    #[cfg(test)]
    fn index_rows(&self) -> u64 {
        let count = |tables: &opened::Tables| {
            let rows = tables.index.len();
            rows.map_err(|_| LookupError::Unreachable)
        };
        self.read(count).unwrap_or(u64::MAX)
    }

    /// How many vehicles it knows.
    ///
    /// # Errors
    /// `Unreachable` for a file that can't be read.
    pub fn count(&self) -> Result<u64, LookupError> {
        self.read(|tables| {
            let vehicles = tables.vehicles.len();
            vehicles.map_err(|_| LookupError::Unreachable)
        })
    }

    /// After a write that failed, such as on a full disk, redb serves no page that it doesn't hold in
    /// memory, until its file is opened anew.
    fn renew(&self, mut held: RwLockWriteGuard<'_, Option<Opened>>) {
        let sound = |opened: &Opened| {
            let writable = || opened.database().begin_write().is_ok();
            catch_unwind(AssertUnwindSafe(writable)).unwrap_or(false)
        };
        if held.as_ref().is_some_and(sound) {
            return;
        }
        let old = held.take();
        // its hold on the file goes with it
        if catch_unwind(AssertUnwindSafe(|| drop(old))).is_err() {
            tracing::error!("the ownership directory could not be closed");
        }
        match Self::open_file(&self.file) {
            Ok(opened) => *held = Some(opened),
            Err(error) => tracing::error!(%error, "the ownership directory can't be opened again"),
        }
    }

    /// The file, opened again if it failed before.
    fn opened(&self) -> Result<RwLockReadGuard<'_, Option<Opened>>, LookupError> {
        let held = || self.opened.try_read().map_err(|_| LookupError::Unreachable);
        if held()?.is_none()
            && let Ok(held) = self.opened.try_write()
        {
            self.renew(held);
        }
        held()
    }

    fn read<T>(
        &self,
        look: impl FnOnce(&opened::Tables) -> Result<T, LookupError>,
    ) -> Result<T, LookupError> {
        let read = || {
            let opened = self.opened()?;
            opened.as_ref().ok_or(LookupError::Unreachable)?.look(look)
        };
        // A page damaged since it was opened can make redb panic: that look-up fails, no other.
        catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(LookupError::Unreachable))
    }
}

#[async_trait]
impl OwnershipDirectory for EmbeddedDirectory {
    async fn find(&self, vin: &Vin) -> Result<Option<Arc<VehicleFacts>>, LookupError> {
        Ok(self.get(vin)?.map(Arc::new))
    }

    async fn find_subject(&self, issuer: &str, subject: &str) -> Result<SubjectFacts, LookupError> {
        self.subject(issuer, subject)
    }

    async fn find_by(&self, key: &IndexKey, most: usize) -> Result<Hints, LookupError> {
        self.indexed(key, most)
    }

    async fn find_alias(&self, alias: &Alias) -> Result<Option<Vin>, LookupError> {
        self.alias(alias)
    }
}

/// Why a file can't be opened.
enum OpenError {
    Held,
    File(std::io::Error),
    Damaged(String),
}

impl From<StorageError> for OpenError {
    fn from(error: StorageError) -> Self {
        let StorageError::Io(error) = error else {
            return Self::Damaged(error.to_string());
        };
        if [ErrorKind::InvalidData, ErrorKind::UnexpectedEof].contains(&error.kind()) {
            Self::Damaged(error.to_string())
        } else {
            Self::File(error)
        }
    }
}

impl From<DatabaseError> for OpenError {
    fn from(error: DatabaseError) -> Self {
        use DatabaseError::{DatabaseAlreadyOpen, LockProtocolMismatch, Storage};
        if matches!(error, DatabaseAlreadyOpen | LockProtocolMismatch) {
            Self::Held
        } else if let Storage(error) = error {
            error.into()
        } else {
            Self::Damaged(error.to_string())
        }
    }
}

/// Opens the database and makes sure that the tables are there, with the types that they should have.
fn prepare(file: &Path) -> Result<Database, OpenError> {
    let damaged = |error: &dyn fmt::Display| OpenError::Damaged(error.to_string());
    let database = Builder::new().set_cache_size(CACHE).create(file)?;
    let reading = database.begin_read().map_err(|error| damaged(&error))?;
    let found = [
        reading.open_table(VEHICLES).map(drop),
        reading.open_table(SUBJECTS).map(drop),
        reading.open_table(ALIASES).map(drop),
        reading.open_table(INDEX).map(drop),
    ];
    drop(reading);
    let mut missing = false;
    let unindexed = matches!(found.last(), Some(Err(TableError::TableDoesNotExist(_))));
    for table in found {
        match table {
            Ok(()) => {}
            Err(TableError::TableDoesNotExist(_)) => missing = true,
            Err(error) => return Err(damaged(&error)),
        }
    }
    if missing {
        // A new file, or one of a version that knew less. An index that is empty would say that nobody
        // has a car.
        let transaction = database.begin_write().map_err(|error| damaged(&error))?;
        {
            let mut tables = Tables::open(&transaction).map_err(|error| damaged(&error))?;
            if unindexed {
                tables.build_index()?;
            }
        }
        transaction.commit().map_err(|error| damaged(&error))?;
    }
    Ok(database)
}

fn key(vin: &Vin) -> Option<Key> {
    vin.as_str().as_bytes().try_into().ok()
}

#[cfg(test)]
mod tests;
