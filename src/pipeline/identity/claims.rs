//! What does a verified token claim, and does it count now?
//!
//! Typed and strict: a claim of the wrong type is refused, not skipped (RFC 7519, 4.1; RFC 9068, 2.2).

use std::time::Duration;

use serde_json::Value;

use crate::denial::TokenFlaw;
use crate::pipeline::identity::members::Members;

/// Longest subject, client, token id or fleet, in bytes: identity providers' are under 100.
const TEXT_BYTES: usize = 256;

/// Last second of year 9999 (RFC 3339). A later time is most likely in milliseconds, which would
/// make a token immortal.
const LAST_SECOND: u64 = 253_402_300_799;

/// What an issuer's claims must say.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The exact `iss`.
    pub issuer: String,
    /// One of them in `aud`.
    pub audiences: Vec<String>,
    /// The claim that names a fleet.
    pub fleet_claim: Option<String>,
    /// The claim that names a tenant.
    pub tenant_claim: Option<String>,
    /// Tolerated clock difference.
    pub clock_skew: Duration,
}

/// The claims that decisions use.
#[derive(Clone, PartialEq, Eq)]
pub struct Claims {
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
    /// `jti`.
    pub token_id: Option<String>,
    /// `exp`, since the Unix epoch.
    pub expires_at: Duration,
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
    let expires_at = required(time(members, "exp")?)?;
    let lifetime = Lifetime {
        from: time(members, "nbf")?
            .max(time(members, "iat")?)
            .unwrap_or_default()
            .saturating_sub(expected.clock_skew),
        until: expires_at.saturating_add(expected.clock_skew),
    };
    let claims = Claims {
        subject: required(text(members, "sub")?)?.to_owned(),
        client: client(members)?,
        scopes: scopes(members)?,
        fleet: named(members, expected.fleet_claim.as_deref())?,
        tenant: named(members, expected.tenant_claim.as_deref())?,
        token_id: text(members, "jti")?.map(str::to_owned),
        expires_at,
        lifetime,
    };
    lifetime.check(now)?;
    Ok(claims)
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
fn text<'a>(members: &'a Members, name: &str) -> Result<Option<&'a str>, TokenFlaw> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text))
            if !text.is_empty()
                && text.len() <= TEXT_BYTES
                && !text.chars().any(char::is_control) =>
        {
            Ok(Some(text))
        }
        Some(_) => Err(TokenFlaw::ClaimMalformed),
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
fn check_audience(members: &Members, audiences: &[String]) -> Result<(), TokenFlaw> {
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

fn client(members: &Members) -> Result<Option<String>, TokenFlaw> {
    let client = match (text(members, "client_id")?, text(members, "azp")?) {
        (Some(one), Some(other)) if one != other => return Err(TokenFlaw::ClaimMalformed),
        (one, other) => one.or(other),
    };
    Ok(client.map(str::to_owned))
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
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn expected() -> Expected {
        Expected {
            issuer: "https://id.example".to_owned(),
            audiences: vec!["telematics".to_owned()],
            fleet_claim: Some("fleet".to_owned()),
            tenant_claim: Some("tenant".to_owned()),
            clock_skew: Duration::from_secs(5),
        }
    }

    fn check(change: (&str, Value), now: u64) -> Result<Claims, TokenFlaw> {
        let mut claims = json!({
            "iss": "https://id.example", "aud": ["other", "telematics"], "sub": "s", "exp": 1_000,
        });
        claims[change.0] = change.1;
        let members = serde_json::from_value(claims).unwrap();
        read(&members, &expected(), Duration::from_secs(now))
    }

    #[test]
    fn optional_claims_are_typed() {
        let read = check(("scope", json!(" read  control ")), 500).unwrap();
        assert_eq!(read.scopes, ["read", "control"]);
        let many = "a ".repeat(MOST_SCOPES.saturating_add(1));
        assert!(check(("scope", json!(many)), 500).is_err());
        let read = check(("azp", json!("app")), 500).unwrap();
        assert_eq!(read.client.as_deref(), Some("app"));
        let read = check(("fleet", json!("f1")), 500).unwrap();
        assert_eq!(read.fleet.as_deref(), Some("f1"));
        let read = check(("other", json!([{"any": 1.5}])), 500).unwrap();
        assert_eq!((read.client, read.fleet, read.token_id), (None, None, None));
    }

    #[test]
    fn a_token_counts_between_its_times_with_skew() {
        let table = [
            (("exp", json!(1_000)), 1_004, Ok(())),
            (("exp", json!(1_000)), 1_005, Err(TokenFlaw::Expired)),
            (("nbf", json!(505)), 500, Ok(())),
            (("nbf", json!(506)), 500, Err(TokenFlaw::NotYetValid)),
            (("iat", json!(505)), 500, Ok(())),
            (("iat", json!(506)), 500, Err(TokenFlaw::NotYetValid)),
            (("exp", json!(LAST_SECOND)), 500, Ok(())),
            (
                ("exp", json!(LAST_SECOND + 1)),
                500,
                Err(TokenFlaw::ClaimMalformed),
            ),
        ];
        for (change, now, result) in table {
            let name = format!("{change:?} at {now}");
            assert_eq!(check(change, now).map(|_| ()), result, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_value_of_a_required_claim_is_both_foreign_and_accepted(
            name in prop::sample::select(vec!["iss", "aud", "sub", "exp"]),
            value in prop_oneof![
                any::<i64>().prop_map(Value::from), any::<f64>().prop_map(Value::from),
                ".{0,8}".prop_map(Value::from), any::<bool>().prop_map(Value::from),
                Just(Value::Null), Just(json!([])), Just(json!({})), Just(json!(["x", 5])),
            ],
        ) {
            let accepted = check((name, value.clone()), 500).is_ok();
            let sound = match name {
                "sub" => value.as_str().is_some_and(|sub| !sub.is_empty()),
                "exp" => value.as_u64().is_some_and(|exp| exp > 495),
                _ => false,
            };
            prop_assert!(!accepted || sound, "{name} {value}");
        }
    }
}
