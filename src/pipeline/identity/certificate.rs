//! What does a client's certificate say?
//!
//! Read once a connection, after its handshake. Whether it counts is asked on every request: a
//! connection outlives a reload, and its certificate may be revoked by then, its authority gone, or it
//! expired. What the answer was is remembered with the connection, for as long as nothing changed.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::denial::TokenFlaw;
use crate::digest;
use crate::pipeline::Principal;
use crate::pipeline::identity::authorities::CertificateIssuer;

/// Verdicts that one connection remembers: one surface asks few tables, and most have one.
const MOST_VERDICTS: usize = 8;

/// The certificate that a client showed in its handshake, with the key to it.
pub struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    thumbprint: [u8; 32],
    names: Option<Names>,
    validity: Vec<Validity>,
    verdicts: Mutex<Vec<Verdict>>,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ClientCertificate(..)") // names a vehicle or a person: never in a log
    }
}

/// The names in a certificate (RFC 5280, 4.1.2.6 and 4.2.1.6).
#[derive(Default)]
pub(super) struct Names {
    pub(super) uris: Vec<String>,
    pub(super) dns: Vec<String>,
    pub(super) common: Vec<String>,
}

/// When one certificate of a chain counts, since the Unix epoch: from the first on, before the second.
#[derive(Clone, Copy)]
struct Validity {
    from: Duration,
    until: Duration,
}

impl Validity {
    fn holds(self, now: Duration) -> bool {
        (self.from..self.until).contains(&now)
    }
}

/// What somebody said who vouches for a certificate.
#[derive(Clone)]
pub(super) struct Vouched {
    /// Whom it names, or why nobody.
    pub(super) named: Result<Arc<Principal>, TokenFlaw>,
    /// Until when that holds, since the Unix epoch: nothing that it goes by expires before.
    pub(super) until: Duration,
}

/// A judgement, and since when it holds.
struct Verdict {
    /// Who gave it. One of former rules is another one.
    by: Weak<CertificateIssuer>,
    from: Duration,
    said: Result<Vouched, TokenFlaw>,
}

impl Verdict {
    fn is_of(&self, issuer: &Arc<CertificateIssuer>) -> bool {
        std::ptr::eq(self.by.as_ptr(), Arc::as_ptr(issuer))
    }

    /// A refusal holds for as long as who gave it.
    fn holds(&self, now: Duration) -> bool {
        let until = |vouched: &Vouched| (self.from..vouched.until).contains(&now);
        self.said.as_ref().map_or(true, until)
    }
}

impl ClientCertificate {
    /// From a chain as it was shown, leaf first.
    pub fn read(chain: &[CertificateDer<'_>]) -> Option<Self> {
        let leaf = chain.first()?;
        let validity = chain.iter().filter_map(|one| validity(one)).collect();
        Some(Self {
            thumbprint: digest::sha256(leaf),
            names: names(leaf),
            validity,
            chain: chain.iter().map(|one| one.clone().into_owned()).collect(),
            verdicts: Mutex::default(),
        })
    }

    /// SHA-256 of the certificate, DER (RFC 8705, 3.1).
    pub fn thumbprint(&self) -> [u8; 32] {
        self.thumbprint
    }

    /// Leaf first.
    pub(super) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// `None` where they can't be read, or could be read in two ways.
    pub(super) fn names(&self) -> Option<&Names> {
        self.names.as_ref()
    }

    /// Since when the leaf counts, since the Unix epoch.
    pub(super) fn valid_from(&self) -> Duration {
        self.validity.first().map_or(Duration::ZERO, |it| it.from)
    }

    /// Until when nothing of the chain that counts now expires.
    pub(super) fn until(&self, now: Duration) -> Duration {
        let counting = self.validity.iter().filter(|it| it.holds(now));
        counting.map(|it| it.until).min().unwrap_or(now)
    }

    /// What `issuer` says of it at `now`: what was said before, if that still holds, or else what
    /// `judge` says.
    ///
    /// INVARIANT: a verdict belongs to the one value that gave it, of one set of rules, and to the time
    /// in which nothing that it was given by expires.
    pub(super) fn verdict(
        &self,
        issuer: &Arc<CertificateIssuer>,
        now: Duration,
        judge: impl FnOnce() -> Result<Vouched, TokenFlaw>,
    ) -> Result<Vouched, TokenFlaw> {
        let mut verdicts = self.verdicts.lock().unwrap_or_else(PoisonError::into_inner);
        let known = verdicts.iter().find(|verdict| verdict.is_of(issuer));
        if let Some(known) = known.filter(|verdict| verdict.holds(now)) {
            return known.said.clone();
        }
        let said = judge();
        // those of former rules are of no use any more
        verdicts.retain(|verdict| verdict.by.strong_count() > 0 && !verdict.is_of(issuer));
        if verdicts.len() < MOST_VERDICTS {
            verdicts.push(Verdict {
                by: Arc::downgrade(issuer),
                from: now,
                said: said.clone(),
            });
        }
        said
    }
}

/// Whether it can be read at all. What can't is refused in the handshake: others read it there who would
/// not expect that.
pub fn is_readable(certificate: &[u8]) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(rest, _)| rest.is_empty())
}

fn validity(certificate: &[u8]) -> Option<Validity> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let validity = certificate.validity();
    Some(Validity {
        from: since_epoch(validity.not_before),
        until: since_epoch(validity.not_after).saturating_add(Duration::from_secs(1)), // inclusive
    })
}

/// Before the epoch is at the epoch.
pub(super) fn since_epoch(time: ASN1Time) -> Duration {
    Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or_default())
}

fn names(certificate: &[u8]) -> Option<Names> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let mut names = Names::default();
    for name in certificate.subject().iter_common_name() {
        let readable = name.as_str().unwrap_or_default(); // one that isn't is no name, and counts
        names.common.push(readable.to_owned());
    }
    // `Err` where the extension stands there twice
    if let Some(extension) = certificate.subject_alternative_name().ok()? {
        for name in &extension.value.general_names {
            if let GeneralName::URI(uri) = name {
                names.uris.push((*uri).to_owned());
            } else if let GeneralName::DNSName(dns) = name {
                names.dns.push(dns.to_ascii_lowercase());
            } // the other kinds name nobody here
        }
    }
    Some(names)
}
