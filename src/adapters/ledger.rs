//! How many units of each quota are taken, in this process?
//!
//! GCRA (ITU-T I.371): a cell is one point in time, the moment at which all its units are there
//! again. A unit moves it on by `window / quota`, and it may never lie more than a whole quota ahead.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::pipeline::ports::{Exhausted, LookupError, QuotaLedger};
use crate::pipeline::quota::{Charge, QuotaPolicy, QuotaStanding};

/// As many locks; a few for each core that a gateway has.
const SHARDS: u64 = 64;

/// Time between two sweeps of a full shard: a flood of new keys can't make each request sweep.
const SWEEP_EVERY: u64 = 100_000_000;

/// Nanoseconds in 64 bits carry 584 years; a quarter of that for `now` and for a window each keeps
/// every sum below it. So time stands still in 2116, and a longer window counts as 146 years.
const FAR: u64 = 1 << 62;

/// GCRA cells in memory, bounded.
#[derive(Debug)]
pub struct LocalLedger {
    shards: Vec<Mutex<Shard>>,
    cells_a_shard: usize,
}

#[derive(Debug, Default)]
struct Shard {
    /// Partition key to the moment (nanoseconds since the Unix epoch) when it is full again.
    cells: HashMap<u64, u64>,
    /// The latest time seen. INVARIANT: never falls, so a clock that is set back, or a request that
    /// waited long for its body, gives nothing back; time stands still until the clock is there.
    latest: u64,
    /// When a sweep may be tried again.
    sweep_at: u64,
}

impl LocalLedger {
    /// At most about `cells` partition keys at a time (each shard holds its part, at least one).
    pub fn new(cells: usize) -> Self {
        let shards = usize::try_from(SHARDS).unwrap_or(1);
        Self {
            shards: std::iter::repeat_with(Mutex::default)
                .take(shards)
                .collect(),
            cells_a_shard: cells.div_ceil(shards).max(1),
        }
    }

    /// Charges one unit of each, all together or none, at `now`.
    fn take(
        &self,
        charges: &[Charge],
        now: Duration,
    ) -> Result<Result<Option<QuotaStanding>, Exhausted>, LookupError> {
        let mut shards = self.lock(charges);
        let now = shards
            .iter()
            .map(|(_, shard)| shard.latest)
            .fold(nanoseconds(now).min(FAR), u64::max);
        for (_, shard) in &mut shards {
            shard.latest = now;
        }
        let taken = match price(charges, &shards, now) {
            Ok(taken) => taken,
            Err(exhausted) => return Ok(Err(exhausted)),
        };
        self.make_room(&taken, &mut shards, now)?;
        // INVARIANT: from here on nothing can fail, so all are charged or none was.
        for unit in &taken {
            if let Some((_, shard)) = shards.iter_mut().find(|(index, _)| *index == unit.shard) {
                shard.cells.insert(unit.key, unit.full_at);
            }
        }
        let standings = charges.iter().zip(&taken);
        let standings = standings.map(|(charge, unit)| standing(charge, unit, now));
        Ok(Ok(standings.reduce(tighter)))
    }

