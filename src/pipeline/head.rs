//! Is this one well-formed, unambiguous request?
//!
//! The one reading of a head: whatever an upstream could read in another way is refused here, so
//! that what is judged is what is acted on. Nothing is mended: a mended request would be judged in
//! one spelling and forwarded in another.

mod address;
pub(crate) mod host;
pub(crate) mod path;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName,
    TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, Method, Version};
use ipnet::IpNet;
use uuid::Uuid;

use crate::denial::{Denial, HeadFlaw};
use crate::pipeline::RequestHead;
use crate::pipeline::identity::certificate::ClientCertificate;
use crate::pipeline::parameters::{Parameters, fold_alike};

/// A head as it came off the wire.
pub struct RawHead<'a> {
    /// See [`RequestHead::id`].
    pub id: Uuid,
    /// See [`RequestHead::received_at`].
    pub received_at: Duration,
    /// The listener that it came in by.
    pub listener: &'a ListenerFacts,
    /// Address of the TCP peer.
    pub peer: IpAddr,
    /// See [`RequestHead::certificate`].
    pub certificate: Option<Arc<ClientCertificate>>,
    /// As sent.
    pub method: &'a Method,
    /// As sent.
    pub version: Version,
    /// Path and query, bytes as sent.
    pub target: &'a [u8],
    /// `:authority` of HTTP/2, or of an absolute-form target.
    pub authority: Option<&'a str>,
    /// All fields.
    pub headers: &'a HeaderMap,
    /// Bytes of the header section.
    pub header_bytes: usize,
    /// Whether both `Content-Length` and `Transfer-Encoding` were sent.
    pub two_framings: bool,
    /// Whether a body comes, announced or not: HTTP/2 needs no length.
    pub has_body: bool,
    /// Whether more than the head came with it.
    pub sent_ahead: bool,
}

impl fmt::Debug for RawHead<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Target and fields carry VINs and tokens.
        out.debug_struct("RawHead")
            .field("id", &self.id)
            .field("listener", &self.listener.name)
            .field("method", &self.method)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// What `head` needs to know of a listener.
#[derive(Debug, Clone)]
pub struct ListenerFacts {
    /// Name.
    pub name: Arc<str>,
    /// Whether clients reach it by TLS (its own, or a stated terminator's).
    pub tls: bool,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
}

/// Sizes.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    /// Bytes of the header section.
    pub header_bytes: usize,
    /// Bytes of path and query.
    pub uri_bytes: usize,
}

/// Fields that say how a request is framed, addressed, vouched for or read: one line each.
const SINGLE: [HeaderName; 6] = [
    HOST,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    CONTENT_TYPE,
    CONTENT_ENCODING,
    AUTHORIZATION,
];

