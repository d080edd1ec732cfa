//! Which heads pass, and why are the others refused?

mod body;
mod client;
mod target;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use uuid::Uuid;

use super::{HeadLimits, ListenerFacts, RawHead, read};
use crate::denial::{Denial, HeadFlaw};
use crate::pipeline::RequestHead;

const LIMITS: HeadLimits = HeadLimits {
    header_bytes: 1_000,
    uri_bytes: 200,
};

/// What a case changes of an ordinary request.
struct Case<'a> {
    method: Method,
    version: Version,
    target: &'a [u8],
    authority: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
    peer: &'a str,
    trusted: &'a [&'a str],
    two_framings: bool,
    has_body: bool,
    sent_ahead: bool,
    header_bytes: usize,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            method: Method::GET,
            version: Version::HTTP_11,
            target: b"/",
            authority: None,
            headers: &[("host", "a.example")],
            peer: "192.0.2.1",
            trusted: &[],
            two_framings: false,
            has_body: false,
            sent_ahead: false,
            header_bytes: 100,
        }
    }
}

impl Case<'_> {
    fn read(&self) -> Result<RequestHead, Denial> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let listener = ListenerFacts {
            name: Arc::from("edge"),
            tls: true,
            trusted_proxies: self
                .trusted
                .iter()
                .map(|net| net.parse().unwrap())
                .collect(),
        };
        read(
            &RawHead {
                id: Uuid::nil(),
                received_at: Duration::from_secs(1),
                listener: &listener,
                peer: self.peer.parse().unwrap(),
                certificate: None,
                method: &self.method,
                version: self.version,
                target: self.target,
                authority: self.authority,
                headers: &headers,
                header_bytes: self.header_bytes,
                two_framings: self.two_framings,
                has_body: self.has_body,
                sent_ahead: self.sent_ahead,
            },
            LIMITS,
        )
    }
}

fn malformed(flaw: HeadFlaw) -> Denial {
    Denial::Malformed(flaw)
}

fn ambiguous(flaw: HeadFlaw) -> Denial {
    Denial::Ambiguous(flaw)
}

#[test]
fn too_long_is_refused_before_it_is_read() {
    let target = [b'/'; 201];
    let case = Case {
        target: &target,
        ..Case::default()
    };
    assert_eq!(case.read().err(), Some(Denial::UriTooLong));
    let longest = format!("/{}", "a".repeat(199));
    let case = Case {
        target: longest.as_bytes(),
        ..Case::default()
    };
    assert!(case.read().is_ok());
    for (header_bytes, expected) in [(1_000, None), (1_001, Some(Denial::HeaderTooLarge))] {
        let case = Case {
            header_bytes,
            ..Case::default()
        };
        assert_eq!(case.read().err(), expected);
    }
}

#[test]
fn versions_without_host_are_refused() {
    for (version, passes) in [
        (Version::HTTP_09, false),
        (Version::HTTP_10, false),
        (Version::HTTP_11, true),
        (Version::HTTP_2, true),
        (Version::HTTP_3, false),
    ] {
        let case = Case {
            version,
            ..Case::default()
        };
        let flaw = case.read().err();
        let expected = malformed(HeadFlaw::VersionUnsupported);
        assert_eq!(flaw, (!passes).then_some(expected), "{version:?}");
    }
}

#[test]
fn hosts_are_read_in_one_spelling() {
    let longest = ["a".repeat(64), "example".to_owned()].join(".");
    let cases = [
        ("a.example", Some("a.example")),
        ("A.Example:8443", Some("a.example")),
        ("my_host", Some("my_host")),
        ("127.0.0.1:80", Some("127.0.0.1")),
        ("[::1]", Some("[::1]")),
        ("[0:0::1]:443", Some("[::1]")),
        ("", None),
        ("a.example.", None),
        ("a..example", None),
        (".example", None),
        (longest.as_str(), None),
        ("a.example:", None),
        ("a.example:0", None),
        ("a.example:65536", None),
        ("a.example:+80", None),
        ("a.example:80:80", None),
        ("u@a.example", None),
        ("a.example/x", None),
        ("a example", None),
        ("a%2Eexample", None),
        ("a,b", None),
        ("127.0.0.01", None),
        ("127.1", None),
        ("2130706433", None),
        ("0x7f000001", None),
        ("::1", None),
        ("[::1", None),
        ("[::1]x", None),
        ("[fe80::1%25eth0]", None),
        ("[127.0.0.1]", None),
    ];
    for (text, expected) in cases {
        let case = Case {
            headers: &[("host", text)],
            ..Case::default()
        };
        let host = case.read().map(|head| head.host);
        let expected = match expected {
            Some(host) => Ok(host.to_owned()),
            None => Err(malformed(HeadFlaw::HostMalformed)),
        };
        assert_eq!(host, expected, "`{text}`");
    }
}

