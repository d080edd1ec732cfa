//! What are operators told of the policies in force?

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::pipeline::policy::bundle::Bundle;
use crate::pipeline::policy::generations::Generations;

/// The policies in force, where they came from, and what is kept beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct PoliciesForm {
    /// Revision of those for vehicles, as decisions name it.
    pub revision: String,
    /// Revision of those for operators.
    pub operators_revision: String,
    /// The folder, or the bundle, that the configuration names.
    pub place: String,
    /// What is in force came in this bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleForm>,
    /// Bundles that are kept, those loaded last first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<KeptForm>,
    /// An operator went back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<RolledBackForm>,
    /// An operator vouches for a bundle that nobody signed or proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted: Option<AdmittedForm>,
}

/// A bundle in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BundleForm {
    /// Its id.
    pub id: String,
    /// When it was built.
    pub built: String,
    /// Id of the key that signed it; none if no trusted one did.
    pub signer: Option<String>,
    /// Claims that were not proved.
    pub unproved: Vec<String>,
}

/// A bundle that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct KeptForm {
    /// Its id.
    pub id: String,
    /// When it was built.
    pub built: String,
    /// When it was loaded first.
    pub loaded: String,
    /// Id of the key that had signed it.
    pub signer: Option<String>,
    /// Whether all was proved.
    pub proved: bool,
    /// Whether it is the one in force.
    pub in_force: bool,
}

/// Who went back, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct RolledBackForm {
    /// Bundles that were left.
    pub from: Vec<String>,
    /// The one in force.
    pub to: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// Who vouches, for what, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct AdmittedForm {
    /// For which bundle.
    pub bundle: String,
    /// Until when it may be loaded.
    pub until: String,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

impl PoliciesForm {
    /// Of what is in force and what is remembered.
    pub fn new(
        place: String,
        (policies, operators): (&str, &str),
        bundle: Option<&Bundle>,
        generations: &Generations,
    ) -> Self {
        let form = Self {
            revision: policies.to_owned(),
            operators_revision: operators.to_owned(),
            place,
            bundle: bundle.map(|bundle| BundleForm {
                id: bundle.id().as_str().to_owned(),
                built: time(bundle.built()),
                signer: bundle.signer().map(str::to_owned),
                unproved: bundle.unproved(),
            }),
            ..Self::default()
        };
        form.remembering(generations)
    }

    /// The same, with what is remembered.
    #[must_use]
    pub fn remembering(mut self, generations: &Generations) -> Self {
        let in_force = self.bundle.as_ref().map(|bundle| bundle.id.clone());
        let kept = generations.loaded.iter().map(|one| KeptForm {
            id: one.bundle.as_str().to_owned(),
            built: time(one.built),
            loaded: time(one.loaded),
            signer: one.signer.clone(),
            proved: one.proved,
            in_force: in_force.as_deref() == Some(one.bundle.as_str()),
        });
        self.kept = kept.collect();
        self.rolled_back = generations.rolled_back.as_ref().map(|back| RolledBackForm {
            from: back.from.iter().map(|id| id.as_str().to_owned()).collect(),
            to: back.to.as_str().to_owned(),
            by: back.by.clone(),
            reason: back.reason.clone(),
            at: time(back.at),
        });
        self.admitted = generations.admitted.as_ref().map(|one| AdmittedForm {
            bundle: one.bundle.as_str().to_owned(),
            until: time(one.until),
            by: one.by.clone(),
            reason: one.reason.clone(),
            at: time(one.at),
        });
        self
    }

    /// Changes with what is in force.
    pub fn tag(&self) -> String {
        let bundle = self.bundle.as_ref().map(|bundle| bundle.id.as_str());
        let what = bundle.unwrap_or(&self.revision);
        format!("\"{}\"", what.get(..16).unwrap_or(what))
    }

    /// What is in force, in a line for the record.
    pub(in crate::admin) fn told(&self) -> Vec<String> {
        let bundle = self.bundle.as_ref();
        let bundle = bundle.map(|bundle| format!("bundle {}", bundle.id));
        let revision = format!("revision {}", self.revision);
        bundle.into_iter().chain([revision]).collect()
    }

    /// Where what is in force came from, in words.
    pub(in crate::admin) fn origin(&self) -> String {
        let Some(bundle) = &self.bundle else {
            return format!("of folder {}", self.place);
        };
        let id = bundle.id.get(..16).unwrap_or(&bundle.id);
        let signer = match &bundle.signer {
            Some(key) => format!("signed by {key}"),
            None => "signed by nobody trusted".to_owned(),
        };
        let proved = if bundle.unproved.is_empty() {
            "proved"
        } else {
            "not proved"
        };
        let back = if self.rolled_back.is_some() {
            ", gone back to"
        } else {
            ""
        };
        format!("bundle {id}, {signer}, {proved}{back}")
    }

    /// Whether what is in force has no trusted signature or lacks a proof.
    pub fn is_odd(&self) -> bool {
        let odd = |bundle: &BundleForm| bundle.signer.is_none() || !bundle.unproved.is_empty();
        self.bundle.as_ref().is_some_and(odd)
    }
}

fn time(seconds: u64) -> String {
    clock::rfc3339(Duration::from_secs(seconds))
}
