//! How does a closure let people in again, share by share?

use std::collections::BTreeSet;
use std::fmt;

use crate::switchboard::changes::{By, Senseless, set};
use crate::switchboard::closure::What;
use crate::switchboard::{Closure, Ramp, Share, State};

/// How a restore begins, or goes on.
#[derive(Clone, Default)]
pub struct Restoring {
    /// Who is let in first; added to those who are.
    pub testers: BTreeSet<String>,
    /// Seconds a stage; `None`: by hand, or as before.
    pub step: Option<u64>,
    /// No stage is taken by time any more.
    pub by_hand: bool,
    /// Seconds that the present stage must have lasted before the next one is taken.
    pub least: u64,
    /// The stage to take; `None`: the first one.
    pub stage: Option<Share>,
    /// Random; key of the draw.
    pub draw: String,
}

impl fmt::Debug for Restoring {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Restoring")
            .field("step", &self.step)
            .field("stage", &self.stage)
            .finish_non_exhaustive() // testers are persons
    }
}

/// A closure that begins to restore, or whose ramp goes on. A ramp never goes back: who was let in
/// stays in; to stop it, close again.
pub fn restore(closure: &Closure, how: Restoring, by: By<'_>) -> Result<Closure, Senseless> {
    let from = closure.state.shut().ok_or(Senseless::Ended)?;
    let ramp = match &closure.state {
        State::Restoring(ramp) => {
            let stage = how.stage.unwrap_or(ramp.stage);
            if stage != ramp.stage && Some(stage) != ramp.stage.next() {
                return Err(Senseless::NotNext);
            }
            if stage != ramp.stage && by.at < ramp.since.saturating_add(how.least) {
                return Err(Senseless::TooSoon);
            }
            Ramp {
                stage,
                since: if stage == ramp.stage {
                    ramp.since
                } else {
                    by.at
                },
                step: if how.by_hand {
                    None
                } else {
                    how.step.or(ramp.step)
                },
                testers: ramp.testers.union(&how.testers).cloned().collect(),
                ..ramp.clone()
            }
        }
        State::Open | State::ReadOnly | State::Closed => Ramp {
            from,
            stage: match how.stage {
                None | Some(Share::Testers) => Share::Testers,
                Some(_) => return Err(Senseless::NotNext),
            },
            since: by.at,
            step: how.step,
            testers: how.testers,
            draw: how.draw,
        },
    };
    set(closure, State::Restoring(ramp), What::Restore, by)
}

/// One stage on; behind the last one it ends.
pub(super) fn advance(closure: &Closure, ramp: &Ramp, by: By<'_>) -> Option<Closure> {
    let state = match ramp.stage.next() {
        Some(stage) => State::Restoring(Ramp {
            stage,
            since: by.at,
            ..ramp.clone()
        }),
        None => State::Open,
    };
    set(closure, state, What::Advance, by).ok()
}
