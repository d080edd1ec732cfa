//! Is a kept answer the fresh one, whatever the facts?

use std::time::Duration;

use proptest::prelude::*;

use super::properties::{caller, circumstances, facts};
use super::{NOW, VIN, plainly, shipped_set, user};
use crate::config::file::PrincipalKind;
use crate::pipeline::identity::sign_in::{Authentication, Freshness, Strength};
use crate::pipeline::ownership::{
    self, Assignee, Consent, RoadsideCase, SubjectFacts, VehicleFacts, WorkOrder,
};
use crate::pipeline::policy::{Circumstances, Question, Resource, ResourceKind, compute, evaluate};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

proptest! {
    /// One memory serves all cases of this property, so most answers are kept ones.
    #[test]
    fn a_kept_answer_is_the_fresh_one(
        principal in caller(),
        facts in prop::option::weighted(0.9, facts()),
        pick in any::<prop::sample::Index>(),
        context in circumstances(),
    ) {
        let set = shipped_set();
        let mut actions: Vec<&str> = set.slices.actions()
            .filter(|one| set.applies(one, principal.kind, ResourceKind::Vehicle)).collect();
        actions.sort_unstable();
        let action = pick.get(&actions);
        let vin = Vin::read(VIN).unwrap();
        let relation = ownership::relate(&principal, facts.as_ref(), NOW);
        let resource = Resource::Vehicle(&vin, facts.as_ref(), &relation);
        let question = Question { principal: &principal, action, resource, context };
        let fresh = compute(set, question).unwrap();
        for _ in 0..2 {
            let mut findings = Findings::default();
            let answer = evaluate(set, question, &mut findings);
            prop_assert_eq!(answer.is_ok(), fresh.outcome.is_ok());
            prop_assert_eq!(&findings.policies, &fresh.policies);
        }
    }
}

fn key(principal: &Principal, facts: Option<&VehicleFacts>, action: &str, vin: &str) -> [u8; 32] {
    key_in(plainly(), principal, facts, (action, vin))
}

fn key_in(
    context: Circumstances<'_>,
    principal: &Principal,
    facts: Option<&VehicleFacts>,
    (action, vin): (&str, &str),
) -> [u8; 32] {
    let vin = Vin::read(vin).unwrap();
    let relation = ownership::relate(principal, facts, NOW);
    let resource = Resource::Vehicle(&vin, facts, &relation);
    shipped_set().memo.key(Question {
        principal,
        action,
        resource,
        context,
    })
}

#[test]
#[expect(clippy::too_many_lines, reason = "one fact a line")]
fn every_fact_makes_another_key() {
    let anna = user("anna");
    let car = VehicleFacts {
        owner: Some("anna".to_owned()),
        ..VehicleFacts::default()
    };
    let base = key(&anna, Some(&car), "StartClimate", VIN);
    assert_eq!(
        base,
        key(&anna, Some(&car), "StartClimate", VIN),
        "the same question"
    );
    let callers = [
        Principal {
            subject: "ben".to_owned(),
            ..anna.clone()
        },
        Principal {
            issuer: "other".into(),
            ..anna.clone()
        },
        Principal {
            client: Some("app".to_owned()),
            ..anna.clone()
        },
        Principal {
            fleet: Some("acme".to_owned()),
            ..anna.clone()
        },
        Principal {
            tenant: Some("north".to_owned()),
            ..anna.clone()
        },
        Principal {
            roles: vec!["adviser".to_owned()],
            ..anna.clone()
        },
        Principal {
            scopes: vec!["x".to_owned()],
            ..anna.clone()
        },
        Principal {
            kind: PrincipalKind::Client,
            ..anna.clone()
        },
    ];
    for caller in &callers {
        assert_ne!(
            base,
            key(caller, Some(&car), "StartClimate", VIN),
            "{caller:?}"
        );
    }
    let cars = [
        VehicleFacts {
            owner: None,
            ..car.clone()
        },
        VehicleFacts {
            owner: Some("ben".to_owned()),
            ..car.clone()
        },
        VehicleFacts {
            fleet: Some("acme".to_owned()),
            ..car.clone()
        },
        VehicleFacts {
            region: "NE".to_owned(),
            ..car.clone()
        },
        VehicleFacts {
            trim: "S".to_owned(),
            ..car.clone()
        },
        VehicleFacts {
            capabilities: vec!["climate".to_owned()],
            ..car.clone()
        },
        VehicleFacts {
            telematics: true,
            ..car.clone()
        },
        VehicleFacts {
            suspended: true,
            ..car.clone()
        },
    ];
    for other in &cars {
        assert_ne!(
            base,
            key(&anna, Some(other), "StartClimate", VIN),
            "{other:?}"
        );
    }
    assert_ne!(base, key(&anna, None, "StartClimate", VIN));
    assert_ne!(base, key(&anna, Some(&car), "StopClimate", VIN));
    assert_ne!(
        base,
        key(&anna, Some(&car), "StartClimate", "SJNFAAZE0U6000001")
    );
}