#[test]
#[expect(clippy::type_complexity, reason = "one table")]
fn host_and_authority_agree_or_are_refused() {
    let (one, two) = (Version::HTTP_11, Version::HTTP_2);
    let host = ("host", "a.example");
    let missing = malformed(HeadFlaw::HostMissing);
    let differ = ambiguous(HeadFlaw::HostMalformed);
    let cases: &[(Version, &[(&str, &str)], Option<&str>, Option<Denial>)] = &[
        (one, &[], None, Some(missing.clone())),
        (one, &[], Some("a.example"), Some(missing.clone())),
        (one, &[host], Some("A.example"), None),
        (one, &[host], Some("b.example"), Some(differ.clone())),
        (one, &[host], Some("a.example:81"), Some(differ.clone())),
        (two, &[], Some("a.example"), None),
        (two, &[], None, Some(missing)),
        (two, &[host], Some("b.example"), Some(differ)),
        (
            one,
            &[host, host],
            None,
            Some(ambiguous(HeadFlaw::HeaderDuplicate)),
        ),
    ];
    for (version, headers, authority, expected) in cases {
        let case = Case {
            version: *version,
            headers,
            authority: *authority,
            ..Case::default()
        };
        assert_eq!(&case.read().err(), expected, "{headers:?} {authority:?}");
    }
}

#[test]
#[expect(clippy::type_complexity, reason = "one table")]
fn fields_that_decide_stand_once() {
    let twice = Some(ambiguous(HeadFlaw::HeaderDuplicate));
    let cases: &[(&[(&str, &str)], Option<Denial>)] = &[
        (
            &[("content-length", "5"), ("content-length", "5")],
            twice.clone(),
        ),
        (
            &[("content-type", "a/b"), ("content-type", "a/b")],
            twice.clone(),
        ),
        (
            &[("authorization", "x"), ("authorization", "x")],
            twice.clone(),
        ),
        (
            &[
                ("content-encoding", "identity"),
                ("content-encoding", "gzip"),
            ],
            twice.clone(),
        ),
        (&[("content_length", "5")], twice.clone()),
        (&[("transfer_encoding", "chunked")], twice),
        (&[("cookie", "a=1"), ("cookie", "b=2")], None),
        (&[("user-agent", ""), ("expect", "200-maybe")], None),
    ];
    for (fields, expected) in cases {
        let headers: Vec<_> = [("host", "a.example")]
            .into_iter()
            .chain(fields.iter().copied())
            .collect();
        let case = Case {
            method: Method::POST,
            headers: &headers,
            ..Case::default()
        };
        assert_eq!(&case.read().err(), expected, "{fields:?}");
    }
}

#[test]
fn a_raw_head_hides_its_target_and_fields() {
    let listener = ListenerFacts {
        name: Arc::from("edge"),
        tls: true,
        trusted_proxies: Vec::new(),
    };
    let headers: HeaderMap = [(
        http::header::AUTHORIZATION,
        HeaderValue::from_static("secret"),
    )]
    .into_iter()
    .collect();
    let raw = RawHead {
        id: Uuid::nil(),
        received_at: Duration::ZERO,
        listener: &listener,
        peer: IpAddr::from([192, 0, 2, 1]),
        certificate: None,
        method: &Method::GET,
        version: Version::HTTP_11,
        target: b"/vin",
        authority: None,
        headers: &headers,
        header_bytes: 0,
        two_framings: false,
        has_body: false,
        sent_ahead: false,
    };
    let text = format!("{raw:?}");
    assert!(
        !text.contains("secret") && !text.contains("47, 118"),
        "{text}"
    );
}
