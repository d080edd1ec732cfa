//! Which calls are there, and who may make them?
//!
//! | call | what it does |
//! |---|---|
//! | `GET /v1/switches` | what is closed |
//! | `POST /v1/switches` | closes |
//! | `DELETE /v1/switches/{id}` | opens again |
//! | `POST /v1/ownership/import` | fills the ownership directory |
//!
//! Root and the gateway's own user may; the socket's mode says so first, the kernel's word about
//! the peer once more.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post};
use axum::serve::IncomingStream;
use http::StatusCode;
use tokio::net::UnixListener;
use tokio::sync::oneshot;

pub use crate::admin::socket::{Bound, bind};

use crate::admin::problem::Problem;
use crate::admin::socket::{Peer, own_user};
use crate::admin::{Operated, ownership, switches};

/// Bytes of a closure: some 400,000 VINs.
pub(super) const CLOSURE_BYTES: usize = 8 * 1024 * 1024;
/// Time for calls in progress once the gateway shuts down.
const GRACE: Duration = Duration::from_secs(5);

/// User ids that may call.
type Callers = Arc<BTreeSet<u32>>;

/// Serves on a socket that is bound already, until `shutdown` completes.
///
/// # Errors
/// Serving fails.
pub async fn serve_on(
    bound: Bound,
    operated: Operated,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    let callers = BTreeSet::from([0, own_user()?]);
    serve_for(callers, bound, operated, shutdown).await
}

/// Serves these users.
pub(super) async fn serve_for(
    callers: BTreeSet<u32>,
    bound: Bound,
    operated: Operated,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    let (listener, file) = bound.split();
    let service = router(operated, Arc::new(callers)).into_make_service_with_connect_info::<Peer>();
    let (tell, told) = oneshot::channel::<()>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(async move {
        shutdown.await;
        drop(tell); // starts the grace below
    });
    let grace = async {
        if told.await.is_err() {
            tokio::time::sleep(GRACE).await;
        }
    };
    let ended = tokio::select! {
        ended = async { serving.await } => ended.map_err(|error| error.to_string()),
        () = grace => Ok(()),
    };
    drop(file);
    ended
}

fn router(operated: Operated, callers: Callers) -> Router {
    Router::new()
        .route("/v1/switches", get(switches::list).post(switches::close))
        .route("/v1/switches/{id}", delete(switches::open))
        .layer(DefaultBodyLimit::max(CLOSURE_BYTES))
        .route("/v1/ownership/import", post(ownership::import))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(callers, admit))
        .with_state(operated)
}

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self::of(stream.io())
    }
}

/// Lets the callers in, and nobody else, whatever they ask.
async fn admit(
    State(callers): State<Callers>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if peer.0.is_some_and(|user| callers.contains(&user)) {
        return Ok(next.run(request).await);
    }
    tracing::warn!(target: "vingate::admin", user = peer.name(), "a call without rights was refused");
    let detail = format!("the user `{}` may not operate this gateway", peer.name());
    Err(Problem::new(StatusCode::FORBIDDEN, "access-denied", detail))
}

async fn unknown() -> Problem {
    let detail = "there is no such call";
    Problem::new(StatusCode::NOT_FOUND, "route-unknown", detail)
}

async fn not_allowed() -> Problem {
    let detail = "this call takes another method";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}
