//! How does a client learn to prove that its token is theirs?
//!
//! A challenge lists the schemes of its surface; where proofs carry a nonce, a challenge and the answer
//! to a proof whose nonce ends soon bring another (RFC 9449, 9).

use http::header::CACHE_CONTROL;
use http::{HeaderName, HeaderValue};
use pingora::http::ResponseHeader;

use crate::config::file::BoundTokens;
use crate::denial::challenge::{NONCE, Schemes, Taken};
use crate::gateway::Exchange;
use crate::pipeline::identity::{self, Scheme};

/// How tokens are shown where the request was sent, and how it shows its own.
pub(super) fn schemes<'a>(exchange: &Exchange, nonce: Option<&'a str>) -> Schemes<'a> {
    let route = exchange.findings.situation.route.as_deref();
    let bound = route.map_or(BoundTokens::default(), |route| route.surface.bound_tokens);
    let presented = exchange
        .head
        .as_ref()
        .and_then(|head| identity::presented(&head.headers).ok());
    Schemes {
        taken: match (&exchange.rules.dpop, bound) {
            (None, _) => Taken::Unbound,
            (Some(_), BoundTokens::AsIssued) => Taken::All,
            (Some(_), BoundTokens::Required) => Taken::Bound,
        },
        used: presented.map_or(Scheme::default(), |(scheme, _)| scheme),
        nonce,
    }
}

/// The nonce of the next proof, where proofs carry one.
pub(super) fn nonce(exchange: &Exchange) -> Option<String> {
    let terms = exchange.rules.dpop.as_ref()?;
    terms.nonce(exchange.received_at)
}

/// The same, where the one that came is about to end.
pub(super) fn renewed(exchange: &Exchange) -> Option<(HeaderName, HeaderValue)> {
    let nonce = nonce(exchange).filter(|_| exchange.findings.nonce_due)?;
    Some((NONCE, HeaderValue::try_from(nonce).ok()?))
}

/// Gives it with an upstream's answer, which then is nobody else's to keep: an old nonce helps nobody.
pub(super) fn announce(response: &mut ResponseHeader, exchange: &Exchange) -> pingora::Result<()> {
    if let Some((name, nonce)) = renewed(exchange) {
        response.insert_header(name, nonce)?;
        response.insert_header(CACHE_CONTROL, "no-store")?;
    }
    Ok(())
}
