//! What is the principal to this vehicle?
//!
//! Time is resolved here: what is in a [`Relation`] counts now, and no policy sees a clock.

mod facts;
mod index;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::config::file::PrincipalKind;
use crate::pipeline::Principal;

pub use facts::{
    Alias, Assignee, Consent, DriverGrant, RoadsideCase, SubjectFacts, SubjectKey, VehicleFacts,
    WorkOrder,
};
pub use index::{Hints, IndexKey};

/// What a principal is to a vehicle at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Whether the directory knows the vehicle.
    pub known: bool,
    /// Word for the record: `owner`, `driver`, `fleet`, `partner`, `technician`, `agent`, `none`.
    pub word: &'static str,
    /// Entitlements of the principal's active grants on it, sorted.
    pub entitlements: Vec<String>,
    /// Scopes of the owner's active consents to the principal, sorted.
    pub scopes: Vec<String>,
    /// Dealerships with an open work order for it that is made out to the principal, sorted.
    pub dealerships: Vec<String>,
    /// Dealership and action of what the owner agreed to in those work orders, sorted.
    pub agreements: Vec<(String, String)>,
    /// Whether the principal has an open roadside case about it.
    pub in_case: bool,
}

impl Relation {
    /// All words for the record.
    pub const WORDS: [&str; 7] = [
        "owner",
        "driver",
        "fleet",
        "partner",
        "technician",
        "agent",
        "none",
    ];

    /// Whether the principal is anything to the vehicle.
    pub fn is_any(&self) -> bool {
        self.word != NOTHING
    }
}

/// The word of who is nothing to a vehicle.
const NOTHING: &str = "none";

/// Whether the principal has an open case of this name about a vehicle.
pub fn has_case(principal: &Principal, facts: &VehicleFacts, case: &str, now: Duration) -> bool {
    let is_agent = principal.kind == PrincipalKind::Agent && !principal.subject.is_empty();
    is_agent
        && facts
            .cases
            .iter()
            .any(|open| open.case == case && open.agent == principal.subject && open.is_open(now))
}

/// Whether the principal may be something to vehicles whose records don't name it: by a fleet that it
/// manages, or by a role at a dealership.
pub fn is_member(principal: &Principal) -> bool {
    principal.fleet.is_some() || (principal.tenant.is_some() && !principal.roles.is_empty())
}

/// Resolves the relation at `now` (since the Unix epoch). An absent vehicle gives a relation of
/// the same shape, with no facts, by the same steps.
pub fn relate(principal: &Principal, facts: Option<&VehicleFacts>, now: Duration) -> Relation {
    let absent = VehicleFacts::default();
    let known = facts.is_some();
    let facts = facts.unwrap_or(&absent);
    // A fact names a subject of one kind: a client whose name equals an owner's is not that person.
    let is = |kind| principal.kind == kind && !principal.subject.is_empty();
    let owner = is(PrincipalKind::User) && facts.owner.as_ref() == Some(&principal.subject);
    let granted = facts.drivers.iter().filter(|grant| {
        is(PrincipalKind::User) && grant.subject == principal.subject && grant.is_active(now)
    });
    let granted: Vec<&DriverGrant> = granted.collect();
    let consented = facts.consents.iter().filter(|consent| {
        is(PrincipalKind::Client) && consent.client == principal.subject && consent.is_active(now)
    });
    let consented: Vec<&Consent> = consented.collect();
    let orders = facts.work_orders.iter().filter(|order| {
        is(PrincipalKind::Technician) && is_made_out_to(order, principal) && order.is_open(now)
    });
    let orders: Vec<&WorkOrder> = orders.collect();
    let in_case = facts.cases.iter().any(|case| {
        is(PrincipalKind::Agent) && case.agent == principal.subject && case.is_open(now)
    });
    let word = if owner {
        "owner"
    } else if !granted.is_empty() {
        "driver"
    } else if in_fleet(principal, facts) {
        "fleet"
    } else if !consented.is_empty() {
        "partner"
    } else if !orders.is_empty() {
        "technician"
    } else if in_case {
        "agent"
    } else {
        NOTHING
    };
    Relation {
        known,
        word,
        entitlements: sorted(
            granted
                .iter()
                .flat_map(|grant| grant.entitlements.iter().cloned()),
        ),
        scopes: sorted(
            consented
                .iter()
                .flat_map(|consent| consent.scopes.iter().cloned()),
        ),
        dealerships: sorted(orders.iter().map(|order| order.dealership.clone())),
        agreements: sorted(orders.iter().flat_map(|order| {
            let agreed = order.agreed.iter();
            agreed.map(|action| (order.dealership.clone(), action.clone()))
        })),
        in_case,
    }
}

/// A set, as a list that two equal sets have alike.
fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// By name, or by a role at the dealership of the order: a role at another is another role. Whether
/// the dealership is the principal's own is then for the policies to compare.
fn is_made_out_to(order: &WorkOrder, principal: &Principal) -> bool {
    match &order.assignee {
        Assignee::Technician(subject) => *subject == principal.subject,
        Assignee::Role(role) => {
            principal.tenant.as_ref() == Some(&order.dealership) && principal.roles.contains(role)
        }
    }
}

/// Two absent fleets are not the same fleet.
fn in_fleet(principal: &Principal, facts: &VehicleFacts) -> bool {
    match (&principal.fleet, &facts.fleet) {
        (Some(managed), Some(fleet)) => managed == fleet && !fleet.is_empty(),
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}
