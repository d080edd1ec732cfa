//! Which alias or case does a request name, and does it name one vehicle only?

use super::*;
use crate::config::route::ReferenceKind;
use crate::pipeline::vehicle::{Reference, refer};

/// What a request with this path parameter names by an alias.
fn named(place: &str, case: &Case<'_>) -> Result<String, Denial> {
    let (head, path) = case.request();
    let place = (ReferenceKind::Alias, &super::place(place));
    match refer(place, &head, &path, &case.body(), &rules())? {
        Reference::Alias(alias) => Ok(alias),
        other @ (Reference::Vin(_) | Reference::Case(_)) => panic!("{other:?}"),
    }
}

fn at_path(case: Case<'_>) -> Case<'_> {
    Case {
        path: &[("id", "a-1")],
        ..case
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_name_stands_where_the_route_says_and_no_vin_beside_it() {
    let missing = || Err(Denial::VehicleMissing);
    let malformed = || Err(Denial::VehicleMalformed(VinFlaw::Alphabet));
    let ambiguous = || Err(Denial::VehicleAmbiguous);
    let alias = || Ok("a-1".to_owned());
    let longest = "x".repeat(256);
    let (fits, longer) = (format!("id={longest}"), format!("id={longest}x"));
    let of_path = |value| Case {
        path: &[("id", "")],
        query: format!("id={value}"),
        ..Case::default()
    };
    let table = [
        ("path id", at_path(Case::default()), alias()),
        ("path id", of_path(""), missing()),
        ("query id", query("id=a-1"), alias()),
        ("query id", query(&fits), Ok(longest.clone())),
        ("query id", query(&longer), malformed()),
        ("query id", query("id=a%0Ab"), malformed()),
        ("query id", query("id=@"), Ok(EUROPEAN.to_owned())),
        ("query id", query("id="), missing()),
        ("query id", query("x=a-1"), missing()),
        ("query id", query("ID=a-1"), ambiguous()),
        ("query id", query("ID=a-2&id=a-1"), ambiguous()),
        ("header x-id", headers(&[("x-id", "a-1")]), alias()),
        ("json /id", json(r#"{"id":"a-1"}"#), alias()),
        // one reference, whatever a server reads
        ("path id", at_path(query("id=a-1")), alias()),
        ("path id", at_path(query("id=a-2")), ambiguous()),
        ("path id", at_path(query("Id=a-2")), ambiguous()),
        ("path id", at_path(form("id=a-2")), ambiguous()),
        (
            "path id",
            at_path(headers(&[("cookie", "id=a-2")])),
            ambiguous(),
        ),
        ("path id", at_path(query("vin=@")), ambiguous()),
        ("path id", at_path(query("vin=a-1")), ambiguous()),
        ("path id", at_path(query("vin=")), alias()),
        ("path id", at_path(form("VIN=@")), ambiguous()),
        (
            "path id",
            at_path(headers(&[("x-vin", EUROPEAN)])),
            ambiguous(),
        ),
        (
            "path id",
            at_path(headers(&[("cookie", "vin=a-1")])),
            ambiguous(),
        ),
        (
            "path id",
            at_path(json(r#"{"a":[{"vin":"@"}]}"#)),
            ambiguous(),
        ),
        ("path id", at_path(json(r#"{"a":[{"van":"@"}]}"#)), alias()),
        // a place that has the name of a VIN carries an alias all the same
        ("query vin", query("vin=a-1"), alias()),
        (
            "query vin",
            Case {
                form: Some("vin=a-2".to_owned()),
                ..query("vin=a-1")
            },
            ambiguous(),
        ),
    ];
    for (at, (place, case, expected)) in table.into_iter().enumerate() {
        assert_eq!(named(place, &case), expected, "case {at}: `{place}`");
    }
}

#[test]
fn a_reference_is_not_printed_and_its_stand_in_is_a_vin_of_its_own() {
    let [one, other] = ["a-1", "a-2"].map(|text| Reference::Alias(text.to_owned()));
    assert_eq!(format!("{one:?}"), "Reference(..)");
    assert_ne!(one.stand_in(), other.stand_in());
    assert_eq!(one.stand_in(), one.stand_in());
    assert!(Vin::read(one.stand_in().as_str()).is_ok());
    let vin = Vin::read(EUROPEAN).unwrap();
    assert_eq!(Reference::Vin(vin).stand_in(), vin);
}
