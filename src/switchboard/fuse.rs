//! When does a part of a surface close by itself?
//!
//! A fuse counts the distinct verified principals that were refused on its surface within its window.
//! Noise without an identity, or of one attacker's token, closes nothing. It can only close, only the
//! scope that the configuration states, and for a time; nobody's subject is kept, only a keyed hash.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::clock;
use crate::config::file::{Fuse as Settings, FuseCode, FuseState};
use crate::switchboard::changes::{self, By, New};
use crate::switchboard::closure::What;
use crate::switchboard::store::{Changed, Switchboard, Unchanged};
use crate::switchboard::{AtExpiry, Board, Closure, Drain, State};

/// Fuses that blow at one moment and wait to be heard; more fuses than anybody writes.
const WAITING: usize = 64;

/// Seconds before a fuse that could not blow looks at the board again.
const REST: u64 = 1;

/// A denial of a verified principal.
#[derive(Clone, Copy)]
pub struct Refused<'a> {
    /// Name of the surface.
    pub surface: &'a str,
    /// Public code of the denial.
    pub code: &'a str,
    /// Name of the issuer in the configuration.
    pub issuer: &'a str,
    /// Subject.
    pub subject: &'a str,
    /// When, since the Unix epoch.
    pub at: Duration,
}

impl fmt::Debug for Refused<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Refused({} on {})", self.code, self.surface)
    }
}

/// All fuses of this replica; none unless configured.
#[derive(Debug)]
pub struct Fuses {
    fuses: Vec<Fuse>,
    blown: mpsc::Sender<Arc<Rule>>,
}

/// Those that blew and whose closure is still to be made.
#[derive(Debug)]
pub struct Blowing(mpsc::Receiver<Arc<Rule>>);

/// What one fuse does.
#[derive(Debug)]
struct Rule {
    name: String,
    by: String,
    codes: BTreeSet<&'static str>,
    settings: Settings,
}

#[derive(Debug)]
struct Fuse {
    rule: Arc<Rule>,
    /// Its key is random and of this process.
    hash: RandomState,
    seen: Mutex<Seen>,
}

/// Who was refused lately. INVARIANT: fewer than the rule's `distinct_principals`.
#[derive(Debug, Default)]
struct Seen {
    /// When last, in seconds, by hash.
    last: HashMap<u64, u64>,
    pruned_at: u64,
    rests_until: u64,
}

impl Fuses {
    /// The fuses of a configuration, and what has to be served for them to close anything.
    pub fn new(settings: &BTreeMap<String, Settings>) -> (Self, Blowing) {
        let (blown, blowing) = mpsc::channel(WAITING);
        let fuse = |(name, settings): (&String, &Settings)| Fuse {
            rule: Arc::new(Rule {
                name: name.clone(),
                by: format!("fuse {name}"),
                codes: settings.codes.iter().copied().map(FuseCode::code).collect(),
                settings: settings.clone(),
            }),
            hash: RandomState::new(),
            seen: Mutex::default(),
        };
        let fuses = settings.iter().map(fuse).collect();
        (Self { fuses, blown }, Blowing(blowing))
    }

    /// Counts a refusal. Never waits; a fuse that blows is closed by [`Blowing::serve`].
    pub fn note(&self, refused: Refused<'_>, board: &Board) {
        for fuse in &self.fuses {
            let rule = &fuse.rule;
            let watched = rule.settings.surface == *refused.surface;
            if watched && rule.codes.contains(refused.code) && fuse.count(refused, board) {
                let heard = self.blown.try_send(Arc::clone(rule));
                if let Err(error) = heard {
                    tracing::error!(fuse = %rule.name, %error, "a fuse blew and can't close");
                }
            }
        }
    }
}

