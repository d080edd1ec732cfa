//! Can the keys of issuers be fetched, as far as files decide it?

use crate::adapters::jwks;
use crate::config::{Loaded, Mistakes};

/// Reads the files by which the servers of issuers are believed; asks nobody.
pub(super) fn check(loaded: &Loaded, mistakes: &mut Mistakes) {
    for (name, issuer) in &loaded.config.issuers {
        if let Err(flaw) = jwks::check(name, issuer) {
            let place = loaded.origins.place(&format!("issuers.{name}.fetch"));
            mistakes.add(place, flaw);
        }
    }
}
