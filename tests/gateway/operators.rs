//! Who gets in by the operators' TLS address, as whom, and who doesn't?

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::House;
use crate::support::certificates::{Authority, Pair, Validity, client};
use crate::support::client::connect;

const NIGHT: &str = "email:night@example";
const ROLES: &str = r#"
[admin.roles.operator]
certificates = ["night@example", "spiffe://example/ops/day", "anna@example"]
[admin.roles.viewer]
certificates = ["Vera Viewer", "watch.internal"]
"#;

/// A gateway with a TLS address for operators.
struct Operated {
    house: House,
    /// Signed the gateway's certificate.
    servers: Authority,
    /// Signs operators'.
    operators: Authority,
    folder: tempfile::TempDir,
}

impl Operated {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir(&path).unwrap();
            Authority::new(&path)
        };
        let (servers, operators) = (at("servers"), at("operators"));
        let config = format!("{}\n{}", crate::MORE, ROLES);
        let tls = tls_setting(&servers.issue("localhost"), &operators.file);
        Self {
            house: House::before(crate::Upstream::start(), &config, &[&tls]),
            servers,
            operators,
            folder,
        }
    }

    fn address(&self) -> SocketAddr {
        self.house.gateway.admin.unwrap()
    }

    /// `vingate switch WORDS` with a certificate.
    fn switch(&self, pair: &Pair, words: &[&str]) -> Output {
        self.trusting(&self.servers, pair, words)
    }

    fn trusting(&self, servers: &Authority, pair: &Pair, words: &[&str]) -> Output {
        let url = format!("https://localhost:{}", self.address().port());
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_vingate"));
        command.arg("switch").args(words).args(["--url", &url]);
        command.arg("--certificate").arg(&pair.certificate);
        command.arg("--key").arg(&pair.key);
        command.arg("--ca").arg(&servers.file);
        command.env_remove("VINGATE_SOCKET");
        command.output().unwrap()
    }

    fn issue(&self, name: &str, alternative: &str) -> Pair {
        self.operators.issue_to(name, alternative, Validity::Now)
    }

    /// What `switch list -o json` says, by the socket.
    fn listed(&self) -> serde_json::Value {
        let output = self
            .house
            .gateway
            .operate(&["switch", "list", "-o", "json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

fn tls_setting(server: &Pair, operators: &Path) -> String {
    format!(
        "admin.tls={{ address = \"127.0.0.1:0\", certificate_file = \"{}\", key_file = \"{}\", \
         client_ca_file = \"{}\" }}",
        server.certificate.display(),
        server.key.display(),
        operators.display()
    )
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[track_caller]
fn expect_said(output: &Output, expected: i32, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(code(output), expected, "{words}: {output:?}");
    assert!(said.contains(words), "{words}: {said}");
}

#[test]
fn a_certificate_is_a_person_with_the_roles_of_its_names() {
    let at = Operated::start();
    let list = ["list", "-o", "plain"];
    let (night, vera) = (at.issue("x", NIGHT), at.issue("Vera Viewer", ""));
    let day = at.issue("x", "DNS:laptop-7,URI:spiffe://example/ops/day");
    for pair in [&night, &day, &vera, &at.issue("x", "DNS:watch.internal")] {
        expect_said(&at.switch(pair, &list), 0, "");
    }
    let close = ["close", "--surface", "mobile", "--reason", "leak"];
    expect_said(
        &at.switch(&vera, &close),
        5,
        "no role of `viewer` includes it",
    );
    assert_eq!(at.listed()["revision"], 0);
    expect_said(&at.switch(&day, &close), 0, "");
    let listed = at.listed();
    assert_eq!(
        listed["closures"][0]["closed_by"],
        "spiffe://example/ops/day"
    );
    // both entrances are one: what was closed by one is opened by the other
    let id = listed["closures"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(
        at.switch(&night, &list).stdout,
        format!("{id}\n").as_bytes()
    );
    let opened = at.house.gateway.operate(&["switch", "open", &id]);
    expect_said(&opened, 0, "");
    assert!(at.switch(&night, &list).stdout.is_empty());
}

#[test]
fn who_is_nobody_gets_no_answer_and_changes_nothing() {
    let at = Operated::start();
    let other = at.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    let other = Authority::new(&other);
    let rows = [
        (at.issue("night@example", ""), 0, ""), // a common name counts where no other name is
        (at.issue("stranger", ""), 5, "`stranger` has no role here"),
        (
            at.issue("Vera Viewer", "email:eve@example"),
            5,
            "`eve@example` has no role here",
        ),
        (at.issue("Vera Viewer", "IP:127.0.0.1"), 0, ""), // an address is no name
        (
            at.issue("x", "email:night@example,email:anna@example"),
            5,
            "more than one person",
        ),
        (
            other.issue_to("night@example", NIGHT, Validity::Now),
            5,
            "certificate is refused",
        ),
        (
            at.operators.issue_to("x", NIGHT, Validity::Expired),
            5,
            "certificate is refused",
        ),
    ];
    for (pair, expected, words) in &rows {
        expect_said(&at.switch(pair, &["list"]), *expected, words);
        let close = ["close", "--surface", "mobile", "--reason", "leak"];
        if *expected != 0 {
            expect_said(&at.switch(pair, &close), *expected, words);
        }
    }
    assert_eq!(at.listed()["revision"], 0);
    let stderr = at.house.gateway.stderr();
    assert!(
        stderr.contains("a call without rights was refused"),
        "{stderr}"
    );
    assert!(stderr.contains("no handshake"), "{stderr}");
    // nor does an operator believe a gateway that another authority signed
    let night = at.issue("x", NIGHT);
    expect_said(
        &at.trusting(&other, &night, &["list"]),
        1,
        "invalid peer certificate",
    );
}

/// What a TLS client gets for a call; an error where there is no session.
fn call(address: SocketAddr, config: Arc<ClientConfig>) -> std::io::Result<String> {
    let name = "localhost".try_into().unwrap();
    let session = ClientConnection::new(config, name).unwrap();
    let mut stream = StreamOwned::new(session, connect(address));
    stream.write_all(b"GET /v1/switches HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn without_a_certificate_or_without_tls_1_3_there_is_no_session() {
    let at = Operated::start();
    let nobody = call(at.address(), client(&at.servers, &[]));
    assert!(
        nobody
            .unwrap_err()
            .to_string()
            .contains("CertificateRequired")
    );
    let night = at.issue("x", NIGHT);
    let with = |versions: &[&'static rustls::SupportedProtocolVersion]| {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let read = |file: &Path| CertificateDer::from_pem_file(file).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(read(&at.servers.file)).unwrap();
        let config = ClientConfig::builder_with_protocol_versions(versions)
            .with_root_certificates(roots)
            .with_client_auth_cert(
                vec![read(&night.certificate)],
                PrivateKeyDer::from_pem_file(&night.key).unwrap(),
            );
        call(at.address(), Arc::new(config.unwrap()))
    };
    let old = with(&[&rustls::version::TLS12]);
    assert!(old.unwrap_err().to_string().contains("ProtocolVersion"));
    let new = with(&[&rustls::version::TLS13]).unwrap();
    assert!(new.starts_with("HTTP/1.1 200 OK\r\n"), "{new}");
}

#[test]
fn garbage_is_cut_off_and_who_says_nothing_holds_no_place_for_long() {
    let at = Operated::start();
    let night = at.issue("x", NIGHT);
    let pieces: [&[u8]; 4] = [
        b"GET /v1/switches HTTP/1.1\r\nHost: h\r\n\r\n",
        b"\x16\x03\x01\xff\xff\xff\xff\xff",
        b"\0\0\0\0\0\0\0\0",
        b"\x15\x03\x03\0\x02\x01\0",
    ];
    for piece in pieces {
        let mut stream = connect(at.address());
        stream.write_all(piece).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok(); // cut off or reset
        assert!(!answer.starts_with(b"HTTP"), "{piece:?}: {answer:?}");
    }
    let mut silent: Vec<_> = (0..8).map(|_| connect(at.address())).collect();
    let one_more = |expected: &str| {
        let answer = call(at.address(), client(&at.servers, &[]));
        let error = answer.unwrap_err().to_string();
        error.contains(expected)
    };
    assert!(
        !one_more("CertificateRequired"),
        "a ninth handshake was begun"
    );
    at.listed(); // the socket has places of its own
    at.house.gateway.until("a place", |_| {
        (code(&at.switch(&night, &["list"])) == 0).then_some(())
    });
    let first = silent.first_mut().unwrap().read(&mut [0]);
    assert!(!matches!(first, Ok(1..)), "{first:?}");
}

#[test]
fn a_reload_takes_up_roles_and_authorities_and_keeps_them_where_one_is_wrong() {
    let at = Operated::start();
    let night = at.issue("x", NIGHT);
    let file = at.house.gateway.folder.path().join("vingate.toml");
    let text = fs::read_to_string(&file).unwrap();
    expect_said(&at.switch(&night, &["list"]), 0, "");
    let reload = |text: &str, said: &str| {
        let count = |said: &str| at.house.gateway.stderr().matches(said).count();
        let before = count(said);
        fs::write(&file, text).unwrap();
        at.house.gateway.signal("HUP");
        at.house
            .gateway
            .until(said, |_| (count(said) > before).then_some(()));
    };
    reload(&text.replace("night@example", "eve@example"), "reloaded");
    expect_said(&at.switch(&night, &["list"]), 5, "has no role here");
    reload(&text, "reloaded");
    expect_said(&at.switch(&night, &["list"]), 0, "");
    // an authority that signs nobody any more
    let kept = fs::read(&at.operators.file).unwrap();
    fs::copy(&at.servers.file, &at.operators.file).unwrap();
    reload(&text, "reloaded");
    expect_said(&at.switch(&night, &["list"]), 5, "certificate is refused");
    fs::write(&at.operators.file, kept).unwrap();
    reload(&text, "reloaded");
    fs::write(&at.operators.file, "").unwrap();
    reload(
        &text.replace("night@example", "eve@example"),
        "reload refused",
    );
    expect_said(&at.switch(&night, &["list"]), 0, "");
    let stderr = at.house.gateway.stderr();
    assert!(stderr.contains("no certificate"), "{stderr}");
}

/// `vingate switch WORDS` by the socket, as another user; only root can be somebody else.
fn switch_as(folder: &Path, (user, group): (u32, u32), words: &[&str]) -> Output {
    let binary = folder.join("vingate"); // where others may read it
    if !binary.exists() {
        fs::copy(env!("CARGO_BIN_EXE_vingate"), &binary).unwrap();
    }
    std::process::Command::new("setpriv")
        .args([format!("--reuid={user}"), format!("--regid={group}")])
        .arg("--clear-groups")
        .arg(&binary)
        .arg("switch")
        .args(words)
        .arg("--socket")
        .arg(folder.join("admin.sock"))
        .output()
        .unwrap()
}

#[test]
fn the_socket_is_open_to_its_group_and_roles_say_how_far() {
    let own = fs::metadata("/proc/self").unwrap();
    let is_root = own.uid() == 0;
    let group = if is_root { 65_534 } else { own.gid() };
    let groups = fs::read_to_string("/etc/group").unwrap();
    let line = groups
        .lines()
        .find(|line| line.contains(&format!(":{group}:")));
    let name = line.unwrap().split(':').next().unwrap();
    let roles = format!(
        "{}\n[admin.roles.viewer]\ngroups = [\"{name}\"]\n",
        crate::MORE
    );
    let set = format!("admin.group={name}");
    let house = House::before(crate::Upstream::start(), &roles, &[&set]);
    let folder = house.gateway.folder.path();
    let socket = fs::metadata(folder.join("admin.sock")).unwrap();
    assert_eq!((socket.gid(), socket.mode() & 0o777), (group, 0o660));
    if !is_root {
        return;
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o711)).unwrap();
    let close = ["close", "--surface", "mobile", "--reason", "leak"];
    let member = |words: &[&str]| switch_as(folder, (65_534, group), words);
    expect_said(&member(&["list"]), 0, "");
    expect_said(&member(&close), 5, "no role of `viewer` includes it");
    let stranger = switch_as(folder, (65_534, 1), &["list"]);
    expect_said(&stranger, 5, "is not open to you");
    let root = house.gateway.operate(&["switch", "list", "-o", "json"]);
    let listed: serde_json::Value = serde_json::from_slice(&root.stdout).unwrap();
    assert_eq!(listed["revision"], 0);
}
