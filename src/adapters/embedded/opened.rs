//! Which tables does a look-up read?
//!
//! Those that the last commit left, opened once for all look-ups until the next: to begin a transaction
//! and open a table anew takes a lock that all threads share, and as long as the look-up itself.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use redb::{
    CommitError, Database, ReadOnlyTable, ReadableDatabase, TableError, TransactionError,
    WriteTransaction,
};

use super::index::{self, INDEX};
use super::{ALIASES, Key, SUBJECTS, VEHICLES};
use crate::pipeline::ports::LookupError;

/// The tables at one moment.
pub(super) struct Tables {
    pub(super) vehicles: ReadOnlyTable<&'static Key, &'static [u8]>,
    pub(super) subjects: ReadOnlyTable<(&'static str, &'static str), &'static [u8]>,
    pub(super) aliases: ReadOnlyTable<(&'static str, &'static str), &'static Key>,
    pub(super) index: ReadOnlyTable<index::Row<'static>, ()>,
}

impl Tables {
    fn read(database: &Database) -> Result<Self, LookupError> {
        let begun = |_: TransactionError| LookupError::Unreachable;
        let opened = |_: TableError| LookupError::Unreachable;
        let transaction = database.begin_read().map_err(begun)?;
        Ok(Self {
            vehicles: transaction.open_table(VEHICLES).map_err(opened)?,
            subjects: transaction.open_table(SUBJECTS).map_err(opened)?,
            aliases: transaction.open_table(ALIASES).map_err(opened)?,
            index: transaction.open_table(INDEX).map_err(opened)?,
        })
    }
}

/// An open file.
pub(super) struct Opened {
    /// As the last commit left them. `None` while a commit is on its way, or failed. It ends before the
    /// database does, whose hold on the file goes with the last of both.
    tables: ArcSwapOption<Tables>,
    database: Database,
    committing: Mutex<()>,
}

impl Opened {
    /// Of a database whose tables are there.
    pub(super) fn new(database: Database) -> Self {
        let tables = Tables::read(&database).ok().map(Arc::new);
        Self {
            tables: ArcSwapOption::new(tables),
            database,
            committing: Mutex::default(),
        }
    }

    /// For transactions; they are committed by [`Self::commit`].
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Looks something up as it is now.
    pub(super) fn look<T>(
        &self,
        look: impl FnOnce(&Tables) -> Result<T, LookupError>,
    ) -> Result<T, LookupError> {
        match &*self.tables.load() {
            Some(tables) => look(tables),
            None => look(&Tables::read(&self.database)?),
        }
    }

    /// Commits; every look-up that begins after this returned sees it.
    pub(super) fn commit(&self, transaction: WriteTransaction) -> Result<(), CommitError> {
        self.commit_and(transaction, || ())
    }

    /// The same; `read` is called between reading the tables and setting them.
    pub(super) fn commit_and(
        &self,
        transaction: WriteTransaction,
        read: impl FnOnce(),
    ) -> Result<(), CommitError> {
        // INVARIANT: whoever sets the tables read them after the last commit. Two commits at once could
        // set them in the other order, and what was revoked would be back; and none is left standing by a
        // commit that fails or panics half-way.
        let one_at_a_time = self.committing.lock();
        let _one_at_a_time = one_at_a_time.unwrap_or_else(PoisonError::into_inner);
        self.tables.store(None);
        transaction.commit()?;
        let tables = Tables::read(&self.database).ok().map(Arc::new);
        read();
        self.tables.store(tables);
        Ok(())
    }
}
