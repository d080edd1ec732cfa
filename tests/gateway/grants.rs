//! Is what an operator grants and revokes in force for the next request, and can it be exported?

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Gateway, Upstream, get};
use crate::{House, MORE, OWNED};

/// `vingate ownership WORDS` about the car of `owner`.
fn run(house: &House, words: &[&str]) -> Output {
    let words: Vec<&str> = ["ownership"].iter().chain(words).copied().collect();
    house.gateway.operate(&words)
}

#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
fn refused(output: &Output, code: i32, words: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(words), "{words}: {said}");
}

/// What somebody is answered who reads the battery of that car.
fn read(house: &House, subject: &str) -> u16 {
    let token = house.tokens.token(subject);
    let target = format!("/cars/{OWNED}/battery");
    get(house.gateway.edge, &target, Some(&token)).status
}

const WHY: [&str; 2] = ["--reason", "a call of the owner"];

fn grant<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["grant", OWNED][..], words, &WHY].concat()
}

fn revoke<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["revoke", OWNED][..], words, &WHY].concat()
}

#[test]
fn a_driver_may_from_the_grant_to_the_revocation() {
    let house = House::start();
    assert_eq!(read(&house, "ben"), 403);
    let driver = ["--driver", "ben", "--entitlement", "ReadBatteryStatus"];
    let words = grant(&driver);
    let rehearsed = run(&house, &[&words[..], &["--dry-run"]].concat());
    assert!(done(&rehearsed).contains("drivers: 0 -> 1"));
    assert_eq!(read(&house, "ben"), 403, "a dry run grants nothing");
    assert_eq!(done(&run(&house, &words)), "changed: drivers: 0 -> 1\n");
    assert_eq!(read(&house, "ben"), 200);
    let shown = done(&run(&house, &["get", OWNED, "-o", "plain"]));
    assert!(
        shown.contains("driver\tben\tReadBatteryStatus\t-"),
        "{shown}"
    );
    done(&run(&house, &revoke(&["--driver", "ben"])));
    assert_eq!(read(&house, "ben"), 403);
    let again = run(&house, &revoke(&["--driver", "ben"]));
    refused(&again, 7, "nothing to revoke");
    // a grant that has ended already lets nobody in
    let ended = [&driver[..], &["--until", "2020-01-01T00:00:00Z"]].concat();
    done(&run(&house, &grant(&ended)));
    assert_eq!(read(&house, "ben"), 403);
}

#[test]
fn sold_today_is_refused_today() {
    let house = House::start();
    let driver = ["--driver", "ben", "--entitlement", "ReadBatteryStatus"];
    done(&run(&house, &grant(&driver)));
    assert_eq!(
        ["owner", "ben", "otto"].map(|who| read(&house, who)),
        [200, 200, 403]
    );
    let seen = run(&house, &["get", OWNED]);
    let said = String::from_utf8(seen.stderr).unwrap();
    let state = said.trim().strip_prefix("state ").unwrap();
    let told = done(&run(
        &house,
        &grant(&["--owner", "otto", "--if-state", state]),
    ));
    assert_eq!(told, "changed: owner: replaced; drivers: 1 -> 0\n");
    assert_eq!(
        ["owner", "ben", "otto"].map(|who| read(&house, who)),
        [403, 403, 200]
    );
    let late = run(&house, &grant(&["--owner", "eve", "--if-state", state]));
    refused(&late, 7, "changed meanwhile");
    done(&run(&house, &["suspend", OWNED, "--reason", "disputed"]));
    assert_eq!(read(&house, "otto"), 403);
    done(&run(&house, &["unsuspend", OWNED, "--reason", "settled"]));
    assert_eq!(read(&house, "otto"), 200);
    done(&run(&house, &revoke(&["--owner"])));
    assert_eq!(read(&house, "otto"), 403);
    // and it stays so over a crash, with who and why on a record that names nobody
    let House {
        gateway,
        upstream,
        tokens,
    } = house;
    let folder = gateway.kill();
    let history = fs::read_to_string(folder.path().join("switches/history.jsonl")).unwrap();
    for name in [OWNED, "otto", "ben", "eve"] {
        assert!(!history.contains(name), "{name}: {history}");
    }
    assert!(history.contains("a call of the owner"), "{history}");
    let plan = crate::support::Plan {
        config: MORE,
        ..crate::support::Plan::default()
    };
    let gateway = Gateway::start_again(&plan, folder);
    let house = House {
        upstream,
        tokens,
        gateway,
    };
    assert_eq!(
        ["owner", "ben", "otto"].map(|who| read(&house, who)),
        [403; 3]
    );
}

