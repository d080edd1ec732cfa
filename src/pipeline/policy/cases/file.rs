//! What can be written in a file of cases?

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use crate::config::file::PrincipalKind;

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
}

/// What the directory says of a vehicle; `unknown = true` and a VIN alone where it knows none.
#[derive(Debug, Clone, Deserialize)]
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
}

/// A grant to a driver.
#[derive(Debug, Clone, Deserialize)]
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
    pub(super) now: Option<String>,
    pub(super) expect: Expected,
    /// `@id`s of the deciding policies, all of them; not compared where it is absent.
    pub(super) by: Option<BTreeSet<String>>,
}

fn default_surface() -> String {
    "portal".to_owned()
}

/// What must come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Expected {
    Allow,
    Deny,
}

impl Expected {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}
