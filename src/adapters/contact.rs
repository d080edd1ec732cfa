//! When was a store that is elsewhere last heard?

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock;

/// How a store elsewhere was heard so far.
#[derive(Debug)]
pub struct Contact {
    begun: Instant,
    /// Milliseconds from `begun` to when it was heard, and one more; 0: never.
    heard_at: AtomicU64,
    failures: AtomicU64,
}

impl Default for Contact {
    fn default() -> Self {
        Self {
            begun: clock::monotonic(),
            heard_at: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        }
    }
}

impl Contact {
    /// It answered.
    pub fn heard(&self) {
        let now = milliseconds(self.begun.elapsed()).saturating_add(1);
        self.heard_at.fetch_max(now, Ordering::Relaxed);
    }

    /// It was asked, and did not answer.
    pub fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it ever answered.
    pub fn was_heard(&self) -> bool {
        self.heard_at.load(Ordering::Relaxed) > 0
    }

    /// Seconds since it answered, or since the start where it never did.
    pub fn age_seconds(&self) -> u64 {
        let heard = Duration::from_millis(self.heard_at.load(Ordering::Relaxed));
        self.begun.elapsed().saturating_sub(heard).as_secs()
    }

    /// Questions that it did not answer.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_heard_is_not_heard_just_now() {
        let mut contact = Contact::default();
        contact.begun = contact.begun.checked_sub(Duration::from_secs(90)).unwrap();
        assert!(!contact.was_heard());
        assert!(contact.age_seconds() >= 90);
        contact.failed();
        assert_eq!((contact.was_heard(), contact.failures()), (false, 1));
        contact.heard();
        assert!(contact.was_heard());
        assert!(contact.age_seconds() < 90);
    }
}
