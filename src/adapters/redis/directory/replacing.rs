//! How does a whole snapshot take the place of another at one moment, while gateways ask?
//!
//! It is written as a generation of its own, which nobody reads, and then the pointer is swapped by one
//! script: if this import still holds its word, the pointer is the one that it saw, and no change was
//! told since it looked. Before that nothing is in force, whatever breaks off.
//!
//! Subjects are of no generation: a suspension stays unless the snapshot takes it back, as in an
//! embedded store. Those that it sets are set just before the swap and those that it takes back just
//! after it, so nobody is let in between.

use std::sync::Arc;

use futures_util::{TryStreamExt, stream};
use redis::{Cmd, cmd};
use tokio::runtime::Handle;

use super::generation::{BYTES, Generation, Pointer, Standing};
use super::holding::{self, Hold};
use super::importing::{AT_ONCE, EVERYTHING, Taken, batches, failed};
use super::{RedisDirectory, Sealed};
use crate::adapters::facts::import::{ImportError, ImportReport};
use crate::adapters::facts::intake::{self, Gathered, Intake, Kind};
use crate::adapters::facts::progress::Told;
use crate::adapters::redis::calls::script;
use crate::adapters::redis::shards::Shards;
use crate::switchboard::fleet::FleetError;
use crate::switchboard::seal::Kind as SealKind;

/// Vehicles that are added to an index by one command.
const HINTS: usize = 256;

/// Which of a snapshot's records are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// All that is of the new generation.
    Generation,
    /// Suspensions that it sets.
    Suspended,
    /// Suspensions that it takes back.
    Restored,
}

impl Part {
    fn of(taken: &Taken) -> Self {
        match taken.kind {
            Kind::Vehicle | Kind::Alias | Kind::Index => Self::Generation,
            Kind::Subject if taken.bytes.is_empty() => Self::Restored,
            Kind::Subject => Self::Suspended,
        }
    }
}

/// A snapshot on its way.
struct Load<'a> {
    directory: &'a Arc<RedisDirectory>,
    hold: &'a Hold,
    runtime: &'a Handle,
    generation: Generation,
    /// The servers, and what stood beside the pointer, when it began to be written.
    shards: Shards,
    standing: Standing,
}

impl RedisDirectory {
    pub(super) fn replace(
        self: &Arc<Self>,
        intake: &mut Intake<'_>,
        hold: &Hold,
        runtime: &Handle,
        generation: &Generation,
    ) -> Result<ImportReport, ImportError> {
        runtime.block_on(self.sweep_left_over(hold))?;
        let (mut gathered, report) = self.gather(intake)?;
        if report.imported == 0 {
            return Err(intake::empty_snapshot());
        }
        let begun = async {
            let shards = self.calls.shards().await.map_err(failed)?;
            let standing = self.standing().await.map_err(failed)?;
            hold.time().await?; // what was told before this moment came before
            Ok::<_, ImportError>((shards, standing))
        };
        let (shards, standing) = runtime.block_on(begun)?;
        let load = Load {
            directory: self,
            hold,
            runtime,
            generation: generation.clone(),
            shards,
            standing,
        };
        let before = load.put_in_force(&mut gathered, intake)?;
        self.sweep_later(before, runtime);
        let restored = load.write(&mut gathered, Part::Restored, &mut None);
        restored.map_err(|error| {
            let error =
                format!("the snapshot is in force, but not every suspension ended: {error}");
            ImportError::Store(error)
        })?;
        runtime.block_on(self.tell(EVERYTHING)).map_err(failed)?;
        gathered.end();
        Ok(report)
    }

    fn seal(&self, what: &str, revision: u64, record: &[u8]) -> Result<String, FleetError> {
        let sealed = Sealed::new(what, revision, Some(record));
        let text = self.key.seal(SealKind::Fact, &sealed);
        text.map_err(|_| FleetError::Malformed)
    }
}

