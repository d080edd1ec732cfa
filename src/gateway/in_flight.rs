//! Which requests are being served, and which of them does a closure end?
//!
//! A permit covers what was judged, not what is closed later: when the board changes, every request
//! in flight is asked again. A read that is no longer allowed has ten seconds, a command the time-out
//! of its upstream, and neither has any where the closure says so. A request costs one insertion and
//! one removal; nobody looks at it unless the board changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::clock;
use crate::denial::Denial;
use crate::edge::cut::Cut;
use crate::gateway::Shared;
use crate::pipeline::decide::Permit;
use crate::switchboard::Board;

/// How long a read goes on after its entrance was closed: long enough for an answer that is on its
/// way, short enough to be over before anyone doubts the closure.
const READ_DRAIN: Duration = Duration::from_secs(10);

/// Why a request was cut, for its record; set before it ends.
pub(super) type CutBy = Arc<OnceLock<Denial>>;

/// Every request that has a permit and no end.
#[derive(Debug, Default)]
pub struct InFlight {
    served: Mutex<HashMap<Uuid, Served>>,
}

#[derive(Debug)]
struct Served {
    permit: Arc<Permit>,
    /// What it is given once it is no longer allowed.
    grace: Duration,
    cut: Cut,
    cut_by: CutBy,
    /// When it is cut, if it still isn't allowed then.
    due: Option<Instant>,
}

impl InFlight {
    /// A request is about to be forwarded. To be called before its last look at the board: whatever
    /// closes after that look finds it here. `limit` is the time-out of a command.
    pub(super) fn enter(&self, id: Uuid, permit: &Arc<Permit>, limit: Option<Duration>) -> CutBy {
        let cut_by = CutBy::default();
        if let Some(cut) = Cut::current() {
            let served = Served {
                permit: Arc::clone(permit),
                grace: limit.unwrap_or(READ_DRAIN),
                cut,
                cut_by: Arc::clone(&cut_by),
                due: None,
            };
            self.lock().insert(id, served);
        }
        cut_by
    }

    /// A request is over.
    pub(super) fn leave(&self, id: Uuid) {
        self.lock().remove(&id);
    }

    /// Asks all requests again at `at`, and cuts those whose time is up; when to ask again, if the
    /// board doesn't change before.
    fn review(&self, board: &Board, at: Instant) -> Option<Instant> {
        let now = clock::unix_time();
        let mut next: Option<Instant> = None;
        // INVARIANT: a request is cut under the lock, so before it can leave and another one follow on
        // its connection.
        self.lock().retain(|_, served| {
            let Err(denial) = served.permit.confirm(board, now) else {
                served.due = None; // it was opened again in time
                return true;
            };
            let cut = served.permit.is_cut_at_once(board);
            let grace = if cut { Duration::ZERO } else { served.grace };
            let due = at.checked_add(grace).unwrap_or(at);
            let due = served.due.map_or(due, |before| before.min(due));
            served.due = Some(due);
            if due > at {
                next = Some(next.map_or(due, |earliest| earliest.min(due)));
                return true;
            }
            served.cut_by.get_or_init(|| denial);
            served.cut.now();
            false
        });
        next
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, Served>> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reviews what is in flight whenever the board changed or somebody's time is up; for as long as the
/// process lives.
pub async fn watch(shared: Arc<Shared>) {
    let mut revisions = shared.switchboard.changes();
    loop {
        revisions.mark_unchanged(); // before the board is read: what comes later is seen again
        let board = shared.switchboard.board();
        let next = shared.in_flight.review(&board, clock::monotonic());
        let due = async {
            match next {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = revisions.changed() => {
                if changed.is_err() {
                    return; // the switchboard is gone, and so are the requests
                }
            }
            () = due => {}
        }
    }
}
