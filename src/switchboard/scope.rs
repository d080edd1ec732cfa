//! What does a closure cover?

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A conjunction over dimensions, a set within each; an empty set is any. At least one set is not
/// empty, or `all` is true.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scope {
    /// Everything, in so many words; no set is named beside it.
    #[serde(skip_serializing_if = "is_false")]
    pub all: bool,
    /// Names of surfaces.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub surfaces: BTreeSet<String>,
    /// Regions: the listener's or host's at the entrance, the directory's once the vehicle is known.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub regions: BTreeSet<String>,
    /// Ids of routes.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub routes: BTreeSet<String>,
    /// Actions, or groups of them, by their names in the Cedar schema.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub actions: BTreeSet<String>,
    /// Names of upstreams.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub upstreams: BTreeSet<String>,
    /// Versions of a client, where a surface states how a request tells one.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub client_versions: BTreeSet<String>,
    /// OAuth client ids.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub clients: BTreeSet<String>,
    /// Tenants, where an issuer states the claim that names one.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub tenants: BTreeSet<String>,
    /// `ISSUER/SUBJECT`, the issuer by its name in the configuration.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub subjects: BTreeSet<String>,
    /// VINs.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub vehicles: BTreeSet<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Scope {
    /// Whether it names nothing, and so covers nothing: what covers everything says `all`.
    pub fn is_empty(&self) -> bool {
        !self.all && self.sets().iter().all(|(_, set)| set.is_empty())
    }

    /// Whether `all` stands alone, or some set and no `all`.
    ///
    /// # Errors
    /// It names nothing, or names something beside `all`.
    pub fn check(&self) -> Result<(), &'static str> {
        let names = self.sets().iter().any(|(_, set)| !set.is_empty());
        match (self.all, names) {
            (false, false) => Err("it names nothing"),
            (true, true) => Err("it names something beside `all`"),
            (true, false) | (false, true) => Ok(()),
        }
    }

    /// Whether it is this surface, whole.
    pub fn is_surface(&self, name: &str) -> bool {
        let others = self.sets().into_iter().filter(|(set, _)| *set != "surface");
        self.surfaces.contains(name) && others.into_iter().all(|(_, set)| set.is_empty())
    }

    /// What it covers in words: names of what belongs to the estate, but only the number of
    /// subjects and vehicles. Fit for logs.
    pub fn summary(&self) -> String {
        if self.all {
            return "everything".to_owned();
        }
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

    /// Every set with the name of its dimension, which is also the command line's flag.
    pub fn sets(&self) -> [(&'static str, &BTreeSet<String>); 10] {
        [
            ("surface", &self.surfaces),
            ("region", &self.regions),
            ("route", &self.routes),
            ("action", &self.actions),
            ("upstream", &self.upstreams),
            ("client-version", &self.client_versions),
            ("client", &self.clients),
            ("tenant", &self.tenants),
            ("subject", &self.subjects),
            ("vehicle", &self.vehicles),
        ]
    }

    /// Whether two scopes name a value in common in some dimension, or one of them is everything.
    pub fn meets(&self, other: &Self) -> bool {
        let sets = self.sets();
        let others = other.sets();
        let mut pairs = sets.iter().zip(&others);
        self.all || other.all || pairs.any(|((_, one), (_, two))| !one.is_disjoint(two))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Scope({})", self.summary())
    }
}
