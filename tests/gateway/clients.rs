//! Does a client's certificate let in whom it names, as long as it counts, and nobody else?

#[path = "clients/both.rs"]
mod both;
#[path = "clients/outlived.rs"]
mod outlived;
#[path = "clients/taken_back.rs"]
mod taken_back;

use std::fs;
use std::process::{Command, Output};
use std::sync::Arc;

use rustls::ClientConfig;
use serde_json::json;

use crate::support::certificates::{Authority, Freshness, Pair, Validity, client_with};
use crate::support::{Gateway, Plan, Tokens, Upstream};
use crate::{FOREIGN, MORE, OWNED, ROUTES, vehicles};

const TCU: &str = include_str!("../../deploy/leaf/routes/tcu.toml");

/// A gateway that asks clients for certificates of the cars' authority.
struct House {
    upstream: Upstream,
    tokens: Tokens,
    gateway: Gateway,
    servers: Authority,
    cars: Authority,
    listener: String,
    folder: tempfile::TempDir,
}

impl House {
    fn new(presence: &str) -> Self {
        Self::with(presence, "")
    }

    /// With more settings.
    fn with(presence: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [servers, cars] = ["servers", "cars"].map(|name| {
            let folder = folder.path().join(name);
            fs::create_dir(&folder).unwrap();
            Authority::new(&folder)
        });
        let edge = servers.issue("localhost");
        let list = cars.revoke(&[], Freshness::Fresh);
        let config = format!(
            "{MORE}\n{more}[surfaces.tcu]\ncertificates = [\"tcu\"]\non_cold_start = \"open\"\n\
             [certificates.tcu]\nauthorities_file = \"{}\"\ncrl_files = [\"{}\"]\n\
             principal = {{ kind = \"Vehicle\", name = {{ uri = \"urn:vin:{{vin}}\" }} }}\n\
             [quotas.ingest-per-vehicle]\nquota = 60\nwindow = \"1m\"\nkey = [\"vehicle\"]\n\
             store = \"local\"\n\
             [quotas.command-fetches-per-vehicle]\nquota = 30\nwindow = \"1m\"\n\
             key = [\"vehicle\"]\nstore = \"local\"\n",
            cars.file.display(),
            list.display(),
        );
        let listener = format!(
            "listeners.edge.tls={{ certificate_file = \"{}\", key_file = \"{}\", \
             client_certificates = {{ accepted = [\"tcu\"], presence = \"{presence}\" }} }}",
            edge.certificate.display(),
            edge.key.display()
        );
        let (upstream, tokens) = (Upstream::start(), Tokens::new());
        let plan = Plan {
            routes: &format!("{ROUTES}{TCU}"),
            config: &config,
            vehicles: &vehicles(),
            set: &[&listener],
            ..Plan::default()
        };
        let gateway = Gateway::start(&plan, &upstream, &tokens);
        Self {
            upstream,
            tokens,
            gateway,
            servers,
            cars,
            listener,
            folder,
        }
    }

    fn car(&self, vin: &str) -> Pair {
        let name = format!("URI:urn:vin:{vin}");
        self.cars.issue_to("unit", &name, Validity::Now)
    }

    /// `curl`, which answers the status in its last three bytes.
    fn curl(&self, shown: Option<&Pair>, more: &[&str], target: &str) -> Output {
        let port = self.gateway.edge.port();
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "30", "-w", "%{http_code}", "--resolve"])
            .arg(format!("localhost:{port}:127.0.0.1"))
            .arg("--cacert")
            .arg(&self.servers.file);
        if let Some(pair) = shown {
            curl.arg("--cert").arg(&pair.certificate);
            curl.arg("--key").arg(&pair.key);
        }
        curl.args(more)
            .arg(format!("https://localhost:{port}{target}"))
            .output()
            .unwrap()
    }

    fn status(&self, shown: Option<&Pair>, more: &[&str], target: &str) -> Option<String> {
        let output = self.curl(shown, more, target);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = said.get(said.len() - 3..).map(str::to_owned);
        status.filter(|_| output.status.success())
    }

    fn reload(&self, said: &str, times: usize) {
        self.gateway.signal("HUP");
        self.gateway.until(said, |gateway| {
            (gateway.stderr().matches(said).count() >= times).then_some(())
        });
    }

    fn client(&self, shown: &Pair, protocol: &[u8]) -> Arc<ClientConfig> {
        client_with(&self.servers, Some(shown), &[protocol])
    }
}

