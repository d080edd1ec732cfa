//! Are quotas ever exceeded, and is every charge whole?

#![expect(clippy::arithmetic_side_effects, reason = "small numbers, in tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const START: Duration = Duration::from_secs(1_800_000_000);

fn charge(quota: u32, window: Duration, key: u64) -> Charge {
    let policy = QuotaPolicy {
        name: Arc::from("p"),
        quota,
        window,
        key: BTreeSet::new(),
    };
    Charge {
        policy: Arc::new(policy),
        partition_key: key,
    }
}

fn ledger() -> LocalLedger {
    LocalLedger::new(10_000)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn granted(ledger: &LocalLedger, charges: &[Charge], now: Duration) -> Option<QuotaStanding> {
    ledger.take(charges, now).unwrap().unwrap()
}

fn refused(ledger: &LocalLedger, charges: &[Charge], now: Duration) -> Exhausted {
    ledger.take(charges, now).unwrap().unwrap_err()
}

#[test]
fn a_quota_is_given_at_once_and_comes_back_one_by_one() {
    let ledger = ledger();
    let charges = [charge(3, seconds(30), 1)];
    for remaining in [2, 1, 0] {
        let standing = granted(&ledger, &charges, START).unwrap();
        assert_eq!(standing.remaining, remaining);
        assert_eq!(standing.reset, seconds(10 * u64::from(3 - remaining)));
    }
    let exhausted = refused(&ledger, &charges, START);
    assert_eq!(exhausted.retry_after, seconds(10));
    let early = START + Duration::from_nanos(9_999_999_999);
    assert_eq!(
        refused(&ledger, &charges, early).retry_after,
        Duration::from_nanos(1)
    );
    let standing = granted(&ledger, &charges, START + exhausted.retry_after).unwrap();
    assert_eq!((standing.remaining, standing.reset), (0, seconds(30)));
}

#[test]
fn nothing_charged_says_nothing() {
    assert_eq!(granted(&ledger(), &[], START), None);
}

#[test]
fn keys_are_counted_apart_even_in_one_shard() {
    let ledger = ledger();
    let [one, other] = [1, 1 + SHARDS].map(|key| [charge(1, seconds(10), key)]);
    granted(&ledger, &one, START);
    refused(&ledger, &one, START);
    granted(&ledger, &other, START);
}

#[test]
fn a_refusal_charges_nothing_and_names_the_longest_wait() {
    let ledger = ledger();
    let free = charge(1, seconds(10), 1);
    let [short, long] = [charge(1, seconds(20), 2), charge(1, seconds(30), 3)];
    granted(&ledger, &[short.clone(), long.clone()], START);
    let exhausted = refused(&ledger, &[free.clone(), short, long], START);
    assert_eq!((exhausted.index, exhausted.retry_after), (2, seconds(30)));
    let standing = granted(&ledger, &[free], START).unwrap();
    assert_eq!(standing.remaining, 0, "its one unit was still there");
}

#[test]
fn the_same_key_twice_takes_two_units() {
    let ledger = ledger();
    let twice = [charge(3, seconds(30), 1), charge(3, seconds(30), 1)];
    granted(&ledger, &twice, START);
    assert_eq!(refused(&ledger, &twice, START).index, 1);
    assert_eq!(granted(&ledger, &twice[..1], START).unwrap().remaining, 0);
}

#[test]
fn the_tightest_standing_is_told() {
    let ledger = ledger();
    let charges = [
        charge(100, seconds(100), 1),
        charge(3, seconds(1), 2),
        charge(u32::MAX, seconds(1), 3),
    ];
    assert_eq!(granted(&ledger, &charges, START).unwrap().policy.quota, 3);
}

#[test]
fn a_clock_set_back_gives_nothing_back() {
    let ledger = ledger();
    let charges = [charge(2, seconds(20), 1)];
    granted(&ledger, &charges, START);
    granted(&ledger, &charges, START);
    for earlier in [
        seconds(1_799_999_995),
        seconds(1_799_000_000),
        Duration::ZERO,
    ] {
        assert_eq!(refused(&ledger, &charges, earlier).retry_after, seconds(10));
    }
    refused(&ledger, &charges, START + seconds(9));
    granted(&ledger, &charges, START + seconds(10));
}

#[test]
fn a_full_ledger_refuses_new_keys_until_old_ones_are_full_again() {
    let ledger = LocalLedger::new(1); // one cell a shard
    let [old, new] = [1, 1 + SHARDS].map(|key| [charge(1, seconds(10), key)]);
    let other_shard = charge(1, seconds(10), 2);
    granted(&ledger, &old, START);
    assert_eq!(ledger.take(&new, START), Err(LookupError::Unreachable));
    let both = [other_shard.clone(), new[0].clone()];
    assert_eq!(ledger.take(&both, START), Err(LookupError::Unreachable));
    granted(&ledger, &[other_shard], START); // all or nothing: it was not charged
    refused(&ledger, &old, START); // an old key is still counted
    granted(&ledger, &new, START + seconds(10));
}

#[test]
fn a_full_shard_is_not_swept_at_every_request() {
    let ledger = LocalLedger::new(1);
    let old = [charge(1, Duration::from_millis(50), 1)];
    let new = [charge(1, Duration::from_millis(50), 1 + SHARDS)];
    granted(&ledger, &old, START);
    assert_eq!(ledger.take(&new, START), Err(LookupError::Unreachable));
    let too_soon = START + Duration::from_millis(99);
    assert_eq!(ledger.take(&new, too_soon), Err(LookupError::Unreachable));
    granted(&ledger, &new, START + Duration::from_millis(100));
}

#[test]
fn extremes_neither_panic_nor_give_more() {
    let table = [
        (1, Duration::ZERO),
        (1, Duration::MAX),
        (2, Duration::from_nanos(1)),
        (u32::MAX, Duration::from_nanos(1)),
        (u32::MAX, Duration::MAX),
        (u32::MAX, seconds(1)),
    ];
    for now in [Duration::ZERO, START, Duration::MAX] {
        for (quota, window) in table {
            let ledger = ledger();
            let charges = [charge(quota, window, 1)];
            let standing = granted(&ledger, &charges, now).unwrap();
            assert_eq!(
                standing.remaining,
                quota - 1,
                "{quota} in {window:?} at {now:?}"
            );
            let second = ledger.take(&charges, now).unwrap();
            assert_eq!(
                second.is_ok(),
                quota > 1,
                "{quota} in {window:?} at {now:?}"
            );
        }
        let none = [charge(0, seconds(7), 1)];
        assert_eq!(refused(&ledger(), &none, now).retry_after, seconds(7));
    }
}

#[test]
fn many_threads_take_no_more_than_the_quota() {
    let ledger = ledger();
    // Two orders of the same shards: would deadlock were they locked as they come.
    let one = [
        charge(100, seconds(1_000), 1),
        charge(1_000, seconds(1_000), 2),
    ];
    let two = [one[1].clone(), one[0].clone()];
    let total: usize = std::thread::scope(|scope| {
        let count = |charges: &[Charge]| {
            let taken = (0..100).filter(|_| ledger.take(charges, START).unwrap().is_ok());
            taken.count()
        };
        let threads: Vec<_> = (0..8)
            .map(|i| if i % 2 == 0 { &one } else { &two })
            .map(|charges| scope.spawn(move || count(charges)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(total, 100);
}

proptest! {
    /// Over any stretch of times, forwards and back: at most a quota, and what came back meanwhile.
    #[test]
    fn no_stretch_gives_more_than_its_quota(
        quota in 1_u32..20,
        window in 1_u64..2_000,
        steps in prop::collection::vec(-300_i64..300, 1..120),
    ) {
        let ledger = ledger();
        let charges = [charge(quota, Duration::from_nanos(window), 1)];
        let mut now: i64 = 1_000_000;
        let mut seen = 0;
        let mut grants: Vec<i64> = Vec::new(); // greatest time seen at each
        for step in steps {
            now += step;
            seen = seen.max(now);
            let time = Duration::from_nanos(now.unsigned_abs());
            if let Ok(standing) = ledger.take(&charges, time).unwrap() {
                prop_assert!(standing.unwrap().remaining < quota);
                grants.push(seen);
            }
        }
        for (i, first) in grants.iter().enumerate() {
            for (n, last) in grants[i..].iter().enumerate() {
                let back = (last - first).unsigned_abs() * u64::from(quota) / window;
                prop_assert!(u64::try_from(n).unwrap() < u64::from(quota) + back);
            }
        }
    }

    /// What a standing says holds: `remaining` units are there and no more; after `reset` all are.
    #[test]
    fn a_standing_is_the_truth(quota in 1_u32..20, window in 1_u64..10_000, taken in 1_u32..20, wait in 0_u64..10_000) {
        let ledger = ledger();
        let charges = [charge(quota, Duration::from_nanos(window), 1)];
        for _ in 1..taken.min(quota) {
            granted(&ledger, &charges, START);
        }
        let now = START + Duration::from_nanos(wait);
        let standing = ledger.take(&charges, now).unwrap();
        prop_assume!(standing.is_ok());
        let standing = standing.unwrap().unwrap();
        let mut last = standing.reset;
        for _ in 0..standing.remaining {
            last = granted(&ledger, &charges, now).unwrap().reset;
        }
        let exhausted = refused(&ledger, &charges, now);
        let nearly = exhausted.retry_after.saturating_sub(Duration::from_nanos(1));
        refused(&ledger, &charges, now + nearly);
        let full = granted(&ledger, &charges, now + last).unwrap();
        prop_assert_eq!(full.remaining, quota - 1);
    }

    /// After a refusal every other policy stands as it stood.
    #[test]
    fn all_are_charged_or_none(quotas in prop::collection::vec(1_u32..6, 1..5), rounds in 1_usize..12) {
        let ledger = ledger();
        let charges: Vec<Charge> = (0_u64..)
            .zip(&quotas)
            .map(|(key, quota)| charge(*quota, seconds(1_000), key))
            .collect();
        let smallest = usize::try_from(*quotas.iter().min().unwrap()).unwrap();
        let granted = (0..rounds).filter(|_| ledger.take(&charges, START).unwrap().is_ok());
        let granted = granted.count();
        prop_assert_eq!(granted, rounds.min(smallest));
        for charge in &charges {
            let left = (0..20).filter(|_| {
                ledger.take(std::slice::from_ref(charge), START).unwrap().is_ok()
            });
            prop_assert_eq!(left.count(), usize::try_from(charge.policy.quota).unwrap() - granted);
        }
    }
}