impl Fuse {
    /// Whether it blows by this refusal.
    fn count(&self, refused: Refused<'_>, board: &Board) -> bool {
        let second = refused.at.as_secs();
        let who = self.hash.hash_one((refused.issuer, refused.subject));
        let settings = &self.rule.settings;
        let window = settings.window.get().as_secs().max(1);
        let mut seen = hold(&self.seen);
        if second < seen.rests_until {
            return false;
        }
        if seen.pruned_at != second {
            seen.pruned_at = second;
            let young = |last: u64| second.saturating_sub(last) < window;
            seen.last.retain(|_, last| young(*last));
        }
        seen.last.insert(who, second);
        let enough = usize::try_from(settings.distinct_principals).unwrap_or(usize::MAX);
        if seen.last.len() < enough {
            return false;
        }
        seen.last.clear();
        let rests = self.rule.rests_until(board, second);
        seen.rests_until = rests.unwrap_or(second.saturating_add(REST));
        rests.is_none()
    }
}

impl Rule {
    /// Until when it doesn't blow, if so: while its closure is in force, and for as long as that was
    /// meant to last once an operator opened it.
    fn rests_until(&self, board: &Board, now: u64) -> Option<u64> {
        let own = |closure: &&Arc<Closure>| closure.closed_by == self.by;
        let until = board.closures().filter(own).filter_map(|closure| {
            if closure.is_in_force() {
                return Some(now.saturating_add(REST));
            }
            let by_hand = matches!(closure.change.what, What::Open | What::Undo);
            let lasts = self.settings.lasts.get().as_secs();
            by_hand.then(|| closure.change.at.saturating_add(lasts))
        });
        until.max().filter(|until| now < *until)
    }

    fn closure(&self, board: &Board, revision: u64, at: u64) -> Result<Closure, Resting> {
        if self.rests_until(board, at).is_some() {
            return Err(Resting);
        }
        let settings = &self.settings;
        let count = settings.distinct_principals;
        let codes: Vec<&str> = self.codes.iter().copied().collect();
        let window = humantime::format_duration(settings.window.get());
        let new = New {
            id: format!("fuse-{}-{}", self.name, clock::dated_id().simple()),
            scope: settings.close.clone(),
            state: match settings.state {
                FuseState::ReadOnly => State::ReadOnly,
                FuseState::Closed => State::Closed,
            },
            reason: format!(
                "fuse `{}`: {count} verified principals were refused (`{}`) within {window}",
                self.name,
                codes.join("`, `")
            ),
            texts: Arc::new(settings.texts.clone()),
            notice: None,
            ticket: None,
            owner: None,
            seconds: Some(settings.lasts.get().as_secs().max(1)),
            at_expiry: AtExpiry::Restore,
            drain: Drain::Gentle,
        };
        let by = By {
            who: &self.by,
            at,
            revision,
            break_glass: false,
        };
        Ok(changes::begin(new, by))
    }
}

/// It closed meanwhile, or was opened by hand.
#[derive(Debug, PartialEq, Eq)]
struct Resting;

impl Blowing {
    /// Closes what blows, until no fuse is left to blow. `told` is called with the name of each.
    pub async fn serve(mut self, switchboard: Arc<Switchboard>, told: impl Fn(&str) + Send) {
        while let Some(rule) = self.0.recv().await {
            let switchboard = Arc::clone(&switchboard);
            let blown = Arc::clone(&rule);
            let closed = tokio::task::spawn_blocking(move || close(&blown, &switchboard)).await;
            match closed {
                Ok(Ok(changed)) => {
                    told(&rule.name);
                    let (id, scope) = (&changed.closure.id, changed.closure.scope.summary());
                    tracing::error!(fuse = %rule.name, %id, %scope, "a fuse blew and closed");
                    if let Some(why) = changed.not_durable {
                        tracing::error!(%id, %why, "its closure is in force and not on disk");
                    }
                }
                Ok(Err(Unchanged::Refused(Resting))) => {} // closed already, or opened by hand
                Ok(Err(Unchanged::Raced | Unchanged::NotDurable(_))) | Err(_) => {
                    tracing::error!(fuse = %rule.name, "a fuse blew and could not close");
                }
            }
        }
    }
}

fn close(rule: &Rule, switchboard: &Switchboard) -> Result<Changed, Unchanged<Resting>> {
    let at = clock::unix_time().as_secs();
    switchboard.close(|board, revision| rule.closure(board, revision, at))
}

/// A panic elsewhere leaves a count as it was: a poisoned lock is fine.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
