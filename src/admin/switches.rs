//! How is the board read and changed?

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use uuid::Uuid;

use crate::admin::Operated;
use crate::admin::asked::{Asked, Consent, Done, Extend, Listed, Merged, Restore, Sealed};
use crate::admin::authority::{Act, Circumstances};
use crate::admin::changing::{self, Answer, Asking, on_a_thread};
use crate::admin::closing;
use crate::admin::conditions::IfMatch;
use crate::admin::person::Person;
use crate::admin::problem::Problem;
use crate::clock;
use crate::switchboard::changes::{self, New, Restoring};
use crate::switchboard::closure::What;
use crate::switchboard::seal::Kind;
use crate::switchboard::{self, Closure, Shut};

/// A JSON body, or why it is none.
type Body<T> = Result<Json<T>, JsonRejection>;

/// Which closures are listed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Which {
    /// Those that have ended, too.
    ended: bool,
}

pub(super) async fn list(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    Query(which): Query<Which>,
) -> Result<Response, Problem> {
    operated.permit(&person, Act::View, Circumstances::default())?;
    let board = operated.switchboard.board();
    let shown = |one: &&Arc<Closure>| which.ended || one.is_in_force() || one.pending.is_some();
    let closures = board.closures().filter(shown);
    let listed = Listed {
        revision: board.revision(),
        durable: operated.switchboard.is_durable(),
        known: operated.switchboard.is_known(),
        fleet_age: operated.fleet_age(),
        closures: closures.map(|one| Closure::clone(one)).collect(),
    };
    let tag = format!("\"{}\"", board.revision());
    Ok(tagged(StatusCode::OK, &tag, listed))
}

pub(super) async fn show(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    operated.permit(&person, Act::View, Circumstances::default())?;
    let board = operated.switchboard.board();
    let found = board.get(&id);
    let closure = match found {
        Some(closure) => closure,
        None => changing::find(&board, &id)?,
    };
    let (tag, closure) = (changing::tag(closure), Closure::clone(closure));
    Ok(tagged(StatusCode::OK, &tag, closure))
}

pub(super) async fn close(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    if_match: IfMatch,
    asked: Body<Asked>,
) -> Result<Response, Problem> {
    let Json(asked) = asked?;
    let board = operated.switchboard.board();
    if_match.check(&format!("\"{}\"", board.revision()))?;
    closing::check(&asked, &(operated.names)())?;
    let share = operated.share(&asked.scope).await;
    answer(move || {
        let (act, state) = match asked.state {
            Shut::Closed => (Act::Close, switchboard::State::Closed),
            Shut::ReadOnly => (Act::ReadOnly, switchboard::State::ReadOnly),
        };
        let consent = Consent {
            confirm: asked.confirm,
            break_glass: asked.break_glass,
            dry_run: asked.dry_run,
        };
        let new = New {
            id: changing::new_id(),
            scope: asked.scope,
            state,
            reason: asked.reason,
            texts: Arc::new(asked.texts),
            notice: asked.notice.map(Arc::new),
            ticket: asked.ticket,
            owner: asked.owner,
            seconds: Some(asked.seconds.unwrap_or(changes::DEFAULT_SECONDS)),
            at_expiry: asked.at_expiry,
            drain: asked.drain,
        };
        let asking = Asking {
            operated: &operated,
            person: &person,
            act,
            consent: &consent,
            share,
        };
        asking.begin(new)
    })
    .await
}

/// `POST /v1/switches/{id}:VERB`.
pub(super) async fn change(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    Path(target): Path<String>,
    if_match: IfMatch,
    MaybeJson(body): MaybeJson,
) -> Result<Response, Problem> {
    let (id, verb) = target.rsplit_once(':').unwrap_or((&target, ""));
    let (id, verb) = (id.to_owned(), verb.to_owned());
    let share = match operated.switchboard.board().get(&id) {
        Some(closure) => operated.share(&closure.scope).await,
        None => 0.0, // refused in a moment
    };
    answer(move || {
        let called = Called {
            operated: &operated,
            person: &person,
            at: (&id, &if_match),
            share,
        };
        match verb.as_str() {
            "restore" => called.restore(&parse(&body)?),
            "open" => called.open(&parse(&body)?),
            "undo" => called.undo(&parse(&body)?),
            "approve" => called.approve(&parse(&body)?),
            "extend" => called.extend(&parse(&body)?),
            _ => {
                let detail = "a closure is changed by :restore, :open, :undo, :approve or :extend";
                Err(Problem::new(StatusCode::NOT_FOUND, "route-unknown", detail))
            }
        }
    })
    .await
}

/// Who calls, and about which closure in which state.
struct Called<'a> {
    operated: &'a Operated,
    person: &'a Person,
    at: (&'a str, &'a IfMatch),
    /// Which share of the live traffic the closure hits, where that counts.
    share: f64,
}

