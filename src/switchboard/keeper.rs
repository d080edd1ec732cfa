//! What does time alone do to the board?
//!
//! Once a second: ramps go on, closures that shall restore begin to, questions that nobody answered
//! lapse. Closures whose time is over and that hold all the same are warned about. Any replica may
//! do it: what two of them make of one closure merges.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use crate::switchboard::changes::{self, By};
use crate::switchboard::spread::{Spread, jittered};
use crate::switchboard::store::{Switchboard, Unchanged};
use crate::switchboard::timekeeping::Timekeeping;
use crate::switchboard::{Board, Closure};

const TICK: Duration = Duration::from_secs(1);

/// Seconds between two warnings about one closure.
const AGAIN: u64 = 15 * 60;

/// Nothing is due: somebody else did it.
#[derive(Debug)]
struct NotDue;

/// Does what time alone does.
pub struct Keeper {
    board: Arc<Switchboard>,
    spread: Arc<Spread>,
    time: Arc<Timekeeping>,
    /// Seconds of a stage of a restore that begins by itself.
    step: u64,
    overdue: AtomicU64,
    /// Closures that were warned about, and when.
    warned: Mutex<HashMap<String, u64>>,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Keeper")
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

impl Keeper {
    /// For this board; a restore that begins by itself takes `step` for each stage.
    pub fn new(
        board: Arc<Switchboard>,
        spread: Arc<Spread>,
        time: Arc<Timekeeping>,
        step: Duration,
    ) -> Self {
        Self {
            board,
            spread,
            time,
            step: step.as_secs().max(1),
            overdue: AtomicU64::new(0),
            warned: Mutex::default(),
        }
    }

    /// Runs until it is dropped.
    pub async fn run(self: &Arc<Self>) {
        loop {
            sleep(jittered(TICK)).await;
            self.warn(self.time.now().as_secs());
            if self.due().is_empty() {
                continue;
            }
            sleep(drawn(TICK)).await; // whoever draws the shortest does it; the others see it done
            for id in self.due() {
                let keeper = Arc::clone(self);
                let done = tokio::task::spawn_blocking(move || keeper.change(&id));
                if done.await.is_err() {
                    tracing::error!("a change by time broke off");
                }
            }
        }
    }

    /// How many closures hold though their time is over.
    pub fn overdue(&self) -> u64 {
        self.overdue.load(Ordering::Relaxed)
    }

    /// Ids of what time changes now; none while time may not.
    fn due(&self) -> Vec<String> {
        if !self.spread.lets_time_open() {
            return Vec::new();
        }
        let now = self.time.now().as_secs();
        let shared = self.board.shared();
        let due = shared
            .closures()
            .filter(|closure| self.made(closure, "", (now, 0)).is_some());
        due.map(|closure| closure.id.clone()).collect()
    }

    fn made(&self, closure: &Closure, draw: &str, (at, revision): (u64, u64)) -> Option<Closure> {
        let by = By {
            who: "vingate",
            at,
            revision,
            break_glass: false,
        };
        changes::due(closure, draw, self.step, by)
    }

    /// Changes it, if that is still due. Waits for the disk.
    fn change(&self, id: &str) {
        let now = self.time.now().as_secs();
        let draw = Uuid::new_v4().simple().to_string();
        let make = |board: &Board, revision| {
            let closure = board.get(id).ok_or(NotDue)?;
            if !self.spread.lets_time_open() {
                return Err(NotDue);
            }
            self.made(closure, &draw, (now, revision)).ok_or(NotDue)
        };
        match self.board.open_up(make) {
            Ok(changed) => {
                let closure = changed.closure;
                let (state, revision) = (closure.state.word(), closure.revision);
                tracing::info!(id, state, revision, "changed by time");
            }
            Err(Unchanged::NotDurable(flaw)) if self.is_news(id, now) => {
                tracing::error!(id, %flaw, "what time would change is not durable");
            }
            Err(Unchanged::Refused(NotDue) | Unchanged::Raced | Unchanged::NotDurable(_)) => {}
        }
    }

    /// Warns about what is overdue.
    fn warn(&self, now: u64) {
        let shared = self.board.shared();
        let overdue = shared
            .closures()
            .filter(|closure| changes::is_overdue(closure, now));
        let mut count: u64 = 0;
        for closure in overdue {
            count = count.saturating_add(1);
            if self.is_news(&closure.id, now) {
                let (id, scope) = (&closure.id, closure.scope.summary());
                tracing::warn!(id, scope, "its time is over, and it stays closed");
            }
        }
        self.overdue.store(count, Ordering::Relaxed);
    }

    /// Whether nobody was warned about it for a while; from now on somebody was.
    fn is_news(&self, id: &str, now: u64) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        warned.retain(|_, at| now < at.saturating_add(AGAIN));
        if warned.contains_key(id) {
            return false;
        }
        warned.insert(id.to_owned(), now);
        true
    }
}

/// Some time up to `time`.
fn drawn(time: Duration) -> Duration {
    let thousandths = u32::try_from(Uuid::new_v4().as_u128() % 1000).unwrap_or(0);
    let part = time.saturating_mul(thousandths).checked_div(1000);
    part.unwrap_or(time)
}

#[cfg(test)]
mod tests;
