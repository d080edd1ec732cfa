//! By what does a request say who asks, and was its proof given?
//!
//! By a token where it has one, by the client's certificate where it has none, each where the surface goes
//! by it. A surface that goes by both takes no two at once, unless they are one: a token that is bound
//! to that certificate.

use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;

use crate::denial::{Denial, TokenFlaw};
use crate::pipeline::identity::authorities::CertificateIssuers;
use crate::pipeline::route::Surface;
use crate::pipeline::{Principal, RequestHead};

/// What says who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// `Authorization`.
    Token,
    /// The certificate of the connection.
    Certificate,
}

/// Which it is for a request on a surface.
///
/// # Errors
/// The surface goes by the other one.
pub(super) fn choose(surface: &Surface, head: &RequestHead) -> Result<Method, Denial> {
    if surface.certificates.is_empty() {
        return Ok(Method::Token); // a certificate can be its proof here, and no more
    }
    let by_tokens = !surface.issuers.is_empty();
    match (head.headers.contains_key(AUTHORIZATION), &head.certificate) {
        (true, _) if by_tokens => Ok(Method::Token),
        (true, _) => Err(Denial::TokenInvalid(TokenFlaw::TokenForeign)),
        (false, Some(_)) => Ok(Method::Certificate),
        (false, None) if by_tokens => Err(Denial::TokenMissing),
        (false, None) => Err(Denial::TokenInvalid(TokenFlaw::CertificateMissing)),
    }
}

/// Whom the certificate of the connection names, on a surface that goes by certificates.
pub(super) fn by_certificate(
    certificates: &CertificateIssuers,
    surface: &Surface,
    head: &RequestHead,
) -> Result<Arc<Principal>, TokenFlaw> {
    let shown = head.certificate.as_deref();
    let shown = shown.ok_or(TokenFlaw::CertificateMissing)?;
    let asked = (&*head.listener, surface.certificates.as_slice());
    certificates.identify(asked, shown, head.received_at)
}

/// The principal of a token whose sender proved to hold the certificate that the token asks for (RFC 8705,
/// 3), and shows none that could be somebody else's.
pub(super) fn check_certificate(
    certificates: &CertificateIssuers,
    principal: Arc<Principal>,
    surface: &Surface,
    head: &RequestHead,
) -> Result<Arc<Principal>, TokenFlaw> {
    let asked = principal.credential.confirmation.certificate;
    let until = match (asked, head.certificate.as_deref()) {
        (None, Some(_)) if !surface.certificates.is_empty() => {
            return Err(TokenFlaw::CredentialAmbiguous);
        }
        (None, _) => return Ok(principal),
        // Behind a terminator there is none, whatever a header says.
        (Some(_), None) => return Err(TokenFlaw::ProofMissing),
        (Some(asked), Some(shown)) if shown.thumbprint() == asked => {
            certificates.check(&head.listener, shown, head.received_at)?
        }
        (Some(_), Some(_)) => return Err(TokenFlaw::CertificateMismatch),
    };
    Ok(no_longer_than(principal, until))
}

/// The token counts no longer than its proof: a WebSocket outlives what is judged now.
fn no_longer_than(mut principal: Arc<Principal>, until: Duration) -> Arc<Principal> {
    if until < principal.credential.expires_at {
        Arc::make_mut(&mut principal).credential.expires_at = until;
    }
    principal
}
