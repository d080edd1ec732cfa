//! Does an issuer say that a token counts, and of whom?
//!
//! Opaque tokens (RFC 7662). What comes back is judged as strictly as the claims of a JWT. A token that
//! looks like a JWT is one, wherever JWTs count: those that are made up cost an issuer nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use ring::digest::Context;
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;
use serde_json::Value;

use crate::config::Mistakes;
use crate::config::file::{self, Introspection, StatedAudience};
use crate::denial::{Denial, Dependency, TokenFlaw};
use crate::digest::whole;
use crate::pipeline::identity::Issuers;
use crate::pipeline::identity::claims::{self, Claims, Expected, Lifetime};
use crate::pipeline::identity::issuer::{self, Terms, feed};
use crate::pipeline::identity::members::{Members, decode};
use crate::pipeline::identity::method::{self, Method};
use crate::pipeline::identity::presented::{check_places, presented};
use crate::pipeline::route::Surface;
use crate::pipeline::{Principal, RequestHead};

/// Tokens that don't count and are remembered, some 10 MB: made-up ones push out each other.
const REFUSED: usize = 100_000;

/// Which issuer is asked, and how. Equal ones are asked alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The issuer's name in the configuration.
    pub name: Arc<str>,
    /// The exact `iss`.
    pub issuer: String,
    /// How it is asked.
    pub asked: Introspection,
}

/// An issuer that is asked about its tokens, and what it said lately.
pub(super) struct Introspecting {
    source: Source,
    strong_acr: Arc<str>,
    expected: Expected,
    /// Outlives a reload that leaves the issuer as it is.
    known: Arc<Known>,
    /// Doesn't: who was let in meanwhile is asked about again.
    refused: Cache<[u8; 32], Refused>,
}

/// Tokens that count.
struct Known {
    key: hmac::Key,
    tokens: Cache<[u8; 32], Arc<Said>>,
}

/// What an issuer said of a token that counts.
struct Said {
    principal: Arc<Principal>,
    lifetime: Lifetime,
    /// Between these it isn't asked again, since the Unix epoch.
    from: Duration,
    until: Duration,
}

/// Why a token doesn't count, and until when the issuer isn't asked again.
#[derive(Clone, Copy)]
struct Refused {
    flaw: TokenFlaw,
    until: Duration,
}

/// What is known of the token of a request.
#[derive(Debug)]
pub enum Opaque<'a> {
    /// There is none, or it is to be verified by itself.
    No,
    /// What its issuer said a moment ago.
    Known(Result<Arc<Principal>, TokenFlaw>),
    /// Its issuer has to be asked.
    Unknown(Question<'a>),
}

/// A token that an issuer has to be asked about.
pub struct Question<'a> {
    issuers: &'a Issuers,
    of: &'a Introspecting,
    token: &'a str,
    digest: [u8; 32],
    now: Duration,
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Question({})", self.of.source.name)
    }
}

