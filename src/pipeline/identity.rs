//! Who asks?
//!
//! An access token or a client's certificate becomes a verified principal, or nobody: a token of whoever bears
//! it (RFC 6750, 2.1), or one that is bound to a key, with a proof of that key (RFC 9449, 7.1), or to a
//! certificate (RFC 8705, 3). The one home of jsonwebtoken.

pub mod jws;
pub mod once;
pub mod members;
pub mod header;
pub mod keys;
pub mod published;
pub mod credential;
pub mod claims;
pub mod issuer;
pub mod introspected;
pub mod sign_in;
pub mod certificate;
mod certificate_marks;
mod certificate_material;
mod certificate_name;
pub mod authorities;
mod method;
mod presented;
pub mod dpop;

#[cfg(test)]
pub(crate) mod minting;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use ring::digest::{Context, SHA256};
use ring::hmac::{self, HMAC_SHA256};
use ring::rand::SystemRandom;
use serde_json::Value;

use crate::config::file::BoundTokens;
use crate::config::{Mistakes, file};
use crate::denial::{Denial, TokenFlaw};
use crate::digest::{self, whole};
use crate::pipeline::identity::authorities::CertificateIssuers;
use crate::pipeline::identity::claims::{Claims, Lifetime};
use crate::pipeline::identity::credential::Confirmation;
use crate::pipeline::identity::dpop::Proof;
use crate::pipeline::identity::header::Header;
use crate::pipeline::identity::introspected::Introspecting;
use crate::pipeline::identity::issuer::{Issuer, Keys, Terms};
use crate::pipeline::identity::keys::Key;
use crate::pipeline::identity::members::Members;
use crate::pipeline::identity::method::Method;
use crate::pipeline::identity::presented::check_places;
pub use crate::pipeline::identity::presented::{Scheme, presented};
use crate::pipeline::identity::published::Published;
use crate::pipeline::identity::sign_in::SignIn;
use crate::pipeline::parameters::{JudgedBody, fold_alike};
use crate::pipeline::route::Surface;
use crate::pipeline::{Principal, RequestHead};

/// Stands for issuer name and subject in records.
pub type Pseudonym = Arc<dyn Fn(&str, &str) -> String + Send + Sync>;

/// The configured issuers with their keys, and the cache of verified tokens. Made anew at a
/// reload, so that no verification outlives the issuer's configuration; keys that are fetched are
/// handed on.
pub struct Issuers {
    by_issuer: HashMap<String, Issuer>,
    /// Those that are asked, by name.
    introspecting: BTreeMap<Arc<str>, Introspecting>,
    certificates: CertificateIssuers,
    pseudonym: Pseudonym,
    cache: Cache<[u8; 32], Arc<Verified>>,
    cache_key: hmac::Key,
    fingerprint: [u8; 32],
}

/// What is remembered of a verified token. It is had without touching what all tokens of an issuer
/// share, so that threads don't wait for each other.
struct Verified {
    principal: Arc<Principal>,
    lifetime: Lifetime,
    /// What verified it, and where that has to be found still.
    key: Arc<Key>,
    keys: Keys,
}

impl fmt::Debug for Issuers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.by_issuer.values().map(|issuer| &issuer.name);
        let names = names.chain(self.introspecting.keys());
        out.debug_set().entries(names).finish()
    }
}

impl Issuers {
    /// Checks the settings of all issuers and reads their keys. Mistakes are placed at
    /// `issuers.NAME.KEY`; what has any is not to be used. At most `token_cache` verified tokens
    /// are remembered.
    pub fn load(
        issuers: &BTreeMap<String, file::Issuer>,
        token_cache: u32,
        pseudonym: Pseudonym,
        mistakes: &mut Mistakes,
    ) -> Self {
        jws::install();
        let mut by_issuer: HashMap<String, Issuer> = HashMap::new();
        let mut digest = Context::new(&SHA256);
        let mut introspecting = BTreeMap::new();
        let mut names: HashMap<&str, &str> = HashMap::new();
        for (name, settings) in issuers {
            if let Some(other) = names.insert(&settings.issuer, name) {
                let message = format!("is the `iss` of `issuers.{other}` already");
                mistakes.add(format!("issuers.{name}.issuer"), message);
                continue;
            }
            if let Some(asked) = &settings.introspection {
                let asked = Introspecting::load(name, (settings, asked), token_cache, mistakes);
                if let Some(asked) = asked {
                    asked.feed(&mut digest);
                    introspecting.insert(Arc::from(name.as_str()), asked);
                }
            } else if let Some(issuer) = Issuer::load(name, settings, mistakes) {
                issuer.feed(&mut digest);
                by_issuer.insert(issuer.issuer.clone(), issuer);
            }
        }
        let cache_key = hmac::Key::generate(HMAC_SHA256, &SystemRandom::new());
        let cache_key = cache_key.unwrap_or_else(|_| {
            mistakes.add("issuers", "the system gives no random numbers");
            hmac::Key::new(HMAC_SHA256, &[]) // never used: there is a mistake
        });
        Self {
            by_issuer,
            introspecting,
            certificates: CertificateIssuers::default(),
            pseudonym,
            cache: Cache::new(usize::try_from(token_cache).unwrap_or(usize::MAX)),
            cache_key,
            fingerprint: whole(digest.finish().as_ref()),
        }
    }

