//! What does a decision depend on, and how is it replaced?
//!
//! [`Rules`] is built whole from a configuration, validated, and swapped between requests: a reload
//! that has one mistake changes nothing.

mod dpop;
mod entrances;
mod fuses;
mod keys;
mod lookups;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::file::{self, AuditOutage, ColdStart, ConfigFile, Limits};
use crate::config::load::PlacedRoute;
use crate::config::route::{ActionSource, IdentityNeed, VehicleSource};
use crate::config::{Loaded, Mistakes};
use crate::digest;
use crate::edge::tls::Authorities;
use crate::pipeline::audit::Pseudonyms;
use crate::pipeline::forward::assertion::Signer;
use crate::pipeline::identity::authorities::CertificateIssuers;
use crate::pipeline::identity::dpop::Terms;
use crate::pipeline::identity::{Issuers, Pseudonym};
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::{PolicySet, ResourceKind};
use crate::pipeline::quota::QuotaPolicy;
use crate::pipeline::route::{Route, Router, Surface};
use crate::pipeline::switch::Regions;
use crate::pipeline::vehicle::VinRules;
use crate::switchboard::VehicleRegion;

/// Routes, policies, keys and quotas, as one immutable value.
#[expect(missing_debug_implementations, reason = "holds keys")]
pub struct Rules {
    /// Names what was in force: a digest over configuration, routes, policies and the key
    /// sets of files.
    pub revision: Arc<str>,
    /// Finds a route.
    pub router: Router,
    /// All routes, by id.
    pub routes: BTreeMap<Arc<str>, Arc<Route>>,
    /// All surfaces, by name, with their cold-start state.
    pub surfaces: BTreeMap<Arc<str>, (Arc<Surface>, ColdStart)>,
    /// Issuers and their keys.
    pub issuers: Issuers,
    /// What proofs of possession keep to, where any are taken.
    pub dpop: Option<Terms>,
    /// Cedar schema and policies.
    pub policies: PolicySet,
    /// Lexical rules of VINs.
    pub vins: VinRules,
    /// Upstreams by name.
    pub upstreams: BTreeMap<Arc<str>, Upstream>,
    /// Sizes and times.
    pub limits: Limits,
    /// Stand-ins for VINs and subjects in records.
    pub pseudonyms: Pseudonyms,
    /// Key under which quota partitions are hashed.
    pub partition_key: [u8; 32],
    /// Signs what upstreams get to know.
    pub assertion: Option<Signer>,
    /// What happens while no record can be written.
    pub audit_outage: AuditOutage,
    /// Which region an entrance belongs to.
    pub regions: Regions,
    /// All regions of the configuration.
    pub region_names: BTreeSet<Arc<str>>,
    /// How long a result key counts.
    pub result_key_lifetime: Duration,
    /// Charged by sign-ins at an entrance that is being restored.
    pub restoring_logins: Arc<QuotaPolicy>,
}

impl Rules {
    /// A vehicle's region, as switches see the directory's word for it.
    pub fn vehicle_region(&self, word: &str) -> VehicleRegion<Arc<str>> {
        let listed = self.region_names.get(word).map(Arc::clone);
        listed.map_or(VehicleRegion::Unlisted, VehicleRegion::Listed)
    }
}

/// An upstream, resolved.
#[derive(Debug)]
pub struct Upstream {
    /// Its servers.
    pub addresses: Vec<SocketAddr>,
    /// Certificate name and authorities, if TLS.
    pub tls: Option<UpstreamTls>,
    /// See [`file::Upstream`].
    pub connect_timeout: Duration,
    /// See [`file::Upstream`].
    pub read_timeout: Duration,
}

/// How an upstream's certificate is checked.
#[derive(Debug)]
pub struct UpstreamTls {
    /// Name that the certificate must carry.
    pub server_name: String,
    /// Who may have signed it.
    pub authorities: Authorities,
}

/// Builds the rules of a configuration.
///
/// # Errors
/// Every mistake: unreadable keys, policies that don't validate, actions that the schema lacks,
/// routes that can't be told apart.
pub fn build(loaded: &Loaded) -> Result<Rules, Mistakes> {
    build_from(loaded, &Files::folder(&loaded.config.policies))
}

