//! How does a request present its token?

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::denial::{Denial, TokenFlaw};
use crate::pipeline::RequestHead;
use crate::pipeline::identity::carries_token;
use crate::pipeline::parameters::cookies::cookies;

/// Longest token: half of the header section that servers take by habit. Signed tokens of a
/// person have one KiB or two.
pub(super) const TOKEN_BYTES: usize = 8_192;

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Whoever has it counts (RFC 6750, 2.1).
    #[default]
    Bearer,
    /// With a proof (RFC 9449, 7.1).
    Dpop,
}

/// Refuses a token in a place where none is offered.
pub(super) fn check_places(head: &RequestHead) -> Result<(), Denial> {
    if carries_token(head.parameters.iter().map(|(name, _)| name)) {
        return Err(Denial::TokenInvalid(TokenFlaw::InQuery));
    }
    if carries_token(cookies(&head.headers).map(|(name, _)| name)) {
        return Err(Denial::TokenInvalid(TokenFlaw::InCookie));
    }
    Ok(())
}

/// The token of a request, and how it is presented: one `Authorization` line, one token.
pub fn presented(headers: &HeaderMap) -> Result<(Scheme, &str), Denial> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Err(Denial::TokenMissing),
        (Some(line), None) => line,
        (Some(_), Some(_)) => return Err(Denial::TokenInvalid(TokenFlaw::HeaderDuplicate)),
    };
    let line = line
        .to_str()
        .map_err(|_| Denial::TokenInvalid(TokenFlaw::Malformed))?;
    let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
    let schemes = [("bearer", Scheme::Bearer), ("dpop", Scheme::Dpop)];
    let mut schemes = schemes.into_iter();
    let known = schemes.find(|(known, _)| name.eq_ignore_ascii_case(known));
    let (_, scheme) = known.ok_or(Denial::TokenInvalid(TokenFlaw::SchemeUnknown))?;
    let token = rest.trim_start_matches(' ');
    if token.len() > TOKEN_BYTES {
        return Err(Denial::TokenInvalid(TokenFlaw::TooLong));
    }
    if !is_b64token(token) {
        return Err(Denial::TokenInvalid(TokenFlaw::Malformed));
    }
    Ok((scheme, token))
}

fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(allowed)
}
