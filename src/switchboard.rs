//! Which entrances are closed?
//!
//! [`Board`] is the pure model, read once a request; [`store`] keeps it on disk. A board only says
//! what is closed: nothing on it turns a check off.

pub mod closure;
mod index;
pub mod store;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use closure::{Closure, Scope};
use index::Index;

/// Everything that is closed at one moment. Immutable; a change makes another.
#[derive(Default, Clone)]
pub struct Board {
    revision: u64,
    closures: BTreeMap<String, Arc<Closure>>,
    index: Index,
}

impl fmt::Debug for Board {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // the index is left out: its keys are vehicles and subjects
        out.debug_struct("Board")
            .field("revision", &self.revision)
            .field("closures", &self.closures)
            .finish_non_exhaustive()
    }
}

/// What a request is, as far as a switch can see.
#[derive(Clone, Copy, Default)]
pub struct Place<'a> {
    /// Surface.
    pub surface: &'a str,
    /// Route id.
    pub route: &'a str,
    /// Upstream.
    pub upstream: &'a str,
    /// `client_id`, once known.
    pub client: Option<&'a str>,
    /// Issuer's name and subject, once known.
    pub subject: Option<(&'a str, &'a str)>,
    /// VIN, once known and allowed.
    pub vehicle: Option<&'a str>,
}

impl fmt::Debug for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Place")
            .field("surface", &self.surface)
            .field("route", &self.route)
            .field("upstream", &self.upstream)
            .finish_non_exhaustive() // who and which vehicle: never in a log
    }
}

impl Board {
    /// A board of these closures. Of two with one id the later one counts.
    pub fn new(revision: u64, closures: impl IntoIterator<Item = Arc<Closure>>) -> Self {
        let closures: BTreeMap<_, _> = closures
            .into_iter()
            .map(|closure| (closure.id.clone(), closure))
            .collect();
        let index = Index::new(closures.values());
        Self {
            revision,
            closures,
            index,
        }
    }

    /// The closure that covers `place`, if any. A dimension that is not known yet is matched by
    /// closures that leave it open, and by no other.
    ///
    /// Of several, the one with the longest `retry_after`, so that nobody comes back too early;
    /// among equals the lowest id. Costs the same whatever the number of closures, except for those
    /// that share one value of their most selective dimension.
    pub fn find(&self, place: Place<'_>) -> Option<&Arc<Closure>> {
        self.index.find(place)
    }

    /// Rises with every change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// All closures, by id.
    pub fn closures(&self) -> impl ExactSizeIterator<Item = &Arc<Closure>> {
        self.closures.values()
    }

    /// The closure with this id.
    pub fn get(&self, id: &str) -> Option<&Arc<Closure>> {
        self.closures.get(id)
    }

    /// The next board, with one closure more.
    #[must_use]
    pub fn with(&self, closure: Closure) -> Self {
        let added = std::iter::once(Arc::new(closure));
        Self::new(
            self.revision.saturating_add(1),
            self.closures.values().cloned().chain(added),
        )
    }

    /// The next board, without the closure of this id; `None` if there is none.
    pub fn without(&self, id: &str) -> Option<Self> {
        self.get(id)?;
        let kept = self.closures.values().filter(|closure| closure.id != id);
        Some(Self::new(self.revision.saturating_add(1), kept.cloned()))
    }
}

#[cfg(test)]
mod tests;
