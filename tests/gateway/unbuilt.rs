//! Is nothing signed that is wrong, nothing loaded that can't be kept, and a way there for a gateway that
//! doesn't start?

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::OWNED;
use crate::bundles::{Shop, copy, expect_failure, shipped};
use crate::support::client::get;
use crate::support::{Gateway, Plan};

/// `vingate policy WORDS --offline` over the configuration of a gateway that was stopped.
fn offline(folder: &TempDir, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vingate"));
    command.arg("policy").args(words).arg("--offline");
    command.arg("-c").arg(folder.path().join("vingate.toml"));
    command.output().unwrap()
}

#[test]
fn what_can_not_be_kept_is_not_loaded() {
    let shop = Shop::new();
    shop.plain("first", 1_000);
    shop.plain("second", 2_000);
    shop.give("first");
    let site = shop.start(false);
    let first = site.show();
    site.gateway.fill_disk(4_096);
    shop.give("second");
    site.until_said("can't be written");
    site.until_said("reload refused");
    assert_eq!(site.show(), first);
    site.gateway.free_disk();
    site.gateway.signal("HUP");
    site.gateway.until("the second", |_| {
        (site.show()["bundle"]["id"] != first["bundle"]["id"]).then_some(())
    });
}

#[test]
fn nothing_is_signed_that_is_wrong() {
    let shop = Shop::new();
    let policies = shop.at("policies");
    copy(&shipped(), &policies);
    let open = "@id(\"open\")\n@owner(\"x\")\n@reason(\"x\")\n\
                permit (principal is User, action in Action::\"Comfort\", resource is Vehicle)\n\
                when { resource.trim == \"T1\" };\n";
    fs::write(policies.join("open.cedar"), open).unwrap();
    let hole = shop.try_build("hole", &policies, 1, &[]);
    expect_failure(&hole, 4, "nothing is signed");
    assert!(
        String::from_utf8_lossy(&hole.stderr).contains("BROKEN"),
        "{hole:?}"
    );
    fs::write(
        policies.join("open.cedar"),
        open.replace("\"T1\"", "\"SV\""),
    )
    .unwrap();
    let case = shop.try_build("case", &policies, 1, &["--without-proofs"]);
    expect_failure(&case, 4, "policy cases failed");
    fs::write(policies.join("open.cedar"), "permit (\n").unwrap();
    let syntax = shop.try_build("syntax", &policies, 1, &["--without-proofs"]);
    expect_failure(&syntax, 3, "open.cedar:");
    fs::remove_file(policies.join("open.cedar")).unwrap();
    fs::remove_dir_all(policies.join("admin")).unwrap();
    let admin = shop.try_build("admin", &policies, 1, &["--without-proofs"]);
    expect_failure(&admin, 3, "a gateway insists on it");
    for name in ["hole", "case", "syntax", "admin"] {
        assert!(!shop.at(name).exists(), "{name}");
    }
}

#[test]
fn a_gateway_that_does_not_start_is_told_offline_what_to_start_with() {
    let shop = Shop::new();
    shop.plain("first", 1_000);
    shop.give("first");
    let site = shop.start(false);
    let held = offline(&site.gateway.folder, &["rollback", "--reason", "x"]);
    expect_failure(&held, 1, "held by a running gateway");
    let (_, folder) = site.gateway.stop();
    fs::write(shop.at("policies.bundle"), "garbage").unwrap();
    let check = || {
        Command::new(env!("CARGO_BIN_EXE_vingate"))
            .args(["check", "-c"])
            .arg(folder.path().join("vingate.toml"))
            .output()
            .unwrap()
    };
    expect_failure(&check(), 3, "is not a policy bundle");
    shop.foreign();
    shop.give("foreign");
    expect_failure(&check(), 3, "signed by none of the trusted keys");
    let back = offline(&folder, &["rollback", "--reason", "doesn't start"]);
    assert!(back.status.success(), "{back:?}");
    assert!(check().status.success());
    let gateway = Gateway::start_again(&Plan::default(), folder);
    let target = format!("/cars/{OWNED}/battery");
    assert_eq!(get(gateway.edge, &target, Some(&site.owner)).status, 200);
    let verified = gateway.operate(&["audit", "verify"]);
    assert!(verified.status.success(), "{verified:?}");
    let log = fs::read_to_string(gateway.folder.path().join("switches/history.jsonl")).unwrap();
    let line = log.lines().find(|line| line.contains("policies rollback"));
    let line: Value = serde_json::from_str(line.unwrap()).unwrap();
    assert_eq!(line["replica"], "none: by command");
    assert_eq!(line["outcome"], "done");
}
