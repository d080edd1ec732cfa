//! Which requests are being served, and which of them does a closure end?
//!
//! A permit covers what was judged, not what is closed or taken back later: when the board or the
//! revocations change, every request in flight is asked again. A read that is no longer allowed has ten seconds, a command the time-out
//! of its upstream, and neither has any where the closure says so. A WebSocket has no answer to wait
//! for: within the time of a read each gets a turn of its own, so that not all clients come back at
//! once, and is told so. A request costs one insertion and one removal; nobody looks at it unless
//! one of them changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use crate::clock;
use crate::denial::Denial;
use crate::edge::cut::Cut;
use crate::edge::websocket::{Code, Haste, WebSocket};
use crate::gateway::Shared;
use crate::pipeline::Principal;
use crate::pipeline::decide::Permit;
use crate::revocations::Revocations;
use crate::rules::Rules;
use crate::switchboard::Board;

/// How long a read goes on after its entrance was closed: long enough for an answer that is on its
/// way, short enough to be over before anyone doubts the closure.
const READ_DRAIN: Duration = Duration::from_secs(10);

/// Why a request was cut, for its record; set before it ends.
pub(super) type CutBy = Arc<OnceLock<Denial>>;

/// In which WebSockets take their turns: what is left of a read's time once one was told, didn't
/// listen, and was cut.
const TURNS: Duration = Duration::from_secs(6);

/// Turns are drawn from so many.
const DRAWN: u32 = 1_000;

/// Locks that requests share out among them by their ids: one for all is waited for under load.
const SHARDS: usize = 64;

/// Every request that has a permit and no end.
#[derive(Debug)]
pub struct InFlight {
    served: [Mutex<HashMap<Uuid, Served>>; SHARDS],
    /// Places for WebSockets.
    websockets: Arc<Semaphore>,
    /// Since when the gateway stops, and in which time WebSockets take their turns.
    leaving: OnceLock<(Instant, Duration)>,
    told: Notify,
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
    websocket: Option<Turn>,
}

/// A WebSocket, and its turn among all.
#[derive(Debug)]
struct Turn {
    websocket: Arc<WebSocket>,
    judged: Judged,
    /// Of [`DRAWN`].
    drawn: u32,
}

/// By what a handshake was judged.
#[derive(Debug)]
pub(super) struct Judged {
    /// Revision of the rules.
    pub(super) rules: Arc<str>,
    /// When that began.
    pub(super) at: Instant,
}

impl Judged {
    /// Whether it would be judged by something else now: rules, or keys of the issuer that vouched for
    /// who asked, or its word.
    pub(super) fn is_outdated(&self, permit: &Permit, rules: &Rules, now: Instant) -> bool {
        let withdrew = |principal: &Arc<Principal>| {
            let issuer = &principal.issuer;
            rules.issuers.withdrew_since(issuer, self.at)
        };
        *self.rules != *rules.revision
            || permit.principal().is_some_and(withdrew)
            || self
                .counts_until(permit, rules)
                .is_some_and(|until| until <= now)
    }

    /// Until when the word of an issuer counts that was asked who it is; a WebSocket is no longer
    /// somebody's then than a request would be.
    pub(super) fn counts_until(&self, permit: &Permit, rules: &Rules) -> Option<Instant> {
        let word = rules.issuers.word_of(&permit.principal()?.issuer)?;
        Some(self.at.checked_add(word).unwrap_or(self.at))
    }
}

impl Turn {
    /// Its part of a time that all share.
    fn of(&self, time: Duration) -> Duration {
        let drawn = time.saturating_mul(self.drawn);
        drawn.checked_div(DRAWN).unwrap_or(time)
    }
}

/// What everything in flight is asked about, at one moment.
#[derive(Clone, Copy)]
struct Now<'a> {
    board: &'a Board,
    revoked: &'a Revocations,
    rules: &'a Rules,
    at: Instant,
    /// Since when the gateway stops, and in which time WebSockets take their turns.
    leaving: Option<(Instant, Duration)>,
}

