//! Would a switch refuse this?
//!
//! A rehearsal is the gateway's own request to itself, over its own sockets: it shows what a closure
//! does where nobody has asked yet. Its header carries a ticket, which means nothing outside the
//! process that made it; what is rehearsed never travels. A ticket counts once, for a few seconds,
//! and from this host alone; any other is a header like any other, and is taken off as every
//! `Vingate-` header is before a request goes upstream.
//!
//! INVARIANT: a rehearsal ends in a denial. [`judge`] can answer nothing else.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use crate::config::file::PrincipalKind;
use crate::denial::{AccessFlaw, Denial};
use crate::digest;
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::SignIn;
use crate::pipeline::switch::Situation;
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Principal, standing};
use crate::rules::Rules;
use crate::switchboard::{Board, VehicleRegion};

/// The header that carries a ticket.
pub const HEADER: HeaderName = HeaderName::from_static("vingate-rehearsal");

/// How long a ticket counts: a connection and a handshake on this host, on a very busy machine.
const LIFETIME: Duration = Duration::from_secs(5);

/// Tickets at a time; more are refused. Far more than operators ask for.
const MOST: usize = 1_024;

/// Who is rehearsed; nobody of flesh and blood.
#[derive(Clone, PartialEq, Eq)]
pub struct StandIn {
    /// Name of an issuer of the surface.
    pub issuer: Arc<str>,
    /// Subject.
    pub subject: String,
    /// OAuth client.
    pub client: Option<String>,
    /// Tenant.
    pub tenant: Option<String>,
}

/// What stands in for what a request would have to prove.
#[derive(Clone, PartialEq, Eq)]
pub struct Rehearsal {
    /// Where the route needs an identity.
    pub who: StandIn,
    /// The action, where the route leaves it to the request.
    pub action: Arc<str>,
    /// The vehicle, where the route names one.
    pub vin: Vin,
    /// That vehicle's region, which no directory is asked for.
    pub vehicle_region: Option<Arc<str>>,
}

impl fmt::Debug for Rehearsal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Rehearsal")
            .field("action", &self.action)
            .finish_non_exhaustive() // a closure's own vehicle or subject may be rehearsed
    }
}

impl fmt::Debug for StandIn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("StandIn(..)")
    }
}

impl Rehearsal {
    /// The principal that stands in, as if it had been verified.
    fn principal(&self, rules: &Rules) -> Principal {
        let StandIn {
            issuer,
            subject,
            client,
            tenant,
        } = self.who.clone();
        Principal {
            kind: PrincipalKind::User,
            pseudonym: rules.pseudonyms.subject(&issuer, &subject),
            issuer,
            subject,
            client,
            scopes: Vec::new(),
            fleet: None,
            tenant,
            roles: Vec::new(),
            sign_in: SignIn::default(),
            credential: Credential {
                expires_at: Duration::MAX,
                ..Credential::default()
            },
        }
    }

    /// Fills in what a request with this stand-in would have made known by its end.
    pub fn complete(&self, situation: &mut Situation, rules: &Rules) {
        let Some(route) = situation.route.clone() else {
            return;
        };
        if route.identity_required {
            situation.principal = Some(Arc::new(self.principal(rules)));
        }
        if situation.action.is_none() {
            situation.action = Some(rules.policies.class(&self.action));
        }
        if route.vehicle.is_some() {
            situation.vin = Some(self.vin);
            if let Some(region) = &self.vehicle_region {
                situation.vehicle_region = VehicleRegion::Listed(Arc::clone(region));
            }
        }
    }
}

/// Goes on where an ordinary request would be asked who it is: the switches, in the order in which
/// they are asked of everybody, and nothing else. Ownership and policy are not asked, no quota is
/// charged, and no body is read.
pub fn judge(
    rehearsal: &Rehearsal,
    situation: &mut Situation,
    (rules, board): (&Rules, &Board),
    now: Duration,
) -> Denial {
    rehearsal.complete(situation, rules);
    let asked = standing::check(board, situation, now)
        .and_then(|()| situation.check(board, now))
        .and_then(|()| situation.check_vehicle(board, now));
    match asked {
        Err(denial) => denial,
        Ok(()) => Denial::AccessDenied(AccessFlaw::Rehearsal),
    }
}

/// The tickets of this process that were not shown yet.
pub struct Rehearsals {
    /// Tickets are looked up by their HMAC, so that no comparison tells how much of one was guessed.
    key: hmac::Key,
    random: SystemRandom,
    waiting: Mutex<HashMap<[u8; 32], (Rehearsal, Duration)>>,
}

impl fmt::Debug for Rehearsals {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Rehearsals") // tickets are secrets
    }
}

impl Rehearsals {
    /// With a key of its own.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn new() -> Result<Self, String> {
        let random = SystemRandom::new();
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &random)
            .map_err(|_| "no random bytes for rehearsals".to_owned())?;
        Ok(Self {
            key,
            random,
            waiting: Mutex::default(),
        })
    }

    /// A ticket for one request within the next seconds.
    ///
    /// # Errors
    /// The system has no random bytes, or too many tickets wait to be shown.
    pub fn admit(&self, rehearsal: Rehearsal, now: Duration) -> Result<String, String> {
        let mut bytes = [0; 32];
        self.random
            .fill(&mut bytes)
            .map_err(|_| "no random bytes for a rehearsal".to_owned())?;
        let ticket = digest::hex(&bytes);
        let until = now.saturating_add(LIFETIME);
        let mut waiting = hold(&self.waiting);
        waiting.retain(|_, (_, until)| now < *until);
        if waiting.len() >= MOST {
            return Err(format!("`{MOST}` rehearsals are on their way already"));
        }
        waiting.insert(self.seal(ticket.as_bytes()), (rehearsal, until));
        Ok(ticket)
    }

    /// What a request rehearses, if its one ticket is good; it never is again. `peer` is the TCP
    /// peer's address and `local` that of the socket it reached: they are the same on one host.
    pub fn redeem(
        &self,
        headers: &HeaderMap,
        (peer, local): (IpAddr, Option<IpAddr>),
        now: Duration,
    ) -> Option<Rehearsal> {
        let peer = peer.to_canonical();
        let here = peer.is_loopback() || local.map(|local| local.to_canonical()) == Some(peer);
        if !here {
            return None;
        }
        let mut lines = headers.get_all(HEADER).iter();
        let (Some(ticket), None) = (lines.next(), lines.next()) else {
            return None;
        };
        let seal = self.seal(ticket.as_bytes());
        let (rehearsal, until) = hold(&self.waiting).remove(&seal)?;
        (now < until).then_some(rehearsal)
    }

    fn seal(&self, ticket: &[u8]) -> [u8; 32] {
        digest::whole(hmac::sign(&self.key, ticket).as_ref())
    }
}

/// A panic elsewhere leaves a ticket there or gone: a poisoned lock is fine.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
