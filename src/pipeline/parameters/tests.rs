//! Which queries, forms and bodies pass, and why are the others refused?

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{JudgedBody, Parameters, find_member, fold_alike, judge};
use crate::denial::{Denial, HeadFlaw};

fn pairs(encoded: &str) -> Result<Vec<(String, String)>, Denial> {
    let parameters = Parameters::read(encoded.as_bytes())?;
    let owned = parameters.iter();
    Ok(owned
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

#[test]
fn pairs_are_decoded_in_order() {
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("", &[]),
        ("&", &[]),
        ("a=1&b=2", &[("a", "1"), ("b", "2")]),
        ("a=1&&b=2&", &[("a", "1"), ("b", "2")]),
        ("a=", &[("a", "")]),
        ("a", &[("a", "")]),
        ("a=b=c", &[("a", "b=c")]),
        ("q=a+b%20c%2B", &[("q", "a b c+")]),
        (
            "tz=America%2FNew_York&s=%2B%3D",
            &[("tz", "America/New_York"), ("s", "+=")],
        ),
        ("n=%C3%A9%c3%a9", &[("n", "\u{e9}\u{e9}")]),
        ("VIN=1&vin=2", &[("VIN", "1"), ("vin", "2")]),
        ("text=a%0D%0Ab", &[("text", "a\r\nb")]),
        ("page.size=1", &[("page.size", "1")]),
    ];
    for (encoded, expected) in cases {
        let expected: Vec<_> = expected
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(pairs(encoded), Ok(expected), "`{encoded}`");
    }
}

#[test]
fn pairs_with_two_readings_are_refused() {
    let encoding = Denial::Malformed(HeadFlaw::QueryEncoding);
    let duplicate = Denial::Ambiguous(HeadFlaw::QueryDuplicate);
    let name = Denial::Ambiguous(HeadFlaw::QueryName);
    let separator = Denial::Ambiguous(HeadFlaw::QuerySeparator);
    for (encoded, expected) in [
        ("a=%", &encoding),
        ("a=%4", &encoding),
        ("a=%zz", &encoding),
        ("a=%+4", &encoding),
        ("a=%00", &encoding),
        ("a=%FF", &encoding),
        ("a=%C0%AF", &encoding),
        ("a=\n", &encoding),
        ("a= b", &encoding),
        ("a=\u{e9}", &encoding),
        ("a=1&a=1", &duplicate),
        ("a=1&b=2&%61=3", &duplicate),
        ("a&a", &duplicate),
        ("a.b=1&a_b=1", &duplicate),
        ("a_b=1&a.b=1", &duplicate),
        ("=1", &name),
        ("=", &name),
        ("a[]=1", &name),
        ("a%5B0%5D=1", &name),
        ("a+b=1", &name),
        ("%20a=1", &name),
        ("a%09=1", &name),
        ("a%26vin=1", &name),
        ("%C3%A9=1", &name),
        ("a=1;b=2", &separator),
        ("a;b=2", &separator),
    ] {
        assert_eq!(pairs(encoded).as_ref(), Err(expected), "`{encoded}`");
    }
}

#[test]
fn more_pairs_than_every_server_reads_are_refused() {
    let many = |count: usize| {
        (0..count)
            .map(|it| format!("a{it}=1"))
            .collect::<Vec<_>>()
            .join("&")
    };
    assert!(pairs(&many(1_000)).is_ok());
    assert_eq!(
        pairs(&many(1_001)),
        Err(Denial::Ambiguous(HeadFlaw::QuerySeparator))
    );
}

#[test]
fn names_fold_as_servers_fold_them() {
    for (one, other, alike) in [
        ("vin", "VIN", true),
        ("x-vin", "X_Vin", true),
        ("x.vin", "x_vin", true),
        ("vin", "vins", false),
        ("v1n", "vin", false),
    ] {
        assert_eq!(fold_alike(one, other), alike, "{one} {other}");
    }
    let both = Parameters::read(b"vin=1&VIN=1&other=2").unwrap();
    assert!(both.folds_twice("Vin") && !both.folds_twice("other"));
    assert_eq!((both.get("vin"), both.get("Vin")), (Some("1"), None));
}

fn read(kind: &str, body: &[u8]) -> Result<JudgedBody, Denial> {
    let mut headers = HeaderMap::new();
    if !kind.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(kind).unwrap());
    }
    judge(&headers, body)
}

