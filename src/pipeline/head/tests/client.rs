//! Whose address counts?

use std::net::IpAddr;

use proptest::prelude::*;

use super::{Case, ambiguous, malformed};
use crate::denial::{Denial, HeadFlaw};

#[test]
#[expect(clippy::too_many_lines, clippy::type_complexity, reason = "one table")]
fn the_client_is_the_nearest_stranger() {
    const XFF: &str = "x-forwarded-for";
    let peer = "10.0.0.1";
    let broken = || Err(malformed(HeadFlaw::HeaderValue));
    let differ = || Err(ambiguous(HeadFlaw::HeaderValue));
    let cases: &[(&str, &[(&str, &str)], Result<&str, Denial>)] = &[
        ("192.0.2.1", &[(XFF, "198.51.100.7")], Ok("192.0.2.1")),
        ("192.0.2.1", &[(XFF, "rubbish")], Ok("192.0.2.1")),
        ("::ffff:192.0.2.1", &[], Ok("192.0.2.1")),
        (peer, &[], Ok("10.0.0.1")),
        (peer, &[(XFF, "198.51.100.7")], Ok("198.51.100.7")),
        (
            "::ffff:10.0.0.1",
            &[(XFF, "::ffff:198.51.100.7")],
            Ok("198.51.100.7"),
        ),
        (
            peer,
            &[(XFF, "1.1.1.1, 198.51.100.7, 10.9.9.9")],
            Ok("198.51.100.7"),
        ),
        (
            peer,
            &[(XFF, "1.1.1.1"), (XFF, "198.51.100.7")],
            Ok("198.51.100.7"),
        ),
        (peer, &[(XFF, "unknown, 198.51.100.7")], Ok("198.51.100.7")),
        (peer, &[(XFF, "10.3.3.3, 10.2.2.2")], Ok("10.3.3.3")),
        (peer, &[(XFF, "198.51.100.7:4711")], Ok("198.51.100.7")),
        (peer, &[(XFF, "[2001:db8::1]:4711")], Ok("2001:db8::1")),
        (peer, &[(XFF, "2001:db8::1")], Ok("2001:db8::1")),
        (peer, &[(XFF, "")], Ok("10.0.0.1")),
        (peer, &[(XFF, "unknown")], broken()),
        (peer, &[(XFF, "rubbish, 198.51.100.7")], broken()),
        (peer, &[(XFF, "198.51.100.7:")], broken()),
        (peer, &[(XFF, "198.51.100.7:99999")], broken()),
        (peer, &[(XFF, "[2001:db8::1]x")], broken()),
        (
            peer,
            &[("forwarded", "for=198.51.100.7;proto=http, for=10.2.2.2")],
            Ok("198.51.100.7"),
        ),
        (
            peer,
            &[("forwarded", "For=\"[2001:db8::1]:4711\"")],
            Ok("2001:db8::1"),
        ),
        (
            peer,
            &[("forwarded", "for=_hidden, for=198.51.100.7")],
            Ok("198.51.100.7"),
        ),
        (peer, &[("forwarded", "for=_hidden")], broken()),
        (peer, &[("forwarded", "proto=https")], broken()),
        (
            peer,
            &[("forwarded", "for=\"evil, for=198.51.100.7")],
            broken(),
        ),
        (
            peer,
            &[("forwarded", "for=\"a\\\"\", for=198.51.100.7")],
            broken(),
        ),
        (peer, &[("forwarded", "for=2001:db8::1")], broken()),
        (
            peer,
            &[("forwarded", "for=1.1.1.1;for=198.51.100.7")],
            broken(),
        ),
        (peer, &[("forwarded", "198.51.100.7")], broken()),
        (
            peer,
            &[("forwarded", "for=198.51.100.7"), (XFF, "198.51.100.7")],
            Ok("198.51.100.7"),
        ),
        (
            peer,
            &[("forwarded", "for=1.1.1.1"), (XFF, "198.51.100.7")],
            differ(),
        ),
    ];
    for (peer, fields, expected) in cases {
        let headers: Vec<_> = [("host", "a.example")]
            .into_iter()
            .chain(fields.iter().copied())
            .collect();
        let case = Case {
            peer,
            headers: &headers,
            trusted: &["10.0.0.0/8"],
            ..Case::default()
        };
        let address = case.read().map(|head| head.address);
        let expected = expected.clone().map(|text| text.parse::<IpAddr>().unwrap());
        assert_eq!(address, expected, "{peer} {fields:?}");
    }
}

proptest! {
    #[test]
    fn arbitrary_forwarding_fields_never_panic(field in "[ -~]{0,40}", plain in "[ -~]{0,40}") {
        let case = Case {
            peer: "10.0.0.1",
            trusted: &["10.0.0.0/8"],
            headers: &[("host", "a"), ("forwarded", &field), ("x-forwarded-for", &plain)],
            ..Case::default()
        };
        let flaws = [malformed(HeadFlaw::HeaderValue), ambiguous(HeadFlaw::HeaderValue)];
        prop_assert!(case.read().err().is_none_or(|denial| flaws.contains(&denial)));
    }
}
