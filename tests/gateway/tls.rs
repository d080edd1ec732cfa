//! Is a connection what it says it is, on both sides?

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::Upstream;
use crate::support::certificates::{Authority, Pair};
use crate::support::client::connect;
use crate::support::frames::{Http2, connect_tls};
use crate::{House, MORE, OWNED};

/// A gateway whose edge speaks TLS.
pub(crate) struct TlsHouse {
    pub(crate) house: House,
    pub(crate) authority: Authority,
    /// Kept for its files.
    _folder: tempfile::TempDir,
}

impl TlsHouse {
    pub(crate) fn with(set: &[&str]) -> Self {
        Self::before(Upstream::start(), set)
    }

    pub(crate) fn before(upstream: Upstream, set: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let words = listener(&authority.issue("localhost"));
        let set: Vec<&str> = words
            .iter()
            .map(String::as_str)
            .chain(set.iter().copied())
            .collect();
        Self {
            house: House::before(upstream, MORE, &set),
            authority,
            _folder: folder,
        }
    }

    /// `curl`, which answers the status and then the body.
    pub(crate) fn curl(&self, arguments: &[&str], target: &str) -> String {
        let output = self.curl_output(arguments, target);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn curl_output(&self, arguments: &[&str], target: &str) -> Output {
        let port = self.house.gateway.edge.port();
        Command::new("curl")
            .args(["-sS", "--max-time", "30", "--resolve"])
            .arg(format!("localhost:{port}:127.0.0.1"))
            .arg("--cacert")
            .arg(&self.authority.file)
            .args(["-w", "\n%{http_version} %{http_code}"])
            .args(arguments)
            .arg(format!("https://localhost:{port}{target}"))
            .output()
            .unwrap()
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Authorization: Bearer {}", self.house.owner())
    }
}

fn listener(pair: &Pair) -> Vec<String> {
    vec![format!(
        "listeners.edge.tls={{ certificate_file = \"{}\", key_file = \"{}\" }}",
        pair.certificate.display(),
        pair.key.display()
    )]
}

#[test]
fn curl_is_served_over_tls_by_both_protocols() {
    let tls = TlsHouse::with(&[]);
    let (bearer, target) = (tls.bearer(), format!("/cars/{OWNED}/battery"));
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        for more in [&["--tlsv1.3"][..], &["--tls-max", "1.2"]] {
            let words = [&[option, "-H", &bearer], more].concat();
            let said = tls.curl(&words, &target);
            assert_eq!(said, format!("ok\n{version} 200"));
        }
    }
    for (index, seen) in tls.house.upstream.requests().iter().enumerate() {
        let seen = String::from_utf8_lossy(seen).to_lowercase();
        assert!(seen.contains("proto=https"), "request {index}: {seen}");
    }
    let plain = Command::new("curl")
        .args([
            "-sS",
            &format!("http://{}/owners/static/x", tls.house.gateway.edge),
        ])
        .output()
        .unwrap();
    assert!(
        !plain.status.success(),
        "plaintext is no request: {plain:?}"
    );
    assert_eq!(tls.house.upstream.requests().len(), 4);
}

#[test]
fn a_certificate_that_cannot_be_used_is_a_clear_message() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let (one, other) = (authority.issue("localhost"), authority.issue("other"));
    let nothing = folder.path().join("nothing");
    std::fs::write(&nothing, "").unwrap();
    let rows = [
        (one.certificate.clone(), other.key, "localhost.pem"),
        (
            folder.path().join("missing.pem"),
            one.key.clone(),
            "missing.pem",
        ),
        (nothing.clone(), one.key.clone(), "no certificate"),
        (one.certificate.clone(), nothing.clone(), "no private key"),
        (one.key.clone(), one.key, "no certificate"),
        (one.certificate.clone(), one.certificate, "no private key"),
    ];
    let house = House::start();
    for (certificate, key, expected) in rows {
        let words = listener(&Pair { certificate, key });
        let (code, said) = run(house.gateway.folder.path(), &words);
        assert!(matches!(code, Some(1 | 3)), "{expected}: {code:?}: {said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

fn run(folder: &Path, set: &[String]) -> (Option<i32>, String) {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vingate"));
    command.args(["run", "-c"]).arg(folder.join("vingate.toml"));
    for (key, name) in [
        ("ownership.file", "o"),
        ("audit.file", "a"),
        ("switches.directory", "s"),
        ("admin.socket", "k"),
    ] {
        let value = elsewhere.path().join(name);
        command
            .arg("--set")
            .arg(format!("{key}={}", value.display()));
    }
    for set in set {
        command.args(["--set", set]);
    }
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn what_never_becomes_a_request_holds_no_place_for_long() {
    let tls = TlsHouse::with(&["limits.connections=1", "limits.header_timeout=300ms"]);
    let edge = tls.house.gateway.edge;
    let mut stalled = Vec::new();
    for first in [
        &b""[..],
        b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
    ] {
        let mut client = connect(edge);
        client.write_all(first).unwrap();
        stalled.push(client);
        assert_eq!(tls.curl(&["--http1.1"], "/owners/static/x"), "ok\n1.1 200");
    }
    // the handshake is made, and then: nothing, half a preface, a preface and no request
    let mut silent = Vec::new();
    for said in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
        let mut client = connect_tls(edge, &tls.authority, &[b"h2"]);
        client.conn.complete_io(&mut client.sock).unwrap();
        client.write_all(said).unwrap();
        client.flush().unwrap();
        silent.push(client);
        assert_eq!(tls.curl(&["--http2"], "/owners/static/x"), "ok\n2 200");
    }
    let idle = Http2::start(edge, &tls.authority);
    assert_eq!(tls.curl(&["--http2"], "/owners/static/x"), "ok\n2 200");
    drop((stalled, silent, idle));
}

/// An upstream that speaks TLS and keeps what it reads.
fn tls_upstream(config: Arc<ServerConfig>) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            answer(StreamOwned::new(session, stream), &kept);
        }
    });
    (address, seen)
}

fn answer(mut tls: StreamOwned<ServerConnection, TcpStream>, seen: &Mutex<Vec<u8>>) {
    let mut chunk = [0; 8192];
    let mut request = Vec::new();
    while !request.windows(4).any(|w| w == b"\r\n\r\n") {
        match tls.read(&mut chunk) {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&chunk[..read]),
        }
    }
    seen.lock().unwrap().extend_from_slice(&request);
    let said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    tls.write_all(said).ok();
    tls.flush().ok();
}

#[test]
fn an_upstream_is_believed_by_its_own_authority_and_name_only() {
    let (folder, foreign) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let authority = Authority::new(folder.path());
    let other = Authority::new(foreign.path());
    let (address, seen) = tls_upstream(authority.issue("tsp.internal").server());
    let address = format!("upstreams.telematics.addresses=[\"{address}\"]");
    let rows = [
        (&authority, "tsp.internal", 200),
        (&authority, "portal.internal", 502),
        (&other, "tsp.internal", 502),
    ];
    for (believed, name, status) in rows {
        seen.lock().unwrap().clear();
        let file = believed.file.display();
        let tls = format!(
            "upstreams.telematics.tls={{ server_name = \"{name}\", ca_file = \"{file}\" }}"
        );
        let house = House::with(&[&address, &tls]);
        let answer = house.read();
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert_eq!(seen.lock().unwrap().is_empty(), status != 200, "{name}");
        house.gateway.records(1);
    }
}
