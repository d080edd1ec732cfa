//! Does one request of a connection ever count for another?

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::client::connect;
use crate::{FOREIGN, FORM, House, OWNED};

/// Everything that comes back for these bytes, until the gateway ends the connection.
fn converse(house: &House, bytes: &[u8]) -> String {
    house.upstream.clear();
    let mut stream = connect(house.gateway.edge);
    stream.write_all(bytes).ok();
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers).ok(); // a reset is an end too
    String::from_utf8_lossy(&answers).into_owned()
}

/// The status of one answer on a connection that stays.
fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let mut byte = [0];
    while !answer.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        answer.push(char::from(byte[0]));
    }
    let lower = answer.to_ascii_lowercase();
    let (_, length) = lower.split_once("content-length: ").unwrap();
    let length = length.lines().next().unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).unwrap();
    answer.split(' ').nth(1).unwrap().to_owned()
}

fn statuses(answers: &str) -> Vec<&str> {
    let lines = answers.split("HTTP/1.1 ").skip(1);
    lines
        .filter_map(|answer| answer.split(' ').next())
        .collect()
}

#[test]
fn requests_in_a_row_are_judged_each_for_itself() {
    let house = House::start();
    let stranger = house.tokens.token("stranger");
    let get = |vin: &str, fields: &str| {
        format!("GET /cars/{vin}/battery HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
    };
    let auth = format!("Authorization: Bearer {}\r\n", house.owner);
    let other = format!("Authorization: Bearer {stranger}\r\nConnection: close\r\n");
    let row = [
        get(OWNED, &auth),
        get(OWNED, ""),
        get(FOREIGN, &auth),
        get(OWNED, &format!("{auth}X-Once: kept\r\n")),
        get(OWNED, &other),
    ];
    let mut stream = connect(house.gateway.edge);
    let statuses: Vec<String> = row
        .iter()
        .map(|request| ask(&mut stream, request))
        .collect();
    assert_eq!(statuses, ["200", "401", "403", "200", "403"]);
    let seen = house.upstream.requests();
    let seen: Vec<_> = seen
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes))
        .collect();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(
        !seen[0].contains("X-Once") && seen[1].contains("X-Once"),
        "{seen:?}"
    );
    house.asked.set(row.len());
    house.one_record_each();
}

#[test]
fn nothing_is_read_behind_a_refused_body() {
    let house = House::start();
    let hidden = format!(
        "GET /cars/{OWNED}/battery HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        house.owner
    );
    let post = |target: &str, fields: &str, body: &str| {
        format!("POST {target} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n{body}{hidden}")
    };
    let length = format!("Content-Length: {}\r\n", hidden.len());
    let auth = format!("Authorization: Bearer {}\r\n{FORM}\r\n", house.owner);
    let rows = [
        post("/gdc/Records.php", &length, ""), // no token: the body is not read
        post("/nowhere", &length, ""),
        post(
            "/gdc/Records.php",
            "Transfer-Encoding: chunked\r\n",
            "5\r\na=b&c\r\n",
        ),
        post(
            "/gdc/Records.php",
            &format!("{auth}Transfer-Encoding: chunked\r\n"),
            "x\r\n",
        ),
        post(
            "/gdc/Records.php",
            &format!("{auth}Content-Length: 70000\r\n"),
            "",
        ),
        post("/gdc/../x", "", ""),
    ];
    for row in &rows {
        let answers = converse(&house, row.as_bytes());
        assert_eq!(statuses(&answers).len(), 1, "{row}\n{answers}");
        assert!(house.upstream.requests().is_empty(), "{row}");
    }
    house.asked.set(rows.len());
    house.one_record_each();
}

#[test]
fn a_client_that_leaves_has_one_record() {
    let house = House::start();
    let whole = house.ask(&format!("GET /cars/{OWNED}/battery"), "", "");
    let body = house.ask(
        "POST /gdc/Records.php",
        &format!("{FORM}\r\nContent-Length: 21\r\n"),
        "VIN=",
    );
    for request in [&whole, &body] {
        let mut stream = connect(house.gateway.edge);
        stream.write_all(request).ok();
        drop(stream);
    }
    let half = &whole[..whole.len() - 2];
    let answers = converse(&house, half); // the head's time runs out
    assert_eq!(statuses(&answers), ["408"], "{answers}");
    house.asked.set(3);
    house.one_record_each();
}

#[test]
fn a_client_that_waits_for_a_go_ahead_gets_one_answer() {
    let house = House::start();
    let form = format!("VIN={OWNED}");
    let fields = format!(
        "{FORM}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n",
        form.len()
    );
    let answers = converse(&house, &house.ask("POST /gdc/Records.php", &fields, &form));
    assert_eq!(statuses(&answers), ["100", "200"], "{answers}");
    let other = form.replace(OWNED, FOREIGN);
    let answers = converse(&house, &house.ask("POST /gdc/Records.php", &fields, &other));
    assert_eq!(statuses(&answers), ["100", "403"], "{answers}");
    assert!(house.upstream.requests().is_empty());
    let answers = converse(&house, &house.ask("POST /nowhere", &fields, &form));
    assert_eq!(statuses(&answers), ["404"], "{answers}");
    house.asked.set(3);
    house.one_record_each();
}
