//! Do loading and evaluating keep what they promise?

mod loading;
mod kept;
mod properties;
mod recorded;
mod signing_in;
mod slicing;
mod table;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cedar_policy::PolicySet as Cedar;

use super::*;
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::SignIn;
use crate::pipeline::ownership;

const NOW: Duration = Duration::from_secs(1_780_000_000);
const VIN: &str = "SJNFAAZE0U6012345";

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn shipped_set() -> &'static PolicySet {
    static SET: std::sync::OnceLock<PolicySet> = std::sync::OnceLock::new();
    SET.get_or_init(|| PolicySet::load(&shipped()).unwrap_or_else(|wrong| panic!("{wrong}")))
}

fn policy(id: &str, text: &str) -> String {
    format!("@id(\"{id}\")\n@owner(\"tests\")\n@reason(\"a test\")\n{text}\n")
}

/// Skips validation, as nothing but a test can.
fn unvalidated(policies: &str) -> PolicySet {
    assembled(&named(policies))
}

fn assembled(policies: &[Policy]) -> PolicySet {
    let schema = &properties::WRITTEN.schema;
    PolicySet::assemble(schema, policies, Arc::from("test")).unwrap()
}

/// Each under its `@id`.
fn named(policies: &str) -> Vec<Policy> {
    let set: Cedar = policies.parse().unwrap();
    let named = set
        .policies()
        .map(|one| one.new_id(PolicyId::new(one.annotation("id").unwrap())));
    named.collect()
}

