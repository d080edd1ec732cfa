//! Is what was looked up a moment ago still true?
//!
//! In front of a directory that is elsewhere. An answer is kept for its age limit, absence included,
//! and for as long as nobody says that the vehicle changed; look-ups of one vehicle at one time are
//! one. While nobody can say what changed, nothing is kept at all. Who leads to which vehicle isn't
//! kept either: it is asked for each time.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use quick_cache::sync::Cache;
use tokio::runtime::Handle;

use crate::adapters::flights::Flights;
use crate::clock;
use crate::pipeline::ownership::{Alias, Hints, IndexKey, SubjectFacts, SubjectKey, VehicleFacts};
use crate::pipeline::ports::{LookupError, OwnershipDirectory};
use crate::pipeline::vehicle::Vin;

/// Counts of changes; vehicles share them, so a change forgets a few neighbours. A power of two.
const BUCKETS: usize = 4_096;

/// A look-up of a store, as it is kept: what came of it.
type Answer<V> = Result<V, LookupError>;

/// A vehicle's facts, or that it has none.
type Facts = Option<Arc<VehicleFacts>>;

/// How long answers are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    /// Vehicles at most, and subjects.
    pub entries: usize,
    /// The age limit of facts.
    pub max_age: Duration,
    /// The age limit of absence.
    pub absent_max_age: Duration,
}

/// What changed, as far as anybody said. Counts only rise.
pub struct Changes {
    hasher: RandomState,
    buckets: Box<[AtomicU64]>,
    everything: AtomicU64,
    /// Milliseconds since `begun` until which whoever says what changed was heard; `None` where nobody
    /// ever says, and age alone counts.
    in_touch_until: Option<AtomicU64>,
    begun: Instant,
}

impl fmt::Debug for Changes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Changes")
            .field("in_touch", &self.in_touch())
            .finish_non_exhaustive()
    }
}

impl Changes {
    /// Where somebody says what changed, and isn't heard yet.
    pub fn told() -> Self {
        Self::new(Some(AtomicU64::new(0)))
    }

    /// Where nobody does.
    pub fn untold() -> Self {
        Self::new(None)
    }

    fn new(in_touch_until: Option<AtomicU64>) -> Self {
        Self {
            hasher: RandomState::new(),
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            everything: AtomicU64::new(0),
            in_touch_until,
            begun: clock::monotonic(),
        }
    }

    /// This vehicle changed.
    pub fn vehicle(&self, vin: &Vin) {
        self.changed(vin);
    }

    /// This subject changed.
    pub fn subject(&self, key: &SubjectKey) {
        self.changed(key);
    }

    fn changed(&self, about: &impl Hash) {
        if let Some(bucket) = self.bucket(about) {
            bucket.fetch_add(1, Ordering::Release);
        }
    }

    /// Anything may have changed.
    pub fn everything(&self) {
        self.everything.fetch_add(1, Ordering::Release);
    }

    /// All changes until now were told, and the next ones will be: for so long.
    pub fn heard(&self, lease: Duration) {
        if let Some(until) = &self.in_touch_until {
            let end = self.begun.elapsed().saturating_add(lease);
            until.store(milliseconds(end), Ordering::Release);
        }
    }

    /// Whether changes are heard, where somebody says them.
    pub fn in_touch(&self) -> bool {
        let until = self.in_touch_until.as_ref();
        let now = || milliseconds(self.begun.elapsed());
        until.is_none_or(|until| now() < until.load(Ordering::Acquire))
    }

    fn bucket(&self, about: &impl Hash) -> Option<&AtomicU64> {
        let hash = usize::try_from(self.hasher.hash_one(about) & 0xffff).unwrap_or(0);
        self.buckets.get(hash & BUCKETS.saturating_sub(1))
    }

    /// Moves with every change that may concern this one.
    fn seen(&self, about: &impl Hash) -> Seen {
        let bucket = self.bucket(about);
        let of_it = bucket.map_or(0, |bucket| bucket.load(Ordering::Acquire));
        Seen(of_it, self.everything.load(Ordering::Acquire))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How many changes were known when something was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Seen(u64, u64);

#[derive(Clone)]
struct Kept<V> {
    value: V,
    asked_at: Instant,
    seen: Seen,
}

/// Asks the store anew.
type Ask<K, V> = Box<dyn Fn(K) -> BoxFuture<'static, Answer<V>> + Send + Sync>;

/// What is kept of one kind, and what is on its way.
struct Shelf<K, V> {
    ask: Ask<K, V>,
    /// The age limit of a value.
    limit: fn(&Keeping, &V) -> Duration,
    keeping: Keeping,
    changes: Arc<Changes>,
    kept: Cache<K, Kept<V>>,
    flights: Flights<(K, Seen), V>,
}

/// A directory elsewhere, and what it answered lately.
#[derive(Clone)]
pub struct KeptDirectory {
    store: Arc<dyn OwnershipDirectory>,
    vehicles: Arc<Shelf<Vin, Facts>>,
    subjects: Arc<Shelf<SubjectKey, SubjectFacts>>,
}

impl fmt::Debug for KeptDirectory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeptDirectory")
            .field("keeping", &self.vehicles.keeping)
            .field("changes", &self.vehicles.changes)
            .finish_non_exhaustive() // whose cars were looked up
    }
}