/// The same, by policies that are at hand.
///
/// # Errors
/// As [`build`].
pub fn build_from(loaded: &Loaded, files: &Files) -> Result<Rules, Mistakes> {
    let mut mistakes = Mistakes::default();
    let config = &loaded.config;
    let pseudonyms = read_pseudonyms(loaded, &mut mistakes);
    let assertion = read_signer(loaded, &mut mistakes);
    let upstreams = resolve_upstreams(loaded, &mut mistakes);
    let policies = match PolicySet::of(files) {
        Ok(policies) => Some(policies),
        Err(found) => {
            mistakes.extend(found);
            None
        }
    };
    let issuers = issuers(loaded, pseudonyms.clone(), &mut mistakes);
    let dpop = dpop::terms(loaded, pseudonyms.as_ref(), &mut mistakes);
    let surfaces = entrances::surfaces(config);
    let listed = routes(loaded, &surfaces, policies.as_ref(), &mut mistakes);
    if let Some(policies) = &policies {
        fuses::check(loaded, policies, &mut mistakes);
    }
    lookups::check(loaded, &mut mistakes);
    keys::check(loaded, &mut mistakes);
    let tree = Router::new(&listed.values().cloned().collect::<Vec<_>>())
        .map_err(|found| place_conflicts(loaded, found, &mut mistakes))
        .ok();
    let (Some(pseudonyms), Some(policies), Some(router), true) =
        (pseudonyms, policies, tree, mistakes.is_empty())
    else {
        return Err(mistakes);
    };
    Ok(Rules {
        revision: revision(loaded, &policies, &issuers),
        router,
        routes: listed,
        surfaces,
        issuers,
        dpop,
        policies,
        vins: vin_rules(config),
        upstreams,
        limits: config.limits.clone(),
        partition_key: pseudonyms.derive("quota partitions"),
        pseudonyms,
        assertion,
        audit_outage: config.audit.when_unavailable,
        regions: entrances::regions(config),
        region_names: entrances::region_names(config),
        result_key_lifetime: result_key_lifetime(config),
        restoring_logins: Arc::new(entrances::restoring_logins(config)),
    })
}

/// Who vouches for principals, by tokens and by certificates.
fn issuers(loaded: &Loaded, known: Option<Pseudonyms>, mistakes: &mut Mistakes) -> Issuers {
    let config = &loaded.config;
    let pseudonym: Pseudonym = Arc::new(move |issuer: &str, subject: &str| {
        let known = known.as_ref(); // without a key there is a mistake, so no rules
        known.map_or_else(String::new, |pseudonyms| {
            pseudonyms.subject(issuer, subject)
        })
    });
    let tables = (&config.certificates, &config.listeners);
    let certificates = CertificateIssuers::load(tables, &pseudonym, mistakes);
    let cache = config.limits.token_cache;
    Issuers::load(&config.issuers, cache, pseudonym, mistakes).with_certificates(certificates)
}

/// Without the settings no route gives a key out.
fn result_key_lifetime(config: &ConfigFile) -> Duration {
    let settings = config.result_keys.as_ref();
    settings.map_or(Duration::ZERO, |settings| settings.lifetime.get())
}

fn read_pseudonyms(loaded: &Loaded, mistakes: &mut Mistakes) -> Option<Pseudonyms> {
    let file = &loaded.config.audit.pseudonym_key_file;
    let read = read_key(file).and_then(|key| Pseudonyms::new(&key));
    read.map_err(|error| mistakes.add(loaded.origins.place("audit.pseudonym_key_file"), error))
        .ok()
}

fn read_key(file: &Path) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    std::fs::read(file)
        .map(Into::into)
        .map_err(|error| format!("`{}`: {error}", file.display()))
}

fn read_signer(loaded: &Loaded, mistakes: &mut Mistakes) -> Option<Signer> {
    let assertion = loaded.config.assertion.as_ref()?;
    Signer::load(&assertion.key_file, &assertion.issuer)
        .map_err(|error| mistakes.add(loaded.origins.place("assertion.key_file"), error))
        .ok()
}

fn resolve_upstreams(loaded: &Loaded, mistakes: &mut Mistakes) -> BTreeMap<Arc<str>, Upstream> {
    let mut upstreams = BTreeMap::new();
    for (name, written) in &loaded.config.upstreams {
        let mut addresses = Vec::new();
        for address in &written.addresses {
            match address.to_socket_addrs() {
                Ok(found) => addresses.extend(found),
                Err(error) => mistakes.add(
                    loaded.origins.place(&format!("upstreams.{name}.addresses")),
                    format!("`{address}` can't be resolved: {error}"),
                ),
            }
        }
        let tls = written.tls.as_ref().and_then(|tls| {
            let place = || {
                loaded
                    .origins
                    .place(&format!("upstreams.{name}.tls.ca_file"))
            };
            let authorities = Authorities::read(&tls.ca_file)
                .map_err(|error| mistakes.add(place(), error))
                .ok()?;
            Some(UpstreamTls {
                server_name: tls.server_name.clone(),
                authorities,
            })
        });
        let connect_timeout = written.connect_timeout.get();
        let read_timeout = written.read_timeout.get();
        let upstream = Upstream {
            addresses,
            tls,
            connect_timeout,
            read_timeout,
        };
        upstreams.insert(Arc::from(name.as_str()), upstream);
    }
    upstreams
}

fn vin_rules(config: &ConfigFile) -> VinRules {
    VinRules {
        wmis: config.vehicles.wmis.clone(),
        check_digit: config.vehicles.check_digit.clone(),
        names: config
            .vehicles
            .names
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect(),
    }
}

