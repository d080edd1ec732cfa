//! What can an operator ask of a running gateway?
//!
//! An HTTP API on a Unix socket; the command line is a client of it. Nothing of it is on a data
//! listener, and none of it needs the gateway's own data path.

pub mod api;
pub mod client;
mod closing;
mod ownership;
mod problem;
mod socket;
mod switches;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::adapters::embedded::EmbeddedDirectory;
use crate::rules::Rules;
use crate::switchboard::store::Switchboard;

pub(crate) use closing::Asked;
pub(crate) use ownership::IMPORT_BYTES;
pub(crate) use switches::{Done, Listed};

/// What the API works on.
#[derive(Clone)]
pub struct Operated {
    /// Switches.
    pub switchboard: Arc<Switchboard>,
    /// Ownership facts.
    pub directory: Arc<EmbeddedDirectory>,
    /// The names that the rules in force know, asked anew for every call.
    pub names: Arc<dyn Fn() -> Names + Send + Sync>,
}

impl fmt::Debug for Operated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Operated")
            .field("switchboard", &self.switchboard)
            .finish_non_exhaustive()
    }
}

/// What a closure can name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Surfaces, and whether each is protected.
    pub surfaces: BTreeMap<String, bool>,
    /// Routes by id, with what each belongs to.
    pub routes: BTreeMap<String, Belongs>,
    /// Upstreams.
    pub upstreams: BTreeSet<String>,
    /// Issuers, by their names in the configuration.
    pub issuers: BTreeSet<String>,
}

/// What a route belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Belongs {
    /// Its surface.
    pub surface: String,
    /// Its upstream.
    pub upstream: String,
}

impl Names {
    /// The names that these rules know.
    pub fn of(rules: &Rules) -> Self {
        let surfaces = rules.surfaces.iter().map(|(name, (surface, _))| {
            let name: &str = name;
            (name.to_owned(), surface.protected)
        });
        let routes = rules.routes.values().map(|route| {
            let belongs = Belongs {
                surface: route.surface.name.to_string(),
                upstream: route.upstream.to_string(),
            };
            (route.id.to_string(), belongs)
        });
        let issuers = rules.surfaces.values().flat_map(|(surface, _)| {
            let names = surface.issuers.iter();
            names.map(ToString::to_string)
        });
        Self {
            surfaces: surfaces.collect(),
            routes: routes.collect(),
            upstreams: rules.upstreams.keys().map(ToString::to_string).collect(),
            issuers: issuers.collect(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
