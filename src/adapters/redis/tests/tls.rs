//! Is the server on the other end of TLS the right one?

use std::path::Path;
use std::process::Command;

use super::*;

/// A self-signed authority, and a certificate of it for 127.0.0.1, as PEM files with their keys.
fn certificates(folder: &Path, name: &str) {
    let file = |kind: &str| format!("{}/{name}-{kind}", folder.display());
    let make = |which: &str, more: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-nodes", "-newkey", "ec", "-days", "2"]);
        command.args(["-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-subj", &format!("/CN={name} {which}")]);
        command.args(["-out", &file(&format!("{which}.pem"))]);
        command.args(["-keyout", &file(&format!("{which}.key"))]);
        let output = command.args(more).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    make("ca", &[]);
    let names = "subjectAltName=IP:127.0.0.1";
    let leaf = "basicConstraints=critical,CA:FALSE";
    let (ca, key) = (file("ca.pem"), file("ca.key"));
    make(
        "server",
        &[
            "-CA", &ca, "-CAkey", &key, "-addext", names, "-addext", leaf,
        ],
    );
}

fn server(folder: &Path) -> Server {
    let file = |kind: &str| format!("{}/right-{kind}", folder.display());
    Server::with(&format!(
        "port 0\ntls-port PORT\ntls-auth-clients no\ntls-cert-file {}\ntls-key-file {}\n\
         tls-ca-cert-file {}\n",
        file("server.pem"),
        file("server.key"),
        file("ca.pem"),
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_over_tls_with_a_private_authority() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path(), "right");
    let server = server(folder.path());
    let form = |host: &str, ca: &str| {
        let ca = folder.path().join(ca);
        format!(
            "url = \"rediss://{host}:{}\"\nca_file = {ca:?}",
            server.port
        )
    };
    let right = settings(&form("127.0.0.1", "right-ca.pem"));
    hold(open(&right), open(&right)).await;
    // a stranger's authority, another name, no TLS at all
    certificates(folder.path(), "wrong");
    let plain = format!("url = \"redis://127.0.0.1:{}\"", server.port);
    for form in [
        form("127.0.0.1", "wrong-ca.pem"),
        form("localhost", "right-ca.pem"),
        plain,
    ] {
        let handle = open(&settings(&form));
        let version = handle.version().await;
        assert_eq!(version, Err(FleetError::Unreachable), "{form}");
    }
}
