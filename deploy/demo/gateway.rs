//! How is the real gateway started and stopped?
//!
//! As anybody would: the binary `vingate`, the shipped configuration, and `--set` for what differs
//! on a laptop.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// The binary with its configuration.
#[derive(Debug)]
pub(crate) struct Vingate {
    /// Where it is.
    pub(crate) binary: PathBuf,
    /// `-c FILE --set KEY=VALUE ...`
    pub(crate) config: Vec<String>,
}

impl Vingate {
    /// Fills the ownership store.
    pub(crate) fn import(&self, file: &Path) -> Result<()> {
        let output = Command::new(&self.binary)
            .args(["ownership", "import"])
            .arg(file)
            .args(&self.config)
            .output()
            .with_context(|| format!("can't run `{}`", self.binary.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("the ownership import failed ({}):\n{said}", output.status);
        }
        Ok(())
    }

    /// Starts it; its talk goes to a file.
    pub(crate) fn run(&self, talk: &Path) -> Result<Running> {
        let mut child = Command::new(&self.binary)
            .arg("run")
            .args(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(talk)?)
            .process_group(0) // Ctrl-C is for the demo, which then stops the gateway
            .spawn()
            .with_context(|| format!("can't run `{}`", self.binary.display()))?;
        let stdout = child.stdout.take().context("the gateway has no stdout")?;
        let (sender, lines) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Running { child, lines })
    }
}

/// Where it listens.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// URL of the data listener.
    pub(crate) edge: String,
    /// URL of the ops listener.
    pub(crate) ops: String,
    /// Path of the admin socket.
    pub(crate) admin: String,
}

/// A gateway that runs.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    lines: UnboundedReceiver<String>,
}

impl Running {
    /// Waits until it says `ready`.
    pub(crate) async fn ready(&mut self) -> Result<Places> {
        let mut places = Places::default();
        while let Some(line) = self.lines.recv().await {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["listening", "edge", place] => (*place).clone_into(&mut places.edge),
                ["listening", "ops", place] => (*place).clone_into(&mut places.ops),
                ["listening", "admin", place] => (*place).clone_into(&mut places.admin),
                ["ready"] => return Ok(places),
                _ => {}
            }
        }
        bail!("the gateway ended before it was ready")
    }

    /// Waits until it ends by itself, which it should not.
    pub(crate) async fn ended(&mut self) {
        while self.lines.recv().await.is_some() {}
    }

    /// SIGTERM: requests in flight finish first.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        if self.child.try_wait()?.is_none() {
            let id = self.child.id().to_string();
            Command::new("sh")
                .args(["-c", "kill -TERM \"$0\"", &id])
                .status()?;
        }
        Ok(self.child.wait()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok(); // does nothing to one that was stopped
        self.child.wait().ok();
    }
}
