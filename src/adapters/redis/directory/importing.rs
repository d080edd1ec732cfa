//! How do many facts get into Redis?
//!
//! Lines are read into a spool on disk as the embedded store's are, and all of them are judged before a
//! record is written: memory is bounded, and an import that was interrupted is gone on with. Then each
//! record is replaced by itself, many on their way at once over one connection. Whoever may import
//! says what is true, so what can't be believed is replaced. Whole snapshots: `replacing`.

use std::sync::Arc;

use futures_util::{TryStreamExt, stream};
use redis::cmd;
use tokio::runtime::Handle;

use super::generation::Generation;
use super::holding::{self, Hold};
use super::index::Reindexed;
use super::{RedisDirectory, TRIES, of_alias, of_subject, of_vehicle};
use crate::adapters::facts::import::{ImportError, ImportReport};
use crate::adapters::facts::intake::{self, Gathered, Intake, Kind, Others, Resume, Room, Row};
use crate::adapters::facts::{Rows, record};
use crate::pipeline::ownership::{Alias, SubjectKey};
use crate::pipeline::vehicle::Vin;
use crate::switchboard::fleet::FleetError;

/// Says that anything may have changed.
pub(super) const EVERYTHING: &str = "*";

/// Records that are on their way at once.
pub(super) const AT_ONCE: usize = 256;

/// Records for which the time is asked once.
const BATCH: usize = 4_096;

impl RedisDirectory {
    /// Imports lines as the embedded store does: lines that are refused are refused before anything is
    /// written, and a whole snapshot comes into force at one moment. An import that isn't one writes
    /// each record by itself. Blocks: not for a thread of the runtime.
    ///
    /// # Errors
    /// As there; and another import is under way.
    pub fn import(
        self: &Arc<Self>,
        intake: &mut Intake<'_>,
        runtime: &Handle,
    ) -> Result<ImportReport, ImportError> {
        intake.refuse_skipping()?;
        let hold = runtime.block_on(Hold::take(self, intake.others))?;
        if intake.others == Others::Stay {
            let imported = self.add(intake, &hold, runtime);
            runtime.block_on(hold.release());
            return imported;
        }
        let generation = Generation::new();
        let imported = self.replace(intake, &hold, runtime, &generation);
        // only then: a swap that is still on its way comes too late, or is seen
        let is_over = runtime.block_on(hold.release());
        if imported.is_err() && is_over {
            runtime.block_on(self.sweep_failed(&generation));
        }
        imported
    }

    /// Lines that an interrupted import read, and need not be read again.
    pub fn interrupted(&self) -> Option<u64> {
        intake::interrupted(&self.room(Resume::Later).folder)
    }

    /// What nobody goes on from is kept apart: it may be thrown away.
    fn room(&self, resume: Resume) -> Room {
        self.room_of(match resume {
            Resume::Never => "importing",
            Resume::Later | Resume::Now => "import",
        })
    }

    pub(super) fn room_of(&self, end: &str) -> Room {
        Room {
            folder: self.spool.folder.with_extension(end),
            memory: self.spool.memory,
        }
    }

    /// Reads all lines and judges them.
    pub(super) fn gather(
        &self,
        intake: &mut Intake<'_>,
    ) -> Result<(Gathered, ImportReport), ImportError> {
        let room = self.room(intake.resume);
        let mut gathered = intake::gather(intake, room, Some(record::index_key))?;
        let report = gathered.check()?;
        Ok((gathered, report))
    }

    fn add(
        &self,
        intake: &mut Intake<'_>,
        hold: &Hold,
        runtime: &Handle,
    ) -> Result<ImportReport, ImportError> {
        let generation = runtime.block_on(self.generation()).map_err(failed)?;
        let (mut gathered, _) = self.gather(intake)?;
        let report = gathered.hand_over(&mut intake.told, |rows| {
            batches(rows, &mut |batch| {
                runtime.block_on(self.write_each(&generation, &batch, hold))
            })
        })?;
        runtime.block_on(async {
            self.tell(EVERYTHING).await.map_err(failed)?;
            // Who lost the hold may have written into a snapshot that is no more in force.
            let is_in_force = self.generation().await.map_err(failed)? == generation;
            is_in_force.then_some(()).ok_or_else(holding::lost)
        })?;
        gathered.end();
        Ok(report)
    }

