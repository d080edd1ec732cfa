//! Is what was looked up a moment ago still true?
//!
//! In front of a directory that is elsewhere. An answer is kept for its age limit, absence included,
//! and for as long as nobody says that the vehicle changed; look-ups of one vehicle at one time are
//! one. While nobody can say what changed, nothing is kept at all.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use quick_cache::sync::Cache;

use crate::clock;
use crate::pipeline::ownership::VehicleFacts;
use crate::pipeline::ports::{LookupError, OwnershipDirectory};
use crate::pipeline::vehicle::Vin;

/// Counts of changes; vehicles share them, so a change forgets a few neighbours. A power of two.
const BUCKETS: usize = 4_096;

type Answer = Result<Option<Arc<VehicleFacts>>, LookupError>;

/// How long answers are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keeping {
    /// Vehicles at most.
    pub vehicles: usize,
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
        if let Some(bucket) = self.bucket(vin) {
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

    fn in_touch(&self) -> bool {
        let until = self.in_touch_until.as_ref();
        let now = || milliseconds(self.begun.elapsed());
        until.is_none_or(|until| now() < until.load(Ordering::Acquire))
    }

    fn bucket(&self, vin: &Vin) -> Option<&AtomicU64> {
        let hash = usize::try_from(self.hasher.hash_one(vin) & 0xffff).unwrap_or(0);
        self.buckets.get(hash & BUCKETS.saturating_sub(1))
    }

    /// Moves with every change that may concern this vehicle.
    fn seen(&self, vin: &Vin) -> Seen {
        let bucket = self.bucket(vin);
        let of_vehicle = bucket.map_or(0, |bucket| bucket.load(Ordering::Acquire));
        Seen(of_vehicle, self.everything.load(Ordering::Acquire))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// How many changes were known when something was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen(u64, u64);

#[derive(Clone)]
struct Kept {
    facts: Option<Arc<VehicleFacts>>,
    asked_at: Instant,
    seen: Seen,
}

/// A look-up on its way.
struct Flight {
    seen: Seen,
    answer: Shared<BoxFuture<'static, Answer>>,
}

/// A directory elsewhere, and what it answered lately.
#[derive(Clone)]
pub struct KeptDirectory(Arc<Inner>);

struct Inner {
    store: Arc<dyn OwnershipDirectory>,
    keeping: Keeping,
    changes: Arc<Changes>,
    kept: Cache<Vin, Kept>,
    flights: Mutex<HashMap<Vin, Flight>>,
}

impl fmt::Debug for KeptDirectory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeptDirectory")
            .field("keeping", &self.0.keeping)
            .field("changes", &self.0.changes)
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
        Self(Arc::new(Inner {
            store,
            keeping,
            changes,
            kept: Cache::new(keeping.vehicles),
            flights: Mutex::default(),
        }))
    }
}

#[async_trait]
impl OwnershipDirectory for KeptDirectory {
    async fn find(&self, vin: &Vin) -> Answer {
        let inner = &self.0;
        if !inner.changes.in_touch() {
            return inner.store.find(vin).await; // nobody would say that a kept answer is wrong
        }
        let seen = inner.changes.seen(vin);
        match inner.kept(vin, seen) {
            Some(kept) => Ok(kept.facts),
            None => inner.flight(vin, seen).await,
        }
    }

    async fn find_fresh(&self, vin: &Vin) -> Answer {
        let seen = self.0.changes.seen(vin);
        self.0.ask(vin, seen).await
    }
}

impl Inner {
    /// What is kept of a vehicle, if it still counts.
    fn kept(&self, vin: &Vin, seen: Seen) -> Option<Kept> {
        let kept = self.kept.get(vin).filter(|kept| kept.seen == seen)?;
        let limit = match kept.facts {
            Some(_) => self.keeping.max_age,
            None => self.keeping.absent_max_age,
        };
        (kept.asked_at.elapsed() < limit).then_some(kept)
    }

    /// Asks, and keeps the answer from the moment of the question on: its age counts from there, and
    /// a change meanwhile makes it void.
    async fn ask(&self, vin: &Vin, seen: Seen) -> Answer {
        let asked_at = clock::monotonic();
        let facts = self.store.find_fresh(vin).await?;
        let kept = Kept {
            facts: facts.clone(),
            asked_at,
            seen,
        };
        self.kept.insert(*vin, kept);
        Ok(facts)
    }

    /// The look-up that is on its way, or a new one; one that began before a change is of no use. It
    /// goes on by itself: whoever gives up waiting leaves nothing half read behind.
    fn flight(self: &Arc<Self>, vin: &Vin, seen: Seen) -> Shared<BoxFuture<'static, Answer>> {
        let mut flights = self.lock();
        if let Some(flight) = flights.get(vin).filter(|flight| flight.seen == seen) {
            return flight.answer.clone();
        }
        let (inner, vin) = (Arc::clone(self), *vin);
        let asked = tokio::spawn(async move {
            let answer = inner.ask(&vin, seen).await;
            inner.landed(&vin, seen);
            answer
        });
        let answer = asked.map(|ended| ended.unwrap_or(Err(LookupError::Unreachable)));
        let answer = answer.boxed().shared();
        let flight = Flight {
            seen,
            answer: answer.clone(),
        };
        flights.insert(vin, flight);
        answer
    }

    fn landed(&self, vin: &Vin, seen: Seen) {
        let mut flights = self.lock();
        if flights.get(vin).is_some_and(|flight| flight.seen == seen) {
            flights.remove(vin);
        }
    }

    /// Nothing in it can be half done.
    fn lock(&self) -> MutexGuard<'_, HashMap<Vin, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
