//! How is a change of the board judged, carried out and told?
//!
//! Every change takes the same way: what it would be, who may, and then at once, or asked of a second
//! person. Refusals are recorded like changes.

use std::sync::Arc;

use http::StatusCode;
use uuid::Uuid;

use crate::admin::Operated;
use crate::admin::asked::{Consent, Done};
use crate::admin::authority::{Act, Circumstances, NotAllowed, SecondPerson};
use crate::admin::conditions::IfMatch;
use crate::admin::gravity::Gravity;
use crate::admin::person::Person;
use crate::admin::problem::Problem;
use crate::clock;
use crate::switchboard::changes::{self, By, Senseless};
use crate::switchboard::closure::What;
use crate::switchboard::seal::Kind;
use crate::switchboard::store::{Changed, FILE_PREFIX, Unchanged};
use crate::switchboard::{Board, Closure, Scope, State};

/// Status and body of an answer.
pub(super) type Answer = Result<(StatusCode, Done), Problem>;

/// Who asks, with what beside their role.
pub(super) struct Asking<'a> {
    pub(super) operated: &'a Operated,
    pub(super) person: &'a Person,
    pub(super) act: Act,
    pub(super) consent: &'a Consent,
    /// Which share of the live traffic the scope hits, where that counts.
    pub(super) share: f64,
}

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// At once; alone, where two were needed and one insists.
    AtOnce { break_glass: bool },
    /// After a second person's yes.
    SecondPerson,
}

impl Asking<'_> {
    /// How grave a scope is, by the traffic of these minutes.
    fn gravity(&self, scope: &Scope) -> Gravity {
        Gravity::of(scope, &(self.operated.names)(), self.share)
    }

    /// Whether it may be done, and how.
    fn judge(&self, gravity: &Gravity, found: Circumstances) -> Result<Way, Problem> {
        let access = self.operated.access.load();
        let at = Circumstances {
            grave: gravity.is_grave(),
            named: gravity.is_named(self.consent.confirm.as_deref()),
            break_glass: self.consent.break_glass,
            single_person: access.single_person,
            ..found
        };
        let alone = Circumstances {
            break_glass: false,
            ..at
        };
        let decide = |at| access.authority.decide(self.person, self.act, at);
        let needed = self.consent.break_glass && decide(alone).is_err();
        match decide(at) {
            Ok(_) => Ok(Way::AtOnce {
                break_glass: needed,
            }),
            Err(NotAllowed::NeedsSecondPerson) => Ok(Way::SecondPerson),
            Err(why) => {
                let problem = Problem::missing(self.person, self.act, &why, gravity);
                self.operated.note_refusal(self.person, self.act, &why);
                Err(problem)
            }
        }
    }

    fn by(&self, revision: u64, break_glass: bool) -> By<'_> {
        By {
            who: &self.person.name,
            at: clock::unix_time().as_secs(),
            revision,
            break_glass,
        }
    }

    /// A closure that wasn't there before.
    pub(super) fn begin(&self, new: changes::New) -> Answer {
        let gravity = self.gravity(&new.scope);
        let way = self.judge(&gravity, Circumstances::default())?;
        let make = |revision| match way {
            Way::AtOnce { break_glass } => changes::begin(new, self.by(revision, break_glass)),
            Way::SecondPerson => changes::propose(new, self.by(revision, false)),
        };
        if self.consent.dry_run {
            return Ok((StatusCode::OK, self.rehearsed(make(0))));
        }
        let board = &self.operated.switchboard;
        let changed = board.close(|_, revision| Ok::<_, Problem>(make(revision)));
        self.done(changed, StatusCode::CREATED, way)
    }

    /// Another version of a closure that is there. `make` is what it becomes, `asked` what it becomes
    /// while a second person is waited for.
    pub(super) fn change(
        &self,
        (id, if_match): (&str, &IfMatch),
        found: impl Fn(&Closure) -> Circumstances,
        make: impl Fn(&Closure, By<'_>) -> Result<Closure, Senseless>,
        asked: impl Fn(&Closure, By<'_>) -> Result<Closure, Senseless>,
    ) -> Answer {
        let board = self.operated.switchboard.board();
        let closure = find(&board, id)?;
        if_match.check(&tag(closure))?;
        let way = self.judge(&self.gravity(&closure.scope), found(closure))?;
        let next = |closure: &Closure, revision| {
            let version = match way {
                Way::AtOnce { break_glass } => make(closure, self.by(revision, break_glass)),
                Way::SecondPerson => asked(closure, self.by(revision, false)),
            };
            version.map_err(senseless)
        };
        let planned = next(closure, 0)?;
        if self.consent.dry_run {
            return Ok((StatusCode::OK, self.rehearsed(planned)));
        }
        let judged = closure.revision;
        let again = |board: &Board, revision| {
            let closure = find(board, id)?;
            if closure.revision != judged {
                return Err(raced());
            }
            next(closure, revision)
        };
        let switchboard = &self.operated.switchboard;
        let lessens = planned.state.severity() < closure.state.severity();
        let changed = if lessens {
            switchboard.open_up(again)
        } else {
            switchboard.close(again)
        };
        self.done(changed, StatusCode::OK, way)
    }

    /// The same for a change that is no graver than the closure is already.
    pub(super) fn change_as_it_is(
        &self,
        (id, if_match): (&str, &IfMatch),
        make: impl Fn(&Closure, By<'_>) -> Result<Closure, Senseless>,
    ) -> Answer {
        let board = self.operated.switchboard.board();
        let closure = find(&board, id)?;
        if_match.check(&tag(closure))?;
        let judged = closure.revision;
        let make = |board: &Board, revision| {
            let closure = find(board, id)?;
            if closure.revision != judged {
                return Err(raced());
            }
            make(closure, self.by(revision, false)).map_err(senseless)
        };
        if self.consent.dry_run {
            return Ok((StatusCode::OK, self.rehearsed(make(&board, 0)?)));
        }
        let changed = self.operated.switchboard.close(make);
        self.done(changed, StatusCode::OK, Way::AtOnce { break_glass: false })
    }

    fn rehearsed(&self, closure: Closure) -> Done {
        Done {
            closure,
            dry_run: true,
            durable: self.operated.switchboard.is_durable(),
            warning: None,
            sealed: None,
        }
    }

    fn done(
        &self,
        changed: Result<Changed, Unchanged<Problem>>,
        status: StatusCode,
        way: Way,
    ) -> Answer {
        let changed = changed.map_err(|why| {
            let problem = unchanged(why);
            let (who, act) = (&self.person.name, self.act.name());
            tracing::warn!(target: "vingate::admin", who, act, ?problem, "not done");
            problem
        })?;
        let closure = Closure::clone(&changed.closure);
        note(&closure);
        if let Some(flaw) = &changed.not_durable {
            let id = &closure.id;
            tracing::error!(target: "vingate::admin", id, flaw, "a closure is not durable");
        }
        let sealed = self.operated.fleet_key.as_ref();
        let sealed = sealed.and_then(|key| key.seal(Kind::Closure, &closure).ok());
        let status = match way {
            Way::AtOnce { .. } => status,
            Way::SecondPerson => StatusCode::ACCEPTED,
        };
        let done = Done {
            closure,
            dry_run: false,
            durable: changed.not_durable.is_none(),
            warning: changed.not_durable,
            sealed,
        };
        Ok((status, done))
    }
}

/// What is found out about undoing a change.
pub(super) fn undoing(person: &Person, closure: &Closure) -> Circumstances {
    let before = closure
        .before
        .as_ref()
        .map(|before| before.state.severity());
    Circumstances {
        own_change: person.is_also(&closure.change.by),
        only_closes: before.is_some_and(|before| before >= closure.state.severity()),
        ..Circumstances::default()
    }
}

/// What is found out about approving what somebody asked for.
pub(super) fn approving(person: &Person, closure: &Closure) -> Circumstances {
    let asked_by = closure
        .pending
        .as_ref()
        .map(|pending| pending.asked_by.as_str());
    let same = asked_by.is_some_and(|name| person.is_also(name));
    Circumstances {
        second_person: if same {
            SecondPerson::Same
        } else {
            SecondPerson::Other
        },
        ..Circumstances::default()
    }
}

/// A change that a second person never has to be asked for.
pub(super) fn never(_: &Closure, _: By<'_>) -> Result<Closure, Senseless> {
    Err(Senseless::NothingPending)
}

/// The opening of a closure, asked for.
pub(super) fn ask_to_open(closure: &Closure, by: By<'_>) -> Result<Closure, Senseless> {
    changes::ask(closure, State::Open, What::Open, by)
}

/// What the last change changed, asked for.
pub(super) fn ask_to_undo(closure: &Closure, by: By<'_>) -> Result<Closure, Senseless> {
    let undone = changes::undo(closure, by)?;
    changes::ask(closure, undone.state, What::Undo, by)
}

/// The closure that a call names.
pub(super) fn find<'a>(board: &'a Board, id: &str) -> Result<&'a Arc<Closure>, Problem> {
    if id.starts_with(FILE_PREFIX) {
        let detail = "it stands in a file of this gateway: take the file away";
        return Err(Problem::new(StatusCode::CONFLICT, "closed-by-file", detail));
    }
    board.get(id).ok_or_else(|| {
        let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
        let detail = format!("no closure has the id `{shown}`");
        Problem::new(StatusCode::NOT_FOUND, "closure-unknown", detail)
    })
}

