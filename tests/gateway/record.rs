//! Is there exactly one record a request, and nothing personal in it?

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::client::{exchange, get, post_form};
use crate::support::{Answer, Gateway, Plan};
use crate::{FOREIGN, House, OWNED};

/// `vingate audit verify` over a gateway's folder, or over these files of it: its exit code, and
/// all that it says.
pub(crate) fn verify(folder: &Path, files: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vingate"))
        .args(["audit", "verify", "-c"])
        .arg(folder.join("vingate.toml"))
        .args(files.iter().map(|file| match *file {
            "--chain-key" => file.into(),
            file => folder.join(file),
        }))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    (output.status.code(), said)
}

/// The records of a log, one an answer. Each is written after its answer was sent: the answers say in
/// which order they were asked for.
fn in_order(answers: &[Answer], log: &str) -> Vec<serde_json::Value> {
    let written: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(written.len(), answers.len(), "{log}");
    let of = |answer: &Answer| {
        let id = answer.header("x-request-id").unwrap();
        let mut found = written.iter().filter(|record| record["id"] == id);
        found.next().unwrap().clone()
    };
    answers.iter().map(of).collect()
}

#[test]
fn every_request_has_one_record_and_no_record_has_a_vin() {
    let house = House::start();
    let (owner, edge) = (house.owner(), house.gateway.edge);
    let form = format!("VIN={OWNED}&Password=hunter2");
    let answers = [
        get(edge, &format!("/cars/{OWNED}/battery"), Some(&owner)),
        get(edge, &format!("/cars/{FOREIGN}/battery"), Some(&owner)),
        get(edge, &format!("/cars/{OWNED}/battery"), None),
        get(edge, "/nowhere", None),
        get(edge, "/owners/static/../x", None),
        post_form(edge, "/gdc/ACRemoteRequest.php", Some(&owner), &form),
        exchange(edge, b"\x00garbage\r\n\r\n"),
    ];
    let edge_stderr = house.gateway.stderr();
    let (status, folder) = house.gateway.stop();
    assert!(status.success());
    let text = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let records = in_order(&answers, &text);
    let outcomes: Vec<_> = records
        .iter()
        .map(|record| record["outcome"].clone())
        .collect();
    assert_eq!(
        outcomes,
        [
            "forwarded",
            "denied",
            "denied",
            "denied",
            "denied",
            "forwarded",
            "denied"
        ],
        "{text}"
    );
    for secret in [
        OWNED,
        FOREIGN,
        "hunter2",
        owner.as_str(),
        "\"subject\":\"owner\"",
        "/cars/",
    ] {
        assert!(!text.contains(secret), "`{secret}` in the audit log");
        assert!(!edge_stderr.contains(secret), "`{secret}` in the log");
    }
    assert_eq!(
        records[0]["vin"],
        records[2 + 3]["vin"],
        "one car, one pseudonym"
    );
    assert_ne!(records[0]["vin"], records[1]["vin"]);
}

#[test]
fn the_request_id_leads_to_the_record() {
    let house = House::start();
    let answer = get(
        house.gateway.edge,
        &format!("/cars/{FOREIGN}/battery"),
        Some(&house.owner()),
    );
    let id = answer.header("x-request-id").unwrap().to_owned();
    let (_, folder) = house.gateway.stop();
    let text = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let record = text.lines().find(|line| line.contains(&id)).unwrap();
    assert!(record.contains("access-denied"), "{record}");
}

#[test]
fn a_refusal_and_a_command_are_explained_by_their_records() {
    let house = House::start();
    let (owner, edge) = (house.owner(), house.gateway.edge);
    let refused = get(edge, &format!("/cars/{FOREIGN}/battery"), Some(&owner));
    let form = format!("VIN={OWNED}");
    let command = post_form(edge, "/gdc/ACRemoteRequest.php", Some(&owner), &form);
    let read = get(edge, &format!("/cars/{OWNED}/battery"), Some(&owner));
    let (_, folder) = house.gateway.stop();
    let text = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let explain = |answer: &Answer| {
        let id = answer.header("x-request-id").unwrap();
        let record = text.lines().find(|line| line.contains(id)).unwrap();
        let file = folder.path().join("one.jsonl");
        fs::write(&file, format!("{record}\n")).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_vingate"))
            .args(["policy", "explain", "--record"])
            .arg(&file)
            .arg("-c")
            .arg(folder.path().join("vingate.toml"))
            .output()
            .unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), said)
    };
    let (code, said) = explain(&refused);
    assert_eq!(code, Some(0), "{said}");
    for part in [
        "not permitted: no policy permits it",
        "nearest permit: @id(",
        "does not hold: when ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("note:") && !said.contains(FOREIGN), "{said}");
    let (code, said) = explain(&command);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("permitted by @id(\"owner.own-car\")"),
        "{said}"
    );
    assert!(!said.contains("note:"), "{said}");
    let (code, said) = explain(&read);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("holds no facts"), "{said}");
}

