//! Which tokens are refused, and for what exactly?

use super::*;

/// A fixed-size ECDSA signature in DER, as OpenSSL writes it.
fn der(fixed: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let mut value = vec![0];
        value.extend_from_slice(half);
        [vec![2, 33], value].concat()
    };
    let both = [integer(&fixed[..32]), integer(&fixed[32..])].concat();
    [vec![0x30, u8::try_from(both.len()).unwrap()], both].concat()
}

#[test]
fn misleading_headers_are_refused() {
    let world = world();
    let jwk = &world.other.jwk;
    let table = [
        (json!({ "alg": "none" }), TokenFlaw::WrongAlgorithm),
        (json!({ "alg": "None" }), TokenFlaw::WrongAlgorithm),
        (json!({ "alg": "HS256" }), TokenFlaw::WrongAlgorithm),
        (json!({ "alg": "es256" }), TokenFlaw::WrongAlgorithm),
        (json!({ "alg": "ES384" }), TokenFlaw::WrongAlgorithm),
        (json!({ "alg": "RS256" }), TokenFlaw::WrongAlgorithm),
        (json!({ "alg": "EdDSA" }), TokenFlaw::WrongAlgorithm),
        (json!({ "alg": "" }), TokenFlaw::WrongAlgorithm),
        (json!({ "alg": ["ES256"] }), TokenFlaw::Malformed),
        (json!({ "alg": null }), TokenFlaw::Malformed),
        (json!({ "typ": null }), TokenFlaw::WrongType),
        (json!({ "typ": "JWT" }), TokenFlaw::WrongType),
        (json!({ "typ": "id+jwt" }), TokenFlaw::WrongType),
        (json!({ "typ": "dpop+jwt" }), TokenFlaw::WrongType),
        (json!({ "typ": "text/at+jwt" }), TokenFlaw::WrongType),
        (json!({ "typ": "at+jwt " }), TokenFlaw::WrongType),
        (json!({ "typ": 5 }), TokenFlaw::Malformed),
        (json!({ "kid": "z" }), TokenFlaw::UnknownKey),
        (json!({ "kid": "A" }), TokenFlaw::UnknownKey),
        (json!({ "kid": "" }), TokenFlaw::UnknownKey),
        (json!({ "kid": null }), TokenFlaw::UnknownKey),
        (json!({ "kid": "o" }), TokenFlaw::UnknownKey),
        (json!({ "kid": "../../dev/null" }), TokenFlaw::UnknownKey),
        (json!({ "kid": 5 }), TokenFlaw::Malformed),
        (json!({ "kid": "b" }), TokenFlaw::BadSignature),
        (json!({ "crit": ["exp"] }), TokenFlaw::HeaderForbidden),
        (json!({ "crit": [] }), TokenFlaw::HeaderForbidden),
        (
            json!({ "crit": ["b64"], "b64": false }),
            TokenFlaw::HeaderForbidden,
        ),
        (json!({ "b64": false }), TokenFlaw::HeaderForbidden),
        (json!({ "b64": true }), TokenFlaw::HeaderForbidden),
        (json!({ "jwk": jwk }), TokenFlaw::HeaderForbidden),
        (
            json!({ "jku": "https://evil.example" }),
            TokenFlaw::HeaderForbidden,
        ),
        (
            json!({ "x5u": "https://evil.example" }),
            TokenFlaw::HeaderForbidden,
        ),
        (json!({ "x5c": ["MIIB"] }), TokenFlaw::HeaderForbidden),
        (json!({ "zip": "DEF" }), TokenFlaw::HeaderForbidden),
        (json!({ "enc": "A128GCM" }), TokenFlaw::HeaderForbidden),
        (json!({ "x5t": 5 }), TokenFlaw::Malformed),
        (json!({ "nonce": [] }), TokenFlaw::Malformed),
    ];
    for (change, expected) in table {
        let token = world.a.sign(&with(header(), change.clone()), &claims());
        assert_eq!(flaw(&world, &token), Some(expected), "{change}");
    }
}

fn check_claims(table: &[(Value, TokenFlaw)]) {
    let world = world();
    for (change, expected) in table {
        let token = world.a.sign(&header(), &with(claims(), change.clone()));
        assert_eq!(flaw(&world, &token), Some(*expected), "{change}");
    }
}

