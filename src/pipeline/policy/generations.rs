//! Which policy bundle may be loaded, and which one is next?
//!
//! What a gateway remembers of its bundles, and the judgement over it; where that is kept is an adapter's.
//! A signature says who made a bundle, not that it is still meant: an older one is loaded only where an
//! operator goes back to it. INVARIANT: what nobody signed or proved is loaded only while an operator
//! vouches for these very bytes.

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::pipeline::policy::bundle::{Bundle, BundleId};

/// Bundles that are kept: enough to go back past a bad day.
pub const KEPT: usize = 5;

/// How far a build machine's clock may be ahead. A bundle from far ahead would bar all later ones.
const AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an operator can vouch for a bundle at a time: a weekend, and then somebody signs.
pub const LONGEST_ADMISSION: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// What is remembered. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generations {
    /// What was loaded, the newest first.
    pub loaded: Vec<Generation>,
    /// When the newest signed one of all that were ever loaded was built.
    pub newest_built: u64,
    /// That an operator went back, and how.
    pub rolled_back: Option<RolledBack>,
    /// For which one an operator vouches.
    pub admitted: Option<Admitted>,
}

/// A bundle that was loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// Which one.
    pub bundle: BundleId,
    /// When it was built.
    pub built: u64,
    /// When it was loaded first.
    pub loaded: u64,
    /// Who signed it; `None` where an operator vouched for it.
    pub signer: Option<String>,
    /// Whether all that its ceilings and floors claim was proved.
    pub proved: bool,
}

/// That an operator went back to an older bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolledBack {
    /// Those that were left, and stay left wherever they lie.
    pub from: Vec<BundleId>,
    /// The one in force.
    pub to: BundleId,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: u64,
}

/// That an operator vouches for a bundle that nobody signed or proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admitted {
    /// For which one.
    pub bundle: BundleId,
    /// Until when it may be loaded, itself not included.
    pub until: u64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: u64,
}

/// Who changes it, why and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<'a> {
    /// Name of the operator.
    pub by: &'a str,
    /// As they said.
    pub reason: &'a str,
    /// Since the Unix epoch.
    pub at: Duration,
}

/// Which bundle is to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// The one that lies where the configuration says.
    Given,
    /// One that is kept: an operator went back to it.
    Kept(BundleId),
}

/// Why a bundle is not loaded, or none can be gone back to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not all that its ceilings and floors claim was proved.
    #[error(
        "was not proved ({}): build it with the solver, or load it by `vingate policy break-glass`",
        .0.join(", ")
    )]
    Unproved(Vec<String>),
    /// It was built before one that was loaded.
    #[error(
        "is older than the newest that was loaded: build it anew, or go back by \
         `vingate policy rollback`"
    )]
    Older,
    /// It was built far ahead.
    #[error("says that it was built more than a day from now: a clock is wrong")]
    Ahead,
    /// Nothing else is kept.
    #[error("no other bundle is kept that could be gone back to")]
    NothingKept,
    /// None of the kept ones is meant, or more than one.
    #[error(
        "`{0}` names none of the kept bundles, or more than one; it takes eight digits or more"
    )]
    Unknown(String),
    /// It is the one in force.
    #[error("bundle {0} is in force already")]
    InForce(BundleId),
    /// Nobody can vouch for so long, or for no time.
    #[error("an operator vouches for a bundle for at least a minute and at most three days")]
    Term,
}

impl Generations {
    /// The one in force, if any was loaded.
    pub fn in_force(&self) -> Option<&BundleId> {
        let newest = self.loaded.first().map(|one| &one.bundle);
        self.rolled_back.as_ref().map(|back| &back.to).or(newest)
    }

    /// Whether an operator vouches for this one at `now`.
    pub fn vouches(&self, bundle: &BundleId, now: Duration) -> bool {
        let admitted = self.admitted.as_ref();
        admitted.is_some_and(|one| one.bundle == *bundle && now.as_secs() < one.until)
    }

    /// Which one to load where `given` lies at the configured place. One that was left stays left; any
    /// other ends the going back.
    pub fn choose(&self, given: &BundleId) -> Which {
        match &self.rolled_back {
            Some(back) if back.to == *given || back.from.contains(given) => {
                Which::Kept(back.to.clone())
            }
            Some(_) | None => Which::Given,
        }
    }

