//! Is it open?
//!
//! Asked as more becomes known: the entrance before any look-up, the principal once verified, the
//! action once a body chose it, the vehicle only after an allow (a stranger learns nothing), and
//! everything once more at the newest board just before forwarding.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::file::ClientVersion;
use crate::denial::{ClosedBy, Denial};
use crate::pipeline::policy::ActionClass;
use crate::pipeline::route::{PathParameters, Route};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Principal, RequestHead};
use crate::switchboard::{
    Act, Board, Caller, Place, Refusal, Shut, Texts, VehicleRegion, Version, Who,
};

/// Which region an entrance belongs to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Regions {
    /// By host, in lower case.
    pub hosts: HashMap<String, Arc<str>>,
    /// By listener.
    pub listeners: HashMap<String, Arc<str>>,
}

impl Regions {
    /// The region of a host, in lower case, else that of a listener.
    pub fn of(&self, host: &str, listener: &str) -> Option<Arc<str>> {
        let found = self.hosts.get(host);
        found
            .or_else(|| self.listeners.get(listener))
            .map(Arc::clone)
    }

    /// The host's region, else the listener's. A request's own word for it counts for nothing.
    pub fn find(&self, head: &RequestHead) -> Option<Arc<str>> {
        self.of(&head.host, &head.listener)
    }
}

/// What is known of a request so far, of what a switch can name.
#[derive(Debug, Clone, Default)]
pub struct Situation {
    /// The route.
    pub route: Option<Arc<Route>>,
    /// The entrance's region.
    pub region: Option<Arc<str>>,
    /// Version of the client, where it tells one.
    pub version: Option<Arc<str>>,
    /// What is asked for.
    pub action: Option<Arc<ActionClass>>,
    /// Who asks, once verified.
    pub principal: Option<Arc<Principal>>,
    /// The vehicle, once read; written as an HMAC only.
    pub vin: Option<Vin>,
    /// The vehicle's region, once it is clear that they may.
    pub vehicle_region: VehicleRegion<Arc<str>>,
}

impl Situation {
    /// What can be known of a request before anybody is asked anything.
    pub fn at_entrance(route: Arc<Route>, head: &RequestHead, regions: &Regions) -> Self {
        Self {
            region: regions.find(head),
            route: Some(route),
            ..Self::default()
        }
    }

    /// Refuses what is closed, as far as that can be told now.
    ///
    /// # Errors
    /// `Closed` or `ReadOnly`.
    pub fn check(&self, board: &Board, now: Duration) -> Result<(), Denial> {
        match self.place().and_then(|place| board.judge(place)) {
            Some(refusal) => Err(refuse(&refusal, now)),
            None => Ok(()),
        }
    }

    /// The same once the principal may do it to the vehicle, with the vehicle.
    ///
    /// # Errors
    /// `Closed` or `ReadOnly`.
    pub fn check_vehicle(&self, board: &Board, now: Duration) -> Result<(), Denial> {
        match self.whole().and_then(|place| board.judge(place)) {
            Some(refusal) => Err(refuse(&refusal, now)),
            None => Ok(()),
        }
    }

    /// Whether its entrance is being restored.
    pub fn is_restoring(&self, board: &Board) -> bool {
        self.place().is_some_and(|place| board.is_restoring(place))
    }

    /// All that is known, the vehicle included; `None` before there is a route.
    pub fn whole(&self) -> Option<Place<'_>> {
        Some(Place {
            vehicle_region: self.vehicle_region.as_deref(),
            vehicle: self.vin.as_ref().map(Vin::as_str),
            ..self.place()?
        })
    }

    /// INVARIANT: without the vehicle, which is nobody's business before it is clear that they may.
    fn place(&self) -> Option<Place<'_>> {
        let route = self.route.as_deref()?;
        let asked = route.surface.client_version.is_some();
        Some(Place {
            surface: &route.surface.name,
            route: &route.id,
            upstream: &route.upstream,
            region: self.region.as_deref(),
            version: match &self.version {
                Some(version) => Version::Known(version),
                None if asked => Version::Unknown,
                None => Version::NotAsked,
            },
            action: self.action.as_deref().map(|class| Act {
                name: &class.name,
                groups: &class.groups,
                command: class.command,
            }),
            caller: match &self.principal {
                Some(principal) => Caller::Known(who(principal)),
                None if route.identity_required => Caller::Unknown,
                None => Caller::Nobody,
            },
            ..Place::default()
        })
    }
}

fn who(principal: &Principal) -> Who<'_> {
    Who {
        issuer: &principal.issuer,
        subject: &principal.subject,
        client: principal.client.as_deref(),
        tenant: principal.tenant.as_deref(),
    }
}

/// The client's version as the request tells it. One that stands twice is not told.
pub fn version(
    place: Option<&ClientVersion>,
    head: &RequestHead,
    path: &PathParameters,
) -> Option<Arc<str>> {
    match place? {
        ClientVersion::Path(name) => path.get(name).map(Arc::from),
        ClientVersion::Header(name) => {
            let mut values = head.headers.get_all(name.as_str()).iter();
            match (values.next(), values.next()) {
                (Some(value), None) => value.to_str().ok().map(|text| Arc::from(text.trim())),
                (_, _) => None,
            }
        }
    }
    .filter(|version: &Arc<str>| !version.is_empty())
}

/// Refuses a route that its file keeps off.
pub fn check_off(route: &Route) -> Result<(), Denial> {
    match &route.off {
        Some(reason) => Err(Denial::Closed(ClosedBy {
            closure: Arc::from("route-off"),
            texts: Arc::new(Texts::from([("en".to_owned(), reason.to_string())])),
            remaining: None,
        })),
        None => Ok(()),
    }
}

fn refuse(refusal: &Refusal<'_>, now: Duration) -> Denial {
    let closure = refusal.closure;
    let end = closure.expires_at.map(Duration::from_secs);
    let closed = ClosedBy {
        closure: Arc::from(closure.id.as_str()),
        texts: Arc::clone(&closure.texts),
        remaining: end.map(|end| end.saturating_sub(now)),
    };
    match refusal.shut {
        Shut::Closed => Denial::Closed(closed),
        Shut::ReadOnly => Denial::ReadOnly(closed),
    }
}

#[cfg(test)]
mod tests;
