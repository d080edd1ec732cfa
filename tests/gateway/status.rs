//! Does `vingate status` say what went wrong?

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Gateway, Plan, Tokens, Upstream, get};
use crate::{MORE, OWNED, ROUTES, vehicles};

/// The shipped policies without their cases, and one that always errs for one action.
fn policies(folder: &Path) -> PathBuf {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let to = folder.join("policies");
    for below in ["", "admin", "admin/cases"] {
        fs::create_dir_all(to.join(below)).unwrap();
        for entry in fs::read_dir(shipped.join(below))
            .unwrap()
            .map(Result::unwrap)
        {
            if entry.path().is_file() {
                fs::copy(entry.path(), to.join(below).join(entry.file_name())).unwrap();
            }
        }
    }
    let errs = "@id(\"errs\")\n@owner(\"x\")\n@reason(\"x\")\n\
                forbid (principal is User, action == Action::\"ReadBatteryStatus\", resource is Vehicle)\n\
                when { 9223372036854775807 + 1 == 0 };\n";
    fs::write(to.join("errs.cedar"), errs).unwrap();
    to
}

fn status(gateway: &Gateway, words: &[&str]) -> String {
    let output = gateway.operate(&[&["status"], words].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_policy_that_errs_shows_in_the_status() {
    let (folder, tokens, vehicles) = (tempfile::tempdir().unwrap(), Tokens::new(), vehicles());
    let plan = Plan {
        routes: ROUTES,
        config: MORE,
        vehicles: &vehicles,
        policies: Some(policies(folder.path())),
        ..Plan::default()
    };
    let gateway = Gateway::start(&plan, &Upstream::start(), &tokens);
    let table = status(&gateway, &[]);
    for part in [
        "ready, since 20",
        "no errors since the start",
        "nothing is closed",
        "surface mobile",
        "ok: failed no request since the start",
    ] {
        assert!(table.contains(part), "{part}:\n{table}");
    }
    let path = format!("/cars/{OWNED}/battery");
    let answer = get(gateway.edge, &path, Some(&tokens.token("owner")));
    assert_eq!(answer.status, 403);
    gateway.records(1); // it is counted by then
    let told: serde_json::Value = serde_json::from_str(&status(&gateway, &["-o", "json"])).unwrap();
    assert_eq!(told["policy_errors"]["count"], 1, "{told}");
    assert_eq!(told["policy_errors"]["route"], "battery", "{told}");
    assert_eq!(told["ready"], true, "{told}");
    assert_eq!(told["policies"].as_str().unwrap().len(), 16, "{told}");
    let table = status(&gateway, &[]);
    assert!(
        table.contains("1 ERRORS since the start, each a denial"),
        "{table}"
    );
    assert!(table.contains("on battery"), "{table}");
    let lines = status(&gateway, &["-o", "plain"]);
    assert!(lines.contains("policy-errors 1\n"), "{lines}");
    assert!(lines.contains("dependency.audit ok\n"), "{lines}");
}

#[test]
fn an_upstream_that_is_gone_and_what_is_closed_show_in_the_status() {
    let (tokens, vehicles) = (Tokens::new(), vehicles());
    let plan = Plan {
        routes: ROUTES,
        config: MORE,
        vehicles: &vehicles,
        set: &["upstreams.telematics.addresses=[\"127.0.0.1:1\"]"],
        ..Plan::default()
    };
    let gateway = Gateway::start(&plan, &Upstream::start(), &tokens);
    let path = format!("/cars/{OWNED}/battery");
    let answer = get(gateway.edge, &path, Some(&tokens.token("owner")));
    assert_eq!(answer.status, 502);
    gateway.records(1);
    let closed = gateway.operate(&[
        "switch", "close", "--route", "climate", "--reason", "a test",
    ]);
    assert!(closed.status.success(), "{closed:?}");
    let table = status(&gateway, &[]);
    for part in [
        "FAILING: failed 1 requests, last at 20",
        "on battery",
        "1 in force: ",
    ] {
        assert!(table.contains(part), "{part}:\n{table}");
    }
    let lines = status(&gateway, &["-o", "plain"]);
    assert!(
        lines.contains("dependency.upstream.telematics failing\n"),
        "{lines}"
    );
    assert!(lines.contains("dependency.directory ok\n"), "{lines}");
}
