//! Which answers about a token count, for how long, and whom is nobody asked about?

mod kept;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::config::duration::Span;
use crate::config::file::{BoundTokens, DenialFormat, PrincipalKind, ServiceBreaker};
use crate::pipeline::identity::identify_as;
use crate::pipeline::identity::minting::{Pair, encode, issuer, named, pseudonym};
use crate::pipeline::parameters::Parameters;
use crate::revocations::{Marks, Named};

const NOW: u64 = 1_800_000_000;
const ISS: &str = "https://id.example";
const TOKEN: &str = "2YotnFZFEjr1zCsicMWpAA"; // of RFC 6749

fn introspection() -> Introspection {
    Introspection {
        url: "https://id.example/introspect".to_owned(),
        client_id: "gateway".to_owned(),
        client_secret_file: "secret".into(),
        ca_file: Some("ca.pem".into()),
        audience: StatedAudience::Required,
        max_cache: Span::from_secs(60),
        negative_cache: Span::from_secs(5),
        timeout: Span::from_secs(1),
        connections: 2,
        breaker: ServiceBreaker::default(),
    }
}

/// An issuer that is asked, `owners`, and one of JWTs, `staff`.
struct World {
    folder: TempDir,
    pair: Pair,
    settings: file::Issuer,
}

impl World {
    fn new() -> Self {
        let (folder, pair) = (tempfile::tempdir().unwrap(), Pair::es256("a"));
        let settings = file::Issuer {
            algorithms: [].into(),
            jwks_file: None,
            introspection: Some(introspection()),
            roles_claim: Some("roles".to_owned()),
            ..issuer(folder.path(), ISS, &[&pair.jwk])
        };
        Self {
            folder,
            pair,
            settings,
        }
    }

    fn load(&self) -> Issuers {
        let staff = issuer(
            self.folder.path(),
            "https://staff.example",
            &[&self.pair.jwk],
        );
        let all = named([("owners", self.settings.clone()), ("staff", staff)]);
        let mut mistakes = Mistakes::default();
        let issuers = Issuers::load(&all, 100, pseudonym(), &mut mistakes);
        assert!(mistakes.is_empty(), "{mistakes}");
        issuers
    }
}

fn surface(issuers: &[&str]) -> Surface {
    Surface {
        name: Arc::from("mobile"),
        hosts: Vec::new(),
        issuers: issuers.iter().copied().map(Arc::from).collect(),
        certificates: Vec::new(),
        bound_tokens: BoundTokens::AsIssued,
        denial_format: DenialFormat::Problem,
        protected: false,
        client_version: None,
    }
}

fn head(token: &str, now: u64) -> RequestHead {
    let mut headers = HeaderMap::new();
    let line = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    headers.insert(AUTHORIZATION, line);
    RequestHead {
        id: Uuid::nil(),
        received_at: Duration::from_secs(now),
        listener: Arc::from("edge"),
        tls: true,
        address: [127, 0, 0, 1].into(),
        certificate: None,
        port: None,
        method: Method::GET,
        host: "mobile.example".to_owned(),
        path: "/".to_owned(),
        query: None,
        parameters: Parameters::default(),
        headers,
        switchable: false,
    }
}

fn good() -> Value {
    json!({
        "active": true, "iss": ISS, "aud": ["telematics", "other"], "sub": "user-1",
        "client_id": "app", "scope": "read control", "exp": NOW + 300, "iat": NOW - 10,
        "nbf": NOW - 10, "jti": "t1", "sid": "s1", "token_type": "Bearer", "fleet": "f1",
        "username": "somebody", "roles": ["a"],
    })
}

/// `object` with members set, or removed where the value is null.
fn with(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    object
}

/// What is known at `now`, or what comes of this answer where it has to be asked for.
fn judge(issuers: &Issuers, answer: &str, now: u64) -> Result<Arc<Principal>, Denial> {
    match issuers.opaque(&surface(&["owners"]), &head(TOKEN, now)) {
        Opaque::No => panic!("it is opaque"),
        Opaque::Known(known) => known.map_err(Denial::TokenInvalid),
        Opaque::Unknown(question) => question.judge(answer.as_bytes()),
    }
}

