//! Does a gateway load the policies that were signed, and go back when an operator says so?

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::client::get;
use crate::support::{Gateway, Plan, Tokens, Upstream};
use crate::{OWNED, ROUTES, vehicles};

/// Keys of RFC 8032, section 7.1: the one that is trusted, its public half, and another one.
const SIGNING: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
const VERIFYING: &str = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
const FOREIGN: &str = "MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7";

/// Locks everybody out of cars that the policies' own cases don't speak of.
const LOCKED: &str = "@id(\"locked\")\n@owner(\"x\")\n@reason(\"locked\")\n\
    forbid (principal, action, resource is Vehicle)\nwhen { resource.trim == \"T1\" };\n";

/// The shipped policies, proved and signed once for all tests.
static PROVED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let shop = Shop::new();
    shop.build("proved", &shipped(), 1_000, &[]);
    fs::read(shop.at("proved")).unwrap()
});

pub(crate) fn shipped() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("policies")
}

/// Where bundles are made, and where the gateway finds the one that it loads.
pub(crate) struct Shop {
    folder: TempDir,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        for (name, kind, key) in [
            ("sign.pem", "PRIVATE", SIGNING),
            ("other.pem", "PRIVATE", FOREIGN),
            ("sign.pub.pem", "PUBLIC", VERIFYING),
        ] {
            let pem = format!("-----BEGIN {kind} KEY-----\n{key}\n-----END {kind} KEY-----\n");
            fs::write(folder.path().join(name), pem).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn try_build(
        &self,
        name: &str,
        policies: &Path,
        built: u64,
        words: &[&str],
    ) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vingate"));
        command.args(["policy", "build"]).arg(policies);
        command.arg("--out").arg(self.at(name));
        command.args(["--built", &built.to_string()]);
        if !words.contains(&"--signing-key") {
            command.arg("--signing-key").arg(self.at("sign.pem"));
        }
        command.args(words).output().unwrap()
    }

    fn build(&self, name: &str, policies: &Path, built: u64, words: &[&str]) {
        let output = self.try_build(name, policies, built, words);
        assert!(output.status.success(), "{output:?}");
    }

    /// The shipped policies, unproved, built at this time.
    pub(crate) fn plain(&self, name: &str, built: u64) {
        self.build(name, &shipped(), built, &["--without-proofs"]);
    }

    /// The same with the lock.
    fn locked(&self, name: &str, built: u64, words: &[&str]) {
        let policies = self.at(&format!("{name}-policies"));
        copy(&shipped(), &policies);
        fs::write(policies.join("locked.cedar"), LOCKED).unwrap();
        let words = [&["--without-proofs"], words].concat();
        self.build(name, &policies, built, &words);
    }

    /// Has the gateway find this one.
    pub(crate) fn give(&self, name: &str) {
        fs::copy(self.at(name), self.at("new")).unwrap();
        fs::rename(self.at("new"), self.at("policies.bundle")).unwrap();
    }

    /// The same with the lock, signed by a key that nobody trusts.
    pub(crate) fn foreign(&self) {
        let other = self.at("other.pem").display().to_string();
        self.locked("foreign", 3_000, &["--signing-key", &other]);
    }

    fn config(&self, require_signed: bool) -> String {
        format!(
            "{}\n[bundles]\nkey_files = [\"{}\"]\nrequire_signed = {require_signed}\n\
             directory = \"{}\"\n",
            crate::MORE,
            self.at("sign.pub.pem").display(),
            self.at("kept").display()
        )
    }

    pub(crate) fn start(&self, require_signed: bool) -> Site<'_> {
        let (upstream, tokens) = (Upstream::start(), Tokens::new());
        let gateway = Gateway::start(
            &Plan {
                routes: ROUTES,
                config: &self.config(require_signed),
                vehicles: &vehicles().replace("\"SV\"", "\"T1\""),
                policies: Some(self.at("policies.bundle")),
                ..Plan::default()
            },
            &upstream,
            &tokens,
        );
        Site {
            shop: self,
            owner: tokens.token("owner"),
            gateway,
            _upstream: upstream,
        }
    }
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place);
        } else {
            fs::copy(entry.path(), place).unwrap();
        }
    }
}

