//! Which entrances are closed?
//!
//! [`Board`] is the pure model, read once a request; [`changes`] makes the next version of a closure;
//! [`store`] keeps the board on disk and in force; [`seal`] is how it travels, [`spread`] keeps it the
//! same over a [`fleet`]; [`keeper`] does what time alone does; [`drop_in`] reads closures from files;
//! [`history`] tells of every change. A board only says what is closed: nothing on it turns a check off.

pub mod scope;
pub mod closure;
pub mod place;
pub mod changes;
mod index;
pub mod probe;
pub mod census;
pub mod fuse;
pub mod seal;
pub mod store;
pub mod fleet;
pub mod timekeeping;
pub mod spread;
pub mod keeper;
pub mod drop_in;
pub mod history;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

pub use closure::{AtExpiry, Closure, Drain, Notice, Ramp, Share, Shut, State, Texts};
use index::Index;
pub use place::{Act, Caller, Place, VehicleRegion, Version, Who};
pub use scope::Scope;

/// Everything that was ever closed and is not forgotten yet, at one moment. Immutable; a change makes
/// another.
#[derive(Default, Clone)]
pub struct Board {
    revision: u64,
    closures: BTreeMap<String, Arc<Closure>>,
    index: Index,
    notices: HashMap<String, Vec<Arc<Notice>>>,
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

/// A refusal and what it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Refusal<'a> {
    /// How.
    pub shut: Shut,
    /// The closure.
    pub closure: &'a Arc<Closure>,
}

impl Board {
    /// A board of these closures; of several versions of one the one that counts
    /// ([`Closure::precedence`]). Its revision is the highest of theirs, and at least `floor`.
    pub fn new(floor: u64, closures: impl IntoIterator<Item = Arc<Closure>>) -> Self {
        let mut newest: BTreeMap<String, Arc<Closure>> = BTreeMap::new();
        for closure in closures {
            match newest.get(&closure.id) {
                Some(known) if known.precedence(&closure).is_ge() => {}
                Some(_) | None => {
                    newest.insert(closure.id.clone(), closure);
                }
            }
        }
        let revisions = newest.values().map(|closure| closure.revision);
        let mut notices: HashMap<String, Vec<Arc<Notice>>> = HashMap::new();
        for closure in newest.values().filter(|closure| closure.is_in_force()) {
            if let Some(notice) = &closure.notice {
                let told = notices.entry(notice.surface.clone()).or_default();
                told.push(Arc::clone(notice));
            }
        }
        Self {
            revision: revisions.max().unwrap_or(0).max(floor),
            index: Index::new(newest.values()),
            notices,
            closures: newest,
        }
    }

    /// What refuses a request at `place`, if anything: of all that cover it the most restrictive,
    /// then the one that ends last, then the lowest id. Costs the same whatever the number of
    /// closures, except for those that share one value of their most selective dimension.
    pub fn judge(&self, place: Place<'_>) -> Option<Refusal<'_>> {
        self.index.judge(place)
    }

    /// Whether an entrance at `place` is being restored: then sign-ins pass, at a limited rate.
    pub fn is_restoring(&self, place: Place<'_>) -> bool {
        self.index.any(place, |closure| {
            matches!(closure.state, State::Restoring(_))
        })
    }

    /// Whether any of the closures that refuse `place`, not the most restrictive alone, gives no time
    /// to what is being served there.
    pub fn cuts(&self, place: Place<'_>) -> bool {
        self.index.any(place, |closure| {
            closure.drain == Drain::Now && place::effect(closure, place).is_some()
        })
    }

    /// Every closure in force whose scope covers the place, whether it refuses it or not.
    pub fn covering<'s>(&'s self, place: Place<'_>, found: impl FnMut(&'s Arc<Closure>)) {
        self.index.each(place, found);
    }

    /// Rises with every change, over the whole fleet.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// All closures, ended ones included, by id.
    pub fn closures(&self) -> impl ExactSizeIterator<Item = &Arc<Closure>> {
        self.closures.values()
    }

    /// Those that refuse anything, by id.
    pub fn in_force(&self) -> impl Iterator<Item = &Arc<Closure>> {
        self.closures().filter(|closure| closure.is_in_force())
    }

    /// The closure with this id, ended or not.
    pub fn get(&self, id: &str) -> Option<&Arc<Closure>> {
        self.closures.get(id)
    }

    /// What the users of a surface are told meanwhile.
    pub fn notices(&self, surface: &str) -> &[Arc<Notice>] {
        let told = self.notices.get(surface);
        told.map_or(&[], Vec::as_slice)
    }

    /// Both boards in one: of each closure the version that counts. Commutative, associative and
    /// idempotent, so replicas agree in whatever order they hear of changes.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let closures = self.closures.values().chain(other.closures.values());
        Self::new(self.revision.max(other.revision), closures.cloned())
    }

    /// The board with a closure, or another version of one.
    #[must_use]
    pub fn with(&self, closure: Closure) -> Self {
        let added = std::iter::once(Arc::new(closure));
        Self::new(self.revision, self.closures.values().cloned().chain(added))
    }

    /// What this board knows better than `other`: new closures and later versions.
    pub fn beyond<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a Arc<Closure>> {
        self.closures().filter(|closure| {
            let known = other.get(&closure.id);
            known.is_none_or(|known| closure.precedence(known).is_gt())
        })
    }

    /// The board without those that ended before `since` (seconds since the Unix epoch).
    #[must_use]
    pub fn without_ended(&self, since: u64) -> Self {
        let closures = self.closures.values();
        let closures = closures.filter(|closure| !closure.ended_before(since));
        Self::new(self.revision, closures.cloned())
    }
}

#[cfg(test)]
mod tests;