fn routes(
    loaded: &Loaded,
    surfaces: &BTreeMap<Arc<str>, (Arc<Surface>, ColdStart)>,
    policies: Option<&PolicySet>,
    mistakes: &mut Mistakes,
) -> BTreeMap<Arc<str>, Arc<Route>> {
    let quotas = quotas(&loaded.config);
    let mut routes = BTreeMap::new();
    for placed in &loaded.routes {
        let Some((surface, _)) = surfaces.get(placed.entry.surface.as_str()) else {
            mistakes.add(
                &placed.place,
                format!("unknown surface `{}`", placed.entry.surface),
            );
            continue;
        };
        if let Some(policies) = policies {
            check_actions(placed, surface, &loaded.config, policies, mistakes);
        }
        let route = route(placed, surface, &quotas);
        routes.insert(Arc::clone(&route.id), Arc::new(route));
    }
    routes
}

fn quotas(config: &ConfigFile) -> BTreeMap<&str, Arc<QuotaPolicy>> {
    let checked = |(name, written): (&'_ String, &file::Quota)| QuotaPolicy {
        name: Arc::from(name.as_str()),
        quota: written.quota,
        window: written.window.get(),
        key: written.key.clone(),
    };
    config
        .quotas
        .iter()
        .map(|pair| (pair.0.as_str(), Arc::new(checked(pair))))
        .collect()
}

fn route(
    placed: &PlacedRoute,
    surface: &Arc<Surface>,
    quotas: &BTreeMap<&str, Arc<QuotaPolicy>>,
) -> Route {
    let entry = &placed.entry;
    Route {
        id: Arc::from(entry.id.as_str()),
        surface: Arc::clone(surface),
        methods: entry.methods.iter().map(|method| method.http()).collect(),
        path: Arc::from(entry.path.as_str()),
        where_: entry.where_.clone(),
        action: entry.action.clone(),
        vehicle: entry.vehicle.place(),
        result_key: entry.result_key.clone(),
        guarded: entry.is_guarded(),
        identity_required: entry.identity == IdentityNeed::Required,
        off: entry.off.as_deref().map(Arc::from),
        retired: entry.retired.as_ref().map(|entry| Arc::new(entry.into())),
        upstream: Arc::from(entry.upstream.as_str()),
        quotas: entry
            .quotas
            .iter()
            .filter_map(|name| quotas.get(name.as_str()).cloned())
            .collect(),
        body: entry.body,
        websocket: entry.websocket,
    }
}

/// A route's actions must be in the schema, for what it names and for the principals that its
/// surface can have: a slip would deny in silence.
fn check_actions(
    placed: &PlacedRoute,
    surface: &Surface,
    config: &ConfigFile,
    policies: &PolicySet,
    mistakes: &mut Mistakes,
) {
    let entry = &placed.entry;
    let actions: Vec<&str> = match &entry.action {
        ActionSource::Fixed(action) => vec![action],
        ActionSource::Chosen(choice) => choice.values.values().map(String::as_str).collect(),
    };
    let (resource, told) = match entry.vehicle {
        VehicleSource::None(_) => (ResourceKind::Surface, "surface"),
        VehicleSource::Named(_) => (ResourceKind::Vehicle, "vehicle"),
    };
    let kinds = entrances::kinds(surface, config);
    for action in actions {
        if !policies.knows(action) {
            mistakes.add(&placed.place, format!("unknown action `{action}`"));
        } else if entry.identity == IdentityNeed::Required
            && entry.off.is_none()
            && !kinds
                .iter()
                .any(|kind| policies.applies(action, *kind, resource))
        {
            mistakes.add(
                &placed.place,
                format!(
                    "no principal of surface `{}` can do `{action}` to a {told}: see the schema",
                    surface.name
                ),
            );
        }
    }
}

fn place_conflicts(loaded: &Loaded, found: Vec<(Arc<str>, String)>, mistakes: &mut Mistakes) {
    for (id, message) in found {
        let placed = loaded.routes.iter().find(|placed| placed.entry.id == *id);
        mistakes.add(
            placed.map_or_else(|| id.to_string(), |placed| placed.place.clone()),
            message,
        );
    }
}

/// 16 hex digits over everything that a decision depends on, secrets left out.
fn revision(loaded: &Loaded, policies: &PolicySet, issuers: &Issuers) -> Arc<str> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(format!("{:?}", loaded.config).as_bytes());
    for placed in &loaded.routes {
        bytes.extend_from_slice(format!("{:?}", placed.entry).as_bytes());
    }
    bytes.extend_from_slice(policies.revision().as_bytes());
    bytes.extend_from_slice(&issuers.fingerprint());
    Arc::from(format!("{:016x}", digest::short(&digest::sha256(&bytes))))
}
