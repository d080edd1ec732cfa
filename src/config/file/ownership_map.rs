//! Where in a service's answer is each ownership fact?
//!
//! By JSON pointers (RFC 6901), those of a list's entries relative to the entry. What is pointed at
//! has to be there in every answer, in the form of an import line; what isn't pointed at, nobody has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a vehicle's facts are. An answer may say in so many words that there is no owner, no fleet,
/// and no end of a grant or a consent; it has to say all the rest.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VehicleMap {
    /// The VIN itself; an answer about another one is none.
    #[schemars(length(min = 1))]
    pub vin: String,
    /// Subject of the owner, if it has one.
    #[schemars(length(min = 1))]
    pub owner: String,
    /// Region, such as `NE`.
    #[schemars(length(min = 1))]
    pub region: String,
    /// Trim, such as `SV`.
    #[schemars(length(min = 1))]
    pub trim: String,
    /// List of what the car can be asked.
    #[schemars(length(min = 1))]
    pub capabilities: String,
    /// Whether its owner left telematics on.
    #[schemars(length(min = 1))]
    pub telematics: String,
    /// Whether nobody may use it for now, or `"not-told"`: then no vehicle is suspended.
    pub suspended: Suspension,
    /// Fleet that it belongs to, if any.
    #[schemars(length(min = 1))]
    pub fleet: Option<String>,
    /// Grants to drivers.
    pub drivers: Option<DriverMap>,
    /// The owner's consents to partners.
    pub consents: Option<ConsentMap>,
    /// Open work orders of dealerships.
    pub work_orders: Option<WorkOrderMap>,
    /// Open roadside cases.
    pub cases: Option<CaseMap>,
}

/// Where a vehicle's suspension is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Suspension {
    /// In so many words: nowhere.
    Not(NotTold),
    /// A JSON pointer to `true` or `false`.
    At(String),
}

/// The statement that a service doesn't say which vehicles are suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NotTold {
    /// It doesn't.
    NotTold,
}

/// Where grants to drivers are.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriverMap {
    /// The list.
    #[schemars(length(min = 1))]
    pub list: String,
    /// Subject of the driver.
    #[schemars(length(min = 1))]
    pub subject: String,
    /// List of names of actions.
    #[schemars(length(min = 1))]
    pub entitlements: String,
    /// End, RFC 3339 in UTC, if it has one. Without this no grant ends.
    #[schemars(length(min = 1))]
    pub until: Option<String>,
}

/// Where consents to partners are.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentMap {
    /// The list.
    #[schemars(length(min = 1))]
    pub list: String,
    /// Subject of the partner's application.
    #[schemars(length(min = 1))]
    pub client: String,
    /// List of OAuth scopes.
    #[schemars(length(min = 1))]
    pub scopes: String,
    /// End, RFC 3339 in UTC, if it has one. Without this no consent ends.
    #[schemars(length(min = 1))]
    pub until: Option<String>,
}

/// Where work orders are.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkOrderMap {
    /// The list.
    #[schemars(length(min = 1))]
    pub list: String,
    /// The dealership's name for it.
    #[schemars(length(min = 1))]
    pub id: String,
    /// The dealership.
    #[schemars(length(min = 1))]
    pub dealership: String,
    /// The employee's subject. Each order has this or a role; the other is void or left out.
    #[schemars(length(min = 1))]
    pub technician: Option<String>,
    /// A role.
    #[schemars(length(min = 1))]
    pub role: Option<String>,
    /// List of actions that the owner agreed to.
    #[schemars(length(min = 1))]
    pub agreed: Option<String>,
    /// End, RFC 3339 in UTC.
    #[schemars(length(min = 1))]
    pub until: String,
}

/// Where roadside cases are.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseMap {
    /// The list.
    #[schemars(length(min = 1))]
    pub list: String,
    /// The case's name.
    #[schemars(length(min = 1))]
    pub case: String,
    /// The agent's subject.
    #[schemars(length(min = 1))]
    pub agent: String,
    /// End, RFC 3339 in UTC.
    #[schemars(length(min = 1))]
    pub until: String,
}
