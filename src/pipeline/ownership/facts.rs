//! What does the directory know?
//!
//! One record a vehicle, with everything that is granted on it and to whom: one vehicle, one look-up.
//! Beside them one record a subject that is out of favour, and one an alias under which a partner
//! knows a vehicle. Everything with an end still carries it here: [`relate`](super::relate) resolves
//! time. Facts name subjects as their issuer does, without the issuer: the configuration has one
//! issuer for each kind of principal, or says that two speak of the same subjects.

use std::fmt;
use std::time::Duration;

/// What the directory knows of one vehicle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VehicleFacts {
    /// Subject of the owner.
    pub owner: Option<String>,
    /// Grants to drivers, expired ones included.
    pub drivers: Vec<DriverGrant>,
    /// Fleet that it belongs to.
    pub fleet: Option<String>,
    /// Region, such as `NE`.
    pub region: String,
    /// Trim, such as `SV`.
    pub trim: String,
    /// What the car can be asked, such as `climate`, `charging`.
    pub capabilities: Vec<String>,
    /// Whether its owner left telematics on.
    pub telematics: bool,
    /// The owner's consents to partners, expired ones included.
    pub consents: Vec<Consent>,
    /// Work orders of dealerships, closed ones included.
    pub work_orders: Vec<WorkOrder>,
    /// Roadside cases, closed ones included.
    pub cases: Vec<RoadsideCase>,
    /// Whether nobody may use it for now, such as while it is disputed whose it is.
    pub suspended: bool,
}

/// A grant to a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverGrant {
    /// The driver.
    pub subject: String,
    /// Names of Cedar actions.
    pub entitlements: Vec<String>,
    /// End, since the Unix epoch.
    pub until: Option<Duration>,
}

/// The owner's consent to a partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// The partner: subject of its application.
    pub client: String,
    /// What the owner agreed to, such as `read_status`.
    pub scopes: Vec<String>,
    /// End, since the Unix epoch.
    pub until: Option<Duration>,
}

/// A dealership's work order for the vehicle. It always ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkOrder {
    /// The dealership's name for it.
    pub id: String,
    /// The dealership.
    pub dealership: String,
    /// Who works on it there.
    pub assignee: Assignee,
    /// Names of Cedar actions that the owner agreed to for this order.
    pub agreed: Vec<String>,
    /// End, since the Unix epoch.
    pub until: Duration,
}

/// For whom a work order is made out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Assignee {
    /// One employee of the dealership, by subject.
    Technician(String),
    /// Whoever has this role there.
    Role(String),
}

/// A roadside case about the vehicle. It always ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoadsideCase {
    /// The case's name.
    pub case: String,
    /// The agent who works on it, by subject.
    pub agent: String,
    /// End, since the Unix epoch.
    pub until: Duration,
}

impl DriverGrant {
    /// Whether it counts at `now`: `until` itself is past its end.
    pub fn is_active(&self, now: Duration) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Consent {
    /// Whether it counts at `now`: `until` itself is past its end.
    pub fn is_active(&self, now: Duration) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl WorkOrder {
    /// Whether it is open at `now`: `until` itself is past its end.
    pub fn is_open(&self, now: Duration) -> bool {
        now < self.until
    }
}

impl RoadsideCase {
    /// Whether it is open at `now`: `until` itself is past its end.
    pub fn is_open(&self, now: Duration) -> bool {
        now < self.until
    }
}

/// Whose facts: a subject of one issuer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SubjectKey {
    /// Name of the issuer in the configuration.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SubjectKey(..)") // personal data
    }
}

/// What the directory knows of one subject. One that it has no record of has the facts of `default`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubjectFacts {
    /// Whether this subject may do nothing for now.
    pub suspended: bool,
}

/// A partner's name for a vehicle. Another partner's equal name is another name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Alias {
    /// The partner: subject of its application.
    pub client: String,
    /// Its name for the vehicle.
    pub alias: String,
}