#[test]
fn facts_that_run_into_one_another_stay_apart() {
    let scopes = |scopes: &[&str]| Principal {
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..user("anna")
    };
    let one = key(&scopes(&["ab"]), None, "StartClimate", VIN);
    assert_ne!(one, key(&scopes(&["a", "b"]), None, "StartClimate", VIN));
    assert_ne!(one, key(&scopes(&["ab", ""]), None, "StartClimate", VIN));
}

#[test]
fn every_circumstance_makes_another_key() {
    let anna = user("anna");
    let key = |context| key_in(context, &anna, None, ("StartClimate", VIN));
    let with = |strength, freshness| Circumstances {
        authentication: Authentication {
            strength,
            freshness,
            bound: false,
        },
        ..plainly()
    };
    for other in [
        Circumstances {
            surface: "dealer",
            ..plainly()
        },
        Circumstances {
            network: "inner",
            ..plainly()
        },
        Circumstances {
            subject: SubjectFacts { suspended: true },
            ..plainly()
        },
        with(Strength::Basic, Freshness::Fresh),
        with(Strength::Strong, Freshness::Stale),
        Circumstances {
            authentication: Authentication {
                bound: true,
                ..Authentication::STEPPED_UP
            },
            ..plainly()
        },
    ] {
        assert_ne!(key(plainly()), key(other), "{other:?}");
    }
    assert_eq!(
        key(plainly()),
        key(with(Strength::Strong, Freshness::Fresh))
    );
}

/// What stands in a vehicle's facts with its time, and is active.
#[test]
fn every_relation_makes_another_key() {
    let whole = VehicleFacts {
        consents: vec![Consent {
            client: "anna".to_owned(),
            scopes: vec!["control".to_owned()],
            until: None,
        }],
        work_orders: vec![WorkOrder {
            id: "W1".to_owned(),
            dealership: "north".to_owned(),
            assignee: Assignee::Technician("anna".to_owned()),
            agreed: vec!["ReadDiagnostics".to_owned()],
            until: Duration::MAX,
        }],
        cases: vec![RoadsideCase {
            case: "K1".to_owned(),
            agent: "anna".to_owned(),
            until: Duration::MAX,
        }],
        ..VehicleFacts::default()
    };
    let without = |change: fn(&mut VehicleFacts)| {
        let mut facts = whole.clone();
        change(&mut facts);
        facts
    };
    for (kind, other) in [
        (PrincipalKind::Client, without(|car| car.consents.clear())),
        (
            PrincipalKind::Client,
            without(|car| car.consents[0].scopes.clear()),
        ),
        (
            PrincipalKind::Technician,
            without(|car| car.work_orders.clear()),
        ),
        (
            PrincipalKind::Technician,
            without(|car| car.work_orders[0].agreed.clear()),
        ),
        (
            PrincipalKind::Technician,
            without(|car| "south".clone_into(&mut car.work_orders[0].dealership)),
        ),
        (PrincipalKind::Agent, without(|car| car.cases.clear())),
        (
            PrincipalKind::Agent,
            without(|car| car.cases[0].until = NOW),
        ),
    ] {
        let caller = Principal {
            kind,
            ..user("anna")
        };
        let base = key(&caller, Some(&whole), "ReadLocation", VIN);
        assert_ne!(
            base,
            key(&caller, Some(&other), "ReadLocation", VIN),
            "{kind:?} {other:?}"
        );
    }
}
