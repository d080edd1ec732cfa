//! What can be written about an issuer?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Introspection;
use crate::config::duration::Span;

/// Who vouches for principals, and with what.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The exact `iss` (RFC 7519, 4.1.1).
    #[schemars(length(min = 1))]
    pub issuer: String,
    /// A token must name one of them in `aud`.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub audiences: Vec<String>,
    /// The only algorithms accepted, whatever a token says. Needed without `introspection`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub algorithms: BTreeSet<Algorithm>,
    /// JWK set (RFC 7517) of public keys, read at the start and at each reload. One of this,
    /// `jwks_url`, `discovery` and `introspection`.
    #[schemars(length(min = 1))]
    pub jwks_file: Option<PathBuf>,
    /// URL of its JWK set, fetched again and again.
    #[schemars(length(min = 1))]
    pub jwks_url: Option<String>,
    /// Whether its metadata says where its JWK set is (`OpenID` Connect Discovery 1.0, 4;
    /// RFC 8414, 3).
    #[serde(default)]
    pub discovery: bool,
    /// How keys are fetched, by `jwks_url` or `discovery`.
    pub fetch: Option<KeyFetch>,
    /// How it is asked about its tokens, where they say nothing by themselves (RFC 7662).
    pub introspection: Option<Introspection>,
    /// Cedar type of its subjects: one for all, or by a claim.
    pub principal: PrincipalSource,
    /// The `typ` of its access tokens (RFC 9068, 2.1), where they are JWTs.
    #[serde(default = "default_token_type")]
    #[schemars(length(min = 1))]
    pub token_type: String,
    /// Claim that names the fleet a subject manages, if any.
    #[schemars(length(min = 1))]
    pub fleet_claim: Option<String>,
    /// Claim that names the tenant a subject belongs to, such as a technician's dealership, if any.
    #[schemars(length(min = 1))]
    pub tenant_claim: Option<String>,
    /// Claim that names the roles of a subject, a string or a list of them, if any.
    #[schemars(length(min = 1))]
    pub roles_claim: Option<String>,
    /// Values of `acr` (RFC 9068, 2.2.1) that say: signed in with more than a password. Without one
    /// nobody is strongly signed in.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub strong_acr: Vec<String>,
    /// States that its subjects are those of another issuer of people, name for name.
    pub same_subjects_as: Option<String>,
    /// Longest time between `iat` and `exp` of a token: how long one that was stolen can be of use.
    pub max_lifetime: Span,
    /// Tolerated clock difference; at most 60 s.
    #[serde(default = "default_clock_skew")]
    pub clock_skew: Span,
}

/// How an issuer's keys are fetched.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyFetch {
    /// The authorities that may have signed the server's certificate, PEM. Needed with `https://`.
    #[schemars(length(min = 1))]
    pub ca_file: Option<PathBuf>,
    /// Where the last good set is kept over a restart.
    #[schemars(length(min = 1))]
    pub file: PathBuf,
    /// How long the last good set counts while the issuer can't be asked: then its tokens don't.
    pub max_age: Span,
    /// Time for an answer, connection and metadata included.
    #[serde(default = "default_fetch_timeout")]
    pub timeout: Span,
    /// Shortest time between two fetches because of tokens that an unknown key may have signed.
    #[serde(default = "default_cooldown")]
    pub cooldown: Span,
}

fn default_fetch_timeout() -> Span {
    Span::from_secs(4) // a lost SYN twice; and what failed so late is still repeated within a minute
}

fn default_cooldown() -> Span {
    Span::from_secs(10) // a new key works within 30 s, and made-up key ids cost the issuer little
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource<'a> {
    /// A file.
    File(&'a Path),
    /// A URL of a JWK set.
    Url(&'a str, &'a KeyFetch),
    /// What the issuer says of itself.
    Discovery(&'a KeyFetch),
}

impl Issuer {
    /// Where its keys come from; `None` where that isn't said once.
    pub fn key_source(&self) -> Option<KeySource<'_>> {
        match (
            self.jwks_file.as_deref(),
            self.jwks_url.as_deref(),
            self.discovery,
            self.fetch.as_ref(),
        ) {
            (Some(file), None, false, None) => Some(KeySource::File(file)),
            (None, Some(url), false, Some(fetch)) => Some(KeySource::Url(url, fetch)),
            (None, None, true, Some(fetch)) => Some(KeySource::Discovery(fetch)),
            _ => None,
        }
    }
}

fn default_token_type() -> String {
    "at+jwt".to_owned()
}

fn default_clock_skew() -> Span {
    Span::from_secs(5) // servers on NTP differ by less
}

/// JWS algorithms (RFC 7518, 3.1; RFC 8037) that can be configured.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[expect(missing_docs, reason = "the registered names say it")]
pub enum Algorithm {
    ES256,
    RS256,
    PS256,
    EdDSA,
}

/// Cedar entity type of a principal.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema,
)]
#[expect(missing_docs, reason = "the names are the schema's")]
pub enum PrincipalKind {
    User,
    Client,
    Vehicle,
    Technician,
    Agent,
}

/// Where the Cedar type of an issuer's subjects is from. There is no default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum PrincipalSource {
    /// All are of one type.
    Fixed(PrincipalKind),
    /// A verified claim says it.
    Claimed(PrincipalClaim),
}

/// Which claim says of what type a subject is, and what each value means. A token without it, or
/// with another value, is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrincipalClaim {
    /// Name of the claim; its value is a string.
    #[schemars(length(min = 1))]
    pub claim: String,
    /// Value to type.
    #[schemars(extend("minProperties" = 1))]
    pub values: BTreeMap<String, PrincipalKind>,
}

impl PrincipalSource {
    /// All types that its subjects can be of.
    pub fn kinds(&self) -> BTreeSet<PrincipalKind> {
        match self {
            Self::Fixed(kind) => [*kind].into(),
            Self::Claimed(claimed) => claimed.values.values().copied().collect(),
        }
    }
}
