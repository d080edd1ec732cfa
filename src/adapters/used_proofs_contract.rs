//! What does every memory of used proofs promise?
//!
//! One suite for every form: [`hold`] takes two handles of one memory, empty at first.

use std::time::Duration;

use crate::clock;
use crate::pipeline::identity::dpop::Proof;
use crate::pipeline::ports::{Use, UsedProofs};

/// A proof with this `jti`.
pub(crate) fn proof(id: &str, until: Duration) -> Proof {
    Proof::made_up([7; 32], "https://gateway.example:443/cars", id, until)
}

/// Holds two handles of one memory to the contract; of one that is not shared, one handle twice.
pub(crate) async fn hold(one: &dyn UsedProofs, other: &dyn UsedProofs) {
    let now = clock::unix_time();
    let until = now.saturating_add(Duration::from_secs(600));
    counts_once(one, other, (now, until)).await;
    is_told_from_every_other(one, other, (now, until)).await;
    counts_once_among_many(one, other, (now, until)).await;
}

async fn counts_once(
    one: &dyn UsedProofs,
    other: &dyn UsedProofs,
    (now, until): (Duration, Duration),
) {
    let used = proof("a", until);
    assert_eq!(one.use_up(&used, now).await, Ok(Use::First));
    let last = until.saturating_sub(Duration::from_millis(1));
    for handle in [one, other] {
        for at in [now, last] {
            assert_eq!(handle.use_up(&used, at).await, Ok(Use::Again), "{at:?}");
        }
    }
    let later = proof("a", until.saturating_add(Duration::from_secs(9)));
    assert_eq!(other.use_up(&later, now).await, Ok(Use::Again), "made anew");
}

/// Goes on with the proof that was used above.
async fn is_told_from_every_other(
    one: &dyn UsedProofs,
    other: &dyn UsedProofs,
    (now, until): (Duration, Duration),
) {
    let target = "https://gateway.example:443/cars";
    let others = [
        Proof::made_up([8; 32], target, "a", until),
        Proof::made_up([7; 32], "https://gateway.example:443/car", "a", until),
        Proof::made_up([7; 32], "https://gateway.example:443/car", "sa", until), // cut elsewhere
        Proof::made_up([7; 32], target, "A", until),
        Proof::made_up([7; 32], target, "b", until),
    ];
    for each in others {
        assert_eq!(other.use_up(&each, now).await, Ok(Use::First));
        assert_eq!(one.use_up(&each, now).await, Ok(Use::Again));
    }
}

async fn counts_once_among_many(
    one: &dyn UsedProofs,
    other: &dyn UsedProofs,
    (now, until): (Duration, Duration),
) {
    let used = proof("at once", until);
    let asked = (0..16).map(|number| {
        let handle = if number % 2 == 0 { one } else { other };
        handle.use_up(&used, now)
    });
    let answers = futures_util::future::join_all(asked).await;
    let first = answers.iter().filter(|answer| **answer == Ok(Use::First));
    assert_eq!(first.count(), 1, "{answers:?}");
}