/// Fields of one connection, which the proxy drops whether they are named or not.
const OF_A_CONNECTION: [HeaderName; 6] = [
    TE,
    TRAILER,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// Reads a head in the only way there is, or refuses it.
///
/// # Errors
/// `UriTooLong`, `HeaderTooLarge`; `Ambiguous` for what can be read in two ways (path, duplicates,
/// framing, separators); `Malformed` for what is broken.
pub fn read(raw: &RawHead<'_>, limits: HeadLimits) -> Result<RequestHead, Denial> {
    if raw.target.len() > limits.uri_bytes {
        return Err(Denial::UriTooLong);
    }
    if raw.header_bytes > limits.header_bytes {
        return Err(Denial::HeaderTooLarge);
    }
    // HTTP/1.0 knows no Host, and ends a body by closing: two ways to smuggle.
    if !matches!(raw.version, Version::HTTP_11 | Version::HTTP_2) {
        return Err(Denial::Malformed(HeadFlaw::VersionUnsupported));
    }
    check_single(raw.headers)?;
    check_connection(raw.headers)?;
    check_framing(raw)?;
    let (host, port) = host::read(raw.version, raw.headers, raw.authority)?;
    let (path, query) = split_target(raw.target);
    let path = path::read(path)?.to_owned();
    let query = query.map(read_query).transpose()?;
    let parameters = Parameters::read(query.unwrap_or_default().as_bytes())?;
    let address = address::of_client(raw.peer, &raw.listener.trusted_proxies, raw.headers)?;
    Ok(RequestHead {
        id: raw.id,
        received_at: raw.received_at,
        listener: Arc::clone(&raw.listener.name),
        tls: raw.listener.tls,
        certificate: raw.certificate.clone(),
        address,
        method: raw.method.clone(),
        host,
        port,
        path,
        query: query.map(str::to_owned),
        parameters,
        headers: raw.headers.clone(),
        switchable: raw.version == Version::HTTP_11 && !raw.sent_ahead,
    })
}

/// One line of each deciding field, and none of them in the spelling with `_`, which CGI-like
/// servers take for the same field.
fn check_single(headers: &HeaderMap) -> Result<(), Denial> {
    for name in headers.keys() {
        let single = SINGLE
            .iter()
            .find(|single| fold_alike(single.as_str(), name.as_str()));
        let Some(single) = single else { continue };
        if single != name || headers.get_all(name).iter().nth(1).is_some() {
            return Err(Denial::Ambiguous(HeadFlaw::HeaderDuplicate));
        }
    }
    Ok(())
}

/// No connection option takes a field away that is judged here (RFC 9110, 7.6.1): the proxy drops what
/// `Connection` names, and the upstream would read a request without its media type or its vehicle.
fn check_connection(headers: &HeaderMap) -> Result<(), Denial> {
    let lines = headers.get_all(CONNECTION).iter();
    let options = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    for option in options.map(<[u8]>::trim_ascii) {
        if option.is_empty() {
            continue;
        }
        let name =
            HeaderName::from_bytes(option).map_err(|_| Denial::Malformed(HeadFlaw::HeaderValue))?;
        if headers.contains_key(&name) && !OF_A_CONNECTION.contains(&name) {
            return Err(Denial::Ambiguous(HeadFlaw::HeaderValue));
        }
    }
    Ok(())
}

/// One way to know where the body ends, and no body where the method promises to change nothing.
fn check_framing(raw: &RawHead<'_>) -> Result<(), Denial> {
    let length = raw.headers.get(CONTENT_LENGTH);
    let coding = raw.headers.get(TRANSFER_ENCODING);
    if raw.two_framings || (length.is_some() && coding.is_some()) {
        return Err(Denial::Ambiguous(HeadFlaw::Framing));
    }
    let mut has_body = raw.has_body;
    if let Some(length) = length {
        has_body = read_length(length.as_bytes())? > 0;
    }
    if let Some(coding) = coding {
        let chunked = coding.as_bytes().eq_ignore_ascii_case(b"chunked");
        if !chunked || raw.version == Version::HTTP_2 {
            return Err(Denial::Malformed(HeadFlaw::Framing)); // RFC 9112, 6.1; RFC 9113, 8.2.2
        }
        has_body = true;
    }
    if has_body && raw.method.is_safe() {
        return Err(Denial::Malformed(HeadFlaw::BodyOnSafeMethod));
    }
    Ok(())
}

/// Digits only: `+5`, `5, 5` and ` 5` are read differently from server to server.
fn read_length(digits: &[u8]) -> Result<u64, Denial> {
    let flaw = Denial::Malformed(HeadFlaw::Framing);
    if !digits.iter().all(u8::is_ascii_digit) {
        return Err(flaw);
    }
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    digits.parse().map_err(|_| flaw)
}

fn split_target(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = target.splitn(2, |byte| *byte == b'?');
    (parts.next().unwrap_or_default(), parts.next())
}

/// The query's characters (RFC 3986, 3.4), without `?`. A second `?` is legal, but no client's
/// encoder writes it, and a request that was glued together out of two is read differently by those
/// who split at the last one. `;` is refused by [`Parameters::read`].
fn read_query(query: &[u8]) -> Result<&str, Denial> {
    for byte in query {
        match byte {
            b'?' => return Err(Denial::Ambiguous(HeadFlaw::QuerySeparator)),
            b'/' | b'%' | b';' => {}
            _ if path::is_segment_byte(*byte) => {}
            _ => return Err(Denial::Malformed(HeadFlaw::QueryEncoding)),
        }
    }
    std::str::from_utf8(query).map_err(|_| Denial::Malformed(HeadFlaw::QueryEncoding))
}
