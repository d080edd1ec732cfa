//! Does each client hear a denial in its own form and language, and when to come back?

use serde_json::Value;

use super::super::{Asked, write};
use super::{asked, closed, closed_by, denials, header};
use crate::denial::{Denial, words};
use http::StatusCode;

#[test]
fn browsers_get_a_page_and_everything_else_json() {
    let table = [
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            true,
        ),
        ("TEXT/HTML", true),
        ("text/html;level=1;q=0.5, application/json;q=0.4", true),
        ("text/html, application/json", false),
        ("text/html;q=0.8, application/*", false),
        ("application/json, text/html;q=0.9", false),
        (
            "application/problem+json;q=0.2, text/html;q=0.1, */*",
            false,
        ),
        ("text/html;q=0", false),
        ("text/html;q=0.000, */*;q=0", false),
        ("text/html;q=much", false),
        ("text/html;q=0.00001", false),
        ("*/*", false),
        ("text/*", false),
        ("", false),
        (";;,q=1,", false),
    ];
    for (accept, page) in table {
        let answer = write(
            &Denial::RouteUnknown,
            Asked {
                accept: Some(accept),
                ..asked(0)
            },
        );
        let html = header(&answer, "content-type") == Some("text/html; charset=utf-8");
        assert_eq!(html, page, "{accept}");
        assert_eq!(
            header(&answer, "content-security-policy").is_some(),
            page,
            "{accept}"
        );
        assert_eq!(
            answer.body.starts_with(b"<!doctype html>"),
            page,
            "{accept}"
        );
    }
}

#[test]
fn the_message_of_a_closure_is_told_in_the_body_only() {
    let message = "Closed \u{1f697}\r\nSet-Cookie: a=b";
    for accept in [None, Some("text/html")] {
        let answer = write(&closed(&[("en", message)]), Asked { accept, ..asked(0) });
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(text.contains("Closed \u{1f697}"), "{text}");
        for (name, value) in &answer.headers {
            assert!(
                !value.as_bytes().windows(6).any(|part| part == b"Cookie"),
                "{name}"
            );
        }
    }
}

#[test]
fn a_closure_speaks_the_language_that_is_asked_for() {
    let texts = [("de", "Die App ist zu."), ("en", "The app is closed.")];
    let rows = [
        (None, "en", texts[1].1),
        (Some("de-CH, en;q=0.5"), "de", texts[0].1),
        (Some("fr"), "en", texts[1].1),
    ];
    for (language, tag, text) in rows {
        for denial in [closed(&texts), Denial::ReadOnly(closed_by(&texts, None))] {
            let ask = Asked {
                language,
                ..asked(0)
            };
            let answer = write(&denial, ask);
            assert_eq!(header(&answer, "content-language"), Some(tag));
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(body["detail"], text);
            let accept = Some("text/html");
            let page = write(&denial, Asked { accept, ..ask }).body;
            let alert = format!("<p role=\"alert\" lang=\"{tag}\" dir=\"auto\">{text}</p>");
            assert!(String::from_utf8_lossy(&page).contains(&alert), "{page:?}");
        }
    }
}

#[test]
fn a_grpc_client_gets_its_own_status_and_nothing_else() {
    let codes = "3 3 3 3 3 16 16 16 16 7 5 12 4 8 3 3 8 8 8 14 14 14 12 14 14 14 4 14";
    let codes: Vec<&str> = codes.split(' ').collect();
    assert_eq!(codes.len(), denials().len());
    for (denial, code) in denials().into_iter().zip(codes) {
        let ask = Asked {
            grpc: Some("application/grpc+proto"),
            accept: Some("text/html"),
            ..asked(0)
        };
        let answer = write(&denial, ask);
        assert_eq!(answer.status, StatusCode::OK, "{denial:?}");
        assert!(answer.body.is_empty());
        let told = |name| header(&answer, name);
        assert_eq!(told("content-type"), Some("application/grpc"));
        assert_eq!(told("grpc-status"), Some(code), "{denial:?}");
        let message = words::of(&denial, None).detail;
        assert_eq!(told("grpc-message"), Some(message), "{denial:?}");
        assert_eq!(told("cache-control"), Some("no-store"));
        let other = write(
            &denial,
            Asked {
                grpc: Some("application/json"),
                ..asked(0)
            },
        );
        assert_eq!(other, write(&denial, asked(0)));
    }
    let message = closed(&[("en", "Zu\u{e9}\r\nSet-Cookie: a=b")]);
    let grpc = Some("application/grpc");
    let answer = write(&message, Asked { grpc, ..asked(0) });
    let encoded = "Zu%C3%A9%0D%0ASet-Cookie: a=b";
    assert_eq!(header(&answer, "grpc-message"), Some(encoded));
}

#[test]
fn waits_are_spread_over_their_whole_range() {
    let waited = |random| {
        let answer = write(&closed(&[]), asked(random));
        header(&answer, "retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    assert_eq!(
        (waited(0), waited(1 << 31), waited(u128::MAX)),
        (30, 60, 90)
    );
    let seen: std::collections::BTreeSet<u64> = (0..1_000)
        .map(|part| waited(part * (1 << 32) / 1_000))
        .collect();
    assert_eq!(seen, (30..=90).collect());
}

proptest::proptest! {
    #[test]
    fn a_wait_is_within_its_bounds_and_the_time_that_remains(id: u128, left in 0_u64..100) {
        let denial = Denial::Closed(closed_by(&[], Some(left)));
        let answer = write(&denial, asked(id));
        let wait: u64 = header(&answer, "retry-after").unwrap().parse().unwrap();
        proptest::prop_assert!(wait >= 1 && wait <= left.clamp(1, 90), "{} of {}", wait, left);
        proptest::prop_assert!(wait >= 30 || wait == left.max(1), "{} of {}", wait, left);
    }
}
