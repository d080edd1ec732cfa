//! What does a grant or a revocation make of a vehicle?
//!
//! From facts to facts, by the rules of an import: what is granted is read as a part of a line, and
//! the vehicle that comes of it must be one that an import takes. Taking away is never refused for
//! what else is wrong with a vehicle.

use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::adapters::facts::form::{CaseForm, ConsentForm, DriverForm, WorkOrderForm};
use crate::adapters::facts::{import, line};
use crate::admin::authority::Act;
use crate::admin::problem::Problem;
use crate::pipeline::ownership::{Assignee, VehicleFacts};
use crate::pipeline::vehicle::Vin;

/// What is granted, in the members of an import line. What the same driver, partner, work order or
/// case had before is replaced.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_debug_implementations, reason = "names people")]
pub enum Granted {
    /// The vehicle was sold: this is the owner, and all that was granted on it ends.
    Owner(OwnerForm),
    /// Actions to a driver.
    Driver(DriverForm),
    /// Scopes to a partner.
    Consent(ConsentForm),
    /// A dealership's work.
    WorkOrder(WorkOrderForm),
    /// A roadside case.
    Case(CaseForm),
}

/// An owner.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "names people")]
pub struct OwnerForm {
    /// `sub` of the owner.
    pub subject: String,
}

/// What is taken away.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "names people")]
pub enum Revoked {
    /// It has no owner any more, and all that was granted on it ends.
    Owner,
    /// All grants of this driver.
    Driver {
        /// The driver.
        subject: String,
    },
    /// All consents to this partner.
    Consent {
        /// Subject of its application.
        client: String,
    },
    /// A work order, for whomever it is made out.
    WorkOrder {
        /// The dealership's name for it.
        id: String,
        /// The dealership.
        dealership: String,
    },
    /// A roadside case, for whichever agent.
    Case {
        /// Its name.
        case: String,
    },
    /// Whatever this subject is to the vehicle, of whatever kind.
    All {
        /// The subject.
        subject: String,
    },
}

/// A change of a vehicle.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Change {
    Grant(Granted),
    Revoke(Revoked),
    Suspend,
    Unsuspend,
}

impl Change {
    /// What an operator must be allowed.
    pub(super) fn act(&self) -> Act {
        match self {
            Self::Grant(_) | Self::Unsuspend => Act::GrantOwnership,
            Self::Revoke(_) | Self::Suspend => Act::RevokeOwnership,
        }
    }

    /// Verb and kind, for the record.
    pub(super) fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::Grant(granted) => ("grant", granted.kind()),
            Self::Revoke(revoked) => ("revoke", revoked.kind()),
            Self::Suspend => ("suspend", "vehicle"),
            Self::Unsuspend => ("unsuspend", "vehicle"),
        }
    }

    /// Whom it is about.
    pub(super) fn subject(&self) -> Option<&str> {
        match self {
            Self::Grant(granted) => granted.subject(),
            Self::Revoke(revoked) => revoked.subject(),
            Self::Suspend | Self::Unsuspend => None,
        }
    }

    /// What it makes of these facts.
    ///
    /// # Errors
    /// It can't be meant, or there is nothing to change.
    pub(super) fn apply(&self, vin: &Vin, facts: &VehicleFacts) -> Result<VehicleFacts, Problem> {
        let mut next = facts.clone();
        match self {
            Self::Grant(granted) => {
                granted.apply(&mut next)?;
                import::check_vehicle(vin, &next).map_err(Problem::malformed)?;
                return Ok(next);
            }
            Self::Revoke(revoked) => revoked.apply(&mut next),
            Self::Suspend => next.suspended = true,
            Self::Unsuspend => next.suspended = false,
        }
        if next == *facts {
            let (code, detail) = match self {
                Self::Grant(_) | Self::Revoke(_) => {
                    ("nothing-to-revoke", "nothing to revoke: it isn't there")
                }
                Self::Suspend => ("no-such-change", "it is suspended already"),
                Self::Unsuspend => ("no-such-change", "it isn't suspended"),
            };
            return Err(Problem::new(StatusCode::CONFLICT, code, detail));
        }
        Ok(next)
    }
}

