//! What of an upstream's answer may a client see?
//!
//! The head of an answer is vetted here; its body passes the guard as it streams.

use bytes::Bytes;
use http::{HeaderValue, header};
use pingora::http::ResponseHeader;

use crate::denial::ResponseFlaw;
use crate::gateway::{Exchange, notice, proofs, result_key, visible, websocket};
use crate::pipeline::guard::Guard;

/// Fields that are between the gateway and its upstream only.
const PRIVATE: [&str; 4] = [
    "vingate-assertion",
    "dpop-nonce", // proofs are the gateway's to ask for
    "proxy-authenticate",
    "proxy-authentication-info",
];

/// Takes out what is not for the client; tells why an answer can't be let through.
pub(super) fn vet(
    response: &mut ResponseHeader,
    exchange: &mut Exchange,
) -> Result<(), ResponseFlaw> {
    if websocket::is_consent(response) && !exchange.is_completed_by(response) {
        return Err(match exchange.websocket {
            Some(_) => ResponseFlaw::HandshakeFailed,
            None => ResponseFlaw::UpgradeRefused,
        });
    }
    for name in PRIVATE {
        response.remove_header(name);
    }
    let Some(mut guard) = exchange.guard.take() else {
        return Ok(());
    };
    let vetted = vet_fields(response, exchange, &mut guard);
    exchange.guard = Some(guard); // what it was told of the fields counts for the body
    vetted
}

/// Passes a piece of an answer's body.
pub(super) fn pass(body: &mut Option<Bytes>, exchange: &mut Exchange, end: bool) {
    result_key::hold(body, exchange, end);
    visible::guard(body, exchange, end);
    notice::place(body, exchange); // after the guard: an operator's words are not masked
}

/// The guard reads the fields, each by itself.
fn vet_fields(
    response: &mut ResponseHeader,
    exchange: &Exchange,
    guard: &mut Guard,
) -> Result<(), ResponseFlaw> {
    if is_encoded(response) {
        return Err(ResponseFlaw::Encoded); // the guard can't read it
    }
    // A phrase is free text; with the canonical one nothing of it is left.
    let canonical = response.status.canonical_reason();
    if response.set_reason_phrase(canonical).is_err() {
        return Err(ResponseFlaw::Encoded);
    }
    let names: Vec<_> = response.headers.keys().cloned().collect();
    for name in names {
        let before = guard.masked();
        let passed: Vec<Bytes> = response
            .headers
            .get_all(&name)
            .iter()
            .map(|value| {
                let value = Bytes::copy_from_slice(value.as_bytes());
                visible::pass(guard, exchange, value, true)
            })
            .collect();
        if guard.masked() > before {
            replace(response, &name, passed);
        }
    }
    Ok(())
}

/// Says what the gateway has to say with any answer.
pub(super) fn announce(
    response: &mut ResponseHeader,
    exchange: &mut Exchange,
) -> pingora::Result<()> {
    announce_retirement(response, exchange)?;
    notice::announce(response, exchange)?;
    proofs::announce(response, exchange)
}

/// Says when the route goes, if it does.
fn announce_retirement(response: &mut ResponseHeader, exchange: &Exchange) -> pingora::Result<()> {
    for (name, value) in exchange.retirement_headers() {
        if *name == header::LINK {
            response.append_header(name, value)?; // the upstream may have links of its own
        } else {
            response.insert_header(name, value)?;
        }
    }
    Ok(())
}

fn replace(response: &mut ResponseHeader, name: &header::HeaderName, values: Vec<Bytes>) {
    response.remove_header(name);
    for value in values {
        // A masked value has the bytes it had, and stars: it is a value still.
        let masked = HeaderValue::from_maybe_shared(value);
        if masked.is_ok_and(|value| response.append_header(name, value).is_err()) {
            tracing::warn!("a masked field of an answer was left out");
        }
    }
}

/// Whether a body comes in another coding than its own bytes or chunks of them, in any line.
pub(super) fn is_encoded(response: &ResponseHeader) -> bool {
    let other = |name: header::HeaderName, plain: &'static str| {
        response.headers.get_all(name).iter().any(|value| {
            let coding = value.as_bytes().trim_ascii();
            !coding.is_empty() && !coding.eq_ignore_ascii_case(plain.as_bytes())
        })
    };
    other(header::CONTENT_ENCODING, "identity") || other(header::TRANSFER_ENCODING, "chunked")
}