#[test]
fn tokens_of_or_for_others_are_refused() {
    check_claims(&[
        (json!({ "iss": null }), TokenFlaw::ClaimMissing),
        (
            json!({ "iss": "https://evil.example" }),
            TokenFlaw::UnknownIssuer,
        ),
        (
            json!({ "iss": "https://id.example/" }),
            TokenFlaw::UnknownIssuer,
        ),
        (
            json!({ "iss": "HTTPS://ID.EXAMPLE" }),
            TokenFlaw::UnknownIssuer,
        ),
        (json!({ "iss": "" }), TokenFlaw::UnknownIssuer),
        (json!({ "iss": [ISS] }), TokenFlaw::ClaimMalformed),
        (json!({ "iss": { "a": ISS } }), TokenFlaw::ClaimMalformed),
        (json!({ "iss": 5 }), TokenFlaw::ClaimMalformed),
        (
            json!({ "iss": "https://rsa.example" }),
            TokenFlaw::WrongAlgorithm,
        ),
        (
            json!({ "iss": "https://staff.example" }),
            TokenFlaw::UnknownIssuer,
        ),
        (json!({ "aud": null }), TokenFlaw::ClaimMissing),
        (json!({ "aud": "other" }), TokenFlaw::WrongAudience),
        (json!({ "aud": "TELEMATICS" }), TokenFlaw::WrongAudience),
        (
            json!({ "aud": ["other", "another"] }),
            TokenFlaw::WrongAudience,
        ),
        (json!({ "aud": [] }), TokenFlaw::WrongAudience),
        (json!({ "aud": "" }), TokenFlaw::WrongAudience),
        (json!({ "aud": 5 }), TokenFlaw::ClaimMalformed),
        (json!({ "aud": ["evil", 5] }), TokenFlaw::ClaimMalformed),
        (
            json!({ "aud": ["telematics", 5] }),
            TokenFlaw::ClaimMalformed,
        ),
        (
            json!({ "aud": { "telematics": 1 } }),
            TokenFlaw::ClaimMalformed,
        ),
    ]);
}

#[test]
fn times_that_do_not_count_are_refused() {
    check_claims(&[
        (json!({ "exp": null }), TokenFlaw::ClaimMissing),
        (json!({ "exp": NOW - 5 }), TokenFlaw::Expired),
        (json!({ "exp": 0 }), TokenFlaw::Expired),
        (json!({ "exp": 1_800_000_300.5 }), TokenFlaw::ClaimMalformed),
        (json!({ "exp": 1.8e9 }), TokenFlaw::ClaimMalformed),
        (json!({ "exp": "1800000300" }), TokenFlaw::ClaimMalformed),
        (json!({ "exp": -1 }), TokenFlaw::ClaimMalformed),
        (
            json!({ "exp": (NOW + 300) * 1_000 }),
            TokenFlaw::ClaimMalformed,
        ),
        (json!({ "exp": u64::MAX }), TokenFlaw::ClaimMalformed),
        (json!({ "exp": 1e300 }), TokenFlaw::ClaimMalformed),
        (json!({ "exp": true }), TokenFlaw::ClaimMalformed),
        (json!({ "nbf": NOW + 6 }), TokenFlaw::NotYetValid),
        (json!({ "nbf": "0" }), TokenFlaw::ClaimMalformed),
        (json!({ "nbf": 0.5 }), TokenFlaw::ClaimMalformed),
        (json!({ "iat": NOW + 6 }), TokenFlaw::NotYetValid),
        (json!({ "iat": "0" }), TokenFlaw::ClaimMalformed),
        (json!({ "iat": u64::MAX }), TokenFlaw::ClaimMalformed),
    ]);
}

#[test]
fn people_and_clients_without_a_clear_name_are_refused() {
    let long = "x".repeat(257);
    check_claims(&[
        (json!({ "sub": null }), TokenFlaw::ClaimMissing),
        (json!({ "sub": "" }), TokenFlaw::ClaimMalformed),
        (json!({ "sub": 5 }), TokenFlaw::ClaimMalformed),
        (json!({ "sub": ["user-1"] }), TokenFlaw::ClaimMalformed),
        (json!({ "sub": long }), TokenFlaw::ClaimMalformed),
        (json!({ "sub": "user-1\n" }), TokenFlaw::ClaimMalformed),
        (json!({ "sub": "user-1\u{0}" }), TokenFlaw::ClaimMalformed),
        (json!({ "client_id": "" }), TokenFlaw::ClaimMalformed),
        (json!({ "client_id": 5 }), TokenFlaw::ClaimMalformed),
        (
            json!({ "client_id": "app", "azp": "other" }),
            TokenFlaw::ClaimMalformed,
        ),
        (json!({ "scope": ["read"] }), TokenFlaw::ClaimMalformed),
        (
            json!({ "scope": "read\tcontrol" }),
            TokenFlaw::ClaimMalformed,
        ),
        (json!({ "jti": "" }), TokenFlaw::ClaimMalformed),
        (json!({ "jti": long }), TokenFlaw::ClaimMalformed),
        (json!({ "fleet": ["f1", "f2"] }), TokenFlaw::ClaimMalformed),
        (json!({ "fleet": "" }), TokenFlaw::ClaimMalformed),
    ]);
}