impl Introspecting {
    /// Checks an issuer's settings; every mistake is added. At most `tokens` that count are remembered.
    pub(super) fn load(
        name: &str,
        (settings, asked): (&file::Issuer, &Introspection),
        tokens: u32,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let before = mistakes.iter().count();
        issuer::check(name, settings, mistakes);
        let key = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| mistakes.add("issuers", "the system gives no random numbers"));
        let tokens = usize::try_from(tokens).unwrap_or(usize::MAX);
        let known = Known {
            key: key.ok()?,
            tokens: Cache::new(tokens),
        };
        (mistakes.iter().count() == before).then(|| Self {
            source: Source {
                name: Arc::from(name),
                issuer: settings.issuer.clone(),
                asked: asked.clone(),
            },
            strong_acr: Arc::from(settings.strong_acr.join(" ")),
            expected: issuer::expected(settings),
            known: Arc::new(known),
            refused: Cache::new(REFUSED),
        })
    }

    /// What a revocation has to know.
    pub(super) fn terms(&self) -> Terms {
        Terms::of(&self.expected)
    }

    /// Adds all that a judgement depends on to a digest.
    pub(super) fn feed(&self, digest: &mut Context) {
        feed(digest, b"introspection");
        feed(digest, format!("{:?}", self.source).as_bytes());
        feed(digest, format!("{:?}", self.expected).as_bytes());
    }

    /// What was said of a token lately.
    fn remembered(
        &self,
        digest: &[u8; 32],
        now: Duration,
    ) -> Option<Result<Arc<Principal>, TokenFlaw>> {
        if let Some(said) = self.known.tokens.get(digest)
            && said.from <= now
            && now < said.until
        {
            let counts = said.lifetime.check(now);
            return Some(counts.map(|()| Arc::clone(&said.principal)));
        }
        let refused = self.refused.get(digest)?;
        let cached = self.source.asked.negative_cache.get();
        // a clock that was set back doesn't lock anybody out
        let is_recent = now < refused.until && refused.until <= now.saturating_add(cached);
        is_recent.then_some(Err(refused.flaw))
    }

    /// The claims in an answer.
    ///
    /// # Errors
    /// `DependencyUnavailable` where it is no answer; `TokenInvalid` where the token doesn't count.
    fn read(&self, answer: &[u8], now: Duration) -> Result<Claims, Denial> {
        let unreadable = Denial::DependencyUnavailable(Dependency::Introspection);
        let Some(members) = Members::parse(answer) else {
            return Err(unreadable);
        };
        match members.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Err(Denial::TokenInvalid(TokenFlaw::Inactive)),
            _ => return Err(unreadable),
        }
        self.judge(&members, now).map_err(Denial::TokenInvalid)
    }

    fn judge(&self, members: &Members, now: Duration) -> Result<Claims, TokenFlaw> {
        let stated = claims::text(members, "iss")?;
        if stated.is_some_and(|stated| stated != self.expected.issuer) {
            return Err(TokenFlaw::UnknownIssuer);
        }
        let given = self.source.asked.audience;
        if given == StatedAudience::Required || members.has("aud") {
            claims::check_audience(members, &self.expected.audiences)?;
        }
        let must_prove_key = check_kind(members, given)?;
        let claims = claims::read_of_issuer(members, &self.expected, now)?;
        if must_prove_key && claims.credential.confirmation.key.is_none() {
            return Err(TokenFlaw::ClaimMissing);
        }
        Ok(claims)
    }
}

/// Whether it is an access token, as far as that is said, and one that names a key (RFC 9449, 6.2). An
/// issuer may say of its refresh tokens too that they are active: those have no `token_type`, or no `aud`.
fn check_kind(members: &Members, audience: StatedAudience) -> Result<bool, TokenFlaw> {
    let is = |stated: &str, kind: &str| stated.eq_ignore_ascii_case(kind);
    // a claim of JWTs that some issuers pass on
    if let Some(stated) = claims::text(members, "typ")?
        && !["Bearer", "DPoP", "at+jwt"]
            .iter()
            .any(|kind| is(stated, kind))
    {
        return Err(TokenFlaw::WrongType);
    }
    match claims::text(members, "token_type")? {
        Some(stated) if is(stated, "DPoP") => Ok(true),
        Some(stated) if is(stated, "Bearer") => Ok(false),
        Some(_) => Err(TokenFlaw::WrongType),
        None if audience == StatedAudience::NotGiven => Err(TokenFlaw::ClaimMissing),
        None => Ok(false),
    }
}