    /// Whether it may be loaded, where `insist` says that nothing is loaded without proofs.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(
        &self,
        bundle: &Bundle,
        which: &Which,
        insist: bool,
        now: Duration,
    ) -> Result<(), Refused> {
        if self.vouches(bundle.id(), now) {
            return Ok(());
        }
        let unproved = bundle.unproved();
        if insist && !unproved.is_empty() {
            return Err(Refused::Unproved(unproved));
        }
        if *which == Which::Given {
            if bundle.built() < self.newest_built {
                return Err(Refused::Older);
            }
            if bundle.built() > now.saturating_add(AHEAD).as_secs() {
                return Err(Refused::Ahead);
            }
        }
        Ok(())
    }

    /// What is remembered once this one is in force.
    #[must_use]
    pub fn with(&self, bundle: &Bundle, which: &Which, now: Duration) -> Self {
        let mut next = self.clone();
        next.admitted
            .take_if(|admitted| admitted.until <= now.as_secs());
        if *which != Which::Given {
            return next;
        }
        next.rolled_back = None;
        if bundle.signer().is_some() {
            next.newest_built = next.newest_built.max(bundle.built());
        }
        if next
            .loaded
            .first()
            .is_some_and(|one| one.bundle == *bundle.id())
        {
            return next;
        }
        next.loaded.retain(|one| one.bundle != *bundle.id());
        let generation = Generation {
            bundle: bundle.id().clone(),
            built: bundle.built(),
            loaded: now.as_secs(),
            signer: bundle.signer().map(str::to_owned),
            proved: bundle.unproved().is_empty(),
        };
        next.loaded.insert(0, generation);
        next.loaded.truncate(KEPT);
        next
    }

    /// What is remembered once an operator went back: to the kept bundle whose digits `to` are, else to
    /// the one before; or, where what lies at the configured place was never loaded, to what is in force.
    ///
    /// # Errors
    /// There is none to go back to.
    pub fn roll_back(
        &self,
        given: Option<&BundleId>,
        to: Option<&str>,
        changed: &Changed<'_>,
    ) -> Result<Self, Refused> {
        let current = self.in_force().ok_or(Refused::NothingKept)?;
        let mut from = self
            .rolled_back
            .as_ref()
            .map(|back| back.from.clone())
            .unwrap_or_default();
        let strays = given.filter(|given| *given != current && !from.contains(given));
        let to = match to {
            Some(digits) => self.named(digits)?,
            None if strays.is_some() => current,
            None => self.before(current, &from).ok_or(Refused::NothingKept)?,
        };
        if to == current && strays.is_none() {
            return Err(Refused::InForce(current.clone()));
        }
        from.extend([Some(current), strays].into_iter().flatten().cloned());
        from.retain(|left| left != to);
        let mut next = self.clone();
        next.rolled_back = Some(RolledBack {
            from,
            to: to.clone(),
            by: changed.by.to_owned(),
            reason: changed.reason.to_owned(),
            at: changed.at.as_secs(),
        });
        Ok(next)
    }

    /// What is remembered once an operator vouches for a bundle.
    ///
    /// # Errors
    /// For too short or too long.
    pub fn admit(
        &self,
        bundle: &BundleId,
        term: Duration,
        changed: &Changed<'_>,
    ) -> Result<Self, Refused> {
        if term < Duration::from_secs(60) || term > LONGEST_ADMISSION {
            return Err(Refused::Term);
        }
        let mut next = self.clone();
        next.admitted = Some(Admitted {
            bundle: bundle.clone(),
            until: changed.at.saturating_add(term).as_secs(),
            by: changed.by.to_owned(),
            reason: changed.reason.to_owned(),
            at: changed.at.as_secs(),
        });
        Ok(next)
    }

    fn named(&self, digits: &str) -> Result<&BundleId, Refused> {
        let mut meant = self.loaded.iter().map(|one| &one.bundle);
        let mut meant = meant.by_ref().filter(|bundle| bundle.is_meant_by(digits));
        match (meant.next(), meant.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(Refused::Unknown(digits.to_owned())),
        }
    }

    /// The one that was loaded before `current`, of those that weren't left.
    fn before(&self, current: &BundleId, from: &[BundleId]) -> Option<&BundleId> {
        let mut loaded = self.loaded.iter().map(|one| &one.bundle);
        loaded.by_ref().find(|bundle| *bundle == current);
        loaded.find(|bundle| !from.contains(bundle))
    }
}
