//! Does this issuer vouch for this token?
//!
//! One configured issuer with its keys. jsonwebtoken checks the signature and, as a second net, the
//! claims; [`claims`] is stricter. Neither reads a clock: time is a value.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Validation;
use jsonwebtoken::errors::{Error, ErrorKind};
use ring::digest::Context;

use crate::config::Mistakes;
use crate::config::file::{self, Algorithm, KeySource};
use crate::denial::TokenFlaw;
use crate::pipeline::identity::claims::{self, Claims, Expected};
use crate::pipeline::identity::header::{Header, reduced};
use crate::pipeline::identity::keys::{Key, KeySet};
use crate::pipeline::identity::members::Members;
use crate::pipeline::identity::published::{Published, Source};

/// Clocks on NTP differ by far less; more would keep expired tokens alive.
const MOST_CLOCK_SKEW: Duration = Duration::from_secs(60);

/// `typ` of tokens that keep to the profile of RFC 9068 (section 2.1), reduced.
const PROFILED: &str = "at+jwt";

/// An issuer, ready to verify.
#[derive(Debug)]
pub struct Issuer {
    /// Name in the configuration.
    pub name: Arc<str>,
    /// The exact `iss`.
    pub issuer: String,
    /// Values of `acr` that its settings call strong, separated by spaces.
    pub strong_acr: Arc<str>,
    token_type: String,
    expected: Expected,
    validations: BTreeMap<Algorithm, Validation>,
    keys: Keys,
}

/// What a revocation has to know of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The exact `iss`.
    pub issuer: String,
    /// The longest that a token counts after it was issued.
    pub longest: Duration,
    /// Tolerated clock difference.
    pub clock_skew: Duration,
}

impl Terms {
    /// Of an issuer whose claims must say this.
    pub(super) fn of(expected: &Expected) -> Self {
        let clock_skew = expected.clock_skew;
        Self {
            issuer: expected.issuer.clone(),
            longest: expected.max_lifetime.saturating_add(clock_skew),
            clock_skew,
        }
    }
}

/// The keys of an issuer.
#[derive(Debug, Clone)]
pub enum Keys {
    /// Those of a file: as long as the issuer's settings.
    Fixed(Arc<KeySet>),
    /// Those that it published last.
    Published(Arc<Published>),
}

impl Keys {
    fn load(name: &str, settings: &file::Issuer) -> Result<Self, (&'static str, String)> {
        match (settings.key_source(), Source::of(name, settings)) {
            (Some(KeySource::File(file)), _) => KeySet::load(file, &settings.algorithms)
                .map(|keys| Self::Fixed(Arc::new(keys)))
                .map_err(|message| ("jwks_file", message)),
            (_, Some(source)) => Ok(Self::Published(Arc::new(Published::new(source)))),
            (_, None) => {
                let message = "or `jwks_url` or `discovery = true` with `fetch`: wants one of them";
                Err(("jwks_file", message.to_owned()))
            }
        }
    }

    fn at(&self, now: Duration) -> Result<Arc<KeySet>, TokenFlaw> {
        match self {
            Self::Fixed(keys) => Ok(Arc::clone(keys)),
            Self::Published(published) => published.keys(now),
        }
    }

    /// A token may be signed by a key that isn't known yet: by its id, or by the same id as another one.
    fn want(&self) {
        match self {
            Self::Fixed(_) => {}
            Self::Published(published) => published.want(),
        }
    }

    /// Whether a key that verified before still counts at `now`.
    pub fn still_hold(&self, key: &Arc<Key>, now: Duration) -> bool {
        match self {
            Self::Fixed(_) => true,
            Self::Published(published) => published.holds(key, now),
        }
    }
}

impl Issuer {
    /// Checks an issuer's settings and reads its keys; every mistake is added.
    pub fn load(name: &str, settings: &file::Issuer, mistakes: &mut Mistakes) -> Option<Self> {
        let before = mistakes.iter().count();
        check(name, settings, mistakes);
        let keys = Keys::load(name, settings)
            .map_err(|(key, message)| mistakes.add(format!("issuers.{name}.{key}"), message))
            .ok()?;
        if mistakes.iter().count() > before {
            return None;
        }
        Some(Self {
            name: Arc::from(name),
            issuer: settings.issuer.clone(),
            strong_acr: Arc::from(settings.strong_acr.join(" ")),
            token_type: reduced(&settings.token_type),
            expected: expected(settings),
            validations: validations(settings),
            keys,
        })
    }

