//! Which handshakes get through, and which answers?

use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::mpsc;

use tungstenite::Message;
use tungstenite::client::IntoClientRequest;

use crate::peer::{self, Seen};
use crate::support::certificates::Authority;
use crate::support::client::{connect, exchange_raw};
use crate::support::frames::{self, Http2, connect_tls};
use crate::support::proofs::Prover;
use crate::support::{Gateway, Upstream, exchange};
use crate::{House, KEY, MORE, consent, is_alive};

#[test]
fn a_permitted_handshake_opens_a_socket_with_one_record() {
    let (upstream, seen) = peer::watched_echo();
    let house = House::before(upstream, &[]);
    let bearer = format!("Bearer {}", house.owner());
    let fields = [
        ("authorization", &*bearer),
        ("sec-websocket-extensions", "permessage-deflate"),
        ("sec_websocket_extensions", "permessage-deflate"),
        ("x-user", "admin"),
    ];
    let mut socket = house.try_open("/live", &fields).unwrap();
    assert!(is_alive(&mut socket));
    assert!(house.gateway.audit().is_empty(), "it is not over");
    let Ok(Seen::Handshake(fields)) = seen.recv() else {
        panic!("no handshake");
    };
    assert!(fields.contains_key("vingate-assertion"), "{fields:?}");
    for stripped in [
        "sec-websocket-extensions",
        "sec_websocket_extensions",
        "authorization",
        "x-user",
    ] {
        assert!(!fields.contains_key(stripped), "{stripped}");
    }
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    let record = &house.gateway.records(1)[0];
    assert_eq!(record["status"], 101, "{record}");
    assert_eq!(record["outcome"], "forwarded", "{record}");
    assert_eq!(record["route"], "live", "{record}");
}

#[test]
fn without_an_identity_it_is_refused_unless_the_route_says_so() {
    let house = House::echoing();
    assert_eq!(house.try_open("/live", &[]).unwrap_err(), 401);
    let bad = [("authorization", "Bearer x")];
    assert_eq!(house.try_open("/live", &bad).unwrap_err(), 401);
    assert!(is_alive(&mut house.try_open("/feed", &[]).unwrap()));
}

#[test]
fn a_page_of_another_origin_is_refused() {
    let house = House::echoing();
    let own = format!("http://localhost:{}", house.gateway.edge.port());
    let mut open = house.try_open("/feed", &[("origin", &own)]).unwrap();
    assert!(is_alive(&mut open));
    for origin in ["https://evil.example", "http://localhost", "null"] {
        let refused = house.try_open("/feed", &[("origin", origin)]).unwrap_err();
        assert_eq!(refused, 403, "{origin}");
    }
    let records = house.gateway.records(3);
    let foreign = |record: &&serde_json::Value| record["reason"] == "foreign-origin";
    assert_eq!(records.iter().filter(foreign).count(), 3, "{records:?}");
}

#[test]
fn what_is_no_handshake_is_refused() {
    let house = House::before(Upstream::start(), &[]);
    let good = house.handshake("/live", "");
    let table = [
        ("Upgrade: websocket\r\n", ""),
        ("Connection: Upgrade\r\n", ""),
        ("Version: 13", "Version: 12"),
        (KEY, "x"),
        ("GET ", "HEAD "),
        ("Upgrade: websocket\r\nConnection: Upgrade\r\n", ""),
        ("\r\n\r\n", "\r\n\r\n\x01"),
        ("\r\n\r\n", "\r\n\r\nGET /plain HTTP/1.1\r\nHost: h\r\n\r\n"),
    ];
    for (part, other) in table {
        let head = good.replace(part, other);
        let answer = exchange_raw(house.gateway.edge, head.as_bytes());
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 400"), "{other:?}: {answer}");
    }
    let none = house.upstream.requests();
    assert!(none.is_empty(), "nothing of them went upstream: {none:?}");
}

#[test]
fn other_routes_forward_no_handshake() {
    let house = House::before(Upstream::start(), &[]);
    let answer = exchange(house.gateway.edge, house.handshake("/plain", "").as_bytes());
    assert_eq!(answer.status, 200);
    let request = house.upstream.only_request().to_ascii_lowercase();
    assert!(!request.contains("\r\nupgrade:"), "{request}");
}

#[test]
fn http2_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let pair = authority.issue("localhost");
    let listener = format!(
        "listeners.edge.tls={{ certificate_file = \"{}\", key_file = \"{}\" }}",
        pair.certificate.display(),
        pair.key.display()
    );
    let house = House::before(Upstream::start(), &[&listener]);
    let mut connection = Http2::start(house.gateway.edge, &authority);
    let fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/feed"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", KEY),
    ];
    connection.send_head(1, frames::END_STREAM, &fields);
    let refused = connection.until(1, frames::DATA).unwrap();
    assert!(String::from_utf8_lossy(&refused.payload).contains("malformed-request"));
    assert!(house.upstream.requests().is_empty());
}

