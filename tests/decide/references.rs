//! Does an alias or a case lead to the one vehicle that it means, and tell nobody else anything?

#![expect(
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use vingate::pipeline::decide::Permit;
use vingate::pipeline::ownership::{Consent, Hints, RoadsideCase, VehicleFacts};
use vingate::pipeline::ports::LookupError;
use vingate::pipeline::vehicle::Vin;

use crate::code;
use crate::fake::{Court, FOREIGN, OWNED, Request, UNKNOWN};
use crate::support::Tokens;

fn soon() -> Duration {
    vingate::clock::unix_time().saturating_add(Duration::from_secs(60))
}

fn consented(to: &str, until: Option<Duration>) -> VehicleFacts {
    VehicleFacts {
        owner: Some("owner".to_owned()),
        region: "NE".to_owned(),
        capabilities: vec!["charging".to_owned()],
        telematics: true,
        consents: vec![Consent {
            client: to.to_owned(),
            scopes: vec!["read_status".to_owned(), "control".to_owned()],
            until,
        }],
        ..VehicleFacts::default()
    }
}

fn in_case(cases: &[(&str, &str, Duration)]) -> VehicleFacts {
    let case = |&(case, agent, until): &(&str, &str, Duration)| RoadsideCase {
        case: case.to_owned(),
        agent: agent.to_owned(),
        until,
    };
    VehicleFacts {
        region: "NE".to_owned(),
        capabilities: vec!["doors".to_owned(), "location".to_owned()],
        telematics: true,
        cases: cases.iter().map(case).collect(),
        ..VehicleFacts::default()
    }
}

fn token(court: &Court, issuer: &str, subject: &str) -> String {
    let mut claims = Tokens::claims(subject);
    claims["iss"] = json!(issuer);
    claims["scope"] = json!("read_status control");
    court.sign(&claims)
}

fn by_partner(court: &Court, subject: &str, target: &str) -> Request {
    Request::get(target).with_token(&token(court, "https://partners.test", subject))
}

fn by_agent(court: &Court, subject: &str, target: &str) -> Request {
    Request::get(target).with_token(&token(court, "https://agents.test", subject))
}

fn vin(permit: &Permit) -> &str {
    permit.vin().map(Vin::as_str).unwrap_or_default()
}

/// How often each thing was asked since the last time: index or alias, vehicle, subject.
fn asked(court: &Court) -> (usize, usize, usize) {
    let take = |count: &std::sync::atomic::AtomicUsize| count.swap(0, Ordering::Relaxed);
    let ports = &court.ports;
    (
        take(&ports.led),
        take(&ports.looked_up),
        take(&ports.asked_about),
    )
}

fn partners() -> Court {
    let mut court = Court::open();
    court.put(OWNED, consented("charger", None));
    court.put(FOREIGN, consented("tracker", None));
    court.alias("charger", "mine", OWNED);
    court.alias("charger", "gone", UNKNOWN);
    court.alias("charger", "unconsented", FOREIGN);
    court.alias("tracker", "theirs", OWNED);
    court.alias("owner", "persons", OWNED);
    court
}

#[test]
fn an_alias_leads_to_the_vehicle_that_the_partner_means() {
    let court = partners();
    let permit = court.judge(&by_partner(&court, "charger", "/partner/mine/battery"));
    assert_eq!(vin(&permit.unwrap()), OWNED);
    assert_eq!(asked(&court), (1, 1, 1));
}

#[test]
fn a_name_that_a_path_has_to_encode_is_read_as_the_upstream_reads_it() {
    let mut court = partners();
    court.alias("charger", "zoë's car", OWNED);
    court.alias("charger", "zo%C3%AB's%20car", FOREIGN);
    let spelt = "/partner/zo%C3%AB's%20car/battery";
    for target in [spelt.to_owned(), format!("{spelt}?id=zo%C3%AB%27s+car")] {
        let permit = court.judge(&by_partner(&court, "charger", &target));
        assert_eq!(vin(&permit.unwrap()), OWNED, "{target}");
    }
    // no other spelling of it is a path
    for target in [
        "/partner/zo%c3%ab's%20car/battery",
        "/partner/zo%C3%AB%27s%20car/battery",
        "/partner/zo%25C3%25AB's%2520car/battery",
        "/partner/zo%EB's%20car/battery",
    ] {
        let judged = court.judge(&by_partner(&court, "charger", target));
        let code = code(&judged);
        assert!(
            matches!(code, "ambiguous-request" | "malformed-request"),
            "{target}"
        );
    }
}

#[test]
fn what_leads_nowhere_takes_the_steps_of_a_foreign_vehicle() {
    let mut court = partners();
    let expired = consented("charger", Some(Duration::from_secs(1)));
    court.put("SJNFAAZE0U6011111", expired);
    court.alias("charger", "expired", "SJNFAAZE0U6011111");
    for alias in ["unconsented", "expired", "gone", "theirs", "unknown", OWNED] {
        let target = format!("/partner/{alias}/battery");
        let judged = court.judge(&by_partner(&court, "charger", &target));
        assert_eq!(code(&judged), "access-denied", "{alias}");
        assert_eq!(asked(&court), (1, 1, 1), "{alias}");
    }
    assert_eq!(court.ports.charged.load(Ordering::Relaxed), 0);
}

