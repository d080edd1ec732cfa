//! What does a verified token claim, and does it count now?
//!
//! Typed and strict: a claim of the wrong type is refused, not skipped (RFC 7519, 4.1; RFC 9068, 2.2).

use std::time::Duration;

use serde_json::Value;

use crate::config::file::{PrincipalKind, PrincipalSource};
use crate::denial::TokenFlaw;
use crate::pipeline::identity::credential::{Confirmation, Credential};
use crate::pipeline::identity::members::Members;
use crate::revocations::{Marks, Named};

/// Longest subject, client, token id or fleet, in bytes: identity providers' are under 100.
const TEXT_BYTES: usize = 256;

/// Roles of one subject.
const MOST_ROLES: usize = 100;

/// Last second of year 9999 (RFC 3339). A later time is most likely in milliseconds, which would
/// make a token immortal.
const LAST_SECOND: u64 = 253_402_300_799;

/// What an issuer's claims must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The exact `iss`.
    pub issuer: String,
    /// One of them in `aud`.
    pub audiences: Vec<String>,
    /// What kind of principal its subjects are.
    pub principal: PrincipalSource,
    /// The claim that names a fleet.
    pub fleet_claim: Option<String>,
    /// The claim that names a tenant.
    pub tenant_claim: Option<String>,
    /// The claim that names roles.
    pub roles_claim: Option<String>,
    /// Values of `acr` that stand for more than a password.
    pub strong_acr: Vec<String>,
    /// Longest time between `iat` and `exp`.
    pub max_lifetime: Duration,
    /// Whether the tokens are those of RFC 9068, whose section 2.2 requires `client_id` and `jti` too.
    pub profiled: bool,
    /// Tolerated clock difference.
    pub clock_skew: Duration,
}

/// The claims that decisions use.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
    /// What kind of principal the subject is.
    pub kind: PrincipalKind,
    /// `sub`.
    pub subject: String,
    /// `client_id` or `azp`; both must agree.
    pub client: Option<String>,
    /// `scope`, split at spaces (RFC 8693, 4.2).
    pub scopes: Vec<String>,
    /// The issuer's fleet claim.
    pub fleet: Option<String>,
    /// The issuer's tenant claim.
    pub tenant: Option<String>,
    /// The issuer's roles claim.
    pub roles: Vec<String>,
    /// Whether `acr` is one that the issuer's settings call strong.
    pub strong: bool,
    /// `auth_time` (RFC 9068, 2.2.1), since the Unix epoch.
    pub signed_in_at: Option<Duration>,
    /// What the token says about itself.
    pub credential: Credential,
    /// When the token counts.
    pub lifetime: Lifetime,
}

/// When a token counts, clock skew included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    from: Duration,
    until: Duration,
}

impl Lifetime {
    /// Whether a token counts at `now`.
    pub fn check(&self, now: Duration) -> Result<(), TokenFlaw> {
        if now >= self.until {
            return Err(TokenFlaw::Expired); // "on or after" (RFC 7519, 4.1.4)
        }
        if now < self.from {
            return Err(TokenFlaw::NotYetValid);
        }
        Ok(())
    }
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Claims(..)") // personal data: never in a log
    }
}

/// Reads the claims of a token whose signature is checked, and checks them against `expected` at
/// time `now`.
pub fn read(members: &Members, expected: &Expected, now: Duration) -> Result<Claims, TokenFlaw> {
    if required(text(members, "iss")?)? != expected.issuer {
        return Err(TokenFlaw::UnknownIssuer);
    }
    check_audience(members, &expected.audiences)?;
    read_of_issuer(members, expected, now)
}

/// The same of claims that are the issuer's, and meant for here, already.
pub(super) fn read_of_issuer(
    members: &Members,
    expected: &Expected,
    now: Duration,
) -> Result<Claims, TokenFlaw> {
    check_purpose(members)?;
    let expires_at = required(time(members, "exp")?)?;
    let issued_at = required(time(members, "iat")?)?;
    let lifetime = Lifetime {
        from: time(members, "nbf")?
            .unwrap_or_default()
            .max(issued_at)
            .saturating_sub(expected.clock_skew),
        until: expires_at.saturating_add(expected.clock_skew),
    };
    let acr = text(members, "acr")?;
    let subject = required(text(members, "sub")?)?;
    let client = client(members)?;
    let (token_id, session) = (text(members, "jti")?, text(members, "sid")?);
    let confirmation = Confirmation::read(members)?;
    let claims = Claims {
        kind: kind(members, &expected.principal)?,
        subject: subject.to_owned(),
        client: client.map(str::to_owned),
        scopes: scopes(members)?,
        fleet: named(members, expected.fleet_claim.as_deref())?,
        tenant: named(members, expected.tenant_claim.as_deref())?,
        roles: roles(members, expected.roles_claim.as_deref())?,
        strong: acr.is_some_and(|acr| expected.strong_acr.iter().any(|known| known == acr)),
        signed_in_at: time(members, "auth_time")?,
        credential: Credential {
            token_id: token_id.map(str::to_owned),
            session: session.map(str::to_owned),
            issued_at,
            expires_at,
            confirmation,
            marks: Marks::of(Named {
                issuer: &expected.issuer,
                subject,
                token: token_id,
                session,
                client,
                certificate: confirmation.certificate.as_ref(),
            }),
        },
        lifetime,
    };
    if expected.profiled && (claims.credential.token_id.is_none() || !members.has("client_id")) {
        return Err(TokenFlaw::ClaimMissing);
    }
    if expires_at.saturating_sub(issued_at) > expected.max_lifetime {
        return Err(TokenFlaw::LifetimeTooLong);
    }
    lifetime.check(now)?;
    // A sign-in yet to come would count as fresh until then and for as long again.
    if claims
        .signed_in_at
        .is_some_and(|at| at > now.saturating_add(expected.clock_skew))
    {
        return Err(TokenFlaw::NotYetValid);
    }
    Ok(claims)
}

