//! Which texts are no token, whoever signed them?

use super::*;

pub(super) fn rows(world: &World) -> Vec<Row> {
    let tokens = [
        parts(world),
        spellings(world),
        contents(world),
        repeated(world),
    ]
    .concat();
    let row = |(name, token)| (name, token, TokenFlaw::Malformed);
    tokens.into_iter().map(row).collect()
}

type Named = (String, String);

fn named_so<const N: usize>(tokens: [(&str, String); N]) -> Vec<Named> {
    tokens.map(|(name, token)| (name.to_owned(), token)).into()
}

fn good(world: &World) -> [String; 3] {
    let token = world.a.sign(&header(), &claims());
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

fn parts(world: &World) -> Vec<Named> {
    let [head, payload, signature] = good(world);
    named_so([
        ("one part", head.clone()),
        ("two parts", format!("{head}.{payload}")),
        (
            "four parts",
            format!("{head}.{payload}.{signature}.{signature}"),
        ),
        (
            "a JWE of five",
            format!("{head}.{payload}.{signature}.{payload}.{signature}"),
        ),
        ("a part before", format!(".{head}.{payload}.{signature}")),
        ("a part behind", format!("{head}.{payload}.{signature}.")),
        ("empty header", format!(".{payload}.{signature}")),
        ("empty payload", format!("{head}..{signature}")),
        (
            "a detached payload of RFC 7797",
            format!("{head}...{signature}"),
        ),
        ("empty parts", "..".to_owned()),
        ("many parts", ".".repeat(4_000)),
        ("an opaque token", "2YotnFZFEjr1zCsicMWpAA".to_owned()),
    ])
}

fn spellings(world: &World) -> Vec<Named> {
    let [head, payload, signature] = good(world);
    let plain = signature.split_at(2).1;
    named_so([
        ("signature not base64url", format!("{head}.{payload}.~")),
        (
            "signature padded",
            format!("{head}.{payload}.{signature}=="),
        ),
        (
            "signature padded once",
            format!("{head}.{payload}.{signature}="),
        ),
        (
            "signature in plain base64",
            format!("{head}.{payload}.+/{plain}"),
        ),
        (
            "signature with other last bits",
            trailing_bit(&[head.clone(), payload.clone(), signature.clone()]),
        ),
        (
            "signature of a length that none has",
            format!("{head}.{payload}.{signature}AAA"),
        ),
        ("header padded", format!("{head}=.{payload}.{signature}")),
        (
            "header padded by nothing",
            format!("{head}A.{payload}.{signature}"),
        ),
        (
            "header in plain base64",
            format!("+{head}.{payload}.{signature}"),
        ),
        ("payload padded", format!("{head}.{payload}=.{signature}")),
        (
            "payload in plain base64",
            format!("{head}./{payload}.{signature}"),
        ),
        (
            "payload with a tilde",
            format!("{head}.{payload}~.{signature}"),
        ),
    ])
}

/// The same signature bytes with one of the unused last bits set.
fn trailing_bit([head, payload, signature]: &[String; 3]) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = signature.chars().last().unwrap();
    let next = alphabet.chars().skip_while(|digit| *digit != last).nth(1);
    let rest = signature.strip_suffix(last).unwrap();
    format!("{head}.{payload}.{rest}{}", next.unwrap())
}

fn contents(world: &World) -> Vec<Named> {
    let (head, claims) = (header().to_string(), claims().to_string());
    let deep = format!(
        "{{\"x\":{}{},{}",
        "[".repeat(500),
        "]".repeat(500),
        claims.trim_start_matches('{')
    );
    let texts = [
        "",
        " ",
        "x",
        "[]",
        "null",
        "true",
        "5",
        "\"a\"",
        "{",
        "{}x",
        "{\"a\":1,}",
        "{'a':1}",
        "{a:1}",
        "\u{feff}{}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{\"a\":\"\\ud800\"}",
        "/**/{}",
    ];
    let mut rows: Vec<Named> = Vec::new();
    for text in texts {
        rows.push((format!("payload {text}"), world.a.sign_raw(&head, text)));
        rows.push((format!("header {text}"), world.a.sign_raw(text, &claims)));
    }
    rows.push((
        "payload too deep".to_owned(),
        world.a.sign_raw(&head, &deep),
    ));
    rows.push((
        "payload twice".to_owned(),
        world.a.sign_raw(&head, &format!("{claims}{claims}")),
    ));
    rows.push(("a number that is none".to_owned(), {
        let claims = claims.replacen(&format!("{}", NOW + 300), "1e999", 1);
        world.a.sign_raw(&head, &claims)
    }));
    rows
}

/// What stands twice is read in two ways (RFC 8725, 2.6 asks for one), escaped or not.
fn repeated(world: &World) -> Vec<Named> {
    let (head, claims) = (header().to_string(), claims().to_string());
    let mut rows: Vec<Named> = Vec::new();
    let escaped = |name: &str| {
        let (first, rest) = name.split_at(1);
        format!("\\u{:04x}{rest}", first.as_bytes()[0])
    };
    for name in ["alg", "typ", "kid", "other"] {
        for second in [name.to_owned(), escaped(name)] {
            let twice = head.replacen('{', &format!(r#"{{"{name}":"x","{second}":"x","#), 1);
            rows.push((
                format!("header {second} twice"),
                world.a.sign_raw(&twice, &claims),
            ));
        }
    }
    let all = [
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "nbf",
        "jti",
        "scope",
        "client_id",
        "azp",
        "acr",
        "auth_time",
        "cnf",
        "fleet",
        "other",
    ];
    for name in all {
        for second in [name.to_owned(), escaped(name)] {
            let twice = claims.replacen('{', &format!(r#"{{"{name}":"x","{second}":"x","#), 1);
            rows.push((format!("{second} twice"), world.a.sign_raw(&head, &twice)));
        }
    }
    rows
}