pub(crate) struct Site<'a> {
    shop: &'a Shop,
    pub(crate) gateway: Gateway,
    pub(crate) owner: String,
    _upstream: Upstream,
}

impl Site<'_> {
    fn read(&self) -> u16 {
        let target = format!("/cars/{OWNED}/battery");
        get(self.gateway.edge, &target, Some(&self.owner)).status
    }

    /// Waits until the owner's read is answered so.
    fn until_read(&self, status: u16) {
        let what = format!("{status}");
        self.gateway
            .until(&what, |_| (self.read() == status).then_some(()));
    }

    pub(crate) fn until_said(&self, words: &str) {
        self.gateway.until(words, |gateway| {
            gateway.stderr().contains(words).then_some(())
        });
    }

    fn policy(&self, words: &[&str]) -> Output {
        self.gateway.operate(&[&["policy"], words].concat())
    }

    pub(crate) fn show(&self) -> Value {
        let output = self.policy(&["show", "-o", "json"]);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// That it is carried out.
    #[track_caller]
    fn done(&self, words: &[&str]) {
        let output = self.policy(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    /// The newest line of the switch log.
    fn recorded(&self) -> Value {
        let output = self.gateway.operate(&["switch", "history", "-o", "json"]);
        let lines: Value = serde_json::from_slice(&output.stdout).unwrap();
        lines.as_array().unwrap().last().unwrap().clone()
    }

    fn refusals(&self) -> usize {
        self.gateway.stderr().matches("the old rules hold").count()
    }

    fn until_metric(&self, name: &str, value: u32) {
        let wanted = f64::from(value);
        self.gateway.until(name, |gateway| {
            ((gateway.metric(name) - wanted).abs() < 0.5).then_some(())
        });
    }

    fn again(self) -> Self {
        let (status, folder) = self.gateway.stop();
        assert!(status.success());
        Self {
            gateway: Gateway::start_again(&Plan::default(), folder),
            ..self
        }
    }
}

#[track_caller]
pub(crate) fn expect_failure(output: &Output, code: i32, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words}: {output:?}");
    assert!(said.contains(words), "{words}: {said}");
}

#[test]
fn another_bundle_is_loaded_as_it_lies_there_and_an_operator_goes_back() {
    let shop = Shop::new();
    shop.plain("first", 1_000);
    shop.locked("second", 2_000, &[]);
    shop.give("first");
    let site = shop.start(false);
    assert_eq!(site.read(), 200);
    let first = site.show();
    shop.give("second");
    site.until_read(403);
    let second = site.show();
    assert_ne!(second["revision"], first["revision"]);
    assert_eq!(second["kept"].as_array().unwrap().len(), 2);
    assert_eq!(second["kept"][0]["in_force"], true);

    site.done(&["rollback", "--dry-run", "--reason", "owners locked out"]);
    assert_eq!(site.read(), 403, "nothing is done yet");
    site.done(&["rollback", "--reason", "owners locked out"]);
    assert_eq!(site.read(), 200, "in force when the command returns");
    assert_eq!(site.show()["revision"], first["revision"]);
    let line = site.recorded();
    assert_eq!(line["what"], "policies rollback");
    assert_eq!(line["reason"], "owners locked out");
    assert_eq!(line["outcome"], "done", "{line}");
}

#[test]
fn what_was_left_stays_left_until_another_bundle_lies_there() {
    let shop = Shop::new();
    shop.plain("first", 1_000);
    shop.locked("second", 2_000, &[]);
    shop.plain("third", 3_000);
    shop.give("first");
    let site = shop.start(false);
    shop.give("second");
    site.until_read(403);
    let second = site.show();
    site.done(&["rollback", "--reason", "owners locked out"]);
    site.gateway.signal("HUP");
    site.gateway.until("the reload", |gateway| {
        (gateway.stderr().matches("reloaded").count() >= 3).then_some(())
    });
    assert_eq!(site.read(), 200);
    let site = site.again();
    assert_eq!(site.read(), 200);
    site.until_metric("vingate_policies_rolled_back", 1);
    let none = site.policy(&["rollback", "--reason", "further"]);
    expect_failure(&none, 7, "no other bundle is kept");

    site.shop.give("third");
    site.until_metric("vingate_policies_rolled_back", 0);
    site.shop.give("second");
    site.until_said("is older than the newest that was loaded");
    assert_eq!(site.read(), 200);
    let id = second["bundle"]["id"].as_str().unwrap();
    site.done(&["rollback", "--to", id, "--reason", "on purpose"]);
    assert_eq!(site.read(), 403);
}

#[test]
fn where_signatures_are_required_nothing_else_is_loaded() {
    let shop = Shop::new();
    fs::write(shop.at("proved"), &*PROVED).unwrap();
    shop.give("proved");
    let site = shop.start(true);
    assert_eq!(site.read(), 200);
    let proved = site.show();
    assert_eq!(proved["bundle"]["unproved"], serde_json::json!([]));
    let mut altered = PROVED.clone();
    *altered.last_mut().unwrap() ^= 1;
    fs::write(shop.at("altered"), altered).unwrap();
    fs::write(shop.at("garbage"), "garbage").unwrap();
    shop.locked("unproved", 2_000, &[]);
    shop.foreign();
    for (name, why) in [
        (
            "altered",
            "signed by none of the trusted keys, or was altered",
        ),
        ("garbage", "is not a policy bundle"),
        ("unproved", "was not proved (never errs, ceiling"),
        ("foreign", "signed by none of the trusted keys"),
    ] {
        let before = site.refusals();
        shop.give(name);
        site.gateway
            .until(name, |_| (site.refusals() > before).then_some(()));
        let said = site.gateway.stderr();
        assert!(said.contains(why), "{name}: {said}");
        assert_eq!(site.read(), 200);
        assert_eq!(site.show()["revision"], proved["revision"]);
    }
    let set = format!("policies={}", shipped().display());
    let check = Command::new(env!("CARGO_BIN_EXE_vingate"))
        .arg("check")
        .arg("-c")
        .arg(site.gateway.folder.path().join("vingate.toml"))
        .args(["--set", &set])
        .output()
        .unwrap();
    expect_failure(&check, 3, "takes signed bundles alone");
}

#[test]
fn an_operator_vouches_for_one_bundle_and_for_no_other() {
    let shop = Shop::new();
    fs::write(shop.at("proved"), &*PROVED).unwrap();
    shop.give("proved");
    let site = shop.start(true);
    shop.foreign();
    shop.plain("unproved", 2_000);
    shop.give("foreign");
    site.gateway
        .until("a refusal", |_| (site.refusals() > 0).then_some(()));
    let at = |name: &str| shop.at(name).display().to_string();
    let (foreign, unproved) = (at("foreign"), at("unproved"));
    let words = ["--for", "1h", "--reason", "nobody can sign"];
    site.done(&[&["break-glass", &unproved], &words[..]].concat());
    assert_eq!(site.read(), 200, "that is another one");
    let long = site.policy(&["break-glass", &foreign, "--for", "30d", "--reason", "x"]);
    expect_failure(&long, 7, "at most three days");
    site.done(&[&["break-glass", &foreign], &words[..]].concat());
    assert_eq!(site.read(), 403, "it lay there already");
    site.until_metric("vingate_policies_unproved", 1);
    assert_eq!(site.show()["bundle"]["signer"], Value::Null);
    let status = site.gateway.operate(&["status", "-o", "plain"]);
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains("dependency.policies failing\n"), "{status}");
    let line = site.recorded();
    assert_eq!(line["what"], "policies break-glass");
    assert_eq!(line["seconds"], 3_600);
    let site = site.again();
    assert_eq!(site.read(), 403);
    let said = site.gateway.stderr();
    assert!(said.contains("has no trusted signature"), "{said}");
}
