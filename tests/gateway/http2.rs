//! Is a request judged the same when it comes by HTTP/2?

use std::io::Write;

use crate::support::frames::{self, Http2};
use crate::support::{Upstream, client::connect};
use crate::tls::TlsHouse;
use crate::{FOREIGN, OWNED};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

#[test]
fn owner_and_stranger_by_http2() {
    let tls = TlsHouse::with(&[]);
    let bearer = tls.bearer();
    let get = |target: &str| tls.curl(&["--http2", "-H", &bearer], target);
    assert_eq!(get(&format!("/cars/{OWNED}/battery")), "ok\n2 200");
    let denied = get(&format!("/cars/{FOREIGN}/battery"));
    assert!(
        denied.contains("access-denied") && denied.ends_with("2 403"),
        "{denied}"
    );
    let form = format!("VIN={OWNED}");
    let command = ["--http2", "-H", &bearer, "--data", &form];
    assert_eq!(tls.curl(&command, "/gdc/ACRemoteRequest.php"), "ok\n2 200");
    let form = format!("VIN={FOREIGN}");
    let command = ["--http2", "-H", &bearer, "--data", &form];
    assert!(
        tls.curl(&command, "/gdc/ACRemoteRequest.php")
            .ends_with("2 403")
    );
    assert_eq!(tls.house.upstream.requests().len(), 2);
    let records = tls.house.gateway.records(4);
    assert!(
        records
            .iter()
            .all(|record| record["address"] == "127.0.0.1"),
        "{records:?}"
    );
}

#[test]
fn a_read_with_a_body_and_what_is_too_large_are_refused_by_http2() {
    let tls = TlsHouse::with(&[]);
    let bearer = tls.bearer();
    let body = tls.house.gateway.folder.path().join("body");
    let post = |length: usize, target: &str| {
        std::fs::write(&body, format!("VIN={OWNED}&x={}", "a".repeat(length))).unwrap();
        let file = format!("@{}", body.display());
        tls.curl(
            &["--http2", "-H", &bearer, "-H", FORM, "--data-binary", &file],
            target,
        )
    };
    let read = ["--http2", "-H", &bearer, "-X", "GET", "--data", "a=1"];
    let said = tls.curl(&read, &format!("/cars/{OWNED}/battery"));
    assert!(
        said.contains("malformed-request") && said.ends_with("2 400"),
        "{said}"
    );
    let large = format!("X-Large: {}", "a".repeat(20_000));
    let said = tls.curl(
        &["--http2", "-H", &bearer, "-H", &large],
        "/owners/static/x",
    );
    assert!(
        said.contains("header-too-large") && said.ends_with("2 431"),
        "{said}"
    );
    assert!(tls.house.upstream.requests().is_empty());
    assert!(post(60_000, "/gdc/BatteryStatusRecordsRequest.php").ends_with("2 200"));
    tls.house.gateway.records(3);
}

fn fields<'a>(
    method: &'a str,
    path: &'a str,
    more: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        (":method", method),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", path),
    ];
    fields.extend(more);
    fields
}

#[test]
fn a_body_without_a_length_on_a_read_is_refused_by_http2() {
    let tls = TlsHouse::with(&[]);
    let bearer = format!("Bearer {}", tls.house.owner());
    let path = format!("/cars/{OWNED}/battery");
    let mut connection = Http2::start(tls.house.gateway.edge, &tls.authority);
    connection.send_head(1, 0, &fields("GET", &path, &[("authorization", &bearer)]));
    connection.send(
        frames::DATA,
        frames::END_STREAM,
        1,
        b"VIN=SJNFAAZE0U6054321",
    );
    assert!(connection.until(1, frames::HEADERS).is_some());
    let records = tls.house.gateway.records(1);
    assert_eq!(records[0]["code"], "malformed-request", "{records:?}");
    assert!(tls.house.upstream.requests().is_empty());
}

#[test]
fn a_stream_that_the_client_resets_has_one_record() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let told = std::sync::Mutex::new(told);
    let upstream = Upstream::scripted(move |_, _| {
        told.lock().unwrap().recv().ok();
        false
    });
    let tls = TlsHouse::before(upstream, &[]);
    let bearer = format!("Bearer {}", tls.house.owner());
    let path = format!("/cars/{OWNED}/battery");
    let mut connection = Http2::start(tls.house.gateway.edge, &tls.authority);
    let read = fields("GET", &path, &[("authorization", &bearer)]);
    connection.send_head(1, frames::END_STREAM, &read);
    tls.house.upstream.await_requests(1);
    connection.send(frames::RESET, 0, 1, &8_u32.to_be_bytes());
    let records = tls.house.gateway.records(1);
    assert_eq!(records[0]["outcome"], "aborted", "{records:?}");
    // a reset while its body is on its way
    let more = [
        ("authorization", &*bearer),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let command = fields("POST", "/gdc/ACRemoteRequest.php", &more);
    connection.send_head(3, 0, &command);
    connection.send(frames::DATA, 0, 3, b"VIN=");
    connection.send(frames::RESET, 0, 3, &8_u32.to_be_bytes());
    tls.house.gateway.records(2);
    assert_eq!(
        tls.house.upstream.requests().len(),
        1,
        "half a command was sent"
    );
    // the connection goes on
    connection.send_head(5, frames::END_STREAM, &fields("GET", "/nowhere", &[]));
    assert!(connection.until(5, frames::HEADERS).is_some());
    tls.house.gateway.records(3);
    drop(tell);
}

