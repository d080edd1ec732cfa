//! How does a test start the real binary with a configuration of its own?

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::signing;
use super::tokens::{AUDIENCE, ISSUER, STRONG, Tokens};
use super::{process, upstream::Upstream};

/// What differs between tests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan<'a> {
    /// The route file: `[[route]]` entries with surface `mobile` or `portal`, upstream `telematics`.
    pub(crate) routes: &'a str,
    /// More of `vingate.toml`, appended, such as `[quotas.q]`.
    pub(crate) config: &'a str,
    /// Ownership, as `vingate ownership import` reads it.
    pub(crate) vehicles: &'a str,
    /// `--set` overrides.
    pub(crate) set: &'a [&'a str],
    /// Folder of policies instead of the repository's.
    pub(crate) policies: Option<PathBuf>,
    /// Closures that are on the switch board from the start; without any there is no board.
    pub(crate) board: &'a [serde_json::Value],
}

/// A gateway on free ports, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// The data listener.
    pub(crate) edge: SocketAddr,
    /// The ops listener.
    pub(crate) ops: SocketAddr,
    /// The operators' TLS address, where one is configured.
    pub(crate) admin: Option<SocketAddr>,
    /// The folder with everything that it reads and writes.
    pub(crate) folder: TempDir,
    child: Child,
    /// Kept open, whatever it prints later.
    _stdout: BufReader<ChildStdout>,
}

impl Gateway {
    /// Writes the configuration, imports the vehicles, starts the binary, waits until it is ready.
    pub(crate) fn start(plan: &Plan<'_>, upstream: &Upstream, tokens: &Tokens) -> Self {
        let folder = TempDir::new().unwrap();
        write_inputs(plan, upstream, tokens, &folder);
        if !plan.vehicles.is_empty() {
            let lines = folder.path().join("ownership.jsonl");
            fs::write(&lines, plan.vehicles).unwrap();
            let output = Command::new(binary())
                .args(["ownership", "import"])
                .arg(&lines)
                .args(config_words(plan, &folder))
                .output()
                .unwrap();
            assert!(output.status.success(), "import: {output:?}");
        }
        Self::start_again(plan, folder)
    }

    /// Starts the binary over a folder that an earlier one left behind.
    pub(crate) fn start_again(plan: &Plan<'_>, folder: TempDir) -> Self {
        Self::start_after("", plan, folder)
    }

    /// The same, with so many open files at most.
    pub(crate) fn start_with_files(plan: &Plan<'_>, folder: TempDir, files: u32) -> Self {
        Self::start_after(&format!("ulimit -n {files};"), plan, folder)
    }