impl Called<'_> {
    fn asking<'a>(&'a self, act: Act, consent: &'a Consent) -> Asking<'a> {
        Asking {
            operated: self.operated,
            person: self.person,
            act,
            consent,
            share: self.share,
        }
    }

    fn restore(&self, asked: &Restore) -> Answer {
        closing::check_testers(&asked.testers, &(self.operated.names)())?;
        // one person alone must not run through the ramp: that would be opening
        let least = if self.operated.access.load().single_person {
            0
        } else {
            changes::STAGE_SECONDS
        };
        closing::check_step(asked, least)?;
        let consent = dry(asked.dry_run);
        let draw = Uuid::new_v4().simple().to_string();
        let make = |closure: &Closure, by: changes::By<'_>| {
            let how = Restoring {
                testers: asked.testers.clone(),
                step: asked.step_seconds,
                by_hand: asked.by_hand,
                least,
                stage: asked.stage,
                draw: draw.clone(),
            };
            changes::restore(closure, how, by)
        };
        let asking = self.asking(Act::Restore, &consent);
        asking.change(self.at, |_| Circumstances::default(), make, changing::never)
    }

    fn open(&self, consent: &Consent) -> Answer {
        let make = |closure: &Closure, by: changes::By<'_>| {
            changes::set(closure, switchboard::State::Open, What::Open, by)
        };
        let asking = self.asking(Act::Open, consent);
        let found = |_: &Closure| Circumstances::default();
        asking.change(self.at, found, make, changing::ask_to_open)
    }

    fn undo(&self, consent: &Consent) -> Answer {
        let asking = self.asking(Act::Undo, consent);
        let found = |closure: &Closure| changing::undoing(self.person, closure);
        asking.change(self.at, found, changes::undo, changing::ask_to_undo)
    }

    fn approve(&self, consent: &Consent) -> Answer {
        let asking = self.asking(Act::Approve, consent);
        let found = |closure: &Closure| changing::approving(self.person, closure);
        asking.change(self.at, found, changes::approve, changing::never)
    }

    /// Longer is not graver: somebody decided already that it is closed.
    fn extend(&self, asked: &Extend) -> Answer {
        closing::check_time(asked.seconds)?;
        self.operated
            .permit(self.person, Act::Extend, Circumstances::default())?;
        let consent = dry(asked.dry_run);
        let end = clock::unix_time().as_secs().saturating_add(asked.seconds);
        let make = |closure: &Closure, by: changes::By<'_>| changes::extend(closure, end, by);
        let asking = self.asking(Act::Extend, &consent);
        asking.change_as_it_is(self.at, make)
    }
}

/// Takes versions of closures that another replica made.
pub(super) async fn merge(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    _: IfMatch,
    sealed: Body<Sealed>,
) -> Result<Json<Merged>, Problem> {
    operated.permit(&person, Act::Close, Circumstances::default())?;
    let Json(sealed) = sealed?;
    let key = operated.fleet_key.clone().ok_or_else(|| {
        let detail = "this gateway has no fleet key (`switches.fleet_key_file`)";
        Problem::new(StatusCode::CONFLICT, "no-fleet-key", detail)
    })?;
    on_a_thread(move || {
        let mut refused = Vec::new();
        let mut closures = Vec::new();
        for (entry, number) in sealed.entries.iter().zip(1_u64..) {
            let opened = key.open::<Closure>(Kind::Closure, entry);
            let opened = opened.map_err(|flaw| flaw.to_string());
            let checked = opened.and_then(|closure| match closure.scope.check() {
                Ok(()) if closure.revision > 0 => Ok(closure),
                Ok(()) => Err("it has no revision".to_owned()),
                Err(flaw) => Err(flaw.to_owned()),
            });
            match checked {
                Ok(closure) => closures.push(Arc::new(closure)),
                Err(flaw) => {
                    tracing::error!(target: "vingate::admin", number, flaw, "an entry was refused");
                    refused.push(format!("entry {number}: {flaw}"));
                }
            }
        }
        let taken = operated.switchboard.take(closures);
        refused.extend(taken.refused);
        let changed = u64::try_from(taken.changed).unwrap_or(u64::MAX);
        Ok(Json(Merged { changed, refused }))
    })
    .await
}

fn dry(dry_run: bool) -> Consent {
    Consent {
        dry_run,
        ..Consent::default()
    }
}

/// A body that may be left out, and is JSON where it is not.
pub(super) struct MaybeJson(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for MaybeJson {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let is_json = is_json(request.headers());
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(IntoResponse::into_response)?;
        if !body.is_empty() && !is_json {
            let detail = "a change is asked for in JSON (`Content-Type: application/json`)";
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let problem = Problem::new(status, "unsupported-media-type", detail);
            return Err(problem.into_response());
        }
        Ok(Self(body))
    }
}

/// Whether a body is said to be JSON; parameters don't matter (RFC 9110, 8.3.1).
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

/// A body that may be left out.
fn parse<T: Default + for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body).map_err(|error| Problem::invalid(error.to_string()))
}

async fn answer(work: impl FnOnce() -> Answer + Send + 'static) -> Result<Response, Problem> {
    let (status, done): (StatusCode, Done) = on_a_thread(work).await?;
    Ok(tagged(status, &changing::tag(&done.closure), done))
}

/// JSON with its entity tag.
pub(super) fn tagged(status: StatusCode, tag: &str, body: impl serde::Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
