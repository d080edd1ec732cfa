//! What does a fleet of one process share?
//!
//! The store of a gateway without Redis, whose fleet is itself, and of many replicas in one test.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::clock;
use crate::switchboard::fleet::{Carried, FleetError, FleetStore, RevokedSince, Topic};

/// One replica's handle. A clone is the handle of another replica of the same fleet.
pub struct LocalFleet {
    shared: Arc<Mutex<Shared>>,
    hint: Arc<Notify>,
}

#[derive(Default)]
struct Shared {
    version: u64,
    board: BTreeMap<String, String>,
    words: BTreeMap<(Topic, String), Word>,
    /// By field, each with its count.
    revoked: BTreeMap<String, (u64, Carried)>,
    revoked_count: u64,
    handles: Vec<Weak<Notify>>,
}

struct Word {
    sealed: String,
    /// `None`: further away than the clock can tell.
    forgotten_at: Option<Instant>,
}

impl LocalFleet {
    /// A fleet with an empty board.
    pub fn new() -> Self {
        Self::handle(&Arc::default())
    }

    fn handle(shared: &Arc<Mutex<Shared>>) -> Self {
        let hint = Arc::new(Notify::new());
        let mut inner = hold(shared);
        inner.handles.retain(|handle| handle.strong_count() > 0);
        inner.handles.push(Arc::downgrade(&hint));
        Self {
            shared: Arc::clone(shared),
            hint,
        }
    }
}

#[cfg(test)]
impl LocalFleet {
    /// Somebody writes over a revocation, where it lies.
    pub(crate) fn write_over(&self, field: &str, sealed: &str) {
        let mut shared = hold(&self.shared);
        shared.revoked.get_mut(field).unwrap().1.sealed = sealed.to_owned();
    }
}

impl Default for LocalFleet {
    fn default() -> Self {
        Self::new()
    }
}

impl Clone for LocalFleet {
    fn clone(&self) -> Self {
        Self::handle(&self.shared)
    }
}

impl fmt::Debug for LocalFleet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("LocalFleet").finish_non_exhaustive()
    }
}

impl Shared {
    fn moved(&mut self) {
        self.version = self.version.wrapping_add(1);
        self.hint();
    }

    fn hint(&self) {
        for handle in self.handles.iter().filter_map(Weak::upgrade) {
            handle.notify_one();
        }
    }

    fn forget(&mut self) {
        let now = clock::monotonic();
        self.words
            .retain(|_, word| word.forgotten_at.is_none_or(|end| end > now));
    }
}

#[async_trait]
impl FleetStore for LocalFleet {
    async fn version(&self) -> Result<u64, FleetError> {
        Ok(hold(&self.shared).version)
    }

    async fn entries(&self) -> Result<Vec<(String, String)>, FleetError> {
        Ok(hold(&self.shared).board.clone().into_iter().collect())
    }

    async fn put(&self, entries: &[(String, String)]) -> Result<(), FleetError> {
        if !entries.is_empty() {
            let mut shared = hold(&self.shared);
            shared.board.extend(entries.iter().cloned());
            shared.moved();
        }
        Ok(())
    }

    async fn remove(&self, fields: &[String]) -> Result<(), FleetError> {
        let mut shared = hold(&self.shared);
        let before = shared.board.len();
        for field in fields {
            shared.board.remove(field);
        }
        if shared.board.len() != before {
            shared.moved();
        }
        Ok(())
    }

    async fn say(
        &self,
        topic: Topic,
        name: &str,
        sealed: &str,
        expiry: Duration,
    ) -> Result<(), FleetError> {
        let word = Word {
            sealed: sealed.to_owned(),
            forgotten_at: clock::monotonic().checked_add(expiry),
        };
        let mut shared = hold(&self.shared);
        shared.forget();
        shared.words.insert((topic, name.to_owned()), word);
        if topic == Topic::Questions {
            shared.hint();
        }
        Ok(())
    }

    async fn said(&self, topic: Topic) -> Result<Vec<(String, String)>, FleetError> {
        let mut shared = hold(&self.shared);
        shared.forget();
        let words = shared.words.iter().filter(|((of, _), _)| *of == topic);
        let said = words.map(|((_, name), word)| (name.clone(), word.sealed.clone()));
        Ok(said.collect())
    }

    async fn revoked_since(&self, after: u64, most: usize) -> Result<RevokedSince, FleetError> {
        let shared = hold(&self.shared);
        let newer = shared.revoked.values().filter(|(at, _)| *at > after);
        let mut entries: Vec<_> = newer.cloned().collect();
        entries.sort_by_key(|(at, _)| *at);
        entries.truncate(most);
        Ok(RevokedSince {
            newest: shared.revoked_count,
            count: u64::try_from(shared.revoked.len()).unwrap_or(u64::MAX),
            entries,
        })
    }

    async fn put_revoked(&self, entries: &[Carried]) -> Result<(), FleetError> {
        let mut shared = hold(&self.shared);
        for entry in entries {
            let known = shared.revoked.get(&entry.field);
            if known.is_none_or(|(_, known)| known.revision < entry.revision) {
                let at = shared.revoked_count.saturating_add(1);
                shared.revoked_count = at;
                let put = (at, entry.clone());
                shared.revoked.insert(entry.field.clone(), put);
            }
        }
        Ok(())
    }

    async fn drop_revoked(&self, fields: &[String]) -> Result<(), FleetError> {
        let mut shared = hold(&self.shared);
        for field in fields {
            shared.revoked.remove(field);
        }
        Ok(())
    }

    async fn time(&self) -> Result<Duration, FleetError> {
        Ok(clock::unix_time())
    }

    async fn hinted(&self) {
        self.hint.notified().await;
    }
}

/// Every change is whole before anything can panic, so a poisoned lock is fine.
fn hold(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::fleet_contract;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_contract_holds() {
        let one = LocalFleet::new();
        let other = one.clone();
        fleet_contract::hold(Arc::new(one), Arc::new(other)).await;
    }

    #[tokio::test]
    async fn handles_that_are_gone_are_forgotten() {
        let one = LocalFleet::new();
        for _ in 0..100 {
            drop(one.clone());
        }
        let _last = one.clone();
        assert_eq!(hold(&one.shared).handles.len(), 2);
    }
}
