//! How does all that stands in Redis come out as of one moment?
//!
//! Servers are gone through name by name, which is no moment: what changes meanwhile is seen or not. So
//! the log of changes is read afterwards, and what it names is read again, until nothing was told any
//! more. Each change that was told by then is in what was read, and of the others each is as if it
//! came before or after: that is a moment. Where a snapshot or an import came between, or a server
//! took over, or slots moved, it is read anew a few times, and then not at all: never in part.
//!
//! A record that can't be believed ends it, and isn't passed over. One that was removed behind the
//! fleet's back leaves nothing to be seen.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::OwnedMutexGuard;

use super::generation::Generation;
use super::importing::AT_ONCE;
use super::sweeping::Names;
use super::{RedisDirectory, of_vehicle, refused};
use crate::adapters::facts::intake::Kind;
use crate::adapters::facts::outgoing::{Broken, Outgoing};
use crate::adapters::redis::shards::Shards;
use crate::pipeline::vehicle::Vin;
use crate::switchboard::fleet::FleetError;

/// Times that all of it is read.
const TIMES: u32 = 3;

/// Times that what changed meanwhile is read: each takes as long as a few changes.
const ROUNDS: u64 = 1_000;

/// One moment of a directory, on disk.
pub struct RedisSnapshot {
    outgoing: Outgoing,
    /// Its folder is nobody else's for so long.
    _only: OwnedMutexGuard<()>,
}

impl std::fmt::Debug for RedisSnapshot {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("RedisSnapshot")
    }
}

impl RedisSnapshot {
    /// As an embedded store's.
    ///
    /// # Errors
    /// As there.
    pub fn write(self, take: &mut dyn FnMut(&str) -> Result<(), String>) -> Result<u64, Broken> {
        self.outgoing.write(take)
    }
}

/// Why it is not read to its end.
enum Unread {
    /// It is to be read anew.
    Moved,
    Failed(String),
}

