//! How is a closure found without asking all of them?
//!
//! Each closure lies in one bucket for every value of its most selective dimension. A look-up opens
//! the at most six buckets that a request's own values name, and checks the whole conjunction there.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::switchboard::{Closure, Place, Scope};

/// Closures of one value, the most restrictive first.
type Buckets = HashMap<String, Vec<Arc<Closure>>>;

/// Buckets of each dimension.
#[derive(Default, Clone)]
pub(super) struct Index {
    vehicles: Buckets,
    subjects: Buckets,
    clients: Buckets,
    routes: Buckets,
    upstreams: Buckets,
    surfaces: Buckets,
    /// Whether any closure names a subject: else the written form of one is never needed.
    names_subjects: bool,
}

impl Index {
    pub(super) fn new<'a>(closures: impl Iterator<Item = &'a Arc<Closure>>) -> Self {
        let mut index = Self::default();
        let mut ordered: Vec<&Arc<Closure>> = closures.collect();
        ordered.sort_by(|one, other| rank(one).cmp(&rank(other)));
        for closure in ordered {
            index.names_subjects |= !closure.scope.subjects.is_empty();
            let Some((buckets, values)) = index.home(&closure.scope) else {
                continue; // it names nothing; the store and the API refuse such a scope
            };
            for value in values {
                buckets
                    .entry(value.clone())
                    .or_default()
                    .push(Arc::clone(closure));
            }
        }
        index
    }

    /// The most selective dimension that a scope names: the one with the most possible values.
    fn home<'a>(&mut self, scope: &'a Scope) -> Option<(&mut Buckets, &'a BTreeSet<String>)> {
        [
            (&mut self.vehicles, &scope.vehicles),
            (&mut self.subjects, &scope.subjects),
            (&mut self.clients, &scope.clients),
            (&mut self.routes, &scope.routes),
            (&mut self.upstreams, &scope.upstreams),
            (&mut self.surfaces, &scope.surfaces),
        ]
        .into_iter()
        .find(|(_, values)| !values.is_empty())
    }

    pub(super) fn find(&self, place: Place<'_>) -> Option<&Arc<Closure>> {
        let written = match place.subject {
            Some((issuer, subject)) if self.names_subjects => Some(format!("{issuer}/{subject}")),
            Some(_) | None => None,
        };
        let subject = written.as_deref();
        let buckets = [
            (&self.vehicles, place.vehicle),
            (&self.subjects, subject),
            (&self.clients, place.client),
            (&self.routes, Some(place.route)),
            (&self.upstreams, Some(place.upstream)),
            (&self.surfaces, Some(place.surface)),
        ];
        buckets
            .into_iter()
            .filter(|(buckets, _)| !buckets.is_empty()) // nothing is hashed for nothing
            .filter_map(|(buckets, value)| {
                let bucket = buckets.get(value?)?;
                bucket
                    .iter()
                    .find(|closure| covers(&closure.scope, place, subject))
            })
            .min_by(|one, other| rank(one).cmp(&rank(other)))
    }
}

/// The order among closures: longest `retry_after`, then lowest id.
fn rank(closure: &Closure) -> (std::cmp::Reverse<u64>, &str) {
    (std::cmp::Reverse(closure.retry_after), &closure.id)
}

/// Whether every dimension that the scope names holds the place's value.
fn covers(scope: &Scope, place: Place<'_>, subject: Option<&str>) -> bool {
    let holds = |set: &BTreeSet<String>, value: Option<&str>| {
        set.is_empty() || value.is_some_and(|value| set.contains(value))
    };
    holds(&scope.surfaces, Some(place.surface))
        && holds(&scope.routes, Some(place.route))
        && holds(&scope.upstreams, Some(place.upstream))
        && holds(&scope.clients, place.client)
        && holds(&scope.subjects, subject)
        && holds(&scope.vehicles, place.vehicle)
}
