//! What comes of each change, and what can't be meant?

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::adapters::facts::form::VehicleForm;
use crate::adapters::facts::import::{BadLines, Terms};
use crate::adapters::facts::{Fact, line};

const UNTIL: &str = "2027-01-01T00:00:00Z";

fn vin() -> Vin {
    Vin::read("SJNFAAZE0U6012345").unwrap()
}

/// A vehicle on which everything is granted.
fn facts() -> VehicleFacts {
    let line = json!({
        "vin": vin().as_str(), "owner": "anna", "fleet": "f1", "region": "NE", "trim": "SV",
        "capabilities": ["climate"], "telematics": true,
        "drivers": [
            {"subject": "ben", "entitlements": ["StartClimate"], "until": null},
            {"subject": "eve", "entitlements": ["StopClimate"], "until": UNTIL},
        ],
        "consents": [{"client": "c1", "scopes": ["read"], "until": null}],
        "work_orders": [
            {"id": "W1", "dealership": "D1", "technician": "tom", "agreed": ["A"], "until": UNTIL},
            {"id": "W1", "dealership": "D2", "role": "advisor", "agreed": [], "until": UNTIL},
        ],
        "cases": [{"case": "K1", "agent": "kim", "until": UNTIL}],
    });
    let terms = Terms {
        bad: BadLines::Refuse,
        regions: ["NE".to_owned()].into(),
        issuers: std::collections::BTreeSet::new(),
    };
    match line::read(line.to_string().as_bytes(), &terms).unwrap() {
        Fact::Vehicle(_, facts) => *facts,
        Fact::Subject(..) | Fact::Alias(..) => panic!("a vehicle"),
    }
}

fn granted(what: Value) -> Result<VehicleFacts, Problem> {
    Change::Grant(serde_json::from_value(what).unwrap()).apply(&vin(), &facts())
}

fn revoked(what: Value) -> Result<VehicleFacts, Problem> {
    Change::Revoke(serde_json::from_value(what).unwrap()).apply(&vin(), &facts())
}

#[test]
fn a_sale_leaves_nobody_but_the_new_owner() {
    let before = VehicleFacts {
        suspended: true,
        ..facts()
    };
    let sale = Change::Grant(Granted::Owner(OwnerForm {
        subject: "otto".to_owned(),
    }));
    let after = sale.apply(&vin(), &before).unwrap();
    let expected = VehicleFacts {
        owner: Some("otto".to_owned()),
        region: "NE".to_owned(),
        trim: "SV".to_owned(),
        capabilities: vec!["climate".to_owned()],
        telematics: true,
        suspended: true,
        ..VehicleFacts::default()
    };
    assert_eq!(after, expected);
    assert_eq!(
        differences(&before, &after),
        [
            "owner: replaced",
            "fleet: removed",
            "drivers: 2 -> 0",
            "consents: 1 -> 0",
            "work orders: 2 -> 0",
            "cases: 1 -> 0",
        ]
    );
    let again = granted(json!({"owner": {"subject": "anna"}})).unwrap_err();
    assert_eq!(again.code(), "no-such-change", "it would end everything");
}

#[test]
fn a_grant_replaces_what_the_same_one_had() {
    let driver = |subject: &str| {
        granted(json!({"driver": {"subject": subject, "entitlements": ["A"], "until": UNTIL}}))
            .unwrap()
            .drivers
    };
    assert_eq!(driver("ben").len(), 2);
    let ben = driver("ben");
    let ben = ben.iter().find(|grant| grant.subject == "ben").unwrap();
    assert_eq!(ben.entitlements, ["A"]);
    assert_eq!(ben.until, Some(Duration::from_secs(1_798_761_600)));
    assert_eq!(driver("ida").len(), 3);
    let consents = |client: &str| {
        let consent = json!({"consent": {"client": client, "scopes": ["x"], "until": null}});
        granted(consent).unwrap().consents.len()
    };
    assert_eq!((consents("c1"), consents("c2")), (1, 2));
    let orders = |dealership: &str, who: &str| {
        let order = json!({"work_order": {
            "id": "W1", "dealership": dealership, "technician": who, "agreed": [], "until": UNTIL,
        }});
        granted(order).unwrap().work_orders.len()
    };
    assert_eq!((orders("D1", "tom"), orders("D1", "ida")), (2, 3));
    let cases = |agent: &str| {
        let case = json!({"case": {"case": "K1", "agent": agent, "until": UNTIL}});
        granted(case).unwrap().cases.len()
    };
    assert_eq!((cases("kim"), cases("ida")), (1, 2));
}

#[test]
fn what_no_import_would_take_is_refused() {
    let long = "x".repeat(257);
    let many: Vec<String> = (0..51).map(|number| format!("s{number}")).collect();
    let table = [
        (json!({"owner": {"subject": ""}}), "`owner` is empty"),
        (json!({"owner": {"subject": long}}), "longer than 256"),
        (
            json!({"driver": {"subject": "a\u{7}b", "entitlements": [], "until": null}}),
            "control character",
        ),
        (
            json!({"driver": {"subject": "ben", "entitlements": ["a b"], "until": null}}),
            "not the name of an action",
        ),
        (
            json!({"driver": {"subject": "ben", "entitlements": [], "until": "tomorrow"}}),
            "is not a time",
        ),
        (
            json!({"consent": {"client": "c", "scopes": many, "until": null}}),
            "more than 50",
        ),
        (
            json!({"work_order": {"id": "W", "dealership": "D", "agreed": [], "until": UNTIL}}),
            "`technician` or `role`",
        ),
        (
            json!({"case": {"case": "K", "agent": "a", "until": "x"}}),
            "is not a time",
        ),
    ];
    for (what, expected) in table {
        let refused = granted(what.clone()).unwrap_err();
        assert_eq!(refused.code(), "malformed-request", "{what}");
        assert!(
            refused.detail().contains(expected),
            "{what}: {}",
            refused.detail()
        );
    }
}