    /// Writes each record of a batch by itself; an index follows from them.
    pub(super) async fn write_each(
        &self,
        generation: &Generation,
        batch: &[Taken],
        hold: &Hold,
    ) -> Result<(), ImportError> {
        let now = hold.time().await?;
        let records = batch.iter().filter(|taken| taken.kind != Kind::Index);
        let each = stream::iter(records.map(Ok));
        let each = each.try_for_each_concurrent(AT_ONCE, |one| self.write(generation, one, now));
        each.await.map_err(failed)
    }

    async fn write(
        &self,
        generation: &Generation,
        taken: &Taken,
        now: u64,
    ) -> Result<(), FleetError> {
        let about = &taken.about(generation);
        for _ in 0..TRIES {
            let text = self.text(about).await?;
            let seen = self.seen.get(&self.seen_as(about)).unwrap_or(0);
            let found = self.open_sealed(about, text.clone()).ok();
            // above what stands there too: it may be younger than the batch
            let known = found.as_ref().map_or(0, |found| found.revision);
            let known = known.max(seen).max(now);
            let before = found.and_then(|found| found.record);
            let record = taken.record();
            let index = Reindexed::of_records(taken.vin, before.as_deref(), record.as_deref());
            let index = index.within(generation);
            let put = (record, &index);
            if let Some(revision) = self.put(about, (&text, known), put).await? {
                self.forget(&index, revision).await;
                return Ok(());
            }
        }
        Err(FleetError::TimedOut)
    }

    async fn text(&self, about: &str) -> Result<String, FleetError> {
        let mut ask = cmd("GET");
        ask.arg(self.key_of(about));
        let text: Option<Vec<u8>> = self.calls.ask(self.calls.timeout, &ask).await?;
        String::from_utf8(text.unwrap_or_default()).map_err(|_| FleetError::Malformed)
    }
}

/// What an import says of something.
pub(super) struct Taken {
    pub(super) kind: Kind,
    /// What it is about, without a generation; of an index, what vehicles are found by.
    pub(super) what: String,
    /// Empty: there is none.
    pub(super) bytes: Vec<u8>,
    /// The vehicle, if it is the record of one, or found by an index.
    pub(super) vin: Option<Vin>,
}

impl Taken {
    fn read(row: &Row<'_>) -> Option<Self> {
        let vin = |bytes: &[u8]| Vin::read(std::str::from_utf8(bytes).ok()?).ok();
        let (what, vin) = match row.kind {
            Kind::Vehicle => {
                let vin = vin(row.vin())?;
                (of_vehicle(&vin), Some(vin))
            }
            Kind::Subject => {
                let (issuer, subject) = row.names()?;
                let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
                (of_subject(&SubjectKey { issuer, subject }), None)
            }
            Kind::Alias => {
                let (client, alias) = row.names()?;
                let (client, alias) = (client.to_owned(), alias.to_owned());
                (of_alias(&Alias { client, alias }), None)
            }
            Kind::Index => {
                let (letter, name, of) = row.indexed()?;
                (super::index::of_name(letter, name), Some(vin(of)?))
            }
        };
        Some(Self {
            kind: row.kind,
            what,
            bytes: row.value.to_vec(),
            vin,
        })
    }

    pub(super) fn about(&self, generation: &Generation) -> String {
        match self.kind {
            Kind::Subject => self.what.clone(), // nobody is let in because a snapshot forgot them
            Kind::Vehicle | Kind::Alias | Kind::Index => generation.about(&self.what),
        }
    }

    /// `None` removes it.
    pub(super) fn record(&self) -> Option<Vec<u8>> {
        (!self.bytes.is_empty()).then(|| self.bytes.clone())
    }
}

/// Hands on all rows, some thousands at a time.
pub(super) fn batches(
    rows: &mut Rows,
    put: &mut dyn FnMut(Vec<Taken>) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let unread = || ImportError::Store("a record of a run can't be read".to_owned());
    let mut batch = Vec::new();
    for kind in [Kind::Vehicle, Kind::Subject, Kind::Alias, Kind::Index] {
        while let Some(row) = rows.next_of(kind) {
            batch.push(Taken::read(&row).ok_or_else(unread)?);
            if batch.len() >= BATCH {
                put(std::mem::take(&mut batch))?;
            }
        }
    }
    put(batch)?;
    // whatever is left would be lost
    if rows.is_ended() {
        Ok(())
    } else {
        Err(ImportError::Store("records are in no order".to_owned()))
    }
}

pub(super) fn failed(error: FleetError) -> ImportError {
    ImportError::Store(format!("the ownership directory: {error}"))
}
