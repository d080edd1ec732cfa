//! How does a WebSocket end?
//!
//! A request is over with its answer; a WebSocket may stay open for days. What ends it from outside (a
//! closure, its token's expiry, silence, SIGTERM) is said to both sides in their own terms: a Close
//! frame between two frames of the upstream's to the client, another one to the upstream, and shortly
//! after that the connection's end. From the moment that it is to end, nothing of the client's passes.

mod frames;
mod tunnel;
mod upstream;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;

use crate::denial::Denial;

pub(super) use tunnel::Tunnel;
pub(crate) use upstream::Connector;

/// How long a client has to answer a Close frame with its own: some round trips of a phone.
pub(crate) const CLOSING: Duration = Duration::from_secs(2);

/// The same where there is no time to lose: for the frame to leave, and for no answer.
pub(crate) const CLOSING_NOW: Duration = Duration::from_millis(200);

/// Why, in the words of RFC 6455, 7.4.1 and its registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// The gateway stops, or nobody has said anything for too long.
    GoingAway,
    /// The token has expired, or was taken back.
    PolicyViolation,
    /// Other rules are in force: it is to be judged anew.
    ServiceRestart,
    /// It is closed.
    TryAgainLater,
}

impl Code {
    fn number(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::PolicyViolation => 1008,
            Self::ServiceRestart => 1012,
            Self::TryAgainLater => 1013,
        }
    }
}

/// How much time its end may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Haste {
    /// The frame under way goes on to its end, and the client may answer.
    InOrder,
    /// None: a Close frame if one can stand here.
    AtOnce,
}

impl Haste {
    /// When the connection is cut, however far that came.
    pub(crate) fn limit(self) -> Duration {
        match self {
            Self::InOrder => CLOSING,
            Self::AtOnce => CLOSING_NOW,
        }
    }
}

/// How long it may live.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// When the upstream must have answered the handshake.
    pub(crate) answer_by: Instant,
    /// When its token expires.
    pub(crate) expires_at: Option<Instant>,
    /// How long it may be silent.
    pub(crate) idle: Duration,
}

/// One WebSocket, as the gateway and its socket know it together.
#[derive(Debug)]
pub(crate) struct WebSocket {
    terms: Terms,
    /// Why it was ended, for its record; set before it ends.
    cut_by: Arc<OnceLock<Denial>>,
    state: Mutex<State>,
    reader: AtomicWaker,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    wanted: Option<(Code, Haste)>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The upstream's answer is awaited.
    #[default]
    Asked,
    /// The answer didn't come in time.
    Unanswered,
    /// The upstream agreed: its answer is the next thing that is written.
    Agreed,
}

impl WebSocket {
    /// Before its handshake goes upstream.
    pub(crate) fn new(terms: Terms, cut_by: Arc<OnceLock<Denial>>) -> Self {
        Self {
            terms,
            cut_by,
            state: Mutex::default(),
            reader: AtomicWaker::new(),
        }
    }

    /// The upstream agreed.
    pub(crate) fn agreed(&self) {
        self.state().phase = Phase::Agreed;
    }

    /// Whether the upstream did not answer the handshake in time.
    pub(crate) fn is_unanswered(&self) -> bool {
        self.state().phase == Phase::Unanswered
    }

    /// Ends it; `false` if it is not open, so that nobody can be told.
    pub(crate) fn close(&self, code: Code, haste: Haste) -> bool {
        let mut state = self.state();
        if state.phase != Phase::Agreed {
            return false;
        }
        state.wanted = Some((code, haste));
        drop(state);
        self.reader.wake();
        true
    }

    fn has_agreed(&self) -> bool {
        self.state().phase == Phase::Agreed
    }

    fn give_up(&self) {
        self.state().phase = Phase::Unanswered;
    }

    fn wanted(&self) -> Option<(Code, Haste)> {
        self.state().wanted
    }

    fn wake_by(&self, waker: &Waker) {
        self.reader.register(waker);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
