//! Who is believed to be the service, and what is it shown?

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use crate::config::file::OwnershipHttp;

/// Largest token file that is read.
const TOKEN_BYTES: usize = 8_192;

/// The files by which a service is believed, and it believes the gateway.
#[derive(Debug, Clone)]
pub(in crate::adapters) struct AccessFiles {
    /// The table of the configuration that they are named in.
    pub(in crate::adapters) table: String,
    /// Whose signature the service's certificate has to have; `None`: without TLS.
    pub(in crate::adapters) ca_file: Option<PathBuf>,
    /// The gateway's own certificate, and its key.
    pub(in crate::adapters) client_certificate_file: Option<PathBuf>,
    pub(in crate::adapters) client_key_file: Option<PathBuf>,
    /// Holds a token.
    pub(in crate::adapters) authorization_file: Option<PathBuf>,
}

impl AccessFiles {
    pub(super) fn of(settings: &OwnershipHttp) -> Self {
        Self {
            table: "ownership.http".to_owned(),
            ca_file: settings.ca_file.clone(),
            client_certificate_file: settings.client_certificate_file.clone(),
            client_key_file: settings.client_key_file.clone(),
            authorization_file: settings.authorization_file.clone(),
        }
    }

    fn wrong(&self, key: &str, flaw: &str) -> String {
        format!("`{}.{key}`: {flaw}", self.table)
    }
}

/// What the files hold.
#[derive(Clone)]
pub(in crate::adapters) struct Access {
    /// `None`: without TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// `Authorization`; never printed.
    pub(super) authorization: Option<HeaderValue>,
}

impl Access {
    /// Reads the files.
    ///
    /// # Errors
    /// The key of the configuration and what is wrong with its file, never what stands in it.
    pub(in crate::adapters) fn read(files: &AccessFiles) -> Result<Self, String> {
        let tls = files.ca_file.as_deref();
        let tls = tls.map(|file| client_config(file, files)).transpose()?;
        let token = files.authorization_file.as_deref();
        let authorization = token.map(read_token).transpose();
        let authorization =
            authorization.map_err(|flaw| files.wrong("authorization_file", &flaw))?;
        Ok(Self { tls, authorization })
    }
}

fn client_config(file: &Path, files: &AccessFiles) -> Result<Arc<ClientConfig>, String> {
    let of = |key: &'static str| move |flaw: String| files.wrong(key, &flaw);
    let mut roots = RootCertStore::empty();
    for der in certificates(file).map_err(of("ca_file"))? {
        let added = roots.add(der);
        added.map_err(|error| of("ca_file")(format!("not an authority: {error}")))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let pair = (
        files.client_certificate_file.as_deref(),
        files.client_key_file.as_deref(),
    );
    let mut config = match pair {
        (None, None) => builder.with_no_client_auth(),
        (Some(chain), Some(key)) => {
            let wrong = of("client_certificate_file");
            let chain = certificates(chain).map_err(wrong)?;
            let key = PrivateKeyDer::from_pem_file(key)
                .map_err(|error| of("client_key_file")(format!("no private key: {error}")))?;
            let config = builder.with_client_auth_cert(chain, key);
            config.map_err(|error| wrong(format!("not a usable pair with its key: {error}")))?
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err(format!("`{}` has half a client certificate", files.table));
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| format!("`{}`: {error}", file.display()))?;
    if found.is_empty() {
        return Err(format!("`{}`: no certificate", file.display()));
    }
    Ok(found)
}

fn read_token(file: &Path) -> Result<HeaderValue, String> {
    let shown = file.display();
    let text = std::fs::read(file).map_err(|error| format!("can't read `{shown}`: {error}"))?;
    let text = Zeroizing::new(text);
    let token = text.trim_ascii();
    let is_token = !token.is_empty() && token.iter().all(u8::is_ascii_graphic);
    if !is_token || token.len() > TOKEN_BYTES {
        return Err(format!("`{shown}` wants one line with a token"));
    }
    let value = Zeroizing::new([b"Bearer ", token].concat());
    let value = HeaderValue::from_bytes(&value);
    let mut value = value.map_err(|_| format!("`{shown}` wants one line with a token"))?;
    value.set_sensitive(true);
    Ok(value)
}