fn is_asked(issuers: &Issuers, now: u64) -> bool {
    let (surface, head) = (surface(&["owners"]), head(TOKEN, now));
    matches!(issuers.opaque(&surface, &head), Opaque::Unknown(_))
}

#[test]
fn a_good_answer_becomes_a_principal_with_all_marks() {
    let issuers = World::new().load();
    let principal = judge(&issuers, &good().to_string(), NOW).unwrap();
    assert_eq!(principal.kind, PrincipalKind::User);
    assert_eq!(
        (&*principal.issuer, &*principal.subject),
        ("owners", "user-1")
    );
    assert_eq!(principal.client.as_deref(), Some("app"));
    assert_eq!(principal.scopes, ["read", "control"]);
    assert_eq!(principal.fleet.as_deref(), Some("f1"));
    assert_eq!(principal.roles, ["a"]);
    assert_eq!(principal.pseudonym, "owners/6");
    let credential = &principal.credential;
    assert_eq!(credential.issued_at, Duration::from_secs(NOW - 10));
    assert_eq!(credential.expires_at, Duration::from_secs(NOW + 300));
    let marks = Marks::of(Named {
        issuer: ISS,
        subject: "user-1",
        token: Some("t1"),
        session: Some("s1"),
        client: Some("app"),
        certificate: None,
    });
    assert_eq!(credential.marks, marks);
    let (surface, head) = (surface(&["owners"]), head(TOKEN, NOW));
    let introspected = Some(Arc::clone(&principal));
    let identified = identify_as((&issuers, None), &surface, &head, introspected);
    assert_eq!(identified.map(|found| found.principal), Ok(principal));
}

#[test]
fn what_an_answer_may_leave_out_or_spell_otherwise() {
    for changes in [
        json!({ "iss": null }),
        json!({ "aud": "telematics" }),
        json!({ "client_id": null, "scope": null, "jti": null, "sid": null, "nbf": null }),
        json!({ "token_type": null }),
        json!({ "token_type": "bEARER" }),
        json!({ "typ": "Bearer" }),
        json!({ "azp": "app" }),
        json!({ "exp": NOW - 4 }), // within the tolerated difference
        json!({ "nbf": NOW + 5, "iat": NOW + 5 }),
        json!({ "iat": NOW - 3300 }),
    ] {
        let answer = with(good(), &changes).to_string();
        let judged = judge(&World::new().load(), &answer, NOW);
        assert!(judged.is_ok(), "{changes}: {judged:?}");
    }
}

/// Each change of a good answer, and why its token doesn't count then.
fn refused(rows: &[(Value, TokenFlaw)]) {
    for (changes, flaw) in rows {
        let answer = with(good(), changes).to_string();
        let judged = judge(&World::new().load(), &answer, NOW);
        assert_eq!(judged, Err(Denial::TokenInvalid(*flaw)), "{changes}");
    }
}

