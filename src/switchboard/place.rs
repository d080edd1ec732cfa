//! What does a switch see of a request?

use std::fmt;
use std::sync::Arc;

use crate::switchboard::{Closure, Scope, Shut, State};

/// A request, as far as a switch can see. What isn't known yet is matched only by closures that
/// leave that dimension open.
#[derive(Clone, Copy, Default)]
pub struct Place<'a> {
    /// Surface.
    pub surface: &'a str,
    /// Route id.
    pub route: &'a str,
    /// Upstream.
    pub upstream: &'a str,
    /// The listener's or host's, where the configuration states one.
    pub region: Option<&'a str>,
    /// The directory's, once the vehicle is known and allowed.
    pub vehicle_region: VehicleRegion<&'a str>,
    /// Version of the client.
    pub version: Version<'a>,
    /// The action, once chosen.
    pub action: Option<Act<'a>>,
    /// Who asks.
    pub caller: Caller<'a>,
    /// VIN, once known and allowed.
    pub vehicle: Option<&'a str>,
}

/// Version of the client that asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version<'a> {
    /// The surface doesn't say how a request tells its client's version.
    #[default]
    NotAsked,
    /// The request doesn't tell: counts as each version that is closed.
    Unknown,
    /// As the request tells it.
    Known(&'a str),
}

/// Region of the vehicle that a request is about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VehicleRegion<T> {
    /// No vehicle, or none that they are known to be allowed.
    #[default]
    NotAsked,
    /// The directory's word is none of the configuration's: counts as each region that is closed,
    /// since it may be any of them, spelt otherwise.
    Unlisted,
    /// As the configuration names it.
    Listed(T),
}

impl VehicleRegion<Arc<str>> {
    /// The same, borrowed.
    pub fn as_deref(&self) -> VehicleRegion<&str> {
        match self {
            Self::NotAsked => VehicleRegion::NotAsked,
            Self::Unlisted => VehicleRegion::Unlisted,
            Self::Listed(name) => VehicleRegion::Listed(name),
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// Name of the action.
    pub name: &'a str,
    /// The groups that it is in.
    pub groups: &'a [Arc<str>],
    /// Whether it has an effect.
    pub command: bool,
}

/// Who asks.
#[derive(Clone, Copy, Default)]
pub enum Caller<'a> {
    /// Not known yet.
    #[default]
    Unknown,
    /// Nobody in particular: the route needs no identity.
    Nobody,
    /// A verified principal.
    Known(Who<'a>),
}

/// A verified principal.
#[derive(Clone, Copy)]
pub struct Who<'a> {
    /// Name of the issuer in the configuration.
    pub issuer: &'a str,
    /// Subject.
    pub subject: &'a str,
    /// `client_id`.
    pub client: Option<&'a str>,
    /// Tenant.
    pub tenant: Option<&'a str>,
}

/// Actions of this group pass a closure that is being restored without a subject: a person has to
/// sign in before anybody can tell who it is.
const OPEN_TO_ALL: &str = "Public";

impl Place<'_> {
    /// The principal, once known.
    pub(super) fn who(&self) -> Option<Who<'_>> {
        match self.caller {
            Caller::Known(who) => Some(who),
            Caller::Unknown | Caller::Nobody => None,
        }
    }

    fn is_command(&self) -> bool {
        self.action.is_some_and(|act| act.command)
    }

    fn is_open_to_all(&self) -> bool {
        let public = |act: &Act<'_>| !act.command && act.groups.iter().any(|g| **g == *OPEN_TO_ALL);
        self.action.as_ref().is_some_and(public)
    }
}

/// How a closure refuses a place that its scope covers; `None` if it lets it pass, or can't tell
/// yet: then it is asked again once more is known.
pub(super) fn effect(closure: &Closure, place: Place<'_>) -> Option<Shut> {
    let refuse = |shut| match shut {
        Shut::Closed => Some(Shut::Closed),
        Shut::ReadOnly => place.is_command().then_some(Shut::ReadOnly),
    };
    match &closure.state {
        State::Open => None,
        State::Closed => refuse(Shut::Closed),
        State::ReadOnly => refuse(Shut::ReadOnly),
        State::Restoring(ramp) => {
            let admitted = match place.caller {
                Caller::Unknown => true, // asked again at standing
                Caller::Nobody => ramp.stage.percent() >= 100 || place.is_open_to_all(),
                Caller::Known(who) => ramp.admits(who.issuer, who.subject),
            };
            if admitted { None } else { refuse(ramp.from) }
        }
    }
}

impl Scope {
    /// Whether every dimension that it names holds the place's value; what isn't known of the place
    /// is held by no set.
    pub fn covers(&self, place: Place<'_>) -> bool {
        let who = place.who().filter(|_| !self.subjects.is_empty());
        let subject = who.map(|who| format!("{}/{}", who.issuer, who.subject));
        covers(self, place, subject.as_deref())
    }
}

impl Closure {
    /// How it refuses a place, by itself; `None` if it doesn't cover the place or lets it pass.
    pub fn refuses(&self, place: Place<'_>) -> Option<Shut> {
        let covered = self.scope.covers(place);
        covered.then(|| effect(self, place)).flatten()
    }
}

/// Whether every dimension that the scope names holds the place's value.
pub(super) fn covers(scope: &Scope, place: Place<'_>, subject: Option<&str>) -> bool {
    use std::collections::BTreeSet;
    let holds = |set: &BTreeSet<String>, value: Option<&str>| {
        set.is_empty() || value.is_some_and(|value| set.contains(value))
    };
    let region = || {
        holds(&scope.regions, place.region)
            || match place.vehicle_region {
                VehicleRegion::NotAsked => false,
                VehicleRegion::Unlisted => true,
                VehicleRegion::Listed(region) => scope.regions.contains(region),
            }
    };
    let version = || match place.version {
        _ if scope.client_versions.is_empty() => true,
        Version::NotAsked => false,
        Version::Unknown => true,
        Version::Known(version) => scope.client_versions.contains(version),
    };
    let action = || {
        scope.actions.is_empty()
            || place.action.is_some_and(|act| {
                let named = |group: &Arc<str>| scope.actions.contains(&**group);
                scope.actions.contains(act.name) || act.groups.iter().any(named)
            })
    };
    let who = place.who();
    scope.all
        || (!scope.is_empty()
            && holds(&scope.surfaces, Some(place.surface))
            && holds(&scope.routes, Some(place.route))
            && holds(&scope.upstreams, Some(place.upstream))
            && region()
            && version()
            && action()
            && holds(&scope.clients, who.and_then(|who| who.client))
            && holds(&scope.tenants, who.and_then(|who| who.tenant))
            && holds(&scope.subjects, subject)
            && holds(&scope.vehicles, place.vehicle))
}

impl fmt::Debug for Place<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Place")
            .field("surface", &self.surface)
            .field("route", &self.route)
            .field("upstream", &self.upstream)
            .field("region", &self.region)
            .field("version", &self.version)
            .field("action", &self.action)
            .finish_non_exhaustive() // who and which vehicle: never in a log
    }
}

impl fmt::Debug for Caller<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Unknown => "unknown",
            Self::Nobody => "nobody",
            Self::Known(_) => "known",
        })
    }
}

impl fmt::Debug for Who<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Who(..)")
    }
}
