//! Is a command's result polled by who was answered with its key, by the shipped routes?

use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::support::{Answer, Gateway, Plan, Tokens, Upstream, client};
use crate::{FOREIGN, OWNED};

/// Another car of `owner`.
const SECOND: &str = "SJNFAAZE0U6022222";

const MORE: &str = r#"
[surfaces.mobile-v1]
issuers = ["owners"]
on_cold_start = "open"
denial_format = "carwings"
client_version = { path = "base" }

[result_keys]
store = "local"
"#;

struct House {
    upstream: Upstream,
    tokens: Tokens,
    gateway: Gateway,
}

/// The shipped routes, without their quotas.
fn routes() -> String {
    let file = "deploy/leaf/routes/mobile-v1.toml";
    let all = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let lines = all.lines().filter(|line| !line.starts_with("quotas"));
    lines.collect::<Vec<_>>().join("\n")
}

fn vehicles() -> String {
    let car = |vin: &str, owner: &str, drivers: serde_json::Value| {
        json!({
            "vin": vin, "owner": owner, "drivers": drivers, "region": "NE", "trim": "SV",
            "capabilities": ["climate"], "telematics": true,
        })
        .to_string()
    };
    let driver = json!([{"subject": "driver", "entitlements": ["StartClimate"]}]);
    let cars = [
        car(OWNED, "owner", driver),
        car(SECOND, "owner", json!([])),
        car(FOREIGN, "stranger", json!([])),
    ];
    cars.join("\n")
}

fn house(upstream: Upstream) -> House {
    let tokens = Tokens::new();
    let (routes, vehicles) = (routes(), vehicles());
    let plan = Plan {
        routes: &routes,
        config: MORE,
        vehicles: &vehicles,
        ..Plan::default()
    };
    let gateway = Gateway::start(&plan, &upstream, &tokens);
    House {
        upstream,
        tokens,
        gateway,
    }
}

impl House {
    fn post(&self, whose: &str, page: &str, form: &str) -> Answer {
        let (token, length) = (self.tokens.token(whose), form.len());
        let request = format!(
            "POST /api_v250205_NE/gdc/{page}.php HTTP/1.1\r\nHost: h\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{form}"
        );
        client::exchange(self.gateway.edge, request.as_bytes())
    }

    fn start(&self, vin: &str) -> Answer {
        self.post(
            "owner",
            "ACRemoteRequest",
            &format!("VIN={vin}&RegionCode=NE"),
        )
    }

    fn poll(&self, whose: &str, vin: &str, key: &str) -> Answer {
        let form = format!("VIN={vin}&resultKey={key}&UserId=x");
        self.post(whose, "ACRemoteResult", &form)
    }

    /// What `vingate policy explain` says of a record.
    fn explain(&self, record: &serde_json::Value) -> String {
        let folder = self.gateway.folder.path();
        let file = folder.join("one.jsonl");
        std::fs::write(&file, format!("{record}\n")).unwrap();
        let (file, config) = (file.display().to_string(), folder.join("vingate.toml"));
        let config = config.display().to_string();
        let words = ["policy", "explain", "--record", &file, "-c", &config];
        let output = self.gateway.operate(&words);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A poll that the upstream doesn't hear of.
    fn check_refused(&self, whose: &str, vin: &str, key: &str) {
        self.upstream.clear();
        let answer = self.poll(whose, vin, key);
        assert_eq!(answer.status, 403, "{whose} {key}: {}", answer.text());
        assert_eq!(answer.json()["type"], "urn:vingate:problem:access-denied");
        assert!(self.upstream.requests().is_empty(), "{whose} {key}");
    }
}

/// As the old server answers.
fn answer(body: &str) -> Vec<u8> {
    let length = body.len();
    let labelled = "Content-Type: text/html; charset=UTF8";
    format!("HTTP/1.1 200 OK\r\n{labelled}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

fn key_answer(key: &str) -> Vec<u8> {
    answer(&json!({"status": 200, "vin": OWNED, "resultKey": key}).to_string())
}

#[test]
fn a_result_is_polled_by_who_was_given_its_key_for_that_car() {
    let house = house(Upstream::start());
    house.check_refused("owner", OWNED, "K1");
    house.upstream.answer_with(&key_answer("K1"));
    let started = house.start(OWNED);
    assert_eq!(started.json()["resultKey"], "K1", "{}", started.text());
    for _ in 0..2 {
        assert_eq!(
            house.poll("owner", OWNED, "K1").status,
            200,
            "as often as it takes"
        );
    }
    house.check_refused("driver", OWNED, "K1"); // may poll, and didn't start it
    house.check_refused("owner", SECOND, "K1"); // another car
    house.check_refused("owner", OWNED, "K2");
    house.check_refused("owner", OWNED, "");
    house.check_refused("stranger", OWNED, "K1"); // may not poll that car at all
    house.check_refused("owner", FOREIGN, "K1");
    let records = house.gateway.records(10);
    let refused: Vec<String> = records
        .iter()
        .filter(|record| record["status"] == 403)
        .map(|record| record["reason"].as_str().unwrap().to_owned())
        .collect();
    let unknown = refused
        .iter()
        .filter(|reason| *reason == "result-key-unknown");
    assert_eq!(unknown.count(), 5, "{refused:?}");
    let explained = house.explain(&records[0]);
    for part in [
        "permitted by @id(\"owner.own-car\")",
        "access-denied (result-key-unknown)",
    ] {
        assert!(explained.contains(part), "{part}: {explained}");
    }
    let said = std::fs::read_to_string(house.gateway.folder.path().join("audit.jsonl")).unwrap();
    assert!(!said.contains("K1") && !house.gateway.stderr().contains("K1"));

    // kept in the process: what a restart forgets is refused
    let (status, folder) = house.gateway.stop();
    assert!(status.success());
    let again = House {
        gateway: Gateway::start_again(&Plan::default(), folder),
        ..house
    };
    again.check_refused("owner", OWNED, "K1");
}

#[test]
fn an_answer_in_pieces_comes_whole_and_with_its_key() {
    const PIECES: [&str; 3] = ["{\"status\":200,\"resul", "tKey\":\"K", "1\"}"];
    let upstream = Upstream::scripted(|stream, _| {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        for piece in PIECES {
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            stream.write_all(chunk.as_bytes()).unwrap();
            stream.flush().unwrap();
            std::thread::yield_now();
        }
        stream.write_all(b"0\r\n\r\n").is_ok()
    });
    let house = house(upstream);
    assert_eq!(house.start(OWNED).text(), PIECES.concat());
    assert_eq!(house.poll("owner", OWNED, "K1").status, 200);
}

#[test]
fn what_went_wrong_or_is_too_long_gives_no_key_out_and_passes_as_it_is() {
    let house = house(Upstream::start());
    let failed = json!({"status": 500, "resultKey": "K1"}).to_string();
    let length = failed.len();
    let failed_answer =
        format!("HTTP/1.1 500 Oops\r\nContent-Length: {length}\r\n\r\n{failed}").into_bytes();
    let long = json!({"resultKey": "K1", "filler": "x".repeat(70_000)}).to_string();
    let none = json!({"status": 401, "ErrorCode": "-5001"}).to_string();
    let table = [
        (failed_answer, failed),
        (answer(&long), long),
        (answer(&none), none),
        (
            answer("<html>resultKey: K1"),
            "<html>resultKey: K1".to_owned(),
        ),
    ];
    for (bytes, body) in table {
        house.upstream.answer_with(&bytes);
        assert_eq!(house.start(OWNED).text(), body);
        house.check_refused("owner", OWNED, "K1");
    }
}
