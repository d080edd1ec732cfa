//! What does the proxy's own trouble mean to a client?

use http::header;
use pingora::{Error, ErrorSource, ErrorType};

use crate::denial::{Denial, HeadFlaw};

/// What an error of the proxy means to the client; `None` when the client itself is gone.
pub(super) fn denial_of(error: &Error) -> Option<Denial> {
    let timed_out = matches!(
        error.etype(),
        ErrorType::ConnectTimedout
            | ErrorType::ReadTimedout
            | ErrorType::WriteTimedout
            | ErrorType::TLSHandshakeTimedout
    );
    let broken = matches!(error.etype(), ErrorType::InvalidHTTPHeader);
    match error.esource() {
        ErrorSource::Upstream if timed_out => Some(Denial::UpstreamTimeout),
        ErrorSource::Downstream if timed_out => Some(Denial::RequestTimeout),
        ErrorSource::Downstream => broken.then_some(Denial::Malformed(HeadFlaw::Framing)),
        ErrorSource::Upstream | ErrorSource::Internal | ErrorSource::Unset => {
            Some(Denial::UpstreamFailed)
        }
    }
}

/// Whether a request came with both framings: the proxy takes `Content-Length` away before any
/// filter sees it (RFC 9112, 6.3), so the raw head is asked.
pub(super) fn two_framings(headers: &http::HeaderMap, raw_head: &[u8]) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        && raw_head.split(|byte| *byte == b'\n').any(|line| {
            line.split(|byte| *byte == b':')
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case(b"content-length"))
        })
}
