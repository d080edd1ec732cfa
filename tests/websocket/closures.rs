//! What becomes of an open WebSocket when its entrance is closed?

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

use crate::peer::{self, Seen};
use crate::support::Upstream;
use crate::support::client::connect;
use crate::{House, close_code, consent, is_alive};

/// What a read is given.
const DRAIN: Duration = Duration::from_secs(10);

const CLOSE: [&str; 5] = ["close", "--surface", "mobile", "--reason", "leak"];

fn monotonic() -> Instant {
    vingate::clock::monotonic()
}

#[test]
fn each_of_many_is_told_in_a_turn_of_its_own_and_all_within_the_drain() {
    let house = House::echoing();
    let mut sockets: Vec<_> = (0..50).map(|_| house.open("/live")).collect();
    let mut other = house.try_open("/feed", &[]).unwrap();
    house.switch(&CLOSE);
    let closed = monotonic();
    let waiting: Vec<_> = sockets
        .drain(..)
        .map(|mut socket| {
            thread::spawn(move || {
                let code = close_code(&mut socket);
                (code, closed.elapsed(), socket)
            })
        })
        .collect();
    let ended: Vec<_> = waiting.into_iter().map(thread::JoinHandle::join).collect();
    assert!(
        ended.iter().all(Result::is_ok),
        "{:?}",
        house.gateway.audit()
    );
    let ended: Vec<_> = ended.into_iter().flatten().collect();
    let mut times: Vec<Duration> = ended.iter().map(|(_, at, _)| *at).collect();
    times.sort();
    assert!(
        ended
            .iter()
            .all(|(code, ..)| *code == Some(CloseCode::Again))
    );
    assert!(times[49] < DRAIN, "{times:?}");
    let apart = times[40].saturating_sub(times[10]);
    assert!(apart > Duration::from_millis(500), "at once: {times:?}");
    assert_eq!(house.try_open("/live", &[]).unwrap_err(), 503);
    assert!(is_alive(&mut other), "another surface is not closed");
    drop(ended);
    for record in house.gateway.records(51) {
        let (outcome, code) = (&record["outcome"], &record["code"]);
        assert!(outcome == "denied" || outcome == "aborted", "{record}");
        assert_eq!(code, "closed", "{record}");
    }
    house.switch(&["open", "--surface", "mobile"]);
    assert!(is_alive(&mut house.open("/live")));
}

#[test]
fn a_closure_that_says_now_tells_all_at_once_and_the_upstream_too() {
    let (upstream, seen) = peer::watched_echo();
    let house = House::before(upstream, &[]);
    let mut sockets: Vec<_> = (0..5).map(|_| house.open("/live")).collect();
    house.switch(&[&CLOSE[..], &["--now"]].concat());
    let closed = monotonic();
    for socket in &mut sockets {
        assert_eq!(close_code(socket), Some(CloseCode::Again));
    }
    assert!(
        closed.elapsed() < Duration::from_secs(2),
        "{:?}",
        closed.elapsed()
    );
    let next = || seen.recv_timeout(DRAIN).ok(); // a handshake and an end of each
    let ends = (0..10).filter(|_| matches!(next(), Some(Seen::End(Some(1001)))));
    assert_eq!(ends.count(), 5);
    let records = house.gateway.records(5);
    assert!(
        records
            .iter()
            .all(|it| it["status"] == 101 && it["code"] == "closed"),
        "{records:?}"
    );
}

#[test]
fn nothing_of_the_client_passes_once_it_is_told() {
    let house = House::echoing();
    let mut socket = house.open("/live");
    assert!(is_alive(&mut socket));
    house.switch(&CLOSE);
    // Says something all the time, and hears the echo of what passed.
    let mut echoed = 0;
    let code = loop {
        socket.send(Message::text("still there?")).unwrap();
        if let Message::Close(frame) = socket.read().unwrap() {
            break frame.unwrap().code;
        }
        echoed += 1;
    };
    assert_eq!(code, CloseCode::Again);
    assert!(
        socket.read().is_err(),
        "nothing follows, after {echoed} echoes"
    );
}

#[test]
fn in_the_middle_of_a_message_it_is_told_between_two_frames() {
    const FRAME: usize = 100_003;
    let upstream = Upstream::scripted(|stream, _| {
        stream.write_all(&consent("")).ok();
        let mut frame = vec![0x01, 127];
        frame.extend(u64::try_from(FRAME).unwrap().to_be_bytes());
        frame.extend(std::iter::repeat_n(b'x', FRAME));
        // One message without an end, dripping so that a frame is under way most of the time.
        while frame.chunks(30_011).all(|part| {
            thread::park_timeout(Duration::from_millis(20));
            stream.write_all(part).is_ok()
        }) {
            frame[0] = 0x00;
        }
        false
    });
    let house = House::before(upstream, &[]);
    let mut stream = connect(house.gateway.edge);
    stream
        .write_all(house.handshake("/live", "").as_bytes())
        .unwrap();
    let mut byte = [0; 1];
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    house.switch(&CLOSE);
    let mut payload = vec![0; FRAME];
    let mut frames = 0;
    loop {
        let mut header = [0; 2];
        stream.read_exact(&mut header).unwrap();
        if header[0] == 0x88 {
            assert_eq!(header[1], 2);
            break;
        }
        let mut length = [0; 8];
        stream.read_exact(&mut length).unwrap();
        assert_eq!(u64::from_be_bytes(length), u64::try_from(FRAME).unwrap());
        stream.read_exact(&mut payload).unwrap();
        assert!(payload.iter().all(|it| *it == b'x'), "frame {frames}");
        frames += 1;
    }
    let mut code = [0; 2];
    stream.read_exact(&mut code).unwrap();
    assert_eq!(u16::from_be_bytes(code), 1013, "after {frames} frames");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).ok();
    assert!(rest.is_empty(), "nothing follows");
}

#[test]
fn read_only_ends_what_commands_and_leaves_what_reads() {
    let house = House::echoing();
    let mut reads = house.open("/live");
    let mut commands = house.try_open("/honk", &[]).unwrap();
    house.switch(&[
        "readonly",
        "--surface",
        "mobile",
        "--reason",
        "leak",
        "--now",
    ]);
    assert_eq!(close_code(&mut commands), Some(CloseCode::Again));
    assert!(is_alive(&mut reads));
    assert_eq!(house.try_open("/honk", &[]).unwrap_err(), 503);
}
