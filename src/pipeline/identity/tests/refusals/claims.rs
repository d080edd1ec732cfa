//! What may a token not claim?

use super::*;

pub(super) fn rows(world: &World) -> Vec<Row> {
    let row = |flaw| move |change: &Value| claiming(world, change, flaw);
    let mut rows: Vec<Row> = Vec::new();
    rows.extend(missing().iter().map(row(TokenFlaw::ClaimMissing)));
    rows.extend(issuers().iter().map(row(TokenFlaw::UnknownIssuer)));
    rows.extend(audiences().iter().map(row(TokenFlaw::WrongAudience)));
    rows.extend(times().iter().map(row(TokenFlaw::ClaimMalformed)));
    rows.extend(names().iter().map(row(TokenFlaw::ClaimMalformed)));
    rows.extend(others().iter().map(row(TokenFlaw::ClaimMalformed)));
    rows.extend(bound().iter().map(row(TokenFlaw::ProofMissing)));
    let more = [
        (
            json!({ "iss": "https://rsa.example" }),
            TokenFlaw::WrongAlgorithm,
        ),
        (json!({ "exp": NOW - 5 }), TokenFlaw::Expired),
        (
            json!({ "exp": NOW - 86_400, "iat": NOW - 87_000 }),
            TokenFlaw::Expired,
        ),
        (json!({ "exp": 0, "iat": 0 }), TokenFlaw::Expired),
        (json!({ "nbf": NOW + 6 }), TokenFlaw::NotYetValid),
        (json!({ "nbf": NOW + 299 }), TokenFlaw::NotYetValid),
        (json!({ "iat": NOW + 6 }), TokenFlaw::NotYetValid),
        (
            json!({ "iat": NOW + 86_400, "exp": NOW + 86_700 }),
            TokenFlaw::NotYetValid,
        ),
        (json!({ "auth_time": NOW + 6 }), TokenFlaw::NotYetValid),
        (
            json!({ "exp": NOW - 10 + 3_601 }),
            TokenFlaw::LifetimeTooLong,
        ),
        (
            json!({ "exp": 253_402_300_799_u64 }),
            TokenFlaw::LifetimeTooLong,
        ),
        (json!({ "iat": 0 }), TokenFlaw::LifetimeTooLong),
        (json!({ "at_hash": "x" }), TokenFlaw::WrongType),
        (json!({ "c_hash": "x" }), TokenFlaw::WrongType),
        (json!({ "events": {} }), TokenFlaw::WrongType),
    ];
    rows.extend(
        more.iter()
            .map(|(change, flaw)| claiming(world, change, *flaw)),
    );
    rows
}

/// RFC 9068, 2.2 requires them.
fn missing() -> Vec<Value> {
    let names = ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"];
    let mut rows: Vec<_> = names.iter().map(|name| json!({ *name: null })).collect();
    rows.push(json!({ "client_id": null, "azp": "app" }));
    rows
}

/// Another issuer, or one on a surface that doesn't name it (RFC 8725, 2.9).
fn issuers() -> Vec<Value> {
    let names = [
        "https://evil.example",
        "https://id.example/",
        "HTTPS://ID.EXAMPLE",
        "http://id.example",
        "https://id.example#",
        "https://id.example?",
        " https://id.example",
        "https://id.example ",
        "https://id.example\u{0}",
        "https://id.example.evil.example",
        "https://evil.example/id.example",
        "https://user@id.example",
        "https://id.example:443",
        "https://\u{456}d.example",
        "id.example",
        "owners",
        "",
        "https://staff.example",
    ];
    names.iter().map(|name| json!({ "iss": name })).collect()
}

/// Substituted for another recipient (RFC 8725, 2.7 and 3.9).
fn audiences() -> Vec<Value> {
    let audiences = [
        json!("other"),
        json!("TELEMATICS"),
        json!("telematics "),
        json!("telematics,other"),
        json!("telematic"),
        json!("*"),
        json!(""),
        json!([]),
        json!([""]),
        json!(["other", "another"]),
        json!(["telematics/"]),
        json!("app"),
    ];
    audiences
        .iter()
        .map(|audience| json!({ "aud": audience }))
        .collect()
}

/// Whole seconds as a number of JSON that is one (RFC 7519, 2), and nothing that would be read as never.
fn times() -> Vec<Value> {
    let values = [
        json!(1_800_000_100.5),
        json!(1.8e9),
        json!(1e300),
        json!(-1),
        json!(-1.0),
        json!("1800000100"),
        json!("never"),
        json!(""),
        json!(true),
        json!([NOW]),
        json!({ "at": NOW }),
        json!(NOW * 1_000),
        json!(253_402_300_800_u64),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
    ];
    let names = ["exp", "nbf", "iat", "auth_time"];
    let of = |name: &&str| values.clone().map(|value| json!({ *name: value }));
    names.iter().flat_map(of).collect()
}

/// Who it is has one reading, and no end that another server would see (RFC 8725, 3.1).
fn names() -> Vec<Value> {
    let values = [
        json!(""),
        json!(5),
        json!(1.5),
        json!(true),
        json!(["user-1"]),
        json!({ "id": "user-1" }),
        json!("x".repeat(257)),
        json!("user-1\n"),
        json!("user-1\u{0}"),
        json!("user\t1"),
        json!("\u{7f}"),
        json!("\u{85}user-1"),
    ];
    let names = ["sub", "client_id", "azp", "jti", "acr", "fleet"];
    let of = |name: &&str| values.clone().map(|value| json!({ *name: value }));
    names.iter().flat_map(of).collect()
}

fn others() -> Vec<Value> {
    vec![
        json!({ "iss": [ISS] }),
        json!({ "iss": { "a": ISS } }),
        json!({ "iss": 5 }),
        json!({ "iss": true }),
        json!({ "aud": 5 }),
        json!({ "aud": true }),
        json!({ "aud": ["evil", 5] }),
        json!({ "aud": ["telematics", 5] }),
        json!({ "aud": ["telematics", ["telematics"]] }),
        json!({ "aud": { "telematics": 1 } }),
        json!({ "azp": "other" }),
        json!({ "scope": ["read"] }),
        json!({ "scope": 5 }),
        json!({ "scope": "read\tcontrol" }),
        json!({ "scope": "read\u{a0}control" }),
        json!({ "scope": "read\u{0}" }),
        json!({ "scope": "a ".repeat(101) }),
    ]
}

/// For who proves to hold a key (RFC 9449, 6.1; RFC 8705, 3.1): stolen, if it comes alone.
fn bound() -> Vec<Value> {
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    vec![
        json!({ "cnf": { "jkt": thumbprint } }),
        json!({ "cnf": { "x5t#S256": thumbprint } }),
        json!({ "cnf": { "jwk": {} } }),
        json!({ "cnf": { "kid": "a" } }),
        json!({ "cnf": {} }),
        json!({ "cnf": "jkt" }),
        json!({ "cnf": [] }),
    ]
}
