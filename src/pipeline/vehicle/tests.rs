//! Which vehicle is found, and which requests name none or two?

mod references;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use uuid::Uuid;

use super::{Vin, VinRules, WEIGHTS, resolve, transliterate};
use crate::config::route::RequestPlace;
use crate::denial::{Denial, VinFlaw};
use crate::pipeline::RequestHead;
use crate::pipeline::parameters::{self, JudgedBody, Parameters};
use crate::pipeline::route::PathParameters;

const LEAF: &str = "1N4AZ1CP0JC300121";
const EUROPEAN: &str = "SJNFAAZE0U6012345";
const OTHER: &str = "SJNFAAZE0U6012346";

fn rules() -> VinRules {
    let owned = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect();
    VinRules {
        wmis: owned(&["SJN", "1N4AZ", "JN1AZ0"]),
        check_digit: owned(&["1", "JN1"]),
        names: owned(&["vin", "x-vin"]),
    }
}

#[test]
fn vins_are_read_by_the_rules_of_their_prefix() {
    let lower = EUROPEAN.to_lowercase();
    let cases: &[(&str, Result<(), VinFlaw>)] = &[
        ("JN1AZ0CP5BT000082", Ok(())),
        ("1N4AZ1CP0JC300121", Ok(())),
        ("1N4AZ1CP7KC314356", Ok(())),
        ("JN1AZ0CP7BT001833", Ok(())),
        ("1N4AZ1CP2KC302535", Ok(())),
        ("1M8GDM9AXKP042788", Ok(())),
        ("11111111111111111", Ok(())),
        (EUROPEAN, Ok(())),
        ("VSKHAAME0U0012345", Ok(())),
        ("1N4AZ1CP1JC300121", Err(VinFlaw::CheckDigit)),
        ("JN1AZ0CPXBT000082", Err(VinFlaw::CheckDigit)),
        ("JN1AZ0CPUBT000082", Err(VinFlaw::CheckDigit)),
        ("", Err(VinFlaw::Length)),
        ("SJNFAAZE0U601234", Err(VinFlaw::Length)),
        ("SJNFAAZE0U60123456", Err(VinFlaw::Length)),
        (" SJNFAAZE0U6012345", Err(VinFlaw::Length)),
        ("SJNFAAZE0U601234 ", Err(VinFlaw::Alphabet)),
        ("SJNFAAZE0I6012345", Err(VinFlaw::Alphabet)),
        ("SJNFAAZE0O6012345", Err(VinFlaw::Alphabet)),
        ("SJNFAAZE0Q6012345", Err(VinFlaw::Alphabet)),
        ("SJNFAAZE0-6012345", Err(VinFlaw::Alphabet)),
        ("SJNFAAZE0U60123\u{e9}", Err(VinFlaw::Alphabet)),
        (&lower, Err(VinFlaw::Alphabet)),
    ];
    for (text, expected) in cases {
        let read = rules().read(text);
        assert_eq!(read.map(|_| ()), *expected, "`{text}`");
        if let Ok(vin) = read {
            assert_eq!(vin.as_str(), *text);
        }
    }
}

#[test]
fn a_vin_is_not_printed() {
    let vin = Vin::read(EUROPEAN).unwrap();
    assert_eq!(format!("{vin:?}"), "Vin(..)");
}

/// A request that may name vehicles in all places.
#[derive(Default)]
struct Case<'a> {
    path: &'a [(&'a str, &'a str)],
    query: String,
    headers: &'a [(&'a str, &'a str)],
    form: Option<String>,
    json: Option<String>,
}

impl Case<'_> {
    fn resolve(&self, place: &RequestPlace) -> Result<String, Denial> {
        let (head, path) = self.request();
        let vin = resolve(place, &head, &path, &self.body(), &rules())?;
        Ok(vin.as_str().to_owned())
    }

    fn request(&self) -> (RequestHead, PathParameters) {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_str(value).unwrap());
        }
        let head = RequestHead {
            id: Uuid::nil(),
            received_at: Duration::ZERO,
            listener: Arc::from("edge"),
            tls: true,
            certificate: None,
            address: IpAddr::from([192, 0, 2, 1]),
            method: Method::POST,
            host: "a.example".to_owned(),
            port: None,
            path: "/".to_owned(),
            query: Some(self.query.clone()),
            parameters: Parameters::read(self.query.as_bytes()).unwrap(),
            headers,
            switchable: false,
        };
        let pairs = self
            .path
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        (head, pairs.collect())
    }

    fn body(&self) -> JudgedBody {
        let (kind, body) = match (&self.form, &self.json) {
            (Some(form), _) => ("application/x-www-form-urlencoded", form),
            (None, Some(json)) => ("application/json", json),
            (None, None) => return JudgedBody::Empty,
        };
        let headers = [(CONTENT_TYPE, HeaderValue::from_static(kind))]
            .into_iter()
            .collect();
        parameters::judge(&headers, body.as_bytes()).unwrap()
    }
}