impl Load<'_> {
    /// Answers which generation was in force before.
    fn put_in_force(
        &self,
        gathered: &mut Gathered,
        intake: &mut Intake<'_>,
    ) -> Result<Option<Generation>, ImportError> {
        self.write(gathered, Part::Generation, &mut intake.told)?;
        let suspended = self.write(gathered, Part::Suspended, &mut None);
        let swapped = suspended.and_then(|()| self.runtime.block_on(self.swap()));
        if swapped.is_err() {
            // some of the suspensions may stand
            let told = self.runtime.block_on(self.directory.tell(EVERYTHING));
            told.map_err(failed)?;
        }
        swapped
    }

    fn write(
        &self,
        gathered: &mut Gathered,
        part: Part,
        told: &mut Told<'_>,
    ) -> Result<(), ImportError> {
        let handed = gathered.hand_over(told, |rows| {
            batches(rows, &mut |mut batch| {
                batch.retain(|taken| Part::of(taken) == part);
                self.runtime.block_on(self.write_batch(&batch, part))
            })
        });
        handed.map(drop)
    }

    async fn write_batch(&self, batch: &[Taken], part: Part) -> Result<(), ImportError> {
        if batch.is_empty() {
            return Ok(());
        }
        if part != Part::Generation {
            let written = self
                .directory
                .write_each(&self.generation, batch, self.hold);
            return written.await;
        }
        let revision = self.hold.time().await?;
        let asks = self.new_records(batch, revision);
        let mut asks = asks.map_err(failed)?;
        asks.extend(self.new_hints(batch, revision));
        let calls = &self.directory.calls;
        let each = stream::iter(asks.iter().map(Ok));
        let each = each.try_for_each_concurrent(AT_ONCE, |ask| calls.ask(calls.timeout, ask));
        each.await.map_err(failed)
    }

    /// Nothing stands where they are put.
    fn new_records(&self, batch: &[Taken], revision: u64) -> Result<Vec<Cmd>, FleetError> {
        let records = batch.iter().filter(|taken| taken.kind != Kind::Index);
        let records = records.filter(|taken| !taken.bytes.is_empty()); // what is forgotten isn't there
        let put = |taken: &Taken| {
            let about = taken.about(&self.generation);
            let text = self.directory.seal(&about, revision, &taken.bytes)?;
            let mut ask = cmd("SET");
            ask.arg(self.directory.key_of(&about)).arg(text);
            Ok(ask)
        };
        records.map(put).collect()
    }

    /// What vehicles are found by stands together.
    fn new_hints(&self, batch: &[Taken], revision: u64) -> Vec<Cmd> {
        let is_hint = |taken: &Taken| taken.kind == Kind::Index;
        let mut asks = Vec::new();
        for of_one in batch.chunk_by(|one, next| one.what == next.what) {
            let (Some(first), true) = (of_one.first(), of_one.iter().all(is_hint)) else {
                continue;
            };
            let key = self.directory.key_of(&first.about(&self.generation));
            for some in of_one.chunks(HINTS) {
                let mut ask = cmd("ZADD");
                ask.arg(&key);
                for vin in some.iter().filter_map(|taken| taken.vin.as_ref()) {
                    ask.arg(revision).arg(vin.as_str());
                }
                asks.push(ask);
            }
        }
        asks
    }

    async fn swap(&self) -> Result<Option<Generation>, ImportError> {
        let directory = self.directory;
        // A server that was started again, or took over, may have lost the last records.
        let shards = directory.calls.shards().await.map_err(failed)?;
        if shards != self.shards {
            let why = "Redis's servers changed while the snapshot was written: it is not in force, \
                       import again";
            return Err(ImportError::Store(why.to_owned()));
        }
        let before = directory.open_pointer(&self.standing.text);
        let known = before.as_ref().map_or(0, |pointer| pointer.revision);
        let known = known.max(directory.pointed()).max(self.hold.time().await?);
        let is_first = self.standing.text.is_empty();
        let before = before.map(|pointer| pointer.generation());
        let before = before.or_else(|| is_first.then(Generation::default));
        let spared = before.clone().unwrap_or_default();
        let pointer = Pointer::new(known.saturating_add(1), &self.generation, &spared);
        let text = directory.key.seal(SealKind::Fact, &pointer);
        let text = text.map_err(ImportError::Store)?;
        let [log, newest] = &directory.changed;
        let keys = [&*directory.pointer, &directory.holder, log, newest];
        let mut ask = script(include_str!("../swap.lua"), &keys);
        ask.arg(&self.standing.text).arg(BYTES).arg(&self.hold.name);
        ask.arg(&self.standing.change).arg(&text);
        let said: String = directory
            .calls
            .ask(directory.calls.timeout, &ask)
            .await
            .map_err(unknown)?;
        match said.as_str() {
            "done" => {
                directory.learn(text.as_bytes()).ok(); // others learn it with the next look-up
                Ok(before)
            }
            "raced" => Err(ImportError::Store(
                "a vehicle was changed while the snapshot was written: it is not in force, import \
                 again"
                    .to_owned(),
            )),
            _ => Err(holding::lost()),
        }
    }
}

fn unknown(error: FleetError) -> ImportError {
    ImportError::Store(format!(
        "the ownership directory: {error}; the snapshot may be in force, and may be imported again"
    ))
}
