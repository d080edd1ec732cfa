//! Which tokens are refused, and for what?

mod bearer;
mod bound;
mod by_certificate;
mod refusals;
mod loading;
mod published;
#[path = "../../../tests/support/certificates.rs"]
#[allow(
    dead_code,
    clippy::duplicate_mod,
    reason = "shared with the tests over sockets"
)]
mod certificates;

use std::collections::BTreeSet;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::minting::{Pair, encode, issuer, named, pseudonym};
use super::*;
use crate::config::file::{self, DenialFormat, PrincipalKind};
use crate::pipeline::identity::credential::{Confirmation, Credential};
use crate::pipeline::identity::sign_in::SignIn;
use crate::pipeline::parameters::Parameters;
use crate::revocations::{Marks, Named};

const NOW: u64 = 1_800_000_000;
const ISS: &str = "https://id.example";

/// Two issuers with ES256 keys (`a` and `b`, and `other`), one with an RSA key for PS256 only.
struct World {
    _folder: TempDir,
    issuers: Issuers,
    a: Pair,
    b: Pair,
    other: Pair,
    rsa: Pair,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let (a, b, other) = (Pair::es256("a"), Pair::es256("b"), Pair::es256("o"));
    let rsa = Pair::rsa("r", Algorithm::RS256, None);
    let mut partners = issuer(folder.path(), "https://rsa.example", &[&rsa.jwk]);
    partners.algorithms = BTreeSet::from([file::Algorithm::PS256]);
    let all = named([
        ("owners", issuer(folder.path(), ISS, &[&a.jwk, &b.jwk])),
        ("partners", partners),
        (
            "staff",
            issuer(folder.path(), "https://staff.example", &[&other.jwk]),
        ),
    ]);
    let mut mistakes = Mistakes::default();
    let issuers = Issuers::load(&all, 100, pseudonym(), &mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes}");
    World {
        _folder: folder,
        issuers,
        a,
        b,
        other,
        rsa,
    }
}

/// A surface on which owners and partners count, staff don't.
fn surface() -> Surface {
    Surface {
        name: Arc::from("mobile"),
        hosts: Vec::new(),
        issuers: vec![Arc::from("owners"), Arc::from("partners")],
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
        certificate: None,
        address: [127, 0, 0, 1].into(),
        method: Method::GET,
        host: "mobile.example".to_owned(),
        port: None,
        path: "/".to_owned(),
        query: None,
        parameters: Parameters::default(),
        headers,
        switchable: false,
    }
}

fn header() -> Value {
    json!({ "typ": "at+jwt", "alg": "ES256", "kid": "a" })
}

fn claims() -> Value {
    json!({
        "iss": ISS, "aud": "telematics", "sub": "user-1", "exp": NOW + 300, "iat": NOW - 10,
        "client_id": "app", "scope": "read control", "jti": "t1", "fleet": "f1",
    })
}

/// `object` with members set, or removed where the value is null.
fn with(mut object: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else {
        panic!("changes are an object");
    };
    for (name, value) in changes {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(&name);
        } else {
            object[&name] = value;
        }
    }
    object
}

/// Who asks, where no proof is taken.
fn identify(
    issuers: &Issuers,
    surface: &Surface,
    head: &RequestHead,
) -> Result<Arc<Principal>, Denial> {
    super::identify((issuers, None), surface, head).map(|found| found.principal)
}

fn identify_at(world: &World, token: &str, now: u64) -> Result<Arc<Principal>, Denial> {
    identify(&world.issuers, &surface(), &head(token, now))
}

fn flaw(world: &World, token: &str) -> Option<TokenFlaw> {
    match identify_at(world, token, NOW) {
        Ok(_) => None,
        Err(Denial::TokenInvalid(flaw)) => Some(flaw),
        Err(other) => panic!("{other:?}"),
    }
}

/// Replaces the signature by one made of other bytes.
fn resigned(token: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let (message, signature) = token.rsplit_once('.').unwrap();
    let bytes = members::decode(signature).unwrap();
    format!("{message}.{}", encode(change(bytes)))
}

#[test]
fn a_good_token_becomes_a_principal() {
    let world = world();
    let token = world.a.sign(&header(), &claims());
    let principal = identify_at(&world, &token, NOW).unwrap();
    let expected = Principal {
        kind: PrincipalKind::User,
        issuer: Arc::from("owners"),
        subject: "user-1".to_owned(),
        client: Some("app".to_owned()),
        scopes: vec!["read".to_owned(), "control".to_owned()],
        fleet: Some("f1".to_owned()),
        tenant: None,
        roles: Vec::new(),
        sign_in: SignIn::default(),
        credential: Credential {
            token_id: Some("t1".to_owned()),
            session: None,
            issued_at: Duration::from_secs(NOW - 10),
            expires_at: Duration::from_secs(NOW + 300),
            confirmation: Confirmation::default(),
            marks: Marks::of(Named {
                issuer: ISS,
                subject: "user-1",
                token: Some("t1"),
                session: None,
                client: Some("app"),
                certificate: None,
            }),
        },
        pseudonym: "owners/6".to_owned(),
    };
    assert_eq!(*principal, expected);
}