/// RFC 7662, 2.2, and what RFC 7519 says of claims of the same names.
#[test]
fn tokens_that_are_not_for_here_or_not_for_now() {
    refused(&[
        (json!({ "active": false }), TokenFlaw::Inactive),
        (
            json!({ "iss": "https://id.example/" }),
            TokenFlaw::UnknownIssuer,
        ),
        (
            json!({ "iss": "https://ID.example" }),
            TokenFlaw::UnknownIssuer,
        ),
        (json!({ "iss": "" }), TokenFlaw::ClaimMalformed),
        (json!({ "iss": [ISS] }), TokenFlaw::ClaimMalformed),
        (json!({ "aud": null }), TokenFlaw::ClaimMissing),
        (json!({ "aud": [] }), TokenFlaw::WrongAudience),
        (json!({ "aud": "other" }), TokenFlaw::WrongAudience),
        (
            json!({ "aud": "telematics other" }),
            TokenFlaw::WrongAudience,
        ),
        (json!({ "aud": ["Telematics"] }), TokenFlaw::WrongAudience),
        (
            json!({ "aud": ["telematics", 1] }),
            TokenFlaw::ClaimMalformed,
        ),
        (
            json!({ "aud": { "telematics": true } }),
            TokenFlaw::ClaimMalformed,
        ),
        (json!({ "aud": false }), TokenFlaw::ClaimMalformed),
        (json!({ "exp": null }), TokenFlaw::ClaimMissing),
        (json!({ "exp": NOW - 5 }), TokenFlaw::Expired),
        (json!({ "exp": 0 }), TokenFlaw::Expired),
        (json!({ "exp": -1 }), TokenFlaw::ClaimMalformed),
        (
            json!({ "exp": (NOW + 300).to_string() }),
            TokenFlaw::ClaimMalformed,
        ),
        (json!({ "exp": 1_800_000_300.5 }), TokenFlaw::ClaimMalformed),
        (
            json!({ "exp": (NOW + 300) * 1_000 }),
            TokenFlaw::ClaimMalformed,
        ),
        (json!({ "exp": true }), TokenFlaw::ClaimMalformed),
        (json!({ "exp": u64::MAX }), TokenFlaw::ClaimMalformed),
        (json!({ "iat": null }), TokenFlaw::ClaimMissing),
        (json!({ "iat": "now" }), TokenFlaw::ClaimMalformed),
        (json!({ "iat": NOW + 6 }), TokenFlaw::NotYetValid),
        (json!({ "iat": NOW - 3_301 }), TokenFlaw::LifetimeTooLong),
        (json!({ "nbf": NOW + 6 }), TokenFlaw::NotYetValid),
        (json!({ "nbf": "0" }), TokenFlaw::ClaimMalformed),
    ]);
}

#[test]
fn tokens_that_are_nobodys_or_no_access_tokens() {
    let key = encode([7_u8; 32]);
    refused(&[
        (json!({ "sub": null }), TokenFlaw::ClaimMissing),
        (json!({ "sub": "" }), TokenFlaw::ClaimMalformed),
        (json!({ "sub": 7 }), TokenFlaw::ClaimMalformed),
        (json!({ "sub": "a\u{0}b" }), TokenFlaw::ClaimMalformed),
        (json!({ "sub": "x".repeat(257) }), TokenFlaw::ClaimMalformed),
        (json!({ "client_id": ["app"] }), TokenFlaw::ClaimMalformed),
        (
            json!({ "client_id": "app", "azp": "other" }),
            TokenFlaw::ClaimMalformed,
        ),
        (json!({ "scope": ["read"] }), TokenFlaw::ClaimMalformed),
        (json!({ "scope": "read\tall" }), TokenFlaw::ClaimMalformed),
        (
            json!({ "scope": "s ".repeat(101) }),
            TokenFlaw::ClaimMalformed,
        ),
        (json!({ "jti": 1 }), TokenFlaw::ClaimMalformed),
        (json!({ "sid": {} }), TokenFlaw::ClaimMalformed),
        (json!({ "fleet": 1 }), TokenFlaw::ClaimMalformed),
        (json!({ "roles": [["a"]] }), TokenFlaw::ClaimMalformed),
        (json!({ "auth_time": NOW + 60 }), TokenFlaw::NotYetValid),
        (
            json!({ "token_type": "refresh_token" }),
            TokenFlaw::WrongType,
        ),
        (json!({ "token_type": "N_A" }), TokenFlaw::WrongType),
        (json!({ "token_type": 1 }), TokenFlaw::ClaimMalformed),
        (json!({ "token_type": "DPoP" }), TokenFlaw::ClaimMissing),
        (json!({ "typ": "Refresh" }), TokenFlaw::WrongType),
        (json!({ "typ": "ID" }), TokenFlaw::WrongType),
        (json!({ "at_hash": "x" }), TokenFlaw::WrongType),
        (json!({ "events": {} }), TokenFlaw::WrongType),
        (json!({ "cnf": {} }), TokenFlaw::ProofMissing),
        (json!({ "cnf": "x" }), TokenFlaw::ProofMissing),
        (
            json!({ "cnf": { "jkt": "short" } }),
            TokenFlaw::ProofMissing,
        ),
        (json!({ "cnf": { "kid": "x" } }), TokenFlaw::ProofMissing),
        (
            json!({ "token_type": "DPoP", "cnf": { "x5t#S256": key } }),
            TokenFlaw::ClaimMissing,
        ),
    ]);
}

