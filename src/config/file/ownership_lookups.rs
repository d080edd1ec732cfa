//! Where does an ownership service say which vehicles a person, an alias or a case leads to?
//!
//! Each is on the server of the vehicles, and asked as they are. What it answers of a person or a case
//! is a hint: the vehicle's own answer has to name that person or case too.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What else a service can be asked. A look-up that isn't written can't be made; a route that needs it
/// is a mistake.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnershipLookups {
    /// The vehicles of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<SubjectVehicles>,
    /// The vehicle that a partner means by an alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<AliasVehicle>,
    /// The vehicle of a roadside case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseVehicle>,
}

/// The vehicles of a person. Pointers are JSON pointers (RFC 6901).
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectVehicles {
    /// Such as `https://ownership.internal/v1/subjects/{subject}/vehicles`.
    #[schemars(length(min = 1))]
    pub url: String,
    /// The subject itself; an answer about another one is none.
    #[schemars(length(min = 1))]
    pub subject: String,
    /// List of VINs.
    #[schemars(length(min = 1))]
    pub vins: String,
}

/// The vehicle of an alias. Pointers are JSON pointers (RFC 6901).
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AliasVehicle {
    /// Such as `https://ownership.internal/v1/partners/{client}/vehicles/{alias}`. The client is the
    /// subject of the partner's application.
    #[schemars(length(min = 1))]
    pub url: String,
    /// The client itself; an answer about another one is none.
    #[schemars(length(min = 1))]
    pub client: String,
    /// The alias itself; an answer about another one is none.
    #[schemars(length(min = 1))]
    pub alias: String,
    /// The VIN.
    #[schemars(length(min = 1))]
    pub vin: String,
}

/// The vehicle of a roadside case. Pointers are JSON pointers (RFC 6901).
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseVehicle {
    /// Such as `https://ownership.internal/v1/cases/{case}`.
    #[schemars(length(min = 1))]
    pub url: String,
    /// The case itself; an answer about another one is none.
    #[schemars(length(min = 1))]
    pub case: String,
    /// The VIN.
    #[schemars(length(min = 1))]
    pub vin: String,
}
