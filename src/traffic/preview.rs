//! What does an operator read before closing something?

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::switchboard::census::{Counts, Distinct, Survey, share};

/// What a closure would hit, from the requests of the last minutes.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preview {
    /// Replicas whose requests are counted here.
    pub replicas: usize,
    /// Names of replicas that are alive and did not answer in time: what they serve is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// Why other replicas could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Seconds that are looked at: 300, or less after a start or when traffic is heavy. The replica
    /// that looks back least.
    pub window_seconds: f64,
    /// Requests in that time that the scope covers.
    pub requests: u32,
    /// The same a second.
    pub requests_per_second: f64,
    /// Their share of all requests, 0 to 1.
    pub share: f64,
    /// The same by surface, for the surfaces that are hit.
    pub by_surface: Vec<SurfaceShare>,
    /// Distinct OAuth clients among them.
    pub clients: u64,
    /// Distinct verified subjects among them; above 256 an estimate, as for the others.
    pub subjects: u64,
    /// Distinct vehicles that they name.
    pub vehicles: u64,
    /// The share of them that was refused, for whatever reason, 0 to 1.
    pub denied: f64,
    /// The share of them that closures in force refuse already, 0 to 1.
    pub already_refused: f64,
    /// Closures in force that cover some of them too.
    pub overlaps: Vec<Overlap>,
}

/// What a closure would hit on one surface.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurfaceShare {
    /// Name.
    pub surface: String,
    /// Requests a second that the scope covers.
    pub requests_per_second: f64,
    /// Their share of the surface's requests, 0 to 1.
    pub share: f64,
}

/// A closure in force that covers some of the same requests.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// Id of the closure.
    pub id: String,
    /// How many of the requests.
    pub requests: u32,
}

impl Preview {
    /// What the replicas of a fleet counted, added up. Rates add, whatever time each looks back.
    pub fn of(survey: Survey) -> Self {
        let counts = &survey.counts;
        let mut overlaps: BTreeMap<&String, u32> = BTreeMap::new();
        for (id, requests) in counts.iter().flat_map(|one| &one.overlaps) {
            let sum = overlaps.entry(id).or_default();
            *sum = sum.saturating_add(*requests);
        }
        let overlap = |(id, requests): (&String, u32)| Overlap {
            id: id.clone(),
            requests,
        };
        let sum =
            |of: fn(&Counts) -> u32| -> u32 { counts.iter().map(of).fold(0, u32::saturating_add) };
        let distinct = |of: fn(&Counts) -> &Distinct| {
            let mut all = Distinct::default();
            for one in counts {
                all.merge(of(one));
            }
            all.count()
        };
        let hit = f64::from(sum(|one| one.hit));
        let windows = counts.iter().map(|one| one.window_seconds);
        Self {
            replicas: counts.len(),
            window_seconds: windows.reduce(f64::min).unwrap_or_default(),
            requests: sum(|one| one.hit),
            requests_per_second: counts.iter().map(|one| one.a_second(one.hit)).sum(),
            share: survey.share(),
            by_surface: by_surface(counts),
            clients: distinct(|one| &one.clients),
            subjects: distinct(|one| &one.subjects),
            vehicles: distinct(|one| &one.vehicles),
            denied: share(f64::from(sum(|one| one.denied)), hit),
            already_refused: share(f64::from(sum(|one| one.refused)), hit),
            overlaps: overlaps.into_iter().map(overlap).collect(),
            missing: survey.missing,
            unknown: survey.unknown,
        }
    }
}

fn by_surface(counts: &[Counts]) -> Vec<SurfaceShare> {
    let mut rates: BTreeMap<&String, (f64, f64)> = BTreeMap::new();
    for one in counts {
        for (surface, (hit, all)) in &one.surfaces {
            let (hits, whole) = rates.entry(surface).or_default();
            *hits += one.a_second(*hit);
            *whole += one.a_second(*all);
        }
    }
    let hit_ones = rates.into_iter().filter(|(_, (hit, _))| *hit > 0.0);
    let surface = |(surface, (hit, all)): (&String, (f64, f64))| SurfaceShare {
        surface: surface.clone(),
        requests_per_second: hit,
        share: share(hit, all),
    };
    hit_ones.map(surface).collect()
}
