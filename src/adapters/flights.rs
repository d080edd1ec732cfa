//! Is what is asked on its way already?
//!
//! Who asks for the same at the same time waits for the same answer. A question goes on by itself:
//! whoever gives up waiting leaves nothing half done behind.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio::runtime::Handle;

use crate::pipeline::ports::LookupError;

/// What came of a question.
type Answer<V> = Result<V, LookupError>;

/// An answer that is awaited.
pub(super) type Awaited<V> = Shared<BoxFuture<'static, Answer<V>>>;

/// Questions on their way.
pub(super) struct Flights<K, V>(Arc<Mutex<HashMap<K, Awaited<V>>>>);

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The question that is on its way, or what `ask` makes of it, on this runtime; `None` where `most`
    /// others are on theirs.
    pub(super) fn join<F>(
        &self,
        key: K,
        (runtime, most): (&Handle, usize),
        ask: impl FnOnce() -> F,
    ) -> Option<Awaited<V>>
    where
        F: Future<Output = Answer<V>> + Send + 'static,
    {
        let mut flights = lock(&self.0);
        if let Some(answer) = flights.get(&key) {
            return Some(answer.clone());
        }
        if flights.len() >= most {
            return None;
        }
        let landing = Landing {
            key: key.clone(),
            flights: Arc::clone(&self.0),
        };
        let asked = ask();
        let asked = runtime.spawn(async move {
            let _landing = landing; // by a panic too
            asked.await
        });
        let answer = asked.map(|ended| ended.unwrap_or(Err(LookupError::Unreachable)));
        let answer = answer.boxed().shared();
        flights.insert(key, answer.clone());
        Some(answer)
    }
}

#[cfg(test)]
impl<K, V> Flights<K, V> {
    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }
}

/// Takes a question out when it has ended, however it did.
struct Landing<K: Eq + Hash, V> {
    key: K,
    flights: Arc<Mutex<HashMap<K, Awaited<V>>>>,
}

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        lock(&self.flights).remove(&self.key);
    }
}

/// Nothing in it can be half done.
fn lock<T>(flights: &Mutex<T>) -> MutexGuard<'_, T> {
    flights.lock().unwrap_or_else(PoisonError::into_inner)
}
