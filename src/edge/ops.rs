//! Is the gateway alive, is it ready, and what does it count?

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::adapters::audit_log::AuditLog;
use crate::adapters::directory::Directory;
use crate::adapters::jwks::KeySets;
use crate::revocations::Revocations;
use crate::rules::Rules;
use crate::switchboard::drop_in::DropIns;
use crate::switchboard::store::Switchboard;
use crate::telemetry::Telemetry;

/// What the ops listener tells of.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds rules with keys")]
pub struct Watched {
    /// Whether requests are taken.
    pub serving: Arc<AtomicBool>,
    /// The rules in force.
    pub rules: Arc<ArcSwap<Rules>>,
    /// The ownership directory.
    pub directory: Directory,
    /// The keys of issuers that are fetched.
    pub key_sets: Arc<KeySets>,
    /// The audit log.
    pub audit: Arc<AuditLog>,
    /// The switch board.
    pub switchboard: Arc<Switchboard>,
    /// What was taken back.
    pub revocations: Arc<Revocations>,
    /// Closures in files.
    pub drop_ins: Arc<DropIns>,
    /// Metrics.
    pub telemetry: Arc<Telemetry>,
}

/// Binds the ops listener.
pub async fn bind(address: SocketAddr) -> Result<(tokio::net::TcpListener, SocketAddr), String> {
    let failed = |error| format!("ops.address: `{address}`: {error}");
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Serves `/livez`, `/readyz`, `/metrics` and `/jwks.json` until `stop`.
pub async fn serve(
    listener: tokio::net::TcpListener,
    watched: Watched,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    let routes = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/jwks.json", get(jwks))
        .with_state(watched);
    axum::serve(listener, routes)
        .with_graceful_shutdown(stop)
        .await
        .map_err(|error| format!("ops: {error}"))
}

/// One line a condition; 503 while one of them doesn't hold. Closures in files are told of, and no
/// condition: one file that can't be read must not take every gateway out of service. Nor must a
/// directory elsewhere that is lost later: what needs no vehicle is served on, and the rest is refused.
/// Nor an issuer whose keys can't be had: the others' tokens count.
async fn readyz(State(watched): State<Watched>) -> Response {
    let conditions = [
        ("serving", watched.serving.load(Ordering::Acquire)),
        ("audit", watched.audit.healthy()),
        ("switches", watched.switchboard.is_known()),
        ("directory", watched.directory.was_reached()),
    ];
    let ready = conditions.iter().all(|(_, holds)| *holds);
    let told = [
        ("switch-files", watched.drop_ins.is_healthy()),
        (
            "revocations",
            watched.revocations.are_known() && watched.revocations.are_durable(),
        ),
        ("directory-now", watched.directory.answers()),
        (
            "keys",
            watched.key_sets.told().iter().all(|one| one.is_usable),
        ),
    ];
    let mut body = String::new();
    for (name, holds) in conditions.into_iter().chain(told) {
        body.push_str(name);
        body.push_str(if holds { " ok\n" } else { " failed\n" });
    }
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, body).into_response()
}

/// Prometheus text format, 0.0.4.
async fn metrics(State(watched): State<Watched>) -> Response {
    match watched.telemetry.render() {
        Ok(text) => (
            [(
                header::CONTENT_TYPE,
                "text/plain; version=0.0.4; charset=utf-8",
            )],
            text,
        )
            .into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}

/// The public key of `Vingate-Assertion` (RFC 7517).
async fn jwks(State(watched): State<Watched>) -> Response {
    match &watched.rules.load().assertion {
        Some(signer) => axum::Json(signer.jwk_set()).into_response(),
        None => (StatusCode::NOT_FOUND, "no assertion is configured\n").into_response(),
    }
}
