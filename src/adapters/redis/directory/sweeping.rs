//! What becomes of the keys of a snapshot that is no more in force?
//!
//! The one that was replaced is left to those who read it still, then it is removed. What that left, as
//! when the process ended before, is removed by whoever replaces the whole next.
//!
//! INVARIANT: nothing that is in force is removed. Names of keys come first, then it is asked which
//! generation is in force, and only then they go: no generation comes twice and none comes back, so one
//! that was dead then is dead for ever. One that is being loaded isn't dead: whoever removes all that
//! isn't in force holds the word of an import, asked for after the names came, so no other was loading
//! when they did.

use std::sync::{Arc, PoisonError};

use futures_util::{TryStreamExt, stream};
use redis::cmd;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::RedisDirectory;
use super::generation::Generation;
use super::holding::Hold;
use super::importing::{AT_ONCE, failed};
use crate::adapters::facts::import::ImportError;
use crate::adapters::redis::shards::Shard;
use crate::switchboard::fleet::FleetError;

/// Names that a server looks at for one answer.
const NAMES: u32 = 1_000;

impl RedisDirectory {
    /// Removes what was in force before, once nobody can be reading it.
    pub(super) fn sweep_later(self: &Arc<Self>, before: Option<Generation>, runtime: &Handle) {
        let Some(before) = before else {
            return; // nobody knows which it was: whoever replaces the whole next removes it
        };
        let directory = Arc::clone(self);
        let sweeping = runtime.spawn(async move {
            sleep(directory.grace).await;
            if let Err(error) = directory.sweep_one(&before).await {
                tracing::warn!(%error, "what a snapshot replaced stays in redis until the next one");
            }
        });
        let mut last = self.sweeping.lock();
        let last = last.as_mut().unwrap_or_else(PoisonError::get_mut);
        last.replace(sweeping);
    }

    /// Removes a snapshot that didn't come into force; of no use where Redis isn't reached.
    pub(super) async fn sweep_failed(&self, generation: &Generation) {
        if let Err(error) = self.sweep_one(generation).await {
            tracing::warn!(%error, "what is left of a snapshot stays in redis until the next one");
        }
    }

    /// Returns when what the last snapshot replaced is removed, or can't be.
    pub async fn swept(&self) {
        let last = self.sweeping.lock();
        let last = last.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sweeping) = last {
            sweeping.await.ok();
        }
    }

    async fn sweep_one(&self, dead: &Generation) -> Result<(), FleetError> {
        for shard in self.calls.shards().await?.each {
            let mut names = Names::of(shard);
            while let Some(found) = names.next(self).await? {
                if self.generation().await? == *dead {
                    return Ok(()); // a failover lost the swap
                }
                self.remove(&found, |generation| generation == dead).await?;
            }
        }
        Ok(())
    }

    /// Removes all that isn't in force, nor was just now. Where nobody can tell what is in force, all
    /// of it stays.
    pub(super) async fn sweep_left_over(&self, hold: &Hold) -> Result<(), ImportError> {
        for shard in self.calls.shards().await.map_err(failed)?.each {
            let mut names = Names::of(shard);
            while let Some(found) = names.next(self).await.map_err(failed)? {
                let now = hold.time().await?;
                let text = self.standing().await.map_err(failed)?.text;
                let Ok(in_force) = self.learn(&text) else {
                    return Ok(());
                };
                let pointer = self.open_pointer(&text);
                let spared = pointer.and_then(|pointer| pointer.spared(now));
                let removed = self.remove(&found, |generation| {
                    *generation != in_force && Some(generation) != spared.as_ref()
                });
                removed.await.map_err(failed)?;
            }
        }
        Ok(())
    }

    async fn remove(
        &self,
        names: &[String],
        is_dead: impl Fn(&Generation) -> bool,
    ) -> Result<(), FleetError> {
        let dead = names.iter().filter(|name| {
            let about = self.about_of(name);
            let of = about.and_then(Generation::of);
            of.is_some_and(|(generation, _)| is_dead(&generation))
        });
        let each = stream::iter(dead.map(Ok));
        let each = each.try_for_each_concurrent(AT_ONCE, |name| async move {
            let mut ask = cmd("UNLINK");
            ask.arg(name);
            self.calls.ask(self.calls.timeout, &ask).await
        });
        each.await
    }

    /// What the record of a key is about.
    pub(super) fn about_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        let rest = key.strip_prefix("{vingate:")?.strip_prefix(&*self.name)?;
        rest.strip_prefix(':')?.strip_suffix('}')
    }
}

/// The names of this directory's keys on a server. Each that is there all the time is among them, once
/// at least.
pub(super) struct Names {
    shard: Shard,
    /// Where the server goes on; `None` at the end.
    cursor: Option<u64>,
}

impl Names {
    pub(super) fn of(shard: Shard) -> Self {
        let cursor = Some(0);
        Self { shard, cursor }
    }

    /// Some more of them.
    pub(super) async fn next(
        &mut self,
        directory: &RedisDirectory,
    ) -> Result<Option<Vec<String>>, FleetError> {
        let Some(cursor) = self.cursor else {
            return Ok(None);
        };
        let mut ask = cmd("SCAN");
        ask.arg(cursor).arg("MATCH").arg(directory.key_of("*"));
        ask.arg("COUNT").arg(NAMES);
        let calls = &directory.calls;
        let (next, names): (u64, Vec<Vec<u8>>) =
            calls.ask_at(&self.shard, calls.bulk(), &ask).await?;
        self.cursor = (next != 0).then_some(next);
        let names = names.into_iter().map(String::from_utf8);
        // what is no text was written by no gateway
        Ok(Some(names.filter_map(Result::ok).collect()))
    }
}
