//! What would a closure hit?
//!
//! The last five minutes of requests, of this replica: what a switch could see of each, in a ring of
//! a fixed size (about 8 MiB; the principals of those requests stay in memory as long). And how many
//! came in all, exactly, each second by surface. Synthetic requests are not counted.

mod preview;
mod seconds;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::pipeline::switch::Situation;
use crate::switchboard::census::{Census, Counts, Distinct};
use crate::switchboard::seal::FleetKey;
use crate::switchboard::store::Switchboard;
use crate::switchboard::{Board, Scope};

pub use preview::{Overlap, Preview, SurfaceShare};
use seconds::{KEPT, Seconds};

/// Requests that are remembered: 200 a second for five minutes. A power of two.
const PLACES: usize = 65_536;

/// How far back is looked, at most.
const WINDOW: Duration = Duration::from_secs(KEPT);

/// Counters side by side, so that threads seldom wait for each other. A power of two.
const SHARDS: usize = 8;

/// Characters of a client's version that are kept: it is the client's own text.
const VERSION_LETTERS: usize = 64;

/// Stands for requests that no route lists.
const NO_SURFACE: &str = "-";

/// What a switch could see of one request.
struct Sample {
    at: Duration,
    situation: Situation,
    denied: bool,
}

/// The last minutes of requests of this replica.
pub struct Traffic {
    since: Duration,
    /// How many were noted, ever.
    noted: AtomicUsize,
    places: Box<[Mutex<Option<Sample>>]>,
    seconds: [Mutex<Seconds>; SHARDS],
}

impl fmt::Debug for Traffic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Traffic") // who asked for which vehicle
    }
}

/// How much comes in by one surface.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurfaceRate {
    /// Name; `-` for requests that no route lists.
    pub surface: String,
    /// Requests of the last five minutes, all of them.
    pub requests: u64,
    /// The same a second.
    pub requests_per_second: f64,
}

impl Traffic {
    /// Of a replica that begins to serve at `now` (since the Unix epoch).
    pub fn new(now: Duration) -> Self {
        Self {
            since: now,
            noted: AtomicUsize::new(0),
            places: (0..PLACES).map(|_| Mutex::new(None)).collect(),
            seconds: std::array::from_fn(|_| Mutex::default()),
        }
    }

    /// Notes a request that ended: what became known of it, and whether it was refused. Never
    /// waits for long, and never for a disk.
    pub fn note(&self, at: Duration, situation: &Situation, denied: bool) {
        let turn = self.noted.fetch_add(1, Ordering::Relaxed);
        let surface = situation.route.as_ref().map(|route| &route.surface.name);
        if let Some(seconds) = self.seconds.get(turn & SHARDS.saturating_sub(1)) {
            hold(seconds).count(at.as_secs(), surface);
        }
        let mut situation = situation.clone();
        situation.version = situation.version.map(shorten);
        let sample = Sample {
            at,
            situation,
            denied,
        };
        if let Some(place) = self.places.get(turn & PLACES.saturating_sub(1)) {
            let before = hold(place).replace(sample);
            drop(before); // outside the lock: it may be the last to know a principal
        }
    }

    /// What a closure of `scope` would have hit, as `board` stands. Takes some milliseconds: not for
    /// a thread that serves requests.
    pub fn count(&self, scope: &Scope, board: &Board, now: Duration, key: &FleetKey) -> Counts {
        let window = self.window(now);
        let mut tally = Tally::default();
        self.each(now, window, |sample| tally.add(sample, scope, board));
        tally.tell(window, key)
    }

    /// Requests by surface in the last five minutes, exactly, however many they were.
    pub fn surfaces(&self, now: Duration) -> Vec<SurfaceRate> {
        let mut sums = BTreeMap::new();
        for seconds in &self.seconds {
            hold(seconds).add_to(&mut sums, now.as_secs());
        }
        let window = now.saturating_sub(self.since).min(WINDOW);
        let rate = |(surface, requests): (Option<Arc<str>>, u64)| SurfaceRate {
            surface: surface.as_deref().unwrap_or(NO_SURFACE).to_owned(),
            requests,
            requests_per_second: whole(requests) / window.as_secs_f64().max(1.0),
        };
        sums.into_iter().map(rate).collect()
    }