impl<'a> Question<'a> {
    /// Whom to ask.
    pub fn source(&self) -> &'a Source {
        &self.of.source
    }

    /// About what.
    pub fn token(&self) -> &'a str {
        self.token
    }

    /// What comes of an answer; it is remembered.
    ///
    /// # Errors
    /// `DependencyUnavailable` where it is no answer; `TokenInvalid` where the token doesn't count.
    pub fn judge(self, answer: &[u8]) -> Result<Arc<Principal>, Denial> {
        let Self {
            of, now, digest, ..
        } = self;
        let claims = match of.read(answer, now) {
            Ok(claims) => claims,
            Err(denial) => {
                if let Denial::TokenInvalid(flaw) = denial {
                    of.known.tokens.remove(&digest);
                    let until = now.saturating_add(of.source.asked.negative_cache.get());
                    of.refused.insert(digest, Refused { flaw, until });
                }
                return Err(denial);
            }
        };
        let lifetime = claims.lifetime;
        let whose = (&of.source.name, &of.strong_acr);
        let most = now.saturating_add(of.source.asked.max_cache.get());
        // INVARIANT: what an issuer said never counts beyond `exp`, whatever clocks are tolerated: from
        // then on it is asked.
        let until = claims.credential.expires_at.min(most);
        let principal = Arc::new(self.issuers.principal(whose, claims));
        let said = Said {
            principal: Arc::clone(&principal),
            lifetime,
            from: now.saturating_sub(of.expected.clock_skew), // requests overtake each other
            until,
        };
        of.known.tokens.insert(digest, Arc::new(said));
        Ok(principal)
    }
}

impl Issuers {
    /// The issuers that are asked.
    pub fn introspected(&self) -> impl Iterator<Item = &Source> {
        self.introspecting.values().map(|asked| &asked.source)
    }

    /// For how long an issuer's word counts, as the configuration names it; `None` where its tokens speak
    /// for themselves.
    pub fn word_of(&self, issuer: &str) -> Option<Duration> {
        let asked = self.introspecting.get(issuer)?;
        Some(asked.source.asked.max_cache.get())
    }

    /// What is known of the token of a request, where an issuer says whose it is and not the token.
    pub fn opaque<'a>(&'a self, surface: &Surface, head: &'a RequestHead) -> Opaque<'a> {
        let mut named = surface.issuers.iter();
        let Some(of) = named.find_map(|name| self.introspecting.get(name)) else {
            return Opaque::No;
        };
        let by_token = check_places(head).and_then(|()| method::choose(surface, head));
        let (Ok(Method::Token), Ok((_, token))) = (by_token, presented(&head.headers)) else {
            return Opaque::No; // refused, whosever it is, or nobody's
        };
        let count_jwts = |name: &Arc<str>| !self.introspecting.contains_key(name);
        if surface.issuers.iter().any(count_jwts) && is_jwt(token) {
            return Opaque::No;
        }
        let digest = whole(hmac::sign(&of.known.key, token.as_bytes()).as_ref());
        let now = head.received_at;
        match of.remembered(&digest, now) {
            Some(known) => Opaque::Known(known),
            None => Opaque::Unknown(Question {
                issuers: self,
                of,
                token,
                digest,
                now,
            }),
        }
    }

    /// Goes on with what issuers said that `older` asked and judged alike.
    pub(super) fn inherit_answers(&mut self, older: &Self) {
        for (name, asked) in &mut self.introspecting {
            let Some(before) = older.introspecting.get(name) else {
                continue;
            };
            let is_same = before.source == asked.source
                && before.expected == asked.expected
                && before.strong_acr == asked.strong_acr
                && (older.pseudonym)(name, "") == (self.pseudonym)(name, "");
            if is_same {
                asked.known = Arc::clone(&before.known);
            }
        }
    }
}

/// Whether a token has the form of a JWT (RFC 7519, 7.2), good or not.
fn is_jwt(token: &str) -> bool {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let object = |text: Vec<u8>| serde_json::from_slice::<Value>(&text).ok();
    let header = decode(header).and_then(object);
    header.is_some_and(|header| header.is_object())
        && [payload, signature]
            .into_iter()
            .all(|part| decode(part).is_some())
}

#[cfg(test)]
mod tests;
