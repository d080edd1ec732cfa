//! What holds when the disk is full, and is anything lost?

use std::path::Path;

use crate::record::verify;
use crate::support::client::get;
use crate::{House, MORE, OWNED, Upstream};

const CLOSE: [&str; 6] = ["switch", "close", "--surface", "mobile", "--reason", "leak"];

fn is_ready(house: &House) -> bool {
    get(house.gateway.ops, "/readyz", None).status == 200
}

#[test]
fn a_full_disk_refuses_commands_says_so_and_loses_nothing() {
    let house = House::with(&["quotas.commands.quota=1000"]);
    assert_eq!(house.command().status, 200);
    assert_eq!(house.read().status, 200);
    house.gateway.records(2);
    house.upstream.clear();
    house.gateway.fill_disk(1);
    let refused = house.command();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(
        refused.text().contains("dependency-unavailable"),
        "{}",
        refused.text()
    );
    house
        .gateway
        .until("the probe", |_| (!is_ready(&house)).then_some(()));
    let said = get(house.gateway.ops, "/readyz", None).text();
    assert!(said.contains("audit failed"), "{said}");
    assert_eq!(house.command().status, 503);
    assert_eq!(house.read().status, 200, "a place for its record is free");
    house.gateway.free_disk();
    house
        .gateway
        .until("the disk", |_| is_ready(&house).then_some(()));
    assert_eq!(house.command().status, 200);
    let records = house.gateway.records(6);
    let mut outcomes: Vec<_> = records
        .iter()
        .map(|r| r["outcome"].as_str().unwrap())
        .collect();
    outcomes.sort_unstable();
    assert_eq!(
        outcomes,
        [
            "denied",
            "denied",
            "forwarded",
            "forwarded",
            "forwarded",
            "forwarded"
        ]
    );
    assert_eq!(
        house.upstream.requests().len(),
        2,
        "a refused command reached the upstream"
    );
    let (code, said) = verify(house.gateway.folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn reads_are_refused_without_a_place_for_their_record() {
    assert_eq!(read_without_a_place("deny"), 503);
}

#[test]
fn reads_go_on_without_a_place_where_that_is_said() {
    assert_eq!(read_without_a_place("allow-reads"), 200);
}

/// The status of a read when 8,192 records, which is all that can, wait for the disk.
fn read_without_a_place(policy: &str) -> u16 {
    let set = format!("audit.when_unavailable={policy}");
    let set = [&*set, "limits.websockets=0"]; // each would have a place of its own
    let house = House::before(Upstream::start(), MORE, &set);
    house.gateway.fill_disk(0);
    let edge = house.gateway.edge;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| keep_alive(edge, 2_100));
        }
    });
    assert_eq!(house.command().status, 503, "{policy}");
    get(edge, "/owners/static/x", None).status
}

/// So many requests on one connection; each is answered.
fn keep_alive(edge: std::net::SocketAddr, count: usize) {
    use std::io::{BufRead, BufReader, Read, Write};
    let stream = crate::support::client::connect(edge);
    let mut answers = BufReader::new(stream.try_clone().unwrap());
    let mut requests = stream;
    for _ in 0..count {
        requests
            .write_all(b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n")
            .unwrap();
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(answers.read_line(&mut line).unwrap() > 0, "closed");
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        answers.read_exact(&mut vec![0; length]).unwrap();
    }
}

#[test]
fn closing_works_on_a_full_disk_and_says_that_it_will_not_last() {
    let house = House::start();
    house.gateway.fill_disk(0);
    let closed = house.gateway.operate(&CLOSE);
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&closed.stdout),
        String::from_utf8_lossy(&closed.stderr)
    );
    assert_eq!(house.read().status, 503, "{said}");
    assert!(
        said.contains("not durable") || said.contains("not on disk") || said.contains("restart"),
        "{said}"
    );
    let opened = house
        .gateway
        .operate(&["switch", "open", "--surface", "mobile"]);
    assert!(!opened.status.success(), "{opened:?}");
    assert_eq!(
        house.read().status,
        503,
        "what can't be written does not open"
    );
    house.gateway.free_disk();
    assert!(
        house
            .gateway
            .operate(&["switch", "open", "--surface", "mobile"])
            .status
            .success()
    );
    assert_eq!(house.read().status, 200);
}

