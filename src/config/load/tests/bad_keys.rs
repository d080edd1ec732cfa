//! Which words about an issuer's keys are refused?

use super::{CONFIG, Estate, ROUTES};

const RIGHT: &str = "jwks_url = \"https://id.example/jwks\"\n";

/// What is written instead of the file, and what is told.
fn check(written: &str, expected: &[&str]) {
    let config = CONFIG.replace("jwks_file = \"owners.jwks\"\n", written);
    let told = Estate::new(&config, ROUTES).mistakes(&[]);
    let told: Vec<&str> = told
        .iter()
        .filter_map(|told| told.split_once(": "))
        .map(|(_, told)| told)
        .collect();
    assert_eq!(told, expected, "{written}");
}

fn fetch(more: &str) -> String {
    format!("fetch = {{ file = \"k.json\", max_age = \"1h\"{more} }}\n")
}

#[test]
fn keys_are_from_one_place() {
    let ca = fetch(", ca_file = \"ca.pem\"");
    let file = "jwks_file = \"owners.jwks\"\n";
    let rows = [
        (format!("{RIGHT}{ca}"), vec![]),
        (format!("discovery = true\n{ca}"), vec![]),
        (format!("{file}discovery = false\n"), vec![]),
        (
            String::new(),
            vec![
                "issuer `owners` wants one of `jwks_file`, `jwks_url`, `discovery = true` and `introspection`",
            ],
        ),
        (
            "discovery = false\n".to_owned(),
            vec![
                "issuer `owners` wants one of `jwks_file`, `jwks_url`, `discovery = true` and `introspection`",
            ],
        ),
        (
            format!("{file}{RIGHT}discovery = true\n{ca}"),
            vec![
                "`issuers.owners.jwks_url` and `jwks_file` exclude each other",
                "`issuers.owners.discovery` and `jwks_file` exclude each other",
            ],
        ),
        (
            format!("{file}{ca}"),
            vec!["`issuers.owners.fetch` needs `jwks_url` or `discovery = true`"],
        ),
        (
            RIGHT.to_owned(),
            vec!["`issuers.owners.jwks_url` needs `issuers.owners.fetch`"],
        ),
        (
            "discovery = true\n".to_owned(),
            vec!["`issuers.owners.discovery` needs `issuers.owners.fetch`"],
        ),
        (
            format!("{RIGHT}fetch = {{ ca_file = \"c\" }}\n"),
            vec!["missing key `file`", "missing key `max_age`"],
        ),
    ];
    for (written, expected) in rows {
        check(&written, &expected);
    }
    let twice = "[issuers.others]\nissuer = \"https://o.example\"\naudiences = [\"a\"]\n\
                 algorithms = [\"ES256\"]\nmax_lifetime = \"1h\"\nprincipal = \"Agent\"\n";
    let config = CONFIG
        .replace("jwks_file = \"owners.jwks\"\n", &format!("{RIGHT}{ca}"))
        .replace(
            "[issuers.owners]",
            &format!("{twice}{RIGHT}{ca}\n[issuers.owners]"),
        );
    let told = Estate::new(&config, ROUTES).mistakes(&[]);
    assert_eq!(
        told,
        [
            "vingate.toml:46: `issuers.owners.fetch.file` wants a file of its own; see vingate.toml:39"
        ]
    );
}

#[test]
fn keys_are_fetched_by_tls_and_in_time() {
    let ca = fetch(", ca_file = \"ca.pem\"");
    let url = |url: &str| format!("jwks_url = \"{url}\"\n");
    let rows = [
        (url("http://127.0.0.1:80/jwks") + &fetch(""), vec![]),
        (url("http://localhost/jwks") + &fetch(""), vec![]),
        (
            url("http://id.example/jwks") + &fetch(""),
            vec!["`issuers.owners.jwks_url` wants `https://`: only this machine is asked without"],
        ),
        (
            RIGHT.to_owned() + &fetch(""),
            vec!["`https://` needs `issuers.owners.fetch.ca_file`"],
        ),
        (
            url("http://127.0.0.1/jwks") + &ca,
            vec!["`issuers.owners.fetch.ca_file` needs `https://`"],
        ),
        (
            url("ftp://id.example/jwks") + &ca,
            vec!["`issuers.owners.jwks_url` wants an `https://` URL, not `ftp://id.example/jwks`"],
        ),
        (
            url("https://me:word@id.example/jwks") + &ca,
            vec![
                "`issuers.owners.jwks_url` wants an `https://` URL, not `https://***@id.example/jwks`",
            ],
        ),
    ];
    for (written, expected) in rows {
        check(&written, &expected);
    }
}

#[test]
fn times_of_fetching_have_bounds() {
    let ca = fetch(", ca_file = \"ca.pem\"");
    let rows = [
        (
            RIGHT.to_owned() + &fetch(", ca_file = \"c\", timeout = \"6s\", cooldown = \"21s\""),
            vec![
                "`issuers.owners.fetch.cooldown` wants at most `20s`, not `21s`",
                "`issuers.owners.fetch.timeout` wants at most `5s`, not `6s`",
            ],
        ),
        (
            RIGHT.to_owned() + &ca.replace("1h", "59s"),
            vec!["`issuers.owners.fetch.max_age` wants at least `60s`, not `59s`"],
        ),
        (
            RIGHT.to_owned() + &ca.replace("1h", "0s"),
            vec!["`issuers.owners.fetch.max_age` must be above zero"],
        ),
    ];
    for (written, expected) in rows {
        check(&written, &expected);
    }
}

#[test]
fn metadata_is_where_the_issuer_is() {
    let ca = fetch(", ca_file = \"ca.pem\"");
    for issuer in [
        "id.example",
        "https://id.example/?a=b",
        "https://id.example/#a",
    ] {
        let config = CONFIG
            .replace(
                "jwks_file = \"owners.jwks\"\n",
                &format!("discovery = true\n{ca}"),
            )
            .replace(
                "issuer = \"https://id.example\"",
                &format!("issuer = \"{issuer}\""),
            );
        let told = Estate::new(&config, ROUTES).mistakes(&[]);
        let wanted = "`issuers.owners.issuer` wants an `https://` URL, as `discovery` needs it";
        assert!(told.len() == 1 && told[0].contains(wanted), "{told:?}");
    }
}
