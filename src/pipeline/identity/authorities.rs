//! Which authority vouches for a client's certificate, and whom does it name?
//!
//! Each authority counts for its own table alone: one of servers can't name a vehicle. The whole chain
//! is held against revocation lists where there are any, and what is on none, or on one that is too
//! old, doesn't count.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::CertificateError;
use rustls::pki_types::UnixTime;
use rustls::server::danger::ClientCertVerifier;

use crate::config::Mistakes;
use crate::config::file::{self, Presence, PrincipalKind};
use crate::denial::TokenFlaw;
use crate::digest;
use crate::pipeline::Principal;
use crate::pipeline::identity::Pseudonym;
use crate::pipeline::identity::certificate::{ClientCertificate, Vouched};
use crate::pipeline::identity::certificate_marks as marks;
use crate::pipeline::identity::certificate_material::Material;
use crate::pipeline::identity::certificate_name::Pattern;
use crate::pipeline::identity::credential::{Confirmation, Credential};
use crate::pipeline::identity::issuer::Terms;
use crate::pipeline::identity::sign_in::SignIn;

/// Who vouches for certificates, and by which listener they come in.
#[derive(Debug, Default)]
pub struct CertificateIssuers {
    by_listener: BTreeMap<Arc<str>, Asked>,
    fingerprint: [u8; 32],
}

/// What a listener asks its clients for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Any of them may vouch for a client.
    pub issuers: Vec<Arc<CertificateIssuer>>,
    /// Whether a client may come without.
    pub presence: Presence,
}

/// One table of the configuration, with its authorities and revocation lists.
pub struct CertificateIssuer {
    name: Arc<str>,
    verifier: Arc<dyn ClientCertVerifier>,
    /// When each of its revocation lists is too old, since the Unix epoch.
    next_updates: Vec<Duration>,
    principal: Option<Named>,
    pseudonym: Pseudonym,
}

impl fmt::Debug for CertificateIssuer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CertificateIssuer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Whom its certificates name.
struct Named {
    kind: PrincipalKind,
    pattern: Pattern,
    scopes: Vec<String>,
}

impl CertificateIssuers {
    /// What a revocation has to know of each table, by its name in the configuration.
    pub fn terms(&self) -> impl Iterator<Item = (String, Terms)> {
        let issuers = self.by_listener.values().flat_map(|asked| &asked.issuers);
        issuers.map(|issuer| (issuer.name.to_string(), marks::terms(&issuer.name)))
    }

    /// Reads the authorities and revocation lists of all tables. Mistakes are placed at
    /// `certificates.NAME.KEY`; what has any is not to be used.
    pub fn load(
        (tables, listeners): (
            &BTreeMap<String, file::CertificateIssuer>,
            &BTreeMap<String, file::Listener>,
        ),
        pseudonym: &Pseudonym,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut by_name = BTreeMap::new();
        let mut read = Vec::new();
        for (name, settings) in tables {
            match CertificateIssuer::load(name, settings, pseudonym, &mut read) {
                Ok(issuer) => drop(by_name.insert(name.as_str(), Arc::new(issuer))),
                Err((key, flaw)) => mistakes.add(format!("certificates.{name}.{key}"), flaw),
            }
        }
        let mut by_listener = BTreeMap::new();
        for (name, listener) in listeners {
            let tls = listener.tls.as_ref();
            let Some(wanted) = tls.and_then(|tls| tls.client_certificates.as_ref()) else {
                continue;
            };
            let accepted = wanted.accepted.iter();
            let asked = Asked {
                issuers: accepted
                    .filter_map(|name| by_name.get(name.as_str()).cloned())
                    .collect(),
                presence: wanted.presence,
            };
            by_listener.insert(Arc::from(name.as_str()), asked);
        }
        Self {
            by_listener,
            fingerprint: digest::sha256_of_parts(read.iter().map(Vec::as_slice)),
        }
    }

    /// SHA-256 of all authorities and revocation lists.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// What a listener asks its clients for; `None` where nothing.
    pub fn of_listener(&self, name: &str) -> Option<&Asked> {
        self.by_listener.get(name)
    }

    /// When the first of all revocation lists is too old, since the Unix epoch.
    pub fn next_update(&self) -> Option<Duration> {
        let asked = self.by_listener.values().flat_map(|asked| &asked.issuers);
        asked.flat_map(|issuer| &issuer.next_updates).min().copied()
    }

    /// Whom a certificate names that came in by a listener, if one of these tables vouches for it.
    ///
    /// # Errors
    /// None does, or two do: it would be read in two ways.
    pub fn identify(
        &self,
        (listener, tables): (&str, &[Arc<str>]),
        certificate: &ClientCertificate,
        now: Duration,
    ) -> Result<Arc<Principal>, TokenFlaw> {
        let mut found: Option<Arc<Principal>> = None;
        let mut flaw = TokenFlaw::CertificateUnknown;
        for issuer in self.asked(listener).filter(|it| tables.contains(&it.name)) {
            match issuer.judge(certificate, now).and_then(|it| it.named) {
                Ok(_) if found.is_some() => return Err(TokenFlaw::CertificateAmbiguous),
                Ok(principal) => found = Some(principal),
                Err(TokenFlaw::CertificateUnknown) => {} // another may know it
                Err(other) => flaw = other,
            }
        }
        found.ok_or(flaw)
    }