/// The entity tag of a closure.
pub(super) fn tag(closure: &Closure) -> String {
    format!("\"{}\"", closure.revision)
}

fn senseless(why: Senseless) -> Problem {
    Problem::new(StatusCode::CONFLICT, "no-such-change", why.to_string())
}

fn raced() -> Problem {
    let detail = "it changed meanwhile: look again";
    Problem::new(
        StatusCode::PRECONDITION_FAILED,
        "precondition-failed",
        detail,
    )
}

fn unchanged(why: Unchanged<Problem>) -> Problem {
    match why {
        Unchanged::Refused(problem) => problem,
        Unchanged::Raced => raced(),
        Unchanged::NotDurable(flaw) => Problem::failed(format!("still closed: {flaw}")),
    }
}

/// One line a change. No vehicle and no subject: the summary counts them.
fn note(closure: &Closure) {
    let (id, scope, state) = (&closure.id, closure.scope.summary(), closure.state.word());
    let (revision, who) = (closure.revision, &closure.change.by);
    let what = closure.change.what;
    if closure.change.break_glass {
        tracing::error!(
            target: "vingate::admin", id, scope, state, revision, who, ?what, "glass was broken"
        );
    } else {
        tracing::info!(target: "vingate::admin", id, scope, state, revision, who, ?what, "changed");
    }
}

/// Readable, in order of time, and never used again: the second and 32 random bits.
pub(super) fn new_id() -> String {
    let second: String = clock::rfc3339(clock::unix_time())
        .chars()
        .take(19)
        .filter(|letter| !matches!(letter, '-' | ':'))
        .collect();
    let random = Uuid::new_v4().simple().to_string();
    format!("c-{second}-{}", random.get(..8).unwrap_or_default())
}

/// The disk is waited for on a thread of its own. The work goes on if the operator hangs up.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(_) => Err(Problem::failed("the call broke off: list the switches")),
    }
}

#[cfg(test)]
mod tests;
