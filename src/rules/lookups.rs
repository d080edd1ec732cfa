//! Can the ownership store be asked what the routes need to know?

use crate::config::file::{OwnershipLookups, OwnershipStore};
use crate::config::load::PlacedRoute;
use crate::config::route::{IdentityNeed, ReferenceKind};
use crate::config::{Loaded, Mistakes};

/// A service is asked what its configuration says; the other stores can be asked everything.
pub(super) fn check(loaded: &Loaded, mistakes: &mut Mistakes) {
    let ownership = &loaded.config.ownership;
    let Some(http) = &ownership.http else {
        return;
    };
    if ownership.store != OwnershipStore::Http {
        return;
    }
    for placed in &loaded.routes {
        if let Some(missing) = missing(placed, &http.lookups) {
            mistakes.add(&placed.place, missing);
        }
    }
}

/// What is needed and isn't there.
fn missing(placed: &PlacedRoute, lookups: &OwnershipLookups) -> Option<String> {
    let entry = &placed.entry;
    if entry.off.is_some() {
        return None;
    }
    let (needs, lookup, has) = match entry.vehicle.place() {
        Some((ReferenceKind::Vin, _)) => return None,
        Some((ReferenceKind::Alias, _)) => (
            "names a vehicle by an alias",
            "alias",
            lookups.alias.is_some(),
        ),
        Some((ReferenceKind::Case, _)) => {
            ("names a vehicle by a case", "case", lookups.case.is_some())
        }
        None if !entry.is_guarded() || entry.identity == IdentityNeed::None => return None,
        None => (
            "masks VINs that whoever asks may not see (unless it says `answer = \"unguarded\"`)",
            "subject",
            lookups.subject.is_some(),
        ),
    };
    (!has).then(|| {
        let id = &entry.id;
        format!("route `{id}` {needs}, which needs `ownership.http.lookups.{lookup}`")
    })
}
