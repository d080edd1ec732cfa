//! Which targets have one reading?

use proptest::prelude::*;

use super::{Case, ambiguous, malformed};
use crate::denial::{Denial, HeadFlaw};
use crate::pipeline::head::path;

#[test]
fn canonical_targets_pass_as_sent() {
    for target in [
        "/",
        "/api_v210707_NE/gdc/ACRemoteRequest.php",
        "/owners/vehicle?vin=SJNFAAZE0U6012345",
        "/a/",
        "/a%20b/%C3%A9",
        "/a:b@c!$&'()*+,=~",
        "/a?",
        "/a?tz=America%2FNew_York&p=%2B%3D&q=a+b&empty=&flag",
        "/a?tz=Europe/Paris&x=%2f",
        "/a?a=1&&b=2&",
        "/a...b/.c/..d",
    ] {
        let head = Case {
            target: target.as_bytes(),
            ..Case::default()
        }
        .read()
        .unwrap_or_else(|denial| panic!("`{target}`: {denial:?}"));
        let sent = match &head.query {
            Some(query) => format!("{}?{query}", head.path),
            None => head.path.clone(),
        };
        assert_eq!(sent, target);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn targets_with_two_readings_are_refused() {
    let (canonical, segment) = (HeadFlaw::PathNotCanonical, HeadFlaw::PathSegment);
    let encoding = HeadFlaw::PathEncoding;
    let query = HeadFlaw::QueryEncoding;
    let cases: &[(&[u8], Denial)] = &[
        (b"", malformed(canonical)),
        (b"*", malformed(canonical)),
        (b"http://a.example/", malformed(canonical)),
        (b"a/b", malformed(canonical)),
        (b"//", ambiguous(segment)),
        (b"//a", ambiguous(segment)),
        (b"/a//b", ambiguous(segment)),
        (b"/a//", ambiguous(segment)),
        (b"/.", ambiguous(segment)),
        (b"/a/../b", ambiguous(segment)),
        (b"/a/..", ambiguous(segment)),
        (b"/...", ambiguous(segment)),
        (b"/a/..%20/b", ambiguous(segment)),
        (b"/a/%20", ambiguous(segment)),
        (b"/a/%2e%2e/b", ambiguous(canonical)),
        (b"/a/%2E/b", ambiguous(canonical)),
        (b"/a/.%2E/b", ambiguous(canonical)),
        (b"/a%2Fb", ambiguous(canonical)),
        (b"/a%2fb", ambiguous(canonical)),
        (b"/a%5Cb", ambiguous(canonical)),
        (b"/a\\b", ambiguous(canonical)),
        (b"/a;b", ambiguous(canonical)),
        (b"/a/..;/b", ambiguous(canonical)),
        (b"/a%3Bb", ambiguous(canonical)),
        (b"/a%252Fb", ambiguous(canonical)),
        (b"/a%3Fvin=x", ambiguous(canonical)),
        (b"/a%23b", ambiguous(canonical)),
        (b"/%61dmin", ambiguous(canonical)),
        (b"/a%40b", ambiguous(canonical)),
        (b"/%c3%a9", ambiguous(canonical)),
        (b"/a%00b", malformed(encoding)),
        (b"/a%0Db", malformed(encoding)),
        (b"/a%7Fb", malformed(encoding)),
        (b"/a%C2%85b", malformed(encoding)),
        (b"/a%", malformed(encoding)),
        (b"/a%2", malformed(encoding)),
        (b"/a%GGb", malformed(encoding)),
        (b"/a%+1b", malformed(encoding)),
        (b"/%C0%AF", malformed(encoding)),
        (b"/..%EF%BC%8Fa", malformed(encoding)),
        (b"/a%CD%BEb", malformed(encoding)),
        (b"/%C3", malformed(encoding)),
        (b"/%C3a%A9", malformed(encoding)),
        (b"/\xc3\xa9", malformed(encoding)),
        (b"/a b", malformed(encoding)),
        (b"/a<b", malformed(encoding)),
        (b"/a#b", malformed(encoding)),
        (b"/{vin}", malformed(encoding)),
        (b"/a?b=1#c", malformed(query)),
        (b"/a?b=\xc3\xa9", malformed(query)),
        (b"/a?b=%C3", malformed(query)),
        (b"/a?b=%", malformed(query)),
        (b"/a?b=%2", malformed(query)),
        (b"/a?b=%00", malformed(query)),
        (b"/a?b=[1]", malformed(query)),
        (b"/a?b=1;c=2", ambiguous(HeadFlaw::QuerySeparator)),
        (b"/a?b=1?c=2", ambiguous(HeadFlaw::QuerySeparator)),
        (b"/a?b=1&b=1", ambiguous(HeadFlaw::QueryDuplicate)),
        (b"/a?b=1&%62=1", ambiguous(HeadFlaw::QueryDuplicate)),
        (b"/a?b.c=1&b_c=1", ambiguous(HeadFlaw::QueryDuplicate)),
        (b"/a?vin%5B%5D=1", ambiguous(HeadFlaw::QueryName)),
        (b"/a?+vin=1", ambiguous(HeadFlaw::QueryName)),
        (b"/a?vin%0A=1", ambiguous(HeadFlaw::QueryName)),
        (b"/a?=1", ambiguous(HeadFlaw::QueryName)),
        (b"/a?_Method=PUT", ambiguous(HeadFlaw::QueryName)),
    ];
    for (target, expected) in cases {
        let denial = Case {
            target,
            ..Case::default()
        }
        .read()
        .err();
        let target = String::from_utf8_lossy(target);
        assert_eq!(denial.as_ref(), Some(expected), "`{target}`");
    }
}

/// What a server does that decodes a path once.
fn decode(path: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => path::hex_byte(rest.next().unwrap(), rest.next().unwrap()).unwrap(),
            _ => byte,
        };
        decoded.push(byte);
    }
    decoded
}

/// The canonical spelling of a decoded path.
fn encode(decoded: &[u8]) -> String {
    let mut path = String::new();
    for byte in decoded {
        match byte {
            b'/' => path.push('/'),
            _ if path::is_segment_byte(*byte) => path.push(char::from(*byte)),
            _ => path.extend(["%".to_owned(), format!("{byte:02X}")]),
        }
    }
    path
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(target: Vec<u8>, host in "[ -~]{0,20}") {
        let case = Case { target: &target, headers: &[("host", &host)], ..Case::default() };
        if let Ok(head) = case.read() {
            prop_assert!(target.starts_with(head.path.as_bytes()));
        }
    }

    #[test]
    fn a_path_that_passes_has_no_other_spelling(path in "/([a-z/.%;\\\\]|%[0-9A-Fa-f]{2}){0,12}") {
        if let Ok(read) = path::read(path.as_bytes()) {
            prop_assert_eq!(read, &path);
            let decoded = decode(&path);
            prop_assert_eq!(&encode(&decoded), &path);
            // Decoding leaves no structure that the gateway did not see.
            let count = |bytes: &[u8]| bytes.split(|byte| *byte == b'/').count();
            prop_assert_eq!(count(&decoded), count(path.as_bytes()));
            prop_assert!(!decoded.contains(&b'%') && !decoded.contains(&b';'));
        }
    }
}
