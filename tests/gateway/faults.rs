//! What becomes of a request when the client or the upstream fails in the middle of it?
//!
//! Each row ends with exactly one record, and with no connection left behind.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use crate::support::Upstream;
use crate::support::client::{connect, get, post_form};
use crate::{House, MORE, OWNED};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn form_head(house: &House, path: &str, length: usize) -> String {
    format!(
        "{}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n",
        house.head("POST", path)
    )
}

/// No connection of a client is left.
fn all_closed(house: &House) {
    let open = |gateway: &crate::Gateway| gateway.metric("vingate_connections");
    house.gateway.until("all connections to end", |gateway| {
        (open(gateway) == 0.0).then_some(())
    });
}

#[test]
fn a_client_that_leaves_during_its_body_leaves_one_record_and_no_connection() {
    let house = House::start();
    for path in ["/gdc/ACRemoteRequest.php", "/owners/static/upload"] {
        let mut client = connect(house.gateway.edge);
        let head = form_head(&house, path, 100);
        client.write_all(head.as_bytes()).unwrap();
        client.write_all(b"VIN=").unwrap();
        drop(client);
    }
    let records = house.gateway.records(2);
    for record in &records {
        let outcome = record["outcome"].as_str().unwrap();
        assert!(["denied", "aborted"].contains(&outcome), "{record}");
    }
    all_closed(&house);
    let commands = house.upstream.requests();
    assert!(commands.is_empty(), "half a request is no request");
}

#[test]
fn a_client_that_leaves_while_the_upstream_is_silent_leaves_one_record() {
    let (tell, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let upstream = Upstream::scripted(move |_, _| {
        told.lock().unwrap().recv().ok(); // silent until the test is over
        false
    });
    let house = House::before(upstream, MORE, &[]);
    let form = format!("VIN={OWNED}");
    let command = form_head(&house, "/gdc/ACRemoteRequest.php", form.len()) + &form;
    let read = house.head("GET", &format!("/cars/{OWNED}/battery")) + "\r\n";
    for (index, request) in [command, read].iter().enumerate() {
        let mut client = connect(house.gateway.edge);
        client.write_all(request.as_bytes()).unwrap();
        house.upstream.await_requests(index + 1);
        drop(client);
        let records = house.gateway.records(index + 1);
        assert_eq!(records[index]["outcome"], "aborted", "{records:?}");
    }
    all_closed(&house);
    drop(tell);
}

#[test]
fn a_client_that_leaves_during_the_answer_leaves_one_record() {
    let (tell, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let upstream = Upstream::scripted(move |stream, _| {
        let started = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
        told.lock().unwrap().recv().ok();
        started.is_ok() && stream.write_all(b"other").is_err()
    });
    let house = House::before(upstream, MORE, &[]);
    let mut client = connect(house.gateway.edge);
    let read = house.head("GET", "/owners/static/x") + "\r\n";
    client.write_all(read.as_bytes()).unwrap();
    let mut some = [0; 512];
    assert!(client.read(&mut some).unwrap() > 0);
    client.shutdown(Shutdown::Both).unwrap();
    drop(client);
    let records = house.gateway.records(1);
    assert_eq!(records[0]["outcome"], "aborted", "{records:?}");
    assert_eq!(records[0]["status"], 200, "what the client got");
    all_closed(&house);
    drop(tell);
}

#[test]
fn an_upstream_that_fails_is_told_apart_and_a_command_is_sent_once() {
    let large: &'static [u8] = Box::leak(
        format!("HTTP/1.1 200 OK\r\nX-Large: {}\r\n", "a".repeat(2_000_000))
            .into_bytes()
            .into_boxed_slice(),
    );
    let rows: [(&str, &'static [u8]); 5] = [
        ("nothing", b""),
        ("half a head", b"HTTP/1.1 200 OK\r\nContent-Le"),
        ("garbage", b"\x00\x01\x02 nonsense\r\n\r\n"),
        ("an enormous header", large),
        (
            "an upgrade",
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        ),
    ];
    for (what, bytes) in rows {
        let house = House::before(Upstream::saying(bytes), MORE, &[]);
        let answer = house.command();
        assert_eq!(answer.status, 502, "{what}: {}", answer.text());
        assert_eq!(house.upstream.requests().len(), 1, "{what}");
        let answer = house.read();
        assert_eq!(answer.status, 502, "{what}: {}", answer.text());
        let problem = answer.text();
        assert!(
            problem.contains("urn:vingate:problem:"),
            "{what}: {problem}"
        );
        house.gateway.records(2);
        all_closed(&house);
    }
}

#[test]
fn half_an_answer_is_not_passed_off_as_a_whole_one() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    let house = House::before(Upstream::saying(half), MORE, &[]);
    let mut client = connect(house.gateway.edge);
    let read = house.head("GET", "/owners/static/x") + "\r\n";
    client.write_all(read.as_bytes()).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).ok(); // it ends early, however
    let text = String::from_utf8_lossy(&answer);
    assert!(
        text.to_lowercase().contains("content-length: 9") || text.contains(" 502"),
        "{text}"
    );
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
    let records = house.gateway.records(1);
    assert_ne!(records[0]["outcome"], "forwarded", "{records:?}");
    all_closed(&house);
}

