//! Which issuers and key sets are refused at load?

use super::by_certificate::Estate;
use super::certificates::Freshness;
use super::*;
use crate::config::duration::Span;
use crate::pipeline::identity::keys::KeySet;

fn all() -> BTreeSet<file::Algorithm> {
    use file::Algorithm::{ES256, EdDSA, PS256, RS256};
    BTreeSet::from([ES256, RS256, PS256, EdDSA])
}

fn read(keys: &Value) -> Result<KeySet, String> {
    KeySet::read(json!({ "keys": keys }).to_string().as_bytes(), &all())
}

fn check_unusable(table: &[(Value, &str)]) {
    for (jwk, expected) in table {
        let message = read(&json!([jwk])).unwrap_err();
        assert!(
            message.starts_with("holds no usable key; key `k` "),
            "{message}"
        );
        assert!(message.contains(expected), "{message} for {jwk}");
    }
}

#[test]
fn points_that_can_not_serve_are_named_with_the_reason() {
    let ec = Pair::es256("k").jwk;
    let ed = Pair::eddsa("k").jwk;
    check_unusable(&[
        (with(ec.clone(), json!({ "use": "enc" })), "is for `enc`"),
        (with(ec.clone(), json!({ "key_ops": ["sign"] })), "`verify`"),
        (
            with(ec.clone(), json!({ "alg": "ES384" })),
            "none of the issuer's `algorithms`",
        ),
        (
            with(ec.clone(), json!({ "alg": "EdDSA" })),
            "none of the issuer's `algorithms`",
        ),
        (
            with(ec.clone(), json!({ "alg": 5 })),
            "`alg` that is not a string",
        ),
        (
            with(ec.clone(), json!({ "crv": "P-384" })),
            "on the curve `P-384`",
        ),
        (
            with(ec.clone(), json!({ "crv": "P-521" })),
            "on the curve `P-521`",
        ),
        (with(ec.clone(), json!({ "crv": null })), "on the curve ``"),
        (
            with(ec.clone(), json!({ "x": ec["y"] })),
            "not a point on P-256",
        ),
        (with(ec.clone(), json!({ "x": "AAAA" })), "not 32 bytes"),
        (with(ec.clone(), json!({ "y": null })), "has no `y`"),
        (with(ec.clone(), json!({ "y": "=" })), "not base64url"),
        (
            with(ed.clone(), json!({ "crv": "X25519" })),
            "on the curve `X25519`",
        ),
        (with(ed.clone(), json!({ "x": "AAAA" })), "not 32 bytes"),
    ]);
}

#[test]
fn other_keys_that_can_not_serve_are_named_with_the_reason() {
    let rsa = Pair::rsa("k", Algorithm::RS256, None).jwk;
    let short = encode(vec![0xff; 255]);
    check_unusable(&[
        (
            with(rsa.clone(), json!({ "n": short })),
            "RSA key of 2040 bits",
        ),
        (with(rsa.clone(), json!({ "n": "" })), "RSA key of 0 bits"),
        (with(rsa.clone(), json!({ "e": "AQ" })), "can't be one"),
        (with(rsa.clone(), json!({ "e": "AQAA" })), "can't be one"),
        (with(rsa.clone(), json!({ "e": "BAAAAAE" })), "can't be one"),
        (
            with(rsa.clone(), json!({ "alg": "RSA-OAEP" })),
            "none of the issuer's `algorithms`",
        ),
        (
            json!({ "kty": "oct", "k": "c2VjcmV0", "kid": "k" }),
            "of type `oct`",
        ),
        (json!({ "kid": "k" }), "of type ``"),
    ]);
}