    /// The same, and these vouch for certificates.
    #[must_use]
    pub fn with_certificates(self, certificates: CertificateIssuers) -> Self {
        let parts = [self.fingerprint, certificates.fingerprint()];
        Self {
            fingerprint: digest::sha256_of_parts(parts.iter().map(<[u8; 32]>::as_slice)),
            certificates,
            ..self
        }
    }

    /// Who vouches for certificates.
    pub fn certificates(&self) -> &CertificateIssuers {
        &self.certificates
    }

    /// SHA-256 of all settings, and keys, authorities and revocation lists of files, that a verification
    /// depends on, for the rules' revision.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// What a revocation has to know of each issuer, of tokens and of certificates, by its name in the
    /// configuration.
    pub fn terms(&self) -> BTreeMap<String, Terms> {
        let issuers = self.by_issuer.values();
        let issuers = issuers.map(|issuer| (issuer.name.to_string(), issuer.terms()));
        let asked = self.introspecting.iter();
        let asked = asked.map(|(name, asked)| (name.to_string(), asked.terms()));
        issuers
            .chain(asked)
            .chain(self.certificates.terms())
            .collect()
    }

    /// The keys that are fetched, of each issuer whose are.
    pub fn published(&self) -> impl Iterator<Item = &Arc<Published>> {
        self.by_issuer
            .values()
            .filter_map(|issuer| match issuer.keys() {
                Keys::Fixed(_) => None,
                Keys::Published(published) => Some(published),
            })
    }

    /// Goes on with what `older` knows of sources that are the same.
    pub fn inherit(&mut self, older: &Self) {
        for published in older.published() {
            if let Some(issuer) = self.by_issuer.get_mut(&published.source().issuer) {
                issuer.inherit(published);
            }
        }
        self.inherit_answers(older);
    }

    /// Whether a key of this issuer, as the configuration names it, may be gone that counted at `then`
    /// or later.
    pub fn withdrew_since(&self, issuer: &str, then: Instant) -> bool {
        self.published()
            .any(|published| *published.source().name == *issuer && published.withdrew_since(then))
    }

    /// The principal of a token on a surface at time `now`.
    fn verify(
        &self,
        surface: &Surface,
        token: &str,
        now: Duration,
    ) -> Result<Arc<Principal>, TokenFlaw> {
        // INVARIANT: the cache holds only what `examine` verified, under a hash that nobody else
        // can compute; time, surface and whether its key still counts are judged on every request.
        let digest = whole(hmac::sign(&self.cache_key, token.as_bytes()).as_ref());
        if let Some(known) = self.cache.get(&digest) {
            check_surface(surface, &known.principal.issuer)?;
            known.lifetime.check(now)?;
            if known.keys.still_hold(&known.key, now) {
                return Ok(Arc::clone(&known.principal));
            }
        }
        let (issuer, claims, key) = self.examine(surface, token, now)?;
        let lifetime = claims.lifetime;
        let whose = (&issuer.name, &issuer.strong_acr);
        let principal = Arc::new(self.principal(whose, claims));
        let verified = Verified {
            principal: Arc::clone(&principal),
            lifetime,
            key,
            keys: issuer.keys().clone(),
        };
        self.cache.insert(digest, Arc::new(verified));
        Ok(principal)
    }

    /// The whole verification, from the token's text.
    fn examine(
        &self,
        surface: &Surface,
        token: &str,
        now: Duration,
    ) -> Result<(&Issuer, Claims, Arc<Key>), TokenFlaw> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFlaw::Malformed);
        };
        let header = Header::read(header)?;
        let payload = Members::read(payload).ok_or(TokenFlaw::Malformed)?;
        // Unverified, so good for nothing but the choice of keys.
        let issuer = match payload.get("iss") {
            Some(Value::String(issuer)) => self.by_issuer.get(issuer),
            Some(_) => return Err(TokenFlaw::ClaimMalformed),
            None => return Err(TokenFlaw::ClaimMissing),
        };
        let issuer = issuer.ok_or(TokenFlaw::UnknownIssuer)?;
        check_surface(surface, &issuer.name)?;
        let (claims, key) = issuer.verify(token, (&header, &payload), now)?;
        Ok((issuer, claims, key))
    }

    fn principal(&self, (name, strong_acr): (&Arc<str>, &Arc<str>), claims: Claims) -> Principal {
        Principal {
            kind: claims.kind,
            issuer: Arc::clone(name),
            pseudonym: (self.pseudonym)(name, &claims.subject),
            subject: claims.subject,
            client: claims.client,
            scopes: claims.scopes,
            fleet: claims.fleet,
            tenant: claims.tenant,
            roles: claims.roles,
            sign_in: SignIn {
                strong: claims.strong,
                at: claims.signed_in_at,
                strong_acr: Arc::clone(strong_acr),
            },
            credential: claims.credential,
        }
    }
}

