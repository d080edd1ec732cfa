//! Is a slice's answer that of the whole set, whatever a scope or a condition can say?

use std::collections::BTreeSet;
use std::sync::LazyLock;

use cedar_policy::{Decision, Policy};
use proptest::prelude::*;

use super::properties::{WRITTEN, caller, circumstances, facts, whole};
use super::{NOW, VIN, assembled, named, policy};
use crate::denial::AccessFlaw;
use crate::pipeline::ownership;
use crate::pipeline::policy::vocabulary::KINDS;
use crate::pipeline::policy::{Question, Resource, ResourceKind, compute};
use crate::pipeline::vehicle::Vin;

/// What a scope can say of who asks, of the action and of the resource.
const PRINCIPALS: &[&str] = &[
    "principal",
    "principal is User",
    "principal is Technician",
    "principal is Vehicle",
    "principal == User::\"anna\"",
    "principal in User::\"ben\"",
    "principal is Client in Client::\"eve\"",
];
const ACTIONS: &[&str] = &[
    "action",
    "action == Action::\"ReadLocation\"",
    "action in Action::\"Read\"",
    "action in [Action::\"Wake\", Action::\"TransferOwnership\"]",
    "action in Action::\"Personal\"",
    "action in [Action::\"Ingest\", Action::\"StartCharging\", Action::\"Ownership\"]",
];
const RESOURCES: &[&str] = &[
    "resource",
    "resource is Vehicle",
    "resource is Surface",
    "resource == Vehicle::\"SJNFAAZE0U6012345\"",
    "resource == Surface::\"portal\"",
    "resource in Vehicle::\"SJNFAAZE0U6012345\"",
];

/// What a condition can say that depends on what of the actions is there; and what errs.
const CONDITIONS: &[&str] = &[
    "",
    "when { action in Action::\"Comfort\" }",
    "unless { action in [Action::\"Read\", Action::\"Security\"] }",
    "when { Action::\"StartClimate\" in Action::\"Wake\" && context.strength == \"strong\" }",
    "when { Action::\"ReadLocation\" in action }",
    "unless { [Action::\"UnlockDoors\", Action::\"ReadVin\"].contains(action) }",
    "when { Action::\"Personal\" in Action::\"Read\" } unless { context.suspended }",
    "when { action has reason }",
    "when { principal has fleet }",
    "when { principal.fleet == Fleet::\"acme\" }",
    "when { resource has telematics && resource.telematics }",
    "when { resource.owner == principal }",
    "when { principal.roles.contains(\"adviser\") }",
];

/// One policy of each scope that is in `picks`.
fn written(picks: &[(bool, [prop::sample::Index; 4])]) -> Vec<Policy> {
    let text = picks.iter().enumerate().map(|(number, (permit, parts))| {
        let effect = if *permit { "permit" } else { "forbid" };
        let pick = |part: usize, among: &[&'static str]| *parts[part].get(among);
        let (who, what) = (pick(0, PRINCIPALS), pick(1, ACTIONS));
        let (which, when) = (pick(2, RESOURCES), pick(3, CONDITIONS));
        let text = format!("{effect} ({who}, {what}, {which}) {when};");
        policy(&format!("p{number}"), &text)
    });
    named(&text.collect::<String>())
}

static ACTION_NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let actions = WRITTEN.schema.actions();
    let mut names: Vec<String> = actions.map(|one| one.id().unescaped().to_owned()).collect();
    names.sort();
    names
});

proptest! {
    // A case loads a set, so a case asks about several actions.
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// The same decision by the same policies, and as many errors.
    #[test]
    fn a_slice_decides_as_the_whole_set_does(
        picks in prop::collection::vec(any::<(bool, [prop::sample::Index; 4])>(), 1..8),
        principal in caller(),
        facts in prop::option::weighted(0.9, facts()),
        context in circumstances(),
        actions in prop::sample::subsequence(ACTION_NAMES.clone(), 12),
    ) {
        let policies = written(&picks);
        let set = assembled(&policies);
        let vin = Vin::read(VIN).unwrap();
        let relation = ownership::relate(&principal, facts.as_ref(), NOW);
        let vehicle = Resource::Vehicle(&vin, facts.as_ref(), &relation);
        for action in &actions {
            for resource in [vehicle, Resource::Surface] {
                if !set.applies(action, principal.kind, resource.kind()) {
                    continue;
                }
                let question = Question { principal: &principal, action, resource, context };
                let (decision, by, errors) = whole(&policies, question);
                match compute(&set, question) {
                    Err(erred) => prop_assert_eq!(erred, errors, "{}", action),
                    Ok(verdict) => {
                        prop_assert_eq!(errors, 0, "{}", action);
                        prop_assert_eq!(verdict.outcome.is_ok(), decision == Decision::Allow, "{}", action);
                        let ours: BTreeSet<String> = verdict.policies.iter().map(ToString::to_string).collect();
                        prop_assert_eq!(&ours, &by, "{}", action);
                        let silent = verdict.outcome == Err(AccessFlaw::NotPermitted);
                        prop_assert_eq!(silent, decision == Decision::Deny && by.is_empty());
                    }
                }
            }
        }
    }
}

/// Policies about other actions and other types are not in a slice at all.
#[test]
fn a_slice_has_no_policy_that_cannot_match() {
    let mut text = String::new();
    for number in 0..50 {
        let about =
            "permit (principal is User, action == Action::\"HonkFlash\", resource is Vehicle)";
        let when = format!("when {{ resource.trim == \"T{number}\" }};");
        text.push_str(&policy(&format!("p{number}"), &format!("{about} {when}")));
    }
    text.push_str(&policy(
        "surface",
        "forbid (principal, action, resource is Surface);",
    ));
    let set = assembled(&named(&text));
    for kind in KINDS {
        for action in ACTION_NAMES.iter() {
            let Some(slice) = set.slices.find(action, kind) else {
                continue;
            };
            let expected = match (slice.takes(ResourceKind::Surface), action.as_str()) {
                (true, _) => 1,
                (false, "HonkFlash") => 50,
                (false, _) => 0,
            };
            assert_eq!(
                slice.policies().policies().count(),
                expected,
                "{action} {kind:?}"
            );
        }
    }
}