#[test]
fn every_configured_algorithm_verifies() {
    let pairs = [
        (Pair::es256("k"), file::Algorithm::ES256),
        (Pair::eddsa("k"), file::Algorithm::EdDSA),
        (
            Pair::rsa("k", Algorithm::RS256, None),
            file::Algorithm::RS256,
        ),
        (
            Pair::rsa("k", Algorithm::PS256, Some("PS256")),
            file::Algorithm::PS256,
        ),
    ];
    for (pair, algorithm) in pairs {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = issuer(folder.path(), ISS, &[&pair.jwk]);
        settings.algorithms = BTreeSet::from([algorithm]);
        let mut mistakes = Mistakes::default();
        let all = named([("owners", settings)]);
        let issuers = Issuers::load(&all, 100, pseudonym(), &mut mistakes);
        assert!(mistakes.is_empty(), "{mistakes}");
        // One key: its id may be left out.
        for kid in [json!("k"), Value::Null] {
            let change = json!({ "alg": format!("{algorithm:?}"), "kid": kid });
            let token = pair.sign(&with(header(), change), &claims());
            let result = identify(&issuers, &surface(), &head(&token, NOW));
            assert!(result.is_ok(), "{algorithm:?} {kid} {result:?}");
            let other = resigned(&token, |mut bytes| {
                bytes[7] ^= 1;
                bytes
            });
            let refused = identify(&issuers, &surface(), &head(&other, NOW));
            let bad = Denial::TokenInvalid(TokenFlaw::BadSignature);
            assert_eq!(refused, Err(bad), "{algorithm:?}");
        }
    }
}

#[test]
fn spellings_that_standards_allow_are_accepted() {
    let world = world();
    let headers = [
        json!({ "typ": "AT+JWT" }),
        json!({ "typ": "application/at+jwt" }),
        json!({ "x5t": "abc", "other": [1, 2] }),
    ];
    for change in headers {
        let token = world.a.sign(&with(header(), change.clone()), &claims());
        assert_eq!(flaw(&world, &token), None, "{change}");
    }
    let payloads = [
        json!({ "aud": ["other", "telematics"] }),
        json!({ "azp": "app" }),
        json!({ "scope": null, "fleet": null }),
        json!({ "exp": NOW - 10 + 3_600 }),
        json!({ "nbf": NOW + 5, "iat": NOW + 5 }),
        json!({ "exp": NOW - 4 }),
        json!({ "unused": { "exp": "x" } }),
    ];
    for change in payloads {
        let token = world.a.sign(&header(), &with(claims(), change.clone()));
        assert_eq!(flaw(&world, &token), None, "{change}");
    }
    let second = world
        .b
        .sign(&with(header(), json!({ "kid": "b" })), &claims());
    assert_eq!(flaw(&world, &second), None);
}

#[test]
fn a_remembered_token_is_judged_anew() {
    let world = world();
    let token = world
        .a
        .sign(&header(), &with(claims(), json!({ "nbf": NOW })));
    let first = identify_at(&world, &token, NOW).unwrap();
    let again = identify_at(&world, &token, NOW).unwrap();
    assert!(Arc::ptr_eq(&first, &again), "it is remembered");
    assert!(identify_at(&world, &token, NOW + 304).is_ok());
    for (now, expected) in [
        (NOW + 305, TokenFlaw::Expired),
        (NOW - 6, TokenFlaw::NotYetValid),
    ] {
        let refused = identify_at(&world, &token, now);
        assert_eq!(refused, Err(Denial::TokenInvalid(expected)), "{now}");
    }
    let mut elsewhere = surface();
    elsewhere.issuers = vec![Arc::from("staff")];
    let refused = identify(&world.issuers, &elsewhere, &head(&token, NOW));
    assert_eq!(refused, Err(Denial::TokenInvalid(TokenFlaw::UnknownIssuer)));
    let near = resigned(&token, |mut bytes| {
        bytes[63] ^= 1;
        bytes
    });
    assert_eq!(flaw(&world, &near), Some(TokenFlaw::BadSignature));
}

#[test]
fn a_refused_token_is_not_remembered() {
    let world = world();
    let token = world
        .a
        .sign(&header(), &with(claims(), json!({ "nbf": NOW + 100 })));
    assert_eq!(flaw(&world, &token), Some(TokenFlaw::NotYetValid));
    assert!(identify_at(&world, &token, NOW + 100).is_ok());
}
