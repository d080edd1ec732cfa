//! Who is believed to be the service, and what is it shown?

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use crate::config::file::OwnershipHttp;
use crate::config::template;

/// Longest token or secret.
const LINE_BYTES: usize = 8_192;

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
    /// By what it is known who asks, if by a header field.
    pub(in crate::adapters) authorization: Option<Authorization>,
}

/// By which header field it is known who asks.
#[derive(Debug, Clone)]
pub(in crate::adapters) enum Authorization {
    /// A token, in this file.
    Bearer(PathBuf),
    /// A client of an authorization server, and its secret in this file (RFC 6749, 2.3.1).
    Basic {
        client_id: String,
        secret_file: PathBuf,
    },
}

impl AccessFiles {
    pub(super) fn of(settings: &OwnershipHttp) -> Self {
        Self {
            table: "ownership.http".to_owned(),
            ca_file: settings.ca_file.clone(),
            client_certificate_file: settings.client_certificate_file.clone(),
            client_key_file: settings.client_key_file.clone(),
            authorization: settings
                .authorization_file
                .clone()
                .map(Authorization::Bearer),
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
        let authorization = match &files.authorization {
            None => None,
            Some(Authorization::Bearer(file)) => {
                let token = read_token(file);
                Some(token.map_err(|flaw| files.wrong("authorization_file", &flaw))?)
            }
            Some(Authorization::Basic {
                client_id,
                secret_file,
            }) => {
                let basic = read_basic(client_id, secret_file);
                Some(basic.map_err(|flaw| files.wrong("client_secret_file", &flaw))?)
            }
        };
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
    let token = read_line(file, "a token", u8::is_ascii_graphic)?;
    sensitive(&[b"Bearer ", &token])
}

/// Both are form-encoded before they are joined, so that a colon in them is none (RFC 6749, 2.3.1).
fn read_basic(client_id: &str, secret_file: &Path) -> Result<HeaderValue, String> {
    let is_secret = |byte: &u8| (b' '..=b'~').contains(byte); // RFC 6749, A.2
    let secret = read_line(secret_file, "a secret", is_secret)?;
    let pair = [client_id.as_bytes(), &secret].map(|part| Zeroizing::new(template::encode(part)));
    let [client_id, secret] = &pair;
    let pair = Zeroizing::new([client_id.as_bytes(), b":", secret.as_bytes()].concat());
    let pair = Zeroizing::new(STANDARD.encode(&*pair));
    sensitive(&[b"Basic ", pair.as_bytes()])
}

/// What stands in a file alone, in one line.
fn read_line(
    file: &Path,
    what: &str,
    is_of_it: impl Fn(&u8) -> bool,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let shown = file.display();
    let text = std::fs::read(file).map_err(|error| format!("can't read `{shown}`: {error}"))?;
    let text = Zeroizing::new(text);
    let line = text.trim_ascii();
    if line.is_empty() || line.len() > LINE_BYTES || !line.iter().all(is_of_it) {
        return Err(format!("`{shown}` wants one line with {what}"));
    }
    Ok(Zeroizing::new(line.to_vec()))
}

fn sensitive(parts: &[&[u8]]) -> Result<HeaderValue, String> {
    let value = Zeroizing::new(parts.concat());
    let mut value = HeaderValue::from_bytes(&value).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}
