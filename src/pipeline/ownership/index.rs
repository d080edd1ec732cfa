//! By what is a vehicle found, other than by its VIN?
//!
//! What an index says is a hint: whoever finds a vehicle by one asks for the vehicle's own record, and
//! goes by what that says.

use std::collections::BTreeSet;
use std::fmt;

use crate::config::file::PrincipalKind;
use crate::pipeline::ownership::{Assignee, VehicleFacts};
use crate::pipeline::vehicle::Vin;

/// Whom or what a vehicle's record names.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndexKey {
    /// A subject of this kind, who is or was something to the vehicle.
    Subject(PrincipalKind, String),
    /// A roadside case, by its name.
    Case(String),
}

impl fmt::Debug for IndexKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("IndexKey(..)") // personal data
    }
}

/// What an index answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hints {
    /// Vehicles that may be it, as many as were asked for at most.
    pub vins: Vec<Vin>,
    /// Whether there are more.
    pub more: bool,
}

impl Hints {
    /// The first `most` of what was found.
    pub fn first(most: usize, mut found: Vec<Vin>) -> Self {
        let more = found.len() > most;
        found.truncate(most);
        Self { vins: found, more }
    }
}

impl VehicleFacts {
    /// All that an index finds this vehicle by. Time isn't asked: what has ended is still named. A
    /// fleet and a role are no keys: they are membership, which the record tells.
    pub fn index_keys(&self) -> BTreeSet<IndexKey> {
        let subject = |kind, name: &String| IndexKey::Subject(kind, name.clone());
        let mut keys = BTreeSet::new();
        let users = self.owner.iter();
        let users = users.chain(self.drivers.iter().map(|grant| &grant.subject));
        keys.extend(users.map(|name| subject(PrincipalKind::User, name)));
        let clients = self.consents.iter().map(|consent| &consent.client);
        keys.extend(clients.map(|name| subject(PrincipalKind::Client, name)));
        for order in &self.work_orders {
            if let Assignee::Technician(name) = &order.assignee {
                keys.insert(subject(PrincipalKind::Technician, name));
            }
        }
        for case in &self.cases {
            keys.insert(subject(PrincipalKind::Agent, &case.agent));
            keys.insert(IndexKey::Case(case.case.clone()));
        }
        keys
    }
}
