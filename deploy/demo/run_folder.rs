//! What does the gateway need on disk, and what differs from production?
//!
//! Everything lies in one folder that only its user can read and that goes away at the end.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};
use ring::rand::{SecureRandom, SystemRandom};
use tempfile::TempDir;

use crate::issuer::Issuer;
use crate::{people, signing};

/// The folder of one run, removed when dropped.
#[derive(Debug)]
pub(crate) struct RunFolder(TempDir);

impl RunFolder {
    /// Makes the folder (mode 0700), its keys, the issuer's JWK set and the ownership lines.
    pub(crate) fn create(issuer: &Issuer) -> Result<Self> {
        let mut folder = tempfile::Builder::new();
        folder.prefix("vingate-demo-");
        folder.permissions(Permissions::from_mode(0o700));
        let folder = Self(folder.tempdir()?);
        let mut pseudonym_key = [0; 32];
        SystemRandom::new()
            .fill(&mut pseudonym_key)
            .map_err(|_| anyhow!("no random bytes"))?;
        folder.write("pseudonym.key", &pseudonym_key)?;
        folder.write("assertion.pem", signing::private_key_pem()?.as_bytes())?;
        folder.write("owners.jwks.json", issuer.jwk_set()?.to_string().as_bytes())?;
        for others in ["dealers", "partners", "agents"] {
            let keys = issuer.jwk_set()?.to_string();
            folder.write(&format!("{others}.jwks.json"), keys.as_bytes())?;
        }
        folder.write("ownership.jsonl", people::ownership().as_bytes())?;
        fs::create_dir(folder.path("switches"))?;
        folder.make_cars()?;
        Ok(folder)
    }

    /// The cars' door and their authority, by the script that anybody would run.
    fn make_cars(&self) -> Result<()> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/leaf/make-cars.sh");
        let output = Command::new(script)
            .arg(self.0.path())
            .output()
            .with_context(|| format!("can't run `{script}`"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`{script}` failed (has this machine `openssl`?):\n{said}");
        }
        Ok(())
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        write_private(&self.path(name), bytes)
    }

    /// The keys of the shipped configuration that this run overrides.
    pub(crate) fn overrides(&self, edge: u16, ops: u16, upstream: &str) -> Vec<String> {
        let at = |name: &str| self.path(name).display().to_string();
        vec![
            format!("listeners.edge.address=127.0.0.1:{edge}"),
            format!("ops.address=127.0.0.1:{ops}"),
            format!("admin.socket={}", at("admin.sock")),
            "admin.single_person=true".to_owned(), // one person tries it
            format!("ownership.file={}", at("ownership.redb")),
            format!("audit.file={}", at("audit.jsonl")),
            format!("audit.pseudonym_key_file={}", at("pseudonym.key")),
            format!("assertion.key_file={}", at("assertion.pem")),
            format!("switches.directory={}", at("switches")),
            format!("issuers.owners.jwks_file={}", at("owners.jwks.json")),
            format!("issuers.dealers.jwks_file={}", at("dealers.jwks.json")),
            format!("issuers.partners.jwks_file={}", at("partners.jwks.json")),
            format!("issuers.agents.jwks_file={}", at("agents.jwks.json")),
            "listeners.tcu.address=127.0.0.1:0".to_owned(),
            format!("listeners.tcu.tls.certificate_file={}", at("tcu.pem")),
            format!("listeners.tcu.tls.key_file={}", at("tcu.key")),
            format!("certificates.tcu.authorities_file={}", at("cars-ca.pem")),
            format!("certificates.tcu.crl_files=[\"{}\"]", at("cars-crl.pem")),
            format!("upstreams.telematics.addresses=[\"{upstream}\"]"),
            "limits.drain_timeout=3s".to_owned(), // nobody waits longer for a demo to stop
        ]
    }
}

/// Writes `export NAME='value'` lines, whole or not at all: whoever waits for the file can read it.
pub(crate) fn write_environment(file: &Path, values: &[(&str, &str)]) -> Result<()> {
    let quoted = |value: &str| value.replace('\'', "'\\''");
    let line = |(name, value): &(&str, &str)| format!("export {name}='{}'", quoted(value));
    let lines: Vec<String> = values.iter().map(line).collect();
    let lines = format!("{}\n", lines.join("\n"));
    let mut unfinished = file.to_owned().into_os_string();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    fs::remove_file(&unfinished).ok(); // of a run that was killed
    write_private(&unfinished, lines.as_bytes())?;
    fs::rename(&unfinished, file).with_context(|| format!("can't write `{}`", file.display()))
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options
        .open(path)
        .with_context(|| format!("can't write `{}`", path.display()))?;
    file.write_all(bytes)?;
    Ok(())
}
