//! What stands around the measured processes: an upstream, keys, tokens, one vehicle.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::json;
use tempfile::TempDir;

#[path = "../../deploy/demo/signing.rs"]
mod signing;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const VIN: &str = "SJNFAAZE0U6012345";

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"battery\":\"80%\"}";

/// A server that answers every request alike; a thread a connection.
pub(crate) struct Upstream {
    address: SocketAddr,
}

impl Upstream {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for stream in listener.incoming().map_while(std::result::Result::ok) {
                thread::spawn(move || serve(stream));
            }
        });
        Ok(Self { address })
    }
}

/// Requests here fit one read: one answer each.
fn serve(mut stream: TcpStream) {
    let mut buffer = [0; 8192];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
        if stream.write_all(ANSWER).is_err() {
            return;
        }
    }
}

/// A process under load.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) script: PathBuf,
    /// Whether every request is to be refused.
    pub(crate) refused: bool,
    pub(crate) pid: u32,
    child: Child,
}

impl Drop for Target {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Files of the gateways, and the requests.
pub(crate) struct House {
    folder: TempDir,
    config: PathBuf,
    upstream: SocketAddr,
    pub(crate) read: PathBuf,
    pub(crate) denial: PathBuf,
    pub(crate) command: PathBuf,
}

impl House {
    pub(crate) fn prepare(upstream: &Upstream) -> Result<Self> {
        let folder = TempDir::new()?;
        let path = |name: &str| folder.path().join(name);
        let key = signing::TokenKey::generate("bench")?;
        fs::write(path("jwks.json"), key.jwk_set()?.to_string())?;
        fs::write(path("assertion.pem"), signing::private_key_pem()?)?;
        fs::write(path("pseudonym.key"), [7; 32])?;
        make_cars(folder.path())?;
        let now = vingate::clock::unix_time().as_secs();
        let token = |subject: &str| {
            key.sign(&json!({
                "iss": "https://id.example", "aud": "telematics", "sub": subject,
                "client_id": "bench", "scope": "vehicle.read", "jti": subject, "iat": now,
                "exp": now + 3_600,
            }))
        };
        let vehicle = json!({
            "vin": VIN, "owner": "owner", "drivers": [], "fleet": null, "region": "NE",
            "trim": "SV", "capabilities": ["climate", "charging"], "telematics": true,
        });
        fs::write(path("ownership.jsonl"), vehicle.to_string())?;
        let read = format!("/api/v2/cars/{VIN}/battery-status");
        let (owner, stranger) = (token("owner")?, token("stranger")?);
        let house = Self {
            config: Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/leaf/vingate.toml"),
            upstream: upstream.address,
            read: script(&path("read.lua"), "GET", &read, &owner, "")?,
            denial: script(&path("denial.lua"), "GET", &read, &stranger, "")?,
            command: script(
                &path("command.lua"),
                "POST",
                &format!("/api/v2/cars/{VIN}/actions/hvac-start"),
                &owner,
                r#"{"data":{"attributes":{"action":"start"}}}"#,
            )?,
            folder,
        };
        Ok(house)
    }

    /// The bare proxy: this program, told so.
    pub(crate) fn bare(&self, upstream: &Upstream) -> Result<Target> {
        let mut command = Command::new(std::env::current_exe()?);
        command.env("BARE_UPSTREAM", upstream.address.to_string());
        start("bare pingora proxy", command, &self.read, "bare")
    }

