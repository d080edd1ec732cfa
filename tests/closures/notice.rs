//! Do users of what stays open hear of what is closed, and is all else as the upstream sent it?

use std::io::Write;

use serde_json::{Value, json};

use crate::support::frames::{self, Http2};
use crate::support::{Upstream, exchange};
use crate::{House, OWNED, ROUTES, of_surface};

const LINE: &str = "<div role=\"status\" id=\"vingate-notice\">Die App ist zu &amp; bleibt es f&#252;rs Erste.</div>\n";
const PAGE: &str = "<!doctype html><html><head><title>a <body> b</title></head><body class='>'>\
                    <h1>Owners</h1></body></html>";
const GERMAN: &str = "Accept-Language: de";

/// The app is closed, and the portal says so.
fn closure() -> Value {
    let mut closure = of_surface("mobile");
    closure["notice"] = json!({
        "surface": "portal",
        "texts": {
            "de": "Die App ist zu & bleibt es f\u{fc}rs Erste.",
            "en": "The app is \"unavailable\".",
        },
    });
    closure
}

fn page_with_line() -> String {
    PAGE.replace("class='>'>", &format!("class='>'>{LINE}"))
}

fn answer(fields: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}").into_bytes()
}

fn html(more: &str) -> Vec<u8> {
    let length = PAGE.len();
    let fields =
        format!("Content-Type: text/html; charset=utf-8\r\nContent-Length: {length}{more}");
    answer(&fields, PAGE)
}

/// A whole page was asked for, in its own bytes.
fn is_asked_for_plain(forwarded: &str) {
    let forwarded = forwarded.to_ascii_lowercase();
    for name in [
        "accept-encoding",
        "if-none-match",
        "if-modified-since",
        "range:",
    ] {
        assert!(!forwarded.contains(name), "{name}: {forwarded}");
    }
    assert!(forwarded.contains("x-asked: yes"), "{forwarded}");
}

#[test]
fn a_page_of_the_portal_carries_the_notice_and_can_not_be_kept() {
    let house = House::with(&[closure()]);
    house.upstream.answer_with(&html(
        "\r\nETag: \"1\"\r\nLast-Modified: Mon, 01 Jun 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n\
         Cache-Control: max-age=600\r\nRepr-Digest: sha-256=:x:\r\nX-Kept: yes",
    ));
    let asked = [
        GERMAN,
        "Accept-Encoding: gzip",
        "If-None-Match: \"1\"",
        "If-Modified-Since: Mon, 01 Jun 2026 00:00:00 GMT",
        "Range: bytes=0-9",
        "X-Asked: yes",
    ];
    let told = house.ask("GET /owners/home", &asked);
    assert_eq!((told.status, told.text()), (200, page_with_line()));
    let gone = [
        "content-length",
        "etag",
        "last-modified",
        "accept-ranges",
        "repr-digest",
    ];
    for name in gone {
        assert_eq!(told.header(name), None, "{name}");
    }
    assert_eq!(told.all("cache-control"), ["no-store"]);
    assert_eq!(told.all("vary"), ["accept-language"]);
    assert_eq!(told.header("x-kept"), Some("yes"));
    let display = "%\"Die App ist zu & bleibt es f%c3%bcrs Erste.\"";
    assert_eq!(told.header("vingate-notice"), Some(display));
    is_asked_for_plain(&house.upstream.only_request());
    let english = house.ask("GET /owners/home", &["Accept-Language: fr"]);
    assert!(
        english
            .text()
            .contains("The app is &quot;unavailable&quot;.")
    );
    let string = "\"The app is \\\"unavailable\\\".\"";
    assert_eq!(english.header("vingate-notice"), Some(string));
    house.gateway.records(2);
    let counted = house.gateway.metric("vingate_notices_total");
    assert_eq!(counted.to_string(), "2");
}

#[test]
fn only_the_named_surface_says_it_and_only_while_it_holds() {
    let house = House::with(&[closure()]);
    let first = format!("GET /cars/{OWNED}/battery");
    house.upstream.answer_with(&html("\r\nETag: \"1\""));
    let other = house.ask(&first, &["If-None-Match: \"1\"", "X-App-Version: 1"]);
    assert_eq!((other.status, other.text().as_str()), (200, PAGE));
    assert_eq!(other.header("etag"), Some("\"1\""));
    assert_eq!(other.header("vingate-notice"), None);
    let open = House::with(&[]);
    open.upstream.answer_with(&html("\r\nETag: \"1\""));
    let answer = open.ask("GET /owners/home", &["If-None-Match: \"1\""]);
    assert_eq!(
        (answer.text().as_str(), answer.header("etag")),
        (PAGE, Some("\"1\""))
    );
    assert_eq!(answer.header("vingate-notice"), None);
    assert!(open.upstream.only_request().contains("\"1\""));
}

