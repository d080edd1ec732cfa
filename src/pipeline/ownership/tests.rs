//! Is everybody to a vehicle what the directory says at that moment?

use std::sync::Arc;

use super::*;
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::SignIn;

fn principal(kind: PrincipalKind, subject: &str, fleet: Option<&str>) -> Principal {
    Principal {
        kind,
        issuer: Arc::from("owners"),
        subject: subject.to_owned(),
        client: None,
        scopes: Vec::new(),
        fleet: fleet.map(str::to_owned),
        tenant: None,
        roles: Vec::new(),
        sign_in: SignIn::default(),
        credential: Credential {
            expires_at: Duration::MAX,
            ..Credential::default()
        },
        pseudonym: String::new(),
    }
}

fn grant(subject: &str, entitlements: &[&str], until: Option<u64>) -> DriverGrant {
    DriverGrant {
        subject: subject.to_owned(),
        entitlements: entitlements.iter().map(|&word| word.to_owned()).collect(),
        until: until.map(Duration::from_secs),
    }
}

fn leaf() -> VehicleFacts {
    VehicleFacts {
        owner: Some("alice".to_owned()),
        drivers: vec![
            grant("bob", &["StopClimate", "StartClimate"], Some(100)),
            grant("bob", &["StartClimate", "ReadLocation"], None),
            grant("carol", &["StartClimate"], Some(100)),
            grant("dave", &[], None),
            grant("alice", &["StartCharging"], None),
        ],
        fleet: Some("post".to_owned()),
        ..VehicleFacts::default()
    }
}

/// Kind, subject and fleet of who asks, when; the word and the entitlements expected.
type Case = (
    PrincipalKind,
    &'static str,
    Option<&'static str>,
    u64,
    &'static str,
    &'static [&'static str],
);

#[test]
fn a_principal_is_what_the_directory_says_at_that_moment() {
    use PrincipalKind::{Agent, Client, Technician, User, Vehicle};
    const BOTH: &[&str] = &["ReadLocation", "StartClimate", "StopClimate"];
    let table: [Case; 17] = [
        (User, "alice", None, 50, "owner", &["StartCharging"]),
        (User, "alice", Some("post"), 50, "owner", &["StartCharging"]),
        (User, "bob", None, 99, "driver", BOTH),
        (
            User,
            "bob",
            None,
            100,
            "driver",
            &["ReadLocation", "StartClimate"],
        ),
        (User, "carol", None, 99, "driver", &["StartClimate"]),
        (User, "carol", None, 100, "none", &[]), // `until` is exclusive
        (User, "carol", Some("post"), 100, "fleet", &[]),
        (User, "dave", None, 0, "driver", &[]),
        (User, "Alice", None, 50, "none", &[]),
        (User, "", None, 50, "none", &[]),
        (User, "mallory", Some("postal"), 50, "none", &[]),
        (User, "mallory", Some("post"), 50, "fleet", &[]),
        (Client, "post-app", Some("post"), 50, "fleet", &[]),
        (Client, "alice", None, 50, "none", &[]),
        (Technician, "alice", None, 50, "none", &[]),
        (Agent, "bob", None, 50, "none", &[]),
        (Vehicle, "bob", None, 50, "none", &[]),
    ];
    for (kind, subject, fleet, now, word, entitlements) in table {
        let who = principal(kind, subject, fleet);
        let relation = relate(&who, Some(&leaf()), Duration::from_secs(now));
        let case = format!("{kind:?} {subject} {fleet:?} at {now}");
        assert!(relation.known, "{case}");
        assert_eq!(relation.word, word, "{case}");
        assert_eq!(relation.entitlements, entitlements, "{case}");
    }
}

#[test]
fn empty_facts_match_nobody() {
    let facts = VehicleFacts {
        owner: Some(String::new()),
        drivers: vec![grant("", &["StartClimate"], None)],
        fleet: Some(String::new()),
        ..VehicleFacts::default()
    };
    let nobody = principal(PrincipalKind::User, "", Some(""));
    let relation = relate(&nobody, Some(&facts), Duration::ZERO);
    assert_eq!((relation.word, relation.entitlements.len()), ("none", 0));
}

#[test]
fn an_absent_vehicle_has_no_relation() {
    let who = principal(PrincipalKind::User, "alice", Some("post"));
    let expected = Relation {
        known: false,
        word: "none",
        entitlements: Vec::new(),
        scopes: Vec::new(),
        dealerships: Vec::new(),
        agreements: Vec::new(),
        in_case: false,
    };
    assert_eq!(relate(&who, None, Duration::from_secs(1)), expected);
}

