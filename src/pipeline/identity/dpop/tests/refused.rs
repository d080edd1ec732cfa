//! Which proofs are refused, and for what?

use super::*;

/// A proof that is properly signed, whatever it says.
fn signed(pair: &Pair, header: &Value, claims: &Value) -> String {
    pair.sign(
        &with(header_of(pair), header),
        &with(super::claims(), claims),
    )
}

/// Changes of the header without its key, and the flaw of each.
#[rustfmt::skip] // a table, a row a line
fn headers() -> Vec<(Value, TokenFlaw)> {
    vec![
        (json!({ "typ": null }), TokenFlaw::ProofType),
        (json!({ "typ": "JWT" }), TokenFlaw::ProofType),
        (json!({ "typ": "at+jwt" }), TokenFlaw::ProofType),
        (json!({ "typ": "dpop+jwt " }), TokenFlaw::ProofType),
        (json!({ "typ": 5 }), TokenFlaw::ProofMalformed),
        (json!({ "alg": null }), TokenFlaw::ProofMalformed),
        (json!({ "alg": 5 }), TokenFlaw::ProofMalformed),
        (json!({ "alg": "none" }), TokenFlaw::ProofAlgorithm),
        (json!({ "alg": "HS256" }), TokenFlaw::ProofAlgorithm),
        (json!({ "alg": "RS256" }), TokenFlaw::ProofAlgorithm),
        (json!({ "alg": "ES384" }), TokenFlaw::ProofAlgorithm),
        (json!({ "alg": "es256" }), TokenFlaw::ProofAlgorithm),
        (json!({ "alg": "EdDSA" }), TokenFlaw::ProofKey),
        (json!({ "alg": "PS256" }), TokenFlaw::ProofKey),
        (json!({ "crit": ["b64"], "b64": false }), TokenFlaw::ProofHeader),
        (json!({ "crit": [] }), TokenFlaw::ProofHeader),
        (json!({ "b64": true }), TokenFlaw::ProofHeader),
        (json!({ "jku": "https://a.example/k" }), TokenFlaw::ProofHeader),
        (json!({ "x5u": "https://a.example/k" }), TokenFlaw::ProofHeader),
        (json!({ "x5c": [] }), TokenFlaw::ProofHeader),
        (json!({ "zip": "DEF" }), TokenFlaw::ProofHeader),
        (json!({ "enc": "A128GCM" }), TokenFlaw::ProofHeader),
        (json!({ "kid": 5 }), TokenFlaw::ProofMalformed),
    ]
}

/// Other keys than the one that is bound, and the flaw of each.
#[rustfmt::skip] // a table, a row a line
fn keys(pair: &Pair) -> Vec<(Value, TokenFlaw)> {
    let like = |change: Value| with(bare(pair), &change);
    let padded = format!("{}=", pair.jwk["x"].as_str().unwrap());
    let other = bare(&Pair::es256("o"));
    vec![
        (Value::Null, TokenFlaw::ProofKey),
        (json!("k"), TokenFlaw::ProofKey),
        (json!([]), TokenFlaw::ProofKey),
        (json!({}), TokenFlaw::ProofKey),
        (like(json!({ "d": "AA" })), TokenFlaw::ProofKey),
        (like(json!({ "d": 5 })), TokenFlaw::ProofKey),
        (like(json!({ "p": "AA" })), TokenFlaw::ProofKey),
        (like(json!({ "oth": [] })), TokenFlaw::ProofKey),
        (like(json!({ "k": "AA" })), TokenFlaw::ProofKey),
        (json!({ "kty": "oct", "k": "AA" }), TokenFlaw::ProofKey),
        (like(json!({ "kty": null })), TokenFlaw::ProofKey),
        (like(json!({ "kty": "RSA" })), TokenFlaw::ProofKey),
        (like(json!({ "crv": "P-384" })), TokenFlaw::ProofKey),
        (like(json!({ "crv": "secp256k1" })), TokenFlaw::ProofKey),
        (like(json!({ "y": null })), TokenFlaw::ProofKey),
        (like(json!({ "x": "AA" })), TokenFlaw::ProofKey),
        (like(json!({ "x": 5 })), TokenFlaw::ProofKey),
        (like(json!({ "x": padded })), TokenFlaw::ProofKey),
        (like(json!({ "use": "enc" })), TokenFlaw::ProofKey),
        (like(json!({ "key_ops": ["sign"] })), TokenFlaw::ProofKey),
        (like(json!({ "alg": "ES384" })), TokenFlaw::ProofKey),
        (like(json!({ "y": other["y"] })), TokenFlaw::ProofOfOtherKey),
        (other, TokenFlaw::ProofOfOtherKey),
    ]
}

