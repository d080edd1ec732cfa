//! Does a client with a key of its own get through, and is it told how?

use std::time::Duration;

use serde_json::{Value, json};
use vingate::pipeline::audit::Pseudonyms;
use vingate::pipeline::identity::dpop::nonce::Nonces;

use crate::OWNED;
use crate::support::proofs::Prover;
use crate::support::{Answer, Gateway, Plan, Tokens, Upstream, client};

const ROUTES: &str = r#"
[[route]]
id = "battery"
surface = "mobile"
methods = ["GET"]
path = "/cars/{vin}/battery"
action = "ReadBatteryStatus"
vehicle = { path = "vin" }
upstream = "telematics"

[[route]]
id = "start"
surface = "mobile"
methods = ["POST"]
path = "/cars/{vin}/start"
action = "StartClimate"
vehicle = { path = "vin" }
upstream = "telematics"
"#;

/// A client and a gateway that it shows its key.
struct House {
    upstream: Upstream,
    tokens: Tokens,
    gateway: Gateway,
    prover: Prover,
}

fn house(config: &str, set: &[&str]) -> House {
    let (upstream, tokens) = (Upstream::start(), Tokens::new());
    let car = json!({
        "vin": OWNED, "owner": "owner", "drivers": [], "region": "NE", "trim": "SV",
        "capabilities": ["climate"], "telematics": true,
    });
    let plan = Plan {
        routes: ROUTES,
        vehicles: &car.to_string(),
        config,
        set,
        ..Plan::default()
    };
    let gateway = Gateway::start(&plan, &upstream, &tokens);
    House {
        upstream,
        tokens,
        gateway,
        prover: Prover::new(),
    }
}

impl House {
    fn token(&self) -> String {
        self.tokens.sign(&self.prover.claims("owner"))
    }

    fn ask(&self, lines: &str) -> Answer {
        let request = format!(
            "GET /cars/{OWNED}/battery HTTP/1.1\r\nHost: Car.example:8080\r\n{lines}\
             Connection: close\r\n\r\n"
        );
        client::exchange(self.gateway.edge, request.as_bytes())
    }

    /// With a proof for that request, changed so.
    fn prove(&self, change: &Value) -> Answer {
        let token = self.token();
        let address = format!("http://car.example:8080/cars/{OWNED}/battery");
        let proof = self.prover.proof_with(&token, ("GET", &address), change);
        self.ask(&format!("Authorization: DPoP {token}\r\nDPoP: {proof}\r\n"))
    }

    fn reason(&self, records: usize) -> Value {
        self.gateway.records(records).last().unwrap()["reason"].clone()
    }
}

const DPOP: &str = "[dpop]\nstore = \"local\"\n";

#[test]
fn a_proven_token_gets_through_and_its_proof_goes_no_further() {
    let house = house(DPOP, &[]);
    let token = house.token();
    let address = format!("http://car.example:8080/cars/{OWNED}/battery?x=1");
    let proof = house.prover.proof(&token, ("GET", &address), "j1");
    let lines = format!("Authorization: DPoP {token}\r\nDPoP: {proof}\r\nX-DPoP: x\r\n");
    let answer = house.ask(&lines);
    assert_eq!(
        answer.status,
        200,
        "{} {}",
        answer.text(),
        house.gateway.stderr()
    );
    assert_eq!(answer.header("dpop-nonce"), None);
    let seen = house.upstream.only_request().to_ascii_lowercase();
    for stripped in ["\r\ndpop", "\r\nx-dpop", "\r\nauthorization"] {
        assert!(!seen.contains(stripped), "{seen}");
    }

    let again = house.ask(&lines);
    assert_eq!(again.status, 401);
    assert_eq!(house.reason(2), "proof-replayed");
    let remembered = house.gateway.metric("vingate_dpop_remembered");
    assert!((1.0..2.0).contains(&remembered), "{remembered}");
    assert_eq!(house.upstream.requests().len(), 1);
}

