//! How is the board read and changed?

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, Path, State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

use crate::admin::Operated;
use crate::admin::closing::{self, Asked};
use crate::admin::problem::Problem;
use crate::admin::socket::Peer;
use crate::clock;
use crate::switchboard::Closure;

/// `Retry-After` where the operator gives none: the middle of 30 to 90 s.
const DEFAULT_RETRY: u64 = 60;

/// What is closed.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Listed {
    pub(crate) revision: u64,
    /// Whether it would be so after a restart.
    pub(crate) durable: bool,
    pub(crate) closures: Vec<Closure>,
}

/// What came of closing.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Done {
    /// None where nothing was to be done really.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) revision: u64,
    pub(crate) durable: bool,
    /// Why it isn't durable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) warning: Option<String>,
}

pub(super) async fn list(State(operated): State<Operated>) -> Json<Listed> {
    let durable = operated.switchboard.is_durable();
    let board = operated.switchboard.board();
    Json(Listed {
        revision: board.revision(),
        durable,
        closures: board.closures().map(|one| Closure::clone(one)).collect(),
    })
}

pub(super) async fn close(
    State(operated): State<Operated>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    asked: Result<Json<Asked>, JsonRejection>,
) -> Result<(StatusCode, Json<Done>), Problem> {
    let Json(asked) = asked?;
    on_a_thread(move || {
        closing::check(&asked, &(operated.names)())?;
        if asked.dry_run {
            let done = Done {
                id: None,
                revision: operated.switchboard.current().revision(),
                durable: operated.switchboard.is_durable(),
                warning: None,
            };
            return Ok((StatusCode::OK, Json(done)));
        }
        put_in_force(&operated, asked, &peer.name())
    })
    .await
}

fn put_in_force(
    operated: &Operated,
    asked: Asked,
    who: &str,
) -> Result<(StatusCode, Json<Done>), Problem> {
    let closure = Closure {
        id: new_id(),
        scope: asked.scope,
        reason: asked.reason,
        message: asked.message.filter(|text| !text.trim().is_empty()),
        closed_by: who.to_owned(),
        closed_at: clock::unix_time().as_secs(),
        retry_after: asked.retry_after.unwrap_or(DEFAULT_RETRY),
    };
    let id = closure.id.clone();
    let scope = closure.scope.summary();
    let closed = operated.switchboard.close(closure);
    let closed = closed.map_err(Problem::failed)?;
    let durable = closed.not_durable.is_none();
    note("closed", &id, &scope, (who, closed.revision));
    if let Some(flaw) = &closed.not_durable {
        tracing::error!(target: "vingate::admin", id, flaw, "a closure is not durable");
    }
    let done = Done {
        id: Some(id),
        revision: closed.revision,
        durable,
        warning: closed.not_durable,
    };
    Ok((StatusCode::CREATED, Json(done)))
}

pub(super) async fn open(
    State(operated): State<Operated>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Path(id): Path<String>,
) -> Result<Json<Done>, Problem> {
    on_a_thread(move || {
        let nothing = || {
            let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
            let detail = format!("nothing to open: no closure has the id `{shown}`");
            Problem::new(StatusCode::NOT_FOUND, "closure-unknown", detail)
        };
        let board = operated.switchboard.board();
        let closure = board.get(&id).map(Arc::clone).ok_or_else(nothing)?;
        let opened = operated.switchboard.open_again(&id).map_err(|flaw| {
            tracing::error!(target: "vingate::admin", id, flaw, "opening was refused");
            Problem::failed(format!("still closed: {flaw}"))
        })?;
        let revision = opened.ok_or_else(nothing)?;
        note(
            "opened",
            &id,
            &closure.scope.summary(),
            (&peer.name(), revision),
        );
        Ok(Json(Done {
            id: Some(id),
            revision,
            durable: true,
            warning: None,
        }))
    })
    .await
}

/// One line a change. No vehicle and no subject: the summary counts them.
fn note(what: &str, id: &str, scope: &str, (who, revision): (&str, u64)) {
    tracing::info!(target: "vingate::admin", id, scope, who, revision, "{what}");
}

/// The disk is waited for on a thread of its own. The work goes on if the operator hangs up.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(_) => Err(Problem::failed("the call broke off: list the switches")),
    }
}

/// Readable, in order of time, and never used again: the second and 32 random bits.
fn new_id() -> String {
    let second: String = clock::rfc3339(clock::unix_time())
        .chars()
        .take(19)
        .filter(|letter| !matches!(letter, '-' | ':'))
        .collect();
    let random = Uuid::new_v4().simple().to_string();
    format!("c-{second}-{}", random.get(..8).unwrap_or_default())
}
