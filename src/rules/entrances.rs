//! Which entrances are there, and where?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::config::file::{self, ColdStart, ConfigFile, PrincipalKind};
use crate::pipeline::quota::QuotaPolicy;
use crate::pipeline::route::Surface;
use crate::pipeline::switch::Regions;

pub(super) fn surfaces(config: &ConfigFile) -> BTreeMap<Arc<str>, (Arc<Surface>, ColdStart)> {
    let checked = |(name, written): (&String, &file::Surface)| {
        let name: Arc<str> = Arc::from(name.as_str());
        let surface = Surface {
            name: Arc::clone(&name),
            hosts: written
                .hosts
                .iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
            issuers: shared(&written.issuers),
            certificates: shared(&written.certificates),
            bound_tokens: written.bound_tokens,
            denial_format: written.denial_format,
            protected: written.protected,
            client_version: written.client_version.clone(),
        };
        (name, (Arc::new(surface), written.on_cold_start))
    };
    config.surfaces.iter().map(checked).collect()
}

fn shared(names: &[String]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(name.as_str())).collect()
}

/// The kinds of principal that a surface can have, by tokens and by certificates.
pub(super) fn kinds(surface: &Surface, config: &ConfigFile) -> Vec<PrincipalKind> {
    let issuers = surface.issuers.iter();
    let issuers = issuers.filter_map(|name| config.issuers.get(&**name));
    let tables = surface.certificates.iter();
    let principals = tables.filter_map(|name| {
        let table = config.certificates.get(&**name)?;
        table.principal.as_ref()
    });
    issuers
        .flat_map(|issuer| issuer.principal.kinds())
        .chain(principals.map(|principal| principal.kind))
        .collect()
}

pub(super) fn region_names(config: &ConfigFile) -> BTreeSet<Arc<str>> {
    let names = config.regions.keys();
    names.map(|name| Arc::from(name.as_str())).collect()
}

pub(super) fn regions(config: &ConfigFile) -> Regions {
    let named = |of: fn(&file::Region) -> &Vec<String>| {
        let pairs = config.regions.iter().flat_map(move |(name, region)| {
            let name: Arc<str> = Arc::from(name.as_str());
            let keys = of(region).iter().map(|key| key.to_ascii_lowercase());
            keys.map(move |key| (key, Arc::clone(&name)))
        });
        pairs.collect()
    };
    Regions {
        hosts: named(|region| &region.hosts),
        listeners: named(|region| &region.listeners),
    }
}

/// One count a replica: what it protects is the server behind all of them.
pub(super) fn restoring_logins(config: &ConfigFile) -> QuotaPolicy {
    QuotaPolicy {
        name: Arc::from("restoring-logins"),
        quota: config.switches.restoring_logins_per_second,
        window: Duration::from_secs(1),
        key: BTreeSet::new(),
    }
}
