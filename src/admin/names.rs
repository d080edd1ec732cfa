//! What can a closure name?

use std::collections::{BTreeMap, BTreeSet};

use crate::admin::closing;
use crate::config::file::ClientVersion;
use crate::config::route::ActionSource;
use crate::pipeline::identity::issuer::Terms;
use crate::pipeline::route::Route;
use crate::rules::Rules;
use crate::switchboard::Scope;

/// What a closure can name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Surfaces, and whether each is protected.
    pub surfaces: BTreeMap<String, bool>,
    /// Regions of the configuration.
    pub regions: BTreeSet<String>,
    /// Routes by id, with what each belongs to.
    pub routes: BTreeMap<String, Belongs>,
    /// Actions and groups of actions.
    pub actions: BTreeSet<String>,
    /// Upstreams.
    pub upstreams: BTreeSet<String>,
    /// Issuers, by their names in the configuration.
    pub issuers: BTreeSet<String>,
    /// What a revocation has to know of each issuer of the configuration.
    pub terms: BTreeMap<String, Terms>,
}

/// What a route belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Belongs {
    /// Its surface.
    pub surface: String,
    /// Its upstream.
    pub upstream: String,
    /// Actions that it can ask for, with their groups.
    pub actions: BTreeSet<String>,
    /// Versions that its clients can tell; `None` where they tell none, empty where any.
    pub versions: Option<BTreeSet<String>>,
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
                actions: actions(rules, route),
                versions: versions(route),
            };
            (route.id.to_string(), belongs)
        });
        let issuers = rules.surfaces.values().flat_map(|(surface, _)| {
            let names = surface.issuers.iter().chain(&surface.certificates);
            names.map(ToString::to_string)
        });
        Self {
            surfaces: surfaces.collect(),
            regions: rules.region_names.iter().map(ToString::to_string).collect(),
            routes: routes.collect(),
            actions: rules.policies.actions().map(str::to_owned).collect(),
            upstreams: rules.upstreams.keys().map(ToString::to_string).collect(),
            issuers: issuers.collect(),
            terms: rules.issuers.terms(),
        }
    }

    /// Whether a scope names what is there; all that isn't, a line each.
    ///
    /// # Errors
    /// It can't be meant.
    pub fn check(&self, scope: &Scope) -> Result<(), String> {
        closing::check_scope_alone(scope, self).map_err(|problem| problem.detail().to_owned())
    }

    /// Whether a surface is protected.
    pub(super) fn is_protected(&self, surface: &str) -> bool {
        self.surfaces.get(surface) == Some(&true)
    }
}

fn actions(rules: &Rules, route: &Route) -> BTreeSet<String> {
    let asked: Vec<&str> = match &route.action {
        ActionSource::Fixed(action) => vec![action],
        ActionSource::Chosen(choice) => choice.values.values().map(String::as_str).collect(),
    };
    let classes = asked.into_iter().map(|action| rules.policies.class(action));
    classes
        .flat_map(|class| {
            let groups: Vec<String> = class.groups.iter().map(ToString::to_string).collect();
            groups.into_iter().chain([class.name.to_string()])
        })
        .collect()
}

fn versions(route: &Route) -> Option<BTreeSet<String>> {
    match route.surface.client_version.as_ref()? {
        ClientVersion::Header(_) => Some(BTreeSet::new()),
        ClientVersion::Path(name) => {
            let listed = route.where_.get(name);
            Some(listed.into_iter().flatten().cloned().collect())
        }
    }
}