fn shared() -> VehicleFacts {
    let at = Duration::from_secs;
    let order = |dealership: &str, assignee, agreed: &[&str], until| WorkOrder {
        id: "W1".to_owned(),
        dealership: dealership.to_owned(),
        assignee,
        agreed: agreed.iter().map(|&word| word.to_owned()).collect(),
        until: at(until),
    };
    let consent = |client: &str, scopes: &[&str], until: Option<u64>| Consent {
        client: client.to_owned(),
        scopes: scopes.iter().map(|&word| word.to_owned()).collect(),
        until: until.map(at),
    };
    let technician = |name: &str| Assignee::Technician(name.to_owned());
    let role = |name: &str| Assignee::Role(name.to_owned());
    VehicleFacts {
        consents: vec![
            consent("charger", &["read_status", "control"], Some(100)),
            consent("charger", &["read_status"], None),
        ],
        work_orders: vec![
            order("north", technician("tom"), &["ReadDiagnostics"], 100),
            order("south", technician("tom"), &["ReadServiceHistory"], 200),
            order("north", role("adviser"), &[], 100),
        ],
        cases: vec![RoadsideCase {
            case: "K1".to_owned(),
            agent: "gil".to_owned(),
            until: at(100),
        }],
        ..VehicleFacts::default()
    }
}

fn employee(subject: &str, dealership: &str, roles: &[&str]) -> Principal {
    Principal {
        tenant: Some(dealership.to_owned()),
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
        ..principal(PrincipalKind::Technician, subject, None)
    }
}

#[test]
fn a_consent_is_to_one_partner_until_it_ends() {
    use PrincipalKind::{Agent, Client, Technician, User};
    for (kind, subject, now, word, scopes) in [
        (
            Client,
            "charger",
            99,
            "partner",
            &["control", "read_status"][..],
        ),
        (Client, "charger", 100, "partner", &["read_status"]),
        (Client, "Charger", 99, "none", &[]),
        (Client, "", 99, "none", &[]),
        (User, "charger", 99, "none", &[]),
        (Technician, "charger", 99, "none", &[]),
        (Agent, "charger", 99, "none", &[]),
    ] {
        let who = principal(kind, subject, None);
        let relation = relate(&who, Some(&shared()), Duration::from_secs(now));
        assert_eq!(relation.word, word, "{kind:?} {subject} at {now}");
        assert_eq!(relation.scopes, scopes, "{kind:?} {subject} at {now}");
    }
}

#[test]
fn a_work_order_is_made_out_to_a_person_or_to_a_role_of_its_dealership() {
    let dealerships =
        |who: &Principal, now| relate(who, Some(&shared()), Duration::from_secs(now)).dealerships;
    let both = vec!["north".to_owned(), "south".to_owned()];
    let tom = employee("tom", "north", &[]);
    assert_eq!(dealerships(&tom, 99), both);
    assert_eq!(dealerships(&tom, 100), ["south"], "`until` is exclusive");
    assert_eq!(dealerships(&tom, 200), [""; 0]);
    let ada = employee("ada", "north", &["adviser"]);
    assert_eq!(dealerships(&ada, 99), ["north"]);
    assert_eq!(dealerships(&ada, 100), [""; 0]);
    let elsewhere = employee("ada", "south", &["adviser"]);
    assert_eq!(
        dealerships(&elsewhere, 99),
        [""; 0],
        "an adviser of another house"
    );
    assert_eq!(
        dealerships(&employee("ada", "north", &["manager"]), 99),
        [""; 0]
    );
    let namesake = principal(PrincipalKind::User, "tom", None);
    assert_eq!(dealerships(&namesake, 99), [""; 0]);
    let relation = relate(&tom, Some(&shared()), Duration::from_secs(150));
    let agreed = ("south".to_owned(), "ReadServiceHistory".to_owned());
    assert_eq!(
        (relation.word, relation.agreements),
        ("technician", vec![agreed])
    );
}

#[test]
fn a_case_is_one_agents_until_it_ends() {
    use PrincipalKind::{Agent, User};
    for (kind, subject, now, expected) in [
        (Agent, "gil", 99, true),
        (Agent, "gil", 100, false),
        (Agent, "ida", 99, false),
        (User, "gil", 99, false),
    ] {
        let who = principal(kind, subject, None);
        let relation = relate(&who, Some(&shared()), Duration::from_secs(now));
        let word = if expected { "agent" } else { "none" };
        let case = format!("{kind:?} {subject} at {now}");
        assert_eq!(
            (relation.in_case, relation.word),
            (expected, word),
            "{case}"
        );
    }
}