fn telemetry(vin: &str) -> String {
    format!("/tcu/v1/vehicles/{vin}/telemetry")
}

fn commands(vin: &str) -> String {
    format!("/tcu/v1/vehicles/{vin}/commands")
}

#[test]
fn a_car_speaks_for_itself_and_for_no_other() {
    let house = House::new("required");
    let (car, other) = (house.car(OWNED), house.car(FOREIGN));
    let post: &[&str] = &[
        "-d",
        "@/dev/null",
        "-H",
        "Content-Type: application/octet-stream",
    ];
    let rows: [(&Pair, &[&str], String, &str); 8] = [
        (&car, post, telemetry(OWNED), "200"),
        (
            &car,
            post,
            format!("/tcu/v1/vehicles/{OWNED}/events"),
            "200",
        ),
        (&car, &["--http1.1"], commands(OWNED), "200"),
        (&car, &["--http2"], commands(OWNED), "200"),
        (&other, &[], commands(FOREIGN), "200"),
        (&car, post, telemetry(FOREIGN), "403"),
        (&car, &[], commands(FOREIGN), "403"),
        (&other, &[], commands(OWNED), "403"),
    ];
    for (pair, more, target, expected) in &rows {
        let got = house.status(Some(pair), more, target);
        assert_eq!(got.as_deref(), Some(*expected), "{target}");
    }
    assert_eq!(house.upstream.requests().len(), 5);
    let records = house.gateway.records(rows.len());
    let kinds = records
        .iter()
        .all(|record| record["principal"]["issuer"] == "tcu");
    assert!(kinds, "{records:?}");
    let written = format!("{records:?}{}", house.gateway.stderr());
    assert!(
        !written.contains(OWNED) && !written.contains("urn:vin"),
        "{written}"
    );
    // a car is no person, nor does its certificate stand in for a token
    let battery = format!("/cars/{OWNED}/battery");
    assert_eq!(
        house.status(Some(&car), &[], &battery).as_deref(),
        Some("401")
    );
    let bearer = format!("Authorization: Bearer {}", house.tokens.token("owner"));
    let foreign = house.status(Some(&car), &["-H", &bearer], &commands(OWNED));
    assert_eq!(foreign.as_deref(), Some("401"), "no token counts there");
}

#[test]
fn what_pretends_to_be_a_certificate_is_nothing() {
    let house = House::new("optional");
    let car = house.car(OWNED);
    let pretended: Vec<String> = [
        "Client-Cert: :MIIB:",
        "Client-Cert-Chain: :MIIB:",
        "X-Client-Cert: pretended",
        "X-SSL-Client-Verify: SUCCESS",
        "X-SSL-Client-S-DN: CN=pretended",
        "SSL_CLIENT_CERT: pretended",
        "X-Forwarded-Client-Cert: By=pretended",
        "X-Forwarded-Tls-Client-Cert: pretended",
        "X-Client-Fingerprint: pretended",
        "X-Client-San: pretended",
        "X-Amzn-Mtls-Clientcert: pretended",
    ]
    .map(str::to_owned)
    .into();
    let more: Vec<&str> = pretended.iter().flat_map(|it| ["-H", it]).collect();
    assert_eq!(
        house.status(None, &more, &commands(OWNED)).as_deref(),
        Some("401")
    );
    assert!(house.upstream.requests().is_empty());
    assert_eq!(
        house.status(Some(&car), &more, &commands(OWNED)).as_deref(),
        Some("200")
    );
    let seen = house.upstream.requests();
    let seen = String::from_utf8_lossy(&seen[0]).to_lowercase();
    assert!(
        !seen.contains("pretended") && !seen.contains("miib"),
        "{seen}"
    );
    let assertion = seen
        .lines()
        .any(|line| line.starts_with("vingate-assertion: "));
    assert!(assertion, "{seen}");
    let reasons: Vec<_> = house
        .gateway
        .records(2)
        .iter()
        .map(|it| it["reason"].clone())
        .collect();
    assert!(
        reasons.contains(&json!("certificate-missing")),
        "{reasons:?}"
    );
}

