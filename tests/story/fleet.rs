//! Three replicas with the shipped configuration before one estate.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::client::{Answer, exchange, post_form};
use crate::support::redis::{Redis, Restart};
use crate::support::{Demo, process};

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/leaf/vingate.toml");

/// The estate, Redis, and three gateways.
pub(crate) struct Fleet {
    pub(crate) demo: Demo,
    replicas: Vec<Replica>,
    folder: TempDir,
    redis: Redis,
}

struct Replica {
    edge: SocketAddr,
    socket: PathBuf,
    /// `-c FILE --set KEY=VALUE ...`
    config: Vec<String>,
    child: Child,
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Replica {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}

impl Fleet {
    pub(crate) fn start() -> Self {
        let demo = Demo::start(&[]); // its own gateway is none of the three: estate and issuer are used
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("fleet.key"), [9; 32]).unwrap();
        let redis = Redis::start();
        let replicas = (1..=3)
            .map(|number| Replica::start(&demo, folder.path(), redis.port, number))
            .collect();
        let fleet = Self {
            demo,
            replicas,
            folder,
            redis,
        };
        fleet.until_together();
        fleet
    }

    /// Waits until each has heard of all three, bounded.
    fn until_together(&self) {
        for replica in 0..3 {
            let together = (0..2_000).any(|_| {
                std::thread::park_timeout(std::time::Duration::from_millis(10));
                self.heard(replica) == 3
            });
            assert!(together, "replica {replica} is alone");
        }
    }

    pub(crate) fn heard(&self, replica: usize) -> usize {
        let request = b"GET /v1/replicas HTTP/1.1\r\nHost: vingate\r\nConnection: close\r\n\r\n";
        let mut stream = UnixStream::connect(&self.replicas[replica].socket).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap_or_default();
        let told: Value = serde_json::from_str(body).unwrap_or_default();
        told["replicas"].as_array().map_or(0, Vec::len)
    }