    /// How far back the ring reaches.
    fn window(&self, now: Duration) -> Duration {
        let noted = self.noted.load(Ordering::Relaxed);
        let oldest = self.places.get(noted & PLACES.saturating_sub(1));
        let oldest = oldest.and_then(|place| hold(place).as_ref().map(|sample| sample.at));
        let since = match oldest {
            Some(at) if noted >= PLACES => at,
            Some(_) | None => self.since,
        };
        now.saturating_sub(since).min(WINDOW)
    }

    fn each(&self, now: Duration, window: Duration, mut found: impl FnMut(&Sample)) {
        for place in &self.places {
            if let Some(sample) = &*hold(place)
                && now.saturating_sub(sample.at) <= window
            {
                found(sample);
            }
        }
    }
}

/// What is counted while the ring is walked.
#[derive(Default)]
struct Tally {
    all: u32,
    hit: u32,
    denied: u32,
    refused: u32,
    /// Hit, and all, by surface.
    surfaces: BTreeMap<Arc<str>, (u32, u32)>,
    clients: HashSet<String>,
    subjects: HashSet<String>,
    vehicles: HashSet<String>,
    overlaps: BTreeMap<String, u32>,
}

impl Tally {
    fn add(&mut self, sample: &Sample, scope: &Scope, board: &Board) {
        one_more(&mut self.all);
        let (Some(place), Some(route)) = (sample.situation.whole(), &sample.situation.route) else {
            return; // no switch can name it
        };
        let covered = scope.covers(place);
        let name = Arc::clone(&route.surface.name);
        let (hit, all) = self.surfaces.entry(name).or_default();
        one_more(all);
        if !covered {
            return;
        }
        one_more(hit);
        one_more(&mut self.hit);
        if sample.denied {
            one_more(&mut self.denied);
        }
        if let Some(principal) = &sample.situation.principal {
            let subject = format!("{}/{}", principal.issuer, principal.subject);
            self.subjects.insert(subject);
            self.clients.extend(principal.client.clone());
        }
        let vin = sample.situation.vin.as_ref();
        self.vehicles.extend(vin.map(|vin| vin.as_str().to_owned()));
        if board.judge(place).is_some() {
            one_more(&mut self.refused);
        }
        board.covering(place, |closure| {
            one_more(self.overlaps.entry(closure.id.clone()).or_default());
        });
    }

    fn tell(self, window: Duration, key: &FleetKey) -> Counts {
        let distinct = |names: HashSet<String>| {
            let mut distinct = Distinct::default();
            for name in &names {
                distinct.add(key.hash(name));
            }
            distinct
        };
        let surfaces = self.surfaces.into_iter();
        Counts {
            window_seconds: window.as_secs_f64(),
            all: self.all,
            hit: self.hit,
            denied: self.denied,
            refused: self.refused,
            surfaces: surfaces
                .map(|(surface, counts)| (surface.to_string(), counts))
                .collect(),
            clients: distinct(self.clients),
            subjects: distinct(self.subjects),
            vehicles: distinct(self.vehicles),
            overlaps: self.overlaps,
        }
    }
}

/// The live traffic of this replica, as its board stands.
pub struct LiveCensus {
    traffic: Arc<Traffic>,
    board: Arc<Switchboard>,
}

impl LiveCensus {
    /// Of this traffic.
    pub fn new(traffic: Arc<Traffic>, board: Arc<Switchboard>) -> Self {
        Self { traffic, board }
    }
}

impl fmt::Debug for LiveCensus {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LiveCensus")
    }
}

impl Census for LiveCensus {
    fn count(&self, scope: &Scope, key: &FleetKey) -> Counts {
        let board = self.board.board();
        self.traffic.count(scope, &board, clock::unix_time(), key)
    }
}

fn one_more(count: &mut u32) {
    *count = count.saturating_add(1);
}

fn whole(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

fn shorten(version: Arc<str>) -> Arc<str> {
    if version.len() <= VERSION_LETTERS {
        return version;
    }
    let kept: String = version.chars().take(VERSION_LETTERS).collect();
    kept.into()
}

/// A panic elsewhere leaves a sample or a count as it was: a poisoned lock is fine.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(crate) mod tests;