/// Replaces `@` and `~` by two VINs.
fn fill(text: &str) -> String {
    text.replace('@', EUROPEAN).replace('~', OTHER)
}

fn query(text: &str) -> Case<'_> {
    Case {
        query: fill(text),
        ..Case::default()
    }
}

fn form(text: &str) -> Case<'_> {
    Case {
        form: Some(fill(text)),
        ..Case::default()
    }
}

fn json(text: &str) -> Case<'_> {
    Case {
        json: Some(fill(text)),
        ..Case::default()
    }
}

fn headers<'a>(headers: &'a [(&'a str, &'a str)]) -> Case<'a> {
    Case {
        headers,
        ..Case::default()
    }
}

#[test]
fn the_vehicle_stands_where_the_route_says() {
    let missing = || Err(Denial::VehicleMissing);
    let malformed = |flaw| Err(Denial::VehicleMalformed(flaw));
    let in_path = Case {
        path: &[("vin", EUROPEAN)],
        ..Case::default()
    };
    let encoded = Case {
        path: &[("vin", "SJNFAAZE0U601234%20")],
        ..Case::default()
    };
    let cases: &[(&str, Case<'_>, Result<(), Denial>)] = &[
        ("path vin", in_path, Ok(())),
        ("path vin", encoded, malformed(VinFlaw::Length)),
        ("path vin", query("vin=@"), missing()),
        ("query vin", query("vin=@"), Ok(())),
        ("query vin", query("a=1"), missing()),
        ("query VIN", query("vin=@"), missing()),
        ("query vin", query("vin="), malformed(VinFlaw::Length)),
        ("query vin", query("vin=@,~"), malformed(VinFlaw::Length)),
        ("query car", query("car=@"), Ok(())),
        ("header x-vin", headers(&[("x-vin", EUROPEAN)]), Ok(())),
        ("header X-VIN", headers(&[("x-vin", EUROPEAN)]), Ok(())),
        ("header x-vin", headers(&[]), missing()),
        ("form VIN", form("VIN=@&lg=en"), Ok(())),
        ("form VIN", form("a=@"), missing()),
        ("form VIN", query("VIN=@"), missing()),
        ("form VIN", json(r#"{"VIN":"@"}"#), missing()),
        ("json /data/vin", json(r#"{"data":{"vin":"@"}}"#), Ok(())),
        ("json /data/id", json(r#"{"data":{"id":"@"}}"#), Ok(())),
        ("json /data/vin", json(r#"{"vin":"@"}"#), missing()),
        ("json /vin", json(r#"{"vin":null}"#), missing()),
        (
            "json /vin",
            json(r#"{"vin":["@"]}"#),
            malformed(VinFlaw::Alphabet),
        ),
        (
            "json /vin",
            json(r#"{"vin":1}"#),
            malformed(VinFlaw::Alphabet),
        ),
        ("json /vin", form("vin=@"), missing()),
    ];
    for (at, (place, case, expected)) in cases.iter().enumerate() {
        let expected = expected.clone().map(|()| EUROPEAN.to_owned());
        assert_eq!(
            case.resolve(&self::place(place)),
            expected,
            "case {at}: `{place}`"
        );
    }
}

fn place(text: &str) -> RequestPlace {
    let (kind, name) = text.split_once(' ').unwrap();
    let name = name.to_owned();
    match kind {
        "path" => RequestPlace::Path(name),
        "query" => RequestPlace::Query(name),
        "header" => RequestPlace::Header(name),
        "form" => RequestPlace::Form(name),
        _ => RequestPlace::Json(name),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_copy_agrees_or_the_request_is_ambiguous() {
    let with_query = |text: &str, case: Case<'static>| Case {
        query: fill(text),
        ..case
    };
    let path: Case<'static> = Case {
        path: &[("vin", EUROPEAN)],
        ..Case::default()
    };
    let path = |case: Case<'static>| Case {
        path: path.path,
        ..case
    };
    let cases: &[(&str, Case<'_>, bool)] = &[
        ("path vin", path(query("vin=@")), true),
        ("path vin", path(query("vin=~")), false),
        ("path vin", path(query("VIN=~")), false),
        ("path vin", path(query("vin=")), false),
        ("path vin", path(query("x_vin=~")), false),
        ("path vin", path(query("X.Vin=~")), false),
        ("path vin", path(query("vins=~")), true),
        ("path vin", path(headers(&[("x-vin", OTHER)])), false),
        ("path vin", path(headers(&[("x_vin", OTHER)])), false),
        ("path vin", path(headers(&[("x-vin", EUROPEAN)])), true),
        (
            "path vin",
            path(headers(&[("x-vin", EUROPEAN), ("x-vin", EUROPEAN)])),
            false,
        ),
        (
            "path vin",
            path(headers(&[("x-vin", EUROPEAN), ("x_vin", EUROPEAN)])),
            false,
        ),
        ("path vin", path(form("vin=~")), false),
        ("path vin", path(json(r#"{"a":[{"vin":"@"}]}"#)), true),
        ("path vin", path(json(r#"{"a":[{"vin":"~"}]}"#)), false),
        ("path vin", path(json(r#"{"a":{"b":{"VIN":"~"}}}"#)), false),
        ("path vin", path(json(r#"{"vin":{"vin":"@"}}"#)), false),
        ("path vin", path(json(r#"{"vin":["@"]}"#)), false),
        ("path vin", path(json(r#"{"vin":"@","VIN":"@"}"#)), false),
        ("query vin", query("vin=@&VIN=@"), false),
        ("query vin", query("vin=@&x-vin=@"), true),
        ("query vin", query("vin=@&x-vin=~"), false),
        ("query car", query("car=@&CAR=@"), false),
        ("query car", with_query("car=@", form("car=~")), false),
        ("query car", with_query("car=@", form("Car=~")), false),
        ("query car", with_query("car=@", form("car=@")), true),
        ("form VIN", with_query("vin=@", form("VIN=@")), true),
        ("form VIN", with_query("vin=~", form("VIN=@")), false),
        ("form VIN", form("VIN=@&vin=@"), false),
        (
            "header x-vin",
            headers(&[("x-vin", EUROPEAN), ("x-vin", EUROPEAN)]),
            false,
        ),
        (
            "header x-vin",
            headers(&[("x-vin", EUROPEAN), ("x_vin", EUROPEAN)]),
            false,
        ),
        ("json /id", json(r#"{"id":"@","ID":"@"}"#), false),
        ("json /id", json(r#"{"id":"@","vin":"~"}"#), false),
        (
            "json /a/id",
            json(r#"{"a":{"id":"@"},"A":{"id":"~"}}"#),
            false,
        ),
        ("json /id", json(r#"{"id":"@","other":{"id":"~"}}"#), true),
    ];
    for (at, (place, case, agrees)) in cases.iter().enumerate() {
        let expected = if *agrees {
            Ok(EUROPEAN.to_owned())
        } else {
            Err(Denial::VehicleAmbiguous)
        };
        assert_eq!(
            case.resolve(&self::place(place)),
            expected,
            "case {at}: `{place}`"
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text: String) {
        prop_assert!(rules().read(&text).is_err() || text.len() == 17);
    }

    #[test]
    fn what_is_read_is_what_was_written(text in "[A-HJ-NPR-Z0-9]{17}") {
        let vin = Vin::read(&text).unwrap();
        prop_assert_eq!(vin.as_str(), text);
    }

    #[test]
    fn a_wrong_character_is_found_where_the_weights_can_tell(
        at in 0_usize..17,
        character in "[A-HJ-NPR-Z0-9]",
    ) {
        let mut changed = LEAF.to_owned();
        changed.replace_range(at..=at, &character);
        let value = |text: &str| transliterate(text.as_bytes()[at]).wrapping_mul(WEIGHTS[at]) % 11;
        let told_apart = value(&changed) != value(LEAF) || (at == 8 && changed != LEAF);
        let vin = Vin::read(&changed).unwrap();
        prop_assert_eq!(vin.check_digit_holds(), !told_apart);
    }

    #[test]
    fn two_different_vins_never_pass(
        one in "SJN[A-HJ-NPR-Z0-9]{14}",
        two in "SJN[A-HJ-NPR-Z0-9]{14}",
    ) {
        prop_assume!(one != two);
        let case = Case { query: format!("vin={two}"), form: Some(format!("VIN={one}")), ..Case::default() };
        prop_assert_eq!(case.resolve(&place("form VIN")), Err(Denial::VehicleAmbiguous));
    }
}
