//! How does a permitted handshake become a WebSocket?
//!
//! The handshake was judged like any request; what the upstream answers is vetted here. What passes
//! then is the socket's to follow ([`crate::edge::websocket`]).

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use tokio::sync::OwnedSemaphorePermit;

use crate::clock;
use crate::denial::{Denial, TokenFlaw};
use crate::edge::connection;
use crate::edge::cut::Cut;
use crate::edge::websocket::{CLOSING, Connector, Terms, WebSocket};
use crate::gateway::Exchange;
use crate::gateway::in_flight::{CutBy, InFlight};
use crate::pipeline::decide::Permit;
use crate::pipeline::websocket;
use crate::rules::Rules;

/// A WebSocket from its permit on, and the place that it takes.
#[derive(Debug)]
pub(super) struct Begun {
    websocket: Arc<WebSocket>,
    expires_at: Option<Instant>,
    _place: OwnedSemaphorePermit,
}

/// Takes a place for the WebSocket of a permit.
///
/// # Errors
/// `Overloaded` if there is none. `UpstreamFailed` where there can be no WebSocket, which `decide` made
/// sure of.
pub(super) fn begin(
    permit: &Permit,
    rules: &Rules,
    in_flight: &InFlight,
    cut_by: &CutBy,
) -> Result<Begun, Denial> {
    let upstream = rules.upstreams.get(&permit.route().upstream);
    let upstream = upstream.ok_or(Denial::UpstreamFailed)?;
    let addresses = u32::try_from(upstream.addresses.len()).unwrap_or(u32::MAX);
    let connecting = upstream.connect_timeout.saturating_mul(addresses);
    let answering = connecting.saturating_add(upstream.read_timeout);
    let now = clock::monotonic();
    let unix = clock::unix_time();
    let expiry = |at: Duration| now.checked_add(at.saturating_sub(unix));
    let terms = Terms {
        answer_by: now.checked_add(answering).unwrap_or(now),
        expires_at: permit
            .principal()
            .and_then(|it| expiry(it.credential.expires_at)),
        idle: rules.limits.websocket_idle.get(),
    };
    let place = in_flight.place().ok_or(Denial::Overloaded)?;
    if let (Some(cut), Some(at)) = (Cut::current(), terms.expires_at) {
        // Whatever it is busy with then, it is told before, or cut.
        cut.at(at.checked_add(CLOSING.saturating_mul(2)).unwrap_or(at));
    }
    let websocket = Arc::new(WebSocket::new(terms, Arc::clone(cut_by)));
    if !connection::become_websocket(&websocket) {
        return Err(Denial::UpstreamFailed);
    }
    Ok(Begun {
        websocket,
        expires_at: terms.expires_at,
        _place: place,
    })
}

impl Begun {
    /// What its socket knows.
    pub(super) fn shared(&self) -> &Arc<WebSocket> {
        &self.websocket
    }

    /// Why it ended, if its token did: it may have been too busy to be told.
    pub(super) fn expired(&self) -> Option<Denial> {
        let expired = self.expires_at.is_some_and(|at| at <= clock::monotonic());
        expired.then_some(Denial::TokenInvalid(TokenFlaw::Expired))
    }
}

/// Lets a handshake through to the peer, by a connection of its own.
pub(super) fn allow(peer: &mut HttpPeer) {
    let options = &mut peer.options;
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::standard();
    options.read_timeout = None; // it would go on to count once frames pass: the socket watches
    options.custom_l4 = Some(Arc::new(Connector));
    options.idle_timeout = Some(Duration::ZERO); // it is not for other requests
    peer.group_key = !peer.group_key;
}

/// Takes away what would have the frames read in another way than the gateway does.
pub(super) fn ask_for_plain_frames(request: &mut RequestHeader) {
    for name in websocket::extensions(&request.headers) {
        request.remove_header(&name);
    }
}

/// Whether an answer is the upstream's consent to speak another protocol.
pub(super) fn is_consent(response: &ResponseHeader) -> bool {
    response.status == StatusCode::SWITCHING_PROTOCOLS
}

impl Exchange {
    /// Whether a consent is that to the handshake of this request.
    pub(super) fn is_completed_by(&self, response: &ResponseHeader) -> bool {
        let head = self.head.as_ref().filter(|_| self.websocket.is_some());
        head.is_some_and(|head| websocket::completes(&head.headers, &response.headers))
    }

    /// The upstream agreed; after the head that is written now, frames pass.
    pub(super) fn switch_protocols(&self) {
        if let Some(begun) = &self.websocket {
            begun.websocket.agreed();
        }
    }

    /// What became of a handshake that nobody answered.
    pub(super) fn unanswered(&self) -> Option<Denial> {
        let begun = self.websocket.as_ref()?;
        let late = begun.websocket.is_unanswered();
        late.then_some(Denial::UpstreamTimeout)
    }
}
