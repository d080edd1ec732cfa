//! Which certificates are there to be shown, and whose is believed?
//!
//! The one TLS stack is rustls over ring.

use std::path::Path;
use std::sync::Arc;

use pingora::protocols::tls::CaType;
use pingora::utils::tls::{WrappedX509, parse_x509};
use rustls::RootCertStore;
use rustls::client::verify_server_name;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::file::ListenerTls;
use crate::digest;

/// Makes ring the crypto provider of the process; later calls change nothing.
pub fn install_crypto() {
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        tracing::debug!("the crypto provider was installed before");
    }
}

/// The certificates that a listener shows, with their keys: the first, unless another is for the name
/// that a client asks for (SNI; RFC 6066, 3).
#[derive(Debug)]
pub struct Certificates(Vec<Arc<CertifiedKey>>);

impl Certificates {
    /// Reads all pairs of a listener.
    ///
    /// # Errors
    /// A file can't be read, or a key is not the certificate's.
    pub fn read(files: &ListenerTls) -> Result<Self, String> {
        install_crypto();
        let first = (&files.certificate_file, &files.key_file);
        let others = files.others.iter();
        let others = others.map(|pair| (&pair.certificate_file, &pair.key_file));
        let pairs = std::iter::once(first).chain(others);
        let read = pairs.map(|(certificate, key)| pair(certificate, key));
        read.collect::<Result<_, _>>().map(Self)
    }

    /// The certificate of who asks for no name.
    pub(super) fn leaf(&self) -> Option<CertificateDer<'static>> {
        self.choose(None)?.cert.first().cloned()
    }

    fn choose(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let named = name.filter(|_| self.0.len() > 1);
        let chosen = named.and_then(|name| self.0.iter().find(|key| is_for(key, &name)));
        chosen.or(self.0.first()).cloned()
    }
}

fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let leaf = key.cert.first().map(ParsedCertificate::try_from);
    leaf.and_then(Result::ok)
        .is_some_and(|leaf| verify_server_name(&leaf, name).is_ok())
}

fn pair(certificate_file: &Path, key_file: &Path) -> Result<Arc<CertifiedKey>, String> {
    let chain = certificates(certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| format!("`{}`: no private key: {error}", key_file.display()))?;
    let provider = rustls::crypto::ring::default_provider();
    let pair = CertifiedKey::from_der(chain, key, &provider).map_err(|error| {
        let shown = certificate_file.display();
        format!("`{shown}`: not a usable pair with its key: {error}")
    })?;
    Ok(Arc::new(pair))
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name())
    }
}

/// The authorities that may have signed an upstream's certificate.
#[derive(Debug)]
pub struct Authorities {
    certificates: Arc<CaType>,
    fingerprint: u64,
}

impl Authorities {
    /// Reads PEM certificates, at least one.
    pub fn read(file: &Path) -> Result<Self, String> {
        let ders = certificates(file)?;
        let mut store = RootCertStore::empty();
        for der in &ders {
            store
                .add(der.clone())
                .map_err(|error| format!("`{}`: not an authority: {error}", file.display()))?;
        }
        let digest = digest::sha256_of_parts(ders.iter().map(AsRef::as_ref));
        let wrap = |der: CertificateDer<'static>| WrappedX509::new(der.to_vec(), parse_x509);
        Ok(Self {
            certificates: ders.into_iter().map(wrap).collect(),
            fingerprint: digest::short(&digest),
        })
    }

    /// In the proxy's own form.
    pub fn certificates(&self) -> &Arc<CaType> {
        &self.certificates
    }

    /// Names the set.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

/// The certificates of a PEM file, at least one.
pub(crate) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| format!("`{}`: {error}", file.display()))?;
    if found.is_empty() {
        return Err(format!("`{}`: no certificate", file.display()));
    }
    Ok(found)
}