#[test]
fn usable_keys_are_picked_from_others() {
    let (ec, ed) = (Pair::es256("a").jwk, Pair::eddsa("b").jwk);
    let rsa = Pair::rsa("c", Algorithm::RS256, None).jwk;
    let enc = with(ec.clone(), json!({ "use": "enc", "kid": "d" }));
    let set = read(&json!([enc, { "kty": "XX" }, ec, ed, rsa])).unwrap();
    assert_eq!(set.iter().count(), 3);
    let ok = [
        (Some("a"), file::Algorithm::ES256),
        (Some("b"), file::Algorithm::EdDSA),
        (Some("c"), file::Algorithm::RS256),
        (Some("c"), file::Algorithm::PS256),
    ];
    for (id, algorithm) in ok {
        assert!(set.choose(id, algorithm).is_ok(), "{id:?} {algorithm:?}");
    }
    let refused = [
        (Some("a"), file::Algorithm::RS256, TokenFlaw::WrongAlgorithm),
        (Some("b"), file::Algorithm::ES256, TokenFlaw::WrongAlgorithm),
        (Some("d"), file::Algorithm::ES256, TokenFlaw::UnknownKey),
        (None, file::Algorithm::ES256, TokenFlaw::UnknownKey),
    ];
    for (id, algorithm, flaw) in refused {
        assert_eq!(
            set.choose(id, algorithm).err(),
            Some(flaw),
            "{id:?} {algorithm:?}"
        );
    }
    // Only the configured algorithms, whatever the keys could do.
    let json = json!({ "keys": [Pair::rsa("c", Algorithm::RS256, None).jwk] }).to_string();
    let set = KeySet::read(json.as_bytes(), &BTreeSet::from([file::Algorithm::PS256])).unwrap();
    let flaw = set.choose(Some("c"), file::Algorithm::RS256).err();
    assert_eq!(flaw, Some(TokenFlaw::WrongAlgorithm));
}

#[test]
fn a_leading_zero_of_a_modulus_is_no_digit() {
    let jwk = Pair::rsa("r", Algorithm::RS256, None).jwk;
    let n = members::decode(jwk["n"].as_str().unwrap()).unwrap();
    let zero = with(jwk.clone(), json!({ "n": encode([vec![0], n].concat()) }));
    let material = |jwk| {
        read(&json!([jwk]))
            .unwrap()
            .iter()
            .next()
            .unwrap()
            .material
            .clone()
    };
    assert_eq!(material(zero), material(jwk));
}

#[test]
fn sets_that_mislead_are_refused() {
    let (a, b) = (Pair::es256("a").jwk, Pair::es256("a").jwk);
    let nameless = with(Pair::es256("c").jwk, json!({ "kid": null }));
    let private = with(a.clone(), json!({ "d": "AAAA" }));
    let many: Vec<_> = (0..101)
        .map(|n| with(a.clone(), json!({ "kid": n.to_string() })))
        .collect();
    let table = [
        (json!([a, b]), "needs a `kid` of its own"),
        (json!([a, nameless]), "every one needs a `kid`"),
        (json!([nameless, nameless]), "needs a `kid` of its own"),
        (json!([private]), "private part of key `a`"),
        (json!([]), "holds no usable key"),
        (json!(many), "holds 101 keys"),
        (json!("a"), "is not a JWK set"),
        (json!([5]), "is not a JWK set"),
    ];
    for (keys, expected) in table {
        let message = read(&keys).unwrap_err();
        assert!(message.contains(expected), "{message}");
    }
    for text in [
        "",
        "{}",
        r#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#,
        r#"{"keys":[],"keys":[]}"#,
    ] {
        let message = KeySet::read(text.as_bytes(), &all()).unwrap_err();
        assert!(message.contains("is not a JWK set"), "{message}");
    }
}

#[test]
fn files_are_bounded_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large.json");
    std::fs::write(&large, vec![b' '; 1_048_577]).unwrap();
    let message = KeySet::load(&large, &all()).unwrap_err();
    assert!(
        message.contains("large.json` is larger than 1048576 bytes"),
        "{message}"
    );
    let message = KeySet::load(&folder.path().join("none.json"), &all()).unwrap_err();
    assert!(
        message.contains("can't read `") && message.contains("none.json"),
        "{message}"
    );
}

#[test]
fn every_mistake_of_an_issuer_is_told_at_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let key = Pair::es256("a").jwk;
    let good = issuer(folder.path(), ISS, &[&key]);
    let wrong = file::Issuer {
        issuer: String::new(),
        audiences: vec![String::new()],
        algorithms: BTreeSet::new(),
        token_type: " ".to_owned(),
        fleet_claim: Some(String::new()),
        roles_claim: Some(String::new()),
        strong_acr: vec!["with space".to_owned()],
        clock_skew: Span::from_secs(61),
        jwks_file: Some(folder.path().join("none.json")),
        ..good.clone()
    };
    let mut mistakes = Mistakes::default();
    let issuers = named([("a", good.clone()), ("b", good), ("c", wrong)]);
    Issuers::load(&issuers, 100, pseudonym(), &mut mistakes);
    let places: Vec<_> = mistakes
        .iter()
        .map(|mistake| mistake.place.as_str())
        .collect();
    let expected = [
        "issuers.b.issuer",
        "issuers.c.issuer",
        "issuers.c.audiences",
        "issuers.c.algorithms",
        "issuers.c.token_type",
        "issuers.c.fleet_claim",
        "issuers.c.roles_claim",
        "issuers.c.strong_acr",
        "issuers.c.clock_skew",
        "issuers.c.jwks_file",
    ];
    assert_eq!(places, expected);
}

