//! What does a listener agree on in a handshake, and with whom?
//!
//! Replaced while it serves, whole: what it shows and what it asks for. The sessions that could be
//! resumed go with what they were agreed under.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use pingora::listeners::tls::{Acceptor, TlsSettings};
use pingora::protocols::ALPN;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;

use crate::config::file::Presence;
use crate::edge::clients::{Reader, Verifier};
use crate::edge::tls::Certificates;
use crate::pipeline::identity::authorities::Asked;

/// What a listener shows and asks for now.
pub struct Shown {
    now: ArcSwap<Agreed>,
    /// Where connections of this process to itself come from. Nobody else has that address while they
    /// are open.
    own: Mutex<BTreeSet<SocketAddr>>,
}

struct Agreed {
    certificates: Arc<Certificates>,
    acceptor: Acceptor,
    /// For this process itself, which has no certificate; where others need one.
    for_own: Option<Acceptor>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Shown(..)") // holds keys
    }
}

impl Shown {
    /// These are shown and that is asked for, until others take their place.
    ///
    /// # Errors
    /// The TLS library takes none of it.
    pub fn new(certificates: Certificates, asked: Option<&Asked>) -> Result<Arc<Self>, String> {
        let agreed = Agreed::new(Arc::new(certificates), asked)?;
        Ok(Arc::new(Self {
            now: ArcSwap::from_pointee(agreed),
            own: Mutex::default(),
        }))
    }

    /// From the next handshake on these are shown, or the same as before, and that is asked for.
    ///
    /// # Errors
    /// As [`Self::new`]; nothing changes then.
    pub fn replace(
        &self,
        certificates: Option<Certificates>,
        asked: Option<&Asked>,
    ) -> Result<(), String> {
        let same = || Arc::clone(&self.now.load().certificates);
        let certificates = certificates.map_or_else(same, Arc::new);
        self.now.store(Arc::new(Agreed::new(certificates, asked)?));
        Ok(())
    }

    /// The certificate of who asks for no name.
    pub fn leaf(&self) -> Option<CertificateDer<'static>> {
        self.now.load().certificates.leaf()
    }

    /// What is about to come from this address is this process itself, for as long as the answer lives.
    pub(crate) fn expect(self: &Arc<Self>, address: SocketAddr) -> Own {
        self.own().insert(address);
        Own(Arc::clone(self), address)
    }

    /// Makes handshakes with who comes from there.
    pub(super) fn acceptor(&self, peer: Option<SocketAddr>) -> Accepting {
        let is_own = peer.is_some_and(|peer| self.own().contains(&peer));
        Accepting(self.now.load_full(), is_own)
    }

    fn own(&self) -> MutexGuard<'_, BTreeSet<SocketAddr>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of this process to itself.
pub(crate) struct Own(Arc<Shown>, SocketAddr);

impl Drop for Own {
    fn drop(&mut self) {
        self.0.own().remove(&self.1);
    }
}

/// What one handshake is made by, whatever is replaced meanwhile.
pub(super) struct Accepting(Arc<Agreed>, bool);

impl Accepting {
    pub(super) fn acceptor(&self) -> &Acceptor {
        let own = self.0.for_own.as_ref().filter(|_| self.1);
        own.unwrap_or(&self.0.acceptor)
    }
}

impl Agreed {
    fn new(certificates: Arc<Certificates>, asked: Option<&Asked>) -> Result<Self, String> {
        let of = |presence| acceptor(&certificates, asked, presence);
        let presence = asked.map_or(Presence::Optional, |asked| asked.presence);
        let for_own = match presence {
            Presence::Required => Some(of(Presence::Optional)?),
            Presence::Optional => None,
        };
        Ok(Self {
            acceptor: of(presence)?,
            for_own,
            certificates,
        })
    }
}

/// The server side: TLS 1.2 and 1.3, HTTP/2 offered before HTTP/1.1.
fn acceptor(
    certificates: &Arc<Certificates>,
    asked: Option<&Asked>,
    presence: Presence,
) -> Result<Acceptor, String> {
    let resolver = Arc::<Certificates>::clone(certificates);
    let Some(asked) = asked.filter(|asked| !asked.issuers.is_empty()) else {
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        return Ok(Acceptor::from_server_config(Arc::new(config)));
    };
    let settings = TlsSettings::with_callbacks(Box::new(Reader));
    let mut settings = settings.map_err(|error| error.to_string())?;
    settings.set_cert_resolver(resolver);
    settings.set_client_cert_verifier(Verifier::new(asked, presence));
    settings.set_alpn(ALPN::H2H1);
    Ok(settings.build())
}
