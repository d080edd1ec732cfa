//! Is every scope, in every state, told in every format?

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Plan, Upstream, board};
use crate::{House, MORE, OWNED, ROUTES, closed, of_surface};

/// Every dimension, with a scope that covers all requests of the table by it alone.
fn scopes() -> [(&'static str, Value); 11] {
    [
        ("all", json!({ "all": true })),
        ("surface", json!({ "surfaces": ["api", "mobile"] })),
        ("region", json!({ "regions": ["NE"] })),
        (
            "route",
            json!({ "routes": ["api.battery", "api.climate", "mobile.climate"] }),
        ),
        ("action", json!({ "actions": ["Comfort", "Read"] })),
        ("upstream", json!({ "upstreams": ["telematics"] })),
        ("client version", json!({ "client_versions": ["1.0"] })),
        ("client", json!({ "clients": ["test-app"] })),
        ("tenant", json!({ "tenants": ["leasing"] })),
        ("subject", json!({ "subjects": ["owners/owner"] })),
        ("vehicle", json!({ "vehicles": [OWNED] })),
    ]
}

/// What a command and a read hear in a state; `None` where they pass.
struct State {
    name: &'static str,
    value: Value,
    command: Option<&'static str>,
    read: Option<&'static str>,
}

fn states() -> [State; 5] {
    let ramp = |from: &str, tester: &str| {
        json!({
            "is": "restoring", "from": from, "stage": "testers", "since": 1, "draw": "00",
            "testers": [tester],
        })
    };
    let state = |name, value, command, read| State {
        name,
        value,
        command,
        read,
    };
    let other = "owners/somebody-else";
    [
        state("closed", closed(), Some("closed"), Some("closed")),
        state(
            "read-only",
            json!({ "is": "read-only" }),
            Some("read-only"),
            None,
        ),
        state(
            "restoring",
            ramp("closed", other),
            Some("closed"),
            Some("closed"),
        ),
        state(
            "restoring reads",
            ramp("read-only", other),
            Some("read-only"),
            None,
        ),
        state(
            "restored to a tester",
            ramp("closed", "owners/owner"),
            None,
            None,
        ),
    ]
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Problem,
    Carwings,
    Page,
    Grpc,
    Head,
}

const FORMATS: [Format; 5] = [
    Format::Problem,
    Format::Carwings,
    Format::Page,
    Format::Grpc,
    Format::Head,
];

fn ask(house: &House, format: Format) -> Answer {
    let climate = format!("POST /cars/{OWNED}/climate");
    let form = format!("VIN={OWNED}");
    let length = format!("Content-Length: {}", form.len());
    let version = "X-App-Version: 1.0";
    let german = "Accept-Language: de-CH, en;q=0.5";
    match format {
        Format::Problem => house.ask(&climate, &[version, "Content-Length: 0"]),
        Format::Page => {
            let html = "Accept: text/html, */*;q=0.1";
            house.ask(&climate, &[version, html, german, "Content-Length: 0"])
        }
        Format::Grpc => {
            let kind = "Content-Type: application/grpc+proto";
            house.ask(&climate, &[version, kind, german, "Content-Length: 0"])
        }
        Format::Head => house.ask(&format!("HEAD /cars/{OWNED}/battery"), &[version]),
        Format::Carwings => {
            let kind = "Content-Type: application/x-www-form-urlencoded";
            let first = "POST /gdc/ACRemoteRequest.php";
            let head = house.request(first, &[version, kind, &length]);
            crate::support::exchange(house.gateway.edge, format!("{head}{form}").as_bytes())
        }
    }
}

/// The fields of every denial by a closure.
fn check_fields(answer: &Answer, code: &str, wait: &RangeInclusive<u64>, cell: &str) {
    let told = |name: &str| {
        answer
            .header(name)
            .unwrap_or_else(|| panic!("{cell}: no {name}"))
    };
    let retry: u64 = told("retry-after").parse().unwrap();
    assert!(wait.contains(&retry), "{cell}: {retry}");
    assert_eq!(told("cache-control"), "no-store", "{cell}");
    assert_eq!(told("vary"), "accept, accept-language", "{cell}");
    let status = format!("vingate; error=http_request_denied; details=\"{code}\"");
    assert_eq!(told("proxy-status"), status, "{cell}");
    assert_eq!(told("x-request-id").len(), 36, "{cell}");
    for header in &answer.headers {
        assert!(!header.1.contains("private"), "{cell}: {header:?}");
    }
    assert!(!answer.text().contains("private"), "{cell}");
}

fn check_problem(answer: &Answer, format: Format, code: &str, cell: &str) {
    let english = "The app is unavailable.";
    let body = answer.json();
    let kind = format!("urn:vingate:problem:{code}");
    assert_eq!(body["type"], kind, "{cell}");
    assert_eq!(body["status"], 503, "{cell}");
    assert_eq!(body["detail"], english, "{cell}");
    let wanted = match format {
        Format::Carwings => (Some(code), Some(english)),
        Format::Problem | Format::Page | Format::Grpc | Format::Head => (None, None),
    };
    let members = (body["ErrorCode"].as_str(), body["ErrorMessage"].as_str());
    assert_eq!(members, wanted, "{cell}");
}

const GERMAN: &str = "Die App ist nicht erreichbar.";

fn check_denied(answer: &Answer, format: Format, code: &str, cell: &str) {
    check_fields(answer, code, &(30..=90), cell);
    let (http, kind, language) = match format {
        Format::Problem | Format::Carwings | Format::Head => {
            (503, "application/problem+json", "en")
        }
        Format::Page => (503, "text/html; charset=utf-8", "de"),
        Format::Grpc => (200, "application/grpc", "de"),
    };
    assert_eq!(answer.status, http, "{cell}");
    assert_eq!(answer.header("content-type"), Some(kind), "{cell}");
    assert_eq!(answer.header("content-language"), Some(language), "{cell}");
    match format {
        Format::Problem | Format::Carwings => check_problem(answer, format, code, cell),
        Format::Page => check_page(&answer.text(), cell),
        Format::Grpc => check_grpc(answer, cell),
        Format::Head => {
            assert!(answer.body.is_empty(), "{cell}");
            assert_ne!(answer.header("content-length"), Some("0"), "{cell}");
        }
    }
}

fn check_page(page: &str, cell: &str) {
    assert_eq!(page.matches("<h1>").count(), 1, "{cell}");
    let alert = format!("<p role=\"alert\" lang=\"de\" dir=\"auto\">{GERMAN}</p>");
    assert!(page.contains(&alert), "{cell}: {page}");
    assert!(!page.contains("<script"), "{cell}");
}

fn check_grpc(answer: &Answer, cell: &str) {
    assert_eq!(answer.header("grpc-status"), Some("14"), "{cell}");
    assert_eq!(answer.header("grpc-message"), Some(GERMAN), "{cell}");
    assert!(answer.body.is_empty(), "{cell}");
}

#[test]
fn every_scope_in_every_state_is_told_in_every_format() {
    let mut house = House::with(&[]);
    let mut cells = 0;
    for (dimension, scope) in scopes() {
        for state in states() {
            house = again(house, &board::closure("c-1", &scope, &state.value));
            for format in FORMATS {
                let cell = format!("{dimension}, {}, {format:?}", state.name);
                house.upstream.clear();
                let answer = ask(&house, format);
                let read = matches!(format, Format::Head);
                if let Some(code) = if read { state.read } else { state.command } {
                    check_denied(&answer, format, code, &cell);
                    assert!(house.upstream.requests().is_empty(), "{cell}");
                } else {
                    assert_eq!(answer.status, 200, "{cell}: {}", answer.text());
                    assert_eq!(answer.header("grpc-status"), None, "{cell}");
                    assert_eq!(house.upstream.requests().len(), 1, "{cell}");
                }
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 11 * 5 * 5);
}

/// The same gateway with another board.
fn again(house: House, closure: &Value) -> House {
    let folder = house.gateway.kill();
    board::write(
        &folder.path().join("switches"),
        std::slice::from_ref(closure),
    );
    let plan = Plan {
        routes: ROUTES,
        config: MORE,
        set: crate::SET,
        ..Plan::default()
    };
    House {
        gateway: Gateway::start_again(&plan, folder),
        ..house
    }
}

#[test]
fn a_device_never_hears_a_2xx_that_is_not_its_servers() {
    let house = House::with(&[of_surface("device")]);
    for kind in ["application/grpc", "application/json"] {
        let kind = format!("Content-Type: {kind}");
        let html = "Accept: text/html";
        for fields in [
            &[&*kind, "Content-Length: 0"][..],
            &[&*kind, html, "Content-Length: 0"],
        ] {
            let answer = house.ask(&format!("POST /ingest/{OWNED}"), fields);
            assert_eq!(answer.status, 503, "{fields:?}");
            check_fields(&answer, "closed", &(30..=90), "device");
            assert_eq!(answer.header("grpc-status"), None, "{fields:?}");
        }
    }
    // open, and refused for another reason
    let house = House::with(&[]);
    let grpc = ["Content-Type: application/grpc", "Content-Length: 0"];
    let answer = house.ask(&format!("POST /ingest/{OWNED}"), &grpc);
    assert_eq!(answer.status, 401);
    let answer = house.ask(&format!("POST /cars/{OWNED}/nothing"), &grpc);
    assert_eq!(answer.header("grpc-status"), Some("5"));
    assert_eq!(answer.status, 200);
}

#[test]
fn nobody_is_told_to_wait_longer_than_the_closure_lasts() {
    let mut closure = of_surface("api");
    let now = vingate::clock::unix_time().as_secs();
    closure["expires_at"] = json!(now + 20);
    let house = House::before(Upstream::start(), ROUTES, &[closure]);
    let first = format!("GET /cars/{OWNED}/battery");
    check_fields(&house.ask(&first, &[]), "closed", &(1..=20), "ends in 20 s");
}

#[test]
fn a_conditional_request_is_denied_whole() {
    let house = House::with(&[of_surface("api")]);
    let fields = [
        "If-None-Match: *",
        "If-Modified-Since: Mon, 01 Jun 2026 00:00:00 GMT",
        "Range: bytes=0-3",
    ];
    let answer = house.ask(&format!("GET /cars/{OWNED}/battery"), &fields);
    assert_eq!(answer.status, 503);
    assert_eq!(answer.json()["type"], "urn:vingate:problem:closed");
    assert_eq!(answer.header("etag"), None);
}
