//! When was the fleet reached last, and what is wrong since?

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;
use crate::switchboard::fleet::FleetError;

/// How things stand with the fleet's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// No answer yet since the start.
    Unknown,
    /// This replica and the store know the same.
    InStep,
    /// The last try failed so.
    Failed(FleetError),
}

impl fmt::Display for Health {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => out.write_str("not reached yet"),
            Self::InStep => out.write_str("in step"),
            Self::Failed(error) => error.fmt(out),
        }
    }
}

/// The last contact.
#[derive(Debug)]
pub(super) struct Contact {
    begun: Instant,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    last: Option<Instant>,
    health: Health,
}

impl Contact {
    pub(super) fn new() -> Self {
        Self {
            begun: clock::monotonic(),
            kept: Mutex::new(Kept {
                last: None,
                health: Health::Unknown,
            }),
        }
    }

    /// Takes what came of a try, and says it where it differs from the one before.
    pub(super) fn note(&self, tried: Result<(), FleetError>) {
        let health = match tried {
            Ok(()) => Health::InStep,
            Err(error) => Health::Failed(error),
        };
        let before = {
            let mut kept = self.kept();
            if tried.is_ok() {
                kept.last = Some(clock::monotonic());
            }
            std::mem::replace(&mut kept.health, health)
        };
        match tried {
            _ if before == health => {}
            Ok(()) => tracing::info!("the fleet's switch board is in step"),
            Err(error) => {
                tracing::error!(%error, "the fleet's switch board is out of reach: this one's holds");
            }
        }
    }

    /// Since the last good contact; `None` where there was none.
    pub(super) fn age(&self) -> Option<Duration> {
        let now = clock::monotonic();
        let last = self.kept().last?;
        Some(now.saturating_duration_since(last))
    }

    /// Since this replica began.
    pub(super) fn since_start(&self) -> Duration {
        clock::monotonic().saturating_duration_since(self.begun)
    }

    pub(super) fn health(&self) -> Health {
        self.kept().health
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
