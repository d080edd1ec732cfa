//! What holds for every vehicle and every principal?

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use cedar_policy::{Authorizer, Context, Decision, Entities, Policy, PolicySet as Cedar, Request};
use proptest::prelude::*;

use super::{NOW, VIN, ask, plainly, shipped, shipped_set, user};
use crate::config::file::PrincipalKind;
use crate::pipeline::identity::sign_in::{Authentication, Freshness, Strength};
use crate::pipeline::ownership::{
    self, Assignee, Consent, DriverGrant, RoadsideCase, SubjectFacts, VehicleFacts, WorkOrder,
};
use crate::pipeline::policy::entities;
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::vocabulary::{Attribute, KINDS, Names, Needs};
use crate::pipeline::policy::{Circumstances, Question, Resource, ResourceKind, evaluate, read};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

pub(super) static WRITTEN: LazyLock<read::Written> =
    LazyLock::new(|| read::read(&Files::folder(&shipped()), read::SCHEMA).unwrap());

fn small(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(words).prop_map(str::to_owned)
}

const SUBJECTS: &[&str] = &["anna", "ben", "eve"];
const PLACES: &[&str] = &["north", "south"];
const ROLES: &[&str] = &["technician", "adviser", "manager"];
const SCOPES: &[&str] = &[
    "read_status",
    "read_location",
    "control",
    "control_security",
];

/// A little before now, now, a little after.
fn end() -> impl Strategy<Value = Duration> {
    (0_u64..4).prop_map(|step| {
        NOW.saturating_sub(Duration::from_secs(2))
            .saturating_add(Duration::from_secs(step))
    })
}

fn words(words: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(small(words), 0..most)
}

fn grant() -> impl Strategy<Value = DriverGrant> {
    const ENTITLEMENTS: &[&str] = &[
        "StartClimate",
        "ReadLocation",
        "ReadTripHistory",
        "InviteDriver",
    ];
    let parts = (
        small(SUBJECTS),
        words(ENTITLEMENTS, 4),
        prop::option::of(end()),
    );
    parts.prop_map(|(subject, entitlements, until)| DriverGrant {
        subject,
        entitlements,
        until,
    })
}

fn consent() -> impl Strategy<Value = Consent> {
    let parts = (small(SUBJECTS), words(SCOPES, 4), prop::option::of(end()));
    parts.prop_map(|(client, scopes, until)| Consent {
        client,
        scopes,
        until,
    })
}

fn order() -> impl Strategy<Value = WorkOrder> {
    const AGREED: &[&str] = &["ReadDiagnostics", "TransferOwnership"];
    let assignee = prop_oneof![
        small(SUBJECTS).prop_map(Assignee::Technician),
        small(ROLES).prop_map(Assignee::Role),
    ];
    let parts = (small(PLACES), assignee, words(AGREED, 3), end());
    parts.prop_map(|(dealership, assignee, agreed, until)| WorkOrder {
        id: "W1".to_owned(),
        dealership,
        assignee,
        agreed,
        until,
    })
}

fn case() -> impl Strategy<Value = RoadsideCase> {
    (small(SUBJECTS), end()).prop_map(|(agent, until)| RoadsideCase {
        case: "K1".to_owned(),
        agent,
        until,
    })
}

pub(super) fn facts() -> impl Strategy<Value = VehicleFacts> {
    const FLEETS: &[&str] = &["acme", "rival"];
    const CAPABILITIES: &[&str] = &["climate", "charging", "doors", "horn", "location"];
    let relations = (
        prop::collection::vec(grant(), 0..3),
        prop::collection::vec(consent(), 0..3),
        prop::collection::vec(order(), 0..4),
        prop::collection::vec(case(), 0..2),
    );
    (
        prop::option::of(small(SUBJECTS)),
        prop::option::of(small(FLEETS)),
        small(&["S", "SV", "SL", ""]),
        words(CAPABILITIES, 5),
        (prop::bool::weighted(0.8), prop::bool::weighted(0.1)),
        relations,
    )
        .prop_map(
            |(owner, fleet, trim, capabilities, (telematics, suspended), relations)| {
                let (drivers, consents, work_orders, cases) = relations;
                VehicleFacts {
                    owner,
                    drivers,
                    fleet,
                    region: "NE".to_owned(),
                    trim,
                    capabilities,
                    telematics,
                    consents,
                    work_orders,
                    cases,
                    suspended,
                }
            },
        )
}