    /// A gateway with `deploy/leaf`, its limits out of the way.
    pub(crate) fn gateway(&self, name: &str, script: &Path, assertion: bool) -> Result<Target> {
        let config = fs::read_to_string(&self.config)?;
        let own = TempDir::new_in(self.folder.path())?.keep();
        let here = |name: &str| self.folder.path().join(name).display().to_string();
        let mine = |name: &str| own.join(name).display().to_string();
        let mut set = vec![
            "listeners.edge.address=127.0.0.1:0".to_owned(),
            "ops.address=127.0.0.1:0".to_owned(),
            format!("upstreams.telematics.addresses=[\"{}\"]", self.upstream),
            format!("assertion.key_file={}", here("assertion.pem")),
            format!("audit.pseudonym_key_file={}", here("pseudonym.key")),
            "listeners.tcu.address=127.0.0.1:0".to_owned(),
            format!("listeners.tcu.tls.certificate_file={}", here("tcu.pem")),
            format!("listeners.tcu.tls.key_file={}", here("tcu.key")),
            format!("certificates.tcu.authorities_file={}", here("cars-ca.pem")),
            format!("certificates.tcu.crl_files=[\"{}\"]", here("cars-crl.pem")),
            format!("audit.file={}", mine("audit.jsonl")),
            format!("ownership.file={}", mine("ownership.redb")),
            format!("switches.directory={}", mine("switches")),
            format!("admin.socket={}", mine("admin.sock")),
            "door.requests_per_second=1000000".to_owned(),
            "door.burst=1000000".to_owned(),
        ];
        for issuer in ["owners", "partners", "dealers", "agents"] {
            set.push(format!("issuers.{issuer}.jwks_file={}", here("jwks.json")));
        }
        for line in config.lines() {
            if let Some(quota) = line
                .strip_prefix("[quotas.")
                .and_then(|l| l.strip_suffix(']'))
            {
                set.push(format!("quotas.{quota}.quota=4000000000"));
            }
        }
        let file = if assertion {
            self.config.clone()
        } else {
            without_assertion(&config, &own)?
        };
        let imported = vingate(
            &["ownership", "import", &here("ownership.jsonl")],
            &file,
            &set,
        )
        .stdin(Stdio::null())
        .output()?;
        if !imported.status.success() {
            return Err(format!("import: {}", String::from_utf8_lossy(&imported.stderr)).into());
        }
        start(
            name,
            vingate(&["run", "--log", "warn"], &file, &set),
            script,
            "edge",
        )
    }
}

/// The cars' door and their authority, which the shipped configuration names.
fn make_cars(folder: &Path) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/leaf/make-cars.sh");
    let output = Command::new(script).arg(folder).output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    }
}

/// Starts a process and waits until it is ready.
fn start(name: &str, mut command: Command, script: &Path, listener: &str) -> Result<Target> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = BufReader::new(child.stdout.take().ok_or("no stdout")?);
    let marker = format!("listening {listener} ");
    let mut url = None;
    for line in stdout.lines().map_while(std::result::Result::ok) {
        if let Some(found) = line.strip_prefix(&marker) {
            url = Some(found.to_owned());
        }
        if line == "ready" {
            break;
        }
    }
    Ok(Target {
        name: name.to_owned(),
        url: url.ok_or_else(|| format!("{name} did not start"))?,
        script: script.to_owned(),
        refused: name.contains("denial"),
        pid: child.id(),
        child,
    })
}

/// `deploy/leaf` without its assertion, its relative paths made absolute.
fn without_assertion(config: &str, folder: &Path) -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (before, after) = config.split_once("[assertion]").ok_or("no [assertion]")?;
    let (_, rest) = after.split_once("\n[").ok_or("nothing after [assertion]")?;
    let text = format!("{before}[{rest}")
        .replace(
            "\"routes/*.toml\"",
            &format!("\"{}/deploy/leaf/routes/*.toml\"", root.display()),
        )
        .replace(
            "\"../../policies\"",
            &format!("\"{}/policies\"", root.display()),
        );
    let file = folder.join("vingate.toml");
    fs::write(&file, text)?;
    Ok(file)
}

fn vingate(words: &[&str], config: &Path, set: &[String]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vingate"));
    command.args(words).arg("-c").arg(config);
    for set in set {
        if set.starts_with("assertion.") && !config.ends_with("leaf/vingate.toml") {
            continue;
        }
        command.args(["--set", set]);
    }
    command
}

fn script(file: &Path, method: &str, path: &str, token: &str, body: &str) -> Result<PathBuf> {
    let media = if body.is_empty() {
        ""
    } else {
        "wrk.headers['Content-Type'] = 'application/json'\n"
    };
    let text = format!(
        "wrk.method = '{method}'\nwrk.path = '{path}'\nwrk.body = '{body}'\n{media}\
         wrk.headers['Authorization'] = 'Bearer {token}'\n",
    );
    fs::write(file, text)?;
    Ok(file.to_owned())
}
