//! Is the service to be asked, or left alone for now?
//!
//! Closed, every question is asked. After some failures in a row it opens for a pause, in which none
//! is; then one is asked, and what comes of it closes the breaker or doubles the pause. Time and
//! chance are given, so every path can be tested.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use crate::config::file::ServiceBreaker;

/// Whether a service is asked.
pub(super) struct Breaker {
    failures: u32,
    first_pause: Duration,
    longest_pause: Duration,
    state: State,
    /// Moves with every change of state: what a question from before says is old news.
    era: u64,
}

enum State {
    /// Asked, after so many failures in a row.
    Closed(u32),
    /// Not asked.
    Open { until: Instant, pause: Duration },
    /// Asked one question.
    Probing { pause: Duration },
}

/// The right to ask one question, to be given back with what came of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// What an operator is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing is asked for so long.
    Opened(Duration),
    /// It is asked again.
    Closed,
}

impl Breaker {
    /// A closed one.
    pub(super) fn new(settings: &ServiceBreaker) -> Self {
        Self {
            failures: settings.failures,
            first_pause: settings.pause.get(),
            longest_pause: settings.longest_pause.get(),
            state: State::Closed(0),
            era: 0,
        }
    }

    /// Whether every question is asked.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// Whether to ask at `now`.
    pub(super) fn admit(&mut self, now: Instant) -> Option<Ticket> {
        match self.state {
            State::Closed(_) => {}
            State::Open { until, pause } if now >= until => {
                self.turn(State::Probing { pause });
            }
            State::Open { .. } | State::Probing { .. } => return None,
        }
        Some(Ticket(self.era))
    }

    /// An answer came.
    pub(super) fn answered(&mut self, ticket: &Ticket) -> Option<Change> {
        let Ticket(era) = ticket;
        if *era != self.era {
            return None;
        }
        match &mut self.state {
            State::Closed(failures) => {
                *failures = 0;
                None
            }
            State::Open { .. } | State::Probing { .. } => {
                self.turn(State::Closed(0));
                Some(Change::Closed)
            }
        }
    }

    /// None came, or one that says so; `chance` is between 0 and 1.
    pub(super) fn failed(&mut self, ticket: &Ticket, now: Instant, chance: f64) -> Option<Change> {
        let Ticket(era) = ticket;
        if *era != self.era {
            return None;
        }
        let pause = match &mut self.state {
            State::Closed(failures) => {
                *failures = failures.saturating_add(1);
                if *failures < self.failures {
                    return None;
                }
                self.first_pause
            }
            State::Probing { pause } => pause.saturating_mul(2).min(self.longest_pause),
            State::Open { .. } => return None,
        };
        let shortened = pause.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0);
        let until = now.checked_add(shortened).unwrap_or(now);
        self.turn(State::Open { until, pause });
        Some(Change::Opened(shortened))
    }

    fn turn(&mut self, state: State) {
        self.state = state;
        self.era = self.era.wrapping_add(1);
    }
}

/// Between 0 and 1: gateways that lost a service together don't come back together.
pub(in crate::adapters) fn chance() -> f64 {
    let part = u32::try_from(RandomState::new().hash_one(()) & 0xffff).unwrap_or_default();
    f64::from(part) / 65_535.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    /// Opens after three failures, for 1 s, 2 s, 4 s and then 5 s.
    fn breaker() -> (Breaker, Instant) {
        let text = "failures = 3\npause = \"1s\"\nlongest_pause = \"5s\"";
        (
            Breaker::new(&toml::from_str(text).unwrap()),
            clock::monotonic(),
        )
    }

    fn fail(breaker: &mut Breaker, now: Instant) -> Option<Change> {
        let ticket = breaker.admit(now).expect("it is asked");
        breaker.failed(&ticket, now, 0.0)
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn failures_in_a_row_open_it_and_others_do_not() {
        let (mut breaker, now) = breaker();
        for _ in 0..10 {
            assert_eq!(fail(&mut breaker, now), None);
            assert_eq!(fail(&mut breaker, now), None);
            let ticket = breaker.admit(now).unwrap();
            assert_eq!(breaker.answered(&ticket), None, "it was never open");
        }
        assert_eq!(fail(&mut breaker, now), None);
        assert_eq!(fail(&mut breaker, now), None);
        assert_eq!(fail(&mut breaker, now), Some(Change::Opened(seconds(1.0))));
        assert_eq!(breaker.admit(now + seconds(0.99)), None);
    }

    #[test]
    fn after_a_pause_one_question_decides() {
        let (mut breaker, mut now) = breaker();
        for _ in 0..3 {
            fail(&mut breaker, now);
        }
        for (pause, next) in [(1.0, 2.0), (2.0, 4.0), (4.0, 5.0), (5.0, 5.0)] {
            now += seconds(pause);
            let probe = breaker.admit(now).expect("the pause is over");
            assert_eq!(breaker.admit(now), None, "one question, not two");
            assert_eq!(breaker.admit(now + seconds(60.0)), None, "still not");
            let failed = breaker.failed(&probe, now, 0.0);
            assert_eq!(failed, Some(Change::Opened(seconds(next))));
        }
        now += seconds(5.0);
        let probe = breaker.admit(now).unwrap();
        assert_eq!(breaker.answered(&probe), Some(Change::Closed));
        assert_eq!(fail(&mut breaker, now), None, "counted from the start");
        fail(&mut breaker, now);
        assert_eq!(fail(&mut breaker, now), Some(Change::Opened(seconds(1.0))));
    }

    #[test]
    fn what_was_asked_before_says_nothing_afterwards() {
        let (mut breaker, now) = breaker();
        let [good, bad] = [0, 1].map(|_| breaker.admit(now).unwrap());
        for _ in 0..3 {
            fail(&mut breaker, now);
        }
        assert_eq!(breaker.answered(&good), None, "late good news");
        assert_eq!(breaker.admit(now), None, "open all the same");
        let now = now + seconds(1.0);
        let probe = breaker.admit(now).unwrap();
        assert_eq!(breaker.failed(&bad, now, 0.0), None, "late bad news");
        assert_eq!(breaker.answered(&probe), Some(Change::Closed));
    }

    #[test]
    fn chance_shortens_a_pause_by_half_at_most() {
        for (chance, pause) in [(0.0, 1.0), (0.5, 0.75), (1.0, 0.5), (7.0, 0.5), (-1.0, 1.0)] {
            let (mut breaker, now) = breaker();
            fail(&mut breaker, now);
            fail(&mut breaker, now);
            let ticket = breaker.admit(now).unwrap();
            let failed = breaker.failed(&ticket, now, chance);
            assert_eq!(failed, Some(Change::Opened(seconds(pause))), "{chance}");
        }
        for _ in 0..100 {
            assert!((0.0..=1.0).contains(&chance()));
        }
    }
}