/// A person whose subject is a partner's name is not that partner.
#[test]
fn an_alias_means_nothing_to_a_person() {
    let court = partners();
    let judged = court.judge(&Request::get("/partner/persons/battery").by("owner"));
    assert_eq!(code(&judged), "access-denied");
    assert_eq!(asked(&court), (1, 1, 1));
}

#[test]
fn a_request_by_alias_names_no_vin() {
    let court = partners();
    for target in [
        format!("/partner/mine/battery?vin={FOREIGN}"),
        format!("/partner/mine/battery?vin={OWNED}"),
        "/partner/mine/battery?id=theirs".to_owned(),
        "/partner/mine/battery?ID=theirs".to_owned(),
    ] {
        let judged = court.judge(&by_partner(&court, "charger", &target));
        assert_eq!(code(&judged), "vehicle-ambiguous", "{target}");
    }
    assert_eq!(asked(&court), (0, 0, 0));
    let body = format!(r#"{{"vin":"{FOREIGN}"}}"#);
    let charge = Request::post("/partner/mine/charge", "application/json", &body);
    let token = token(&court, "https://partners.test", "charger");
    let judged = court.judge(&charge.with_token(&token));
    assert_eq!(code(&judged), "vehicle-ambiguous");
    let charge = Request::post("/partner/mine/charge", "application/json", "{}");
    let permit = court.judge(&charge.with_token(&token)).unwrap();
    assert_eq!(vin(&permit), OWNED);
    assert_eq!(court.ports.charged.load(Ordering::Relaxed), 1);
}

#[test]
fn a_case_leads_to_the_vehicle_whose_record_has_it_open_for_the_agent() {
    let mut court = Court::open();
    let (past, soon) = (vingate::clock::unix_time(), soon());
    court.put(OWNED, in_case(&[("K1", "gil", soon), ("K2", "gil", past)]));
    court.put(FOREIGN, in_case(&[("K3", "ann", soon)]));
    let judged = court.judge(&by_agent(&court, "gil", "/cases/K1/location"));
    assert_eq!(vin(&judged.unwrap()), OWNED);
    assert_eq!(asked(&court), (1, 1, 1));
    for case in ["K2", "K3", "K9", OWNED] {
        let target = format!("/cases/{case}/location");
        let judged = court.judge(&by_agent(&court, "gil", &target));
        assert_eq!(code(&judged), "access-denied", "{case}");
        assert_eq!(asked(&court), (1, 1, 1), "{case}");
    }
    // the agent has a case about that car, and this is another one
    let judged = court.judge(&by_agent(&court, "ann", "/cases/K1/location"));
    assert_eq!(code(&judged), "access-denied");
}

/// Whoever can write an index gains nothing: the record has to say the same.
#[test]
fn a_lying_index_opens_no_car() {
    let mut court = Court::open();
    court.put(OWNED, in_case(&[("K1", "gil", soon())]));
    let hint = |vins: &[&str]| {
        let vins = vins.iter().map(|vin| Vin::read(vin).unwrap()).collect();
        *court.ports.hints.lock().unwrap() = Some(Hints { vins, more: false });
    };
    let unlock = |case: &str| {
        let request = Request::post(&format!("/cases/{case}/unlock"), "application/json", "{}");
        let token = token(&court, "https://agents.test", "gil");
        court.judge(&request.with_token(&token))
    };
    hint(&[FOREIGN]);
    assert_eq!(code(&unlock("K1")), "access-denied", "another car");
    hint(&[OWNED]);
    assert_eq!(code(&unlock("K2")), "access-denied", "another case");
    hint(&[]);
    assert_eq!(
        code(&unlock("K1")),
        "access-denied",
        "an index that lost it"
    );
    hint(&[FOREIGN, OWNED, UNKNOWN]);
    assert_eq!(vin(&unlock("K1").unwrap()), OWNED, "the truth among lies");
}

#[test]
fn a_case_that_two_cars_have_open_for_one_agent_means_neither() {
    let mut court = Court::open();
    court.put(OWNED, in_case(&[("K1", "gil", soon())]));
    court.put(FOREIGN, in_case(&[("K1", "gil", soon())]));
    let judged = court.judge(&by_agent(&court, "gil", "/cases/K1/location"));
    assert_eq!(code(&judged), "access-denied");
    court.put(FOREIGN, in_case(&[("K1", "ann", soon())]));
    let judged = court.judge(&by_agent(&court, "gil", "/cases/K1/location"));
    assert_eq!(vin(&judged.unwrap()), OWNED);
}

#[test]
fn a_look_up_that_fails_is_no_answer() {
    let court = partners();
    let mine = by_partner(&court, "charger", "/partner/mine/battery");
    *court.ports.lead_failure.lock().unwrap() = Some(LookupError::Unreachable);
    assert_eq!(code(&court.judge(&mine)), "dependency-unavailable");
    let case = by_agent(&court, "gil", "/cases/K1/location");
    assert_eq!(code(&court.judge(&case)), "dependency-unavailable");
    *court.ports.lead_failure.lock().unwrap() = None;
    court.ports.fail_directory(Some(LookupError::TimedOut));
    for target in ["/partner/mine/battery", "/partner/unknown/battery"] {
        let judged = court.judge(&by_partner(&court, "charger", target));
        assert_eq!(code(&judged), "dependency-unavailable", "{target}");
    }
}
