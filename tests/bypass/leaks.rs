//! Does anything of another car, or of a person, get out through an answer or a record?

use serde_json::json;

use crate::support::{Tokens, exchange, get};
use crate::{FOREIGN, House, OWNED};

#[test]
fn an_upstream_is_told_nothing_by_a_client_about_who_asks() {
    let house = House::start();
    let forged = [
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Forwarded-Uri",
        "X-Forwarded-Prefix",
        "True-Client-IP",
        "X-HTTP-Method",
        "X-User-Id",
        "X_Remote_User",
        "Remote-User",
        "X-Envoy-Original-Path",
        "X-Amzn-Oidc-Data",
        "X-MS-Client-Principal",
        "Vingate-Assertion",
        "vingate_assertion",
        "X-Sendfile-Type",
        "X-Accel-Mapping",
        "X-Middleware-Subrequest",
        "X-Custom-IP-Authorization",
        "X-MSISDN",
        "X-UP-Calling-Line-ID",
        "X-Nokia-MSISDN",
        "X-WAP-MSISDN",
        "X-WAP-Network-Client-MSISDN",
        "MSISDN",
        "X-Session-User",
        "X-Kong-Consumer",
        "X-Gateway-User",
        "X-Cert-Subject",
        "X-DN",
        "X-Invoke-Path",
        "X-Verified-User",
        "X-Whoami",
    ];
    let fields = forged.map(|name| format!("{name}: forged-value\r\n"));
    let line = format!("GET /cars/{OWNED}/battery");
    let request = house.ask(&line, &fields.concat(), "");
    let (_, seen) = house.reaches(&request);
    let leaked: Vec<&str> = seen
        .iter()
        .flat_map(|seen| seen.lines())
        .filter(|line| line.contains("forged-value"))
        .collect();
    assert!(seen.len() == 1 && leaked.is_empty(), "{seen:?} {leaked:?}");
}

#[test]
fn a_part_of_an_answer_is_not_asked_for_on_a_cars_route() {
    let house = House::start();
    let fields = "Range: bytes=0-20\r\nIf-Range: \"a\"\r\nAccept-Encoding: gzip\r\nAccept-Charset: utf-16\r\nA-IM: vcdiff\r\nTE: gzip\r\n";
    let (_, seen) = house.reaches(&house.ask(&format!("GET /cars/{OWNED}/battery"), fields, ""));
    let seen = seen.concat().to_ascii_lowercase();
    for name in ["range", "accept-encoding", "accept-charset", "a-im", "te"] {
        assert!(!seen.contains(&format!("\r\n{name}:")), "{name}: {seen}");
    }
    // Files may be resumed: nothing is looked for in them.
    let (_, seen) = house.reaches(&house.ask("GET /owners/static/x", fields, ""));
    assert!(
        seen.concat()
            .to_ascii_lowercase()
            .contains("\r\nrange: bytes=0-20"),
        "{seen:?}"
    );
}

#[test]
fn another_cars_vin_is_masked_in_every_place_of_a_body() {
    let house = House::start();
    let lower = FOREIGN.to_lowercase();
    let body = format!(
        "[\"{FOREIGN}\",\"log:\\n{FOREIGN}\\t{FOREIGN}\\u003d{FOREIGN}\",\"/x%3D{FOREIGN}%20{lower}\",\
         \"vin_{FOREIGN}_x\",\"<b>{FOREIGN}</b>\",\"\\\\n{OWNED}\",\"{OWNED}\"]"
    );
    let chunk = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        format!("{:x}\r\n{text}\r\n", bytes.len())
    };
    let pieces: Vec<String> = body.as_bytes().chunks(7).map(chunk).collect();
    let pieces = pieces.concat();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    for answer in [
        format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()),
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{pieces}0\r\n\r\n"),
    ] {
        house.upstream.answer_with(answer.as_bytes());
        let got = get(
            house.gateway.edge,
            &format!("/cars/{OWNED}/battery"),
            Some(&house.owner),
        )
        .text();
        assert_eq!(
            got,
            body.replace(FOREIGN, &"*".repeat(17))
                .replace(&lower, &"*".repeat(17))
        );
    }
}

#[test]
fn a_record_holds_no_vin_whoever_puts_it_where() {
    let house = House::start();
    let mut claims = Tokens::claims("owner");
    claims["client_id"] = json!(FOREIGN);
    claims["jti"] = json!(FOREIGN);
    claims["scope"] = json!(FOREIGN);
    let token = house.tokens.sign(&claims);
    let auth = format!(
        "Authorization: Bearer {token}\r\nX-Request-Id: {FOREIGN}\r\nUser-Agent: {FOREIGN}\r\n"
    );
    let rows = [
        format!(
            "GET /cars/{OWNED}/battery HTTP/1.1\r\nHost: {FOREIGN}\r\nConnection: close\r\n{auth}\r\n"
        ),
        format!(
            "{FOREIGN} /cars/{OWNED}/battery HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{auth}\r\n"
        ),
        format!("GET /{FOREIGN}?{FOREIGN} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{auth}\r\n"),
        format!(
            "GET /cars/{OWNED}/battery HTTP/1.1\r\nHost: a\r\nConnection: {FOREIGN}\r\nAuthorization: {FOREIGN}\r\n\r\n"
        ),
        format!(
            "GET /cars/{OWNED}/battery HTTP/1.1\r\nHost: a\r\nConnection: close\r\nForwarded: for={FOREIGN}\r\n{auth}\r\n"
        ),
        format!("{FOREIGN}\r\n\r\n"),
    ];
    for row in &rows {
        exchange(house.gateway.edge, row.as_bytes());
    }
    let metrics = get(house.gateway.ops, "/metrics", None).text();
    let stderr = house.gateway.stderr();
    let (status, folder) = house.gateway.stop();
    assert!(status.success());
    let records = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    assert_eq!(records.lines().count(), rows.len(), "{records}");
    for text in [&records, &metrics, &stderr] {
        assert!(!text.contains(FOREIGN) && !text.contains(OWNED), "{text}");
    }
}
