//! Can the keys of issuers be fetched, and issuers be asked, as far as files decide it?

use crate::adapters::{introspection, jwks};
use crate::config::{Loaded, Mistakes};

/// Reads the files by which the servers of issuers are believed; asks nobody.
pub(super) fn check(loaded: &Loaded, mistakes: &mut Mistakes) {
    for (name, issuer) in &loaded.config.issuers {
        if let Err(flaw) = jwks::check(name, issuer) {
            let place = loaded.origins.place(&format!("issuers.{name}.fetch"));
            mistakes.add(place, flaw);
        }
        if let Err(flaw) = introspection::check(name, issuer) {
            let place = format!("issuers.{name}.introspection");
            mistakes.add(loaded.origins.place(&place), flaw);
        }
    }
}
