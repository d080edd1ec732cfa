//! What exactly goes upstream?
//!
//! The canonical request, with everything that could carry an identity removed in every spelling,
//! `Forwarded` (RFC 7239) built anew, and a signed assertion of what was decided.

pub mod assertion;
pub mod carriers;

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_CHARSET, ACCEPT_ENCODING, COOKIE, FORWARDED, IF_RANGE, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::denial::{Denial, Dependency, HeadFlaw};
use crate::pipeline::decide::Permit;
use crate::pipeline::forward::assertion::{Asserted, Signer};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Principal, RequestHead};
use crate::rules::Rules;

const ASSERTION: HeaderName = HeaderName::from_static("vingate-assertion");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Fields that ask for other bytes than the whole text: the response guard reads plain bytes, and a
/// range could cut a VIN in two that it would have masked.
const OTHER_BYTES: [HeaderName; 5] = [
    ACCEPT_CHARSET,
    ACCEPT_ENCODING,
    HeaderName::from_static("a-im"), // RFC 3229
    IF_RANGE,
    RANGE,
];

/// Changes to the header section of the request; all else goes as it came.
#[derive(Debug, Default)]
pub struct HeaderChanges {
    /// Fields to remove.
    pub remove: Vec<HeaderName>,
    /// Fields to set, after the removals.
    pub set: Vec<(HeaderName, HeaderValue)>,
}

/// Fields of `headers` that could carry an identity or another route, method or client address.
pub fn untrusted(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut folded = String::new(); // one for all names
    headers
        .keys()
        .filter(|name| {
            carriers::fold(name.as_str(), &mut folded);
            carriers::is_carrier(&folded)
        })
        .cloned()
        .collect()
}

/// The header changes of a permitted request that goes upstream at `now` (since the Unix epoch):
/// its body may have taken longer to arrive than an assertion lives, so the time of its head won't
/// do.
///
/// # Errors
/// `DependencyUnavailable(Assertion)` if it can't be signed.
pub fn prepare(
    rules: &Rules,
    head: &RequestHead,
    permit: &Permit,
    now: Duration,
) -> Result<HeaderChanges, Denial> {
    let action = permit.action();
    let judged = Judged {
        upstream: &permit.route().upstream,
        action,
        effect: if rules.policies.is_command(action) {
            Effect::Command
        } else {
            Effect::Read
        },
        principal: permit.principal().map(Arc::as_ref),
        vin: permit.vin().map(Vin::as_str),
        is_guarded: permit.sight().is_some(),
        body_digest: permit.body_digest(),
        policy_revision: rules.policies.revision(),
        now,
    };
    changes(head, &judged, rules.assertion.as_ref())
}

/// What of a permit and its rules goes upstream.
#[derive(Clone, Copy)]
struct Judged<'a> {
    upstream: &'a str,
    action: &'a str,
    effect: Effect,
    principal: Option<&'a Principal>,
    vin: Option<&'a str>,
    is_guarded: bool,
    body_digest: Option<[u8; 32]>,
    policy_revision: &'a str,
    now: Duration,
}

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing: its assertion may be used again for the same read.
    Read,
    /// Something: its assertion is signed for itself.
    Command,
}

fn changes(
    head: &RequestHead,
    judged: &Judged<'_>,
    signer: Option<&Signer>,
) -> Result<HeaderChanges, Denial> {
    let mut remove = untrusted(&head.headers);
    if judged.is_guarded {
        let asked = |name: &HeaderName| head.headers.contains_key(name);
        remove.extend(OTHER_BYTES.into_iter().filter(asked));
    }
    let proto = if head.tls { "https" } else { "http" };
    let address = head.address.to_canonical();
    let id = head.id.to_string();
    let mut set = vec![
        (FORWARDED, value(forwarded(address, proto, &head.host))?),
        (X_FORWARDED_FOR, value(address.to_string())?),
        (X_FORWARDED_PROTO, HeaderValue::from_static(proto)),
        (X_FORWARDED_HOST, value(head.host.clone())?),
        (REQUEST_ID, value(id.clone())?),
    ];
    set.extend(one_cookie_line(&head.headers).map(|line| (COOKIE, line)));
    if let Some(signer) = signer {
        set.push((ASSERTION, assert(signer, head, judged, &id)?));
    }
    Ok(HeaderChanges { remove, set })
}

/// Cookies that came in several lines, in the one line that HTTP/1.1 has for them (RFC 6265, 5.4;
/// RFC 9113, 8.2.3): servers join lines with a comma, take the first or take the last.
fn one_cookie_line(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(COOKIE).iter();
    let (first, second) = (lines.next()?, lines.next()?);
    let mut joined = first.as_bytes().to_vec();
    for line in std::iter::once(second).chain(lines) {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(line.as_bytes());
    }
    HeaderValue::from_bytes(&joined).ok()
}

fn assert(
    signer: &Signer,
    head: &RequestHead,
    judged: &Judged<'_>,
    id: &str,
) -> Result<HeaderValue, Denial> {
    let path_and_query = match &head.query {
        Some(query) => format!("{}?{query}", head.path),
        None => head.path.clone(),
    };
    let principal = judged.principal;
    let asserted = Asserted {
        audience: judged.upstream,
        id,
        subject: principal.map(|principal| principal.subject.as_str()),
        subject_issuer: principal.map(|principal| &*principal.issuer),
        client: principal.and_then(|principal| principal.client.as_deref()),
        action: judged.action,
        vin: judged.vin,
        method: head.method.as_str(),
        path_and_query: &path_and_query,
        body_digest: judged.body_digest,
        policy_revision: judged.policy_revision,
        issued_at: judged.now,
    };
    match judged.effect {
        Effect::Command => signer.sign(&asserted),
        Effect::Read => signer.sign_read(&asserted),
    }
    .map_err(|_| Denial::DependencyUnavailable(Dependency::Assertion))
}

/// One element of `Forwarded`; what came before is not repeated (RFC 7239, 8.1).
fn forwarded(address: IpAddr, proto: &str, host: &str) -> String {
    let node = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"), // RFC 7239, 6
    };
    let host = host.replace('\\', "\\\\").replace('"', "\\\"");
    format!("for=\"{node}\";proto={proto};host=\"{host}\";by=_vingate")
}

/// A header value; only a host could hold what is none, and no host of a surface does.
fn value(text: String) -> Result<HeaderValue, Denial> {
    HeaderValue::try_from(text).map_err(|_| Denial::Malformed(HeadFlaw::HostMalformed))
}