/// The metrics as soon as they say so: a request is counted after its answer is sent.
fn metrics_once(house: &House, say: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    for _ in 0..1_000 {
        text = get(house.gateway.ops, "/metrics", None).text();
        if say(&text) {
            return text;
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    assert!(say(&text), "not counted:\n{text}");
    text
}

#[test]
fn the_metrics_count_and_name_no_vehicle() {
    let house = House::start();
    get(
        house.gateway.edge,
        &format!("/cars/{OWNED}/battery"),
        Some(&house.owner()),
    );
    get(
        house.gateway.edge,
        &format!("/cars/{FOREIGN}/battery"),
        Some(&house.owner()),
    );
    house.gateway.records(2); // a request is counted when it ended, after its answer
    let metrics = get(house.gateway.ops, "/metrics", None);
    assert_eq!(metrics.status, 200);
    let text = metrics_once(&house, |text| {
        let counted = |code: &str| {
            text.lines().any(|line| {
                line.starts_with("vingate_decisions")
                    && line.contains(r#"http_route="battery""#)
                    && line.contains(&format!(r#"vingate_code="{code}""#))
                    && line.ends_with(" 1")
            })
        };
        counted("forwarded") && counted("access-denied")
    });
    assert!(!text.contains(OWNED) && !text.contains(FOREIGN), "{text}");
    assert_eq!(get(house.gateway.ops, "/livez", None).status, 200);
    let ready = get(house.gateway.ops, "/readyz", None);
    assert_eq!(ready.status, 200, "{}", ready.text());
}

#[test]
fn a_line_that_is_missing_or_altered_is_found() {
    let house = House::start();
    for _ in 0..4 {
        house.read();
    }
    house.gateway.records(4);
    let (code, said) = verify(house.gateway.folder.path(), &[]);
    assert_eq!(code, Some(0), "while it runs: {said}");
    let (_, folder) = house.gateway.stop();
    let file = folder.path().join("audit.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let altered = whole.replacen("\"outcome\":\"forwarded\"", "\"outcome\":\"denied\"", 1);
    let table = [
        (altered, "audit.jsonl:1: line n=`1` was altered"),
        (
            [lines[0], lines[2], lines[3], ""].join("\n"),
            "audit.jsonl:2: lines n=`2` to n=`2`",
        ),
        ([lines[0], lines[1], ""].join("\n"), "missing at the end"),
        (
            [lines[1], lines[2], lines[3], ""].join("\n"),
            "audit.jsonl:1: line n=`2` opens no file",
        ),
        (String::new(), "n=`1` to n=`4` are missing at the end"),
    ];
    for (text, told) in table {
        fs::write(&file, text).unwrap();
        let (code, said) = verify(folder.path(), &[]);
        assert_eq!(code, Some(4), "{told}: {said}");
        assert!(said.contains(told), "{told}: {said}");
    }
    fs::write(&file, "no log\n").unwrap();
    fs::remove_file(folder.path().join("audit.jsonl.head")).unwrap();
    assert_eq!(verify(folder.path(), &[]).0, Some(3));
}

#[test]
fn what_is_cut_off_between_two_starts_stays_found() {
    let house = House::start();
    house.read();
    house.read();
    house.gateway.records(2);
    let (_, folder) = house.gateway.stop();
    let file = folder.path().join("audit.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    let first = whole.split_inclusive('\n').next().unwrap();
    fs::write(&file, first).unwrap();
    let again = Gateway::start_again(&Plan::default(), folder);
    assert!(
        again.stderr().contains("lines are missing"),
        "{}",
        again.stderr()
    );
    get(again.edge, "/nowhere", None);
    again.records(2);
    let (code, said) = verify(again.folder.path(), &[]);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("audit.jsonl:2: lines n=`2` to n=`2` are missing"),
        "{said}"
    );
}

#[test]
fn a_log_under_two_keys_is_checked_with_both() {
    let house = House::start();
    house.read();
    house.gateway.records(1);
    let (_, folder) = house.gateway.stop();
    let key = folder.path().join("pseudonym.key");
    fs::copy(&key, folder.path().join("old.key")).unwrap();
    fs::write(&key, [9; 32]).unwrap();
    let again = Gateway::start_again(&Plan::default(), folder);
    get(again.edge, "/nowhere", None);
    again.records(2);
    let (_, folder) = again.stop();
    let (code, said) = verify(folder.path(), &[]);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("audit.jsonl:1: chained with another key"),
        "{said}"
    );
    let old = folder.path().join("old.key");
    let (code, said) = verify(folder.path(), &["--chain-key", old.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
}
