//! Which request does a closure cover?
//!
//! Every route is tried with the values that the scope names; the scope itself says whether what came
//! out is covered.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderValue, Method};

use crate::config::file::ClientVersion;
use crate::config::route::{ActionSource, RequestPlace};
use crate::edge::Doorway;
use crate::pipeline::rehearsal::{Rehearsal, StandIn};
use crate::pipeline::route::Route;
use crate::pipeline::switch::Situation;
use crate::pipeline::vehicle::{Vin, VinRules};
use crate::pipeline::{action, head};
use crate::rules::Rules;
use crate::switchboard::{Closure, Ramp, Scope, State};

/// A subject of nobody.
const SUBJECT: &str = "vingate-rehearsal";

/// A VIN whose serial number no car has; its beginning is replaced by the estate's own.
const VIN: &str = "SJNFAAZE0U0000000";

/// Subjects that are tried to find one that a ramp keeps out: at 50 % a few are enough.
const SUBJECTS: u32 = 64;

/// Stands for a path parameter that takes anything.
const ANY: &str = "x";

/// One request that could be sent.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) doorway: Doorway,
    pub(super) method: Method,
    pub(super) host: String,
    pub(super) path: String,
    /// A header that tells the client's version.
    pub(super) version: Option<(String, HeaderValue)>,
    pub(super) rehearsal: Rehearsal,
    /// What a switch sees of it at the end.
    pub(super) situation: Situation,
}

/// What all candidates of one scope have in common.
struct Setting<'a> {
    rules: &'a Rules,
    scope: &'a Scope,
    ramp: Option<&'a Ramp>,
    vin: Vin,
}

/// Requests that the closure covers: one for each route and action, if any way leads there.
pub(super) fn candidates(rules: &Rules, closure: &Closure, doorways: &[Doorway]) -> Vec<Candidate> {
    let ramp = match &closure.state {
        State::Restoring(ramp) => Some(ramp),
        State::Open | State::ReadOnly | State::Closed => None,
    };
    of_scope(rules, (&closure.scope, ramp), doorways)
}

fn of_scope(
    rules: &Rules,
    (scope, ramp): (&Scope, Option<&Ramp>),
    doorways: &[Doorway],
) -> Vec<Candidate> {
    let named = scope.vehicles.iter().find_map(|vin| Vin::read(vin).ok());
    let Some(vin) = named.or_else(|| synthetic_vin(&rules.vins)) else {
        return Vec::new();
    };
    let setting = Setting {
        rules,
        scope,
        ramp,
        vin,
    };
    let mut found = Vec::new();
    for route in rules.routes.values().filter(|route| may_fit(scope, route)) {
        for action in actions(&route.action) {
            let mut ways = doorways.iter().flat_map(|doorway| {
                let hosts = hosts(rules, route).into_iter();
                hosts.map(move |host| (doorway, host))
            });
            let fits = ways.find_map(|way| setting.candidate(route, action, way));
            found.extend(fits);
        }
    }
    found
}

/// A scope without everything but a stand-in's vehicle or subject.
pub(super) fn narrow(rules: &Rules, scope: &Scope, doorways: &[Doorway]) -> Result<Scope, String> {
    let open = Scope {
        vehicles: BTreeSet::new(),
        subjects: BTreeSet::new(),
        ..scope.clone()
    };
    let open = if open.is_empty() {
        Scope {
            all: true,
            ..Scope::default()
        }
    } else {
        open
    };
    let found = of_scope(rules, (&open, None), doorways);
    if found.is_empty() {
        return Err("no route is covered".to_owned());
    }
    let situations = || found.iter().map(|candidate| &candidate.situation);
    let mut narrowed = Scope { all: false, ..open };
    if let Some(vin) = situations().find_map(|one| one.vin) {
        narrowed.vehicles.insert(vin.as_str().to_owned());
        return Ok(narrowed);
    }
    let principal = situations().find_map(|one| one.principal.clone());
    let principal = principal.ok_or(
        "no covered route needs a vehicle or an identity: it can't be drilled for a stand-in alone",
    )?;
    let subject = format!("{}/{}", principal.issuer, principal.subject);
    narrowed.subjects.insert(subject);
    Ok(narrowed)
}

/// Whether a route could be covered at all. One that its file keeps off is refused before switches.
fn may_fit(scope: &Scope, route: &Route) -> bool {
    let holds = |set: &BTreeSet<String>, value: &str| set.is_empty() || set.contains(value);
    route.off.is_none()
        && holds(&scope.routes, &route.id)
        && holds(&scope.surfaces, &route.surface.name)
        && holds(&scope.upstreams, &route.upstream)
}

fn actions(source: &ActionSource) -> BTreeSet<&str> {
    match source {
        ActionSource::Fixed(action) => [action.as_str()].into(),
        ActionSource::Chosen(choice) => choice.values.values().map(String::as_str).collect(),
    }
}

/// Hosts that the route is served on; where any is, one that no region claims, then all that one does.
fn hosts(rules: &Rules, route: &Route) -> Vec<String> {
    if !route.surface.hosts.is_empty() {
        return route.surface.hosts.clone();
    }
    let mut regional: Vec<String> = rules.regions.hosts.keys().cloned().collect();
    regional.sort_unstable();
    regional.insert(0, "localhost".to_owned());
    regional
}

