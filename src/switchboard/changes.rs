//! What does a change make of a closure?
//!
//! Pure: the version before, who changes it, and when. Nothing here asks whether they may.

mod ramp;

use std::fmt;
use std::sync::Arc;

use crate::switchboard::closure::{Before, Change, Pending, What};
use crate::switchboard::{AtExpiry, Closure, Drain, Notice, Scope, State, Texts};
use ramp::advance;
pub use ramp::{Restoring, restore};

/// How long a closure lasts where nobody says: an incident's night, and short enough that a
/// forgotten one is noticed the same day.
pub const DEFAULT_SECONDS: u64 = 4 * 60 * 60;

/// How long a second person has to approve.
pub const APPROVAL_SECONDS: u64 = 15 * 60;

/// How long a stage of a ramp takes at least, where opening takes two persons: whoever restores alone
/// sees what each share does, and can't run through.
pub const STAGE_SECONDS: u64 = 60;

/// How long a change can be undone.
pub const UNDO_SECONDS: u64 = 10 * 60;

/// Who changes it, when, and as which revision.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// Who.
    pub who: &'a str,
    /// Seconds since the Unix epoch.
    pub at: u64,
    /// Above every revision of the board.
    pub revision: u64,
    /// Alone where two were needed.
    pub break_glass: bool,
}

/// What a new closure is made of.
#[derive(Clone)]
pub struct New {
    /// Never used before.
    pub id: String,
    /// What it covers.
    pub scope: Scope,
    /// `Closed` or `ReadOnly`.
    pub state: State,
    /// Private; not empty.
    pub reason: String,
    /// Public texts.
    pub texts: Arc<Texts>,
    /// What another surface tells.
    pub notice: Option<Arc<Notice>>,
    /// Ticket.
    pub ticket: Option<String>,
    /// Owner.
    pub owner: Option<String>,
    /// Seconds that it lasts; `None`: until somebody ends it.
    pub seconds: Option<u64>,
    /// What happens then.
    pub at_expiry: AtExpiry,
    /// What becomes of requests in flight.
    pub drain: Drain,
}

impl New {
    /// A closure of `scope` until somebody ends it, without anything else.
    pub fn closing(id: String, scope: Scope, reason: String) -> Self {
        Self {
            id,
            scope,
            state: State::Closed,
            reason,
            texts: Arc::default(),
            notice: None,
            ticket: None,
            owner: None,
            seconds: None,
            at_expiry: AtExpiry::Hold,
            drain: Drain::Gentle,
        }
    }
}

impl fmt::Debug for New {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("New")
            .field("id", &self.id)
            .field("scope", &self.scope)
            .field("state", &self.state)
            .finish_non_exhaustive() // free texts
    }
}

/// Why a change makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Senseless {
    /// It has ended.
    #[error("it is open already")]
    Ended,
    /// It is that already.
    #[error("it is so already")]
    Same,
    /// There is nothing to undo.
    #[error("there is no change that could be undone")]
    NothingToUndo,
    /// The time to undo is over.
    #[error("the last change is more than ten minutes old")]
    TooLate,
    /// Nothing waits for approval.
    #[error("nothing waits for approval")]
    NothingPending,
    /// The time to approve is over.
    #[error("it was to be approved within 15 minutes")]
    Lapsed,
    /// The new end is not behind the old one.
    #[error("it would end before it ends now")]
    NotLonger,
    /// A ramp goes up only, one stage at a time.
    #[error("a ramp goes on by one stage at a time; `open` skips it")]
    NotNext,
    /// A stage that was hardly seen says nothing about the next one.
    #[error("a stage takes {STAGE_SECONDS} seconds at least; `open` skips the ramp")]
    TooSoon,
}

fn change(what: What, by: By<'_>) -> Change {
    Change {
        what,
        by: by.who.to_owned(),
        asked_by: None,
        at: by.at,
        break_glass: by.break_glass,
    }
}

/// A closure that is in force at once.
pub fn begin(new: New, by: By<'_>) -> Closure {
    let what = match new.state {
        State::ReadOnly => What::ReadOnly,
        State::Open | State::Restoring(_) | State::Closed => What::Close,
    };
    Closure {
        id: new.id,
        revision: by.revision,
        scope: new.scope,
        state: new.state,
        reason: new.reason,
        texts: new.texts,
        notice: new.notice,
        ticket: new.ticket,
        owner: new.owner,
        closed_by: by.who.to_owned(),
        approved_by: None,
        closed_at: by.at,
        expires_at: new.seconds.map(|seconds| by.at.saturating_add(seconds)),
        at_expiry: new.at_expiry,
        drain: new.drain,
        change: change(what, by),
        pending: None,
        before: Some(Before {
            state: State::Open,
            expires_at: None,
        }),
    }
}

/// A closure that waits for a second person.
pub fn propose(new: New, by: By<'_>) -> Closure {
    let seconds = new.seconds;
    let mut closure = begin(new, by);
    let state = std::mem::replace(&mut closure.state, State::Open);
    closure.pending = Some(Pending {
        what: closure.change.what,
        state,
        expires_at: seconds, // counted from the approval: see `approve`
        asked_by: by.who.to_owned(),
        until: by.at.saturating_add(APPROVAL_SECONDS),
    });
    closure.expires_at = None;
    closure.before = None;
    closure.change = change(What::Ask, by);
    closure
}