/// Why something in flight ends before its own end.
enum End {
    /// It is closed.
    Closed(Denial),
    /// Its WebSocket was judged by rules or keys that are no longer in force.
    Outdated,
    /// The gateway stops, and a WebSocket would not.
    Leaving,
}

/// Whether something in flight is to end.
enum Due {
    Never,
    At(Instant),
    Now(End),
}

impl Served {
    fn due(&mut self, now: Now<'_>) -> Due {
        let refused = self
            .permit
            .confirm(now.board, now.revoked, clock::unix_time())
            .err();
        let (from, grace, end) = match (refused, &self.websocket, now.leaving) {
            (Some(denial), ..) if self.is_cut_at_once(&denial, now.board) => {
                (now.at, Duration::ZERO, End::Closed(denial))
            }
            (Some(denial), ..) => (now.at, self.grace, End::Closed(denial)),
            (None, Some(turn), Some((since, time))) => (since, turn.of(time), End::Leaving),
            (None, Some(turn), None)
                if turn.judged.is_outdated(&self.permit, now.rules, now.at) =>
            {
                (now.at, self.grace, End::Outdated)
            }
            (None, ..) => {
                self.due = None; // it was opened again in time
                let turn = self.websocket.as_ref();
                let until = turn.and_then(|it| it.judged.counts_until(&self.permit, now.rules));
                return until.map_or(Due::Never, Due::At);
            }
        };
        let due = from.checked_add(grace).unwrap_or(from);
        let due = self.due.map_or(due, |before| before.min(due));
        self.due = Some(due);
        if due > now.at {
            Due::At(due)
        } else {
            Due::Now(end)
        }
    }

    /// Whether it is given no time: its closure says so, or who sent it has no right to any answer.
    fn is_cut_at_once(&self, denial: &Denial, board: &Board) -> bool {
        matches!(denial, Denial::TokenInvalid(_)) || self.permit.is_cut_at_once(board)
    }

    /// Ends it: by a word of its own if it is a WebSocket, and by a cut if it is not, or doesn't listen.
    fn end(&self, end: End, now: Now<'_>) {
        let mut haste = Haste::InOrder;
        let code = match end {
            End::Closed(denial) => {
                if self.is_cut_at_once(&denial, now.board) {
                    haste = Haste::AtOnce;
                }
                let code = if matches!(denial, Denial::TokenInvalid(_)) {
                    Code::PolicyViolation
                } else {
                    Code::TryAgainLater
                };
                self.cut_by.get_or_init(|| denial);
                code
            }
            End::Outdated => Code::ServiceRestart,
            End::Leaving => Code::GoingAway,
        };
        let told = |turn: &Turn| turn.websocket.close(code, haste);
        if self.websocket.as_ref().is_some_and(told) {
            let until = now.at.checked_add(haste.limit().saturating_mul(2));
            self.cut.at(until.unwrap_or(now.at));
        } else {
            self.cut.now();
        }
    }
}

