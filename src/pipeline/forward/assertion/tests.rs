//! Does an assertion say what was decided, and can it be checked?

use jsonwebtoken::jwk::{JwkSet, ThumbprintHash};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};

use super::*;
use crate::pipeline::identity::jws;
use crate::pipeline::identity::minting::Pair;

fn pem(der: &[u8]) -> Vec<u8> {
    use base64::engine::general_purpose::STANDARD;
    let body = STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n").into_bytes()
}

fn signer(pair: &Pair) -> Signer {
    Signer::from_pem(&pem(&pair.pkcs8), "https://gate.example").unwrap()
}

fn asserted() -> Asserted<'static> {
    Asserted {
        audience: "telematics",
        id: "0199",
        subject: Some("user-1"),
        subject_issuer: Some("owners"),
        client: Some("app"),
        action: "StartClimate",
        vin: Some("SJNFAAZE0U6012345"),
        method: "POST",
        path_and_query: "/a/b?c=d",
        body_digest: Some([7; 32]),
        policy_revision: "abc",
        issued_at: Duration::from_millis(1_800_000_000_900),
    }
}

/// Checks an assertion with nothing but the published keys.
fn claims(signer: &Signer, assertion: &HeaderValue) -> Value {
    jws::install();
    let token = assertion.to_str().unwrap();
    let set: JwkSet = serde_json::from_value(signer.jwk_set()).unwrap();
    let header = decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("vingate-assertion+jwt"));
    let jwk = set.find(&header.kid.unwrap()).unwrap();
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
    assert_eq!(jwk.common.key_id.as_ref(), Some(&thumbprint)); // RFC 7638
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&["telematics"]);
    validation.set_issuer(&["https://gate.example"]);
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(jwk).unwrap();
    decode::<Value>(token, &key, &validation).unwrap().claims
}

#[test]
fn both_kinds_of_key_verify_through_the_published_set() {
    for pair in [Pair::es256("x"), Pair::eddsa("x")] {
        let signer = signer(&pair);
        let claims = claims(&signer, &signer.sign(&asserted()).unwrap());
        let expected = json!({
            "iss": "https://gate.example", "aud": "telematics", "iat": 1_800_000_000,
            "exp": 1_800_000_030, "jti": "0199", "sub": "user-1", "sub_issuer": "owners",
            "client_id": "app", "action": "StartClimate", "vin": "SJNFAAZE0U6012345",
            "htm": "POST", "htu": "/a/b?c=d", "policy_revision": "abc",
            "body_sha256": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
        });
        assert_eq!(claims, expected);
        let published = signer.jwk_set();
        let jwk = published["keys"][0].as_object().unwrap();
        assert!(!jwk.contains_key("d"));
        assert_eq!((&jwk["x"], &jwk["use"]), (&pair.jwk["x"], &json!("sig")));
    }
}

#[test]
fn what_is_unknown_is_not_asserted() {
    let signer = signer(&Pair::eddsa("x"));
    let nobody = Asserted {
        subject: None,
        subject_issuer: None,
        client: None,
        vin: None,
        body_digest: None,
        ..asserted()
    };
    let claims = claims(&signer, &signer.sign(&nobody).unwrap());
    let names: Vec<_> = claims.as_object().unwrap().keys().cloned().collect();
    let wanted = [
        "iss",
        "aud",
        "iat",
        "exp",
        "jti",
        "action",
        "htm",
        "htu",
        "policy_revision",
    ];
    assert_eq!(names.len(), wanted.len(), "{names:?}");
    assert!(
        wanted.iter().all(|name| claims.get(name).is_some()),
        "{names:?}"
    );
}

#[test]
fn a_read_reuses_an_assertion_for_ten_seconds_only() {
    let signer = signer(&Pair::es256("x"));
    let at = |milliseconds: u64, id: &'static str| {
        let issued_at = Duration::from_millis(1_000_000 + milliseconds);
        signer
            .sign_read(&Asserted {
                id,
                issued_at,
                ..asserted()
            })
            .unwrap()
    };
    let first = at(0, "one");
    assert_eq!(first, at(9_999, "two"));
    let second = at(10_000, "three");
    assert_ne!(first, second);
    assert_eq!(claims(&signer, &second)["jti"], "three");
    assert_ne!(
        at(9_999, "four"),
        second,
        "a clock that went back reuses nothing"
    );
}

#[test]
fn a_command_is_signed_for_itself() {
    // Ed25519 is deterministic: only the id makes the difference.
    let signer = signer(&Pair::eddsa("x"));
    let first = signer.sign(&asserted()).unwrap();
    let second = signer
        .sign(&Asserted {
            id: "other",
            ..asserted()
        })
        .unwrap();
    assert_ne!(first, second);
}

#[test]
fn a_read_that_differs_in_anything_is_signed_anew() {
    let signer = signer(&Pair::es256("x"));
    let edits: [fn(&mut Asserted<'static>); 15] = [
        |read| read.audience = "other",
        |read| read.subject = Some("user-2"),
        |read| read.subject = None,
        |read| read.subject_issuer = Some("staff"),
        |read| read.client = None,
        |read| read.client = Some(""),
        |read| read.action = "ReadTrips",
        |read| read.vin = Some("SJNFAAZE0U6012346"),
        |read| read.vin = None,
        |read| read.method = "GET",
        |read| read.path_and_query = "/a/b?c=e",
        |read| read.body_digest = Some([8; 32]),
        |read| read.body_digest = None,
        |read| read.policy_revision = "abd",
        // The same letters, divided elsewhere.
        |read| (read.subject, read.subject_issuer) = (Some("user-1o"), Some("wners")),
    ];
    let first = signer.sign_read(&asserted()).unwrap();
    assert_eq!(first, signer.sign_read(&asserted()).unwrap());
    let mut seen = vec![content(&asserted())];
    for edit in edits {
        let mut other = asserted();
        edit(&mut other);
        assert!(!seen.contains(&content(&other)));
        seen.push(content(&other));
        assert_ne!(first, signer.sign_read(&other).unwrap());
    }
}

#[test]
fn other_keys_are_refused_with_a_reason() {
    let rsa = include_bytes!("../../../../tests/fixtures/keys/rsa-2048.pem");
    let good = pem(&Pair::es256("x").pkcs8);
    let sec1 = String::from_utf8(good.clone())
        .unwrap()
        .replace("PRIVATE", "EC PRIVATE");
    let table: [(&[u8], &str, &str); 5] = [
        (rsa, "i", "neither P-256 (ES256) nor Ed25519 (EdDSA)"),
        (sec1.as_bytes(), "i", "no unencrypted PKCS #8 key"),
        (b"", "i", "no unencrypted PKCS #8 key"),
        (&pem(b"garbage"), "i", "neither P-256"),
        (&good, "", "empty issuer"),
    ];
    for (pem, issuer, expected) in table {
        let message = Signer::from_pem(pem, issuer).err().unwrap();
        assert!(message.contains(expected), "{message}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    let message = Signer::load(&file, "i").err().unwrap();
    assert!(
        message.contains("can't read `") && message.contains("key.pem"),
        "{message}"
    );
    std::fs::write(&file, &good).unwrap();
    assert!(Signer::load(&file, "i").is_ok());
}
