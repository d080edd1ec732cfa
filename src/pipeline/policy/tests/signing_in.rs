//! Is a better sign-in asked for where it would help, and nowhere else?

use super::{VIN, ask, car, denied, plainly, policy, shipped_set, unvalidated, user};
use crate::denial::{AccessFlaw, Denial};
use crate::pipeline::identity::sign_in::{Authentication, Freshness, SignIn, Strength};
use crate::pipeline::ownership::{self, VehicleFacts};
use crate::pipeline::policy::{Circumstances, PolicySet, Question, Resource, evaluate};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

fn with(
    set: &PolicySet,
    (strength, freshness): (Strength, Freshness),
    principal: &Principal,
    (action, facts): (&str, Option<&VehicleFacts>),
) -> (Result<(), Denial>, Findings) {
    let vin = Vin::read(VIN).unwrap();
    let relation = ownership::relate(principal, facts, super::NOW);
    let question = Question {
        principal,
        action,
        resource: Resource::Vehicle(&vin, facts, &relation),
        context: Circumstances {
            authentication: Authentication {
                strength,
                freshness,
                bound: false,
            },
            ..plainly()
        },
    };
    let mut findings = Findings::default();
    (evaluate(set, question, &mut findings), findings)
}

fn anna() -> Principal {
    Principal {
        sign_in: SignIn {
            strong_acr: "mfa hwk".into(),
            ..SignIn::default()
        },
        ..user("anna")
    }
}

const WEAK: [(Strength, Freshness); 3] = [
    (Strength::Basic, Freshness::Stale),
    (Strength::Basic, Freshness::Fresh),
    (Strength::Strong, Freshness::Stale),
];

#[test]
fn an_owner_is_asked_to_step_up_for_rights() {
    let car = car("anna");
    for sign_in in WEAK {
        let asked = ("DisableTelematics", Some(&car));
        let (answer, findings) = with(shipped_set(), sign_in, &anna(), asked);
        assert_eq!(
            answer,
            Err(Denial::StepUpRequired("mfa hwk".into())),
            "{sign_in:?}"
        );
        assert_eq!(
            findings.policies,
            vec![std::sync::Arc::from("step-up.rights")],
            "of the first answer alone"
        );
    }
    let (answer, _) = ask(shipped_set(), &anna(), "DisableTelematics", Some(&car));
    assert_eq!(answer, Ok(()));
}

#[test]
fn a_stranger_and_an_unknown_vehicle_are_never_asked_to_step_up() {
    let (others, silent) = (
        car("ben"),
        VehicleFacts {
            telematics: false,
            ..car("ben")
        },
    );
    for facts in [Some(&others), Some(&silent), None] {
        for action in ["DisableTelematics", "InviteDriver", "UnlockDoors"] {
            for sign_in in WEAK {
                let (answer, _) = with(shipped_set(), sign_in, &anna(), (action, facts));
                assert_eq!(answer, denied(AccessFlaw::Forbidden), "{action} {facts:?}");
            }
        }
    }
}

#[test]
fn stepping_up_lifts_no_other_forbid() {
    let no_doors = VehicleFacts {
        capabilities: Vec::new(),
        ..car("anna")
    };
    let weak = WEAK[0];
    let (answer, _) = with(
        shipped_set(),
        weak,
        &anna(),
        ("UnlockDoors", Some(&no_doors)),
    );
    assert_eq!(answer, denied(AccessFlaw::Forbidden));
    let doors = VehicleFacts {
        capabilities: vec!["doors".to_owned()],
        ..car("anna")
    };
    let (answer, _) = with(shipped_set(), weak, &anna(), ("UnlockDoors", Some(&doors)));
    assert_eq!(answer, Err(Denial::StepUpRequired("mfa hwk".into())));
}

/// An error in the second answer is an error, not a challenge.
#[test]
fn an_error_after_stepping_up_denies() {
    let permit = policy("open", "permit (principal, action, resource);");
    let step_up = "@advice(\"step-up\")\nforbid (principal, action, resource) unless { context.strength == \"strong\" };";
    let broken = "forbid (principal, action, resource) when { context.strength == \"strong\" && context.nosuch };";
    let set = unvalidated(&format!(
        "{permit}{}{}",
        policy("step", step_up),
        policy("broken", broken)
    ));
    let car = car("eve");
    let (answer, findings) = with(&set, WEAK[0], &user("anna"), ("StartClimate", Some(&car)));
    assert_eq!(answer, denied(AccessFlaw::PolicyError));
    assert_eq!(findings.policy_errors, 1);
}

/// A challenge that asks for a sign-in is met with the token's binding as it is.
#[test]
fn stepping_up_binds_no_token() {
    let permit = policy("open", "permit (principal, action, resource);");
    let step_up = "@advice(\"step-up\")\nforbid (principal, action, resource) unless { context.strength == \"strong\" };";
    let bound = "forbid (principal, action, resource) unless { context.bound };";
    let set = unvalidated(&format!(
        "{permit}{}{}",
        policy("step", step_up),
        policy("bound", bound)
    ));
    let (anna, car) = (anna(), car("eve"));
    let vin = Vin::read(VIN).unwrap();
    let relation = ownership::relate(&anna, Some(&car), super::NOW);
    let asked = |bound| {
        let question = Question {
            principal: &anna,
            action: "StartClimate",
            resource: Resource::Vehicle(&vin, Some(&car), &relation),
            context: Circumstances {
                authentication: Authentication {
                    bound,
                    ..Authentication::default()
                },
                ..plainly()
            },
        };
        evaluate(&set, question, &mut Findings::default())
    };
    assert_eq!(asked(true), Err(Denial::StepUpRequired("mfa hwk".into())));
    assert_eq!(asked(false), denied(AccessFlaw::Forbidden));
}
