//! Handshakes and answers, good and bad.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use uuid::Uuid;

use super::*;
use crate::pipeline::parameters::Parameters;
use crate::pipeline::route::tests::route;

/// A request's fields as browsers send them (RFC 6455, 1.3).
const GOOD: &str = "host: owners.example
upgrade: websocket
connection: keep-alive, Upgrade
sec-websocket-version: 13
sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";

/// The answer to it.
const ANSWER: &str = "upgrade: WebSocket
connection: Upgrade
sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn fields(lines: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines.lines().filter_map(|line| line.split_once(": ")) {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn head(lines: &str) -> RequestHead {
    RequestHead {
        id: Uuid::nil(),
        received_at: Duration::ZERO,
        listener: Arc::from("edge"),
        tls: true,
        certificate: None,
        address: IpAddr::from([192, 0, 2, 1]),
        method: Method::GET,
        host: "owners.example".to_owned(),
        port: None,
        path: "/live".to_owned(),
        query: None,
        parameters: Parameters::default(),
        headers: fields(lines),
        switchable: true,
    }
}

fn socket() -> Route {
    Route {
        websocket: true,
        ..Route::clone(&route("live GET /live", &[]))
    }
}

#[test]
fn a_whole_handshake_passes_and_every_other_one_is_refused() {
    let bad = Err(Denial::Malformed(HeadFlaw::Handshake));
    let table = [
        ("", "", Ok(())),
        ("keep-alive, Upgrade", "upgrade", Ok(())),
        ("upgrade: websocket", "upgrade: WebSocket", Ok(())),
        ("upgrade: websocket\n", "", bad.clone()),
        ("upgrade: websocket", "upgrade: h2c", bad.clone()),
        ("upgrade: websocket", "upgrade: websocket, h2c", bad.clone()),
        (
            "upgrade: websocket",
            "upgrade: websocket\nupgrade: websocket",
            bad.clone(),
        ),
        ("keep-alive, Upgrade", "keep-alive", bad.clone()),
        ("connection: keep-alive, Upgrade\n", "", bad.clone()),
        ("version: 13", "version: 8", bad.clone()),
        ("version: 13", "version: 13, 8", bad.clone()),
        (
            "version: 13",
            "version: 13\nsec-websocket-version: 13",
            bad.clone(),
        ),
        ("sec-websocket-version: 13\n", "", bad.clone()),
        (
            "dGhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25jZQ",
            bad.clone(),
        ),
        (
            "dGhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25jZR==",
            bad.clone(),
        ),
        (
            "dGhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25jZSE=",
            bad.clone(),
        ),
        ("dGhlIHNhbXBsZSBub25jZQ==", "x", bad.clone()),
        (
            "dGhlIHNhbXBsZSBub25jZQ==",
            "dGhlIHNhbXBsZSBub25jZQ==\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            bad.clone(),
        ),
        (
            "\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            "",
            bad.clone(),
        ),
    ];
    for (part, other, expected) in table {
        let lines = GOOD.replace(part, other);
        assert_eq!(check(&socket(), &head(&lines)), expected, "{lines}");
    }
    let mut sent_ahead = head(GOOD);
    sent_ahead.switchable = false;
    assert_eq!(check(&socket(), &sent_ahead), bad, "bytes ahead, or HTTP/2");
    let mut other = head(GOOD);
    other.method = Method::HEAD;
    assert_eq!(check(&socket(), &other), bad, "HEAD");
}

#[test]
fn a_route_of_another_kind_is_none_of_its_business() {
    let plain = Route::clone(&route("live GET /live", &[]));
    assert_eq!(check(&plain, &head("host: h")), Ok(()));
}

#[test]
fn only_pages_of_its_own_host_may_begin_one() {
    let table = [
        ("owners.example", "https://owners.example", true),
        ("owners.example", "https://owners.example:443", true),
        ("owners.example:443", "https://OWNERS.example", true),
        ("owners.example:8443", "https://owners.example:8443", true),
        ("owners.example:8443", "https://owners.example", false),
        ("owners.example", "http://owners.example", false),
        ("owners.example", "https://evil.example", false),
        (
            "owners.example",
            "https://owners.example.evil.example",
            false,
        ),
        (
            "owners.example",
            "https://owners.example@evil.example",
            false,
        ),
        (
            "owners.example",
            "https://evil.example@owners.example",
            false,
        ),
        ("owners.example", "https://owners.example/", false),
        ("owners.example", "https://owners.example:", false),
        ("owners.example", "null", false),
        ("owners.example", "", false),
        ("owners.example", "wss://owners.example", false),
        (
            "owners.example",
            "https://owners.example\norigin: https://owners.example",
            false,
        ),
    ];
    for (host, origin, own) in table {
        let lines = GOOD.replace("host: owners.example", &format!("host: {host}"));
        let found = check(&socket(), &head(&format!("{lines}\norigin: {origin}")));
        let foreign = Err(Denial::AccessDenied(AccessFlaw::ForeignOrigin));
        assert_eq!(found, if own { Ok(()) } else { foreign }, "{host} {origin}");
    }
}

#[test]
fn only_the_answer_to_this_handshake_completes_it() {
    let asked = "\nsec-websocket-protocol: chat, superchat";
    let table = [
        ("", "", "", true),
        (asked, "", "", true),
        (asked, "", "\nsec-websocket-protocol: superchat", true),
        (asked, "", "\nsec-websocket-protocol: other", false),
        (
            asked,
            "",
            "\nsec-websocket-protocol: chat\nsec-websocket-protocol: chat",
            false,
        ),
        ("", "", "\nsec-websocket-protocol: chat", false),
        (
            "",
            "",
            "\nsec-websocket-extensions: permessage-deflate",
            false,
        ),
        (
            "",
            "",
            "\nsec_websocket_extensions: permessage-deflate",
            false,
        ),
        ("", "upgrade: WebSocket\n", "", false),
        ("", "upgrade: WebSocket", "upgrade: h2c", false),
        ("", "connection: Upgrade", "connection: close", false),
        (
            "",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=",
            false,
        ),
        (
            "",
            "\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            "",
            false,
        ),
        (
            "",
            "",
            "\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
            false,
        ),
    ];
    for (more, part, other, whole) in table {
        let request = fields(&format!("{GOOD}{more}"));
        let answer = if part.is_empty() {
            format!("{ANSWER}{other}")
        } else {
            ANSWER.replace(part, other)
        };
        assert_eq!(
            completes(&request, &fields(&answer)),
            whole,
            "{more} {answer}"
        );
    }
}

#[test]
fn extensions_are_found_in_every_spelling() {
    let asked = fields("sec-websocket-extensions: x\nsec_websocket_extensions: x\nupgrade: x");
    assert_eq!(extensions(&asked).len(), 2);
}
