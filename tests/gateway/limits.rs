//! Does a flood leave those who are being served, and the operators, alone?

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::client::{connect, exchange, exchange_raw, get};
use crate::support::{Gateway, Plan};
use crate::{House, MORE, OWNED};

/// Reads one answer of `static` on a connection that stays open.
fn one_answer(client: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0; 1];
    while !bytes.ends_with(b"\r\n\r\nok") && client.read(&mut byte).unwrap_or(0) == 1 {
        bytes.push(byte[0]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

const READ: &[u8] = b"GET /owners/static/x HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn a_client_over_the_limit_waits_and_the_others_are_served() {
    let house = House::with(&["limits.connections=2", "limits.header_timeout=1d"]);
    let mut served: Vec<_> = (0..2).map(|_| connect(house.gateway.edge)).collect();
    for client in &mut served {
        client.write_all(READ).unwrap();
        assert!(one_answer(client).starts_with("HTTP/1.1 200"));
    }
    assert!((house.gateway.metric("vingate_connections") - 2.0).abs() < f64::EPSILON);
    let mut waiting = connect(house.gateway.edge);
    waiting.write_all(READ).unwrap();
    for client in &mut served {
        client.write_all(READ).unwrap();
        assert!(
            one_answer(client).starts_with("HTTP/1.1 200"),
            "a third one waits"
        );
    }
    let close = [
        "switch",
        "close",
        "--surface",
        "mobile",
        "--reason",
        "flood",
    ];
    let closed = house.gateway.operate(&close);
    assert!(closed.status.success(), "{closed:?}");
    assert_eq!(get(house.gateway.ops, "/readyz", None).status, 200);
    drop(served.pop());
    assert!(
        one_answer(&mut waiting).starts_with("HTTP/1.1 200"),
        "its turn came"
    );
}

#[test]
fn waiting_listeners_hold_no_place() {
    let house = House::with(&[
        "limits.connections=1",
        "listeners.second.address=127.0.0.1:0",
        "listeners.third.address=127.0.0.1:0",
    ]);
    for _ in 0..3 {
        assert_eq!(
            get(house.gateway.edge, "/owners/static/x", None).status,
            200
        );
    }
}

#[test]
fn a_body_that_drips_is_refused_at_its_deadline() {
    let house = House::with(&["limits.body_timeout=300ms"]);
    for path in ["/gdc/ACRemoteRequest.php", "/owners/static/upload"] {
        let mut client = connect(house.gateway.edge);
        let head = house.head("POST", path)
            + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nVIN=";
        client.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408"), "{path}: {answer}");
        assert!(answer.contains("request-timeout"), "{path}: {answer}");
    }
    let records = house.gateway.records(2);
    for record in &records {
        assert_eq!(record["code"], "request-timeout", "{record}");
    }
}

#[test]
fn a_flood_from_one_address_is_told_when_to_come_back() {
    let door = MORE.replace("100000", "5");
    let house = House::before(crate::Upstream::start(), &door, &[]);
    let answers: Vec<_> = (0..40)
        .map(|_| get(house.gateway.edge, "/owners/static/x", None))
        .collect();
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
    assert!(served.len() >= 5 && !refused.is_empty(), "{}", served.len());
    for answer in refused {
        assert_eq!(answer.status, 429, "{}", answer.text());
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!(wait >= 1);
    }
    assert_eq!(house.upstream.requests().len(), served.len());
    house.gateway.records(40);
}

#[test]
fn one_connection_carries_many_requests_each_with_its_own_answer() {
    let house = House::start();
    let mut client = connect(house.gateway.edge);
    for number in 0..200 {
        let foreign = number % 3 == 0;
        let vin = if foreign { crate::FOREIGN } else { OWNED };
        let request = house.head("GET", &format!("/cars/{vin}/battery")) + "\r\n";
        client.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let mut chunk = [0; 4096];
        while !(bytes.ends_with(b"ok") || bytes.ends_with(b"}")) {
            let read = client.read(&mut chunk).unwrap();
            assert_ne!(read, 0, "closed at request {number}");
            bytes.extend_from_slice(&chunk[..read]);
        }
        let text = String::from_utf8_lossy(&bytes);
        let status = if foreign {
            "HTTP/1.1 403"
        } else {
            "HTTP/1.1 200"
        };
        assert!(text.starts_with(status), "request {number}: {text}");
    }
    house.gateway.records(200);
}

#[test]
fn pipelined_requests_are_each_judged_or_the_connection_closes() {
    let house = House::start();
    let foreign = house.head("GET", &format!("/cars/{}/battery", crate::FOREIGN)) + "\r\n";
    let owned = house.head("GET", &format!("/cars/{OWNED}/battery")) + "\r\n";
    for (first, second, status) in [(&owned, &foreign, "200"), (&foreign, &owned, "403")] {
        house.upstream.clear();
        let before = house.gateway.audit().len();
        let mut client = connect(house.gateway.edge);
        client
            .write_all(format!("{first}{second}").as_bytes())
            .unwrap();
        client.shutdown(std::net::Shutdown::Write).ok();
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).ok();
        let text = String::from_utf8_lossy(&bytes);
        let answers = text.matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "the second was answered: {text}");
        assert!(text.is_empty() || text.contains(status), "{text}");
        house
            .gateway
            .until("the record", |g| (g.audit().len() > before).then_some(()));
        for seen in house.upstream.requests() {
            let seen = String::from_utf8_lossy(&seen).into_owned();
            assert!(!seen.contains(crate::FOREIGN), "{seen}");
        }
    }
}

#[test]
fn heads_that_drip_hold_no_place_for_long() {
    let house = House::with(&["limits.connections=2", "limits.header_timeout=300ms"]);
    let mut slow: Vec<_> = (0..4).map(|_| connect(house.gateway.edge)).collect();
    for client in &mut slow {
        client
            .write_all(b"GET /owners/static/x HTTP/1.1\r\nHo")
            .unwrap();
    }
    let answer = exchange_raw(house.gateway.edge, READ);
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "those before it were cut off"
    );
}

#[test]
fn a_flood_leaves_operators_their_open_files() {
    let house = House::start();
    let (_, folder) = house.gateway.stop();
    let gateway = Gateway::start_with_files(&Plan::default(), folder, 128);
    let carried = gateway.stderr();
    assert!(carried.contains("open files"), "{carried}");
    let _flood: Vec<_> = (0..140).map(|_| connect(gateway.edge)).collect();
    let close = [
        "switch",
        "close",
        "--surface",
        "mobile",
        "--reason",
        "flood",
    ];
    let closed = gateway.operate(&close);
    assert!(closed.status.success(), "{closed:?}");
    assert_eq!(get(gateway.ops, "/readyz", None).status, 200);
}

#[test]
fn a_streamed_body_that_states_too_much_is_refused_before_it_comes() {
    let house = House::start();
    let request = |length: u32| {
        format!(
            "POST /owners/static/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    };
    let answer = exchange(house.gateway.edge, request(1_048_577).as_bytes());
    assert_eq!(answer.status, 413, "{}", answer.text());
    let chunk = format!("{:x}\r\n{}\r\n", 600_000, "a".repeat(600_000));
    let chunked = format!(
        "POST /owners/static/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
    );
    let answer = exchange(house.gateway.edge, chunked.as_bytes());
    assert_eq!(
        answer.status, 413,
        "what states nothing is cut at the limit"
    );
    assert!(
        house.upstream.requests().is_empty(),
        "no whole request came"
    );
}
