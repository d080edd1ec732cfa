//! Which members does a line have, and how is a fact written as one?
//!
//! Read and written by the same shapes, so that what is exported can be imported.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::adapters::facts::Fact;
use crate::pipeline::ownership::{
    Alias, Assignee, SubjectFacts, SubjectKey, VehicleFacts, WorkOrder,
};
use crate::pipeline::vehicle::Vin;

/// A vehicle.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VehicleForm {
    /// 17 characters (ISO 3779), upper case.
    pub vin: String,
    /// Subject of the owner.
    #[serde(deserialize_with = "Option::deserialize")] // may be null, may not be forgotten
    pub owner: Option<String>,
    /// Grants to drivers.
    #[serde(default)]
    pub drivers: Vec<Object<DriverForm>>,
    /// Fleet that it belongs to.
    pub fleet: Option<String>,
    /// Such as `NE`.
    pub region: String,
    /// Such as `SV`.
    pub trim: String,
    /// What the car can be asked.
    pub capabilities: Vec<String>,
    /// Whether its owner left telematics on.
    pub telematics: bool,
    /// The owner's consents to partners.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<Object<ConsentForm>>,
    /// Work orders of dealerships.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub work_orders: Vec<Object<WorkOrderForm>>,
    /// Roadside cases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<Object<CaseForm>>,
    /// Whether nobody may use it for now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
}

/// A grant to a driver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriverForm {
    /// The driver.
    pub subject: String,
    /// Names of actions.
    pub entitlements: Vec<String>,
    /// End, itself not included: RFC 3339 in UTC.
    pub until: Option<String>,
}

/// The owner's consent to a partner.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentForm {
    /// Subject of the partner's application.
    pub client: String,
    /// OAuth scopes.
    pub scopes: Vec<String>,
    /// End, itself not included: RFC 3339 in UTC.
    pub until: Option<String>,
}

/// A work order of a dealership.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkOrderForm {
    /// The dealership's name for it.
    pub id: String,
    /// The dealership.
    pub dealership: String,
    /// The employee's subject; or else `role`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub technician: Option<String>,
    /// A role at the dealership; or else `technician`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Names of actions that the owner agreed to.
    #[serde(default)]
    pub agreed: Vec<String>,
    /// End, itself not included: RFC 3339 in UTC.
    pub until: String,
}

/// A roadside case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseForm {
    /// The case's name.
    pub case: String,
    /// The agent's subject.
    pub agent: String,
    /// End, itself not included: RFC 3339 in UTC.
    pub until: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubjectForm {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) suspended: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AliasForm {
    pub(super) alias: String,
    pub(super) client: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) vin: Option<String>,
}

/// A JSON object: serde alone would also take an array of the values in order.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Members(std::marker::PhantomData))
    }
}

/// Why a fact can't be written as a line: no import could have brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record has an end that no line can say")]
pub struct Unwritable;

impl VehicleForm {
    /// These facts as a line says them.
    ///
    /// # Errors
    /// An end lies beyond the year 9999.
    pub fn of(vin: &Vin, facts: &VehicleFacts) -> Result<Self, Unwritable> {
        // Taken apart without `..`: a fact that is added later can't be lost here.
        let VehicleFacts {
            owner,
            drivers,
            fleet,
            region,
            trim,
            capabilities,
            telematics,
            consents,
            work_orders,
            cases,
            suspended,
        } = facts;
        let drivers = drivers.iter().map(|grant| {
            Ok(Object(DriverForm {
                subject: grant.subject.clone(),
                entitlements: grant.entitlements.clone(),
                until: grant.until.map(moment).transpose()?,
            }))
        });
        let consents = consents.iter().map(|consent| {
            Ok(Object(ConsentForm {
                client: consent.client.clone(),
                scopes: consent.scopes.clone(),
                until: consent.until.map(moment).transpose()?,
            }))
        });
        let work_orders = work_orders.iter().map(order);
        let cases = cases.iter().map(|case| {
            Ok(Object(CaseForm {
                case: case.case.clone(),
                agent: case.agent.clone(),
                until: moment(case.until)?,
            }))
        });
        Ok(Self {
            vin: vin.as_str().to_owned(),
            owner: owner.clone(),
            drivers: drivers.collect::<Result<_, _>>()?,
            fleet: fleet.clone(),
            region: region.clone(),
            trim: trim.clone(),
            capabilities: capabilities.clone(),
            telematics: *telematics,
            consents: consents.collect::<Result<_, _>>()?,
            work_orders: work_orders.collect::<Result<_, _>>()?,
            cases: cases.collect::<Result<_, _>>()?,
            suspended: *suspended,
        })
    }
}

fn order(order: &WorkOrder) -> Result<Object<WorkOrderForm>, Unwritable> {
    let (technician, role) = match &order.assignee {
        Assignee::Technician(subject) => (Some(subject.clone()), None),
        Assignee::Role(role) => (None, Some(role.clone())),
    };
    Ok(Object(WorkOrderForm {
        id: order.id.clone(),
        dealership: order.dealership.clone(),
        technician,
        role,
        agreed: order.agreed.clone(),
        until: moment(order.until)?,
    }))
}

/// A vehicle's line, without its end.
///
/// # Errors
/// See [`Unwritable`].
pub fn vehicle(vin: &Vin, facts: &VehicleFacts) -> Result<String, Unwritable> {
    json(&VehicleForm::of(vin, facts)?)
}

/// The line of a fact, without its end.
///
/// # Errors
/// See [`Unwritable`].
pub fn write(fact: &Fact) -> Result<String, Unwritable> {
    match fact {
        Fact::Vehicle(vin, facts) => vehicle(vin, facts),
        Fact::Subject(SubjectKey { issuer, subject }, SubjectFacts { suspended }) => {
            json(&SubjectForm {
                issuer: issuer.clone(),
                subject: subject.clone(),
                suspended: *suspended,
            })
        }
        Fact::Alias(Alias { client, alias }, vin) => json(&AliasForm {
            alias: alias.clone(),
            client: client.clone(),
            vin: vin.map(|vin| vin.as_str().to_owned()),
        }),
    }
}

fn json(form: &impl Serialize) -> Result<String, Unwritable> {
    serde_json::to_string(form).map_err(|_| Unwritable) // can't fail: all keys are strings
}

fn moment(end: Duration) -> Result<String, Unwritable> {
    let at = UNIX_EPOCH.checked_add(end).ok_or(Unwritable)?;
    let mut text = String::new();
    let written = write!(text, "{}", humantime::format_rfc3339(at));
    written.map(|()| text).map_err(|_| Unwritable)
}

#[cfg(test)]
pub(crate) mod tests;
