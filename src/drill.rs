//! Would this closure really refuse, and let in again?
//!
//! A drill closes what a closure would close, but for a stand-in alone: a vehicle that no car has, or
//! where no covered route names one, a subject that nobody is. It asks through the real data path, opens
//! again and asks once more. Nobody else meets it. When a scope was last proved is kept on disk.

mod kept;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::prober::{LoopbackProber, PASSED};
use crate::switchboard::changes::{self, By, New, Senseless};
use crate::switchboard::closure::What;
use crate::switchboard::probe::{Probed, Prober};
use crate::switchboard::store::{Changed, Switchboard, Unchanged};
use crate::switchboard::{AtExpiry, Closure, Scope, Shut, State};

use kept::Kept;

/// Closures of drills begin so.
pub const DRILL_PREFIX: &str = "drill-";

/// Seconds that a drill's closure lasts where the process dies in the middle: a few probes' time.
const LASTS: u64 = 60;

/// What a drill showed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drilled {
    /// When it ended, in seconds since the Unix epoch.
    pub at: u64,
    /// Who asked for it.
    pub by: String,
    /// Whether the stand-in was refused, by that closure alone, and let in again after it.
    pub proved: bool,
    /// The answer while it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Probed>,
    /// The answer after it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened: Option<Probed>,
    /// Why it isn't proved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<String>,
}

/// Runs drills, one at a time, and remembers them.
pub struct Drill {
    prober: Arc<LoopbackProber>,
    switchboard: Arc<Switchboard>,
    kept: Kept,
    running: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Drill {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Drill")
    }
}

impl Drill {
    /// Drills that are remembered in `directory`, the switch board's own. What can't be read there is
    /// begun anew: it proves nothing, and holds up nobody.
    pub fn open(
        directory: &Path,
        prober: Arc<LoopbackProber>,
        switchboard: Arc<Switchboard>,
    ) -> Self {
        Self {
            prober,
            switchboard,
            kept: Kept::open(directory),
            running: tokio::sync::Mutex::new(()),
        }
    }

    /// The last drill of exactly this scope, proved or not.
    pub fn last(&self, scope: &Scope) -> Option<Drilled> {
        self.kept.last(scope)
    }

    /// When exactly this scope was last proved, in seconds since the Unix epoch.
    pub fn last_proved(&self, scope: &Scope) -> Option<u64> {
        self.kept.last_proved(scope)
    }

    /// Exercises a closure of `scope` that would refuse as `shut` says.
    ///
    /// # Errors
    /// The scope can't be drilled for a stand-in alone, or its closure can't be made. What went wrong
    /// after that stands in the answer.
    pub async fn run(&self, scope: &Scope, shut: Shut, by: &str) -> Result<Drilled, String> {
        let _alone = self.running.lock().await;
        let narrowed = self.prober.narrow(scope)?;
        let closure = self.close(narrowed, shut, by).await?;
        let closed = self.prober.probe(&closure).await;
        let ended = self.end(&closure, by).await; // whatever the answer was
        let opened = match &ended {
            Ok(ended) => self.prober.probe(ended).await,
            Err(flaw) => Err(flaw.clone()),
        };
        let flaw = flaw(shut, &closed, &opened);
        let drilled = Drilled {
            at: clock::unix_time().as_secs(),
            by: by.to_owned(),
            proved: flaw.is_none(),
            closed: closed.ok(),
            opened: opened.ok(),
            flaw,
        };
        if let Err(why) = self.kept.keep(scope, drilled.clone()).await {
            tracing::warn!(%why, "a drill is remembered until a restart only");
        }
        Ok(drilled)
    }

    async fn close(&self, scope: Scope, shut: Shut, by: &str) -> Result<Arc<Closure>, String> {
        let new = New {
            state: match shut {
                Shut::Closed => State::Closed,
                Shut::ReadOnly => State::ReadOnly,
            },
            seconds: Some(LASTS),
            at_expiry: AtExpiry::Restore,
            ..New::closing(
                format!("{DRILL_PREFIX}{}", clock::dated_id().simple()),
                scope,
                "a drill for a stand-in".to_owned(),
            )
        };
        let (switchboard, who) = (Arc::clone(&self.switchboard), by.to_owned());
        let begin = move || {
            switchboard.close(|_, revision| {
                Ok::<_, Senseless>(changes::begin(new, now_by(&who, revision)))
            })
        };
        changed(tokio::task::spawn_blocking(begin).await)
    }

    async fn end(&self, closure: &Closure, by: &str) -> Result<Arc<Closure>, String> {
        let (switchboard, who) = (Arc::clone(&self.switchboard), by.to_owned());
        let id = closure.id.clone();
        let open = move || {
            switchboard.open_up(|board, revision| {
                let newest = board.get(&id).ok_or(Senseless::Ended)?;
                changes::set(newest, State::Open, What::Open, now_by(&who, revision))
            })
        };
        let ended = changed(tokio::task::spawn_blocking(open).await);
        ended.map_err(|why| format!("the drill's closure ends by itself in {LASTS} s: {why}"))
    }
}

fn now_by(who: &str, revision: u64) -> By<'_> {
    By {
        who,
        at: clock::unix_time().as_secs(),
        revision,
        break_glass: false,
    }
}

fn changed(
    made: Result<Result<Changed, Unchanged<Senseless>>, tokio::task::JoinError>,
) -> Result<Arc<Closure>, String> {
    match made {
        Ok(Ok(changed)) => Ok(changed.closure),
        Ok(Err(Unchanged::Refused(senseless))) => Err(senseless.to_string()),
        Ok(Err(Unchanged::Raced)) => Err("it changed meanwhile".to_owned()),
        Ok(Err(Unchanged::NotDurable(why))) => Err(why),
        Err(error) => Err(error.to_string()),
    }
}

/// Why the two answers prove nothing.
fn flaw(
    shut: Shut,
    closed: &Result<Probed, String>,
    opened: &Result<Probed, String>,
) -> Option<String> {
    let refusal = match shut {
        Shut::Closed => "closed",
        Shut::ReadOnly => "read-only",
    };
    for (answer, expected, when) in [
        (closed, refusal, "while it was closed"),
        (opened, PASSED, "after it was opened"),
    ] {
        match answer {
            Err(why) => return Some(format!("{when}: {why}")),
            Ok(Probed {
                other: Some(other), ..
            }) => return Some(format!("{when}: closure `{other}` refuses the same")),
            Ok(probed) if probed.code != expected => {
                let code = &probed.code;
                return Some(format!("{when}: the answer was `{code}`, not `{expected}`"));
            }
            Ok(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probed(code: &str, other: Option<&str>) -> Probed {
        Probed {
            status: 503,
            code: code.to_owned(),
            as_expected: true,
            at: 1,
            other: other.map(str::to_owned),
        }
    }

    #[test]
    fn only_a_refusal_and_then_a_pass_prove_it() {
        let (closed, passed) = (Ok(probed("closed", None)), Ok(probed(PASSED, None)));
        assert_eq!(flaw(Shut::Closed, &closed, &passed), None);
        assert!(flaw(Shut::ReadOnly, &closed, &passed).is_some());
        assert!(flaw(Shut::Closed, &passed, &passed).is_some());
        assert!(flaw(Shut::Closed, &closed, &closed).is_some());
        assert!(flaw(Shut::Closed, &closed, &Err("no answer".to_owned())).is_some());
        let shared = Ok(probed("closed", Some("c-2")));
        let told = flaw(Shut::Closed, &shared, &passed).unwrap();
        assert!(told.contains("`c-2`"), "{told}");
    }
}