impl Granted {
    fn kind(&self) -> &'static str {
        match self {
            Self::Owner(_) => "owner",
            Self::Driver(_) => "driver",
            Self::Consent(_) => "consent",
            Self::WorkOrder(_) => "work_order",
            Self::Case(_) => "case",
        }
    }

    fn subject(&self) -> Option<&str> {
        match self {
            Self::Owner(owner) => Some(&owner.subject),
            Self::Driver(grant) => Some(&grant.subject),
            Self::Consent(consent) => Some(&consent.client),
            Self::WorkOrder(order) => order.technician.as_deref(),
            Self::Case(case) => Some(&case.agent),
        }
    }

    fn apply(&self, facts: &mut VehicleFacts) -> Result<(), Problem> {
        match self.clone() {
            Self::Owner(owner) => {
                if facts.owner.as_ref() == Some(&owner.subject) {
                    // a sale ends everything: not by mistake
                    let (code, detail) = ("no-such-change", "that is the owner already");
                    return Err(Problem::new(StatusCode::CONFLICT, code, detail));
                }
                end_ownership(facts);
                facts.owner = Some(owner.subject);
            }
            Self::Driver(grant) => {
                let grant = line::read_grant(grant).map_err(Problem::malformed)?;
                facts.drivers.retain(|one| one.subject != grant.subject);
                facts.drivers.push(grant);
            }
            Self::Consent(consent) => {
                let consent = line::read_consent(consent).map_err(Problem::malformed)?;
                facts.consents.retain(|one| one.client != consent.client);
                facts.consents.push(consent);
            }
            Self::WorkOrder(order) => {
                let order = line::read_order(order).map_err(Problem::malformed)?;
                let same = (&order.id, &order.dealership, &order.assignee);
                let others = facts.work_orders.iter();
                let others = others.filter(|one| (&one.id, &one.dealership, &one.assignee) != same);
                facts.work_orders = others.cloned().collect();
                facts.work_orders.push(order);
            }
            Self::Case(case) => {
                let case = line::read_case(case).map_err(Problem::malformed)?;
                let others = facts.cases.iter();
                let others =
                    others.filter(|one| (&one.case, &one.agent) != (&case.case, &case.agent));
                facts.cases = others.cloned().collect();
                facts.cases.push(case);
            }
        }
        Ok(())
    }
}

impl Revoked {
    fn kind(&self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Driver { .. } => "driver",
            Self::Consent { .. } => "consent",
            Self::WorkOrder { .. } => "work_order",
            Self::Case { .. } => "case",
            Self::All { .. } => "all",
        }
    }

    fn subject(&self) -> Option<&str> {
        match self {
            Self::Driver { subject } | Self::All { subject } => Some(subject),
            Self::Consent { client } => Some(client),
            Self::Owner | Self::WorkOrder { .. } | Self::Case { .. } => None,
        }
    }

    fn apply(&self, facts: &mut VehicleFacts) {
        match self {
            Self::Owner if facts.owner.is_some() => end_ownership(facts),
            Self::Owner => {}
            Self::Driver { subject } => facts.drivers.retain(|one| one.subject != *subject),
            Self::Consent { client } => facts.consents.retain(|one| one.client != *client),
            Self::WorkOrder { id, dealership } => {
                let is = |one: &(&String, &String)| *one == (id, dealership);
                facts
                    .work_orders
                    .retain(|one| !is(&(&one.id, &one.dealership)));
            }
            Self::Case { case } => facts.cases.retain(|one| one.case != *case),
            Self::All { subject } => end_subject(facts, subject),
        }
    }
}

/// Nobody who had something on the vehicle has it any more: the old owner chose some of them, was the
/// one whom others worked for, or was a fleet. Whether it is suspended and whether telematics are on
/// stays: neither gives anybody access.
fn end_ownership(facts: &mut VehicleFacts) {
    facts.owner = None;
    facts.fleet = None;
    facts.drivers.clear();
    facts.consents.clear();
    facts.work_orders.clear();
    facts.cases.clear();
}

/// By name, whatever kind of principal it is of: in doubt it is the same one.
fn end_subject(facts: &mut VehicleFacts, subject: &str) {
    if facts.owner.as_deref() == Some(subject) {
        return end_ownership(facts);
    }
    facts.drivers.retain(|one| one.subject != subject);
    facts.consents.retain(|one| one.client != subject);
    facts.cases.retain(|one| one.agent != subject);
    facts.work_orders.retain(|one| match &one.assignee {
        Assignee::Technician(technician) => technician != subject,
        Assignee::Role(_) => true,
    });
}

/// What differs, without naming anybody: for answers and records.
pub(super) fn differences(before: &VehicleFacts, after: &VehicleFacts) -> Vec<String> {
    let mut told = Vec::new();
    let mut tell = |what: &str, same: bool, words: String| {
        if !same {
            told.push(format!("{what}: {words}"));
        }
    };
    let owner = match (&before.owner, &after.owner) {
        (None, _) => "set",
        (Some(_), None) => "removed",
        (Some(_), Some(_)) => "replaced",
    };
    tell("owner", before.owner == after.owner, owner.to_owned());
    let fleet = "removed".to_owned(); // nothing sets one
    tell("fleet", before.fleet == after.fleet, fleet);
    let counts = |before: usize, after: usize| {
        if before == after {
            "replaced".to_owned()
        } else {
            format!("{before} -> {after}")
        }
    };
    let drivers = counts(before.drivers.len(), after.drivers.len());
    tell("drivers", before.drivers == after.drivers, drivers);
    let consents = counts(before.consents.len(), after.consents.len());
    tell("consents", before.consents == after.consents, consents);
    let orders = counts(before.work_orders.len(), after.work_orders.len());
    tell(
        "work orders",
        before.work_orders == after.work_orders,
        orders,
    );
    let cases = counts(before.cases.len(), after.cases.len());
    tell("cases", before.cases == after.cases, cases);
    let suspended = if after.suspended { "yes" } else { "no" };
    let same = before.suspended == after.suspended;
    tell("suspended", same, suspended.to_owned());
    told
}

#[cfg(test)]
mod tests;
