//! How is an upstream reached, and with what?

use std::sync::Arc;
use std::time::Duration;

use http::header;
use pingora::http::RequestHeader;
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};

use crate::clock;
use crate::denial::Denial;
use crate::gateway::{Exchange, notice, websocket};
use crate::pipeline::forward;
use crate::revocations::Revocations;
use crate::switchboard::Board;

/// How long an unused upstream connection is kept: shorter than the idle limits of common servers,
/// so that a command seldom meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(30);

/// The peer of an attempt that is this number in line.
pub(super) fn peer(exchange: &Exchange, number: usize) -> Option<HttpPeer> {
    let upstream = exchange.upstream()?;
    let index = number.checked_rem(upstream.addresses.len())?;
    let address = *upstream.addresses.get(index)?;
    let server_name = upstream.tls.as_ref().map(|tls| tls.server_name.clone());
    let mut peer = HttpPeer::new(
        address,
        upstream.tls.is_some(),
        server_name.unwrap_or_default(),
    );
    let options = &mut peer.options;
    options.connection_timeout = Some(upstream.connect_timeout);
    options.total_connection_timeout = Some(upstream.connect_timeout);
    options.read_timeout = Some(upstream.read_timeout);
    options.write_timeout = Some(upstream.read_timeout);
    options.idle_timeout = Some(IDLE);
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    if let Some(tls) = &upstream.tls {
        options.ca = Some(Arc::clone(tls.authorities.certificates()));
        // The pool's own key leaves the authorities out: without this, a connection that was checked
        // against one set would be reused for another.
        peer.group_key = tls.authorities.fingerprint();
    }
    if exchange.websocket.is_some() {
        websocket::allow(&mut peer);
    }
    Some(peer)
}

/// The second look at the newest switches and revocations, then what exactly goes upstream.
pub(super) fn prepare(
    request: &mut RequestHeader,
    exchange: &Exchange,
    (newest, revoked): (&Board, &Revocations),
) -> Result<(), Denial> {
    let permit = exchange.permit.as_ref().ok_or(Denial::UpstreamFailed)?;
    let head = exchange.head.as_ref().ok_or(Denial::UpstreamFailed)?;
    let now = clock::unix_time();
    permit.confirm(newest, revoked, now)?;
    let changes = forward::prepare(&exchange.rules, head, permit, now)?;
    for name in &changes.remove {
        request.remove_header(name);
    }
    notice::ask_for_whole(request, exchange);
    if permit.route().websocket {
        websocket::ask_for_plain_frames(request);
    }
    if permit.body_digest().is_some() {
        request.remove_header(&header::EXPECT); // the body is here already
    }
    for (name, value) in changes.set {
        request
            .insert_header(name, value)
            .map_err(|_| Denial::UpstreamFailed)?;
    }
    Ok(())
}
