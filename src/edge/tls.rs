//! Which certificate is shown, and whose is believed?
//!
//! The one TLS stack is rustls over ring.

use std::path::Path;
use std::sync::Arc;

use pingora::protocols::tls::CaType;
use pingora::utils::tls::{WrappedX509, parse_x509};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};

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

/// The server side of a listener: TLS 1.2 and 1.3, HTTP/2 offered before HTTP/1.1.
pub fn server_config(files: &ListenerTls) -> Result<Arc<ServerConfig>, String> {
    install_crypto();
    let chain = certificates(&files.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .map_err(|error| format!("`{}`: no private key: {error}", files.key_file.display()))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| {
            format!(
                "`{}`: not a usable pair with its key: {error}",
                files.certificate_file.display()
            )
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificate that a listener shows: the first of its chain.
pub fn leaf(files: &ListenerTls) -> Result<CertificateDer<'static>, String> {
    let file = &files.certificate_file;
    let first = certificates(file)?.into_iter().next();
    first.ok_or_else(|| format!("`{}`: no certificate", file.display()))
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