pub(super) fn caller() -> impl Strategy<Value = Principal> {
    (
        prop::sample::select(&KINDS[..]),
        small(&["anna", "ben", "eve", VIN]),
        prop::option::of(small(&["acme", "rival"])),
        prop::option::of(small(&["app"])),
        (
            prop::option::of(small(PLACES)),
            words(ROLES, 3),
            words(SCOPES, 4),
        ),
    )
        .prop_map(
            |(kind, subject, fleet, client, (tenant, roles, scopes))| Principal {
                kind,
                client,
                scopes,
                fleet,
                tenant,
                roles,
                ..user(&subject)
            },
        )
}

pub(super) fn circumstances() -> impl Strategy<Value = Circumstances<'static>> {
    (
        prop::sample::select(&["portal", "dealer"][..]),
        prop::sample::select(&["edge", "inner"][..]),
        prop::sample::select(&[Strength::Basic, Strength::Strong][..]),
        prop::sample::select(&[Freshness::Stale, Freshness::Fresh][..]),
        prop::bool::ANY,
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(surface, network, strength, freshness, bound, suspended)| Circumstances {
                surface,
                network,
                authentication: Authentication {
                    strength,
                    freshness,
                    bound,
                },
                subject: SubjectFacts { suspended },
            },
        )
}

/// The whole set over everything that is known, schema and all: slow, and plainly right.
fn slowly(question: Question<'_>) -> (Decision, BTreeSet<String>) {
    let (decision, by, errors) = whole(&WRITTEN.policies, question);
    assert_eq!(errors, 0);
    (decision, by)
}

/// The same, of other policies, with how many of them erred.
pub(super) fn whole(
    policies: &[Policy],
    question: Question<'_>,
) -> (Decision, BTreeSet<String>, usize) {
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
    let set = Cedar::from_policies(policies.iter().cloned()).unwrap();
    let response = Authorizer::new().is_authorized(&request, &set, &entities);
    let errors = response.diagnostics().errors().count();
    let by = response
        .diagnostics()
        .reason()
        .map(ToString::to_string)
        .collect();
    (response.decision(), by, errors)
}

proptest! {
    /// Slices, minimal entities and minimal contexts change no answer.
    #[test]
    fn slicing_changes_no_answer(
        principal in caller(),
        facts in prop::option::weighted(0.9, facts()),
        pick in any::<prop::sample::Index>(),
        context in circumstances(),
    ) {
        let set = shipped_set();
        let mut actions: Vec<String> = WRITTEN.schema.actions().map(|one| one.id().unescaped().to_owned())
            .filter(|one| set.applies(one, principal.kind, ResourceKind::Vehicle)).collect();
        actions.sort();
        let action = pick.get(&actions);
        let vin = Vin::read(VIN).unwrap();
        let relation = ownership::relate(&principal, facts.as_ref(), NOW);
        let resource = Resource::Vehicle(&vin, facts.as_ref(), &relation);
        let question = Question { principal: &principal, action, resource, context };
        let mut findings = Findings::default();
        let answer = evaluate(set, question, &mut findings);
        let (decision, by) = slowly(question);
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

    /// Who or what is suspended gets nothing, but that a car may report of itself.
    #[test]
    fn nothing_is_allowed_to_whom_or_to_what_is_suspended(
        principal in caller(),
        facts in facts(),
        by_car in any::<bool>(),
    ) {
        let set = shipped_set();
        let facts = VehicleFacts { suspended: by_car, ..facts };
        let subject = SubjectFacts { suspended: !by_car };
        let vin = Vin::read(VIN).unwrap();
        let relation = ownership::relate(&principal, Some(&facts), NOW);
        let resource = Resource::Vehicle(&vin, Some(&facts), &relation);
        let context = Circumstances { subject, ..plainly() };
        for action in set.slices.actions() {
            let question = Question { principal: &principal, action, resource, context };
            let answer = evaluate(set, question, &mut Findings::default());
            let report = by_car && action.starts_with("Ingest");
            prop_assert!(answer.is_err() || report, "{}", action);
        }
    }
}
