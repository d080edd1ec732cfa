//! Who shows a certificate that counts?
//!
//! TLS 1.3, a client certificate without exception, and no resumption: every connection is verified
//! anew, so that an expired certificate or a withdrawn authority counts from the next one on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::admin::person::{Caller, names_in};
use crate::config::file::AdminTls;
use crate::edge::tls::{certificates, install_crypto};

/// Time for a whole handshake: two round trips, and a signature on a smart card.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The server's side. On failure also says which key of `admin.tls` is wrong.
pub(super) fn server_config(files: &AdminTls) -> Result<Arc<ServerConfig>, (&'static str, String)> {
    install_crypto();
    let chain = certificates(&files.certificate_file).map_err(|flaw| ("certificate_file", flaw))?;
    let shown = files.key_file.display();
    let key = PrivateKeyDer::from_pem_file(&files.key_file)
        .map_err(|error| ("key_file", format!("`{shown}`: no private key: {error}")))?;
    let shown = files.client_ca_file.display();
    let foreign = |flaw: String| ("client_ca_file", format!("`{shown}`: {flaw}"));
    let mut roots = RootCertStore::empty();
    for der in certificates(&files.client_ca_file).map_err(|flaw| ("client_ca_file", flaw))? {
        let added = roots.add(der);
        added.map_err(|error| foreign(format!("not an authority: {error}")))?;
    }
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
        .build()
        .map_err(|error| foreign(error.to_string()))?;
    let mut config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .map_err(|error| {
            let shown = files.certificate_file.display();
            let flaw = format!("`{shown}`: not a usable pair with its key: {error}");
            ("certificate_file", flaw)
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Binds the operators' TLS address; must be called within a tokio runtime.
///
/// # Errors
/// The system refuses.
pub async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), String> {
    let failed = |error| format!("admin.tls.address: `{address}`: {error}");
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Finds out who it is, within 5 s.
pub(super) async fn shake(
    stream: TcpStream,
    config: Arc<ServerConfig>,
) -> Result<(TlsStream<TcpStream>, Caller), String> {
    let shaken = tokio::time::timeout(HANDSHAKE, TlsAcceptor::from(config).accept(stream)).await;
    let stream = shaken
        .map_err(|_| "no whole handshake in time".to_owned())?
        .map_err(|error| error.to_string())?;
    let (_, session) = stream.get_ref();
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    let leaf = leaf.ok_or("no client certificate")?;
    let caller = Caller::Certificate(names_in(leaf));
    Ok((stream, caller))
}
