//! How much of the live traffic would a closure hit, over a whole fleet?
//!
//! Each replica counts what it served itself; the counts add up. Who asked is not told: of clients,
//! subjects and vehicles only a few keyed hashes travel, enough to say how many there are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::switchboard::Scope;
use crate::switchboard::seal::FleetKey;

/// Hashes that are kept of one kind. Up to so many the number is exact, beyond it within 6 %
/// (standard error, `1 / sqrt(256 - 2)`).
const KEPT: usize = 256;

/// What one replica's last minutes say of a scope.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
pub struct Counts {
    /// Seconds that were looked at.
    pub window_seconds: f64,
    /// Requests in that time.
    pub all: u32,
    /// Those that the scope covers.
    pub hit: u32,
    /// Those of them that were refused, for whatever reason.
    pub denied: u32,
    /// Those of them that closures in force refuse already.
    pub refused: u32,
    /// Hit, and all, by surface.
    pub surfaces: BTreeMap<String, (u32, u32)>,
    /// OAuth clients among those that are hit.
    pub clients: Distinct,
    /// Verified subjects among them.
    pub subjects: Distinct,
    /// Vehicles that they name.
    pub vehicles: Distinct,
    /// Closures in force that cover some of them too, and how many.
    pub overlaps: BTreeMap<String, u32>,
}

/// Counts the live traffic of this replica. May take some milliseconds.
pub trait Census: Send + Sync {
    /// What a closure of this scope would have hit.
    fn count(&self, scope: &Scope, key: &FleetKey) -> Counts;
}

/// What the replicas of a fleet answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Survey {
    /// What was counted, by one replica each; the asked one is the first.
    pub counts: Vec<Counts>,
    /// Names of replicas that are alive and did not answer in time.
    pub missing: Vec<String>,
    /// Why others could not be asked.
    pub unknown: Option<String>,
}

impl Counts {
    /// So many of its requests, a second. Over at least a second: a replica that just began has no
    /// more to say.
    pub fn a_second(&self, requests: u32) -> f64 {
        f64::from(requests) / self.window_seconds.max(1.0)
    }
}

impl Survey {
    /// The share of the live traffic that is hit, 0 to 1, over the replicas that answered.
    pub fn share(&self) -> f64 {
        let rate = |of: fn(&Counts) -> u32| -> f64 {
            let rates = self.counts.iter().map(|counts| counts.a_second(of(counts)));
            rates.sum()
        };
        share(rate(|counts| counts.hit), rate(|counts| counts.all))
    }
}

/// The part of a whole, 0 to 1; 0 of nothing.
pub fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// How many distinct ones there are: the smallest of their hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Distinct(BTreeSet<u64>);

impl Distinct {
    /// Notes one, by a hash that is as likely to be any number as any other.
    pub fn add(&mut self, hash: u64) {
        if self.0.len() < KEPT || self.0.last().is_some_and(|largest| hash < *largest) {
            self.0.insert(hash);
            if self.0.len() > KEPT {
                self.0.pop_last();
            }
        }
    }

    /// Notes all that another one noted.
    pub fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|hash| self.add(*hash));
    }

    /// How many.
    pub fn count(&self) -> u64 {
        let kept = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        let Some(largest) = self.0.last().filter(|_| self.0.len() >= KEPT) else {
            return kept;
        };
        // the kept ones share the numbers up to the largest, as all of them share all numbers
        let shared = u128::from(kept.saturating_sub(1)) << 64_u32;
        let estimate = shared.checked_div(u128::from(*largest)).unwrap_or_default();
        u64::try_from(estimate).unwrap_or(u64::MAX).max(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> FleetKey {
        FleetKey::new(&[7; 32]).unwrap()
    }

    fn distinct(names: impl Iterator<Item = u32>) -> Distinct {
        let mut distinct = Distinct::default();
        names.for_each(|name| distinct.add(key().hash(&name.to_string())));
        distinct
    }

    #[test]
    fn few_are_counted_exactly_and_many_nearly() {
        for number in [0, 1, 2, 255, 256] {
            assert_eq!(distinct(0..number).count(), u64::from(number));
        }
        for number in [257, 1_000, 100_000] {
            let estimate = distinct(0..number).count();
            let off = estimate.abs_diff(u64::from(number));
            assert!(off * 4 < u64::from(number), "{estimate} for {number}"); // four standard errors
        }
    }

    #[test]
    fn those_of_two_replicas_count_once() {
        let (mut one, other) = (distinct(0..100), distinct(50..150));
        one.merge(&other);
        assert_eq!(one.count(), 150);
        let (mut one, other) = (distinct(0..50_000), distinct(0..50_000));
        one.merge(&other);
        assert_eq!(one, other);
        let mut apart = distinct(0..50_000);
        apart.merge(&distinct(50_000..100_000));
        assert_eq!(apart, distinct(0..100_000), "as if counted in one place");
    }

    #[test]
    fn a_share_is_of_rates_because_windows_differ() {
        let counts = |window_seconds, all, hit| Counts {
            window_seconds,
            all,
            hit,
            ..Counts::default()
        };
        // a busy replica remembers 10 s, a quiet one 300 s: 100 and 1 a second
        let survey = Survey {
            counts: vec![counts(10.0, 1_000, 0), counts(300.0, 300, 300)],
            ..Survey::default()
        };
        assert!((survey.share() - 1.0 / 101.0).abs() < 1e-9);
        let nothing = Survey {
            counts: vec![counts(0.0, 0, 0)],
            ..Survey::default()
        };
        assert!(nothing.share().abs() < f64::EPSILON);
    }
}