impl KeptDirectory {
    /// In front of this store, which bounds the time of each look-up itself.
    pub fn new(
        store: Arc<dyn OwnershipDirectory>,
        keeping: Keeping,
        changes: Arc<Changes>,
    ) -> Self {
        let (of_vehicles, of_subjects) = (Arc::clone(&store), Arc::clone(&store));
        let vehicle: Ask<Vin, Facts> = Box::new(move |vin| {
            let store = Arc::clone(&of_vehicles);
            async move { store.find_fresh(&vin).await }.boxed()
        });
        let subject: Ask<SubjectKey, SubjectFacts> = Box::new(move |key| {
            let store = Arc::clone(&of_subjects);
            async move { store.find_subject(&key.issuer, &key.subject).await }.boxed()
        });
        let limit = |keeping: &Keeping, facts: &Facts| match facts {
            Some(_) => keeping.max_age,
            None => keeping.absent_max_age,
        };
        let told = Arc::clone(&changes);
        Self {
            store,
            vehicles: Arc::new(Shelf::new(vehicle, limit, (keeping, told))),
            subjects: Arc::new(Shelf::new(
                subject,
                |all, _| all.max_age,
                (keeping, changes),
            )),
        }
    }
}

#[async_trait]
impl OwnershipDirectory for KeptDirectory {
    async fn find(&self, vin: &Vin) -> Answer<Facts> {
        self.vehicles.find(*vin).await
    }

    async fn find_fresh(&self, vin: &Vin) -> Answer<Facts> {
        let seen = self.vehicles.changes.seen(vin);
        self.vehicles.ask(*vin, seen).await
    }

    async fn find_subject(&self, issuer: &str, subject: &str) -> Answer<SubjectFacts> {
        self.subjects.find(key(issuer, subject)).await
    }

    async fn find_subject_fresh(&self, issuer: &str, subject: &str) -> Answer<SubjectFacts> {
        let key = key(issuer, subject);
        let seen = self.subjects.changes.seen(&key);
        self.subjects.ask(key, seen).await
    }

    async fn find_by(&self, key: &IndexKey, most: usize) -> Answer<Hints> {
        self.store.find_by(key, most).await
    }

    async fn find_alias(&self, alias: &Alias) -> Answer<Option<Vin>> {
        self.store.find_alias(alias).await
    }
}

fn key(issuer: &str, subject: &str) -> SubjectKey {
    SubjectKey {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
    }
}

impl<K, V> Shelf<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new(
        ask: Ask<K, V>,
        limit: fn(&Keeping, &V) -> Duration,
        (keeping, changes): (Keeping, Arc<Changes>),
    ) -> Self {
        Self {
            ask,
            limit,
            keeping,
            changes,
            kept: Cache::new(keeping.entries),
            flights: Flights::default(),
        }
    }

    async fn find(self: &Arc<Self>, key: K) -> Answer<V> {
        if !self.changes.in_touch() {
            return (self.ask)(key).await; // nobody would say that a kept answer is wrong
        }
        let seen = self.changes.seen(&key);
        match self.kept(&key, seen) {
            Some(kept) => Ok(kept.value),
            None => self.flight(key, seen).await,
        }
    }

    /// What is kept, if it still counts.
    fn kept(&self, key: &K, seen: Seen) -> Option<Kept<V>> {
        let kept = self.kept.get(key).filter(|kept| kept.seen == seen)?;
        let limit = (self.limit)(&self.keeping, &kept.value);
        (kept.asked_at.elapsed() < limit).then_some(kept)
    }

    /// Asks, and keeps the answer from the moment of the question on: its age counts from there, and
    /// a change meanwhile makes it void.
    async fn ask(&self, key: K, seen: Seen) -> Answer<V> {
        let asked_at = clock::monotonic();
        let value = (self.ask)(key.clone()).await?;
        let kept = Kept {
            value: value.clone(),
            asked_at,
            seen,
        };
        self.kept.insert(key, kept);
        Ok(value)
    }

    /// The look-up that is on its way, or a new one; one that began before a change is of no use.
    async fn flight(self: &Arc<Self>, key: K, seen: Seen) -> Answer<V> {
        let (here, asked) = (Arc::clone(self), key.clone());
        let ask = || async move { here.ask(asked, seen).await };
        let unbounded = (&Handle::current(), usize::MAX); // each is of a request, which are bounded
        let flight = self.flights.join((key, seen), unbounded, ask);
        flight.ok_or(LookupError::Unreachable)?.await
    }
}

#[cfg(test)]
mod tests;