    /// What a revocation has to know.
    pub fn terms(&self) -> Terms {
        Terms::of(&self.expected)
    }

    /// The claims of a token, verified at time `now`, and the key that did. `header` and `payload` are
    /// the token's own, not yet believed.
    pub fn verify(
        &self,
        token: &str,
        (header, payload): (&Header, &Members),
        now: Duration,
    ) -> Result<(Claims, Arc<Key>), TokenFlaw> {
        if header.token_type.as_ref() != Some(&self.token_type) {
            return Err(TokenFlaw::WrongType);
        }
        let algorithm = header.algorithm.ok_or(TokenFlaw::WrongAlgorithm)?;
        let validation = self
            .validations
            .get(&algorithm)
            .ok_or(TokenFlaw::WrongAlgorithm)?;
        let keys = self.keys.at(now)?;
        let key = keys.choose(header.key_id.as_deref(), algorithm);
        let verified = key.and_then(|key| {
            let verified = jsonwebtoken::decode::<Members>(token, &key.decoding, validation);
            let verified = verified.map_err(|error| flaw(&error, payload))?;
            Ok((verified, key))
        });
        if let Err(TokenFlaw::UnknownKey | TokenFlaw::BadSignature) = &verified {
            self.keys.want();
        }
        let (verified, key) = verified?;
        let claims = claims::read(&verified.claims, &self.expected, now)?;
        Ok((claims, Arc::clone(key)))
    }

    /// Its keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Goes on with the keys that were published for the same source.
    pub fn inherit(&mut self, older: &Arc<Published>) {
        if let Keys::Published(published) = &mut self.keys
            && published.source() == older.source()
        {
            *published = Arc::clone(older);
        }
    }

    /// Adds all that a verification depends on to a digest; of keys that come and go, where they are
    /// from.
    pub fn feed(&self, digest: &mut Context) {
        let skew = self.expected.clock_skew.as_millis().to_string();
        let max_lifetime = self.expected.max_lifetime.as_millis().to_string();
        let principal = format!("{:?}", self.expected.principal);
        let fleet_claim = self.expected.fleet_claim.as_deref().unwrap_or_default();
        let tenant_claim = self.expected.tenant_claim.as_deref().unwrap_or_default();
        let roles_claim = self.expected.roles_claim.as_deref().unwrap_or_default();
        let (issuer, token_type) = (self.issuer.as_str(), self.token_type.as_str());
        for text in [
            &*self.name,
            issuer,
            &principal,
            token_type,
            fleet_claim,
            tenant_claim,
            roles_claim,
            &*self.strong_acr,
            &skew,
            &max_lifetime,
        ] {
            feed(digest, text.as_bytes());
        }
        feed_all(digest, self.expected.audiences.iter().map(String::as_bytes));
        feed(digest, format!("{:?}", self.validations.keys()).as_bytes());
        let keys = match &self.keys {
            Keys::Fixed(keys) => keys,
            Keys::Published(published) => {
                return feed(digest, format!("{:?}", published.source()).as_bytes());
            }
        };
        for key in keys.iter() {
            feed(digest, key.id.as_deref().unwrap_or_default().as_bytes());
            feed(digest, format!("{:?}", key.algorithms).as_bytes());
            feed(digest, &key.material);
        }
    }
}

/// What the claims of an issuer must say.
pub(super) fn expected(settings: &file::Issuer) -> Expected {
    Expected {
        issuer: settings.issuer.clone(),
        audiences: settings.audiences.clone(),
        principal: settings.principal.clone(),
        fleet_claim: settings.fleet_claim.clone(),
        tenant_claim: settings.tenant_claim.clone(),
        roles_claim: settings.roles_claim.clone(),
        strong_acr: settings.strong_acr.clone(),
        max_lifetime: settings.max_lifetime.get(),
        // what RFC 9068 requires is required of JWTs
        profiled: settings.introspection.is_none() && reduced(&settings.token_type) == PROFILED,
        clock_skew: settings.clock_skew.get(),
    }
}

