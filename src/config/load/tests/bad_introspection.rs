//! Which words about asking an issuer are refused?

use std::collections::BTreeSet;

use super::{CONFIG, Estate, ROUTES};

const OF_JWTS: &str = "algorithms = [\"ES256\", \"RS256\"]\njwks_file = \"owners.jwks\"\n";

const RIGHT: &str = "url = \"https://id.example/introspect\"\nclient_id = \"gateway\"\n\
                     client_secret_file = \"secret\"\nca_file = \"ca.pem\"\n\
                     audience = \"required\"\nmax_cache = \"60s\"\n";

fn asked(table: &str) -> String {
    let table = table.trim_end().replace('\n', ", ");
    format!("introspection = {{ {table} }}\n")
}

/// What is written instead of algorithms and keys, and what is told.
fn check(written: &str, expected: &[&str]) {
    let config = CONFIG.replace(OF_JWTS, written);
    let told = Estate::new(&config, ROUTES).mistakes(&[]);
    let told: BTreeSet<&str> = told
        .iter()
        .filter_map(|told| told.split_once(": "))
        .map(|(_, told)| told)
        .collect();
    let expected = expected.iter().copied().collect();
    assert_eq!(told, expected, "{written}");
}

#[test]
fn an_issuer_is_asked_or_has_keys() {
    let right = asked(RIGHT);
    let rows = [
        (right.clone(), vec![]),
        (
            format!("{OF_JWTS}{right}"),
            vec!["`issuers.owners.introspection` and `jwks_file` exclude each other"],
        ),
        (
            format!(
                "algorithms = [\"ES256\"]\ntoken_type = \"JWT\"\n\
                 fetch = {{ file = \"k\", max_age = \"1h\" }}\n{right}"
            ),
            vec![
                "`issuers.owners.algorithms` is of JWTs, and `introspection` is not",
                "`issuers.owners.token_type` is of JWTs, and `introspection` is not",
                "`issuers.owners.fetch` is of JWTs, and `introspection` is not",
            ],
        ),
        (
            "jwks_file = \"owners.jwks\"\n".to_owned(),
            vec!["missing key `algorithms`"],
        ),
        (
            "introspection = true\n".to_owned(),
            vec!["`issuers.owners.introspection` wants a table, not `true`"],
        ),
        (
            asked("url = \"https://id.example/introspect\""),
            vec![
                "missing key `client_id`",
                "missing key `client_secret_file`",
                "missing key `audience`",
                "missing key `max_cache`",
                "`https://` needs `issuers.owners.introspection.ca_file`",
            ],
        ),
    ];
    for (written, expected) in rows {
        check(&written, &expected);
    }
}

#[test]
fn it_is_asked_by_tls_and_in_time() {
    let url = "https://id.example/introspect";
    let rows = [
        (
            (
                "https://id.example/introspect",
                "http://id.example/introspect",
            ),
            vec![
                "`issuers.owners.introspection.url` wants `https://`: only this machine is asked without",
                "`issuers.owners.introspection.ca_file` needs `https://`",
            ],
        ),
        (
            (url, "https://me:word@id.example/"),
            vec![
                "`issuers.owners.introspection.url` wants an `https://` URL, not `https://***@id.example/`",
            ],
        ),
        (
            (url, "id.example"),
            vec!["`issuers.owners.introspection.url` wants an `https://` URL, not `id.example`"],
        ),
        (
            ("max_cache = \"60s\"", "max_cache = \"601s\""),
            vec!["`issuers.owners.introspection.max_cache` wants at most `10m`, not `601s`"],
        ),
        (
            ("max_cache = \"60s\"", "max_cache = \"0s\""),
            vec!["`issuers.owners.introspection.max_cache` must be above zero"],
        ),
        (
            ("max_cache", "negative_cache = \"61s\"\nmax_cache"),
            vec!["`issuers.owners.introspection.negative_cache` wants at most `60s`, not `61s`"],
        ),
        (
            ("max_cache", "timeout = \"6s\"\nmax_cache"),
            vec!["`issuers.owners.introspection.timeout` wants at most `5s`, not `6s`"],
        ),
        (
            ("max_cache", "breaker = { pause = \"1m\" }\nmax_cache"),
            vec![
                "`issuers.owners.introspection.breaker.longest_pause` wants no less than \
             `issuers.owners.introspection.breaker.pause`",
            ],
        ),
    ];
    for ((from, to), expected) in rows {
        check(&asked(&RIGHT.replacen(from, to, 1)), &expected);
    }
    let plain = RIGHT
        .replace(url, "http://127.0.0.1:1/")
        .replace("ca_file = \"ca.pem\"\n", "");
    check(&asked(&plain), &[]);
}

#[test]
fn a_surface_asks_one_issuer() {
    let other = format!(
        "[issuers.others]\nissuer = \"https://o.example\"\naudiences = [\"a\"]\n\
         max_lifetime = \"1h\"\nprincipal = \"Agent\"\n{}\n[issuers.owners]",
        asked(RIGHT)
    );
    let config = CONFIG
        .replace(OF_JWTS, &asked(RIGHT))
        .replace("[issuers.owners]", &other)
        .replace(
            "issuers = [\"owners\"]",
            "issuers = [\"owners\", \"others\"]",
        );
    let told = Estate::new(&config, ROUTES).mistakes(&[]);
    assert_eq!(
        told,
        [
            "vingate.toml:24: surface `mobile-v1` has two issuers with `introspection`, `owners` and \
             `others`: which of them is to be asked about a token can't be seen; name one"
        ]
    );
}