#[test]
fn repeated_members_are_refused() {
    let world = world();
    let (header, claims) = (header().to_string(), claims().to_string());
    for name in ["alg", "typ", "kid", "other"] {
        let first = format!(r#"{{"{name}":"x","{name}":"x","#);
        let twice = header.replacen('{', &first, 1);
        let token = world.a.sign_raw(&twice, &claims);
        assert_eq!(flaw(&world, &token), Some(TokenFlaw::Malformed), "{name}");
    }
    for name in [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "jti",
        "scope",
        "client_id",
        "fleet",
        "other",
    ] {
        let first = format!(r#"{{"{name}":"x","{name}":"x","#);
        let twice = claims.replacen('{', &first, 1);
        let token = world.a.sign_raw(&header, &twice);
        assert_eq!(flaw(&world, &token), Some(TokenFlaw::Malformed), "{name}");
    }
    let escaped = claims.replacen('{', r#"{"s\u0075b":"user-2","#, 1);
    let token = world.a.sign_raw(&header, &escaped);
    assert_eq!(flaw(&world, &token), Some(TokenFlaw::Malformed));
}

fn check_tokens(world: &World, table: Vec<(&str, String, TokenFlaw)>) {
    for (name, token, expected) in table {
        assert_eq!(flaw(world, &token), Some(expected), "{name}");
    }
}

#[test]
fn forged_signatures_are_refused() {
    let world = world();
    let good = world.a.sign(&header(), &claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = message.split_once('.').unwrap();
    let victim = encode(with(claims(), json!({ "sub": "victim" })).to_string());
    let tokens = [
        (
            "key of another issuer",
            world.other.sign(&header(), &claims()),
        ),
        ("other payload", format!("{head}.{victim}.{signature}")),
        ("empty", format!("{message}.")),
        ("zeros", resigned(&good, |_| vec![0; 64])),
        ("truncated", resigned(&good, |s| s[..63].to_vec())),
        ("extended", resigned(&good, |s| [s, vec![0]].concat())),
        ("DER", resigned(&good, |s| der(&s))),
        (
            "halves swapped",
            resigned(&good, |s| [&s[32..], &s[..32]].concat()),
        ),
    ];
    let bad = |(name, token)| (name, token, TokenFlaw::BadSignature);
    check_tokens(&world, tokens.into_iter().map(bad).collect());
    assert_eq!(flaw(&world, &good), None);
}

#[test]
fn tokens_of_another_form_are_refused() {
    let world = world();
    let good = world.a.sign(&header(), &claims());
    let (message, signature) = good.rsplit_once('.').unwrap();
    let (head, payload) = message.split_once('.').unwrap();
    let tokens = [
        ("not base64url", format!("{message}.!")),
        ("padded", format!("{message}.{signature}==")),
        (
            "plain base64",
            format!("{message}.+/{}", signature.split_at(2).1),
        ),
        ("trailing bits", trailing_bit(&good)),
        ("one part", head.to_owned()),
        ("two parts", message.to_owned()),
        ("four parts", format!("{good}.{signature}")),
        ("five parts", format!("{good}.{signature}.x")),
        ("empty header", format!(".{payload}.{signature}")),
        ("empty payload", format!("{head}..{signature}")),
        ("empty parts", "..".to_owned()),
        ("padded header", format!("{head}=.{payload}.{signature}")),
        ("header no object", world.a.sign_raw("[]", "{}")),
        ("header no JSON", world.a.sign_raw("x", "{}")),
        (
            "payload no object",
            world.a.sign_raw(&header().to_string(), "[]"),
        ),
        (
            "payload no JSON",
            world.a.sign_raw(&header().to_string(), ""),
        ),
    ];
    let bad = |(name, token)| (name, token, TokenFlaw::Malformed);
    check_tokens(&world, tokens.into_iter().map(bad).collect());
}

/// The same signature bytes with one of the unused last bits set.
fn trailing_bit(token: &str) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = token.chars().last().unwrap();
    let next = alphabet.chars().skip_while(|digit| *digit != last).nth(1);
    format!("{}{}", token.strip_suffix(last).unwrap(), next.unwrap())
}

#[test]
fn a_key_serves_only_what_its_issuer_lists() {
    let world = world();
    let claims = with(claims(), json!({ "iss": "https://rsa.example" }));
    let listed = with(header(), json!({ "alg": "PS256", "kid": "r" }));
    let other = with(header(), json!({ "alg": "RS256", "kid": "r" }));
    let token = world.rsa.sign(&other, &claims);
    assert_eq!(flaw(&world, &token), Some(TokenFlaw::WrongAlgorithm));
    // An RS256 signature that says PS256.
    let token = world.rsa.sign(&listed, &claims);
    assert_eq!(flaw(&world, &token), Some(TokenFlaw::BadSignature));
    let pss = Pair::rsa("r", Algorithm::PS256, None);
    assert_eq!(flaw(&world, &pss.sign(&listed, &claims)), None);
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let world = world();
    let point = [
        vec![4],
        members::decode(world.a.jwk["x"].as_str().unwrap()).unwrap(),
        members::decode(world.a.jwk["y"].as_str().unwrap()).unwrap(),
    ];
    let secrets = [point.concat(), world.a.jwk.to_string().into_bytes()];
    for secret in secrets {
        let header = with(header(), json!({ "alg": "HS256" })).to_string();
        let message = format!("{}.{}", encode(header), encode(claims().to_string()));
        let key = hmac::Key::new(HMAC_SHA256, &secret);
        let token = format!("{message}.{}", encode(hmac::sign(&key, message.as_bytes())));
        assert_eq!(flaw(&world, &token), Some(TokenFlaw::WrongAlgorithm));
    }
}
