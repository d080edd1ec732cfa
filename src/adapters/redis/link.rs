//! Is there a connection, and who makes the next one?
//!
//! One task keeps it; calls borrow it, and tell when it is of no more use. So a call never waits for
//! more than its own time, and a thousand calls make one new connection.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::target::{Reached, Target};
use crate::switchboard::fleet::FleetError;

/// Pause after the first attempt that failed; doubled after each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Longest pause: a closure is to be everywhere soon after Redis is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How often Sentinels are asked whether the master is still the same.
const MASTER_ASKED: Duration = Duration::from_secs(2);

/// What is known of the connection.
#[derive(Clone)]
enum State {
    /// The first attempt, or the first after a loss, is under way.
    Connecting,
    Up(Arc<Up>),
    /// The last attempt failed so; another follows.
    Down(FleetError),
}

/// A connection, numbered.
pub(super) struct Up {
    pub(super) reached: Reached,
    number: u64,
}

/// The connection, and the task that keeps it.
pub(super) struct Link {
    state: watch::Receiver<State>,
    /// The last connection that turned out to be of no use.
    lost: watch::Sender<u64>,
    keeper: JoinHandle<()>,
}

impl Link {
    /// Starts connecting. Needs a runtime around it.
    pub(super) fn new(target: Target) -> Self {
        let (told, state) = watch::channel(State::Connecting);
        let (lost, of_no_use) = watch::channel(0);
        Self {
            state,
            lost,
            keeper: tokio::spawn(keep(target, told, of_no_use)),
        }
    }

    /// The connection; waits for an attempt that is under way, not for one that follows a failure.
    pub(super) async fn up(&self) -> Result<Arc<Up>, FleetError> {
        let is_known = |state: &State| match state {
            State::Connecting => false,
            State::Up(up) => up.number > *self.lost.borrow(), // else the keeper hasn't heard yet
            State::Down(_) => true,
        };
        let mut state = self.state.clone();
        let state = state.wait_for(is_known).await;
        match state.as_deref() {
            Ok(State::Up(up)) => Ok(Arc::clone(up)),
            Ok(State::Down(flaw)) => Err(*flaw),
            Ok(State::Connecting) | Err(_) => Err(FleetError::Unreachable),
        }
    }

    /// This connection is of no more use: another is made.
    pub(super) fn lose(&self, up: &Up) {
        self.lost.send_if_modified(|lost| {
            let is_news = *lost < up.number;
            if is_news {
                *lost = up.number;
            }
            is_news
        });
    }

    /// For who waits for connections and for their end.
    pub(super) fn watch(&self) -> Watch {
        Watch(self.state.clone())
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Sees connections come and go.
pub(super) struct Watch(watch::Receiver<State>);

impl Watch {
    /// The next connection, or the present one; `None` when there will be none.
    pub(super) async fn up(&mut self) -> Option<Arc<Up>> {
        let state = self.0.wait_for(|state| matches!(state, State::Up(_))).await;
        match state.as_deref() {
            Ok(State::Up(up)) => Some(Arc::clone(up)),
            Ok(State::Connecting | State::Down(_)) | Err(_) => None,
        }
    }

    /// Returns when this connection is no more.
    pub(super) async fn end_of(&mut self, up: &Up) {
        let is_it = |state: &State| match state {
            State::Up(now) => now.number == up.number,
            State::Connecting | State::Down(_) => false,
        };
        // an error is the end of the keeper, so of the connection too
        self.0.wait_for(|state| !is_it(state)).await.ok();
    }
}

async fn keep(target: Target, told: watch::Sender<State>, mut lost: watch::Receiver<u64>) {
    let mut pause = FIRST_PAUSE;
    let mut number: u64 = 0;
    let mut was_up = true;
    loop {
        match target.connect().await {
            Ok(reached) => {
                pause = FIRST_PAUSE;
                number = number.saturating_add(1);
                tracing::info!("connected to redis");
                was_up = true;
                let up = Arc::new(Up { reached, number });
                told.send_replace(State::Up(Arc::clone(&up)));
                until_lost(&target, &up, &mut lost).await;
                told.send_replace(State::Connecting);
            }
            Err(flaw) => {
                if was_up {
                    tracing::warn!(%flaw, "no connection to redis");
                }
                was_up = false;
                told.send_replace(State::Down(flaw));
                sleep(jittered(pause)).await;
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Returns when a call found the connection useless, or the master is another.
async fn until_lost(target: &Target, up: &Up, lost: &mut watch::Receiver<u64>) {
    let mut is_lost = async || lost.wait_for(|lost| *lost >= up.number).await.is_ok();
    if !target.can_move() {
        is_lost().await;
        return;
    }
    while timeout(MASTER_ASKED, is_lost()).await.is_err() {
        if target.is_elsewhere(&up.reached).await {
            tracing::warn!("the sentinels name another master");
            return;
        }
    }
}

/// Between half of it and all of it: replicas that lost Redis together don't come back together.
fn jittered(pause: Duration) -> Duration {
    let half = pause.div_f64(2.0);
    let part = u32::try_from(RandomState::new().hash_one(()) & 0xffff).unwrap_or_default();
    half.saturating_add(half.mul_f64(f64::from(part) / 65_535.0))
}