/// Addresses of other requests.
const ELSEWHERE: [&str; 16] = [
    "",
    "/cars/1",
    "https://gateway.example",
    "https://gateway.example/cars/2",
    "https://gateway.example/cars/1/",
    "https://gateway.example/cars/1/2",
    "https://gateway.example/Cars/1",
    "https://gateway.example/cars%2F1",
    "https://gateway.example.evil/cars/1",
    "https://evil.example/cars/1",
    "https://gateway.example@evil.example/cars/1",
    "https://evil@gateway.example/cars/1",
    "https://gateway.example:444/cars/1",
    "http://gateway.example/cars/1",
    "wss://gateway.example/cars/1",
    "https://evil.example/?https://gateway.example/cars/1",
];

/// Changes of the claims, and the flaw of each.
#[rustfmt::skip] // a table, a row a line
fn payloads() -> Vec<(Value, TokenFlaw)> {
    let (missing, malformed) = (TokenFlaw::ProofClaimMissing, TokenFlaw::ProofClaimMalformed);
    let padded = format!("{}=", encode(sha256(TOKEN.as_bytes())));
    vec![
        (json!({ "htm": null }), missing),
        (json!({ "htm": 5 }), malformed),
        (json!({ "htm": "POST" }), TokenFlaw::ProofMethod),
        (json!({ "htm": "get" }), TokenFlaw::ProofMethod),
        (json!({ "htm": "GET " }), TokenFlaw::ProofMethod),
        (json!({ "htm": "" }), TokenFlaw::ProofMethod),
        (json!({ "htu": null }), missing),
        (json!({ "htu": ["https://gateway.example/cars/1"] }), malformed),
        (json!({ "iat": null }), missing),
        (json!({ "iat": "1800000000" }), malformed),
        (json!({ "iat": 1_800_000_000.5 }), malformed),
        (json!({ "iat": -1 }), malformed),
        (json!({ "iat": NOW - 60 }), TokenFlaw::ProofStale),
        (json!({ "iat": 0 }), TokenFlaw::ProofStale),
        (json!({ "iat": NOW + 6 }), TokenFlaw::ProofEarly),
        (json!({ "iat": NOW * 1_000 }), TokenFlaw::ProofEarly),
        (json!({ "iat": u64::MAX }), TokenFlaw::ProofEarly),
        (json!({ "exp": NOW }), TokenFlaw::ProofStale),
        (json!({ "exp": "later" }), malformed),
        (json!({ "nbf": NOW + 6 }), TokenFlaw::ProofEarly),
        (json!({ "ath": null }), missing),
        (json!({ "ath": 5 }), malformed),
        (json!({ "ath": "" }), TokenFlaw::ProofOfOtherToken),
        (json!({ "ath": encode(sha256(b"a.b.d")) }), TokenFlaw::ProofOfOtherToken),
        (json!({ "ath": padded }), malformed),
        (json!({ "ath": TOKEN }), malformed),
        (json!({ "jti": null }), missing),
        (json!({ "jti": 5 }), malformed),
        (json!({ "jti": "" }), malformed),
        (json!({ "jti": "a\nb" }), malformed),
        (json!({ "jti": "x".repeat(257) }), malformed),
    ]
}

#[test]
fn what_a_proof_may_not_say_is_refused() {
    let pair = Pair::es256("k");
    let keys = keys(&pair);
    let keys = keys
        .into_iter()
        .map(|(jwk, flaw)| (json!({ "jwk": jwk }), flaw));
    for (change, flaw) in headers().into_iter().chain(keys) {
        let proof = signed(&pair, &change, &json!({}));
        assert_eq!(check(&pair, &proof), Err(flaw), "{change}");
    }
    let elsewhere = ELSEWHERE.map(|htu| (json!({ "htu": htu }), TokenFlaw::ProofTarget));
    for (change, flaw) in payloads().into_iter().chain(elsewhere) {
        let proof = signed(&pair, &json!({}), &change);
        assert_eq!(check(&pair, &proof), Err(flaw), "{change}");
    }
}

/// A text in place of one part of a good proof.
fn replaced(proof: &str, number: usize, part: &str) -> String {
    let mut parts: Vec<&str> = proof.split('.').collect();
    parts[number] = part;
    parts.join(".")
}

