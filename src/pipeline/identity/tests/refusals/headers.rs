//! What may a token's header not say?

use super::*;

pub(super) fn rows(world: &World) -> Vec<Row> {
    let row = |flaw| move |change: &Value| heading(world, change, flaw);
    let forbidden = forbidden(world);
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(algorithms().iter().map(row(TokenFlaw::WrongAlgorithm)));
    rows.extend(types().iter().map(row(TokenFlaw::WrongType)));
    rows.extend(keys().iter().map(row(TokenFlaw::UnknownKey)));
    rows.extend(forbidden.iter().map(row(TokenFlaw::HeaderForbidden)));
    rows.extend(untyped().iter().map(row(TokenFlaw::Malformed)));
    rows.push(heading(
        world,
        &json!({ "kid": "b" }),
        TokenFlaw::BadSignature,
    ));
    rows
}

/// Weak, missing and swapped algorithms (RFC 8725, 2.1 and 2.2).
fn algorithms() -> Vec<Value> {
    let names = [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        "",
        " ",
        "HS256",
        "HS384",
        "HS512",
        "hs256",
        "ES384",
        "ES512",
        "ES256K",
        "RS256",
        "RS384",
        "RS512",
        "RS1",
        "PS256",
        "PS384",
        "PS512",
        "EdDSA",
        "Ed25519",
        "Ed448",
        "es256",
        "Es256",
        "ES256 ",
        " ES256",
        "ES256\u{0}",
        "ECDSA",
        "A128KW",
        "dir",
        "RSA-OAEP",
        "PBES2-HS256+A128KW",
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    ];
    names.iter().map(|name| json!({ "alg": name })).collect()
}

/// Other kinds of token (RFC 8725, 2.8 and 3.11).
fn types() -> Vec<Value> {
    let names = [
        "JWT",
        "jwt",
        "id+jwt",
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "oauth-authz-req+jwt",
        "client-authentication+jwt",
        "kb+jwt",
        "text/at+jwt",
        "at+jwt ",
        " at+jwt",
        "at jwt",
        "at+jwt;v=1",
        "application/application/at+jwt",
        "application/",
        "at+jwt\u{0}",
        "",
    ];
    let mut types: Vec<_> = names.iter().map(|name| json!({ "typ": name })).collect();
    types.push(json!({ "typ": null }));
    types
}

/// Keys that are not the issuer's, and names that lead elsewhere (RFC 8725, 3.10).
fn keys() -> Vec<Value> {
    let names = [
        "z",
        "A",
        "",
        " a",
        "a ",
        "a\u{0}",
        "o",
        "../../dev/null",
        "/dev/null",
        "file:///dev/null",
        "' OR '1'='1",
        "a' UNION SELECT 'k",
        "| id",
        "https://evil.example/keys",
        "*",
    ];
    let mut keys: Vec<_> = names.iter().map(|name| json!({ "kid": name })).collect();
    keys.push(json!({ "kid": null }));
    keys
}

/// What would bring a key along, or change how the token is read (RFC 7515, 4.1; RFC 7797).
fn forbidden(world: &World) -> Vec<Value> {
    let evil = "https://evil.example/keys";
    vec![
        json!({ "crit": ["exp"] }),
        json!({ "crit": [] }),
        json!({ "crit": "exp" }),
        json!({ "crit": ["unknown"], "unknown": 1 }),
        json!({ "crit": ["b64"], "b64": false }),
        json!({ "b64": false }),
        json!({ "b64": true }),
        json!({ "b64": "false" }),
        json!({ "jwk": world.other.jwk }),
        json!({ "jwk": world.a.jwk }),
        json!({ "jwk": {} }),
        json!({ "jku": evil }),
        json!({ "jku": "" }),
        json!({ "jku": ISS }),
        json!({ "x5u": evil }),
        json!({ "x5u": [evil] }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "x5c": [] }),
        json!({ "zip": "DEF" }),
        json!({ "enc": "A128GCM" }),
        json!({ "alg": "dir", "enc": "A256GCM" }),
        json!({ "alg": "none", "crit": ["alg"] }),
    ]
}

/// Parameters of a type that they can't have.
fn untyped() -> Vec<Value> {
    let mut rows = vec![json!({ "alg": null })];
    for name in [
        "alg", "typ", "kid", "cty", "x5t", "x5t#S256", "url", "nonce",
    ] {
        for value in [json!(5), json!(true), json!(["ES256"]), json!({ "a": 1 })] {
            rows.push(json!({ name: value }));
        }
    }
    rows
}