#[test]
fn what_is_wrong_is_said_of_the_scheme_and_kept_in_the_record() {
    let house = house(DPOP, &[]);
    let (plain, algs) = (r#"Bearer realm="vingate""#, r#"algs="ES256 EdDSA PS256""#);
    let dpop = |error: &str| format!(r#"DPoP realm="vingate", error="{error}", {algs}"#);
    let challenges = |answer: &Answer| -> Vec<String> {
        assert_eq!(answer.status, 401, "{}", answer.text());
        let all = answer.all("www-authenticate");
        all.into_iter().map(str::to_owned).collect()
    };
    let bare = format!(r#"DPoP realm="vingate", {algs}"#);
    assert_eq!(challenges(&house.ask("")), [plain, &bare]);

    let proven = house.prove(&json!({ "jti": "j1", "htm": "POST" }));
    assert_eq!(challenges(&proven), [plain, &dpop("invalid_dpop_proof")]);
    assert_eq!(house.reason(2), "proof-method");
    assert_eq!(proven.json()["type"], "urn:vingate:problem:token-invalid");

    let token = house.token();
    let as_bearer = house.ask(&format!("Authorization: Bearer {token}\r\n"));
    let invalid = format!(r#"{plain}, error="invalid_token""#);
    assert_eq!(challenges(&as_bearer), [&*invalid, &bare]);
    assert_eq!(house.reason(3), "bound-as-bearer");

    let free = house.tokens.token("owner");
    let as_dpop = house.ask(&format!("Authorization: DPoP {free}\r\n"));
    assert_eq!(challenges(&as_dpop), [plain, &dpop("invalid_token")]);
    assert_eq!(house.reason(4), "unbound-as-dpop");
    let as_bearer = house.ask(&format!("Authorization: Bearer {free}\r\nDPoP: x\r\n"));
    assert_eq!(as_bearer.status, 200, "it asks for no proof");
}

#[test]
fn without_settings_no_bound_token_is_taken() {
    let house = house("", &[]);
    let answer = house.prove(&json!({ "jti": "j1" }));
    assert_eq!(answer.status, 401);
    let challenge = r#"Bearer realm="vingate", error="invalid_token""#;
    assert_eq!(answer.all("www-authenticate"), [challenge]);
    assert_eq!(house.reason(1), "proof-missing");
}

#[test]
fn a_surface_can_demand_it() {
    let house = house(DPOP, &["surfaces.mobile.bound_tokens=required"]);
    let free = house.tokens.token("owner");
    let answer = house.ask(&format!("Authorization: Bearer {free}\r\n"));
    assert_eq!(answer.status, 401);
    let challenge = r#"DPoP realm="vingate", error="invalid_token", algs="ES256 EdDSA PS256""#;
    assert_eq!(answer.all("www-authenticate"), [challenge]);
    assert_eq!(house.reason(1), "not-bound");
    assert_eq!(house.prove(&json!({ "jti": "j1" })).status, 200);
}

#[test]
fn a_client_is_given_the_nonce_that_its_proof_is_to_carry() {
    let config = format!("{DPOP}nonce = \"required\"\n");
    let house = house(&config, &[]);
    let unasked = house.ask("");
    assert!(unasked.header("dpop-nonce").is_some(), "with any challenge");
    let refused = house.prove(&json!({ "jti": "j1" }));
    assert_eq!(refused.status, 401);
    let challenges = refused.all("www-authenticate");
    assert!(
        challenges
            .iter()
            .any(|one| one.contains(r#"error="use_dpop_nonce""#)),
        "{challenges:?}"
    );
    assert_eq!(house.reason(2), "proof-nonce-missing");
    let nonce = refused.header("dpop-nonce").unwrap();
    let answer = house.prove(&json!({ "jti": "j1", "nonce": nonce }));
    assert_eq!(answer.status, 200, "the refused proof was not used up");
    let made_up = house.prove(&json!({ "jti": "j2", "nonce": "x" }));
    assert_eq!(made_up.status, 401);
    assert_eq!(house.reason(4), "proof-nonce-stale");
}

/// The nonce of the minute before counts still, and the answer brings this one's.
#[test]
fn a_nonce_that_ends_soon_is_replaced_with_the_answer() {
    let config = format!("{DPOP}nonce = \"required\"\n");
    let house = house(&config, &[]);
    let key = Pseudonyms::new(&[7; 32]).unwrap().derive("dpop nonces");
    let nonces = Nonces::new(&key);
    let minute = Duration::from_secs(60);
    let (answer, next) = loop {
        let now = vingate::clock::unix_time();
        let former = nonces.at(now.saturating_sub(minute));
        let answer = house.prove(&json!({ "jti": former, "nonce": former }));
        let next = nonces.at(vingate::clock::unix_time());
        if next == nonces.at(now) {
            break (answer, next); // else the minute ended meanwhile
        }
    };
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.all("dpop-nonce"), [&*next]);
    assert_eq!(answer.all("cache-control"), ["no-store"]);
    let again = house.prove(&json!({ "jti": "again", "nonce": next }));
    assert_eq!(again.status, 200, "it counts for a minute at least");
}
