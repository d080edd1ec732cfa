//! What time is it for what happens by time alone, and can it be relied on?
//!
//! The wall clock at start plus what the monotonic clock counted since: a clock that is set while
//! the gateway runs opens nothing. Once a minute it is compared with the fleet's; whoever is off
//! says so, and lets nothing open by time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// A difference that matters: a second of patience for every hop, and some.
const TOLERANCE: Duration = Duration::from_secs(5);

/// Whose clock the fleet's is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// This host's own: the fleet is this replica.
    Itself,
    /// Another host's.
    Other,
}

/// This replica's time.
#[derive(Debug)]
pub struct Timekeeping(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    /// Wall-clock time since the Unix epoch at `begun`.
    wall: Duration,
    begun: Instant,
    verdict: Option<Verdict>,
}

/// What a comparison showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All agree.
    Right,
    /// The clock at start was wrong and has been set right since: host and fleet agree, and their
    /// time counts from now on.
    WasWrong,
    /// This replica's time is ahead of the others by so many seconds, or behind.
    Off(i64),
}

/// Compares this replica's `own` time, its `host`'s clock now, and the `fleet`'s.
fn judge(own: Duration, host: Duration, fleet: Duration, witness: Witness) -> Verdict {
    let near = |one: Duration, other: Duration| one.abs_diff(other) <= TOLERANCE;
    match (near(host, fleet), near(own, fleet)) {
        (true, true) => Verdict::Right,
        (true, false) if witness == Witness::Other => Verdict::WasWrong,
        (true, false) => Verdict::Off(ahead(own, fleet)),
        (false, true | false) => Verdict::Off(ahead(host, fleet)),
    }
}

fn ahead(one: Duration, other: Duration) -> i64 {
    let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    seconds(one).saturating_sub(seconds(other))
}

impl Timekeeping {
    /// Starts at the wall clock's time.
    pub fn start() -> Self {
        Self::starting_at(clock::unix_time())
    }

    fn starting_at(wall: Duration) -> Self {
        Self(Mutex::new(Kept {
            wall,
            begun: clock::monotonic(),
            verdict: None,
        }))
    }

    /// Time since the Unix epoch.
    pub fn now(&self) -> Duration {
        self.kept().now()
    }

    /// Compares with the fleet's clock, read just now.
    pub fn compare(&self, fleet: Duration, witness: Witness) -> Verdict {
        let host = clock::unix_time();
        let mut kept = self.kept();
        let verdict = judge(kept.now(), host, fleet, witness);
        if verdict == Verdict::WasWrong {
            kept.wall = host;
            kept.begun = clock::monotonic();
        }
        kept.verdict = Some(verdict);
        verdict
    }

    /// Whether time alone may open something: it was compared, and is right.
    pub fn is_right(&self) -> bool {
        match self.kept().verdict {
            Some(Verdict::Right | Verdict::WasWrong) => true,
            Some(Verdict::Off(_)) | None => false,
        }
    }

    /// Seconds that it is ahead, or behind; `None` where it isn't known to be off.
    pub fn off(&self) -> Option<i64> {
        match self.kept().verdict {
            Some(Verdict::Off(seconds)) => Some(seconds),
            Some(Verdict::Right | Verdict::WasWrong) | None => None,
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn now(&self) -> Duration {
        let since = clock::monotonic().saturating_duration_since(self.begun);
        self.wall.saturating_add(since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_stands_alone_is_off() {
        use Verdict::{Off, Right, WasWrong};
        use Witness::{Itself, Other};
        let noon = 1_800_000_000;
        let day = 86_400;
        let rows = [
            // own, host, fleet, whose clock that is
            (noon, noon + 3, noon + 5, Other, Right),
            (noon, noon + day, noon, Other, Off(86_400)),
            (noon, noon - day, noon, Other, Off(-86_400)),
            (noon, noon, noon + day, Other, Off(-86_400)),
            (noon, noon + day, noon + day, Other, WasWrong),
            (noon, noon + day, noon + day, Itself, Off(-86_400)),
            (noon, noon, noon, Itself, Right),
            (noon, noon + 6, noon, Other, Off(6)),
        ];
        for (own, host, fleet, witness, expected) in rows {
            let seconds = Duration::from_secs;
            let verdict = judge(seconds(own), seconds(host), seconds(fleet), witness);
            assert_eq!(verdict, expected, "{own} {host} {fleet} {witness:?}");
        }
    }

    #[test]
    fn a_time_that_nobody_confirmed_is_not_relied_on() {
        let time = Timekeeping::start();
        assert!(!time.is_right());
        assert_eq!(time.off(), None);
        time.compare(clock::unix_time(), Witness::Itself);
        assert!(time.is_right());
    }

    #[test]
    fn a_start_at_a_wrong_time_is_mended_by_two_clocks_that_agree_and_not_by_one() {
        let day = Duration::from_secs(86_400);
        let ahead = || Timekeeping::starting_at(clock::unix_time() + day);
        let alone = ahead();
        let verdict = alone.compare(clock::unix_time(), Witness::Itself);
        assert!(
            matches!(verdict, Verdict::Off(86_399..=86_401)),
            "{verdict:?}"
        );
        assert!(!alone.is_right());
        let mended = ahead();
        mended.compare(clock::unix_time(), Witness::Other);
        assert!(mended.is_right());
        assert!(mended.now().abs_diff(clock::unix_time()) < TOLERANCE);
    }

    #[test]
    fn a_host_a_day_off_says_so() {
        let time = Timekeeping::start();
        let fleet = clock::unix_time() + Duration::from_secs(86_400);
        time.compare(fleet, Witness::Other);
        assert!(!time.is_right());
        assert!(time.off().is_some_and(|seconds| seconds < -86_000));
    }
}
