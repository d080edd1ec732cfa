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

/// For how long a revocation list is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// A day from now.
    Fresh,
    /// Until yesterday.
    Old,
}

impl Authority {
    /// An authority of its own below this one, in a folder.
    pub(crate) fn subordinate(&self, folder: &Path) -> Self {
        let own = pair(folder, "authority");
        let key = self.file.with_extension("key");
        let (authority, key) = (self.file.to_str().unwrap(), key.to_str().unwrap());
        let words = [
            "-subj",
            "/CN=below",
            "-days",
            "2",
            "-CA",
            authority,
            "-CAkey",
            key,
        ];
        let more = ["-addext", "basicConstraints=critical,CA:TRUE"];
        request(&own, &[&words[..], &more].concat());
        Self {
            folder: folder.to_owned(),
            file: own.certificate,
        }
    }

    /// Its list of these revoked certificates (RFC 5280, 5), in place of any before.
    pub(crate) fn revoke(&self, revoked: &[&Pair], freshness: Freshness) -> PathBuf {
        let at = |name: &str| self.folder.join(name);
        let line = |pair: &&Pair| {
            let serial = serial(&pair.certificate);
            format!("R\t491231235959Z\t200101000000Z\t{serial}\tunknown\t/CN=x\n")
        };
        fs::write(at("index"), revoked.iter().map(line).collect::<String>()).unwrap();
        let settings = format!(
            "[ca]\ndefault_ca = own\n[own]\ndatabase = {}\ncrlnumber = {}\ndefault_md = sha256\n\
             crl_extensions = more\n[more]\nauthorityKeyIdentifier = keyid:always\n",
            at("index").display(),
            at("number").display()
        );
        fs::write(at("number"), "01\n").unwrap();
        fs::write(at("ca.cnf"), settings).unwrap();
        let mut listing = openssl("ca");
        listing.args(["-gencrl", "-config"]).arg(at("ca.cnf"));
        listing.arg("-cert").arg(&self.file);
        listing.arg("-keyfile").arg(self.file.with_extension("key"));
        match freshness {
            Freshness::Fresh => listing.args(["-crldays", "1"]),
            Freshness::Old => listing.args([
                "-crl_lastupdate",
                "20200101000000Z",
                "-crl_nextupdate",
                "20200102000000Z",
            ]),
        };
        finish(listing.arg("-out").arg(at("revoked.pem")));
        at("revoked.pem")
    }
}

fn serial(certificate: &Path) -> String {
    let mut asking = openssl("x509");
    let output = asking.args(["-noout", "-serial", "-in"]).arg(certificate);
    let told = String::from_utf8(output.output().unwrap().stdout).unwrap();
    told.trim().trim_start_matches("serial=").to_owned()
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
    /// Leaf first.
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        let read = CertificateDer::pem_file_iter(&self.certificate).unwrap();
        read.collect::<Result<_, _>>().unwrap()
    }

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
    client_with(authority, None, protocols)
}

/// The same, which shows a certificate.
pub(crate) fn client_with(
    authority: &Authority,
    shown: Option<&Pair>,
    protocols: &[&[u8]],
) -> Arc<ClientConfig> {
    vingate::edge::tls::install_crypto();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&authority.file).unwrap())
        .unwrap();
    let builder = ClientConfig::builder().with_root_certificates(roots);
    let mut config = match shown {
        Some(pair) => {
            let key = PrivateKeyDer::from_pem_file(&pair.key).unwrap();
            builder.with_client_auth_cert(pair.chain(), key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
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