/// The closure in another state.
pub fn set(closure: &Closure, state: State, what: What, by: By<'_>) -> Result<Closure, Senseless> {
    if closure.state == state && closure.pending.is_none() {
        return Err(Senseless::Same);
    }
    let before = Before {
        state: closure.state.clone(),
        expires_at: closure.expires_at,
    };
    Ok(Closure {
        revision: by.revision,
        state,
        change: change(what, by),
        pending: None,
        before: Some(before),
        ..closure.clone()
    })
}

/// A change of a closure that waits for a second person; the closure stays what it is.
///
/// INVARIANT: what it was before is what it is: taking back what one asked for must not bring back what
/// was in force before somebody else closed.
pub fn ask(closure: &Closure, state: State, what: What, by: By<'_>) -> Result<Closure, Senseless> {
    if closure.state == state {
        return Err(Senseless::Same);
    }
    Ok(Closure {
        revision: by.revision,
        change: change(What::Ask, by),
        pending: Some(Pending {
            state,
            what,
            expires_at: None,
            asked_by: by.who.to_owned(),
            until: by.at.saturating_add(APPROVAL_SECONDS),
        }),
        before: Some(Before {
            state: closure.state.clone(),
            expires_at: closure.expires_at,
        }),
        ..closure.clone()
    })
}

/// What was asked for, done. The end of a closure that was only proposed counts from now.
pub fn approve(closure: &Closure, by: By<'_>) -> Result<Closure, Senseless> {
    let pending = closure.pending.as_ref().ok_or(Senseless::NothingPending)?;
    if by.at >= pending.until {
        return Err(Senseless::Lapsed);
    }
    let mut approved = set(closure, pending.state.clone(), pending.what, by)?;
    if !closure.is_in_force() && pending.state != State::Open {
        approved.closed_at = by.at;
        approved.approved_by = Some(by.who.to_owned());
        let end = |seconds: u64| by.at.saturating_add(seconds);
        approved.expires_at = pending.expires_at.map(end);
    }
    approved.change.asked_by = Some(pending.asked_by.clone());
    Ok(approved)
}

/// A later end.
pub fn extend(closure: &Closure, expires_at: u64, by: By<'_>) -> Result<Closure, Senseless> {
    if !closure.is_in_force() {
        return Err(Senseless::Ended);
    }
    if closure.expires_at.is_none_or(|end| expires_at <= end) {
        return Err(Senseless::NotLonger);
    }
    let mut longer = closure.clone();
    longer.revision = by.revision;
    longer.before = Some(Before {
        state: closure.state.clone(),
        expires_at: closure.expires_at,
    });
    longer.expires_at = Some(expires_at);
    longer.change = change(What::Extend, by);
    Ok(longer)
}

/// The closure as it was before its last change. What was only asked for is asked for no more.
pub fn undo(closure: &Closure, by: By<'_>) -> Result<Closure, Senseless> {
    let before = closure.before.as_ref().ok_or(Senseless::NothingToUndo)?;
    if by.at >= closure.change.at.saturating_add(UNDO_SECONDS) {
        return Err(Senseless::TooLate);
    }
    Ok(Closure {
        revision: by.revision,
        state: before.state.clone(),
        expires_at: before.expires_at,
        change: change(What::Undo, by),
        pending: None,
        before: None, // an undo can't be undone: who meant the change makes it again
        ..closure.clone()
    })
}

/// What time alone makes of a closure at `by.at`; `None` if nothing. `draw` is the key of a ramp that
/// begins here.
pub fn due(closure: &Closure, draw: &str, step: u64, by: By<'_>) -> Option<Closure> {
    if closure
        .pending
        .as_ref()
        .is_some_and(|pending| by.at >= pending.until)
    {
        return Some(Closure {
            revision: by.revision,
            pending: None,
            before: None, // there was a change to undo before it was asked; its time is over
            change: change(What::Lapse, by),
            ..closure.clone()
        });
    }
    if let State::Restoring(ramp) = &closure.state {
        let over = ramp
            .step
            .is_some_and(|step| by.at >= ramp.since.saturating_add(step));
        return if over {
            advance(closure, ramp, by)
        } else {
            None
        };
    }
    let ended = closure.is_in_force() && closure.expires_at.is_some_and(|end| by.at >= end);
    if !ended || closure.at_expiry == AtExpiry::Hold {
        return None;
    }
    let how = Restoring {
        step: Some(step),
        draw: draw.to_owned(),
        ..Restoring::default()
    };
    restore(closure, how, by).ok()
}

/// Whether its time is over and it holds all the same: then operators are warned.
pub fn is_overdue(closure: &Closure, now: u64) -> bool {
    let over = closure.expires_at.is_some_and(|end| now >= end);
    over && matches!(closure.state, State::Closed | State::ReadOnly)
}