    pub(crate) fn run(&self, replica: usize, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_vingate"))
            .arg("switch")
            .args(words)
            .env("VINGATE_SOCKET", &self.replicas[replica].socket)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// `vingate switch WORDS` on a replica: what it says, if it succeeds.
    pub(crate) fn switch(&self, replica: usize, words: &[&str]) -> String {
        let output = self.run(replica, words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn socket(&self, replica: usize) -> String {
        self.replicas[replica].socket.display().to_string()
    }

    pub(crate) fn kill_redis(&mut self) {
        self.redis.kill();
    }

    pub(crate) fn restart_redis(&mut self) {
        self.redis.restart(Restart::Empty);
    }

    fn closures(&self, replica: usize) -> Vec<Value> {
        let listed = self.switch(replica, &["list", "--ended", "-o", "json"]);
        let listed: Value = serde_json::from_str(&listed).unwrap();
        listed["closures"].as_array().unwrap().clone()
    }

    /// How many closures refuse something.
    pub(crate) fn in_force(&self, replica: usize) -> usize {
        let open = |closure: &&Value| closure["state"]["is"] != "open";
        self.closures(replica).iter().filter(open).count()
    }

    /// Id of the closure that changed last.
    pub(crate) fn newest(&self, replica: usize) -> String {
        let closures = self.closures(replica);
        let newest = closures
            .iter()
            .max_by_key(|one| one["revision"].as_u64())
            .unwrap();
        newest["id"].as_str().unwrap().to_owned()
    }

    /// `vingate audit verify` over a replica's logs.
    pub(crate) fn verify(&self, replica: usize) -> Output {
        Command::new(env!("CARGO_BIN_EXE_vingate"))
            .args(["audit", "verify"])
            .args(&self.replicas[replica].config)
            .output()
            .unwrap()
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// A GET of a browser.
    pub(crate) fn page(&self, replica: usize, path: &str, token: Option<&str>) -> Answer {
        let token = token.map_or_else(String::new, |token| {
            format!("Authorization: Bearer {token}\r\n")
        });
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\nConnection: close\r\n{token}\r\n"
        );
        exchange(self.replicas[replica].edge, request.as_bytes())
    }

    pub(crate) fn post(
        &self,
        replica: usize,
        path: &str,
        token: Option<&str>,
        form: &str,
    ) -> Answer {
        post_form(self.replicas[replica].edge, path, token, form)
    }

    /// How the portal's rows 1 to 8 and 10 are answered.
    pub(crate) fn portal_answers(&self, replica: usize) -> Vec<(String, u16)> {
        let vin = self.demo.value("OWNER_VIN");
        let token = Some(self.demo.value("OWNER_TOKEN"));
        let reads = [
            ("/owners/static/style.css".to_owned(), None),
            ("/owners/login".to_owned(), None),
            ("/owners/dashboard".to_owned(), None),
            (format!("/owners/vehicle?vin={vin}"), token),
            (format!("/owners/api/vehicles/{vin}/status"), token),
            (format!("/owners/api/vehicles/{vin}/trips"), token),
            (format!("/owners/api/vehicles/{vin}/location"), token),
        ];
        let writes = [
            (
                "/owners/login",
                "username=owner&password=owner-2016".to_owned(),
                None,
            ),
            ("/owners/logout", String::new(), None),
            (
                "/owners/vehicle/remove-service",
                format!("vin={vin}"),
                token,
            ),
            ("/owners/invites", format!("vin={vin}"), token),
        ];
        let read = reads.into_iter().map(|(path, token)| {
            let status = self.page(replica, &path, token).status;
            (format!("GET {path}"), status)
        });
        let written = writes.into_iter().map(|(path, form, token)| {
            let status = self.post(replica, path, token, &form).status;
            (format!("POST {path}"), status)
        });
        read.chain(written).collect()
    }

    /// Runs a script of tests/python as the owner's app; what it printed.
    pub(crate) fn app(&self, replica: usize, script: &str, arguments: &[&str]) -> Value {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new(root.join(".venv/bin/python"))
            .arg(root.join("tests/python").join(script))
            .args(arguments)
            .env(
                "CARWINGS_URL",
                format!("http://{}", self.replicas[replica].edge),
            )
            .env("USER_ID", "owner")
            .env("PASSWORD", "not decrypted")
            .env("VIN", self.demo.value("OWNER_VIN"))
            .env("TOKEN", self.demo.value("OWNER_TOKEN"))
            .env("NO_PROXY", "*")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output()
            .expect("`make test` prepares the client");
        assert!(output.status.success(), "{script}: {output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Replica {
    fn start(demo: &Demo, folder: &Path, redis: u16, number: u32) -> Self {
        let own = folder.join(format!("gw{number}"));
        fs::create_dir(&own).unwrap();
        let config = config(demo, folder, (&own, redis), number);
        let lines = run_folder(demo).join("ownership.jsonl");
        let imported = Command::new(env!("CARGO_BIN_EXE_vingate"))
            .args(["ownership", "import"])
            .arg(lines)
            .args(&config)
            .output()
            .unwrap();
        assert!(imported.status.success(), "{imported:?}");
        let mut child = Command::new(env!("CARGO_BIN_EXE_vingate"))
            .arg("run")
            .args(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(own.join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut edge = None;
        for line in stdout.by_ref().lines().map_while(Result::ok) {
            if let Some(address) = line.strip_prefix("listening edge http://") {
                edge = Some(address.parse().unwrap());
            } else if line == "ready" {
                break;
            }
        }
        let said = fs::read_to_string(own.join("stderr")).unwrap();
        Self {
            edge: edge.unwrap_or_else(|| panic!("gw{number} is not ready:\n{said}")),
            socket: own.join("admin.sock"),
            config,
            child,
            _stdout: stdout,
        }
    }
}

/// Where the demo keeps its keys.
fn run_folder(demo: &Demo) -> PathBuf {
    Path::new(demo.value("ADMIN_SOCKET"))
        .parent()
        .unwrap()
        .to_owned()
}

/// `-c FILE --set KEY=VALUE ...` of one replica.
fn config(demo: &Demo, folder: &Path, (own, redis): (&Path, u16), number: u32) -> Vec<String> {
    let demos = run_folder(demo);
    let at = |name: &str| own.join(name).display().to_string();
    let theirs = |name: &str| demos.join(name).display().to_string();
    let upstream = demo.value("UPSTREAM_URL").trim_start_matches("http://");
    let set = [
        "listeners.edge.address=127.0.0.1:0".to_owned(),
        "ops.address=127.0.0.1:0".to_owned(),
        format!("admin.socket={}", at("admin.sock")),
        "admin.single_person=true".to_owned(),
        format!("ownership.file={}", at("ownership.redb")),
        format!("audit.file={}", at("audit.jsonl")),
        format!("audit.pseudonym_key_file={}", theirs("pseudonym.key")),
        "listeners.tcu.address=127.0.0.1:0".to_owned(),
        format!("listeners.tcu.tls.certificate_file={}", theirs("tcu.pem")),
        format!("listeners.tcu.tls.key_file={}", theirs("tcu.key")),
        format!(
            "certificates.tcu.authorities_file={}",
            theirs("cars-ca.pem")
        ),
        format!(
            "certificates.tcu.crl_files=[\"{}\"]",
            theirs("cars-crl.pem")
        ),
        format!("assertion.key_file={}", theirs("assertion.pem")),
        format!("issuers.owners.jwks_file={}", theirs("owners.jwks.json")),
        format!("issuers.dealers.jwks_file={}", theirs("dealers.jwks.json")),
        format!(
            "issuers.partners.jwks_file={}",
            theirs("partners.jwks.json")
        ),
        format!("issuers.agents.jwks_file={}", theirs("agents.jwks.json")),
        format!("upstreams.telematics.addresses=[\"{upstream}\"]"),
        format!("switches.directory={}", at("switches")),
        "switches.store=redis".to_owned(),
        format!("switches.replica=gw{number}"),
        format!(
            "switches.fleet_key_file={}",
            folder.join("fleet.key").display()
        ),
        format!("redis.url=redis://127.0.0.1:{redis}"),
    ];
    let mut config = vec!["-c".to_owned(), SHIPPED.to_owned()];
    config.extend(set.into_iter().flat_map(|set| ["--set".to_owned(), set]));
    config
}