#[test]
fn without_the_role_nothing_changes() {
    let user = std::process::Command::new("id")
        .arg("-un")
        .output()
        .unwrap();
    let user = String::from_utf8(user.stdout).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([&shipped, &policies])
        .status();
    assert!(copied.unwrap().success());
    // who runs the tests has every role there is: none of them includes it
    let file = policies.join("admin/ownership.cedar");
    fs::write(&file, "// nobody\n").unwrap();
    fs::remove_file(policies.join("admin/cases/roles.toml")).unwrap(); // which say otherwise
    let set = format!("policies=\"{}\"", policies.display());
    let house = House::before(Upstream::start(), MORE, &[&set]);
    let driver = ["--driver", "ben", "--entitlement", "ReadBatteryStatus"];
    refused(&run(&house, &grant(&driver)), 5, "GrantOwnership");
    refused(&run(&house, &revoke(&["--owner"])), 5, "RevokeOwnership");
    refused(&run(&house, &["get", OWNED]), 5, "ViewOwnership");
    let old = house.gateway.folder.path().join("old.jsonl");
    fs::write(&old, "an earlier export").unwrap();
    let words = ["export", "-o", old.to_str().unwrap()];
    refused(&run(&house, &words), 5, "ExportOwnership");
    assert_eq!(fs::read_to_string(&old).unwrap(), "an earlier export");
    leaves_nothing(&house);
    assert_eq!([read(&house, "owner"), read(&house, "ben")], [200, 403]);
    let history = house.gateway.operate(&["switch", "history"]);
    let told = done(&history);
    let line = format!("{} was refused GrantOwnership", user.trim());
    assert!(told.contains(&line), "{told}");
}

/// No half of an export is left behind.
fn leaves_nothing(house: &House) {
    for entry in fs::read_dir(house.gateway.folder.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains("vingate-export"), "{name}");
    }
}

#[test]
fn an_export_is_the_same_with_and_without_a_gateway_and_can_be_imported() {
    let house = House::start();
    let at = |name: &str| house.gateway.folder.path().join(name).display().to_string();
    let (one, two) = (at("one.jsonl"), at("two.jsonl"));
    done(&run(&house, &["export", "-o", &one]));
    let text = fs::read_to_string(&one).unwrap();
    assert_eq!(text.lines().count(), 2);
    let mode = fs::metadata(&one).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(done(&run(&house, &["export"])), text);
    let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(first["vin"], OWNED, "in the order of VINs");
    let imported = done(&run(&house, &["import", &one]));
    assert_eq!(imported, "2 records imported\n");
    done(&run(&house, &["export", "-o", &two]));
    assert_eq!(fs::read_to_string(&two).unwrap(), text);
    leaves_nothing(&house);
    let (status, folder) = house.gateway.stop();
    assert!(status.success());
    assert_eq!(done(&alone(&folder, &["ownership", "export"])), text);
    let file = folder.path().join("two.jsonl").display().to_string();
    done(&alone(&folder, &["ownership", "import", &file]));
    recorded_both(&folder);
    // what can't be put on record is not shown
    let log = folder.path().join("switches");
    fs::remove_dir_all(&log).unwrap();
    fs::write(&log, "").unwrap();
    for words in [
        &["ownership", "export"][..],
        &["ownership", "import", &file],
    ] {
        let output = alone(&folder, words);
        refused(&output, 1, "nothing was done, since it can't be recorded");
        assert!(output.stdout.is_empty());
    }
}

/// `vingate WORDS` over the configuration of a gateway that was stopped.
fn alone(folder: &TempDir, words: &[&str]) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_vingate"))
        .args(words)
        .arg("-c")
        .arg(folder.path().join("vingate.toml"))
        .output()
        .unwrap()
}

/// An export and an import without a gateway are on record as its own are, in the same chain.
fn recorded_both(folder: &TempDir) {
    let history = fs::read_to_string(folder.path().join("switches/history.jsonl")).unwrap();
    let lines: Vec<Value> = history
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let [export, import] = &lines[lines.len() - 2..] else {
        panic!("two: {history}")
    };
    assert_eq!(
        [&export["what"], &import["what"]],
        ["ownership export", "ownership import"]
    );
    for line in [export, import] {
        assert_eq!(line["replica"], "none: by command");
        assert_eq!(line["outcome"], "done");
    }
    let changed = (&export["changed"], &import["changed"]["records"]);
    assert_eq!(changed, (&2.into(), &2.into()));
    done(&alone(folder, &["audit", "verify"]));
}

#[test]
fn a_snapshot_forgets_the_cars_that_it_leaves_out() {
    let house = House::start();
    let file = |name: &str, text: &str| {
        let file = house.gateway.folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let other = crate::vehicles()
        .lines()
        .find(|line| !line.contains(OWNED))
        .unwrap()
        .to_owned();
    let empty = file("empty.jsonl", "");
    refused(
        &run(&house, &["import", "--replace", &empty]),
        5,
        "empty snapshot",
    );
    assert_eq!(read(&house, "owner"), 200, "nothing was changed");
    let snapshot = file("snapshot.jsonl", &other);
    let both = ["import", "--replace", "--skip-bad", &snapshot];
    assert_eq!(run(&house, &both).status.code(), Some(2));
    done(&run(&house, &["import", &snapshot]));
    assert_eq!(read(&house, "owner"), 200, "an import leaves others alone");
    done(&run(&house, &["import", "--replace", &snapshot]));
    assert_eq!(read(&house, "owner"), 403);
}
