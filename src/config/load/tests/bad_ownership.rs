//! Every mistake that `[ownership.http]` can have, and the two ways to be right.

use super::{CONFIG, Estate, ROUTES};

const EMBEDDED: &str = "store = \"embedded\"\nfile = \"ownership.redb\"\n";

const HTTP: &str = r#"store = "http"
keep = { max_age = "60s", absent_max_age = "10s" }

[ownership.http]
vehicle_url = "https://ownership.internal/v1/vehicles/{vin}"
subjects = "not-asked"
ca_file = "ownership-ca.pem"
client_certificate_file = "gateway.pem"
client_key_file = "gateway.key"
authorization_file = "ownership.token"
timeout = "150ms"
connections = 16
absent = { pointer = "/code", equals = "unknown-vehicle" }
breaker = { failures = 5, pause = "1s", longest_pause = "30s" }

[ownership.http.map]
vin = "/vin"
owner = "/owner/sub"
region = "/region"
trim = "/trim"
capabilities = "/can"
telematics = "/telematics"
suspended = "not-told"
drivers = { list = "/drivers", subject = "/a~1b~0", entitlements = "/may" }
work_orders = { list = "/orders", id = "/id", dealership = "/at", role = "/role", until = "/until" }
"#;

const ASKED: &str = r#"subjects = { url = "https://ownership.internal/s/{issuer}/{subject}", subject = "/sub", suspended = "/x" }"#;

fn told(from: &str, to: &str) -> Vec<String> {
    assert!(CONFIG.contains(EMBEDDED) && HTTP.contains(from), "{from}");
    let config = CONFIG.replacen(EMBEDDED, &HTTP.replacen(from, to, 1), 1);
    let mistakes = Estate::new(&config, ROUTES).mistakes(&[]);
    let told = mistakes.iter().filter_map(|told| told.split_once(": "));
    told.map(|(_, told)| told.to_owned()).collect()
}

#[test]
fn a_right_one_is_right() {
    let nothing = Vec::<String>::new();
    assert_eq!(told("", ""), nothing);
    assert_eq!(told("subjects = \"not-asked\"", ASKED), nothing);
    assert_eq!(told("\"not-told\"", "\"/suspended\""), nothing);
    let plain = "http://127.0.0.1:8080/{vin}\"\nsubjects = \"not-asked\"\nconnections = 16\n[x]";
    let (before, _) = HTTP.split_once("https://").unwrap();
    let (_, map) = HTTP.split_once("[ownership.http.map]").unwrap();
    let plain = plain.replace("[x]", "[ownership.http.map]");
    assert_eq!(told(HTTP, &format!("{before}{plain}{map}")), nothing);
}

