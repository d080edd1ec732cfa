//! Which proofs hold?

mod refused;
mod presented;

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};
use jsonwebtoken::Algorithm as Signing;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::pipeline::identity::jws;
use crate::pipeline::identity::minting::{Pair, encode};
use crate::pipeline::parameters::Parameters;

const NOW: u64 = 1_800_000_000;
const TOKEN: &str = "a.b.c";

fn terms() -> Terms {
    jws::install();
    Terms {
        max_age: Duration::from_secs(60),
        ahead: Duration::from_secs(5),
        nonces: None,
    }
}

fn with_nonces() -> Terms {
    Terms {
        nonces: Some(Nonces::new(&[7; 32])),
        ..terms()
    }
}

/// A request to `https://gateway.example/cars/1` with these proofs.
fn head(proofs: &[&str]) -> RequestHead {
    let mut headers = HeaderMap::new();
    for proof in proofs {
        headers.append(FIELD, HeaderValue::from_bytes(proof.as_bytes()).unwrap());
    }
    RequestHead {
        id: Uuid::nil(),
        received_at: Duration::from_secs(NOW),
        listener: Arc::from("edge"),
        tls: true,
        address: [127, 0, 0, 1].into(),
        method: Method::GET,
        host: "gateway.example".to_owned(),
        port: None,
        path: "/cars/1".to_owned(),
        query: Some("a=b".to_owned()),
        parameters: Parameters::default(),
        headers,
        certificate: None,
        switchable: false,
    }
}

/// The public key of a pair, without what is said about it.
fn bare(pair: &Pair) -> Value {
    let mut jwk = pair.jwk.clone();
    for name in ["kid", "use", "alg"] {
        jwk.as_object_mut().unwrap().remove(name);
    }
    jwk
}

fn thumbprint_of(jwk: &Value) -> [u8; 32] {
    thumbprint::of(&serde_json::from_value(jwk.clone()).unwrap()).unwrap()
}

fn header_of(pair: &Pair) -> Value {
    let alg = format!("{:?}", pair.algorithm);
    json!({ "typ": "dpop+jwt", "alg": alg, "jwk": bare(pair) })
}

