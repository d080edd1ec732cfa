//! How is a closure found without asking all of them?
//!
//! Each closure lies in one bucket for every value of its most selective dimension. A look-up opens
//! the buckets that a request's own values name, and checks the whole conjunction there.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::switchboard::place::{VehicleRegion, Version, covers, effect};
use crate::switchboard::{Closure, Place, Refusal, Scope};

/// Closures of one value.
type Buckets = HashMap<String, Vec<Arc<Closure>>>;

/// Stands for a version that a request doesn't tell, and for a vehicle's region that the
/// configuration doesn't know; no version and no region is empty.
const UNKNOWN: &str = "";

/// Buckets of each dimension, for the closures in force.
#[derive(Default, Clone)]
pub(super) struct Index {
    vehicles: Buckets,
    subjects: Buckets,
    clients: Buckets,
    tenants: Buckets,
    routes: Buckets,
    versions: Buckets,
    actions: Buckets,
    upstreams: Buckets,
    regions: Buckets,
    surfaces: Buckets,
    everything: Vec<Arc<Closure>>,
    /// Whether anything is in force at all.
    busy: bool,
    /// Whether any closure names a subject: else the written form of one is never needed.
    names_subjects: bool,
}

impl Index {
    pub(super) fn new<'a>(closures: impl Iterator<Item = &'a Arc<Closure>>) -> Self {
        let mut index = Self::default();
        for closure in closures.filter(|one| one.is_in_force()) {
            index.busy = true;
            index.names_subjects |= !closure.scope.subjects.is_empty();
            if closure.scope.all {
                index.everything.push(Arc::clone(closure));
                continue;
            }
            let (buckets, values, unknown_too) = index.home(&closure.scope);
            let Some(values) = values else {
                continue; // it names nothing; the store and the API refuse such a scope
            };
            let mut put = |value: &str| {
                let bucket = buckets.entry(value.to_owned()).or_default();
                bucket.push(Arc::clone(closure));
            };
            for value in values {
                put(value);
            }
            if unknown_too {
                put(UNKNOWN);
            }
        }
        index
    }

    /// The most selective dimension that a scope names: the one with the most possible values. The
    /// last member tells whether a value that nobody knows counts as each that is named.
    fn home<'a>(&mut self, scope: &'a Scope) -> (&mut Buckets, Option<&'a BTreeSet<String>>, bool) {
        let homes = [
            (&mut self.vehicles, &scope.vehicles, false),
            (&mut self.subjects, &scope.subjects, false),
            (&mut self.clients, &scope.clients, false),
            (&mut self.tenants, &scope.tenants, false),
            (&mut self.routes, &scope.routes, false),
            (&mut self.versions, &scope.client_versions, true),
            (&mut self.actions, &scope.actions, false),
            (&mut self.upstreams, &scope.upstreams, false),
            (&mut self.regions, &scope.regions, true),
        ];
        for (buckets, values, unknown_too) in homes {
            if !values.is_empty() {
                return (buckets, Some(values), unknown_too);
            }
        }
        let named = !scope.surfaces.is_empty();
        (&mut self.surfaces, named.then_some(&scope.surfaces), false)
    }

    /// What refuses the place: the most restrictive, then the one that ends last, then the lowest id.
    pub(super) fn judge(&self, place: Place<'_>) -> Option<Refusal<'_>> {
        let mut worst: Option<Refusal<'_>> = None;
        self.each(place, |closure| {
            let Some(shut) = effect(closure, place) else {
                return;
            };
            let better = worst.as_ref().is_none_or(|found| {
                (shut, Reverse(rank(closure))) > (found.shut, Reverse(rank(found.closure)))
            });
            if better {
                worst = Some(Refusal { shut, closure });
            }
        });
        worst
    }

    /// Whether any closure in force that covers the place fits.
    pub(super) fn any(&self, place: Place<'_>, fits: impl Fn(&Closure) -> bool) -> bool {
        let mut found = false;
        self.each(place, |closure| found = found || fits(closure));
        found
    }

    /// Every closure in force that covers the place.
    pub(super) fn each<'s>(&'s self, place: Place<'_>, mut found: impl FnMut(&'s Arc<Closure>)) {
        if !self.busy {
            return;
        }
        let who = place.who();
        let written = match who {
            Some(who) if self.names_subjects => Some(format!("{}/{}", who.issuer, who.subject)),
            Some(_) | None => None,
        };
        let subject = written.as_deref();
        self.everything.iter().for_each(&mut found);
        let mut open = |buckets: &'s Buckets, value: Option<&str>| {
            if buckets.is_empty() {
                return; // nothing is hashed for nothing
            }
            let bucket = value.and_then(|value| buckets.get(value));
            for closure in bucket.into_iter().flatten() {
                if covers(&closure.scope, place, subject) {
                    found(closure);
                }
            }
        };
        let version = match place.version {
            Version::NotAsked => None,
            Version::Unknown => Some(UNKNOWN),
            Version::Known(version) => Some(version),
        };
        open(&self.vehicles, place.vehicle);
        open(&self.subjects, subject);
        open(&self.clients, who.and_then(|who| who.client));
        open(&self.tenants, who.and_then(|who| who.tenant));
        open(&self.routes, Some(place.route));
        open(&self.versions, version);
        if let Some(act) = place.action {
            open(&self.actions, Some(act.name));
            act.groups
                .iter()
                .for_each(|group| open(&self.actions, Some(group)));
        }
        open(&self.upstreams, Some(place.upstream));
        let of_vehicle = match place.vehicle_region {
            VehicleRegion::NotAsked => None,
            VehicleRegion::Unlisted => Some(UNKNOWN),
            VehicleRegion::Listed(region) => Some(region),
        };
        open(&self.regions, place.region);
        if of_vehicle != place.region {
            open(&self.regions, of_vehicle);
        }
        open(&self.surfaces, Some(place.surface));
    }
}

/// The order among closures of one effect: the one that ends last, then the lowest id.
fn rank(closure: &Closure) -> (Reverse<u64>, &str) {
    let end = closure.expires_at.unwrap_or(u64::MAX);
    (Reverse(end), &closure.id)
}
