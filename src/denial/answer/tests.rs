//! Is every denial said in full, and no more than that?

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::denial::{
    AccessFlaw, ClosedBy, Dependency, HeadFlaw, QuotaRefusal, ResponseFlaw, TokenFlaw, VinFlaw,
};

fn asked(id: u128) -> Asked<'static> {
    Asked {
        id: Uuid::from_u128(id),
        format: DenialFormat::Problem,
        accept: None,
        head: false,
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let mut found = answer.headers.iter().filter(|(field, _)| field == name);
    let value = found.next().map(|(_, value)| value.to_str().unwrap());
    assert_eq!(found.next(), None, "{name} stands once");
    value
}

fn quota(quota: Option<u64>) -> Denial {
    Denial::QuotaExceeded(QuotaRefusal {
        policy: Arc::from("commands-per-vehicle"),
        quota,
        window: Duration::from_secs(86_400),
        retry_after: Duration::from_millis(119_001),
    })
}

fn closed(message: Option<&str>, retry_after: u64) -> Denial {
    Denial::Closed(ClosedBy {
        closure: Arc::from("private-closure-id"),
        message: message.map(Arc::from),
        retry_after: Duration::from_secs(retry_after),
    })
}

/// Every variant.
fn denials() -> Vec<Denial> {
    vec![
        Denial::Malformed(HeadFlaw::HostMissing),
        Denial::Ambiguous(HeadFlaw::QueryDuplicate),
        Denial::VehicleMissing,
        Denial::VehicleMalformed(VinFlaw::CheckDigit),
        Denial::VehicleAmbiguous,
        Denial::TokenMissing,
        Denial::TokenInvalid(TokenFlaw::Expired),
        Denial::AccessDenied(AccessFlaw::Forbidden),
        Denial::RouteUnknown,
        Denial::MethodNotAllowed("GET, HEAD".to_owned()),
        Denial::RequestTimeout,
        Denial::BodyTooLarge,
        Denial::UriTooLong,
        Denial::BodyTypeUnsupported,
        Denial::HeaderTooLarge,
        quota(Some(30)),
        quota(None),
        closed(None, 45),
        closed(None, 0),
        Denial::Overloaded,
        Denial::DependencyUnavailable(Dependency::Directory),
        Denial::UpstreamFailed,
        Denial::UpstreamTimeout,
        Denial::ResponseWithheld(ResponseFlaw::Encoded),
    ]
}

/// Status, code, kind of failure, and the fields that only some have. The id's random bits are 0.
const EXPECTED: &str = r#"
400 malformed-request http_request_error
400 ambiguous-request http_request_error
400 vehicle-missing http_request_error
400 vehicle-malformed http_request_error
400 vehicle-ambiguous http_request_error
401 token-missing http_request_denied|www-authenticate: Bearer realm="vingate"
401 token-invalid http_request_denied|www-authenticate: Bearer realm="vingate", error="invalid_token"
403 access-denied http_request_denied
404 route-unknown http_request_denied
405 method-not-allowed http_request_denied|allow: GET, HEAD
408 request-timeout http_request_error
413 body-too-large http_request_error
414 uri-too-long http_request_error
415 body-type-unsupported http_request_error
431 header-too-large http_request_error
429 quota-exceeded http_request_denied|retry-after: 120|ratelimit-policy: "commands-per-vehicle";q=30;w=86400|ratelimit: "commands-per-vehicle";r=0;t=120
429 quota-exceeded http_request_denied|retry-after: 120
503 closed http_request_denied|retry-after: 45
503 closed http_request_denied|retry-after: 30
503 overloaded http_request_denied|retry-after: 30
503 dependency-unavailable proxy_internal_error|retry-after: 30
502 upstream-failed destination_unavailable
504 upstream-timeout http_response_timeout
502 response-withheld proxy_internal_response
"#;

struct Row {
    denial: Denial,
    status: u16,
    code: &'static str,
    error: &'static str,
    fields: Vec<(&'static str, &'static str)>,
}

fn table() -> Vec<Row> {
    let lines: Vec<&str> = EXPECTED.trim().lines().collect();
    assert_eq!(lines.len(), denials().len());
    let row = |(denial, line): (Denial, &'static str)| {
        let mut parts = line.split('|');
        let head: Vec<&str> = parts.next().unwrap().split(' ').collect();
        Row {
            denial,
            status: head[0].parse().unwrap(),
            code: head[1],
            error: head[2],
            fields: parts.map(|field| field.split_once(": ").unwrap()).collect(),
        }
    };
    denials().into_iter().zip(lines).map(row).collect()
}

