//! What can be written in a file of cases?

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use crate::config::file::PrincipalKind;
use crate::denial::Denial;
use crate::pipeline::identity::sign_in::{Freshness, Strength};

/// A file of cases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseFile {
    /// When everything in the file happens, unless a case says otherwise; RFC 3339.
    pub(super) now: Spanned<String>,
    pub(super) principal: BTreeMap<String, Caller>,
    #[serde(default)]
    pub(super) vehicle: BTreeMap<String, Spanned<Car>>,
    pub(super) case: Vec<Case>,
}

/// Who asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Caller {
    pub(super) kind: PrincipalKind,
    pub(super) subject: String,
    pub(super) fleet: Option<String>,
    pub(super) client: Option<String>,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// Where a technician works.
    pub(super) dealership: Option<String>,
    #[serde(default)]
    pub(super) roles: Vec<String>,
    /// What the sign-in is worth: weak and long ago unless the case says otherwise.
    #[serde(default)]
    pub(super) strength: Strength,
    #[serde(default)]
    pub(super) freshness: Freshness,
    /// Whether the token is bound to who sends it, which they proved.
    #[serde(default)]
    pub(super) bound: bool,
    #[serde(default)]
    pub(super) suspended: bool,
}

/// What the directory says of a vehicle; `unknown = true` and a VIN alone where it knows none.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Car {
    pub(super) vin: String,
    #[serde(default)]
    pub(super) unknown: bool,
    pub(super) owner: Option<String>,
    #[serde(default)]
    pub(super) drivers: Vec<Grant>,
    pub(super) fleet: Option<String>,
    pub(super) region: Option<String>,
    pub(super) trim: Option<String>,
    #[serde(default)]
    pub(super) capabilities: Vec<String>,
    pub(super) telematics: Option<bool>,
    #[serde(default)]
    pub(super) consents: Vec<CarConsent>,
    #[serde(default)]
    pub(super) work_orders: Vec<CarOrder>,
    #[serde(default)]
    pub(super) cases: Vec<CarCase>,
    #[serde(default)]
    pub(super) suspended: bool,
}

/// A consent to a partner.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CarConsent {
    pub(super) client: String,
    pub(super) scopes: Vec<String>,
    pub(super) until: Option<String>,
}

/// A work order, made out to a `technician` or to a `role`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CarOrder {
    pub(super) id: String,
    pub(super) dealership: String,
    pub(super) technician: Option<String>,
    pub(super) role: Option<String>,
    #[serde(default)]
    pub(super) agreed: Vec<String>,
    pub(super) until: String,
}

/// A roadside case.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CarCase {
    pub(super) case: String,
    pub(super) agent: String,
    pub(super) until: String,
}

/// A grant to a driver.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Grant {
    pub(super) subject: String,
    pub(super) entitlements: Vec<String>,
    pub(super) until: Option<String>,
}

/// One case: the same question for each of its actions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: Spanned<String>,
    pub(super) principal: String,
    pub(super) actions: Vec<String>,
    /// Name of a vehicle of the file; without it the action is on the surface.
    pub(super) vehicle: Option<String>,
    #[serde(default = "default_surface")]
    pub(super) surface: String,
    /// Name of the listener.
    #[serde(default = "default_network")]
    pub(super) network: String,
    pub(super) now: Option<String>,
    pub(super) expect: Expected,
    /// `@id`s of the deciding policies, all of them; not compared where it is absent.
    pub(super) by: Option<BTreeSet<String>>,
}

fn default_surface() -> String {
    "portal".to_owned()
}

fn default_network() -> String {
    "edge".to_owned()
}

/// What must come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expected {
    Allow,
    /// Not with this sign-in, but with a better one.
    StepUp,
    Deny,
}

impl Expected {
    /// What came out.
    pub(super) fn of(answer: &Result<(), Denial>) -> Self {
        match answer {
            Ok(()) => Self::Allow,
            Err(Denial::StepUpRequired(_)) => Self::StepUp,
            Err(_) => Self::Deny,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::StepUp => "step-up",
            Self::Deny => "deny",
        }
    }
}