/// Nobody knows then what the issuer says, so it is neither a yes nor a no.
#[test]
fn what_is_no_answer_is_unknown() {
    let good = good().to_string();
    let twice = |name: &str| good.replacen('{', &format!("{{{name},"), 1);
    let rows = [
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        "true".to_owned(),
        "null".to_owned(),
        "{\"active\":true".to_owned(),
        format!("{good}x"),
        format!("[{good}]"),
        good.replace("\"active\":true", "\"active\":\"true\""),
        good.replace("\"active\":true", "\"active\":1"),
        good.replace("\"active\":true", "\"active\":null"),
        good.replace("\"active\":true", "\"active\":[true]"),
        good.replace("\"active\":true", "\"Active\":true"),
        twice("\"active\":false"),
        twice("\"\\u0061ctive\":true"),
        twice("\"sub\":\"user-2\""),
        twice("\"cnf\":{\"jkt\":\"a\",\"jkt\":\"b\"}"),
        "\u{feff}{\"active\":false}".to_owned(),
        "<html>{\"active\":true}</html>".to_owned(),
    ];
    let unknown = Denial::DependencyUnavailable(Dependency::Introspection);
    for answer in rows {
        let issuers = World::new().load();
        assert_eq!(
            judge(&issuers, &answer, NOW),
            Err(unknown.clone()),
            "{answer}"
        );
        assert!(is_asked(&issuers, NOW), "{answer}: nothing is remembered");
    }
}

#[test]
fn what_must_be_proved_is_the_same_as_of_a_jwt() {
    let thumbprint = encode([7_u8; 32]);
    for (name, stated) in [("jkt", "DPoP"), ("jkt", "Bearer"), ("x5t#S256", "Bearer")] {
        let changes = json!({ "cnf": { name: thumbprint }, "token_type": stated });
        let issuers = World::new().load();
        let answer = with(good(), &changes).to_string();
        let principal = judge(&issuers, &answer, NOW).unwrap();
        assert!(principal.credential.confirmation.is_asked());
        let (surface, head) = (surface(&["owners"]), head(TOKEN, NOW));
        let identified = identify_as((&issuers, None), &surface, &head, Some(principal));
        let missing = Denial::TokenInvalid(TokenFlaw::ProofMissing);
        assert_eq!(
            identified.err(),
            Some(missing),
            "whoever stole it is not served"
        );
    }
}

#[test]
fn an_audience_is_left_out_only_where_the_settings_say_so() {
    let mut world = World::new();
    world.settings.introspection.as_mut().unwrap().audience = StatedAudience::NotGiven;
    let rows = [
        (json!({ "aud": null }), None),
        (json!({}), None),
        (json!({ "aud": "other" }), Some(TokenFlaw::WrongAudience)),
        (json!({ "aud": [] }), Some(TokenFlaw::WrongAudience)),
        // a refresh token would look the same
        (
            json!({ "aud": null, "token_type": null }),
            Some(TokenFlaw::ClaimMissing),
        ),
    ];
    for (changes, flaw) in rows {
        let answer = with(good(), &changes).to_string();
        let judged = judge(&world.load(), &answer, NOW);
        assert_eq!(judged.err(), flaw.map(Denial::TokenInvalid), "{changes}");
    }
}
