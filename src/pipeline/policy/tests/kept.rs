//! Is a kept answer the fresh one, whatever the facts?

use proptest::prelude::*;

use super::properties::{caller, facts};
use super::{NOW, VIN, shipped_set, user};
use crate::pipeline::ownership::{self, VehicleFacts};
use crate::pipeline::policy::{Question, Resource, compute, evaluate};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

proptest! {
    /// One memory serves all cases of this property, so most answers are kept ones.
    #[test]
    fn a_kept_answer_is_the_fresh_one(
        principal in caller(),
        facts in prop::option::weighted(0.9, facts()),
        action in prop::sample::select(&["ReadBatteryStatus", "StartClimate", "PollResult"][..]),
    ) {
        let set = shipped_set();
        let vin = Vin::read(VIN).unwrap();
        let relation = ownership::relate(&principal, facts.as_ref(), NOW);
        let resource = Resource::Vehicle(&vin, facts.as_ref(), &relation);
        let question = Question { principal: &principal, action, resource, surface: "portal" };
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
    let vin = Vin::read(vin).unwrap();
    let relation = ownership::relate(principal, facts, NOW);
    let resource = Resource::Vehicle(&vin, facts, &relation);
    let surface = "portal";
    shipped_set().memo.key(Question {
        principal,
        action,
        resource,
        surface,
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
            scopes: vec!["x".to_owned()],
            ..anna.clone()
        },
        Principal {
            kind: crate::config::file::PrincipalKind::Client,
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
