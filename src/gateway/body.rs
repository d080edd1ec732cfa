//! How is a body read before it is judged, and still forwarded byte for byte?
//!
//! The proxy keeps what is read for a replay, up to 64 KiB; above that it would lose the body in
//! silence, so more than that is never judged. What is refused unread is drained, so far as it is small.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header;
use pingora::protocols::http::ServerSession;

use crate::denial::{Denial, HeadFlaw};
use crate::pipeline::ports::BodySource;

/// `Content-Length`, if the request has a usable one.
pub(super) fn announced_length(session: &ServerSession) -> Option<u64> {
    session
        .req_header()
        .headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// How much of a refused body is read to its end: what an HTTP/2 client sends without being asked for
/// more (RFC 9113, section 6.9.2).
const DRAINED_BYTES: usize = 65_535;

/// How long the rest of a refused body is waited for: a few round trips of a bad mobile network.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads what is left of a refused request's body, and throws it away.
///
/// A client that still sends when its stream is reset or its connection closed can lose the answer
/// that was written to it (RFC 9112, section 9.6; curl does so with HTTP/2). A body that states more
/// than [`DRAINED_BYTES`] is not waited for, nor one whose client waits to be asked for it.
pub(super) async fn drain(session: &mut ServerSession) {
    let waits = session.req_header().headers.contains_key(header::EXPECT);
    let announced = announced_length(session).and_then(|length| usize::try_from(length).ok());
    if waits || session.is_body_done() || announced.is_some_and(|length| length > DRAINED_BYTES) {
        return;
    }
    let rest = async {
        let mut length = 0_usize;
        while let Ok(Some(chunk)) = session.read_request_body().await {
            length = length.saturating_add(chunk.len());
            if length > DRAINED_BYTES {
                break;
            }
        }
    };
    tokio::time::timeout(DRAIN_TIMEOUT, rest).await.ok();
}

/// The body of the request at hand, kept by the proxy for forwarding byte for byte.
pub(super) struct DownstreamBody<'a> {
    session: &'a mut ServerSession,
    timeout: Duration,
}

#[async_trait]
impl BodySource for DownstreamBody<'_> {
    fn announced(&self) -> Option<u64> {
        announced_length(self.session)
    }

    async fn read(&mut self, limit: usize) -> Result<Bytes, Denial> {
        let announced = announced_length(self.session);
        if announced.is_some_and(|length| usize::try_from(length).map_or(true, |l| l > limit)) {
            return Err(Denial::BodyTooLarge);
        }
        match tokio::time::timeout(self.timeout, self.read_all(limit)).await {
            Ok(read) => read,
            Err(_) => Err(Denial::RequestTimeout),
        }
    }
}

impl<'a> DownstreamBody<'a> {
    /// The body must be here within `timeout`.
    pub(super) fn new(session: &'a mut ServerSession, timeout: Duration) -> Self {
        Self { session, timeout }
    }

    async fn read_all(&mut self, limit: usize) -> Result<Bytes, Denial> {
        let incomplete = |_| Denial::Malformed(HeadFlaw::BodyIncomplete);
        if self
            .session
            .req_header()
            .headers
            .contains_key(header::EXPECT)
        {
            self.session
                .write_continue_response()
                .await
                .map_err(incomplete)?;
        }
        self.session.enable_retry_buffering();
        let mut length = 0_usize;
        while let Some(chunk) = self.session.read_request_body().await.map_err(incomplete)? {
            length = length.saturating_add(chunk.len());
            if length > limit {
                return Err(Denial::BodyTooLarge);
            }
        }
        if self.session.retry_buffer_truncated() {
            return Err(Denial::BodyTooLarge); // what the proxy can't replay is not judged
        }
        Ok(self.session.get_retry_buffer().unwrap_or_default())
    }
}
