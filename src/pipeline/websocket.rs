//! Is it the handshake of a WebSocket, and does the answer complete it?
//!
//! RFC 6455, 4. A route that says `websocket = true` takes handshakes and nothing else, and only from
//! pages of its own host: a browser sends the user's cookies along with a handshake that any page in
//! the world began.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    CONNECTION, HOST, HeaderName, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Uri};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};

use crate::denial::{AccessFlaw, Denial, HeadFlaw};
use crate::pipeline::RequestHead;
use crate::pipeline::parameters::fold_alike;
use crate::pipeline::route::Route;

/// What a server appends to the client's key (RFC 6455, 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Bytes of a key (RFC 6455, 4.1).
const KEY_BYTES: usize = 16;

/// Refuses what is no handshake, on a route for WebSockets; any other route is none of its business.
///
/// # Errors
/// `Malformed` for what is no handshake, by HTTP/2 too; `AccessDenied` for a page of another origin.
pub fn check(route: &Route, head: &RequestHead) -> Result<(), Denial> {
    if !route.websocket {
        return Ok(());
    }
    let headers = &head.headers;
    let upgrades = only(headers, &UPGRADE).is_some_and(|value| is(value, "websocket"));
    let version = only(headers, &SEC_WEBSOCKET_VERSION).is_some_and(|value| value == "13");
    let key = only(headers, &SEC_WEBSOCKET_KEY).is_some_and(is_key);
    let whole = head.switchable
        && head.method == Method::GET
        && upgrades
        && has_token(headers, &CONNECTION, "upgrade")
        && version
        && key;
    if !whole {
        return Err(Denial::Malformed(HeadFlaw::Handshake));
    }
    check_origin(head)
}

/// The page that began it is of the host that it asks, by the same scheme (RFC 6455, 10.2). What is no
/// browser sends no origin.
fn check_origin(head: &RequestHead) -> Result<(), Denial> {
    if !head.headers.contains_key(ORIGIN) {
        return Ok(());
    }
    let scheme = if head.tls { "https" } else { "http" };
    let own = only(&head.headers, &HOST)
        .and_then(|host| host.to_str().ok())
        .and_then(|host| origin(&format!("{scheme}://{host}")));
    let named = only(&head.headers, &ORIGIN)
        .and_then(|value| value.to_str().ok())
        .and_then(origin);
    match (own, named) {
        (Some(own), Some(named)) if own == named => Ok(()),
        (_, _) => Err(Denial::AccessDenied(AccessFlaw::ForeignOrigin)),
    }
}

/// Scheme, host and port of a serialised origin (RFC 6454, 6.2), the default port spelled out.
fn origin(text: &str) -> Option<(String, String, u16)> {
    let uri: Uri = text.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let authority = uri.authority()?;
    let bare = authority.as_str();
    let (_, rest) = text.split_once("://")?;
    if rest != bare || bare.contains('@') {
        return None; // an origin has no path, not even `/`
    }
    let default = match scheme.as_str() {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let port = match authority.port() {
        Some(port) => port.as_str().parse().ok()?,
        None if bare.ends_with(':') => return None,
        None => default,
    };
    Some((scheme, authority.host().to_ascii_lowercase(), port))
}

/// Fields by which client and server would agree on another reading of the frames, in every spelling:
/// the gateway knows frames as they stand in the RFC, and no extension.
pub fn extensions(headers: &HeaderMap) -> Vec<HeaderName> {
    let alike = |name: &&HeaderName| fold_alike(SEC_WEBSOCKET_EXTENSIONS.as_str(), name.as_str());
    headers.keys().filter(alike).cloned().collect()
}

/// Whether an answer of status 101 completes the handshake in `request`: the same protocol, the key
/// answered, nothing agreed on that was not asked for (RFC 6455, 4.1 and 4.2.2).
pub fn completes(request: &HeaderMap, answer: &HeaderMap) -> bool {
    let accept = only(request, &SEC_WEBSOCKET_KEY).map(accept);
    let accepted = only(answer, &SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes);
    let offered = |chosen: &HeaderValue| {
        let chosen = chosen.as_bytes();
        tokens(request, &SEC_WEBSOCKET_PROTOCOL).any(|token| token == chosen)
    };
    let mut protocols = answer.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    accept.is_some_and(|accept| accepted == Some(accept.as_bytes()))
        && only(answer, &UPGRADE).is_some_and(|value| is(value, "websocket"))
        && has_token(answer, &CONNECTION, "upgrade")
        && extensions(answer).is_empty()
        && protocols.next().is_none_or(offered)
        && protocols.next().is_none()
}

/// What a server answers to a key (RFC 6455, 4.2.2).
fn accept(key: &HeaderValue) -> String {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY); // no secret hangs on it
    context.update(key.as_bytes());
    context.update(GUID);
    BASE64_STANDARD.encode(context.finish())
}

/// Sixteen bytes in the one spelling that base64 has for them.
fn is_key(value: &HeaderValue) -> bool {
    let bytes = BASE64_STANDARD.decode(value.as_bytes());
    bytes.is_ok_and(|bytes| bytes.len() == KEY_BYTES)
}

/// The value of a field that stands once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

fn is(value: &HeaderValue, word: &str) -> bool {
    value.as_bytes().eq_ignore_ascii_case(word.as_bytes())
}

fn has_token(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(word.as_bytes()))
}

/// The elements of a field that is a list.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).into_iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests;
