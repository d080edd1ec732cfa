//! Is what a gateway says heard whole, or not at all?

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use super::*;

/// Answers one call with these bytes, after the probe of [`Client::connect`]; gives what was asked.
fn answering(folder: &Path, answer: &'static str) -> (Client, JoinHandle<String>) {
    let path = folder.join("admin.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let thread = std::thread::spawn(move || {
        drop(listener.accept().unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
            let mut piece = [0; 1024];
            let count = stream.read(&mut piece).unwrap();
            asked.extend_from_slice(&piece[..count]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(asked).unwrap()
    });
    let client = Client::connect(&path).unwrap().unwrap();
    (client, thread)
}

#[test]
fn headers_go_both_ways() {
    let folder = tempfile::tempdir().unwrap();
    let answer = "HTTP/1.1 200 OK\r\nETag: \"4\"\r\nContent-Length: 2\r\n\r\n{}";
    let (client, served) = answering(folder.path(), answer);
    let mut headers = HeaderMap::new();
    headers.insert(header::IF_MATCH, HeaderValue::from_static("\"3\""));
    let sent = client.send_with(Method::POST, "/v1/switches", headers, Bytes::from("{}"));
    let (status, headers, body) = sent.unwrap();
    assert_eq!((status, &*body), (StatusCode::OK, &b"{}"[..]));
    assert_eq!(headers[header::ETAG], "\"4\"");
    let asked = served.join().unwrap();
    for line in ["if-match: \"3\"\r\n", "content-type: application/json\r\n"] {
        assert!(asked.contains(line), "{asked}");
    }
}

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
                      Transfer-Encoding: chunked\r\n\r\n\
                      c\r\n: hello\n\ndat\r\n9\r\na: one\n\nd\r\ne\r\nata: two\n\n:\n\n\n\r\n\
                      d\r\ndata: three\n\n\r\n0\r\n\r\n";

#[test]
fn a_stream_is_followed_event_by_event_until_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let (client, served) = answering(folder.path(), STREAM);
    let mut events = Vec::new();
    let followed = client.follow("/v1/events", |event| {
        events.push(event.to_owned());
        ControlFlow::Continue(())
    });
    assert_eq!(followed, Ok(()));
    assert_eq!(events, ["one", "two", "three"]);
    let asked = served.join().unwrap();
    assert!(asked.contains("accept: text/event-stream\r\n"), "{asked}");
}

#[test]
fn whoever_has_heard_enough_stops() {
    let folder = tempfile::tempdir().unwrap();
    let endless = STREAM.strip_suffix("0\r\n\r\n").unwrap();
    let (client, served) = answering(folder.path(), endless);
    let mut events = 0;
    let followed = client.follow("/v1/events", |_| {
        events += 1;
        ControlFlow::Break(())
    });
    assert_eq!((followed, events), (Ok(()), 1));
    served.join().unwrap();
}

#[test]
fn a_stream_that_breaks_off_or_is_refused_is_a_failure() {
    let broken = STREAM.strip_suffix("0\r\n\r\n").unwrap();
    let refused = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json\r\n\
                   Content-Length: 102\r\n\r\n\
                   {\"type\":\"urn:vingate:problem:access-denied\",\"title\":\"access denied\",\
                   \"status\":403,\"detail\":\"not yours\"}";
    let garbage = "220 mail.example ESMTP\r\n\r\n";
    let table = [
        (broken, End::Failed, ""),
        (refused, End::Refused, "not yours"),
        (garbage, End::Failed, "admin socket"),
        ("", End::Failed, "admin socket"),
    ];
    for (answer, end, words) in table {
        let folder = tempfile::tempdir().unwrap();
        let (client, served) = answering(folder.path(), answer);
        let followed = client.follow("/v1/events", |_| ControlFlow::Continue(()));
        let failure = followed.unwrap_err();
        assert_eq!(failure.end, end, "{answer}: {failure}");
        assert!(failure.message.contains(words), "{failure}");
        served.join().unwrap();
    }
}