    /// The shards of the charges, locked in ascending order: two requests can't wait for each other.
    fn lock(&self, charges: &[Charge]) -> Vec<(u64, MutexGuard<'_, Shard>)> {
        let mut wanted: Vec<u64> = charges.iter().map(|c| shard_of(c.partition_key)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        wanted
            .into_iter()
            .filter_map(|index| {
                let shard = self.shards.get(usize::try_from(index).ok()?)?;
                // Cells are whole after any panic: each is one number, written at once.
                let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
                Some((index, shard))
            })
            .collect()
    }

    /// Fails closed where a shard has no room for the cells that are new.
    fn make_room(
        &self,
        taken: &[Unit],
        shards: &mut [(u64, MutexGuard<'_, Shard>)],
        now: u64,
    ) -> Result<(), LookupError> {
        for (index, shard) in shards {
            let mine = taken.iter().filter(|unit| unit.shard == *index);
            let new = mine
                .filter(|unit| !shard.cells.contains_key(&unit.key))
                .count();
            let fits = |shard: &Shard| new <= self.cells_a_shard.saturating_sub(shard.cells.len());
            if new > 0 && !fits(shard) {
                shard.sweep(now);
                if !fits(shard) {
                    return Err(LookupError::Unreachable);
                }
            }
        }
        Ok(())
    }
}

impl Shard {
    /// Forgets cells that are full again: they are what an absent cell is.
    fn sweep(&mut self, now: u64) {
        if now >= self.sweep_at {
            self.sweep_at = now.saturating_add(SWEEP_EVERY);
            self.cells.retain(|_, full_at| *full_at > now);
        }
    }
}

#[async_trait]
impl QuotaLedger for LocalLedger {
    async fn charge(
        &self,
        charges: &[Charge],
        now: Duration,
    ) -> Result<Result<Option<QuotaStanding>, Exhausted>, LookupError> {
        self.take(charges, now)
    }
}

/// One unit about to be taken.
#[derive(Debug, Clone, Copy)]
struct Unit {
    shard: u64,
    key: u64,
    full_at: u64,
}

/// Where each cell would stand after its unit; else the charge that has to wait longest.
fn price(
    charges: &[Charge],
    shards: &[(u64, MutexGuard<'_, Shard>)],
    now: u64,
) -> Result<Vec<Unit>, Exhausted> {
    let mut taken: Vec<Unit> = Vec::with_capacity(charges.len());
    let mut worst: Option<Exhausted> = None;
    for (index, charge) in charges.iter().enumerate() {
        let key = charge.partition_key;
        let shard = shard_of(key);
        // The same key may be charged twice by one request: the second unit follows the first.
        let earlier = taken.iter().rev().find(|unit| unit.key == key);
        let full_at = match earlier {
            Some(unit) => unit.full_at,
            None => stored(shards, shard, key).unwrap_or(now).max(now),
        };
        match take_one(&charge.policy, full_at, now) {
            Ok(full_at) => taken.push(Unit {
                shard,
                key,
                full_at,
            }),
            Err(retry_after) => {
                if worst.is_none_or(|worst| worst.retry_after < retry_after) {
                    worst = Some(Exhausted { index, retry_after });
                }
            }
        }
    }
    worst.map_or(Ok(taken), Err)
}

fn stored(shards: &[(u64, MutexGuard<'_, Shard>)], shard: u64, key: u64) -> Option<u64> {
    let (_, shard) = shards.iter().find(|(index, _)| *index == shard)?;
    shard.cells.get(&key).copied()
}

/// Moves a cell on by one unit, or says how long until there is one.
fn take_one(policy: &QuotaPolicy, full_at: u64, now: u64) -> Result<u64, Duration> {
    let Some((interval, whole)) = emission(policy) else {
        return Err(policy.window); // a quota of nothing is always used up
    };
    let next = full_at.saturating_add(interval);
    let wait = next.saturating_sub(now).saturating_sub(whole);
    if wait == 0 {
        Ok(next)
    } else {
        Err(Duration::from_nanos(wait))
    }
}

/// Time that one unit takes to come back, and a whole quota. Rounded up, so that no window ever
/// gives more than its quota.
fn emission(policy: &QuotaPolicy) -> Option<(u64, u64)> {
    let quota = u64::from(policy.quota);
    let window = nanoseconds(policy.window).min(FAR);
    let rest = u64::from(window.checked_rem(quota)? > 0);
    let interval = window.checked_div(quota)?.saturating_add(rest).max(1);
    Some((interval, interval.saturating_mul(quota)))
}

fn standing(charge: &Charge, unit: &Unit, now: u64) -> QuotaStanding {
    let used = unit.full_at.saturating_sub(now);
    let remaining = emission(&charge.policy)
        .and_then(|(interval, whole)| whole.saturating_sub(used).checked_div(interval))
        .unwrap_or(0);
    QuotaStanding {
        policy: charge.policy.clone(),
        remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
        reset: Duration::from_nanos(used),
    }
}

/// The one of which the smaller part is left.
fn tighter(one: QuotaStanding, other: QuotaStanding) -> QuotaStanding {
    let cross = |left: &QuotaStanding, right: &QuotaStanding| {
        u64::from(left.remaining).saturating_mul(u64::from(right.policy.quota))
    };
    if cross(&other, &one) < cross(&one, &other) {
        other
    } else {
        one
    }
}

fn shard_of(key: u64) -> u64 {
    key.checked_rem(SHARDS).unwrap_or(0)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