    fn start_after(words: &str, plan: &Plan<'_>, folder: TempDir) -> Self {
        // A file size limit (`prlimit`) is an error of the write, as a full disk is, not a death.
        let script = format!("{words} trap '' XFSZ; exec \"$0\" \"$@\"");
        let mut child = Command::new("sh")
            .args(["-c", &script, binary(), "run"])
            .args(config_words(plan, &folder))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (mut edge, mut ops, mut admin, mut ready) = (None, None, None, false);
        for line in stdout.by_ref().lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("listening edge ") {
                let (_, address) = url.split_once("://").unwrap();
                edge = Some(address.parse().unwrap());
            } else if let Some(url) = line.strip_prefix("listening ops http://") {
                ops = Some(url.parse().unwrap());
            } else if let Some(url) = line.strip_prefix("listening admin https://") {
                admin = Some(url.parse().unwrap());
            } else if line == "ready" {
                ready = true;
                break;
            }
        }
        let said = fs::read_to_string(folder.path().join("stderr")).unwrap();
        if !ready {
            child.wait().unwrap();
            panic!("the gateway ended before it was ready:\n{said}");
        }
        Self {
            edge: edge.expect("the gateway names its edge listener"),
            ops: ops.expect("the gateway names its ops listener"),
            admin,
            folder,
            child,
            _stdout: stdout,
        }
    }

    /// Runs `vingate ARGUMENTS` as an operator of this gateway.
    pub(crate) fn operate(&self, arguments: &[&str]) -> Output {
        Command::new(binary())
            .args(arguments)
            .env("VINGATE_SOCKET", self.folder.path().join("admin.sock"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Sends a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        process::signal(&self.child, name);
    }

    /// SIGTERM; the exit status and the folder, for a second start.
    pub(crate) fn stop(mut self) -> (ExitStatus, TempDir) {
        let status = process::end(&mut self.child);
        let folder = std::mem::replace(&mut self.folder, TempDir::new().unwrap());
        (status, folder)
    }

    /// SIGKILL, in the middle of whatever it does; the folder, for a second start.
    pub(crate) fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        std::mem::replace(&mut self.folder, TempDir::new().unwrap())
    }

    /// From now on no file of it can grow beyond `bytes`, until [`Self::free_disk`].
    pub(crate) fn fill_disk(&self, bytes: u64) {
        self.limit_files(&format!("{bytes}:"));
    }

    /// There is space again.
    pub(crate) fn free_disk(&self) {
        self.limit_files("unlimited:");
    }

    fn limit_files(&self, soft: &str) {
        let status = Command::new("prlimit")
            .arg(format!("--pid={}", self.child.id()))
            .arg(format!("--fsize={soft}"))
            .status();
        assert!(status.unwrap().success());
    }

    /// A value of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = super::get(self.ops, "/metrics", None).text();
        let value = text.lines().find_map(|line| {
            let (found, value) = line.rsplit_once(' ')?;
            let found = found.split('{').next()?;
            (found == name).then(|| value.parse().unwrap())
        });
        value.unwrap_or_else(|| panic!("no `{name}`:\n{text}"))
    }

    /// Waits until `found` answers something, bounded: a second more than a slow machine needs.
    pub(crate) fn until<T>(&self, what: &str, mut found: impl FnMut(&Self) -> Option<T>) -> T {
        for _ in 0..2_000 {
            if let Some(found) = found(self) {
                return found;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        panic!("waited in vain for {what}:\n{}", self.stderr());
    }

    /// Waits until so many records are written, and answers them.
    pub(crate) fn records(&self, count: usize) -> Vec<serde_json::Value> {
        let records = self.until("the records", |gateway| {
            let records = gateway.audit();
            (records.len() >= count).then_some(records)
        });
        assert_eq!(records.len(), count, "{records:?}");
        records
    }

    /// The audit records written so far, but for the gateway's own requests to itself: a closure is
    /// probed when it comes into force.
    pub(crate) fn audit(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap_or_default();
        let whole = text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        whole
            .map(|line| serde_json::from_str(line).unwrap())
            .filter(|record: &serde_json::Value| record["rehearsal"] != true)
            .collect()
    }

    /// What it said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.folder.path().join("stderr")).unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.child.kill().ok(); // the test is over: nothing waits for a drain
        self.child.wait().ok();
    }
}

fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_vingate")
}

fn config_words(plan: &Plan<'_>, folder: &TempDir) -> Vec<String> {
    let file = folder.path().join("vingate.toml");
    let mut words = vec!["-c".to_owned(), file.display().to_string()];
    for set in plan.set {
        words.extend(["--set".to_owned(), (*set).to_owned()]);
    }
    words
}

pub(crate) fn write_inputs(
    plan: &Plan<'_>,
    upstream: &Upstream,
    tokens: &Tokens,
    folder: &TempDir,
) {
    let path = |name: &str| folder.path().join(name);
    tokens.write_jwk_set(&path("jwks.json"));
    fs::write(path("assertion.pem"), signing::private_key_pem().unwrap()).unwrap();
    fs::write(path("pseudonym.key"), [7; 32]).unwrap();
    fs::write(path("introspection.secret"), "s3cret\n").unwrap();
    fs::create_dir(path("switches")).unwrap();
    if !plan.board.is_empty() {
        super::board::write(&path("switches"), plan.board);
    }
    fs::write(path("routes.toml"), plan.routes).unwrap();
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policies");
    let policies = plan.policies.clone().unwrap_or(shipped);
    let policies = policies.display();
    let upstream = upstream.address;
    let more = plan.config;
    let config = format!(
        r#"routes = ["routes.toml"]
policies = "{policies}"
listeners.edge.address = "127.0.0.1:0"
admin.socket = "admin.sock"
admin.single_person = true
ops.address = "127.0.0.1:0"
surfaces.mobile = {{ issuers = ["owners"], on_cold_start = "open", denial_format = "carwings" }}
surfaces.portal = {{ issuers = ["owners"], on_cold_start = "open", protected = true }}
upstreams.telematics.addresses = ["{upstream}"]
vehicles = {{ wmis = ["SJN", "JN1", "1N4"], check_digit = ["1N4", "JN1"] }}
ownership = {{ store = "embedded", file = "ownership.redb" }}
assertion = {{ key_file = "assertion.pem", issuer = "https://gateway.test" }}
switches.directory = "switches"

[issuers.owners]
issuer = "{ISSUER}"
audiences = ["{AUDIENCE}"]
algorithms = ["ES256"]
jwks_file = "jwks.json"
max_lifetime = "1h"
principal = "User"
strong_acr = ["{STRONG}"]

[audit]
file = "audit.jsonl"
pseudonym_key_file = "pseudonym.key"
when_unavailable = "deny"

{more}
"#
    );
    fs::write(path("vingate.toml"), config).unwrap();
}
