//! Where does a body end, and which methods have none?

use http::{Method, Version};

use super::{Case, ambiguous, malformed};
use crate::denial::{Denial, HeadFlaw};

#[test]
fn a_body_that_nothing_announces_is_none_for_a_safe_method() {
    let with_body = |method| Case {
        method,
        version: Version::HTTP_2,
        has_body: true,
        ..Case::default()
    };
    let refused = with_body(Method::GET).read().map(|_| ());
    assert_eq!(refused, Err(malformed(HeadFlaw::BodyOnSafeMethod)));
    assert!(with_body(Method::POST).read().is_ok());
}

#[test]
#[expect(clippy::too_many_lines, clippy::type_complexity, reason = "one table")]
fn a_body_has_one_end_and_no_safe_method() {
    let framing = malformed(HeadFlaw::Framing);
    let unsafe_body = malformed(HeadFlaw::BodyOnSafeMethod);
    let (length, chunked) = ("content-length", ("transfer-encoding", "chunked"));
    let cases: &[(Method, Version, &[(&str, &str)], Option<Denial>)] = &[
        (Method::POST, Version::HTTP_11, &[(length, "5")], None),
        (Method::POST, Version::HTTP_11, &[chunked], None),
        (
            Method::POST,
            Version::HTTP_11,
            &[("transfer-encoding", "Chunked")],
            None,
        ),
        (
            Method::POST,
            Version::HTTP_11,
            &[chunked, (length, "5")],
            Some(ambiguous(HeadFlaw::Framing)),
        ),
        (
            Method::POST,
            Version::HTTP_11,
            &[("transfer-encoding", "gzip, chunked")],
            Some(framing.clone()),
        ),
        (
            Method::POST,
            Version::HTTP_11,
            &[("transfer-encoding", "xchunked")],
            Some(framing.clone()),
        ),
        (
            Method::POST,
            Version::HTTP_2,
            &[chunked],
            Some(framing.clone()),
        ),
        (
            Method::POST,
            Version::HTTP_11,
            &[(length, "+5")],
            Some(framing.clone()),
        ),
        (
            Method::POST,
            Version::HTTP_11,
            &[(length, "5, 5")],
            Some(framing.clone()),
        ),
        (
            Method::POST,
            Version::HTTP_11,
            &[(length, "")],
            Some(framing.clone()),
        ),
        (
            Method::POST,
            Version::HTTP_11,
            &[(length, "99999999999999999999")],
            Some(framing),
        ),
        (Method::GET, Version::HTTP_11, &[(length, "0")], None),
        (
            Method::GET,
            Version::HTTP_11,
            &[(length, "1")],
            Some(unsafe_body.clone()),
        ),
        (
            Method::HEAD,
            Version::HTTP_11,
            &[chunked],
            Some(unsafe_body.clone()),
        ),
        (
            Method::OPTIONS,
            Version::HTTP_2,
            &[(length, "1")],
            Some(unsafe_body),
        ),
    ];
    for (method, version, fields, expected) in cases {
        let headers: Vec<_> = [("host", "a.example")]
            .into_iter()
            .chain(fields.iter().copied())
            .collect();
        let case = Case {
            method: method.clone(),
            version: *version,
            headers: &headers,
            ..Case::default()
        };
        assert_eq!(&case.read().err(), expected, "{method} {fields:?}");
    }
    let case = Case {
        method: Method::POST,
        two_framings: true,
        ..Case::default()
    };
    assert_eq!(case.read().err(), Some(ambiguous(HeadFlaw::Framing)));
}
