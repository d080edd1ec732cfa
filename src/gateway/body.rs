//! How is a body read before it is judged, and still forwarded byte for byte?
//!
//! The proxy keeps what is read for a replay, up to 64 KiB; above that it would lose the body in
//! silence, so more than that is never judged.

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
