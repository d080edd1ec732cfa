//! Do frames pass as they are, and nothing that is none?

use std::io::{Read, Write};

use crate::support::Upstream;
use crate::support::client::connect;
use crate::{House, consent, peer};

/// A frame of a client, masked.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap()];
    frame.extend(mask);
    frame.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    frame
}

/// Reads the head of the gateway's answer.
fn read_head(stream: &mut std::net::TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0; 1];
        assert_eq!(
            stream.read(&mut byte).unwrap(),
            1,
            "{}",
            String::from_utf8_lossy(&head)
        );
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn frames_pass_byte_for_byte_in_both_directions() {
    const SAYS: &[u8] = b"\x01\x03Hel\x89\x05ping!\x80\x02lo\x82\x7e\x00\x80";
    let client = [
        masked(0x01, b"Hel"),
        masked(0x8a, b"ping!"),
        masked(0x80, b"lo"),
    ]
    .concat();
    let (length, (tell, told)) = (client.len(), std::sync::mpsc::channel());
    let tell = std::sync::Mutex::new(tell);
    let upstream = Upstream::scripted(move |stream, _| {
        // The first frames come with the consent.
        let answer = [&consent(""), SAYS, &[7; 128]].concat();
        stream.write_all(&answer).unwrap();
        let mut got = vec![0; length];
        stream.read_exact(&mut got).unwrap();
        tell.lock().unwrap().send(got).unwrap();
        stream.write_all(b"\x88\x00").unwrap();
        false
    });
    let house = House::before(upstream, &[]);
    let mut stream = connect(house.gateway.edge);
    stream
        .write_all(house.handshake("/live", "").as_bytes())
        .unwrap();
    let head = read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let mut got = vec![0; SAYS.len() + 128];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, [SAYS, &[7; 128]].concat());
    for byte in &client {
        stream.write_all(&[*byte]).unwrap();
    }
    assert_eq!(told.recv().unwrap(), client);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert_eq!(
        rest, b"\x88\x00",
        "the upstream's own end, and none of the gateway's"
    );
    assert_eq!(house.gateway.records(1)[0]["outcome"], "forwarded");
}

#[test]
fn what_is_no_frame_ends_it_and_does_not_pass() {
    let (upstream, seen) = peer::watched_echo();
    let house = House::before(upstream, &[]);
    let mut stream = connect(house.gateway.edge);
    stream
        .write_all(house.handshake("/live", "").as_bytes())
        .unwrap();
    read_head(&mut stream);
    stream
        .write_all(b"GET /plain HTTP/1.1\r\nHost: h\r\n\r\n")
        .unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).ok();
    assert!(rest.is_empty(), "{rest:?}");
    let record = &house.gateway.records(1)[0];
    assert_eq!(
        (&record["outcome"], &record["reason"]),
        (&"aborted".into(), &"frame".into())
    );
    assert!(matches!(seen.recv(), Ok(peer::Seen::Handshake(_))));
    assert!(matches!(seen.recv(), Ok(peer::Seen::End(None))));
}

#[test]
fn an_upstream_that_sends_no_frames_is_not_passed_on() {
    let upstream = Upstream::scripted(|stream, _| {
        stream.write_all(&consent("")).ok();
        stream.write_all(b"\xffsecret").ok();
        stream.read(&mut [0; 1]).is_err()
    });
    let house = House::before(upstream, &[]);
    let mut stream = connect(house.gateway.edge);
    stream
        .write_all(house.handshake("/live", "").as_bytes())
        .unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).ok();
    assert!(
        all.starts_with(b"HTTP/1.1 101") && all.ends_with(b"\r\n\r\n"),
        "{all:?}"
    );
    assert_eq!(house.gateway.records(1)[0]["code"], "response-withheld");
}