impl Setting<'_> {
    fn candidate(
        &self,
        route: &Arc<Route>,
        action: &str,
        (doorway, host): (&Doorway, String),
    ) -> Option<Candidate> {
        let (path, version) = self.path_and_version(route)?;
        let method = route.methods.first()?.clone();
        let found = self.rules.router.find_for(&method, &host, &path).ok()?;
        if found.0.id != route.id {
            return None; // a more literal route takes that path
        }
        let region = self.rules.regions.of(&host, &doorway.name);
        let elsewhere = region
            .as_deref()
            .is_none_or(|r| !self.scope.regions.contains(r));
        let vehicle_region = self.scope.regions.first().filter(|_| elsewhere);
        let rehearsal = Rehearsal {
            who: self.stand_in(route),
            action: Arc::from(action),
            vin: self.vin,
            vehicle_region: vehicle_region.map(|region| Arc::from(region.as_str())),
        };
        let mut situation = Situation {
            route: Some(Arc::clone(route)),
            region,
            version: version.clone(),
            action: action::fixed(&route.action).map(|name| self.rules.policies.class(name)),
            ..Situation::default()
        };
        rehearsal.complete(&mut situation, self.rules);
        if !self.scope.covers(situation.whole()?) {
            return None;
        }
        let version = match (&route.surface.client_version, version) {
            (Some(ClientVersion::Header(name)), Some(version)) => {
                Some((name.clone(), HeaderValue::from_str(&version).ok()?))
            }
            (Some(_) | None, _) => None,
        };
        Some(Candidate {
            doorway: doorway.clone(),
            method,
            host,
            path,
            version,
            rehearsal,
            situation,
        })
    }

    /// A path of the route, and the version that the request tells.
    fn path_and_version(&self, route: &Route) -> Option<(String, Option<Arc<str>>)> {
        let wanted = self.scope.client_versions.first();
        let in_path = match &route.surface.client_version {
            Some(ClientVersion::Path(name)) => Some(name.as_str()),
            Some(ClientVersion::Header(_)) | None => None,
        };
        let in_header = route.surface.client_version.is_some() && in_path.is_none();
        let mut told = wanted.filter(|_| in_header).cloned();
        let mut path = String::new();
        let mut rest: &str = &route.path;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}')?;
            let name = name.trim_start_matches('*');
            let listed = route.where_.get(name);
            let tells = in_path == Some(name);
            let value = match &route.vehicle {
                Some((_, RequestPlace::Path(vehicle))) if vehicle == name => self.vin.as_str(),
                Some(_) | None => match (wanted.filter(|_| tells), listed) {
                    (Some(version), None) => version,
                    (Some(version), Some(listed)) if listed.contains(version) => version,
                    (_, Some(listed)) => listed.first()?,
                    (None, None) => ANY,
                },
            };
            if tells {
                told = Some(value.to_owned());
            }
            path.push_str(before);
            path.push_str(value);
            rest = behind;
        }
        path.push_str(rest);
        head::path::read(path.as_bytes()).ok()?;
        Some((path, told.map(Arc::from)))
    }

    /// Who the scope names, or nobody; where a ramp lets some in, somebody that it keeps out.
    fn stand_in(&self, route: &Route) -> StandIn {
        let surface = &route.surface;
        let mut issuers = surface.issuers.iter().chain(&surface.certificates);
        let named = self.scope.subjects.iter().find_map(|subject| {
            let (issuer, subject) = subject.split_once('/')?;
            let known = issuers.clone().find(|known| ***known == *issuer)?;
            Some((Arc::clone(known), subject.to_owned()))
        });
        let (issuer, subject) = named.unwrap_or_else(|| {
            let issuer = issuers.next().cloned().unwrap_or_default();
            let subject = self.nobody(&issuer);
            (issuer, subject)
        });
        StandIn {
            issuer,
            subject,
            client: self.scope.clients.first().cloned(),
            tenant: self.scope.tenants.first().cloned(),
        }
    }

    fn nobody(&self, issuer: &str) -> String {
        let Some(ramp) = self.ramp else {
            return SUBJECT.to_owned();
        };
        let names = (0..SUBJECTS).map(|number| format!("{SUBJECT}-{number}"));
        let mut outside = names.filter(|subject| !ramp.admits(issuer, subject));
        outside.next().unwrap_or_else(|| SUBJECT.to_owned())
    }
}

/// A VIN of the estate's form that no car has.
fn synthetic_vin(rules: &VinRules) -> Option<Vin> {
    let prefix = rules.wmis.first().map_or("", String::as_str);
    let tail = VIN.get(prefix.len()..)?;
    let whole = format!("{prefix}{tail}");
    let (before, after) = (whole.get(..8)?, whole.get(9..)?);
    let own = whole.get(8..9)?;
    // Its own character first; else the one that makes the check digit right.
    let digits = std::iter::once(own).chain("0 1 2 3 4 5 6 7 8 9 X".split(' '));
    let mut vins = digits.map(|digit| format!("{before}{digit}{after}"));
    vins.find_map(|vin| rules.read(&vin).ok())
}
