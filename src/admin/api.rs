//! Which calls are there, and who may make them?
//!
//! | call | what it does |
//! |---|---|
//! | `GET /v1/switches`, `GET /v1/switches/{id}` | what is closed |
//! | `POST /v1/switches` | closes |
//! | `POST /v1/switches/{id}:restore`, `:open`, `:undo`, `:approve`, `:extend` | changes a closure |
//! | `POST /v1/switches:merge` | takes what another replica made |
//! | `POST /v1/switches:preview`, `:drill` | what a closure would hit; a closure for a stand-in |
//! | `GET /v1/replicas`, `/v1/surfaces`, `/v1/history` | who knows what, what is open, what changed |
//! | `GET /v1/status` | how the gateway does: all of that, and what it depends on |
//! | `GET /v1/audit:verify` | whether a line of the logs is missing or altered |
//! | `GET /v1/baseline` | the board, sealed, for a cold start |
//! | `GET /v1/events` | what changes, as it changes |
//! | `GET /v1/openapi.json` | all calls, for machines |
//! | `GET /v1/revocations`, `POST /v1/revocations`, `/v1/revocations:restore` | tokens that are taken back |
//! | `GET /v1/policies`, `POST /v1/policies:rollback`, `:break-glass` | which policies are in force |
//! | `POST /v1/ownership/import`, `GET /v1/ownership/export` | fills the ownership directory; all of it |
//! | `GET /v1/ownership/vehicles/{vin}` | whose a vehicle is |
//! | `POST /v1/ownership/vehicles/{vin}:grant`, `:revoke`, `:suspend`, `:unsuspend` | changes that |
//!
//! The same calls on the Unix socket and on the TLS address. Whoever has a role is let in; what a role
//! may do is [`crate::admin::authority`]'s to say, call by call.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::{HeaderValue, StatusCode, header};
use tokio::net::TcpListener;

pub use crate::admin::socket::{Bound, bind};

use crate::adapters::history::History;
use crate::admin::access::Access;
use crate::admin::conditions::{self, Answered};
use crate::admin::person::{Caller, Person};
use crate::admin::problem::Problem;
use crate::admin::serving::{self, Entrance};
use crate::admin::socket::own_user;
use crate::admin::{
    Operated, events, exporting, facts, granting, openapi, ownership, policies, refusal, revoking,
    status, switches,
};

/// Bytes of a closure: some 400,000 VINs.
pub(super) const CLOSURE_BYTES: usize = 8 * 1024 * 1024;

/// Serves on a socket that is bound already, until `shutdown` completes.
///
/// # Errors
/// The gateway's own user can't be found out.
pub async fn serve_on(
    bound: Bound,
    operated: Operated,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    let always = BTreeSet::from([0, own_user()?]);
    serve_for(always, bound, operated, shutdown).await;
    Ok(())
}

/// Serves with these users having every role.
pub(super) async fn serve_for(
    always: BTreeSet<u32>,
    bound: Bound,
    operated: Operated,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let (listener, file) = bound.split();
    let router = router(operated, always);
    serving::serve(Entrance::Socket(listener), router, shutdown).await;
    drop(file);
}

/// Serves on the TLS address, until `shutdown` completes.
pub async fn serve_tls(
    listener: TcpListener,
    operated: Operated,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let entrance = Entrance::Tls(listener, Arc::clone(&operated.access));
    let router = router(operated, BTreeSet::new());
    serving::serve(entrance, router, shutdown).await;
}

fn router(operated: Operated, always: BTreeSet<u32>) -> Router {
    let admitting = Admitting {
        always: Arc::new(always),
        access: Arc::clone(&operated.access),
        history: Arc::clone(&operated.history),
    };
    Router::new()
        .route("/v1/switches", get(switches::list).post(switches::close))
        .route(
            "/v1/switches/{id}",
            get(switches::show).post(switches::change),
        )
        .route("/v1/switches:merge", post(switches::merge))
        .route("/v1/switches:preview", post(facts::preview))
        .route("/v1/switches:drill", post(facts::drill))
        .route("/v1/status", get(status::status))
        .route("/v1/replicas", get(facts::replicas))
        .route("/v1/surfaces", get(facts::surfaces))
        .route("/v1/history", get(facts::history))
        .route("/v1/audit:verify", get(facts::verify))
        .route("/v1/baseline", get(facts::baseline))
        .route("/v1/events", get(events::follow))
        .route("/v1/openapi.json", get(openapi::document))
        .route(
            "/v1/revocations",
            get(revoking::list).post(revoking::revoke),
        )
        .route("/v1/revocations:restore", post(revoking::restore))
        .route("/v1/policies", get(policies::show))
        .route("/v1/policies:rollback", post(policies::roll_back))
        .route("/v1/policies:break-glass", post(policies::break_glass))
        .route("/v1/ownership/export", get(exporting::export))
        .route(
            "/v1/ownership/vehicles/{vin}",
            get(granting::show).post(granting::change),
        )
        .layer(DefaultBodyLimit::max(CLOSURE_BYTES))
        .route("/v1/ownership/import", post(ownership::import))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(Answered::default(), conditions::check))
        .layer(from_fn_with_state(admitting, admit))
        .with_state(operated)
}

/// What is needed to know who calls.
#[derive(Clone)]
struct Admitting {
    /// Unix users that have every role.
    always: Arc<BTreeSet<u32>>,
    access: Arc<ArcSwap<Access>>,
    history: Arc<History>,
}

/// How somebody was let in, for a call that lasts.
#[derive(Clone)]
pub(super) struct Admitted {
    admitting: Admitting,
    caller: Caller,
}

impl Admitted {
    /// Who it is now; `None` if they have no role any more.
    pub(super) fn again(&self) -> Option<Person> {
        let access = self.admitting.access.load();
        access.identify(&self.caller, &self.admitting.always).ok()
    }
}

/// Lets in who has a role, and nobody else, whatever they ask. The calls find a [`Person`] in the
/// request.
///
/// [`Person`]: crate::admin::person::Person
async fn admit(
    State(admitting): State<Admitting>,
    Extension(caller): Extension<Caller>,
    mut request: Request,
    next: Next,
) -> Response {
    let found = admitting.access.load().identify(&caller, &admitting.always);
    match found {
        Ok(person) => {
            let again = Admitted { admitting, caller };
            request.extensions_mut().insert(person);
            request.extensions_mut().insert(again);
            next.run(request).await
        }
        Err(stranger) => {
            tracing::warn!(
                target: "vingate::admin", %caller, why = stranger.0, "a call without rights was refused"
            );
            admitting
                .history
                .append(refusal(&caller.to_string(), "Call", &stranger.0));
            let detail = format!("{}: may not operate this gateway", stranger.0);
            let problem = Problem::new(StatusCode::FORBIDDEN, "access-denied", detail);
            let mut response = problem.into_response();
            // a stranger holds no place between calls
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
            response
        }
    }
}

async fn unknown() -> Problem {
    let detail = "there is no such call";
    Problem::new(StatusCode::NOT_FOUND, "route-unknown", detail)
}

async fn not_allowed() -> Problem {
    let detail = "this call takes another method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}
