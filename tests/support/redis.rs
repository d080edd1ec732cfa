//! How does a test start a Redis of its own, and what happens to it?
//!
//! Real servers on loopback, on ports that are free, each in a folder that goes with it.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks before a server is given up: 30 s.
const LOOKS: u32 = 1_500;

/// Directives of every server but Sentinels. What is kept on disk is kept by a test's word.
const SERVER: &str = "save \"\"\nappendonly no\nrepl-diskless-sync-delay 0\n";

/// A server that ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Redis {
    child: Option<Guarded>,
    folder: TempDir,
    /// Where it listens; stays the same over a restart.
    pub(crate) port: u16,
    password: Option<String>,
    kind: Kind,
}

/// A process, and another that ends it when this test process is no more, however that went.
#[derive(Debug)]
struct Guarded {
    server: Child,
    guard: Child,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Server,
    Sentinel,
}

/// What a restart leaves of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    WithItsData,
    Empty,
}

impl Redis {
    /// An empty server.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// An empty server with more directives, a line each.
    pub(crate) fn with(directives: &str) -> Self {
        Self::launch(directives, Kind::Server, None)
    }

    /// An empty server that wants a password.
    pub(crate) fn with_password(password: &str) -> Self {
        let directives = format!("requirepass {password}\n");
        Self::launch(&directives, Kind::Server, Some(password))
    }

    /// A replica of another server, in step with it.
    pub(crate) fn replica_of(master: &Self) -> Self {
        let replica = Self::with(&format!("replicaof 127.0.0.1 {}\n", master.port));
        let words = ["INFO", "replication"];
        replica.until("a replica in step", "master_link_status:up", &words);
        replica
    }

    /// A Sentinel that alone decides over a master, which it knows as `name`.
    pub(crate) fn sentinel(name: &str, master: &Self) -> Self {
        let directives = format!(
            "sentinel monitor {name} 127.0.0.1 {} 1\nsentinel down-after-milliseconds {name} 500\n\
             sentinel failover-timeout {name} 3000\n",
            master.port
        );
        Self::launch(&directives, Kind::Sentinel, None)
    }

    /// Three nodes that share the slots, without replicas.
    pub(crate) fn cluster() -> [Self; 3] {
        let directives = "cluster-enabled yes\ncluster-node-timeout 2000\n";
        let nodes = [(); 3].map(|()| Self::with(directives));
        let ranges = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (number, (node, (first, last))) in nodes.iter().zip(ranges).enumerate() {
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &(number + 1).to_string()]);
            assert_eq!(
                node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]),
                "OK"
            );
            for other in &nodes {
                let port = other.port.to_string();
                node.command(&["CLUSTER", "MEET", "127.0.0.1", &port]);
            }
        }
        for node in &nodes {
            node.until("a whole cluster", "cluster_state:ok", &["CLUSTER", "INFO"]);
            node.until("all nodes", "cluster_known_nodes:3", &["CLUSTER", "INFO"]);
        }
        nodes
    }

    fn launch(directives: &str, kind: Kind, password: Option<&str>) -> Self {
        // another process may take the port between the look and the start: then another one
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let port = free_port();
            let mut text = format!("bind 127.0.0.1\ndir {}\n", folder.path().display());
            if kind == Kind::Server {
                text.push_str(SERVER);
            }
            if !directives.contains("tls-port") {
                writeln!(text, "port {port}").unwrap();
            }
            text.push_str(&directives.replace("PORT", &port.to_string()));
            fs::write(folder.path().join("redis.conf"), text).unwrap();
            let mut server = Self {
                child: Some(spawn(&folder, kind)),
                folder,
                port,
                password: password.map(str::to_owned),
                kind,
            };
            if server.is_up() {
                return server;
            }
        }
        panic!("no server came up");
    }

    /// Its address as a URL.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The answer of `redis-cli`, whatever it is, without the line end.
    pub(crate) fn command(&self, words: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-h", "127.0.0.1", "-p", &self.port.to_string()]);
        if let Some(password) = &self.password {
            command.env("REDISCLI_AUTH", password);
        }
        let output = command.args(words).stdin(Stdio::null()).output();
        let output = output.expect("redis-cli is installed");
        let text = String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned();
        if output.status.success() {
            text
        } else {
            format!("{text}{}", String::from_utf8_lossy(&output.stderr))
        }
    }

    /// Asks until the answer has this in it.
    pub(crate) fn until(&self, what: &str, wanted: &str, words: &[&str]) {
        let mut answer = String::new();
        for _ in 0..LOOKS {
            answer = self.command(words);
            if answer.contains(wanted) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("never: {what}: {answer}");
    }

    /// SIGSTOP: it accepts connections and answers nothing.
    pub(crate) fn stop(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    /// SIGKILL, and waits for its end.
    pub(crate) fn kill(&mut self) {
        self.end();
    }

    /// Starts again on the same port; kills it first where it still runs.
    pub(crate) fn restart(&mut self, restart: Restart) {
        let dump = self.folder.path().join("dump.rdb");
        if restart == Restart::WithItsData && self.child.is_some() {
            assert_eq!(self.command(&["SAVE"]), "OK");
        }
        self.end();
        if restart == Restart::Empty && dump.exists() {
            fs::remove_file(&dump).unwrap();
        }
        self.child = Some(spawn(&self.folder, self.kind));
        assert!(self.is_up(), "it didn't come back");
    }

    fn signal(&self, name: &str) {
        let id = self
            .child
            .as_ref()
            .expect("it runs")
            .server
            .id()
            .to_string();
        let script = format!("kill -{name} \"$0\"");
        let status = Command::new("sh").args(["-c", &script, &id]).status();
        assert!(status.unwrap().success(), "no process `{id}` to signal");
    }

    /// Waits until it says that it serves, or ends.
    fn is_up(&mut self) -> bool {
        let ready = match self.kind {
            Kind::Server => "Ready to accept connections",
            Kind::Sentinel => "Sentinel ID is",
        };
        for _ in 0..LOOKS {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
            if log.contains(ready) {
                return true;
            }
            let child = self.child.as_mut().expect("it was started");
            if child.server.try_wait().unwrap().is_some() {
                return false;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.server.kill().ok(); // it may have ended by itself
            // before its number is free for another process
            child.guard.kill().unwrap();
            child.guard.wait().unwrap();
            child.server.wait().unwrap();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.end();
    }
}

fn spawn(folder: &TempDir, kind: Kind) -> Guarded {
    let mut command = Command::new("redis-server");
    command.arg(folder.path().join("redis.conf"));
    if kind == Kind::Sentinel {
        command.arg("--sentinel");
    }
    let log = fs::File::create(folder.path().join("log")).unwrap();
    command.stdin(Stdio::null()).stdout(log);
    let server = command.spawn().expect("redis-server is installed");
    // its input ends with this process
    let mut guard = Command::new("sh");
    guard.args(["-c", "read -r _; kill -9 \"$0\"", &server.id().to_string()]);
    let guard = guard.stdin(Stdio::piped()).spawn().unwrap();
    Guarded { server, guard }
}

/// A port below those that the system gives out by itself, and whose cluster bus (10,000 higher)
/// exists.
fn free_port() -> u16 {
    use std::hash::{BuildHasher, RandomState};
    loop {
        let random = RandomState::new().hash_one(std::process::id());
        let port = 12_000 + u16::try_from(random % 10_000).unwrap();
        let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port) && is_free(port + 10_000) {
            return port;
        }
    }
}