    /// Until when a certificate counts that came in by a listener, whomever it names.
    ///
    /// # Errors
    /// It doesn't.
    pub fn check(
        &self,
        listener: &str,
        certificate: &ClientCertificate,
        now: Duration,
    ) -> Result<Duration, TokenFlaw> {
        let mut flaw = TokenFlaw::CertificateUnknown;
        for issuer in self.asked(listener) {
            match issuer.judge(certificate, now) {
                Ok(vouched) => return Ok(vouched.until),
                Err(TokenFlaw::CertificateUnknown) => {}
                Err(other) => flaw = other,
            }
        }
        Err(flaw)
    }

    fn asked(&self, listener: &str) -> impl Iterator<Item = &Arc<CertificateIssuer>> {
        let asked = self.by_listener.get(listener);
        asked.into_iter().flat_map(|asked| &asked.issuers)
    }
}

impl CertificateIssuer {
    /// On failure also says which key is wrong. What was read is added to `read`.
    fn load(
        name: &str,
        settings: &file::CertificateIssuer,
        pseudonym: &Pseudonym,
        read: &mut Vec<Vec<u8>>,
    ) -> Result<Self, (&'static str, String)> {
        let material = Material::read(settings)?;
        read.push(name.as_bytes().to_vec());
        read.extend(material.authorities.iter().map(|der| der.to_vec()));
        read.extend(material.lists.iter().map(|der| der.to_vec()));
        material.check_covered()?;
        let next_updates = material.next_updates();
        let principal = settings.principal.as_ref().map(|principal| {
            let pattern = Pattern::read(principal.kind, &principal.name);
            let wrong = || ("principal.name", "is no pattern of a name".to_owned());
            Ok(Named {
                kind: principal.kind,
                pattern: pattern.ok_or_else(wrong)?,
                scopes: principal.scopes.clone(),
            })
        });
        Ok(Self {
            name: Arc::from(name),
            verifier: material.verifier()?,
            next_updates,
            principal: principal.transpose()?,
            pseudonym: Arc::clone(pseudonym),
        })
    }

    /// Checks chains against its authorities and revocation lists, for a handshake.
    pub fn verifier(&self) -> &Arc<dyn ClientCertVerifier> {
        &self.verifier
    }

    /// What it says of a certificate at `now`.
    fn judge(
        self: &Arc<Self>,
        certificate: &ClientCertificate,
        now: Duration,
    ) -> Result<Vouched, TokenFlaw> {
        certificate.verdict(self, now, || self.examine(certificate, now))
    }

    fn examine(
        &self,
        certificate: &ClientCertificate,
        now: Duration,
    ) -> Result<Vouched, TokenFlaw> {
        let [leaf, intermediates @ ..] = certificate.chain() else {
            return Err(TokenFlaw::CertificateMissing);
        };
        let time = UnixTime::since_unix_epoch(now);
        let verified = self.verifier.verify_client_cert(leaf, intermediates, time);
        verified.map_err(|error| flaw(&error))?;
        let lists = self.next_updates.iter().filter(|at| **at > now).min();
        let until = certificate.until(now);
        let until = lists.map_or(until, |at| until.min(*at));
        Ok(Vouched {
            named: self.name(certificate, until),
            until,
        })
    }

    /// The principal that it names.
    fn name(
        &self,
        certificate: &ClientCertificate,
        until: Duration,
    ) -> Result<Arc<Principal>, TokenFlaw> {
        let principal = self.principal.as_ref();
        let named = principal.ok_or(TokenFlaw::CertificateNameless)?;
        let written = certificate.names();
        let subject = (named.pattern).find(written.ok_or(TokenFlaw::CertificateNameless)?)?;
        let client = (named.kind == PrincipalKind::Client).then(|| subject.clone());
        let thumbprint = certificate.thumbprint();
        let who = (subject.as_str(), client.as_deref());
        let marks = marks::of(&self.name, who, &thumbprint);
        Ok(Arc::new(Principal {
            kind: named.kind,
            issuer: Arc::clone(&self.name),
            pseudonym: (self.pseudonym)(&self.name, &subject),
            subject,
            client,
            scopes: named.scopes.clone(),
            fleet: None,
            tenant: None,
            roles: Vec::new(),
            sign_in: SignIn::default(), // nobody signed in
            credential: Credential {
                issued_at: certificate.valid_from(),
                expires_at: until,
                confirmation: Confirmation {
                    key: None,
                    certificate: Some(thumbprint),
                },
                marks,
                ..Credential::default()
            },
        }))
    }
}

/// Why a chain doesn't count.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what isn't one of these is no chain that any authority here vouches for"
)]
fn flaw(error: &rustls::Error) -> TokenFlaw {
    let rustls::Error::InvalidCertificate(error) = error else {
        return TokenFlaw::CertificateUnknown;
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            TokenFlaw::CertificateExpired
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TokenFlaw::NotYetValid
        }
        CertificateError::Revoked => TokenFlaw::CertificateRevoked,
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => TokenFlaw::RevocationUnknown,
        _ => TokenFlaw::CertificateUnknown,
    }
}