#[test]
fn a_vehicle_can_not_grow_beyond_what_an_import_takes() {
    let mut full = facts();
    let one = full.cases[0].clone();
    full.cases = (0..20)
        .map(|number| crate::pipeline::ownership::RoadsideCase {
            case: format!("K{number}"),
            ..one.clone()
        })
        .collect();
    let grant = |what: Value, facts: &VehicleFacts| {
        Change::Grant(serde_json::from_value(what).unwrap()).apply(&vin(), facts)
    };
    let case = json!({"case": {"case": "K99", "agent": "a", "until": UNTIL}});
    let refused = grant(case, &full).unwrap_err();
    assert!(
        refused.detail().contains("more than 20"),
        "{}",
        refused.detail()
    );
    let one = full.drivers[0].clone();
    full.drivers = (0..2_000)
        .map(|number| crate::pipeline::ownership::DriverGrant {
            subject: format!("subject-{number}"),
            ..one.clone()
        })
        .collect();
    let driver = json!({"driver": {"subject": "x", "entitlements": [], "until": null}});
    let refused = grant(driver, &full).unwrap_err();
    assert!(refused.detail().contains("64 KiB"), "{}", refused.detail());
    // taking away is never refused for that
    let less = Change::Revoke(Revoked::Owner).apply(&vin(), &full).unwrap();
    assert_eq!(less.drivers, []);
}

#[test]
fn a_revocation_takes_away_what_it_names_and_no_more() {
    let told = |what: Value| differences(&facts(), &revoked(what).unwrap());
    let table = [
        (
            json!({"driver": {"subject": "ben"}}),
            vec!["drivers: 2 -> 1"],
        ),
        (
            json!({"consent": {"client": "c1"}}),
            vec!["consents: 1 -> 0"],
        ),
        (
            json!({"work_order": {"id": "W1", "dealership": "D1"}}),
            vec!["work orders: 2 -> 1"],
        ),
        (json!({"case": {"case": "K1"}}), vec!["cases: 1 -> 0"]),
        (json!({"all": {"subject": "ben"}}), vec!["drivers: 2 -> 1"]),
        (json!({"all": {"subject": "c1"}}), vec!["consents: 1 -> 0"]),
        (
            json!({"all": {"subject": "tom"}}),
            vec!["work orders: 2 -> 1"],
        ),
        (json!({"all": {"subject": "kim"}}), vec!["cases: 1 -> 0"]),
        (
            json!("owner"),
            vec![
                "owner: removed",
                "fleet: removed",
                "drivers: 2 -> 0",
                "consents: 1 -> 0",
                "work orders: 2 -> 0",
                "cases: 1 -> 0",
            ],
        ),
    ];
    for (what, expected) in table {
        assert_eq!(told(what.clone()), expected, "{what}");
    }
    let everything = revoked(json!({"all": {"subject": "anna"}})).unwrap();
    assert_eq!(everything, revoked(json!("owner")).unwrap());
}

#[test]
fn what_is_not_there_is_not_revoked() {
    for what in [
        json!({"driver": {"subject": "anna"}}),
        json!({"consent": {"client": "ben"}}),
        json!({"work_order": {"id": "W1", "dealership": "D9"}}),
        json!({"case": {"case": "K9"}}),
        json!({"all": {"subject": "nobody"}}),
    ] {
        assert_eq!(
            revoked(what.clone()).unwrap_err().code(),
            "nothing-to-revoke",
            "{what}"
        );
    }
    let ownerless = revoked(json!("owner")).unwrap();
    let again = Change::Revoke(Revoked::Owner).apply(&vin(), &ownerless);
    assert_eq!(again.unwrap_err().code(), "nothing-to-revoke");
}

#[test]
fn a_suspension_is_set_and_taken_back_once() {
    let suspended = Change::Suspend.apply(&vin(), &facts()).unwrap();
    assert!(suspended.suspended);
    let again = Change::Suspend.apply(&vin(), &suspended).unwrap_err();
    assert_eq!(again.code(), "no-such-change");
    let back = Change::Unsuspend.apply(&vin(), &suspended).unwrap();
    assert_eq!(back, facts());
    assert!(Change::Unsuspend.apply(&vin(), &back).is_err());
}

#[test]
fn no_difference_names_anybody() {
    let after = granted(json!({"owner": {"subject": "otto"}})).unwrap();
    let told = differences(&facts(), &after).join(" ");
    let form = serde_json::to_value(VehicleForm::of(&vin(), &facts()).unwrap()).unwrap();
    assert!(form.to_string().contains("anna"));
    for name in ["anna", "otto", "ben", "c1", "tom", "kim", "W1"] {
        assert!(!told.contains(name), "{told}");
    }
}
