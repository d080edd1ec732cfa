//! What was a request refused for, though nothing was wrong with it, and when last?

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::denial::Denial;
use crate::pipeline::audit::Outcome;
use crate::telemetry::Sample;

/// What policies that can't be evaluated are counted under.
pub const POLICIES: &str = "policies";

/// How often something failed since the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Trouble {
    /// How often.
    pub count: u64,
    /// When last, in seconds since the Unix epoch.
    pub last: u64,
    /// Route of the request that met it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
}

/// Everything that failed, by its name: `policies`, a dependency, `upstream NAME`. Names are this crate's
/// and the configuration's, so there are few.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<BTreeMap<String, Trouble>>);

impl Troubles {
    /// Counts what one request met.
    pub(super) fn note(&self, sample: &Sample<'_>) {
        if sample.policy_errors > 0 {
            let errors = u64::try_from(sample.policy_errors).unwrap_or(u64::MAX);
            self.add(POLICIES.to_owned(), errors, sample);
        }
        let Outcome::Denied(denial) = sample.outcome else {
            return;
        };
        if let Denial::DependencyUnavailable(_) = denial {
            self.add(denial.reason(), 1, sample);
        }
        if let (Denial::UpstreamFailed | Denial::UpstreamTimeout, Some(route)) =
            (denial, sample.route)
        {
            self.add(upstream(&route.upstream), 1, sample);
        }
    }

    fn add(&self, name: String, times: u64, sample: &Sample<'_>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let trouble = all.entry(name).or_default();
        trouble.count = trouble.count.saturating_add(times);
        trouble.last = clock::unix_time().as_secs();
        trouble.route = sample.route.map(|route| route.id.to_string());
    }

    /// All of them.
    pub(super) fn all(&self) -> BTreeMap<String, Trouble> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.clone()
    }
}

/// What an upstream is counted under.
pub fn upstream(name: &str) -> String {
    format!("upstream {name}")
}
