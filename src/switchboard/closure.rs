//! What is a closure?

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One closure: a conjunction over dimensions, a set within each; an empty set is any.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// Never used again.
    pub id: String,
    /// What it covers.
    pub scope: Scope,
    /// Private; required.
    pub reason: String,
    /// Public text.
    pub message: Option<String>,
    /// Operator: Unix user name or id.
    pub closed_by: String,
    /// Since the Unix epoch, in seconds.
    pub closed_at: u64,
    /// Base of `Retry-After`, seconds.
    pub retry_after: u64,
}

impl fmt::Debug for Closure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // reason and message are free text, and an operator may well write a VIN there
        out.debug_struct("Closure")
            .field("id", &self.id)
            .field("scope", &self.scope)
            .field("closed_by", &self.closed_by)
            .field("closed_at", &self.closed_at)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

/// What a closure covers. At least one set is not empty.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// Names of surfaces.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub surfaces: BTreeSet<String>,
    /// Ids of routes.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub routes: BTreeSet<String>,
    /// Names of upstreams.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub upstreams: BTreeSet<String>,
    /// OAuth client ids.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub clients: BTreeSet<String>,
    /// `ISSUER/SUBJECT`, the issuer by its name in the configuration.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub subjects: BTreeSet<String>,
    /// VINs.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub vehicles: BTreeSet<String>,
}

impl Scope {
    /// Whether it names nothing, and so would cover everything.
    pub fn is_empty(&self) -> bool {
        self.sets().iter().all(|(_, set)| set.is_empty())
    }

    /// What it covers in words: names of what belongs to the estate, but only the number of
    /// subjects and vehicles. Fit for logs.
    pub fn summary(&self) -> String {
        let personal = |name: &str| matches!(name, "subject" | "vehicle");
        let words: Vec<String> = self
            .sets()
            .iter()
            .filter(|(_, set)| !set.is_empty())
            .map(|(name, set)| {
                let plural = if set.len() == 1 { "" } else { "s" };
                if personal(name) {
                    return format!("{} {name}{plural}", set.len());
                }
                let names: Vec<&str> = set.iter().map(String::as_str).collect();
                format!("{name}{plural} {}", names.join(", "))
            })
            .collect();
        if words.is_empty() {
            "nothing".to_owned()
        } else {
            words.join("; ")
        }
    }

    /// Every dimension with its name.
    fn sets(&self) -> [(&'static str, &BTreeSet<String>); 6] {
        [
            ("surface", &self.surfaces),
            ("route", &self.routes),
            ("upstream", &self.upstreams),
            ("client", &self.clients),
            ("subject", &self.subjects),
            ("vehicle", &self.vehicles),
        ]
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Scope({})", self.summary())
    }
}