/// Adds a part so that no two lists of parts look alike.
pub(super) fn feed(digest: &mut Context, part: &[u8]) {
    digest.update(part.len().to_string().as_bytes());
    digest.update(b":");
    digest.update(part);
}

fn feed_all<'a>(digest: &mut Context, parts: impl ExactSizeIterator<Item = &'a [u8]>) {
    feed(digest, parts.len().to_string().as_bytes());
    parts.for_each(|part| feed(digest, part));
}

pub(super) fn check(name: &str, settings: &file::Issuer, mistakes: &mut Mistakes) {
    let mut wrong = |key: &str, message: &str| {
        mistakes.add(format!("issuers.{name}.{key}"), message);
    };
    if settings.issuer.is_empty() {
        wrong(
            "issuer",
            "wants the exact `iss` of the tokens, not an empty string",
        );
    }
    if settings.audiences.is_empty() || settings.audiences.iter().any(String::is_empty) {
        wrong(
            "audiences",
            "wants at least one audience, none of them empty",
        );
    }
    if settings.algorithms.is_empty() && settings.introspection.is_none() {
        wrong(
            "algorithms",
            "wants at least one of ES256, RS256, PS256, EdDSA",
        );
    }
    if settings.token_type.trim().is_empty() {
        wrong(
            "token_type",
            "wants the `typ` of the tokens, such as `at+jwt`",
        );
    }
    for (key, claim) in [
        ("fleet_claim", &settings.fleet_claim),
        ("tenant_claim", &settings.tenant_claim),
        ("roles_claim", &settings.roles_claim),
    ] {
        if claim.as_ref().is_some_and(String::is_empty) {
            wrong(key, "wants the name of a claim, not an empty string");
        }
    }
    // They stand in a quoted string of a challenge, with spaces between them.
    let plain = |acr: &String| {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        !acr.is_empty() && acr.bytes().all(plain)
    };
    if !settings.strong_acr.iter().all(plain) {
        wrong(
            "strong_acr",
            "wants values of `acr` without spaces, quotes and backslashes",
        );
    }
    if settings.clock_skew.get() > MOST_CLOCK_SKEW {
        wrong("clock_skew", "may be `60s` at most");
    }
}

/// What jsonwebtoken checks, one for each algorithm, so that a token's `alg` never chooses.
fn validations(settings: &file::Issuer) -> BTreeMap<Algorithm, Validation> {
    let one = |algorithm: &Algorithm| {
        let mut validation = Validation::new(match algorithm {
            Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
            Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
            Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
            Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        });
        validation.set_issuer(&[&settings.issuer]);
        validation.set_audience(&settings.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.validate_exp = false; // it would read the clock; `claims` checks it by value
        (*algorithm, validation)
    };
    let algorithms: &BTreeSet<Algorithm> = &settings.algorithms;
    algorithms.iter().map(one).collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "jsonwebtoken's list is open; whatever else it says is a refusal too"
)]
fn flaw(error: &Error, payload: &Members) -> TokenFlaw {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenFlaw::BadSignature,
        ErrorKind::InvalidAlgorithm
        | ErrorKind::UnsupportedAlgorithm
        | ErrorKind::InvalidKeyFormat => TokenFlaw::WrongAlgorithm,
        ErrorKind::InvalidIssuer => TokenFlaw::UnknownIssuer,
        ErrorKind::InvalidAudience => TokenFlaw::WrongAudience,
        ErrorKind::MissingRequiredClaim(name) if payload.has(name) => TokenFlaw::ClaimMalformed,
        // Both parts were read before, so this is a claim of a type that jsonwebtoken can't skip.
        ErrorKind::Json(_) => TokenFlaw::ClaimMalformed,
        ErrorKind::MissingRequiredClaim(_) => TokenFlaw::ClaimMissing,
        _ => TokenFlaw::Malformed,
    }
}
