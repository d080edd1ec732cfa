//! Which certificates does a test show, and whom does it believe?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// An authority made by `openssl`, in a folder.
#[derive(Debug)]
pub(crate) struct Authority {
    folder: PathBuf,
    /// Its certificate.
    pub(crate) file: PathBuf,
}

/// A certificate and its key.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Authority {
    pub(crate) fn new(folder: &Path) -> Self {
        let own = pair(folder, "authority");
        let subject = ["-subj", "/CN=test authority", "-days", "2"];
        request(&own, &subject);
        Self {
            folder: folder.to_owned(),
            file: own.certificate,
        }
    }

    /// A certificate for a host name; all of them are for 127.0.0.1 too.
    pub(crate) fn issue(&self, host: &str) -> Pair {
        let made = pair(&self.folder, host);
        let names = format!("subjectAltName=DNS:{host},IP:127.0.0.1");
        let key = self.file.with_extension("key");
        let (authority, key) = (self.file.to_str().unwrap(), key.to_str().unwrap());
        request(
            &made,
            &[
                "-subj",
                "/CN=test",
                "-days",
                "1",
                "-CA",
                authority,
                "-CAkey",
                key,
                "-addext",
                &names,
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ],
        );
        made
    }
}

/// For how long a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validity {
    /// A day from now.
    Now,
    /// Until yesterday.
    Expired,
}

impl Authority {
    /// A client certificate with this common name and these alternative names, such as
    /// `email:night@example,URI:spiffe://example/ops/night`; none where it is empty.
    pub(crate) fn issue_to(&self, name: &str, alternative: &str, validity: Validity) -> Pair {
        let unique = fs::read_dir(&self.folder).unwrap().count();
        let made = pair(&self.folder, &format!("client-{unique}"));
        let wanted = made.certificate.with_extension("csr");
        let mut asking = openssl("req");
        asking
            .args(["-new", "-nodes", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:P-256", "-subj"])
            .arg(format!("/CN={name}"))
            .arg("-keyout")
            .arg(&made.key)
            .arg("-out")
            .arg(&wanted);
        asking.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        if !alternative.is_empty() {
            asking.args(["-addext", &format!("subjectAltName={alternative}")]);
        }
        finish(&mut asking);
        let days = match validity {
            Validity::Now => "1",
            Validity::Expired => "-1",
        };
        let mut signing = openssl("x509");
        signing
            .args(["-req", "-copy_extensions", "copyall", "-days", days])
            .arg("-in")
            .arg(&wanted)
            .arg("-CA")
            .arg(&self.file)
            .arg("-CAkey")
            .arg(self.file.with_extension("key"))
            .arg("-out")
            .arg(&made.certificate);
        finish(&mut signing);
        made
    }
}

fn openssl(command: &str) -> Command {
    let mut openssl = Command::new("openssl");
    openssl.arg(command);
    openssl
}

fn finish(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

impl Pair {
    /// A server with it.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        vingate::edge::tls::install_crypto();
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        let config = ServerConfig::builder().with_no_client_auth();
        let chain = vec![CertificateDer::from_pem_file(&self.certificate).unwrap()];
        Arc::new(config.with_single_cert(chain, key).unwrap())
    }
}

/// A client that believes an authority and speaks these protocols.
pub(crate) fn client(authority: &Authority, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    vingate::edge::tls::install_crypto();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&authority.file).unwrap())
        .unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

fn pair(folder: &Path, name: &str) -> Pair {
    Pair {
        certificate: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
    }
}

fn request(pair: &Pair, more: &[&str]) {
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .arg("-out")
        .arg(&pair.certificate)
        .arg("-keyout")
        .arg(&pair.key)
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}