fn user(subject: &str) -> Principal {
    Principal {
        kind: PrincipalKind::User,
        issuer: Arc::from("owners"),
        subject: subject.to_owned(),
        client: None,
        scopes: Vec::new(),
        fleet: None,
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

fn car(owner: &str) -> VehicleFacts {
    VehicleFacts {
        owner: Some(owner.to_owned()),
        region: "NE".to_owned(),
        trim: "SV".to_owned(),
        capabilities: vec!["climate".to_owned(), "charging".to_owned()],
        telematics: true,
        ..VehicleFacts::default()
    }
}

/// Just signed in, by more than a password, in good standing.
fn plainly() -> Circumstances<'static> {
    Circumstances {
        surface: "portal",
        network: "edge",
        authentication: Authentication::STEPPED_UP,
        subject: SubjectFacts::default(),
    }
}

fn ask(
    policies: &PolicySet,
    principal: &Principal,
    action: &str,
    facts: Option<&VehicleFacts>,
) -> (Result<(), Denial>, Findings) {
    let vin = Vin::read(VIN).unwrap();
    let relation = ownership::relate(principal, facts, NOW);
    let question = Question {
        principal,
        action,
        resource: Resource::Vehicle(&vin, facts, &relation),
        context: plainly(),
    };
    let mut findings = Findings::default();
    let answer = evaluate(policies, question, &mut findings);
    (answer, findings)
}

fn denied(flaw: AccessFlaw) -> Result<(), Denial> {
    Err(Denial::AccessDenied(flaw))
}

#[test]
fn an_allow_names_its_policy() {
    let (answer, findings) = ask(
        shipped_set(),
        &user("anna"),
        "StartClimate",
        Some(&car("anna")),
    );
    assert_eq!(answer, Ok(()));
    assert_eq!(findings.policies, vec![Arc::from("owner.own-car")]);
    assert_eq!(findings.policy_errors, 0);
}

#[test]
fn no_permit_and_a_forbid_are_told_apart_in_the_record_only() {
    let (nothing, _) = ask(
        shipped_set(),
        &user("eve"),
        "StartClimate",
        Some(&car("anna")),
    );
    let (forbid, findings) = ask(
        shipped_set(),
        &user("eve"),
        "ReadTripHistory",
        Some(&car("anna")),
    );
    assert_eq!(nothing, denied(AccessFlaw::NotPermitted));
    assert_eq!(forbid, denied(AccessFlaw::Forbidden));
    assert_eq!(findings.policies, vec![Arc::from("owner.only")]);
    let public = |answer: &Result<(), Denial>| {
        answer
            .as_ref()
            .map_err(|no| (no.status(), no.code()))
            .unwrap_err()
    };
    assert_eq!(public(&nothing), public(&forbid));
}

#[test]
fn an_unknown_vehicle_is_evaluated_and_denied() {
    for action in [
        "ReadVehicle",
        "ReadBatteryStatus",
        "StartClimate",
        "DisableTelematics",
    ] {
        let (answer, findings) = ask(shipped_set(), &user("anna"), action, None);
        assert!(answer.is_err(), "{action}");
        assert_eq!(findings.policy_errors, 0, "empty facts are facts: {action}");
    }
}

#[test]
fn what_the_schema_lacks_is_denied() {
    let set = shipped_set();
    for action in ["StartRocket", "Read", "ListVehicles", "IngestTelemetry", ""] {
        let (answer, _) = ask(set, &user("anna"), action, Some(&car("anna")));
        assert_eq!(answer, denied(AccessFlaw::NotPermitted), "{action}");
    }
}

/// Cedar skips what errs: without a rule of our own the permit would stand.
#[test]
fn erroring_forbid_denies() {
    let permit = policy("open", "permit (principal, action, resource);");
    let forbid = policy(
        "broken",
        "forbid (principal, action, resource) when { context.nosuch };",
    );
    let set = unvalidated(&permit);
    let (answer, _) = ask(&set, &user("eve"), "StartClimate", Some(&car("anna")));
    assert_eq!(answer, Ok(()), "the permit alone allows");
    let set = unvalidated(&format!("{permit}{forbid}"));
    let (answer, findings) = ask(&set, &user("eve"), "StartClimate", Some(&car("anna")));
    assert_eq!(answer, denied(AccessFlaw::PolicyError));
    assert_eq!(findings.policy_errors, 1);
}

#[test]
fn erroring_permit_denies_beside_a_good_one() {
    let good = policy("good", "permit (principal, action, resource);");
    let bad = policy(
        "bad",
        "permit (principal, action, resource) when { principal.nosuch == 1 };",
    );
    let set = unvalidated(&format!("{good}{bad}"));
    let (answer, findings) = ask(&set, &user("eve"), "StartClimate", Some(&car("anna")));
    assert_eq!(answer, denied(AccessFlaw::PolicyError));
    assert_eq!(findings.policy_errors, 1);
}

#[test]
fn actions_apply_as_the_schema_says() {
    let set = shipped_set();
    let (car, surface) = (ResourceKind::Vehicle, ResourceKind::Surface);
    for (action, kind, resource, expected) in [
        ("StartClimate", PrincipalKind::User, car, true),
        ("StartClimate", PrincipalKind::User, surface, false),
        ("StartClimate", PrincipalKind::Client, car, false),
        ("StartCharging", PrincipalKind::Client, car, true),
        ("ListVehicles", PrincipalKind::User, surface, true),
        ("ListVehicles", PrincipalKind::User, car, false),
        ("ReadDiagnostics", PrincipalKind::Technician, car, true),
        ("UnlockDoors", PrincipalKind::Agent, car, true),
        ("IngestTelemetry", PrincipalKind::Vehicle, car, true),
        ("Read", PrincipalKind::User, car, false),
        ("StartRocket", PrincipalKind::User, car, false),
    ] {
        assert_eq!(
            set.applies(action, kind, resource),
            expected,
            "{action} {kind:?} {resource:?}"
        );
    }
}

#[test]
fn whatever_has_an_effect_is_a_command() {
    let set = shipped_set();
    for action in [
        "Login",
        "ReadStatic",
        "ListVehicles",
        "ReadVehicle",
        "ReadTripHistory",
        "ReadLocation",
        "PollResult",
    ] {
        assert!(!set.is_command(action), "{action}");
    }
    for action in [
        "StartClimate",
        "StopCharging",
        "RefreshStatus",
        "LocateVehicle",
        "SendDestination",
        "UnlockDoors",
        "DisableTelematics",
        "TransferOwnership",
        "IngestTelemetry",
        "StartRocket",
    ] {
        assert!(set.is_command(action), "{action}");
    }
}

/// A new command that no capability covers would be sent to cars that can't do it.
#[test]
fn every_comfort_and_security_command_needs_a_capability() {
    let bare = VehicleFacts {
        capabilities: Vec::new(),
        ..car("anna")
    };
    let schema = read::read(&Files::folder(&shipped()), read::SCHEMA)
        .unwrap()
        .schema;
    let hierarchy = schema.action_entities().unwrap();
    let mut seen = 0;
    for group in ["Comfort", "Security"] {
        let group = format!("Action::\"{group}\"").parse().unwrap();
        for action in schema
            .actions()
            .filter(|one| hierarchy.is_ancestor_of(&group, one))
        {
            let (answer, findings) = ask(
                shipped_set(),
                &user("anna"),
                action.id().unescaped(),
                Some(&bare),
            );
            assert_eq!(answer, denied(AccessFlaw::Forbidden), "{action}");
            assert!(
                findings
                    .policies
                    .iter()
                    .any(|id| id.starts_with("capability.")),
                "{action}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 11, "{seen}");
}

#[test]
fn shipped_cases_pass() {
    let report = cases::run_cases(shipped_set(), &Files::folder(&shipped()))
        .unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(report.failures, Vec::new());
    assert!(report.total > 150, "{}", report.total);
}