/// Claims that only other kinds of token have: hashes of what an ID token came with (section 3.3.2.11
/// of its standard), and events (RFC 8417, 2.2), as logout tokens have them. An issuer that gives all its
/// tokens one `typ` tells them apart by nothing else (RFC 8725, 3.12).
const OF_OTHERS: [&str; 4] = ["at_hash", "c_hash", "s_hash", "events"];

fn check_purpose(members: &Members) -> Result<(), TokenFlaw> {
    if OF_OTHERS.iter().any(|name| members.has(name)) {
        return Err(TokenFlaw::WrongType);
    }
    Ok(())
}

/// The kind of principal that the issuer's settings say, all alike or by a claim.
fn kind(members: &Members, source: &PrincipalSource) -> Result<PrincipalKind, TokenFlaw> {
    match source {
        PrincipalSource::Fixed(kind) => Ok(*kind),
        PrincipalSource::Claimed(claimed) => {
            let value = required(text(members, &claimed.claim)?)?;
            let kind = claimed.values.get(value);
            kind.copied().ok_or(TokenFlaw::PrincipalUnknown)
        }
    }
}

/// A string, or a list of strings, as issuers write roles (RFC 9068, 2.2.3.1).
fn roles(members: &Members, name: Option<&str>) -> Result<Vec<String>, TokenFlaw> {
    let Some(name) = name else {
        return Ok(Vec::new());
    };
    let Some(Value::Array(listed)) = members.get(name) else {
        return Ok(text(members, name)?
            .map(str::to_owned)
            .into_iter()
            .collect());
    };
    if listed.len() > MOST_ROLES {
        return Err(TokenFlaw::ClaimMalformed);
    }
    let mut roles = Vec::with_capacity(listed.len());
    for role in listed {
        roles.push(as_text(role)?.to_owned());
    }
    Ok(roles)
}

/// A claim that the issuer's settings name, if they do.
fn named(members: &Members, name: Option<&str>) -> Result<Option<String>, TokenFlaw> {
    match name {
        Some(name) => Ok(text(members, name)?.map(str::to_owned)),
        None => Ok(None),
    }
}

fn required<T>(claim: Option<T>) -> Result<T, TokenFlaw> {
    claim.ok_or(TokenFlaw::ClaimMissing)
}

/// A string that is not empty, not long, and has no control characters: it becomes an entity id, a
/// key and a member of the assertion.
pub(super) fn text<'a>(members: &'a Members, name: &str) -> Result<Option<&'a str>, TokenFlaw> {
    members.get(name).map(as_text).transpose()
}

fn as_text(value: &Value) -> Result<&str, TokenFlaw> {
    match value {
        Value::String(text)
            if !text.is_empty()
                && text.len() <= TEXT_BYTES
                && !text.chars().any(char::is_control) =>
        {
            Ok(text)
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => Err(TokenFlaw::ClaimMalformed),
    }
}

/// A `NumericDate` (RFC 7519, 2), whole seconds only.
fn time(members: &Members, name: &str) -> Result<Option<Duration>, TokenFlaw> {
    match members.get(name) {
        None => Ok(None),
        Some(value) => match value.as_u64() {
            Some(seconds) if seconds <= LAST_SECOND => Ok(Some(Duration::from_secs(seconds))),
            _ => Err(TokenFlaw::ClaimMalformed),
        },
    }
}

/// `aud`: a string or an array of strings (RFC 7519, 4.1.3), compared exactly.
pub(super) fn check_audience(members: &Members, audiences: &[String]) -> Result<(), TokenFlaw> {
    let named = match required(members.get("aud"))? {
        Value::String(one) => vec![one.as_str()],
        Value::Array(many) => many
            .iter()
            .map(|one| one.as_str().ok_or(TokenFlaw::ClaimMalformed))
            .collect::<Result<_, _>>()?,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            return Err(TokenFlaw::ClaimMalformed);
        }
    };
    if named
        .iter()
        .any(|one| audiences.iter().any(|ours| ours == one))
    {
        Ok(())
    } else {
        Err(TokenFlaw::WrongAudience)
    }
}

fn client(members: &Members) -> Result<Option<&str>, TokenFlaw> {
    match (text(members, "client_id")?, text(members, "azp")?) {
        (Some(one), Some(other)) if one != other => Err(TokenFlaw::ClaimMalformed),
        (one, other) => Ok(one.or(other)),
    }
}

/// Scopes of one token.
const MOST_SCOPES: usize = 100;

fn scopes(members: &Members) -> Result<Vec<String>, TokenFlaw> {
    match members.get("scope") {
        None => Ok(Vec::new()),
        Some(Value::String(scope)) if scope.chars().all(|c| c == ' ' || c.is_ascii_graphic()) => {
            let words = scope.split(' ').filter(|word| !word.is_empty());
            let scopes: Vec<String> = words.map(str::to_owned).collect();
            // Each is kept with its token: what no issuer grants in earnest would fill the cache.
            if scopes.len() > MOST_SCOPES {
                Err(TokenFlaw::ClaimMalformed)
            } else {
                Ok(scopes)
            }
        }
        Some(_) => Err(TokenFlaw::ClaimMalformed),
    }
}

#[cfg(test)]
mod tests;
