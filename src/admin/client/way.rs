//! How is a gateway reached?

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::cli::{End, Failure};
use crate::config::url::host_and_port;
use crate::edge::tls::{certificates, install_crypto};

/// Time for a connection, TLS included: a lost SYN twice.
const CONNECT: Duration = Duration::from_secs(5);

/// The files with which an operator proves who they are, and knows the gateway. PEM.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// Chain, leaf first.
    pub certificate: &'a Path,
    /// Its key.
    pub key: &'a Path,
    /// Who may have signed the gateway's certificate.
    pub authorities: &'a Path,
}

/// A way to one gateway.
pub(super) enum Way {
    Socket(PathBuf),
    Secure(Secure),
}

/// A TLS address.
pub(super) struct Secure {
    url: String,
    host: String,
    port: u16,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

/// Bytes both ways.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

impl Way {
    /// For messages.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Socket(socket) => format!("admin socket `{}`", socket.display()),
            Self::Secure(secure) => format!("admin address `{}`", secure.url),
        }
    }

    /// What stands in `Host`.
    pub(super) fn host(&self) -> String {
        match self {
            Self::Socket(_) => "vingate".to_owned(),
            Self::Secure(secure) => format!("{}:{}", secure.host, secure.port),
        }
    }

    /// Connects, within 5 s.
    pub(super) async fn connect(&self) -> Result<Box<dyn Wire>, io::Error> {
        let connecting = async {
            let wire: Box<dyn Wire> = match self {
                Self::Socket(socket) => Box::new(UnixStream::connect(socket).await?),
                Self::Secure(secure) => secure.connect().await?,
            };
            Ok(wire)
        };
        let connected = tokio::time::timeout(CONNECT, connecting).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Secure {
    /// Reads a URL (`https://host:port`) and the files.
    pub(super) fn new(url: &str, identity: &Identity<'_>) -> Result<Self, Failure> {
        let wrong = |flaw: String| Failure::new(End::InvalidInput, flaw);
        let (host, port) = host_and_port(url).ok_or_else(|| {
            let wanted = "wants a URL such as `https://gw1.internal:9443`";
            wrong(format!("`--url` {wanted}, not `{url}`"))
        })?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(bare.to_owned())
            .map_err(|error| wrong(format!("`{bare}`: no host: {error}")))?;
        Ok(Self {
            url: url.to_owned(),
            name,
            config: Arc::new(client_config(identity).map_err(wrong)?),
            host,
            port,
        })
    }

    async fn connect(&self) -> Result<Box<dyn Wire>, io::Error> {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, self.port)).await?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        let stream = connector.connect(self.name.clone(), stream).await?;
        Ok(Box::new(stream))
    }
}

fn client_config(identity: &Identity<'_>) -> Result<ClientConfig, String> {
    install_crypto();
    let mut roots = RootCertStore::empty();
    for der in certificates(identity.authorities)? {
        let shown = identity.authorities.display();
        let added = roots.add(der);
        added.map_err(|error| format!("`{shown}`: not an authority: {error}"))?;
    }
    let chain = certificates(identity.certificate)?;
    let key = PrivateKeyDer::from_pem_file(identity.key).map_err(|error| {
        let shown = identity.key.display();
        format!("`{shown}`: no private key: {error}")
    })?;
    let versions = [&rustls::version::TLS13];
    let mut config = ClientConfig::builder_with_protocol_versions(&versions)
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .map_err(|error| {
            let shown = identity.certificate.display();
            format!("`{shown}`: not a usable pair with its key: {error}")
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The failure of an exchange. A gateway that refuses a certificate says so in an alert, which
/// arrives when the answer is awaited.
pub(super) fn failure(shown: &str, error: &(dyn Error + 'static)) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(rustls::Error::AlertReceived(alert)) =
            inner.and_then(|inner| inner.downcast_ref::<rustls::Error>())
        {
            let message = format!("{shown}: the certificate is refused: {alert:?}");
            return Failure::new(End::Refused, message);
        }
        cause = error.source();
    }
    Failure::new(End::Failed, format!("{shown}: {error}"))
}
