//! How do records go on to a store while the next ones are still made ready?
//!
//! Merging runs takes about as long as filling a tree, so each has its own thread. Between them stand a
//! few batches: whoever is slower is waited for, and memory stays what it was.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::adapters::facts::import::{ImportError, ImportReport};
use crate::adapters::facts::intake::{Gathered, Kind, Row};
use crate::adapters::facts::progress::Told;

/// Bytes of records in a batch.
const BATCH: usize = 256 * 1024;

/// Batches that wait.
const WAITING: usize = 4;

/// Records on their way, in order.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// The kind of each, and where its key and its value end.
    ends: Vec<(Kind, usize, usize)>,
}

impl Batch {
    fn push(&mut self, row: &Row<'_>) {
        self.bytes.extend_from_slice(row.key);
        let key = self.bytes.len();
        self.bytes.extend_from_slice(row.value);
        self.ends.push((row.kind, key, self.bytes.len()));
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH
    }
}

/// Records as a store takes them, one after the other.
pub(crate) struct Rows {
    from: Receiver<Batch>,
    batch: Batch,
    /// The next one's place in the batch, and where its key begins.
    next: (usize, usize),
}

impl Rows {
    /// The next record, if it is of this kind; it is waited for.
    pub(crate) fn next_of(&mut self, wanted: Kind) -> Option<Row<'_>> {
        let (place, begin) = self.ready()?;
        let &(kind, key, value) = self.batch.ends.get(place)?;
        if kind != wanted {
            return None;
        }
        self.next = (place.saturating_add(1), value);
        Some(Row {
            kind,
            key: self.batch.bytes.get(begin..key)?,
            value: self.batch.bytes.get(key..value)?,
        })
    }

    /// Whether all of them were taken.
    pub(crate) fn is_ended(&mut self) -> bool {
        self.ready().is_none()
    }

    /// Where the next one is; `None` where nobody hands on any more.
    fn ready(&mut self) -> Option<(usize, usize)> {
        while self.next.0 >= self.batch.ends.len() {
            self.batch = self.from.recv().ok()?;
            self.next = (0, 0);
        }
        Some(self.next)
    }
}

impl Gathered {
    /// Hands each record on in order, to `put` on a thread of its own. When either side fails or panics
    /// the other ends with it, and so does the import: what `put` did must not be kept then.
    ///
    /// # Errors
    /// What `put` says, or else what is wrong with the lines.
    pub(crate) fn hand_over(
        &mut self,
        told: &mut Told<'_>,
        put: impl FnOnce(&mut Rows) -> Result<(), ImportError> + Send,
    ) -> Result<ImportReport, ImportError> {
        thread::scope(|scope| {
            let (to, from) = sync_channel(WAITING);
            let mut rows = Rows {
                from,
                batch: Batch::default(),
                next: (0, 0),
            };
            let putting = thread::Builder::new()
                .name("import-put".to_owned())
                .spawn_scoped(scope, move || put(&mut rows));
            let putting = putting.map_err(|error| {
                ImportError::Store(format!("cannot start a thread to write records: {error}"))
            })?;
            let handed = self.hand_to(told, to);
            match putting.join() {
                Ok(put) => put.and(handed),
                Err(panic) => resume_unwind(panic),
            }
        })
    }

    /// The sender goes in the end, however it ends: nothing more is waited for then.
    #[expect(clippy::needless_pass_by_value, reason = "it ends with this")]
    fn hand_to(
        &mut self,
        told: &mut Told<'_>,
        to: SyncSender<Batch>,
    ) -> Result<ImportReport, ImportError> {
        // not what is told: who takes no more says why
        let send = |batch| {
            let gone = |_| ImportError::Store("records are taken no more".to_owned());
            to.send(batch).map_err(gone)
        };
        let mut batch = Batch::default();
        let report = self.each(told, &mut |row| {
            batch.push(row);
            if batch.is_full() {
                send(std::mem::take(&mut batch))?;
            }
            Ok(())
        })?;
        send(batch).map(|()| report)
    }
}
