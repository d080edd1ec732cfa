//! Does a record explain its own decision?

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::properties::{caller, circumstances, facts};
use super::{NOW, VIN, car, plainly, policy, shipped, shipped_set, unvalidated, user};
use crate::config::file::PrincipalKind;
use crate::denial::Denial;
use crate::pipeline::audit::tests::route;
use crate::pipeline::audit::{self, Outcome, Pseudonyms};
use crate::pipeline::identity::sign_in::Authentication;
use crate::pipeline::ownership::{self, VehicleFacts};
use crate::pipeline::policy::explain::explain_record;
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::recorded::{Decision, Judged};
use crate::pipeline::policy::source::Source;
use crate::pipeline::policy::{
    Circumstances, PolicySet, Question, Resource, ResourceKind, evaluate,
};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

fn vin() -> Option<Vin> {
    Vin::read(VIN).ok()
}

/// Allows who proved that their token is theirs, and nobody else.
fn for_bound_tokens() -> PolicySet {
    let text = "permit (principal, action, resource) when { context.bound };";
    unvalidated(&policy("bound", text))
}

/// The line of a decision, written as the gateway does.
fn line(
    set: &PolicySet,
    principal: &Principal,
    (action, facts, found): (&str, Option<&VehicleFacts>, Option<Vin>),
    context: Circumstances<'_>,
) -> (String, Result<(), Denial>, Vec<Arc<str>>) {
    let keys = Pseudonyms::new(&[7; 32]).unwrap();
    let principal = Principal {
        pseudonym: keys.subject(&principal.issuer, &principal.subject),
        ..principal.clone()
    };
    let vin = Vin::read(VIN).unwrap();
    let relation = ownership::relate(&principal, facts, NOW);
    let resource = Resource::Vehicle(&vin, facts, &relation);
    let mut findings = Findings::default();
    let question = Question {
        principal: &principal,
        action,
        resource,
        context,
    };
    let answer = evaluate(set, question, &mut findings);
    findings.judged = Some(Judged {
        revision: Arc::clone(set.revision()),
        authentication: context.authentication,
        subject: context.subject,
        vehicle: facts.cloned().map(Arc::new),
    });
    findings.relation = Some(relation);
    findings.situation.route = Some(route(context.surface));
    findings.situation.action = Some(set.class(action));
    findings.situation.principal = Some(Arc::new(principal));
    findings.situation.vin = found;
    let by = findings.policies.clone();
    let outcome = match &answer {
        Ok(()) => Outcome::Forwarded,
        Err(denial) => Outcome::Denied(denial.clone()),
    };
    let record = audit::record(
        &audit::Facts {
            shortfall: None,
            head: None,
            listener: context.network,
            peer: None,
            id: Uuid::nil(),
            received_at: NOW,
            findings: &findings,
            outcome: &outcome,
            status: None,
            duration: Duration::ZERO,
            masked: 0,
            rules_revision: &Arc::from("r1"),
            board_revision: 1,
            had_intent: false,
        },
        &keys,
    );
    (record.line, answer, by)
}

proptest! {
    /// What stands for subjects and VINs decides as they did.
    #[test]
    fn a_record_decides_as_the_request_did(
        principal in caller(),
        facts in prop::option::weighted(0.9, facts()),
        pick in any::<prop::sample::Index>(),
        context in circumstances(),
        resolved in any::<bool>(),
    ) {
        let set = shipped_set();
        let mut actions: Vec<&str> = set.slices.actions()
            .filter(|one| set.applies(one, principal.kind, ResourceKind::Vehicle)).collect();
        actions.sort_unstable();
        let action = pick.get(&actions);
        // A car never asks for what its own name doesn't lead to.
        let resolved = resolved || facts.is_some() || principal.kind == PrincipalKind::Vehicle;
        let asked = (*action, facts.as_ref(), vin().filter(|_| resolved));
        let (line, answer, by) = line(set, &principal, asked, context);
        if answer.is_ok() && !set.is_command(action) {
            prop_assert!(Decision::read(&line).is_err(), "an allowed read holds no facts");
            return Ok(());
        }
        let decision = Decision::read(&line).map_err(TestCaseError::fail)?;
        let (again, by_again) = decision.again(set);
        match (&answer, &again) {
            // a policy may allow what the directory doesn't know; the gateway then refuses it
            (Ok(()), Err(Denial::AccessDenied(_))) if facts.is_none() => {}
            (answer, again) => prop_assert_eq!(
                answer.as_ref().map_err(Denial::reason), again.as_ref().map_err(Denial::reason)
            ),
        }
        let by: Vec<String> = by.iter().map(ToString::to_string).collect();
        prop_assert_eq!(by, by_again.into_iter().collect::<Vec<_>>());
    }
}

fn told(line: &str) -> Result<String, String> {
    let record = Source {
        place: "record".to_owned(),
        text: line.to_owned(),
    };
    let lines = explain_record(&Files::folder(&shipped()), &record);
    lines
        .map(|lines| lines.join("\n"))
        .map_err(|mistakes| mistakes.to_string())
}