#[test]
fn a_handshake_without_a_certificate_that_counts_is_none() {
    let house = House::new("required");
    let stranger = tempfile::tempdir().unwrap();
    let stranger = Authority::new(stranger.path());
    let name = format!("URI:urn:vin:{OWNED}");
    let revoked = house.car(OWNED);
    house.cars.revoke(&[&revoked], Freshness::Fresh);
    house.reload("reloaded", 1);
    let refused = [
        None,
        Some(stranger.issue_to("unit", &name, Validity::Now)),
        Some(house.servers.issue_to("unit", &name, Validity::Now)),
        Some(house.cars.issue_to("unit", &name, Validity::Expired)),
        Some(revoked),
    ];
    for (at, pair) in refused.iter().enumerate() {
        for version in ["--tlsv1.3", "--tls-max=1.2"] {
            let words: Vec<&str> = version.split('=').collect();
            let got = house.status(pair.as_ref(), &words, &commands(OWNED));
            assert_eq!(got, None, "{at} {version}");
        }
    }
    assert!(house.upstream.requests().is_empty());
    let good = house.car(OWNED);
    assert_eq!(
        house.status(Some(&good), &[], &commands(OWNED)).as_deref(),
        Some("200")
    );
    let said = house.gateway.stderr();
    let (_, later) = said.split_once("reloaded").unwrap();
    assert!(
        !later.contains("ERROR") && !later.contains("WARN"),
        "{said}"
    );
    assert!(!said.contains(OWNED), "{said}");
}

#[test]
fn a_bound_token_counts_on_the_connection_of_its_certificate() {
    let house = House::new("optional");
    let (own, other) = (house.car(OWNED), house.car(FOREIGN));
    let thumbprint = vingate::digest::sha256(&own.chain()[0]);
    let mut claims = Tokens::claims("owner");
    let encoded = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        thumbprint,
    );
    claims["cnf"] = json!({ "x5t#S256": encoded });
    let bearer = format!("Authorization: Bearer {}", house.tokens.sign(&claims));
    let battery = format!("/cars/{OWNED}/battery");
    let rows = [(Some(&own), "200"), (Some(&other), "401"), (None, "401")];
    for (shown, expected) in rows {
        let got = house.status(shown, &["-H", &bearer], &battery);
        assert_eq!(got.as_deref(), Some(expected));
    }
    let reasons: Vec<_> = house
        .gateway
        .records(3)
        .iter()
        .map(|it| it["reason"].clone())
        .collect();
    assert!(
        reasons.contains(&json!("certificate-mismatch")),
        "{reasons:?}"
    );
    assert!(reasons.contains(&json!("proof-missing")), "{reasons:?}");
}

#[test]
fn cars_report_on_when_everything_of_the_app_is_closed_and_their_own_door_closes_too() {
    let house = House::new("required");
    let car = house.car(OWNED);
    let close = |surface: &str| {
        let words = [
            "switch",
            "close",
            "--surface",
            surface,
            "--reason",
            "leak",
            "--wait",
        ];
        let closed = house.gateway.operate(&words);
        assert!(closed.status.success(), "{closed:?}");
    };
    close("mobile");
    let post: &[&str] = &["-d", "x", "-H", "Content-Type: application/octet-stream"];
    assert_eq!(
        house.status(Some(&car), post, &telemetry(OWNED)).as_deref(),
        Some("200")
    );
    assert_eq!(
        house.status(Some(&car), &[], &commands(OWNED)).as_deref(),
        Some("200")
    );
    // `--wait` asks through the listener itself, and has no certificate for it
    close("tcu");
    assert_eq!(
        house.status(Some(&car), &[], &commands(OWNED)).as_deref(),
        Some("503")
    );
}
