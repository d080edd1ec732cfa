//! What may close by itself, and within which bounds?

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration::Span;
use crate::switchboard::{Scope, Texts};

/// Closes a stated part of one surface when many different people are refused there. It can only
/// close, and nothing is assumed: every bound is written.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fuse {
    /// Surface that is watched; never a protected one.
    #[schemars(length(min = 1))]
    pub surface: String,
    /// Public codes of the denials that count.
    #[schemars(length(min = 1))]
    pub codes: BTreeSet<FuseCode>,
    /// So many distinct verified principals, refused by one replica; one alone closes nothing.
    #[schemars(range(min = 2))]
    pub distinct_principals: u32,
    /// Within this time.
    pub window: Span,
    /// What is closed then: a part of that surface, which is named in it.
    pub close: Scope,
    /// How.
    pub state: FuseState,
    /// For how long; then it is restored in stages.
    #[serde(rename = "for")]
    pub lasts: Span,
    /// Public texts by language.
    #[serde(default)]
    pub texts: Texts,
}

/// Denials that a verified principal can meet. What a switch refuses is none of them: a closure must
/// not blow a fuse.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each name is the public code")]
pub enum FuseCode {
    AccessDenied,
    QuotaExceeded,
    VehicleMissing,
    VehicleMalformed,
    VehicleAmbiguous,
    MalformedRequest,
    AmbiguousRequest,
    ResponseWithheld,
}

impl FuseCode {
    /// The public code.
    pub fn code(self) -> &'static str {
        match self {
            Self::AccessDenied => "access-denied",
            Self::QuotaExceeded => "quota-exceeded",
            Self::VehicleMissing => "vehicle-missing",
            Self::VehicleMalformed => "vehicle-malformed",
            Self::VehicleAmbiguous => "vehicle-ambiguous",
            Self::MalformedRequest => "malformed-request",
            Self::AmbiguousRequest => "ambiguous-request",
            Self::ResponseWithheld => "response-withheld",
        }
    }
}

/// What a fuse makes of its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FuseState {
    /// Commands are refused.
    ReadOnly,
    /// Everything is refused.
    Closed,
}