#[test]
fn an_http2_client_that_leaves_leaves_no_connection() {
    let tls = TlsHouse::with(&[]);
    let mut connection = Http2::start(tls.house.gateway.edge, &tls.authority);
    connection.send_head(
        1,
        frames::END_STREAM,
        &fields("GET", "/owners/static/x", &[]),
    );
    assert!(connection.until(1, frames::DATA).is_some());
    let mut half = connect(tls.house.gateway.edge);
    half.write_all(b"\x16\x03").unwrap();
    drop((connection, half));
    tls.house
        .gateway
        .until("all connections to end", |gateway| {
            (gateway.metric("vingate_connections") == 0.0).then_some(())
        });
}

#[test]
fn an_idle_http2_connection_does_not_delay_the_end() {
    let tls = TlsHouse::with(&["limits.drain_timeout=1d", "limits.header_timeout=1d"]);
    let edge = tls.house.gateway.edge;
    let mut idle = Http2::start(edge, &tls.authority);
    idle.send_head(
        1,
        frames::END_STREAM,
        &fields("GET", "/owners/static/x", &[]),
    );
    assert!(idle.until(1, frames::DATA).is_some());
    tls.house.gateway.signal("TERM");
    assert!(idle.until(0, frames::GOAWAY).is_some(), "it is told to go");
    drop(idle);
    let (status, _) = tls.house.gateway.stop();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_body_too_large_is_answered_by_http2_before_it_came() {
    let tls = TlsHouse::with(&[]);
    let bearer = format!("Bearer {}", tls.house.owner());
    let mut connection = Http2::start(tls.house.gateway.edge, &tls.authority);
    let rows = [
        (1, "/gdc/ACRemoteRequest.php", "70000"),
        (3, "/owners/static/upload", "1100000"),
    ];
    for (stream, path, length) in rows {
        let more = [
            ("authorization", &*bearer),
            ("content-type", "application/x-www-form-urlencoded"),
            ("content-length", length),
        ];
        connection.send_head(stream, 0, &fields("POST", path, &more));
        connection.send(frames::DATA, 0, stream, &[b'a'; 16_000]);
        let data = connection.until(stream, frames::DATA).unwrap();
        let said = String::from_utf8_lossy(&data.payload);
        assert!(said.contains("body-too-large"), "{path}: {said}");
        assert_eq!(
            data.flags & frames::END_STREAM,
            frames::END_STREAM,
            "{path}"
        );
        // the rest of the body isn't wanted, and the answer is whole: NO_ERROR (RFC 9113, 8.1)
        let reset = connection.until(stream, frames::RESET).unwrap();
        assert_eq!(reset.payload, [0; 4], "{path}");
    }
    tls.house.gateway.records(2);
    assert!(tls.house.upstream.requests().is_empty());
}

/// A client that is reset while it still sends its form can lose the answer: curl does.
#[test]
fn a_small_body_that_comes_after_its_refusal_is_taken_by_http2() {
    let tls = TlsHouse::with(&[]);
    let mut connection = Http2::start(tls.house.gateway.edge, &tls.authority);
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", "3"),
    ];
    connection.send_head(1, 0, &fields("POST", "/gdc/ACRemoteRequest.php", &form));
    let data = connection.until(1, frames::DATA).unwrap();
    assert_eq!(data.flags & frames::END_STREAM, frames::END_STREAM);
    tls.house.gateway.records(1); // nor does the record wait for the client
    connection.send(frames::DATA, frames::END_STREAM, 1, b"a=1");
    connection.send_head(3, frames::END_STREAM, &fields("GET", "/nowhere", &[]));
    loop {
        let frame = connection.next().unwrap();
        assert_ne!((frame.kind, frame.stream), (frames::RESET, 1));
        if frame.stream == 3 && frame.flags & frames::END_STREAM != 0 {
            break;
        }
    }
    tls.house.gateway.records(2);
}

#[test]
fn half_open_connections_do_not_delay_the_end() {
    let tls = TlsHouse::with(&["limits.drain_timeout=1d", "limits.header_timeout=1d"]);
    let edge = tls.house.gateway.edge;
    let no_handshake = connect(edge);
    let mut no_preface = frames::connect_tls(edge, &tls.authority, &[b"h2"]);
    no_preface.conn.complete_io(&mut no_preface.sock).unwrap();
    let (status, _) = tls.house.gateway.stop();
    assert_eq!(status.code(), Some(0));
    drop((no_handshake, no_preface));
}

#[test]
fn a_tunnel_is_refused_by_http2_and_recorded() {
    let tls = TlsHouse::with(&[]);
    let mut connection = Http2::start(tls.house.gateway.edge, &tls.authority);
    let tunnel = [(":method", "CONNECT"), (":authority", "localhost:443")];
    connection.send_head(1, frames::END_STREAM, &tunnel);
    assert!(connection.until(1, frames::HEADERS).is_some());
    let records = tls.house.gateway.records(1);
    assert_eq!(records[0]["code"], "method-not-allowed", "{records:?}");
    assert_eq!(records[0]["address"], "127.0.0.1");
    assert!(tls.house.upstream.requests().is_empty());
}