fn claims() -> Value {
    json!({
        "jti": "j1", "htm": "GET", "htu": "https://gateway.example/cars/1", "iat": NOW,
        "ath": encode(sha256(TOKEN.as_bytes())),
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

fn check(pair: &Pair, proof: &str) -> Result<Proof, TokenFlaw> {
    prove(&terms(), &head(&[proof]), TOKEN, thumbprint_of(&pair.jwk))
}

/// RFC 9449, 7.1, figures 13 and 14, and the thumbprint of 6.1.
#[test]
fn the_example_of_the_standard_holds_at_its_time() {
    let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    let key = members::decode("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I").unwrap();
    let key: [u8; 32] = key.try_into().unwrap();
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    let at = |seconds| {
        let head = RequestHead {
            received_at: Duration::from_secs(seconds),
            host: "resource.example.org".to_owned(),
            path: "/protectedresource".to_owned(),
            ..head(&[proof])
        };
        prove(&terms(), &head, token, key)
    };
    let held = at(1_562_262_618).unwrap();
    assert_eq!(held.id, "e1j3V_bKic8-LAEB");
    assert_eq!(held.until, Duration::from_secs(1_562_262_678));
    assert_eq!(at(1_562_262_678), Err(TokenFlaw::ProofStale));
    assert_eq!(at(1_562_262_612), Err(TokenFlaw::ProofEarly));
}

#[test]
fn every_offered_algorithm_proves() {
    let pairs = [
        Pair::es256("k"),
        Pair::eddsa("k"),
        Pair::rsa("k", Signing::PS256, None),
    ];
    let offered: Vec<String> = pairs
        .iter()
        .map(|it| format!("{:?}", it.algorithm))
        .collect();
    assert_eq!(offered.join(" "), ALGORITHMS);
    for pair in pairs {
        let held = check(&pair, &pair.sign(&header_of(&pair), &claims()));
        let expected = Proof {
            key: thumbprint_of(&pair.jwk),
            target: "https://gateway.example:443/cars/1".to_owned(),
            id: "j1".to_owned(),
            until: Duration::from_secs(NOW + 60),
            renew_nonce: false,
        };
        assert_eq!(held, Ok(expected), "{:?}", pair.algorithm);
    }
}

#[test]
fn what_standards_leave_open_is_taken() {
    let pair = Pair::es256("k");
    let headers = [
        json!({ "typ": "application/dpop+jwt" }),
        json!({ "typ": "DPoP+JWT" }),
        json!({ "kid": "k", "other": [1] }),
        json!({ "jwk": pair.jwk }), // with what is said about it
        json!({ "jwk": with(bare(&pair), &json!({ "key_ops": ["verify"], "ext": true })) }),
    ];
    for change in headers {
        let proof = pair.sign(&with(header_of(&pair), &change), &claims());
        assert!(check(&pair, &proof).is_ok(), "{change}");
    }
    let payloads = [
        json!({ "htu": "HTTPS://Gateway.Example:443/cars/./x/../%31?q=1#f" }),
        json!({ "iat": NOW - 59 }),
        json!({ "iat": NOW + 5 }),
        json!({ "exp": NOW + 1, "nbf": NOW + 5 }),
        json!({ "nonce": "of another server" }),
        json!({ "jti": "x".repeat(256) }),
        json!({ "other": { "a": 1 } }),
    ];
    for change in payloads {
        let proof = pair.sign(&header_of(&pair), &with(claims(), &change));
        assert!(check(&pair, &proof).is_ok(), "{change}");
    }
}

#[test]
fn the_address_is_the_one_that_the_client_sees() {
    let pair = Pair::es256("k");
    let sent_to = |htu: &str, head: RequestHead| {
        let proof = pair.sign(&header_of(&pair), &with(claims(), &json!({ "htu": htu })));
        let mut head = head;
        head.headers
            .insert(FIELD, HeaderValue::try_from(proof).unwrap());
        prove(&terms(), &head, TOKEN, thumbprint_of(&pair.jwk)).map(drop)
    };
    let on = |tls, port| RequestHead {
        tls,
        port,
        ..head(&[])
    };
    let elsewhere = Err(TokenFlaw::ProofTarget);
    let table = [
        (
            "https://gateway.example/cars/1",
            on(true, Some(443)),
            Ok(()),
        ),
        (
            "https://gateway.example:8443/cars/1",
            on(true, Some(8443)),
            Ok(()),
        ),
        (
            "https://gateway.example/cars/1",
            on(true, Some(8443)),
            elsewhere,
        ),
        (
            "https://gateway.example:8443/cars/1",
            on(true, None),
            elsewhere,
        ),
        ("http://gateway.example/cars/1", on(false, None), Ok(())),
        ("http://gateway.example:80/cars/1", on(false, None), Ok(())),
        ("http://gateway.example/cars/1", on(true, None), elsewhere),
        ("https://gateway.example/cars/1", on(false, None), elsewhere),
        (
            "http://gateway.example:443/cars/1",
            on(true, None),
            elsewhere,
        ),
    ];
    for (htu, head, expected) in table {
        let told = format!("{htu} {} {:?}", head.tls, head.port);
        assert_eq!(sent_to(htu, head), expected, "{told}");
    }
}

#[test]
fn a_proof_carries_the_nonce_where_one_is_wanted() {
    let pair = Pair::es256("k");
    let terms = with_nonces();
    let key = thumbprint_of(&pair.jwk);
    let nonce_at = |seconds| terms.nonce(Duration::from_secs(seconds)).unwrap();
    let with_nonce = |nonce: Value| {
        let change = json!({ "nonce": nonce });
        let proof = pair.sign(&header_of(&pair), &with(claims(), &change));
        prove(&terms, &head(&[&proof]), TOKEN, key).map(|proof| proof.renew_nonce)
    };
    assert_eq!(with_nonce(json!(nonce_at(NOW))), Ok(false));
    assert_eq!(with_nonce(json!(nonce_at(NOW - 60))), Ok(true));
    for stale in [nonce_at(NOW - 120), nonce_at(NOW + 60), String::new()] {
        let refused = with_nonce(json!(stale));
        assert_eq!(refused, Err(TokenFlaw::ProofNonceStale), "{stale}");
    }
    let missing = with_nonce(Value::Null);
    assert_eq!(missing, Err(TokenFlaw::ProofNonceMissing));
    let number = with_nonce(json!(7));
    assert_eq!(number, Err(TokenFlaw::ProofClaimMalformed));
}

#[test]
fn a_proof_is_told_apart_by_key_id_and_address() {
    let pair = Pair::es256("k");
    let proof = |change: Value| {
        let proof = pair.sign(&header_of(&pair), &with(claims(), &change));
        check(&pair, &proof).unwrap().bytes()
    };
    let one = proof(json!({}));
    // other bytes, made later, written in another way: the same proof
    assert_eq!(one, proof(json!({ "iat": NOW - 1, "x": 1 })));
    assert_eq!(
        one,
        proof(json!({ "htu": "https://gateway.example:443/cars/1" }))
    );
    assert_ne!(one, proof(json!({ "jti": "j2" })));
}