#[test]
fn tls_on_both_sides_makes_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let pair = authority.issue("localhost");
    let listener = format!(
        "listeners.edge.tls={{ certificate_file = \"{}\", key_file = \"{}\" }}",
        pair.certificate.display(),
        pair.key.display()
    );
    let believed = format!(
        "upstreams.telematics.tls={{ server_name = \"localhost\", ca_file = \"{}\" }}",
        authority.file.display()
    );
    let (upstream, seen) = peer::secret_echo(&pair.server());
    let house = House::before(upstream, &[&listener, &believed]);
    let port = house.gateway.edge.port();
    for _ in 0..20 {
        let stream = connect_tls(house.gateway.edge, &authority, &[b"http/1.1"]);
        let uri = format!("wss://localhost:{port}/feed");
        let mut request = uri.into_client_request().unwrap();
        let own = format!("https://localhost:{port}").parse().unwrap();
        request.headers_mut().insert("origin", own);
        let (mut socket, _) = tungstenite::client(request, stream).unwrap();
        assert!(is_alive(&mut socket));
        socket.send(Message::binary(vec![7; 300_000])).unwrap();
        assert_eq!(socket.read().unwrap(), Message::binary(vec![7; 300_000]));
    }
    assert!(matches!(seen.recv(), Ok(Seen::Handshake(_))));
}

#[test]
fn only_the_right_consent_gets_through() {
    let good = String::from_utf8(consent("")).unwrap();
    let table = [
        good.replace("xOo=", "xOp="),
        good.replace("Upgrade: websocket", "Upgrade: h2c"),
        good.replace("Connection: Upgrade\r\n", ""),
        good.replace(
            "\r\n\r\n",
            "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        ),
        good.replace("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"),
    ];
    for answer in table {
        let told = answer.clone();
        let upstream = Upstream::scripted(move |stream, _| {
            stream.write_all(told.as_bytes()).ok();
            stream.write_all(b"\x81\x06secret").ok();
            stream.read(&mut [0; 1]).is_err()
        });
        let house = House::before(upstream, &[]);
        let head = house.handshake("/live", "");
        let got = exchange_raw(house.gateway.edge, head.as_bytes());
        let got = String::from_utf8_lossy(&got);
        assert!(got.starts_with("HTTP/1.1 502"), "{answer}: {got}");
        assert!(!got.contains("secret"), "{answer}: {got}");
    }
}

#[test]
fn an_answer_that_is_no_consent_ends_the_connection_and_nothing_smuggled_gets_through() {
    let (tell, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let upstream = Upstream::scripted(move |stream, _| {
        told.lock().unwrap().recv().ok();
        stream
            .write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
            .is_ok()
    });
    let house = House::before(upstream, &[]);
    let mut stream = connect(house.gateway.edge);
    let head = house.handshake("/live", "");
    stream.write_all(head.as_bytes()).unwrap();
    house.upstream.await_requests(1);
    tell.send(()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(
        answer.to_ascii_lowercase().contains("connection: close"),
        "{answer}"
    );

    let mut stream = connect(house.gateway.edge);
    stream.write_all(head.as_bytes()).unwrap();
    house.upstream.await_requests(2);
    stream
        .write_all(head.replace("/live", "/plain").as_bytes())
        .unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).ok();
    tell.send(()).unwrap();
    drop(tell);
    house.gateway.records(2);
    let requests = house.upstream.requests();
    assert_eq!(requests.len(), 2, "nothing but the handshakes");
    let last = String::from_utf8_lossy(&requests[1]);
    assert!(last.contains("/live") && !last.contains("/plain"), "{last}");
}

#[test]
fn a_handshake_that_nobody_answers_is_over_in_time() {
    let upstream = Upstream::scripted(|stream, _| stream.read(&mut [0; 1]).is_ok_and(|it| it > 0));
    let house = House::before(
        upstream,
        &[
            "upstreams.telematics.read_timeout=300ms",
            "upstreams.telematics.connect_timeout=300ms",
        ],
    );
    let answer = exchange(house.gateway.edge, house.handshake("/live", "").as_bytes());
    assert_eq!(answer.status, 504);
    assert_eq!(house.gateway.records(1)[0]["code"], "upstream-timeout");
}

#[test]
fn no_more_are_open_than_there_are_places() {
    let house = House::before(peer::echo(), &["limits.websockets=1"]);
    let mut first = house.open("/live");
    assert_eq!(house.try_open("/feed", &[]).unwrap_err(), 503);
    assert!(is_alive(&mut first));
    first.close(None).unwrap();
    while first.read().is_ok() {}
    let place = |_: &Gateway| house.try_open("/feed", &[]).ok();
    assert!(is_alive(&mut house.gateway.until("the place", place)));
}

/// The proof is of the handshake: a socket is one request for as long as it is open.
#[test]
fn a_bound_token_opens_a_socket_with_a_proof_of_the_handshake() {
    let config = format!("{MORE}\n[dpop]\nstore = \"local\"\n");
    let house = House::with(peer::echo(), &config, &[]);
    let prover = Prover::new();
    let token = house.tokens.sign(&prover.claims("owner"));
    let authorization = format!("DPoP {token}");
    let open = |scheme: &str, id: &str| {
        let port = house.gateway.edge.port();
        let address = format!("{scheme}://localhost:{port}/live");
        let proof = prover.proof(&token, ("GET", &address), id);
        house.try_open(
            "/live",
            &[("authorization", &authorization), ("dpop", &proof)],
        )
    };
    let mut socket = open("http", "j1").unwrap();
    assert!(is_alive(&mut socket));
    assert_eq!(open("http", "j1").unwrap_err(), 401, "a copy");
    assert_eq!(open("ws", "j2").unwrap_err(), 401, "no address of HTTP");
    let bare = [("authorization", &*authorization)];
    assert_eq!(house.try_open("/live", &bare).unwrap_err(), 401);
}
