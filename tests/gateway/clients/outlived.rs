//! What becomes of a connection that outlives what its certificate was verified by?

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::Command;

use rustls::HandshakeKind;

use super::{House, commands};
use crate::support::Answer;
use crate::support::certificates::{Authority, Freshness};
use crate::support::client::is_whole;
use crate::support::frames::{END_STREAM, HEADERS, Http2, Tls, connect_as};
use crate::{FOREIGN, OWNED};

/// One more request on a connection.
fn ask(tls: &mut Tls, vin: &str) -> Answer {
    let target = commands(vin);
    write!(tls, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let (mut answer, mut chunk) = (Vec::new(), [0; 8192]);
    while !is_whole(&answer, false) {
        match tls.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(read) => answer.extend_from_slice(&chunk[..read]),
        }
    }
    Answer::parse(&answer)
}

/// The first byte of a header block that begins with `:status: 200` (RFC 7541, A).
const STATUS_200: u8 = 0x88;

/// The first byte of the answer to one more request on a connection.
fn stream(http2: &mut Http2, stream: u32) -> Option<u8> {
    let path = commands(OWNED);
    let fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", &path),
    ];
    http2.send_head(stream, END_STREAM, &fields);
    let head = http2.until(stream, HEADERS);
    head.and_then(|head| head.payload.first().copied())
}

/// How many of the records are of a revoked certificate, once there are so many of requests.
fn revoked(house: &House, requests: usize) -> usize {
    let records = house.gateway.records(requests);
    let revoked = |record: &&serde_json::Value| record["reason"] == "certificate-revoked";
    records.iter().filter(revoked).count()
}

#[test]
fn a_connection_that_outlives_its_revocation_is_refused() {
    let house = House::new("required");
    let (car, other) = (house.car(OWNED), house.car(FOREIGN));
    let edge = house.gateway.edge;
    let config = house.client(&car, b"http/1.1");
    let mut connections = [(); 2].map(|()| {
        let mut connection = connect_as(edge, &config);
        assert_eq!(ask(&mut connection, OWNED).status, 200);
        connection
    });
    let kinds = connections.each_ref().map(|it| it.conn.handshake_kind());
    assert_eq!(kinds[1], Some(HandshakeKind::Resumed), "{kinds:?}");
    let mut http2 = Http2::over(connect_as(edge, &house.client(&car, b"h2")));
    assert_eq!(stream(&mut http2, 1), Some(STATUS_200));
    let mut bystander = connect_as(edge, &house.client(&other, b"http/1.1"));
    assert_eq!(ask(&mut bystander, FOREIGN).status, 200);
    let served = house.upstream.requests().len();

    house.cars.revoke(&[&car], Freshness::Fresh);
    house.reload("reloaded", 1);
    for connection in &mut connections {
        let answer = ask(connection, OWNED);
        let told = answer.text();
        assert!(answer.status == 401 && !told.contains("revoked"), "{told}");
    }
    assert_ne!(stream(&mut http2, 3), Some(STATUS_200));
    let anew = house.status(Some(&car), &[], &commands(OWNED));
    assert_eq!(anew, None, "no handshake any more");
    assert_eq!(house.upstream.requests().len(), served);
    let goes_on = ask(&mut bystander, FOREIGN).status;
    assert_eq!((goes_on, revoked(&house, 8)), (200, 3));
}

#[test]
fn a_session_that_could_be_resumed_is_not_after_a_revocation() {
    let house = House::new("required");
    let car = house.car(OWNED);
    let edge = house.gateway.edge;
    let config = house.client(&car, b"http/1.1");
    assert_eq!(ask(&mut connect_as(edge, &config), OWNED).status, 200);
    house.cars.revoke(&[&car], Freshness::Fresh);
    house.reload("reloaded", 1);
    let mut again = connect_as(edge, &config);
    let target = commands(OWNED);
    write!(again, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").ok();
    let mut answer = Vec::new();
    again.read_to_end(&mut answer).ok();
    let answer = String::from_utf8_lossy(&answer);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(house.upstream.requests().len(), 1);
}

#[test]
fn a_list_or_an_authority_that_cannot_be_read_changes_nothing() {
    let house = House::new("required");
    let (car, list) = (house.car(OWNED), list(&house));
    let good = fs::read(&list).unwrap();
    fs::write(&list, "nothing").unwrap();
    house.reload("reload refused", 1);
    let said = house.gateway.stderr();
    assert!(said.contains("certificates.tcu.crl_files"), "{said}");
    assert_eq!(
        house.status(Some(&car), &[], &commands(OWNED)).as_deref(),
        Some("200")
    );
    let config = house.gateway.folder.path().join("vingate.toml");
    let output = Command::new(env!("CARGO_BIN_EXE_vingate"))
        .args(["check", "-c"])
        .arg(config)
        .args(["--set", &house.listener])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("certificates.tcu.crl_files"), "{told}");
    // an authority that is gone takes its cars along, on connections that are open too
    fs::write(&list, good).unwrap();
    let mut open = connect_as(house.gateway.edge, &house.client(&car, b"http/1.1"));
    assert_eq!(ask(&mut open, OWNED).status, 200);
    let folder = house.folder.path().join("successor");
    fs::create_dir(&folder).unwrap();
    let successor = Authority::new(&folder);
    fs::copy(&successor.file, &house.cars.file).unwrap();
    fs::copy(successor.revoke(&[], Freshness::Fresh), &list).unwrap();
    house.reload("reloaded", 1);
    assert_eq!(ask(&mut open, OWNED).status, 401);
    assert_eq!(house.status(Some(&car), &[], &commands(OWNED)), None);
}

fn list(house: &House) -> PathBuf {
    house.cars.file.with_file_name("revoked.pem")
}

#[test]
fn a_list_that_is_too_old_lets_nobody_in_and_stops_nothing_else() {
    let house = House::new("optional");
    let car = house.car(OWNED);
    let healthy = house
        .gateway
        .metric("vingate_certificates_list_seconds_left");
    assert!((80_000.0..=86_400.0).contains(&healthy), "{healthy}");
    house.cars.revoke(&[], Freshness::Old);
    house.reload("reloaded", 1);
    assert_eq!(house.status(Some(&car), &[], &commands(OWNED)), None);
    let left = house
        .gateway
        .metric("vingate_certificates_list_seconds_left");
    assert!(left < 1.0, "{left}");
    let page = house.status(None, &[], "/owners/static/x");
    assert_eq!(
        page.as_deref(),
        Some("200"),
        "who needs no certificate is served"
    );
}