fn read_json(body: &str) -> Result<Value, Denial> {
    match read("application/json", body.as_bytes())? {
        JudgedBody::Json(value) => Ok(value),
        JudgedBody::Empty | JudgedBody::Form(_) => panic!("`{body}` is no JSON"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_body_is_read_by_its_type() {
    let cases: &[(&str, &str, Result<&str, Denial>)] = &[
        ("", "", Ok("empty")),
        ("text/plain", "", Ok("empty")),
        ("application/x-www-form-urlencoded", "a=1", Ok("form")),
        (
            "Application/X-WWW-Form-URLencoded; charset=UTF-8",
            "a=1",
            Ok("form"),
        ),
        ("application/json", "{}", Ok("json")),
        ("application/json;charset=\"utf-8\"", "[]", Ok("json")),
        ("application/vnd.api+json", "1", Ok("json")),
        ("", "a=1", Err(Denial::BodyTypeUnsupported)),
        ("text/plain", "a=1", Err(Denial::BodyTypeUnsupported)),
        ("text/json", "{}", Err(Denial::BodyTypeUnsupported)),
        (
            "multipart/form-data; boundary=x",
            "--x",
            Err(Denial::BodyTypeUnsupported),
        ),
        (
            "application/json; charset=utf-16",
            "{}",
            Err(Denial::BodyTypeUnsupported),
        ),
        (
            "application/json; charset=utf-7; charset=utf-8",
            "{}",
            Err(Denial::BodyTypeUnsupported),
        ),
        ("application/json;", "{}", Err(Denial::BodyTypeUnsupported)),
        ("application/+json", "{}", Err(Denial::BodyTypeUnsupported)),
        (
            "application/json, text/plain",
            "{}",
            Err(Denial::BodyTypeUnsupported),
        ),
        (
            "application/x-www-form-urlencoded",
            "a=1&a=2",
            Err(Denial::Ambiguous(HeadFlaw::BodyDuplicate)),
        ),
        (
            "application/x-www-form-urlencoded",
            "a=%",
            Err(Denial::Malformed(HeadFlaw::BodyEncoding)),
        ),
        (
            "application/x-www-form-urlencoded",
            "a[]=1",
            Err(Denial::Ambiguous(HeadFlaw::BodySyntax)),
        ),
    ];
    for (kind, body, expected) in cases {
        let found = read(kind, body.as_bytes()).map(|body| match body {
            JudgedBody::Empty => "empty",
            JudgedBody::Form(_) => "form",
            JudgedBody::Json(_) => "json",
        });
        assert_eq!(&found, expected, "`{kind}` `{body}`");
    }
}

#[test]
fn an_encoded_body_is_refused() {
    for (coding, passes) in [
        ("identity", true),
        ("Identity", true),
        ("gzip", false),
        ("", false),
    ] {
        let headers: HeaderMap = [
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (CONTENT_ENCODING, HeaderValue::from_static(coding)),
        ]
        .into_iter()
        .collect();
        let denial = judge(&headers, b"{}").err();
        let expected = Denial::Malformed(HeadFlaw::ContentEncoding);
        assert_eq!(denial, (!passes).then_some(expected), "`{coding}`");
    }
}

#[test]
fn json_keeps_its_values() {
    let text = r#"{"a":[1,-2,3.5,"x\n",null,true],"b":{"c":{}},"A":18446744073709551615}"#;
    assert_eq!(read_json(text), Ok(serde_json::from_str(text).unwrap()));
}

#[test]
fn json_with_two_readings_is_refused() {
    let duplicate = Denial::Ambiguous(HeadFlaw::BodyDuplicate);
    let escaped = Denial::Ambiguous(HeadFlaw::BodyEncoding);
    let syntax = Denial::Malformed(HeadFlaw::BodySyntax);
    let encoding = Denial::Malformed(HeadFlaw::BodyEncoding);
    let deep = "[".repeat(200);
    for (text, expected) in [
        (r#"{"vin":1,"vin":1}"#, &duplicate),
        (r#"{"a":[{"b":{"c":1,"c":2}}]}"#, &duplicate),
        (r#"{"\u0076in":1}"#, &escaped),
        (r#"{"vin":1,"\u0076in":1}"#, &escaped),
        (r#"[{"a\/b":1}]"#, &escaped),
        ("{", &syntax),
        ("{}{}", &syntax),
        ("{} x", &syntax),
        (r#"{"a":1,}"#, &syntax),
        ("{'a':1}", &syntax),
        ("NaN", &syntax),
        (r#"{"a":01}"#, &syntax),
        (r#"{"a":"\ud800"}"#, &syntax),
        ("// x\n{}", &syntax),
        (deep.as_str(), &syntax),
        ("\u{feff}{}", &encoding),
    ] {
        assert_eq!(read_json(text).as_ref(), Err(expected), "`{text}`");
    }
    assert_eq!(read("application/json", b"\"\xff\"").err(), Some(encoding));
}

#[test]
fn pointers_find_one_member() {
    let document = json!({"data": {"vin": "x", "a/b": 1, "m~n": 2}, "list": [{"vin": "y"}], "": 3,
        "two": {"action": 1, "Action": 2}});
    for (pointer, expected) in [
        ("/data/vin", Some(json!("x"))),
        ("/data/a~1b", Some(json!(1))),
        ("/data/m~0n", Some(json!(2))),
        ("/list/0/vin", Some(json!("y"))),
        ("/", Some(json!(3))),
        ("/list/00", None),
        ("/list/+0", None),
        ("/list/1", None),
        ("/DATA/vin", None),
        ("/data/vin/x", None),
        ("data", None),
    ] {
        let found = find_member(&document, pointer).map(Option::<&Value>::cloned);
        assert_eq!(found, Ok(expected), "`{pointer}`");
    }
    assert_eq!(find_member(&document, ""), Ok(Some(&document)));
    let twice = Err(Denial::Ambiguous(HeadFlaw::BodyDuplicate));
    assert_eq!(find_member(&document, "/two/action"), twice);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        if let Ok(read) = Parameters::read(&bytes) {
            prop_assert!(read.iter().all(|(name, _)| !name.is_empty()));
        }
        prop_assert!(std::str::from_utf8(&bytes).is_ok() || read("application/json", &bytes).is_err());
    }

    #[test]
    fn what_is_written_is_read(values in proptest::collection::vec("[^\0]{0,12}", 0..5)) {
        let encode = |text: &str| {
            let bytes: Vec<_> = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            bytes.concat()
        };
        let written: Vec<_> = values.iter().enumerate()
            .map(|(at, value)| format!("n{at}={}", encode(value))).collect();
        let read: Vec<_> = pairs(&written.join("&")).unwrap().into_iter().map(|(_, value)| value).collect();
        prop_assert_eq!(read, values);
    }

    #[test]
    fn a_name_that_stands_twice_never_passes(before in "[a-z]{0,3}", name in "[a-z]{1,3}") {
        let encoded = format!("{before}&{name}=1&x0=2&{name}=3");
        prop_assert!(pairs(&encoded).is_err());
        let json = format!("{{\"{name}\":1,\"x0\":2,\"{name}\":1}}");
        prop_assert_eq!(read_json(&json), Err(Denial::Ambiguous(HeadFlaw::BodyDuplicate)));
    }
}