impl InFlight {
    /// With so many WebSockets at most.
    pub fn new(websockets: u32) -> Self {
        let places = usize::try_from(websockets).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            served: std::array::from_fn(|_| Mutex::default()),
            websockets: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            leaving: OnceLock::new(),
            told: Notify::new(),
        }
    }

    /// A request is about to be forwarded. To be called before its last look at the board: whatever
    /// closes after that look finds it here. `limit` is the time-out of a command.
    pub(super) fn enter(&self, id: Uuid, permit: &Arc<Permit>, limit: Option<Duration>) -> CutBy {
        let grace = limit.unwrap_or(READ_DRAIN);
        let cut_by = CutBy::default();
        self.insert(id, (permit, grace), &cut_by, None);
        cut_by
    }

    /// The same for a WebSocket, by whose record `cut_by` stands.
    pub(super) fn enter_websocket(
        &self,
        id: Uuid,
        permit: &Arc<Permit>,
        (websocket, judged): (&Arc<WebSocket>, Judged),
        cut_by: &CutBy,
    ) {
        let drawn = Uuid::new_v4().as_u128().checked_rem(u128::from(DRAWN));
        let turn = Turn {
            websocket: Arc::clone(websocket),
            judged,
            drawn: drawn.and_then(|it| it.try_into().ok()).unwrap_or_default(),
        };
        self.insert(id, (permit, turn.of(TURNS)), cut_by, Some(turn));
        if self.leaving.get().is_some() {
            self.told.notify_one();
        }
    }

    /// Other rules or keys may be in force: WebSockets that were judged by those before end, each in its turn,
    /// and are judged anew when their clients come back.
    pub fn rules_changed(&self) {
        self.told.notify_one();
    }

    fn insert(
        &self,
        id: Uuid,
        (permit, grace): (&Arc<Permit>, Duration),
        cut_by: &CutBy,
        websocket: Option<Turn>,
    ) {
        if let Some(cut) = Cut::current() {
            let served = Served {
                permit: Arc::clone(permit),
                grace,
                cut,
                cut_by: Arc::clone(cut_by),
                due: None,
                websocket,
            };
            self.shard(id).insert(id, served);
        }
    }

    /// A place for one more WebSocket, until it is dropped.
    pub(super) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.websockets).try_acquire_owned().ok()
    }

    /// A request is over.
    pub(super) fn leave(&self, id: Uuid) {
        let served = self.shard(id).remove(&id);
        drop(served); // the permit, if nobody else holds it: outside the lock
    }

    /// The gateway stops within `limit`: WebSockets, which would never end, are told in its first half.
    pub fn go_away(&self, limit: Duration) {
        let leaving = (clock::monotonic(), TURNS.min(limit.div_f32(2.0)));
        if self.leaving.set(leaving).is_ok() {
            self.told.notify_one();
        }
    }

    /// Asks all requests again, and ends those whose time is up; when to ask again, if nothing changes
    /// before.
    fn review(&self, board: &Board, revoked: &Revocations, rules: &Rules) -> Option<Instant> {
        let now = Now {
            board,
            revoked,
            rules,
            at: clock::monotonic(),
            leaving: self.leaving.get().copied(),
        };
        let mut next: Option<Instant> = None;
        // INVARIANT: a request is cut under the lock, so before it can leave and another one follow on
        // its connection.
        for shard in &self.served {
            lock(shard).retain(|_, served| match served.due(now) {
                Due::Never => true,
                Due::At(due) => {
                    next = Some(next.map_or(due, |earliest| earliest.min(due)));
                    true
                }
                Due::Now(end) => {
                    served.end(end, now);
                    false
                }
            });
        }
        next
    }

    /// Where the request of this id stands, by its last bits: those are random.
    fn shard(&self, id: Uuid) -> MutexGuard<'_, HashMap<Uuid, Served>> {
        let [.., last] = *id.as_bytes();
        let [first, ..] = &self.served;
        let number = usize::from(last).checked_rem(SHARDS).unwrap_or_default();
        lock(self.served.get(number).unwrap_or(first))
    }
}

fn lock(shard: &Mutex<HashMap<Uuid, Served>>) -> MutexGuard<'_, HashMap<Uuid, Served>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reviews what is in flight whenever the board changed or somebody's time is up; for as long as the
/// process lives.
pub async fn watch(shared: Arc<Shared>) {
    let mut revisions = shared.switchboard.changes();
    let mut revocations = shared.revocations.changes();
    loop {
        // before they are read: what comes later is seen again
        revisions.mark_unchanged();
        revocations.mark_unchanged();
        let board = shared.switchboard.board();
        let rules = shared.rules.load_full();
        let next = shared.in_flight.review(&board, &shared.revocations, &rules);
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
            changed = revocations.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = shared.in_flight.told.notified() => {}
            () = due => {}
        }
    }
}
