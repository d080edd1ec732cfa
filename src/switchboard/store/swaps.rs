//! Who is told of every change of what is in force?

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

use crate::switchboard::{Board, Closure};

/// One change of what is in force.
#[derive(Debug, Clone, Default)]
pub struct Swap {
    /// New closures, and other versions of those that were there.
    pub changed: Vec<Arc<Closure>>,
    /// As they were: a file's, when it is gone, and cold-start states that no longer hold.
    pub gone: Vec<Arc<Closure>>,
}

impl Swap {
    fn between(before: &Board, next: &Board) -> Self {
        let differs = |board: &Board, closure: &Arc<Closure>| {
            board
                .get(&closure.id)
                .is_none_or(|known| !Arc::ptr_eq(known, closure) && known != closure)
        };
        let changed = next.closures().filter(|closure| differs(before, closure));
        let gone = before
            .closures()
            .filter(|closure| next.get(&closure.id).is_none());
        Self {
            changed: changed.cloned().collect(),
            gone: gone.cloned().collect(),
        }
    }
}

/// Those who asked to be told.
#[derive(Debug, Default)]
pub(super) struct Swaps(Mutex<Vec<UnboundedSender<Swap>>>);

impl Swaps {
    pub(super) fn subscribe(&self) -> UnboundedReceiver<Swap> {
        let (tell, told) = mpsc::unbounded_channel();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(tell);
        told
    }

    /// In the order of the changes: the caller holds the lock under which boards are made.
    pub(super) fn tell(&self, before: &Board, next: &Board) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return;
        }
        let swap = Swap::between(before, next);
        all.retain(|tell| tell.send(swap.clone()).is_ok());
    }
}
