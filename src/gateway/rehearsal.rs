//! Is this request the gateway's own question to itself?

use pingora::protocols::http::ServerSession;
use pingora::protocols::l4::socket::SocketAddr;

use crate::pipeline::RequestHead;
use crate::pipeline::rehearsal::{Rehearsal, Rehearsals};

/// What a request rehearses; `None` for everybody's. The TCP peer counts, not what a proxy says of
/// its client.
pub(super) fn redeem(
    session: &ServerSession,
    head: &RequestHead,
    tickets: &Rehearsals,
) -> Option<Rehearsal> {
    let ip = |address: &SocketAddr| address.as_inet().map(std::net::SocketAddr::ip);
    let peer = session.client_addr().and_then(ip)?;
    let local = session.server_addr().and_then(ip);
    tickets.redeem(&head.headers, (peer, local), head.received_at)
}