#[test]
fn apps_and_those_who_are_refused_hear_it_in_a_field() {
    let house = House::with(&[closure()]);
    let json = "{\"page\": \"<body>\"}";
    let length = json.len();
    let fields =
        format!("Content-Type: application/json\r\nETag: \"1\"\r\nContent-Length: {length}");
    house.upstream.answer_with(&answer(&fields, json));
    let told = house.ask("GET /owners/data", &[GERMAN]);
    assert_eq!(
        (told.text().as_str(), told.header("etag")),
        (json, Some("\"1\""))
    );
    assert!(told.header("vingate-notice").is_some());
    // JSON that is labelled as HTML, as the old servers do
    let mislabelled = fields.replace("application/json", "text/html");
    house.upstream.answer_with(&answer(&mislabelled, json));
    assert_eq!(house.ask("GET /owners/data", &[]).text(), json);
    let refused = house.ask("GET /mycar/SJNFAAZE0U6054321", &[]);
    assert_eq!(refused.status, 403);
    assert!(refused.header("vingate-notice").is_some());
    let head = house.ask("HEAD /owners/home", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.header("vingate-notice").is_some());
}

#[test]
fn what_comes_encoded_or_in_part_all_the_same_passes_untouched() {
    let house = House::with(&[closure()]);
    let rows = [
        html("\r\nContent-Encoding: gzip"),
        String::from_utf8(html("\r\nContent-Range: bytes 0-9/100"))
            .unwrap()
            .replace("200 OK", "206 Partial Content")
            .into_bytes(),
    ];
    for row in rows {
        house.upstream.answer_with(&row);
        let told = house.ask("GET /owners/home", &[]);
        assert_eq!(told.text(), PAGE);
        assert!(told.header("content-length").is_some());
    }
}

/// Serves the page in pieces of `size` bytes, chunked.
fn in_pieces(size: usize) -> Upstream {
    Upstream::scripted(move |stream, _| {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
        let mut sent = stream.write_all(head.as_bytes());
        for piece in PAGE.as_bytes().chunks(size) {
            let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
            chunk.extend(piece);
            chunk.extend(b"\r\n");
            sent = sent.and_then(|()| stream.write_all(&chunk));
        }
        sent.and_then(|()| stream.write_all(b"0\r\n\r\n")).is_ok()
    })
}

#[test]
fn a_page_that_comes_in_pieces_carries_it_once() {
    for size in [1, 7, 1_000] {
        let house = House::before(in_pieces(size), ROUTES, &[closure()]);
        let told = house.ask("GET /owners/home", &[GERMAN]);
        assert_eq!(told.text(), page_with_line(), "{size}");
    }
}

#[test]
fn a_page_about_a_vehicle_is_masked_and_carries_it() {
    let house = House::with(&[closure()]);
    let foreign = "SJNFAAZE0U6054321";
    let page = format!("<html><body>{OWNED} {foreign}</body></html>");
    let fields = format!("Content-Type: text/html\r\nContent-Length: {}", page.len());
    house.upstream.answer_with(&answer(&fields, &page));
    let told = house.ask(&format!("GET /mycar/{OWNED}"), &[GERMAN]);
    let stars = "*".repeat(17);
    let expected = format!("<html><body>{LINE}{OWNED} {stars}</body></html>");
    assert_eq!(told.text(), expected);
}

#[test]
fn a_page_carries_it_by_http2() {
    let house = House::with_tls(in_pieces(11), &[closure()]);
    let mut connection = Http2::start(house.gateway.edge, house.authority.as_ref().unwrap());
    let fields = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "localhost"),
        (":path", "/owners/home"),
        ("accept-language", "de"),
    ];
    connection.send_head(1, frames::END_STREAM, &fields);
    let mut page = Vec::new();
    while let Some(frame) = connection.until(1, frames::DATA) {
        page.extend(&frame.payload);
        if frame.flags & frames::END_STREAM != 0 {
            break;
        }
    }
    assert_eq!(String::from_utf8(page).unwrap(), page_with_line());
}

#[test]
fn a_connection_goes_on_after_a_page_with_a_notice() {
    let house = House::with(&[closure()]);
    house.upstream.answer_with(&html(""));
    let one = house.request("GET /owners/home", &[GERMAN]);
    let two = house.request("GET /owners/home", &["Connection: close"]);
    let raw = crate::support::client::exchange_raw(house.gateway.edge, one.as_bytes());
    assert!(raw.ends_with(b"0\r\n\r\n"), "it ends by its own framing");
    let answer = exchange(house.gateway.edge, two.as_bytes());
    assert_eq!(answer.status, 200);
}
