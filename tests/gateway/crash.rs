//! What is left when the gateway is killed, and does it end when it is told to?

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Mutex, mpsc};

use crate::record::verify;
use crate::support::client::{connect, get};
use crate::support::{Gateway, Plan, Upstream, post_form};
use crate::{House, MORE, OWNED};

#[test]
fn after_a_kill_every_command_that_reached_the_upstream_has_one_record() {
    let house = House::with(&["quotas.commands.quota=1000000"]);
    let (owner, edge) = (house.owner(), house.gateway.edge);
    let form = format!("VIN={OWNED}");
    let client = std::thread::spawn(move || {
        let post = || {
            std::panic::catch_unwind(|| {
                post_form(edge, "/gdc/ACRemoteRequest.php", Some(&owner), &form)
            })
        };
        while post().is_ok() {}
    });
    house.upstream.await_requests(20);
    let House {
        gateway, upstream, ..
    } = house;
    let folder = gateway.kill();
    client.join().unwrap();
    let (code, said) = verify(folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let again = Gateway::start_again(&Plan::default(), folder);
    let (code, said) = verify(again.folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    let mut records: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in again.audit() {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        records.entry(text("id")).or_default().push(text("outcome"));
    }
    let sent = upstream.requests().len();
    assert!(
        records.len() >= sent,
        "{sent} sent, {} recorded",
        records.len()
    );
    assert!(
        records.len() <= sent + 1,
        "one at most was stopped on its way"
    );
    for (id, outcomes) in &records {
        assert_eq!(outcomes.len(), 1, "{id}: {outcomes:?}");
        assert!(
            ["forwarded", "unknown"].contains(&outcomes[0].as_str()),
            "{outcomes:?}"
        );
    }
}

#[test]
fn a_board_outlives_a_kill_at_any_moment() {
    let mut house = House::start();
    let close = |id: u32| {
        let reason = format!("turn {id}");
        ["switch", "close", "--route", "static", "--reason"]
            .map(str::to_owned)
            .into_iter()
            .chain([reason])
            .collect::<Vec<_>>()
    };
    for turn in 0..8_u32 {
        let socket = house.gateway.folder.path().join("admin.sock");
        let words = if turn % 2 == 0 {
            close(turn)
        } else {
            ["switch", "open", "--route", "static"]
                .map(str::to_owned)
                .to_vec()
        };
        let mut operator = Command::new(env!("CARGO_BIN_EXE_vingate"))
            .args(words)
            .env("VINGATE_SOCKET", socket)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // a moment that differs from turn to turn
        std::thread::park_timeout(std::time::Duration::from_micros(1_500 * u64::from(turn)));
        let done = operator
            .try_wait()
            .unwrap()
            .is_some_and(|status| status.success());
        let folder = house.gateway.kill();
        operator.wait().unwrap();
        house.gateway = Gateway::start_again(&Plan::default(), folder);
        let said = house.gateway.stderr();
        assert!(!said.contains("refused"), "turn {turn}: {said}");
        let status = get(house.gateway.edge, "/owners/static/x", None).status;
        assert!([200, 503].contains(&status), "turn {turn}: {status}");
        if done {
            assert_eq!(status, if turn % 2 == 0 { 503 } else { 200 }, "turn {turn}");
        }
    }
}

#[test]
fn idle_connections_do_not_delay_the_end() {
    let house = House::with(&["limits.drain_timeout=1d", "limits.header_timeout=1d"]);
    let mut silent = connect(house.gateway.edge); // nothing was ever sent on it
    let mut idle = connect(house.gateway.edge);
    idle.write_all(b"GET /owners/static/x HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    let mut some = [0; 512];
    assert!(idle.read(&mut some).unwrap() > 0);
    let (status, _) = house.gateway.stop();
    assert_eq!(status.code(), Some(0));
    for client in [&mut idle, &mut silent] {
        client.read_to_end(&mut Vec::new()).ok();
    }
}

#[test]
fn a_stuck_request_is_cut_off_at_the_drain_time_out_and_recorded() {
    let (tell, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let upstream = Upstream::scripted(move |_, _| {
        told.lock().unwrap().recv().ok();
        false
    });
    let house = House::before(upstream, MORE, &["limits.drain_timeout=200ms"]);
    let form = format!("VIN={OWNED}");
    let command = house.head("POST", "/gdc/ACRemoteRequest.php")
        + &format!(
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        );
    let read = house.head("GET", &format!("/cars/{OWNED}/battery")) + "\r\n";
    let mut clients = Vec::new();
    for request in [command, read] {
        let mut client = connect(house.gateway.edge);
        client.write_all(request.as_bytes()).unwrap();
        clients.push(client);
        house.upstream.await_requests(clients.len());
    }
    let (status, folder) = house.gateway.stop();
    assert_eq!(status.code(), Some(0));
    let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    let outcomes: Vec<_> = text.matches("\"outcome\":\"unknown\"").collect();
    assert_eq!(outcomes.len(), 2, "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
    let again = Gateway::start_again(&Plan::default(), folder);
    assert_eq!(again.audit().len(), 2, "a second start adds none");
    let (code, said) = verify(again.folder.path(), &[]);
    assert_eq!(code, Some(0), "{said}");
    drop(tell);
}

/// Starts a second gateway over what the first one holds.
fn second(house: &House, set: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vingate"));
    command
        .args(["run", "-c"])
        .arg(house.gateway.folder.path().join("vingate.toml"));
    for set in set {
        command.args(["--set", set]);
    }
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_second_gateway_on_the_same_state_is_refused() {
    let house = House::start();
    let close = ["switch", "close", "--surface", "mobile", "--reason", "leak"];
    assert!(house.gateway.operate(&close).status.success());
    let elsewhere = tempfile::tempdir().unwrap();
    let away = |what: &str, name: &str| format!("{what}={}", elsewhere.path().join(name).display());
    let ownership = away("ownership.file", "ownership.redb");
    let audit = away("audit.file", "audit.jsonl");
    let switches = away("switches.directory", "switches");
    let socket = away("admin.socket", "admin.sock");
    let rows: [(&[&str], &str); 5] = [
        (&[], "another process"),
        (&[&switches], "ownership.redb"),
        (&[&ownership, &switches], "audit.jsonl"),
        (&[&ownership, &audit, &socket], "switches"),
        (&[&ownership, &audit, &switches], "admin.sock"),
    ];
    for (set, named) in rows {
        let (code, said) = second(&house, set);
        assert_eq!(code, Some(1), "{set:?}: {said}");
        assert!(said.contains(named), "{set:?}: {said}");
    }
    assert_eq!(house.read().status, 503, "the first one is as it was");
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
fn an_import_goes_on_while_requests_are_served() {
    let house = House::start();
    let lines = house.gateway.folder.path().join("more.jsonl");
    let mut text = String::new();
    for number in 0..3_000 {
        let vin = format!("SJNFAAZE0U7{number:06}");
        text += &serde_json::json!({"vin": vin, "owner": "owner", "drivers": [], "fleet": null,
            "region": "NE", "trim": "SV", "capabilities": ["climate"], "telematics": true})
        .to_string();
        text.push('\n');
    }
    std::fs::write(&lines, text).unwrap();
    std::thread::scope(|scope| {
        let import = scope.spawn(|| {
            house
                .gateway
                .operate(&["ownership", "import", lines.to_str().unwrap()])
        });
        while !import.is_finished() {
            assert_eq!(house.read().status, 200);
        }
        let output = import.join().unwrap();
        assert!(output.status.success(), "{output:?}");
    });
    let target = "/cars/SJNFAAZE0U7002999/battery";
    assert_eq!(
        get(house.gateway.edge, target, Some(&house.owner())).status,
        200
    );
}