#[test]
fn what_is_no_compact_jws_is_refused() {
    let pair = Pair::es256("k");
    let good = signed(&pair, &json!({}), &json!({}));
    let twice = |object: &Value, name: &str, value: &Value| {
        let text = object.to_string();
        format!("{},\"{name}\":{value}}}", text.strip_suffix('}').unwrap())
    };
    let (header, claims) = (header_of(&pair), claims());
    let typ = pair.sign_raw(
        &twice(&header, "typ", &json!("dpop+jwt")),
        &claims.to_string(),
    );
    let htm = pair.sign_raw(&header.to_string(), &twice(&claims, "htm", &json!("GET")));
    let escaped = pair.sign_raw(
        &header.to_string(),
        &twice(&claims, "\\u0068tm", &json!("GET")),
    );
    let key = twice(&bare(&pair), "x", &pair.jwk["x"]);
    let key = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{key}}}"#);
    let key = pair.sign_raw(&key, &claims.to_string());
    let (malformed, signature) = (TokenFlaw::ProofMalformed, TokenFlaw::ProofSignature);
    let parts: Vec<&str> = good.split('.').collect();
    let table = [
        (String::new(), malformed),
        ("a".to_owned(), malformed),
        ("a.b".to_owned(), malformed),
        ("..".to_owned(), malformed),
        (format!("{good}.x"), malformed),
        (format!("{good}, {good}"), malformed),
        (format!("{good}="), signature),
        (format!(" {good}"), malformed),
        (replaced(&good, 0, &format!("{}=", parts[0])), malformed),
        (replaced(&good, 0, &encode("[]")), malformed),
        (replaced(&good, 1, &encode("null")), malformed),
        (replaced(&good, 1, &format!("{}=", parts[1])), malformed),
        (replaced(&good, 1, ""), malformed),
        (replaced(&good, 2, ""), signature),
        (replaced(&good, 2, &encode([0; 64])), signature),
        (replaced(&good, 2, &encode([0xff; 64])), signature),
        (replaced(&good, 2, &encode([1; 63])), signature),
        (
            replaced(&good, 2, &format!("/{}", parts[2].get(1..).unwrap())),
            signature,
        ),
        (typ, malformed),
        (htm, malformed),
        (escaped, malformed),
        (key, malformed),
    ];
    for (proof, flaw) in table {
        assert_eq!(check(&pair, &proof), Err(flaw), "{proof}");
    }
}

#[test]
fn only_the_key_itself_signs() {
    let (pair, other) = (Pair::es256("k"), Pair::es256("o"));
    // the right key shown, another one used
    let forged = other.sign(&header_of(&pair), &claims());
    assert_eq!(check(&pair, &forged), Err(TokenFlaw::ProofSignature));
    // what was signed said something else
    let good = signed(&pair, &json!({}), &json!({}));
    let claims = with(claims(), &json!({ "jti": "j2" }));
    let altered = replaced(&good, 1, &encode(claims.to_string()));
    assert_eq!(check(&pair, &altered), Err(TokenFlaw::ProofSignature));
    // an issuer that binds a token to what is no point: nothing is proven by it
    let mut off = bare(&pair);
    off["y"] = bare(&other)["y"].clone();
    let proof = signed(&pair, &json!({ "jwk": off }), &json!({}));
    let refused = prove(&terms(), &head(&[&proof]), TOKEN, thumbprint_of(&off));
    assert_eq!(refused, Err(TokenFlaw::ProofSignature));
    let rsa = Pair::rsa("k", Signing::PS256, None);
    let small = json!({ "n": encode([0xff; 128]) });
    let jwk = with(bare(&rsa), &small);
    let proof = signed(&rsa, &json!({ "jwk": jwk }), &json!({}));
    let refused = prove(&terms(), &head(&[&proof]), TOKEN, thumbprint_of(&jwk));
    assert_eq!(refused, Err(TokenFlaw::ProofKey), "1024 bits");
    let pkcs1 = Pair::rsa("k", Signing::RS256, None);
    let proof = signed(&pkcs1, &json!({ "alg": "PS256" }), &json!({}));
    assert_eq!(check(&pkcs1, &proof), Err(TokenFlaw::ProofSignature));
}

#[test]
fn there_is_one_proof_and_it_is_not_long() {
    let pair = Pair::es256("k");
    let key = thumbprint_of(&pair.jwk);
    let good = signed(&pair, &json!({}), &json!({}));
    let check = |proofs: &[&str]| prove(&terms(), &head(proofs), TOKEN, key).map(drop);
    assert_eq!(check(&[&good]), Ok(()));
    assert_eq!(check(&[]), Err(TokenFlaw::ProofMissing));
    assert_eq!(check(&[&good, &good]), Err(TokenFlaw::ProofDuplicate));
    let filled = |bytes: usize| signed(&pair, &json!({}), &json!({ "x": "x".repeat(bytes) }));
    let long = filled(2_600);
    assert!(long.len() <= PROOF_BYTES, "{}", long.len());
    assert_eq!(check(&[&long]), Ok(()));
    let refused = check(&[&filled(3_000)]);
    assert_eq!(refused, Err(TokenFlaw::ProofTooLong));
    let garbage = "x".repeat(PROOF_BYTES + 1);
    assert_eq!(check(&[&garbage]), Err(TokenFlaw::ProofTooLong));
    assert_eq!(check(&["\u{e9}"]), Err(TokenFlaw::ProofMalformed));
}
