//! What becomes of a request that is being served when its entrance is closed?

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Upstream;
use crate::support::client::connect;
use crate::support::frames::{self, Http2};
use crate::{House, OWNED, ROUTES};

const HALF: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nhalf.";
const WHOLE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";

/// What a read is given.
const DRAIN: Duration = Duration::from_secs(10);

/// Answers half of a read and nothing more, and a command once it is told to.
fn slow() -> (Upstream, Sender<()>) {
    let (tell, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let upstream = Upstream::scripted(move |stream, number| {
        if number == 0 {
            stream.write_all(HALF).ok();
            let mut rest = [0; 1];
            return stream.read(&mut rest).is_ok_and(|read| read > 0);
        }
        told.lock().unwrap().recv().ok();
        stream.write_all(WHOLE).is_ok()
    });
    (upstream, tell)
}

fn read_to_half(stream: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut chunk = [0; 1_024];
    while !seen.ends_with(b"half.") {
        let read = stream.read(&mut chunk).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend(&chunk[..read]);
    }
}

/// The rest of what comes, until the connection ends, however it does.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).ok();
    rest
}

fn monotonic() -> Instant {
    vingate::clock::monotonic()
}

fn is_cut(record: &Value) {
    assert_eq!(record["outcome"], "aborted", "{record}");
    assert_eq!(record["code"], "closed", "{record}");
    assert!(
        record["reason"].as_str().unwrap().starts_with("c-"),
        "{record}"
    );
}

fn close(house: &House, more: &[&str]) {
    let words = ["switch", "close", "--surface", "api", "--reason", "leak"];
    let words = [&words[..], more].concat();
    let closed = house.gateway.operate(&words);
    assert!(closed.status.success(), "{closed:?}");
}

#[test]
fn a_read_is_cut_after_its_drain_and_a_command_goes_on_to_its_end() {
    let (upstream, tell) = slow();
    let house = House::before(upstream, ROUTES, &[]);
    let mut read = connect(house.gateway.edge);
    let request = house.request(&format!("GET /cars/{OWNED}/battery"), &[]);
    read.write_all(request.as_bytes()).unwrap();
    read_to_half(&mut read);
    let mut command = connect(house.gateway.edge);
    let fields = ["Content-Length: 0", "Connection: close"];
    let request = house.request(&format!("POST /cars/{OWNED}/climate"), &fields);
    command.write_all(request.as_bytes()).unwrap();
    house.upstream.await_requests(2);
    let before = monotonic();
    close(&house, &[]);
    let refused = house.ask(&format!("GET /cars/{OWNED}/battery"), &[]);
    assert_eq!(refused.status, 503, "nothing more comes in");
    assert!(rest(&mut read).is_empty());
    assert!(before.elapsed() >= DRAIN, "{:?}", before.elapsed());
    let records = house.gateway.records(2);
    is_cut(&records[1]);
    tell.send(()).unwrap();
    let answer = String::from_utf8(rest(&mut command)).unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"),
        "{answer}"
    );
    let records = house.gateway.records(3);
    assert_eq!(records[2]["outcome"], "forwarded", "{records:?}");
}

#[test]
fn a_command_that_never_ends_is_cut_after_the_time_that_its_upstream_has() {
    let limit = Duration::from_secs(3);
    let upstream = Upstream::scripted(move |stream, _| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
        let mut going = stream.write_all(head).is_ok();
        while going {
            std::thread::sleep(limit / 20); // never so long that a read of it times out
            going = stream.write_all(b".").is_ok();
        }
        false
    });
    let set = format!("upstreams.telematics.read_timeout={}s", limit.as_secs());
    let house = House::start(upstream, ROUTES, &[], &[&set]);
    let mut command = connect(house.gateway.edge);
    let request = house.request(
        &format!("POST /cars/{OWNED}/climate"),
        &["Content-Length: 0"],
    );
    command.write_all(request.as_bytes()).unwrap();
    command.read_exact(&mut [0; 10]).unwrap();
    std::thread::sleep(limit); // without a closure it may take any time
    close(&house, &[]);
    let closed = monotonic();
    let mut chunk = [0; 1_024];
    while command.read(&mut chunk).is_ok_and(|read| read > 0) {
        assert!(closed.elapsed() < limit * 5, "never cut");
    }
    assert!(closed.elapsed() >= limit * 9 / 10, "{:?}", closed.elapsed());
    is_cut(&house.gateway.records(1)[0]);
}

#[test]
fn a_stream_of_http2_is_reset_and_its_connection_goes_on() {
    let (upstream, tell) = slow();
    let house = House::with_tls(upstream, &[]);
    let bearer = format!("Bearer {}", house.owner());
    let (battery, climate) = (
        format!("/cars/{OWNED}/battery"),
        format!("/cars/{OWNED}/climate"),
    );
    let fields = |method, path| {
        [
            (":method", method),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", path),
            ("authorization", &*bearer),
        ]
    };
    let mut connection = Http2::start(house.gateway.edge, house.authority.as_ref().unwrap());
    connection.send_head(1, frames::END_STREAM, &fields("GET", &battery));
    assert!(connection.until(1, frames::DATA).is_some());
    connection.send_head(3, frames::END_STREAM, &fields("POST", &climate));
    house.upstream.await_requests(2);
    close(&house, &[]);
    assert!(connection.until(1, frames::RESET).is_some());
    connection.send_head(5, frames::END_STREAM, &fields("GET", &battery));
    let refused = connection.until(5, frames::DATA).unwrap();
    assert!(String::from_utf8_lossy(&refused.payload).contains("problem:closed"));
    is_cut(&house.gateway.records(2)[0]);
    tell.send(()).unwrap();
    assert!(connection.until(3, frames::DATA).is_some());
    house.gateway.records(3);
}

#[test]
fn a_closure_that_says_now_cuts_at_once() {
    let (upstream, tell) = slow();
    let house = House::before(upstream, ROUTES, &[]);
    let mut read = connect(house.gateway.edge);
    let request = house.request(&format!("GET /cars/{OWNED}/battery"), &[]);
    read.write_all(request.as_bytes()).unwrap();
    read_to_half(&mut read);
    let mut command = connect(house.gateway.edge);
    let request = house.request(
        &format!("POST /cars/{OWNED}/climate"),
        &["Content-Length: 0"],
    );
    command.write_all(request.as_bytes()).unwrap();
    house.upstream.await_requests(2);
    let before = monotonic();
    close(&house, &["--now"]);
    assert!(rest(&mut read).is_empty());
    assert!(
        rest(&mut command).is_empty(),
        "nothing was sent, and nothing is"
    );
    assert!(before.elapsed() < DRAIN, "{:?}", before.elapsed());
    house.gateway.records(2).iter().for_each(is_cut);
    drop(tell);
}
