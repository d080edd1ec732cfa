//! Is everybody who they are, and nobody two?

use super::*;

const USERS: &str = "root:x:0:0::/:\nnight:x:1001:100::/:\nday:x:1002:100::/:\n";
const GROUPS: &str = "root:x:0:\nusers:x:100:\nops:x:200:day\n";

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn roles() -> Roles {
    Roles {
        operator: Members {
            users: strings(&["night"]),
            groups: strings(&["ops"]),
            certificates: strings(&["night@example", "spiffe://example/ops/night", "day@example"]),
        },
        auditor: Members {
            certificates: strings(&["night@example", "Anna Auditor"]),
            ..Members::default()
        },
        ..Roles::default()
    }
}

fn found(caller: &Caller) -> Result<(String, Vec<Role>), String> {
    let accounts = Accounts::of(USERS, GROUPS);
    let always = BTreeSet::from([0]);
    match identify(caller, &roles(), &always, &accounts) {
        Ok(person) => Ok((person.name, person.roles.into_iter().collect())),
        Err(Stranger(why)) => Err(why),
    }
}

#[test]
fn a_unix_user_has_the_roles_of_its_name_and_of_its_groups() {
    use Role::Operator;
    let unix = |uid, gid| found(&Caller::Unix(Some((uid, gid))));
    let someone = |name: &str, roles: &[Role]| Ok((name.to_owned(), roles.to_vec()));
    assert_eq!(unix(0, 0), someone("root", &Role::ALL));
    assert_eq!(unix(1001, 100), someone("night", &[Operator]));
    assert_eq!(unix(1002, 100), someone("day", &[Operator]));
    assert_eq!(unix(1003, 200), someone("1003", &[Operator]));
    assert!(unix(1003, 100).unwrap_err().contains("`1003` has no role"));
    assert!(found(&Caller::Unix(None)).is_err());
}

/// Name and roles, or why not.
type Expected = Result<(&'static str, &'static [Role]), &'static str>;

#[test]
fn a_certificate_has_the_roles_of_its_listed_names() {
    use Role::{Auditor, Operator};
    let table: [(&[&str], Expected); 8] = [
        (
            &["night@example"],
            Ok(("night@example", &[Operator, Auditor])),
        ),
        (
            &[
                "laptop-7.example",
                "spiffe://example/ops/night",
                "night@example",
            ],
            Ok(("spiffe://example/ops/night", &[Operator, Auditor])),
        ),
        (&["Anna Auditor"], Ok(("Anna Auditor", &[Auditor]))),
        (
            &["night@example", "day@example"],
            Err("more than one person"),
        ),
        (
            &["night@example", "Anna Auditor"],
            Err("more than one person"),
        ),
        (&["NIGHT@example"], Err("`NIGHT@example` has no role")),
        (&["night"], Err("`night` has no role")), // a Unix user's name is no certificate's
        (&[], Err("names nobody")),
    ];
    for (names, expected) in table {
        let found = found(&Caller::Certificate(strings(names)));
        match expected {
            Ok((name, roles)) => assert_eq!(found, Ok((name.to_owned(), roles.to_vec()))),
            Err(why) => assert!(found.clone().unwrap_err().contains(why), "{found:?}"),
        }
    }
}

#[test]
fn one_person_is_one_on_every_way_in() {
    let person = |name: &str| Person {
        name: name.to_owned(),
        origin: Origin::Unix,
        roles: BTreeSet::new(),
    };
    let same = [
        "night",
        "night@example",
        "NIGHT@other.example",
        "spiffe://example/ops/night",
        "spiffe://example/ops/night/",
        "urn:person:night",
        "mailto:night@example",
    ];
    for one in same {
        for other in same {
            assert!(person(one).is_also(other), "{one} {other}");
        }
        for other in ["day", "nightly", "day@night", "night.example", "", "@", "/"] {
            assert!(!person(one).is_also(other), "{one} {other}");
        }
    }
}
