//! How does a test start the demo and read what it says of itself?

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::client::{self, Answer};
use super::process;

/// The demo of this build, stopped when dropped.
#[derive(Debug)]
pub(crate) struct Demo {
    child: Child,
    values: BTreeMap<String, String>,
    /// Kept open: it prints more than the line that was waited for.
    _stdout: BufReader<ChildStdout>,
    _folder: TempDir,
}

impl Demo {
    /// Starts it with more arguments and waits until it is ready.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("env");
        let mut command = Command::new(binary());
        for fixed in [
            "PORT",
            "OPS_PORT",
            "ISSUER_PORT",
            "UPSTREAM_PORT",
            "CONTROL_PORT",
            "LOG",
        ] {
            command.env_remove(format!("DEMO_{fixed}")); // several run at once
        }
        let mut child = command
            .args(arguments)
            .env("DEMO_ENV", &file)
            .env("VINGATE_BIN", env!("CARGO_BIN_EXE_vingate"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // It prints its first line after it wrote the file, or ends.
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        assert!(
            !line.is_empty(),
            "the demo ended before it was ready: {}",
            child.wait().unwrap()
        );
        Self {
            values: read_values(&file),
            child,
            _stdout: stdout,
            _folder: folder,
        }
    }

    /// A value of its `DEMO_ENV` file.
    pub(crate) fn value(&self, name: &str) -> &str {
        let value = self.values.get(name);
        value.unwrap_or_else(|| panic!("the demo names no `{name}`"))
    }

    /// The address in one of its URLs.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        let url = self.value(name).trim_start_matches("http://");
        url.split('/').next().unwrap().parse().unwrap()
    }

    /// What reached the estate since the last clearing: each entry's `method, path, query, body`.
    pub(crate) fn estate_log(&self) -> Vec<Value> {
        let log = client::get(self.address("ESTATE_LOG_URL"), "/__log", None).json();
        log.as_array().unwrap().clone()
    }

    /// Empties the estate's log.
    pub(crate) fn clear_estate_log(&self) {
        let request = b"DELETE /__log HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let answer: Answer = client::exchange(self.address("ESTATE_LOG_URL"), request);
        assert_eq!(answer.status, 204);
    }

    /// Runs `vingate ARGUMENTS` as an operator of its gateway; fails unless it succeeds.
    pub(crate) fn operate(&self, arguments: &[&str]) {
        let output = Command::new(env!("CARGO_BIN_EXE_vingate"))
            .args(arguments)
            .env("VINGATE_SOCKET", self.value("ADMIN_SOCKET"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "vingate {arguments:?}: {output:?}");
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // SIGTERM: it takes its gateway along.
        let status = process::end(&mut self.child);
        if !std::thread::panicking() {
            assert!(status.success(), "the demo ended with {status}");
        }
    }
}

/// Beside the gateway of the same build; `cargo test` builds both.
fn binary() -> PathBuf {
    let gateway = Path::new(env!("CARGO_BIN_EXE_vingate"));
    let demo = gateway.with_file_name("examples").join("demo");
    assert!(
        demo.exists(),
        "no demo: `cargo test` without `--test`, or `cargo build --example demo`"
    );
    demo
}

fn read_values(file: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(file).unwrap();
    let value = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.trim_matches('\'').to_owned()))
    };
    text.lines().filter_map(value).collect()
}