/// An issuer counts only on the surfaces that name it.
fn check_surface(surface: &Surface, issuer: &str) -> Result<(), TokenFlaw> {
    if surface.issuers.iter().any(|name| &**name == issuer) {
        Ok(())
    } else {
        Err(TokenFlaw::UnknownIssuer)
    }
}

/// Whether a query, a form or the cookies carry a token. None of them is offered here (RFC 6750, 2.2 and
/// 2.3), and who sends a second token would be somebody else for a server that reads it there.
fn carries_token<N: AsRef<str>>(mut names: impl Iterator<Item = N>) -> bool {
    names.any(|name| fold_alike(name.as_ref(), "access_token"))
}

/// Who asks, and how they proved that their token is theirs.
#[derive(Debug)]
pub struct Identified {
    /// The verified principal.
    pub principal: Arc<Principal>,
    /// The proof that came with it; it counts if it was not used before.
    pub proof: Option<Proof>,
}

impl Identified {
    fn without_proof(principal: Arc<Principal>) -> Self {
        Self {
            principal,
            proof: None,
        }
    }
}

/// Who asks on a surface, where no issuer has to be asked about their token.
pub fn identify(
    by: (&Issuers, Option<&dpop::Terms>),
    surface: &Surface,
    head: &RequestHead,
) -> Result<Identified, Denial> {
    identify_as(by, surface, head, None)
}

/// Who asks on a surface, at `head.received_at`: by their token where there is one, by their certificate where
/// there is none, each where the surface goes by it. Without terms for proofs, no token is taken that needs
/// one. `introspected` is whom an issuer says that the token is of, where it had to be asked.
pub fn identify_as(
    (issuers, terms): (&Issuers, Option<&dpop::Terms>),
    surface: &Surface,
    head: &RequestHead,
    introspected: Option<Arc<Principal>>,
) -> Result<Identified, Denial> {
    check_places(head)?;
    if method::choose(surface, head)? == Method::Certificate {
        let principal = method::by_certificate(&issuers.certificates, surface, head);
        return principal
            .map(Identified::without_proof)
            .map_err(Denial::TokenInvalid);
    }
    let (scheme, token) = presented(&head.headers)?;
    let principal = match introspected {
        Some(principal) => Ok(principal),
        None => issuers.verify(surface, token, head.received_at),
    };
    let principal = principal
        .and_then(|found| method::check_certificate(&issuers.certificates, found, surface, head))
        .map_err(Denial::TokenInvalid)?;
    let confirmation = &principal.credential.confirmation;
    let proof = prove(confirmation, terms, head, (scheme, token)).map_err(Denial::TokenInvalid)?;
    if surface.bound_tokens == BoundTokens::Required && !confirmation.is_asked() {
        return Err(Denial::TokenInvalid(TokenFlaw::NotBound));
    }
    Ok(Identified { principal, proof })
}

/// That the sender holds the key that a token asks for: a request's proof is its own, however well its
/// token is known. A proof beside a token that asks for none says nothing, and is not read.
fn prove(
    asked: &Confirmation,
    terms: Option<&dpop::Terms>,
    head: &RequestHead,
    (scheme, token): (Scheme, &str),
) -> Result<Option<Proof>, TokenFlaw> {
    match (asked.key, scheme) {
        (None, Scheme::Bearer) => Ok(None),
        (None, Scheme::Dpop) => Err(TokenFlaw::UnboundAsDpop),
        (Some(key), scheme) => {
            let terms = terms.ok_or(TokenFlaw::ProofMissing)?;
            match scheme {
                Scheme::Bearer => Err(TokenFlaw::BoundAsBearer), // RFC 9449, 7.2
                Scheme::Dpop => dpop::prove(terms, head, token, key).map(Some),
            }
        }
    }
}

/// Refuses a form that carries a token, of a request whose principal is known by another.
pub fn check_form(body: &JudgedBody) -> Result<(), Denial> {
    match body {
        JudgedBody::Form(form) if carries_token(form.iter().map(|(name, _)| name)) => {
            Err(Denial::TokenInvalid(TokenFlaw::InForm))
        }
        JudgedBody::Form(_) | JudgedBody::Empty | JudgedBody::Json(_) => Ok(()),
    }
}