#[test]
fn rotation_loses_nothing() {
    let house = House::with(&["quotas.commands.quota=1000000"]);
    let folder = house.gateway.folder.path().to_owned();
    let (owner, edge) = (house.owner(), house.gateway.edge);
    std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let target = format!("/cars/{OWNED}/battery");
            for _ in 0..60 {
                assert_eq!(get(edge, &target, Some(&owner)).status, 200);
                assert_eq!(house.command().status, 200);
            }
        });
        let mut turn = 0;
        while !client.is_finished() && turn < 5 {
            turn += 1;
            let file = folder.join("audit.jsonl");
            let holds_some = || std::fs::metadata(&file).is_ok_and(|found| found.len() > 0);
            house.gateway.until("a record", |_| {
                (holds_some() || client.is_finished()).then_some(())
            });
            std::fs::rename(&file, folder.join(format!("audit.{turn}"))).unwrap();
            house.gateway.signal("HUP");
            house
                .gateway
                .until("the new file", |_| file.exists().then_some(()));
        }
    });
    let (status, folder) = house.gateway.stop();
    assert!(status.success());
    let files = logs(folder.path());
    let mut lines = Vec::new();
    for file in &files {
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        lines.extend(text.lines().map(str::to_owned));
    }
    assert_eq!(lines.len(), 120);
    for line in &lines {
        assert!(line.contains("\"outcome\":\"forwarded\""), "{line}");
    }
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    check_chain(folder.path(), &files);
    let again = crate::support::Gateway::start_again(&crate::support::Plan::default(), folder);
    for record in again.audit() {
        assert_ne!(record["outcome"], "unknown", "{record}");
    }
}

/// The rotated files in their order, then the newest.
fn logs(folder: &Path) -> Vec<String> {
    let rotated = (1..6).map(|turn| format!("audit.{turn}"));
    let mut names: Vec<_> = rotated.filter(|name| folder.join(name).exists()).collect();
    names.push("audit.jsonl".to_owned());
    names
}

fn check_chain(folder: &Path, files: &[&str]) {
    let (code, said) = verify(folder, files);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("note"), "{said}");
    let (code, said) = verify(folder, &files[1..]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("continued from another file"), "{said}");
    let without_the_second = [&files[..1], &files[2..]].concat();
    let (code, said) = verify(folder, &without_the_second);
    assert_eq!(code, Some(4), "{said}");
}

/// So many vehicles of `owner`, as `vingate ownership import` reads them.
fn many(count: u32) -> String {
    let line = |number| {
        let vin = format!("SJNFAAZE0U7{number:06}");
        let vehicle = serde_json::json!({"vin": vin, "owner": "owner", "drivers": [],
            "fleet": null, "region": "NE", "trim": "SV", "capabilities": [], "telematics": true});
        format!("{vehicle}\n")
    };
    (0..count).map(line).collect()
}

#[test]
fn an_import_that_finds_no_space_leaves_the_directory_as_it_was() {
    let house = House::start();
    let lines = house.gateway.folder.path().join("more.jsonl");
    std::fs::write(&lines, many(20_000)).unwrap();
    let import = ["ownership", "import", lines.to_str().unwrap()];
    let file = house.gateway.folder.path().join("ownership.redb");
    house
        .gateway
        .fill_disk(std::fs::metadata(file).unwrap().len());
    let refused = house.gateway.operate(&import);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    house.gateway.free_disk();
    assert_eq!(house.read().status, 200, "{}", house.gateway.stderr());
    let target = "/cars/SJNFAAZE0U7000001/battery";
    let owner = house.owner();
    assert_eq!(
        get(house.gateway.edge, target, Some(&owner)).status,
        403,
        "nothing came in"
    );
    let imported = house.gateway.operate(&import);
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(get(house.gateway.edge, target, Some(&owner)).status, 200);
}
