//! What holds for every vehicle and every principal?

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use cedar_policy::{Authorizer, Context, Decision, Entities, PolicySet as Cedar, Request};
use proptest::prelude::*;

use super::{NOW, VIN, ask, shipped, shipped_set, user};
use crate::config::file::PrincipalKind;
use crate::pipeline::ownership::{self, DriverGrant, VehicleFacts};
use crate::pipeline::policy::entities::{self, Attribute, Names, Needs};
use crate::pipeline::policy::{Question, Resource, ResourceKind, evaluate, read};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

static WRITTEN: LazyLock<read::Written> =
    LazyLock::new(|| read::read(&shipped(), read::SCHEMA).unwrap());

fn small(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(words).prop_map(str::to_owned)
}

pub(super) fn facts() -> impl Strategy<Value = VehicleFacts> {
    const SUBJECTS: &[&str] = &["anna", "ben", "eve"];
    const FLEETS: &[&str] = &["acme", "rival"];
    const ENTITLEMENTS: &[&str] = &[
        "StartClimate",
        "ReadLocation",
        "ReadTripHistory",
        "InviteDriver",
    ];
    const CAPABILITIES: &[&str] = &["climate", "charging", "doors", "horn", "location"];
    let until = prop::option::of((0_u64..4).prop_map(|step| {
        NOW.saturating_sub(Duration::from_secs(2))
            .saturating_add(Duration::from_secs(step))
    }));
    let grant = (
        small(SUBJECTS),
        prop::collection::vec(small(ENTITLEMENTS), 0..4),
        until,
    )
        .prop_map(|(subject, entitlements, until)| DriverGrant {
            subject,
            entitlements,
            until,
        });
    (
        prop::option::of(small(SUBJECTS)),
        prop::collection::vec(grant, 0..3),
        prop::option::of(small(FLEETS)),
        small(&["S", "SV", "SL", ""]),
        prop::collection::vec(small(CAPABILITIES), 0..5),
        prop::bool::weighted(0.8),
    )
        .prop_map(
            |(owner, drivers, fleet, trim, capabilities, telematics)| VehicleFacts {
                owner,
                drivers,
                fleet,
                region: "NE".to_owned(),
                trim,
                capabilities,
                telematics,
            },
        )
}

pub(super) fn caller() -> impl Strategy<Value = Principal> {
    (
        prop::sample::select(&entities::KINDS[..]),
        small(&["anna", "ben", "eve", VIN]),
        prop::option::of(small(&["acme", "rival"])),
        prop::option::of(small(&["app"])),
    )
        .prop_map(|(kind, subject, fleet, client)| Principal {
            kind,
            client,
            fleet,
            ..user(&subject)
        })
}

/// The whole set over everything that is known, schema and all: slow, and plainly right.
fn plainly(question: Question<'_>) -> (Decision, BTreeSet<String>) {
    let names = Names::of(&WRITTEN.schema).unwrap();
    let all: Needs = Attribute::ALL.into();
    let asked = entities::build(&names, &all, question).unwrap();
    let stored: Vec<_> = asked
        .entities
        .into_iter()
        .filter(|one| {
            question.principal.kind != PrincipalKind::Vehicle || one.uid() == asked.resource
        })
        .collect();
    let entities = Entities::from_entities(stored, Some(&WRITTEN.schema)).unwrap();
    let action = format!("Action::\"{}\"", question.action).parse().unwrap();
    let context: Context = asked.context;
    let request = Request::new(
        asked.principal,
        action,
        asked.resource,
        context,
        Some(&WRITTEN.schema),
    )
    .unwrap();
    let set = Cedar::from_policies(WRITTEN.policies.iter().cloned()).unwrap();
    let response = Authorizer::new().is_authorized(&request, &set, &entities);
    assert_eq!(response.diagnostics().errors().count(), 0);
    let by = response
        .diagnostics()
        .reason()
        .map(ToString::to_string)
        .collect();
    (response.decision(), by)
}

proptest! {
    /// Slices, minimal entities and minimal contexts change no answer.
    #[test]
    fn slicing_changes_no_answer(
        principal in caller(),
        facts in prop::option::weighted(0.9, facts()),
        pick in any::<prop::sample::Index>(),
    ) {
        let set = shipped_set();
        let mut actions: Vec<String> = WRITTEN.schema.actions().map(|one| one.id().unescaped().to_owned())
            .filter(|one| set.applies(one, principal.kind, ResourceKind::Vehicle)).collect();
        actions.sort();
        let action = pick.get(&actions);
        let vin = Vin::read(VIN).unwrap();
        let relation = ownership::relate(&principal, facts.as_ref(), NOW);
        let resource = Resource::Vehicle(&vin, facts.as_ref(), &relation);
        let question = Question { principal: &principal, action, resource, surface: "portal" };
        let mut findings = Findings::default();
        let answer = evaluate(set, question, &mut findings);
        let (decision, by) = plainly(question);
        prop_assert_eq!(answer.is_ok(), decision == Decision::Allow);
        prop_assert_eq!(findings.policy_errors, 0);
        let ours: BTreeSet<String> = findings.policies.iter().map(ToString::to_string).collect();
        prop_assert_eq!(ours, by);
    }

    /// Whoever is neither owner, nor granted driver, nor manager of its fleet gets nothing.
    #[test]
    fn a_stranger_never_gets_anything(facts in facts(), fleet in prop::option::of(small(&["other"]))) {
        let set = shipped_set();
        let stranger = Principal { fleet, ..user("mallory") };
        for action in set.slices.actions() {
            let (answer, _) = ask(set, &stranger, action, Some(&facts));
            prop_assert!(answer.is_err(), "{}", action);
        }
    }

    /// What is the owner's alone is nobody else's, whatever a grant or a fleet says.
    #[test]
    fn trips_and_rights_are_the_owners_alone(facts in facts(), principal in caller()) {
        let owns = principal.kind == PrincipalKind::User && facts.owner.as_ref() == Some(&principal.subject);
        for action in ["ReadTripHistory", "ReadDriveAnalysis", "InviteDriver", "DisableTelematics"] {
            let (answer, _) = ask(shipped_set(), &principal, action, Some(&facts));
            prop_assert!(answer.is_err() || owns, "{}", action);
        }
    }
}