#[test]
fn an_early_hint_comes_before_the_answer() {
    let said = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let house = House::before(Upstream::saying(said), MORE, &[]);
    let mut client = connect(house.gateway.edge);
    let read = house.head("GET", "/owners/static/x") + "Connection: close\r\n\r\n";
    client.write_all(read.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(
        answer.contains("HTTP/1.1 200") && answer.ends_with("ok"),
        "{answer}"
    );
    let records = house.gateway.records(1);
    assert_eq!(records[0]["outcome"], "forwarded", "{records:?}");
    assert_eq!(records[0]["status"], 200);
}

#[test]
fn a_silent_upstream_is_a_timeout() {
    let (tell, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let upstream = Upstream::scripted(move |_, _| {
        told.lock().unwrap().recv().ok();
        false
    });
    let house = House::before(upstream, MORE, &["upstreams.telematics.read_timeout=200ms"]);
    let answers = [house.command(), house.read()];
    for answer in answers {
        assert_eq!(answer.status, 504, "{}", answer.text());
    }
    assert_eq!(house.upstream.requests().len(), 2, "each once");
    house.gateway.records(2);
    drop(tell);
}

#[test]
fn an_upstream_that_closes_between_requests_gets_a_read_again_and_a_command_once() {
    let upstream = Upstream::scripted(|stream, _| stream.write_all(OK).is_err());
    let house = House::before(upstream, MORE, &["quotas.commands.quota=1000"]);
    for turn in 0..10 {
        house.upstream.clear();
        let answer = house.read();
        assert_eq!(answer.status, 200, "turn {turn}: {}", answer.text());
        let answer = house.command();
        let sent = house.upstream.requests();
        let sent = sent
            .iter()
            .filter(|request| request.starts_with(b"POST"))
            .count();
        match answer.status {
            200 => assert_eq!(sent, 1, "turn {turn}"),
            502 => assert!(sent <= 1, "turn {turn}: sent {sent} times"),
            other => panic!("turn {turn}: {other}"),
        }
    }
}

#[test]
fn a_dead_address_costs_no_request() {
    let upstream = Upstream::start();
    let addresses = format!(
        "upstreams.telematics.addresses=[\"127.0.0.1:1\", \"{}\", \"127.0.0.2:1\"]",
        upstream.address
    );
    let house = House::before(upstream, MORE, &[&addresses, "quotas.commands.quota=1000"]);
    let house = Arc::new(house);
    for _ in 0..4 {
        assert_eq!(house.read().status, 200);
        assert_eq!(house.command().status, 200);
    }
    assert_eq!(house.upstream.requests().len(), 8, "each once");
    // many at once: the turn of one must not lead another to the dead address again
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let house = Arc::clone(&house);
            std::thread::spawn(move || {
                let (owner, form) = (house.owner(), format!("VIN={OWNED}"));
                let edge = house.gateway.edge;
                let read = || get(edge, "/owners/static/x", None).status;
                let path = "/gdc/ACRemoteRequest.php";
                let command = || post_form(edge, path, Some(&owner), &form).status;
                (0..50)
                    .flat_map(|_| [read(), command()])
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    for client in clients {
        let statuses = client.join().unwrap();
        assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    }
}
