//! How does this replica ask itself what it answers?
//!
//! [`LoopbackProber`] picks a request that a closure covers, sends it to one of the gateway's own
//! listeners as a rehearsal (see [`crate::pipeline::rehearsal`]), and holds the answer against what the
//! board asks for. It comes through sockets, TLS, limits, the door and the decision like any other,
//! from a loopback address of its own: a flood from another address doesn't use up what the door
//! lets in of it, and a house that is full of connections, or a door that refuses it, is told as it is.

mod ask;
mod choose;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;

use crate::clock;
use crate::edge::Doorway;
use crate::pipeline::rehearsal::Rehearsals;
use crate::rules::Rules;
use crate::switchboard::probe::{Probed, Prober};
use crate::switchboard::store::Switchboard;
use crate::switchboard::{Board, Closure, Place, Scope, Shut};

use choose::Candidate;

/// Code of an answer that no switch refused.
pub const PASSED: &str = "passed";

/// Where the board changed meanwhile, it is asked once more.
const ATTEMPTS: u32 = 2;

/// Sends synthetic requests to this process's own listeners.
pub struct LoopbackProber {
    doorways: Vec<Doorway>,
    rules: Arc<ArcSwap<Rules>>,
    switchboard: Arc<Switchboard>,
    rehearsals: Arc<Rehearsals>,
}

impl fmt::Debug for LoopbackProber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "LoopbackProber({} listeners)", self.doorways.len())
    }
}

/// What the board asks for at one place.
#[derive(Debug, PartialEq, Eq)]
struct Expected {
    /// The public code.
    code: &'static str,
    /// Another closure that alone would have it answered like that.
    other: Option<String>,
}

impl LoopbackProber {
    /// For these listeners of this process; `rehearsals` are those that its gateways redeem.
    pub fn new(
        doorways: Vec<Doorway>,
        rules: Arc<ArcSwap<Rules>>,
        switchboard: Arc<Switchboard>,
        rehearsals: Arc<Rehearsals>,
    ) -> Self {
        Self {
            doorways,
            rules,
            switchboard,
            rehearsals,
        }
    }

    /// The scope, and nothing of it but what a stand-in asks for: its vehicle, or where no covered
    /// route names one, its subject.
    ///
    /// # Errors
    /// No route is covered, or only such as need neither vehicle nor identity: closing those for a
    /// stand-in alone can't be done.
    pub fn narrow(&self, scope: &Scope) -> Result<Scope, String> {
        choose::narrow(&self.rules.load(), scope, &self.doorways)
    }

    async fn ask(&self, closure: &Closure, board: &Board) -> Result<Probed, String> {
        let rules = self.rules.load_full();
        let (candidate, expected) = pick(&rules, board, closure, &self.doorways)?;
        let now = clock::unix_time();
        let ticket = self.rehearsals.admit(candidate.rehearsal.clone(), now)?;
        let announced = rules.limits.body_bytes.saturating_add(1);
        let answer = ask::ask(&candidate, &ticket, announced).await?;
        let passed = answer.status == 403 && answer.code == "access-denied";
        let code = if passed { PASSED } else { &answer.code };
        Ok(Probed {
            status: answer.status,
            as_expected: code == expected.code,
            code: code.to_owned(),
            at: u64::try_from(clock::unix_time().as_millis()).unwrap_or(u64::MAX),
            other: expected.other,
        })
    }
}

#[async_trait]
impl Prober for LoopbackProber {
    async fn probe(&self, closure: &Closure) -> Result<Probed, String> {
        let mut attempt = 1;
        loop {
            let board = self.switchboard.board();
            let probed = self.ask(closure, &board).await?;
            let changed = !Arc::ptr_eq(&board, &self.switchboard.board());
            if probed.as_expected || !changed || attempt >= ATTEMPTS {
                return Ok(probed);
            }
            attempt = attempt.saturating_add(1);
        }
    }
}

/// The request that tells most: one that the closure refuses and no other, if there is any.
fn pick(
    rules: &Rules,
    board: &Board,
    closure: &Closure,
    doorways: &[Doorway],
) -> Result<(Candidate, Expected), String> {
    let candidates = choose::candidates(rules, closure, doorways);
    let judged = candidates.into_iter().filter_map(|candidate| {
        let place = candidate.situation.whole()?;
        let silent = closure.is_in_force() && closure.refuses(place).is_none();
        let expected = expect(board, closure, place);
        Some((expected.other.is_some(), silent, candidate, expected))
    });
    let best = judged.min_by_key(|(shared, silent, ..)| (*shared, *silent));
    let (.., candidate, expected) = best.ok_or("no route is covered")?;
    Ok((candidate, expected))
}

/// What a request at `place` is to be answered: the closure as it is given, and all others as they
/// stand on the board.
fn expect(board: &Board, closure: &Closure, place: Place<'_>) -> Expected {
    let own = closure.refuses(place);
    let mut other: Option<(Shut, &str)> = None;
    board.covering(place, |one| {
        let refused = one.refuses(place).filter(|_| one.id != closure.id);
        if let Some(shut) = refused
            && other.is_none_or(|(worst, _)| shut > worst)
        {
            other = Some((shut, &one.id));
        }
    });
    let alone = other.filter(|(shut, _)| own.is_none_or(|own| *shut >= own));
    let code = match own.max(other.map(|(shut, _)| shut)) {
        Some(Shut::Closed) => "closed",
        Some(Shut::ReadOnly) => "read-only",
        None => PASSED,
    };
    Expected {
        code,
        other: alone.map(|(_, id)| id.to_owned()),
    }
}