#[test]
fn every_denial_has_its_status_code_members_and_fields() {
    for Row {
        denial,
        status,
        code,
        error,
        fields,
    } in table()
    {
        let answer = write(&denial, asked(0));
        assert_eq!(answer.status.as_u16(), status, "{code}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        let words = words::of(&denial);
        let expected = json!({
            "type": format!("urn:vingate:problem:{code}"),
            "title": words.title,
            "status": status,
            "detail": words.detail,
            "instance": "urn:uuid:00000000-0000-0000-0000-000000000000",
        });
        assert_eq!(body, expected, "{code}");
        let status_field = format!(r#"vingate; error={error}; details="{code}""#);
        let length = answer.body.len().to_string();
        let every = [
            ("content-type", "application/problem+json"),
            ("content-length", length.as_str()),
            ("cache-control", "no-store"),
            ("vary", "accept"),
            ("x-content-type-options", "nosniff"),
            ("x-request-id", "00000000-0000-0000-0000-000000000000"),
            ("proxy-status", status_field.as_str()),
        ];
        for (name, value) in every.iter().chain(&fields) {
            assert_eq!(header(&answer, name), Some(*value), "{code} {name}");
        }
        assert_eq!(answer.headers.len(), every.len() + fields.len(), "{code}");
    }
}

#[test]
fn no_private_reason_is_public() {
    for Row { denial, code, .. } in table() {
        let reason = denial.reason();
        for format in [DenialFormat::Problem, DenialFormat::Carwings] {
            for accept in [None, Some("text/html")] {
                let answer = write(
                    &denial,
                    Asked {
                        format,
                        accept,
                        ..asked(0)
                    },
                );
                let text = String::from_utf8(answer.body.to_vec()).unwrap();
                let public = reason == code || reason == "commands-per-vehicle";
                assert!(public || !text.contains(&reason), "{reason} in {text}");
            }
        }
    }
}

#[test]
fn words_differ_from_code_to_code() {
    let mut seen = std::collections::BTreeMap::new();
    for Row { denial, code, .. } in table() {
        let words = words::of(&denial);
        assert!(
            words.detail.ends_with('.') && !words.title.ends_with('.'),
            "{code}"
        );
        let before = seen.insert(words.title, code);
        assert!(
            before.is_none_or(|before| before == code),
            "{code} and {before:?}"
        );
    }
}

#[test]
fn denied_access_looks_the_same_for_every_reason() {
    let flaws = [
        AccessFlaw::NotPermitted,
        AccessFlaw::UnknownVehicle,
        AccessFlaw::Forbidden,
        AccessFlaw::PolicyError,
    ];
    for format in [DenialFormat::Problem, DenialFormat::Carwings] {
        for accept in [None, Some("text/html")] {
            for head in [false, true] {
                let asked = Asked {
                    format,
                    accept,
                    head,
                    ..asked(7)
                };
                let answers = flaws.map(|flaw| write(&Denial::AccessDenied(flaw), asked));
                assert!(answers.iter().all(|answer| *answer == answers[0]));
            }
        }
    }
}

#[test]
fn an_old_client_finds_what_makes_it_stop() {
    for Row {
        denial,
        status,
        code,
        ..
    } in table()
    {
        let format = DenialFormat::Carwings;
        let accept = Some("text/html");
        let answer = write(
            &denial,
            Asked {
                format,
                accept,
                ..asked(0)
            },
        );
        assert_eq!(
            header(&answer, "content-type"),
            Some("application/problem+json")
        );
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        // pycarwings2: `ErrorMessage` raises one error; `ErrorCode` is read without looking.
        assert_eq!(body["ErrorCode"], code);
        assert_eq!(body["ErrorMessage"], body["detail"]);
        assert_eq!(body["status"], status);
        assert_eq!(
            body.get("message"),
            None,
            "pycarwings2 reads it before the rest"
        );
    }
}

#[test]
fn a_head_request_gets_the_fields_and_no_body() {
    for accept in [None, Some("text/html")] {
        for denial in denials() {
            let get = write(&denial, Asked { accept, ..asked(0) });
            let head = write(
                &denial,
                Asked {
                    accept,
                    head: true,
                    ..asked(0)
                },
            );
            assert_eq!(get.headers, head.headers);
            assert!(head.body.is_empty() && !get.body.is_empty());
        }
    }
}

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
        let answer = write(&closed(Some(message), 30), Asked { accept, ..asked(0) });
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
fn the_longest_wait_is_twice_the_base() {
    let base = Duration::from_secs(30);
    let waited = |random| quota::seconds(jittered(base, Uuid::from_u128(random)));
    assert_eq!((waited(u128::MAX), waited(1 << 31)), (60, 45));
    assert_eq!(
        jittered(Duration::MAX, Uuid::from_u128(u128::MAX)),
        Duration::MAX
    );
}

proptest::proptest! {
    #[test]
    fn a_wait_is_between_once_and_twice_its_base(id: u128, base in 1_u64..100_000) {
        let answer = write(&closed(None, base), asked(id));
        let wait: u64 = header(&answer, "retry-after").unwrap().parse().unwrap();
        proptest::prop_assert!((base..=base.saturating_mul(2)).contains(&wait), "{} for {}", wait, base);
    }
}