impl From<FleetError> for Unread {
    fn from(error: FleetError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl RedisDirectory {
    /// This moment of it; reads all of it. Blocks.
    ///
    /// # Errors
    /// It can't be read as of one moment, or a record can't be believed.
    pub fn snapshot(self: &Arc<Self>, runtime: &Handle) -> Result<RedisSnapshot, String> {
        let only = Arc::clone(&self.exporting).try_lock_owned();
        let only = only.map_err(|_| "another export is under way: try again when it has ended")?;
        for _ in 0..TIMES {
            match runtime.block_on(self.read_all()) {
                Ok(outgoing) => {
                    return Ok(RedisSnapshot {
                        outgoing,
                        _only: only,
                    });
                }
                Err(Unread::Moved) => {}
                Err(Unread::Failed(why)) => return Err(why),
            }
        }
        let why = "it was imported into, or its servers changed, while it was read: try again";
        Err(why.to_owned())
    }

    async fn read_all(&self) -> Result<Outgoing, Unread> {
        let shards = self.calls.shards().await?;
        if shards.are_moving() {
            return Err(Unread::Moved);
        }
        let generation = self.generation().await?;
        let mut change = self.untouched().await?;
        let outgoing = Outgoing::begin(self.room_of("exporting"));
        let mut outgoing = outgoing.map_err(|error| Unread::Failed(error.to_string()))?;
        self.read_each(&shards, &generation, &mut outgoing).await?;
        for round in 1..ROUNDS {
            if self.untouched().await? == change {
                let is_same = self.generation().await? == generation;
                let is_same = is_same && self.calls.shards().await? == shards;
                return is_same.then_some(outgoing).ok_or(Unread::Moved);
            }
            let changed = self.changed_since(&change).await?;
            let (changed, newest) = changed.ok_or(Unread::Moved)?;
            self.read_again(&changed, round, &generation, &mut outgoing)
                .await?;
            change = newest;
        }
        Err(Unread::Moved)
    }

    async fn read_each(
        &self,
        shards: &Shards,
        generation: &Generation,
        outgoing: &mut Outgoing,
    ) -> Result<(), Unread> {
        for shard in &shards.each {
            let mut names = Names::of(shard.clone());
            while let Some(found) = names.next(self).await? {
                self.read_named(found, generation, outgoing).await?;
            }
        }
        Ok(())
    }

    /// The id of the last change. Nobody imports: they tell what they wrote in the end.
    async fn untouched(&self) -> Result<String, Unread> {
        let standing = self.standing().await?;
        let is_untouched = standing.holder.is_empty();
        is_untouched.then_some(standing.change).ok_or(Unread::Moved)
    }

    async fn read_again(
        &self,
        changed: &BTreeSet<Vin>,
        round: u64,
        generation: &Generation,
        outgoing: &mut Outgoing,
    ) -> Result<(), Unread> {
        for vin in changed {
            let about = generation.about(&of_vehicle(vin));
            let record = self.read_unseen(&about).await?.unwrap_or_default();
            let put = outgoing.put((Kind::Vehicle, vin.as_str(), None), round, &record);
            put.map_err(Unread::Failed)?;
        }
        Ok(())
    }

    async fn read_named(
        &self,
        names: Vec<String>,
        generation: &Generation,
        outgoing: &mut Outgoing,
    ) -> Result<(), Unread> {
        let wanted = names.iter().filter_map(|name| {
            let about = self.about_of(name)?;
            let what = match Generation::of(about) {
                Some((of, what)) => (of == *generation).then_some(what)?,
                None => about.starts_with("s:").then_some(about)?,
            };
            (!what.starts_with("i:")).then_some((about, what))
        });
        let reads = wanted.map(|(about, what)| async move {
            let record = self.read_unseen(about).await?;
            Ok::<_, FleetError>((what, record))
        });
        let mut reads = stream::iter(reads).buffer_unordered(AT_ONCE);
        while let Some((what, record)) = reads.try_next().await? {
            let Some(record) = record else {
                continue; // it was removed by who may
            };
            let names = Named::read(what).ok_or_else(|| refused("its key can't be read"))?;
            let put = outgoing.put(names.parts(), 0, &record);
            put.map_err(Unread::Failed)?;
        }
        Ok(())
    }

    /// The record, no older than what was seen; what is seen here is too much to be remembered.
    async fn read_unseen(&self, about: &str) -> Result<Option<Vec<u8>>, FleetError> {
        let known = self.seen.get(&self.seen_as(about)).unwrap_or(0);
        let found = self.read(about).await?;
        if found.as_ref().is_some_and(|found| found.revision < known) {
            return Err(refused("it is older than what stood there before"));
        }
        Ok(found.and_then(|found| found.record))
    }

    /// Which vehicles changed since then, and the id of the last change; `None` if that can't be told.
    async fn changed_since(
        &self,
        last: &str,
    ) -> Result<Option<(BTreeSet<Vin>, String)>, FleetError> {
        let (_, entries) = self.entries_since(last).await?;
        let mut changed = BTreeSet::new();
        let mut at = last.to_owned();
        for entry in entries.chunks_exact(3) {
            let [id, before, what] = entry else {
                return Ok(None);
            };
            let vin = what.strip_prefix("v:").and_then(|vin| Vin::read(vin).ok());
            let Some(vin) = vin.filter(|_| *before == at) else {
                return Ok(None); // more than a vehicle changed, or a word of it is lost
            };
            changed.insert(vin);
            at.clone_from(id);
        }
        Ok((at != last).then_some((changed, at)))
    }
}

/// The names of a record's key.
struct Named(Kind, String, Option<String>);

impl Named {
    fn read(what: &str) -> Option<Self> {
        let read = |name: &str| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(name).ok()?).ok();
        let (kind, names) = what.split_once(':')?;
        let kind = match kind {
            "v" => {
                return Some(Self(
                    Kind::Vehicle,
                    Vin::read(names).ok()?.as_str().to_owned(),
                    None,
                ));
            }
            "s" => Kind::Subject,
            "a" => Kind::Alias,
            _ => return None,
        };
        let (first, second) = names.split_once(':')?;
        Some(Self(kind, read(first)?, Some(read(second)?)))
    }

    fn parts(&self) -> (Kind, &str, Option<&str>) {
        (self.0, &self.1, self.2.as_deref())
    }
}
