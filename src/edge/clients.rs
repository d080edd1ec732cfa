//! Is a certificate that a client shows in the handshake good enough to go on?
//!
//! One that nobody vouches for ends the handshake. What passes is read once, for all requests of the
//! connection; each of them asks anew whether it still counts, by the rules that are in force then.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use pingora::listeners::TlsAccept;
use pingora::protocols::tls::TlsRef;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerIncompatible,
    SignatureScheme,
};

use crate::config::file::Presence;
use crate::pipeline::identity::authorities::Asked;
use crate::pipeline::identity::certificate::{self, ClientCertificate};

/// Verifies what the clients of one listener show.
#[derive(Debug)]
pub(super) struct Verifier {
    issuers: Vec<Arc<dyn ClientCertVerifier>>,
    hints: Vec<DistinguishedName>,
    presence: Presence,
}

impl Verifier {
    /// For what a listener asks for, present as said.
    pub(super) fn new(asked: &Asked, presence: Presence) -> Arc<Self> {
        let issuers = asked.issuers.iter();
        let issuers: Vec<_> = issuers.map(|it| Arc::clone(it.verifier())).collect();
        let hints = issuers.iter().flat_map(|it| it.root_hint_subjects());
        Arc::new(Self {
            hints: hints.cloned().collect(),
            issuers,
            presence,
        })
    }

    /// All check signatures alike, by the one crypto provider.
    fn any(&self) -> Result<&Arc<dyn ClientCertVerifier>, Error> {
        let incompatible = PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon;
        self.issuers.first().ok_or(incompatible.into())
    }
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.presence == Presence::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if !certificate::is_readable(leaf) {
            return Err(CertificateError::BadEncoding.into());
        }
        let mut worst = Error::from(CertificateError::UnknownIssuer);
        for issuer in &self.issuers {
            match issuer.verify_client_cert(leaf, intermediates, now) {
                Ok(verified) => return Ok(verified),
                Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {}
                Err(error) => worst = error,
            }
        }
        Err(worst)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let any = self.any()?;
        any.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let any = self.any()?;
        any.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let any = self.any();
        any.map_or_else(|_| Vec::new(), |any| any.supported_verify_schemes())
    }
}

/// Reads the certificate of a connection after its handshake.
pub(super) struct Reader;

#[async_trait]
impl TlsAccept for Reader {
    async fn handshake_complete_callback(
        &self,
        tls: &TlsRef,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        let certificate = ClientCertificate::read(tls.peer_cert_chain_der()?)?;
        Some(Arc::new(Arc::new(certificate)))
    }
}