/// What is replaced, by what, and every mistake that follows.
const ROWS: &[(&str, &str, &[&str])] = &[
    (
        "keep = { max_age = \"60s\", absent_max_age = \"10s\" }",
        "file = \"o.redb\"",
        &[
            "`ownership.file` means nothing with `ownership.store = \"http\"`",
            "`ownership.store = \"http\"` needs `ownership.keep`",
        ],
    ),
    (
        "\"http\"",
        "\"embedded\"\nfile = \"o.redb\"",
        &[
            "`ownership.http` means nothing with `ownership.store = \"embedded\"`",
            "`ownership.keep` means nothing with `ownership.store = \"embedded\"`",
        ],
    ),
    (
        "{vin}",
        "SJNFAAZE0U6012345",
        &[
            "`ownership.http.vehicle_url` wants an `https://` URL whose path or query has `{vin}` once, not `https://ownership.internal/v1/vehicles/SJNFAAZE0U6012345`",
        ],
    ),
    (
        "https://ownership.internal/v1",
        "http://ownership.internal/v1",
        &[
            "`ownership.http.ca_file` needs `https://`",
            "`ownership.http.client_certificate_file` needs `https://`",
            "`ownership.http.client_key_file` needs `https://`",
            "`ownership.http.vehicle_url` wants `https://`: only this machine is asked without",
        ],
    ),
    (
        "ca_file = \"ownership-ca.pem\"",
        "",
        &["`https://` needs `ownership.http.ca_file`"],
    ),
    (
        "client_key_file = \"gateway.key\"",
        "",
        &["`ownership.http.client_certificate_file` needs `ownership.http.client_key_file`"],
    ),
    (
        "client_certificate_file = \"gateway.pem\"",
        "",
        &["`ownership.http.client_key_file` needs `ownership.http.client_certificate_file`"],
    ),
    ("subjects = \"not-asked\"", "", &["missing key `subjects`"]),
    ("suspended = \"not-told\"", "", &["missing key `suspended`"]),
    (
        "subjects = \"not-asked\"",
        r#"subjects = { url = "https://other.internal/{issuer}/{subject}", subject = "sub", suspended = "/x" }"#,
        &[
            "`ownership.http.subjects.subject` wants a JSON pointer such as `/owner/sub`, not `sub`",
            "`ownership.http.subjects.url` wants the server of `ownership.http.vehicle_url`",
        ],
    ),
    (
        "subjects = \"not-asked\"",
        r#"subjects = { url = "https://ownership.internal/{subject}", subject = "/sub", suspended = "/x" }"#,
        &[
            "`ownership.http.subjects.url` wants an `https://` URL whose path or query has `{issuer}` and `{subject}` once, not `https://ownership.internal/{subject}`",
        ],
    ),
    (
        "timeout = \"150ms\"",
        r#"lookups.subject = { url = "https://other.internal/{subject}", subject = "/sub", vins = "vins" }
lookups.alias = { url = "https://ownership.internal/{alias}", client = "/c", alias = "/a", vin = "/v" }
lookups.case = { url = "https://ownership.internal/{case}", case = "/case" }"#,
        &[
            "`ownership.http.lookups.alias.url` wants an `https://` URL whose path or query has `{client}` and `{alias}` once, not `https://ownership.internal/{alias}`",
            "`ownership.http.lookups.subject.url` wants the server of `ownership.http.vehicle_url`",
            "`ownership.http.lookups.subject.vins` wants a JSON pointer such as `/owner/sub`, not `vins`",
            "missing key `vin`",
        ],
    ),
    (
        "timeout = \"150ms\"",
        "timeout = \"6s\"",
        &["`ownership.http.timeout` wants at most `5s`, not `6s`"],
    ),
    (
        "timeout = \"150ms\"",
        "timeout = \"0s\"",
        &["`ownership.http.timeout` must be above zero"],
    ),
    (
        "connections = 16",
        "connections = 0",
        &["`ownership.http.connections` wants at least `1`, not `0`"],
    ),
    (
        "longest_pause = \"30s\"",
        "longest_pause = \"100ms\"",
        &[
            "`ownership.http.breaker.longest_pause` wants no less than `ownership.http.breaker.pause`",
        ],
    ),
    (
        "\"/owner/sub\"",
        "\"owner.sub\"",
        &["`ownership.http.map.owner` wants a JSON pointer such as `/owner/sub`, not `owner.sub`"],
    ),
    (
        "\"/a~1b~0\"",
        "\"/a~2\"",
        &[
            "`ownership.http.map.drivers.subject` wants a JSON pointer such as `/owner/sub`, not `/a~2`",
        ],
    ),
    (
        "\"/owner/sub\"",
        "\"not-told\"",
        &["`ownership.http.map.owner` wants a JSON pointer such as `/owner/sub`, not `not-told`"],
    ),
    (
        ", role = \"/role\"",
        "",
        &["`ownership.http.map.work_orders` wants `technician`, `role`, or both"],
    ),
    (
        "owner = \"/owner/sub\"\n",
        "owners = \"/owner/sub\"\n",
        &[
            "missing key `owner`",
            "unknown key `owners`, did you mean `owner`",
        ],
    ),
];

#[test]
fn each_mistake_is_told_in_words() {
    for (from, to, expected) in ROWS {
        let mut told = told(from, to);
        told.sort();
        assert_eq!(told, *expected, "{from} -> {to}");
    }
}
