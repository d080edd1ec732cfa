//! Is every denial said in full, and no more than that?

mod forms;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::denial::{
    AccessFlaw, ClosedBy, Dependency, HeadFlaw, QuotaRefusal, ResponseFlaw, TokenFlaw, VinFlaw,
};
use crate::pipeline::retirement::Retirement;

fn asked(id: u128) -> Asked<'static> {
    Asked {
        id: Uuid::from_u128(id),
        format: DenialFormat::Problem,
        accept: None,
        language: None,
        grpc: None,
        head: false,
        schemes: Schemes::default(),
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

fn closed_by(texts: &[(&str, &str)], remaining: Option<u64>) -> ClosedBy {
    let text = |(tag, text): &(&str, &str)| ((*tag).to_owned(), (*text).to_owned());
    ClosedBy {
        closure: Arc::from("private-closure-id"),
        texts: Arc::new(texts.iter().map(text).collect::<BTreeMap<_, _>>()),
        remaining: remaining.map(Duration::from_secs),
    }
}

fn closed(texts: &[(&str, &str)]) -> Denial {
    Denial::Closed(closed_by(texts, None))
}

fn retired() -> Denial {
    let times = (Duration::from_secs(1), Duration::from_secs(2));
    Denial::Retired(Arc::new(Retirement::new(times, "Use the new one.", None)))
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
        Denial::StepUpRequired(Arc::from("mfa hwk")),
        Denial::StepUpRequired(Arc::from("")),
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
        closed(&[]),
        Denial::Closed(closed_by(&[], Some(20))),
        Denial::ReadOnly(closed_by(&[], Some(0))),
        retired(),
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
401 step-up-required http_request_denied|www-authenticate: Bearer realm="vingate", error="insufficient_user_authentication", acr_values="mfa hwk", max_age=300
401 step-up-required http_request_denied|www-authenticate: Bearer realm="vingate", error="insufficient_user_authentication", max_age=300
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
503 closed http_request_denied|retry-after: 30
503 closed http_request_denied|retry-after: 20
503 read-only http_request_denied|retry-after: 1
410 retired http_request_denied
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
        let words = words::of(&denial, None);
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
            ("vary", "accept, accept-language"),
            ("content-language", "en"),
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
    let mut seen = BTreeMap::new();
    for Row { denial, code, .. } in table() {
        let words = words::of(&denial, None);
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
