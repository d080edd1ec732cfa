//! Is there one request on the wire, with the methods, fields and body that were judged?

use crate::{FOREIGN, FORM, House, OWNED};

/// A second request, hidden behind the first.
fn smuggled() -> String {
    format!("GET /cars/{FOREIGN}/battery HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_body_ends_where_one_framing_says() {
    let house = House::start();
    let line = "POST /gdc/Records.php";
    let form = format!("VIN={OWNED}");
    let length = form.len();
    let hex = format!("{length:x}");
    let chunks = format!("{hex}\r\n{form}\r\n0\r\n\r\n");
    let plain = |field: &str| house.ask(line, &format!("{FORM}\r\n{field}\r\n"), &form);
    let coded = |field: &str| house.ask(line, &format!("{FORM}\r\n{field}\r\n"), &chunks);
    let cut = |body: String| {
        house.ask(
            line,
            &format!("{FORM}\r\nTransfer-Encoding: chunked\r\n"),
            &body,
        )
    };
    house.refuses(&[
        (
            "signed length",
            plain(&format!("Content-Length: +{length}")),
        ),
        (
            "hexadecimal length",
            plain(&format!("Content-Length: 0x{hex}")),
        ),
        (
            "list of lengths",
            plain(&format!("Content-Length: {length}, {length}")),
        ),
        (
            "two lengths",
            plain(&format!("Content-Length: {length}\r\nContent-Length: 0")),
        ),
        ("negative length", plain("Content-Length: -1")),
        ("empty length", plain("Content-Length:")),
        (
            "length that overflows",
            plain("Content-Length: 18446744073709551637"),
        ),
        (
            "length in another spelling",
            plain(&format!("Content_Length: {length}")),
        ),
        (
            "length with a space before the colon",
            plain(&format!("Content-Length : {length}")),
        ),
        (
            "length on a folded line",
            plain(&format!("Content-Length:\r\n {length}")),
        ),
        (
            "length with a control byte",
            plain(&format!("Content-Length: \u{b}{length}")),
        ),
        (
            "coding and length",
            coded(&format!(
                "Transfer-Encoding: chunked\r\nContent-Length: {length}"
            )),
        ),
        (
            "length and coding",
            coded(&format!(
                "Content-Length: {length}\r\nTransfer-Encoding: chunked"
            )),
        ),
        (
            "coding in a list",
            coded("Transfer-Encoding: identity, chunked"),
        ),
        (
            "coding twice",
            coded("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        ),
        (
            "coding not last",
            coded("Transfer-Encoding: chunked, identity"),
        ),
        ("unknown coding", coded("Transfer-Encoding: xchunked")),
        ("quoted coding", coded("Transfer-Encoding: \"chunked\"")),
        (
            "coding with a parameter",
            coded("Transfer-Encoding: chunked;q=1"),
        ),
        (
            "coding with a control byte",
            coded("Transfer-Encoding: \u{b}chunked"),
        ),
        (
            "coding in another spelling",
            coded("Transfer_Encoding: chunked"),
        ),
        (
            "coding with a space before the colon",
            coded("Transfer-Encoding : chunked"),
        ),
        (
            "size with a sign",
            cut(format!("+{hex}\r\n{form}\r\n0\r\n\r\n")),
        ),
        (
            "size with 0x",
            cut(format!("0x{hex}\r\n{form}\r\n0\r\n\r\n")),
        ),
        (
            "size that overflows",
            cut(format!("1000000000000000{hex}\r\n{form}\r\n0\r\n\r\n")),
        ),
        ("negative size", cut(format!("-1\r\n{form}\r\n0\r\n\r\n"))),
        ("size too small", cut(format!("5\r\n{form}\r\n0\r\n\r\n"))),
        ("no last chunk", cut(format!("{hex}\r\n{form}\r\n"))),
        ("bare line feeds", cut(format!("{hex}\n{form}\n0\n\n"))),
    ]);
    house.lets_through(&[
        ("a length", plain(&format!("Content-Length: {length}"))),
        ("chunks", coded("Transfer-Encoding: chunked")),
        ("chunks in capitals", coded("Transfer-Encoding: Chunked")),
        (
            "expecting to go on",
            plain(&format!("Content-Length: {length}\r\nX-A: b")),
        ),
    ]);
    house.one_record_each();
}

#[test]
fn what_follows_a_request_is_never_part_of_it() {
    let house = House::start();
    let form = format!("VIN={OWNED}");
    let (line, length) = ("POST /gdc/Records.php", form.len());
    let smuggled = smuggled();
    let hex = format!("{length:x}");
    let rows = [
        house.ask(line, &format!("{FORM}\r\nContent-Length: {length}\r\n"), &format!("{form}{smuggled}")),
        house.ask(line, &format!("{FORM}\r\nTransfer-Encoding: chunked\r\n"), &format!("{hex}\r\n{form}\r\n0\r\n\r\n{smuggled}")),
        house.ask(line, &format!("{FORM}\r\nTransfer-Encoding: chunked\r\n"), &format!("{hex};a=\"\r\n{form}\r\n0\r\nVIN: {FOREIGN}\r\nVingate-Assertion: forged\r\n\r\n{smuggled}")),
        house.ask(line, &format!("{FORM}\r\nTransfer-Encoding: chunked\r\n"), &format!("{hex}\r\n{form}\r\n000\r\nX-User: root\r\nContent-Length: 5\r\n\r\n")),
        house.ask(&format!("GET /cars/{OWNED}/battery"), "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n", &smuggled),
        house.ask(&format!("GET /cars/{OWNED}/battery"), "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n", &smuggled),
        house.ask(&format!("GET /cars/{OWNED}/battery"), "Content-Length: 0\r\n", &smuggled),
    ];
    for row in &rows {
        let (_, seen) = house.reaches(row);
        let seen = seen.join("\n---\n");
        for gone in [
            FOREIGN,
            "forged",
            "root",
            "pgrade",
            "HTTP2-Settings",
            "http2-settings",
        ] {
            assert!(!seen.contains(gone), "`{gone}` went upstream: {seen}");
        }
    }
    house.one_record_each();
}

#[test]
fn a_connection_option_takes_no_field_away() {
    let house = House::start();
    let form = format!("VIN={OWNED}");
    let length = format!("{FORM}\r\nContent-Length: {}\r\n", form.len());
    let nominate = |names: &str| {
        let fields = format!("{length}Connection: {names}\r\n");
        house.ask("POST /gdc/Records.php", &fields, &form)
    };
    let vehicle = |more: &str| {
        let fields = format!("Car-Id: {OWNED}\r\n{more}");
        house.ask("GET /header/records", &fields, "")
    };
    house.refuses(&[
        ("the media type", nominate("close, Content-Type")),
        ("the length", nominate("Content-Length")),
        ("the host", nominate("Host")),
        ("the token", nominate("AUTHORIZATION")),
        ("not a token", nominate("\"Content-Type\"")),
        ("the vehicle", vehicle("Connection: Car-Id\r\n")),
        (
            "the vehicle, with spaces",
            vehicle("Connection: close ,\tcar-id ,\r\n"),
        ),
    ]);
    // What is not there can't be taken away; what the gateway sets comes after.
    let row = nominate("keep-alive, Vingate-Assertion, Forwarded, X-Request-Id");
    let (_, seen) = house.reaches(&row);
    let seen = seen.concat().to_ascii_lowercase();
    for set in [
        "\r\nvingate-assertion: ",
        "\r\nforwarded: ",
        "\r\nx-request-id: ",
    ] {
        assert!(seen.contains(set), "{set:?} is missing: {seen}");
    }
    house.lets_through(&[
        ("close", nominate("close")),
        (
            "an old client",
            nominate("keep-alive, TE\r\nTE: trailers\r\nKeep-Alive: 300"),
        ),
        ("the vehicle", vehicle("")),
    ]);
    house.one_record_each();
}

#[test]
fn a_method_is_the_one_on_the_line() {
    let house = House::start();
    let path = "/gdc/Records.php";
    let form = format!("VIN={OWNED}");
    let post = |query: &str, body: &str| house.send(&format!("POST {path}{query}"), FORM, body);
    let plain = |method: &str| house.ask(&format!("{method} /cars/{OWNED}/battery"), "", "");
    house.refuses(&[
        ("in the form", post("", &format!("{form}&_method=DELETE"))),
        ("in the query", post("?_method=DELETE", &form)),
        ("in capitals", post("?_METHOD=DELETE", &form)),
        (
            "as ASP.NET has it",
            post("?X-HTTP-Method-Override=DELETE", &form),
        ),
        ("OPTIONS", plain("OPTIONS")),
        ("TRACE", plain("TRACE")),
        ("CONNECT", house.ask("CONNECT localhost:80", "", "")),
        ("made up", plain("BREW")),
        ("lower case", plain("get")),
        (
            "query of a POST by GET",
            house.ask(&format!("GET {path}?_method=POST&VIN={OWNED}"), "", ""),
        ),
    ]);
    house.lets_through(&[("plain", post("?method=x", &form)), ("HEAD", plain("GET"))]);
    house.one_record_each();
}