fn anna_asks_for_ben(action: &str) -> String {
    let car = VehicleFacts {
        telematics: true,
        capabilities: vec!["climate".to_owned()],
        ..car("ben")
    };
    line(
        shipped_set(),
        &user("anna"),
        (action, Some(&car), vin()),
        plainly(),
    )
    .0
}

#[test]
fn a_default_deny_is_told_by_the_nearest_permit() {
    let told = told(&anna_asks_for_ben("StartClimate")).unwrap();
    assert!(
        told.contains("not permitted: no policy permits it"),
        "{told}"
    );
    assert!(
        told.contains("nearest permit: @id(\"driver.granted\")"),
        "{told}"
    );
    assert!(
        told.contains("does not hold: when resource.grants.contains("),
        "{told}"
    );
    assert!(!told.contains("note:"), "{told}");
    assert!(!told.contains("anna") && !told.contains("ben`"), "{told}");
}

/// An alias or a case that leads nowhere is judged like a foreign vehicle, and recorded without one.
#[test]
fn a_name_that_leads_to_no_vehicle_is_told_as_one() {
    let partner = Principal {
        kind: PrincipalKind::Client,
        scopes: vec!["read_status".to_owned()],
        ..user("app")
    };
    let asked = ("ReadOdometer", None, None);
    let (line, answer, _) = line(shipped_set(), &partner, asked, plainly());
    assert!(answer.is_err() && !line.contains("\"vin\""), "{line}");
    let told = told(&line).unwrap();
    assert!(
        told.contains("does ReadOdometer to a vehicle that its name didn't lead to:"),
        "{told}"
    );
    assert!(
        told.contains("forbidden by @id(\"telematics.off\")"),
        "{told}"
    );
    assert!(!told.contains("note:"), "{told}");
}

#[test]
fn a_forbid_is_told_with_its_reason() {
    let told = told(&anna_asks_for_ben("ReadTripHistory")).unwrap();
    assert!(told.contains("forbidden by @id(\"owner.only\")"), "{told}");
    assert!(told.contains("are the owner's alone"), "{told}");
}

#[test]
fn other_policies_and_another_answer_are_noted() {
    let mut record: Value = serde_json::from_str(&anna_asks_for_ben("StartClimate")).unwrap();
    record["facts"]["policies"] = json!("0123456789abcdef");
    record["policies"] = json!(["valet.drive"]);
    record["reason"] = json!("forbidden");
    let told = told(&record.to_string()).unwrap();
    let here = shipped_set().revision();
    let revision = format!("note: decided by policies 0123456789abcdef; these are {here}");
    assert!(told.contains(&revision), "{told}");
    let other = "note: recorded: forbidden by valet.drive; here: not-permitted by no policy";
    assert!(told.contains(other), "{told}");
}

#[test]
fn a_car_that_reports_is_itself_in_its_record_too() {
    let itself = Principal {
        kind: PrincipalKind::Vehicle,
        ..user(VIN)
    };
    let facts = car("ben");
    let (line, answer, _) = line(
        shipped_set(),
        &itself,
        ("IngestTelemetry", Some(&facts), vin()),
        plainly(),
    );
    assert_eq!(answer, Ok(()));
    assert!(!line.contains(VIN), "{line}");
    let told = told(&line).unwrap();
    assert!(
        told.contains("permitted by @id(\"vehicle.itself\")"),
        "{told}"
    );
}

#[test]
fn what_is_no_record_with_facts_is_refused_with_what_is_missing() {
    let record: Value = serde_json::from_str(&anna_asks_for_ben("StartClimate")).unwrap();
    let without = |change: fn(&mut Value)| {
        let mut record = record.clone();
        change(&mut record);
        record.to_string()
    };
    let remove = |name: &'static str| {
        let mut record = record.clone();
        record.as_object_mut().unwrap().remove(name);
        record.to_string()
    };
    for (line, wanted) in [
        ("{".to_owned(), "no record of the audit log"),
        (remove("facts"), "holds no facts"),
        (remove("principal"), "no `principal`"),
        (remove("action"), "no `action`"),
        (remove("relation"), "no `relation`"),
        (
            without(|one| one["facts"]["age"] = json!(1)),
            "unknown field `age`",
        ),
        (
            without(|one| one["vin"] = json!("anything")),
            "is no pseudonym of a VIN",
        ),
    ] {
        let message = told(&line).unwrap_err();
        assert!(message.contains(wanted), "{line}: {message}");
    }
}

#[test]
fn what_a_bound_token_may_do_is_its_own_and_its_record_s() {
    let set = for_bound_tokens();
    for bound in [true, false, true] {
        let context = Circumstances {
            authentication: Authentication {
                bound,
                ..Authentication::STEPPED_UP
            },
            ..plainly()
        };
        let asked = ("StartClimate", Some(&car("anna")), vin());
        let (line, answer, _) = line(&set, &user("anna"), asked, context);
        assert_eq!(answer.is_ok(), bound, "also by what is remembered");
        let (again, _) = Decision::read(&line).unwrap().again(&set);
        assert_eq!(again.is_ok(), bound, "{line}");
    }
}