#[test]
fn a_fingerprint_changes_with_settings_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (Pair::es256("a").jwk, Pair::es256("a").jwk);
    let base = issuer(folder.path(), ISS, &[&one]);
    let fingerprint = |settings: &file::Issuer| {
        let mut mistakes = Mistakes::default();
        let issuers = named([("a", settings.clone())]);
        let loaded = Issuers::load(&issuers, 100, pseudonym(), &mut mistakes);
        assert!(mistakes.is_empty(), "{mistakes}");
        loaded.fingerprint()
    };
    let first = fingerprint(&base);
    assert_eq!(first, fingerprint(&base));
    let mut changed = vec![base.clone(); 9];
    changed[0].audiences.push("more".to_owned());
    changed[1].algorithms.insert(file::Algorithm::EdDSA);
    changed[2].principal = file::PrincipalSource::Fixed(PrincipalKind::Agent);
    changed[3].token_type = "jwt".to_owned();
    changed[4].fleet_claim = None;
    changed[5].clock_skew = Span::from_secs(6);
    changed[6].roles_claim = Some("roles".to_owned());
    changed[7].strong_acr.push("mfa".to_owned());
    changed[8].max_lifetime = Span::from_secs(3_601);
    for settings in &changed {
        assert_ne!(first, fingerprint(settings), "{settings:?}");
    }
    let rotated = issuer(folder.path(), ISS, &[&two]);
    assert_ne!(first, fingerprint(&rotated));
}

/// RFC 7515, appendix A.3, and RFC 8037, appendices A.2 and A.4.
#[test]
fn the_examples_of_the_standards_verify() {
    let examples = [
        (
            Algorithm::ES256,
            json!({
                "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }),
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
        (
            Algorithm::EdDSA,
            json!({
                "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            }),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        ),
    ];
    jws::install();
    let both = BTreeSet::from([file::Algorithm::ES256, file::Algorithm::EdDSA]);
    for (algorithm, jwk, message, signature) in examples {
        let set = KeySet::read(json!({ "keys": [jwk] }).to_string().as_bytes(), &both).unwrap();
        let key = &set.iter().next().unwrap().decoding;
        let verify = |message: &str| {
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, algorithm).unwrap()
        };
        assert!(verify(message), "{algorithm:?}");
        assert!(!verify(&message.replacen('e', "f", 1)), "{algorithm:?}");
    }
}

#[test]
fn authorities_and_lists_that_cannot_be_used_are_told_with_their_key() {
    let estate = Estate::new();
    let list = estate.vehicles.file.with_file_name("revoked.pem");
    let good = std::fs::read(&list).unwrap();
    let other = tempfile::tempdir().unwrap();
    let foreign = estate.servers.subordinate(other.path());
    let foreign = foreign.revoke(&[], Freshness::Fresh);
    let foreign = std::fs::read(foreign).unwrap();
    let garbage = b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n".to_vec();
    let rows = [
        (
            Vec::new(),
            "certificates.tcu.crl_files",
            "no revocation list",
        ),
        (
            foreign,
            "certificates.tcu.crl_files",
            "no revocation list of certificate 1",
        ),
        (
            [good.clone(), garbage].concat(),
            "certificates.tcu.crl_files",
            "",
        ),
    ];
    for (bytes, place, expected) in rows {
        std::fs::write(&list, bytes).unwrap();
        let told = estate.load().unwrap_err().to_string();
        assert!(told.starts_with(place) && told.contains(expected), "{told}");
    }
    std::fs::write(&list, good).unwrap();
    std::fs::write(&estate.servers.file, "").unwrap();
    let told = estate.load().unwrap_err().to_string();
    assert!(
        told.contains("certificates.servers.authorities_file: "),
        "{told}"
    );
    assert!(told.contains("no certificate"), "{told}");
}
