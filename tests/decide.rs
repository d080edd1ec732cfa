//! Is a request judged in the right order, and does every missing answer deny?
//!
//! The decision over real rules, with ports that do what a test says.

mod support;
#[path = "decide/estate.rs"]
mod estate;
#[path = "decide/fake.rs"]
mod fake;
#[path = "decide/bound.rs"]
mod bound;
#[path = "decide/ports.rs"]
mod ports;
#[path = "decide/facts.rs"]
mod facts;
#[path = "decide/lists.rs"]
mod lists;
#[path = "decide/polls.rs"]
mod polls;
#[path = "decide/references.rs"]
mod references;
#[path = "decide/region.rs"]
mod region;
#[path = "decide/rehearse.rs"]
mod rehearse;
#[path = "decide/revoked.rs"]
mod revoked;
#[path = "decide/introspected.rs"]
mod introspected;

use std::sync::atomic::Ordering;
use std::time::Duration;

use fake::{Court, FOREIGN, OWNED, Request, UNKNOWN};
use vingate::denial::Denial;
use vingate::pipeline::ports::LookupError;
use vingate::switchboard::changes::{self, By, New};
use vingate::switchboard::{Board, Ramp, Scope, Share, Shut, State};

fn closed(scope: Scope) -> Board {
    in_state(scope, State::Closed)
}

fn in_state(scope: Scope, state: State) -> Board {
    let new = New {
        state,
        ..New::closing("c-1".to_owned(), scope, "test".to_owned())
    };
    let by = By {
        who: "test",
        at: 0,
        revision: 1,
        break_glass: false,
    };
    Board::default().with(changes::begin(new, by))
}

fn code<T>(judged: &Result<T, Denial>) -> &'static str {
    judged.as_ref().err().map_or("permit", Denial::code)
}

#[test]
fn the_owner_is_permitted() {
    let court = Court::open();
    let permit = court.judge(&Request::read(OWNED).by("owner")).unwrap();
    assert_eq!(permit.route().id.as_ref(), "battery");
    assert_eq!(
        permit.vin().map(|vin| vin.as_str().to_owned()).as_deref(),
        Some(OWNED)
    );
    assert_eq!(court.ports.looked_up.load(Ordering::Relaxed), 1);
}

#[test]
fn foreign_unknown_and_forbidden_are_one_answer_after_the_same_steps() {
    let court = Court::open();
    for vin in [FOREIGN, UNKNOWN] {
        court.ports.looked_up.store(0, Ordering::Relaxed);
        let judged = court.judge(&Request::read(vin).by("owner"));
        assert_eq!(code(&judged), "access-denied", "{vin}");
        assert_eq!(court.ports.looked_up.load(Ordering::Relaxed), 1, "{vin}");
        let asked_about = court.ports.asked_about.swap(0, Ordering::Relaxed);
        assert_eq!(asked_about, 1, "{vin}");
        assert_eq!(court.ports.charged.load(Ordering::Relaxed), 0, "{vin}");
    }
    let forbidden = court.judge(&Request::read(fake::SILENT).by("owner"));
    assert_eq!(code(&forbidden), "access-denied", "telematics is off");
}

#[test]
fn no_token_asks_the_directory_nothing() {
    let court = Court::open();
    assert_eq!(code(&court.judge(&Request::read(OWNED))), "token-missing");
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).with_token("garbage"))),
        "token-invalid"
    );
    assert_eq!(court.ports.looked_up.load(Ordering::Relaxed), 0);
}

#[test]
fn a_flood_is_stopped_before_everything_else() {
    let court = Court::open();
    court.ports.flooded.store(true, Ordering::Relaxed);
    assert_eq!(
        code(&court.judge(&Request::get("/nowhere"))),
        "quota-exceeded"
    );
}

#[test]
fn a_closed_entrance_is_told_before_identity() {
    let mut court = Court::open();
    for scope in [
        Scope {
            surfaces: ["mobile".to_owned()].into(),
            ..Scope::default()
        },
        Scope {
            routes: ["battery".to_owned()].into(),
            ..Scope::default()
        },
        Scope {
            upstreams: ["telematics".to_owned()].into(),
            ..Scope::default()
        },
    ] {
        court.board = closed(scope);
        assert_eq!(code(&court.judge(&Request::read(OWNED))), "closed");
    }
}

#[test]
fn a_closed_client_or_subject_is_told_only_to_itself() {
    let mut court = Court::open();
    court.board = closed(Scope {
        clients: ["test-app".to_owned()].into(),
        ..Scope::default()
    });
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("owner"))),
        "closed"
    );
    assert_eq!(code(&court.judge(&Request::read(OWNED))), "token-missing");
    court.board = closed(Scope {
        subjects: ["owners/owner".to_owned()].into(),
        ..Scope::default()
    });
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("owner"))),
        "closed"
    );
    assert_eq!(
        code(&court.judge(&Request::read(FOREIGN).by("stranger"))),
        "permit"
    );
}

#[test]
fn a_closed_vehicle_is_told_only_to_whom_it_is_allowed() {
    let mut court = Court::open();
    court.board = closed(Scope {
        vehicles: [OWNED.to_owned()].into(),
        ..Scope::default()
    });
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("owner"))),
        "closed"
    );
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("stranger"))),
        "access-denied"
    );
}

#[test]
fn the_second_look_denies_what_was_closed_meanwhile() {
    let court = Court::open();
    let permit = court.judge(&Request::read(OWNED).by("owner")).unwrap();
    assert!(
        permit
            .confirm(&Board::default(), &court.revoked, Duration::ZERO)
            .is_ok()
    );
    for scope in [
        Scope {
            surfaces: ["mobile".to_owned()].into(),
            ..Scope::default()
        },
        Scope {
            clients: ["test-app".to_owned()].into(),
            ..Scope::default()
        },
        Scope {
            vehicles: [OWNED.to_owned()].into(),
            ..Scope::default()
        },
    ] {
        assert_eq!(
            code(&permit.confirm(&closed(scope), &court.revoked, Duration::ZERO)),
            "closed"
        );
    }
}

#[test]
fn read_only_refuses_commands_also_those_that_a_body_chooses() {
    let mut court = Court::open();
    court.board = in_state(surface("mobile"), State::ReadOnly);
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("owner"))),
        "permit"
    );
    let climate = Request::command(OWNED);
    assert_eq!(
        code(&court.judge(&climate)),
        "read-only",
        "known at the entrance"
    );
    let hvac = |start: &str| {
        let body = format!(r#"{{"data":{{"attributes":{{"action":"{start}"}}}}}}"#);
        Request::hvac(OWNED, &body).by("owner")
    };
    assert_eq!(code(&court.judge(&hvac("start"))), "read-only");
    court.board = in_state(actions("StopClimate"), State::Closed);
    assert_eq!(code(&court.judge(&hvac("stop"))), "closed");
    assert_eq!(code(&court.judge(&hvac("start"))), "permit");
}

fn surface(name: &str) -> Scope {
    Scope {
        surfaces: [name.to_owned()].into(),
        ..Scope::default()
    }
}

fn actions(name: &str) -> Scope {
    Scope {
        actions: [name.to_owned()].into(),
        ..Scope::default()
    }
}

#[test]
fn a_restored_entrance_lets_testers_in_and_nobody_else_yet() {
    let mut court = Court::open();
    let ramp = Ramp {
        from: Shut::Closed,
        stage: Share::Testers,
        since: 0,
        step: None,
        testers: ["owners/owner".to_owned()].into(),
        draw: "k".to_owned(),
    };
    court.board = in_state(surface("mobile"), State::Restoring(ramp));
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("owner"))),
        "permit"
    );
    assert_eq!(
        code(&court.judge(&Request::read(FOREIGN).by("stranger"))),
        "closed"
    );
    assert_eq!(code(&court.judge(&Request::read(OWNED))), "token-missing");
}

#[test]
fn an_unanswered_look_up_is_never_an_allow() {
    let court = Court::open();
    for failure in [
        LookupError::TimedOut,
        LookupError::Unreachable,
        LookupError::Malformed,
    ] {
        court.ports.fail_directory(Some(failure));
        let judged = court.judge(&Request::read(OWNED).by("owner"));
        assert_eq!(code(&judged), "dependency-unavailable", "{failure}");
    }
    court.ports.fail_directory(None);
    court.ports.hang_directory.store(true, Ordering::Relaxed);
    let judged = court.judge(&Request::read(OWNED).by("owner"));
    assert_eq!(
        code(&judged),
        "dependency-unavailable",
        "a look-up that never ends"
    );
}

#[test]
fn a_used_up_or_failing_ledger_denies() {
    let court = Court::open();
    court.ports.exhausted.store(true, Ordering::Relaxed);
    assert_eq!(
        code(&court.judge(&Request::command(OWNED).by("owner"))),
        "quota-exceeded"
    );
    court.ports.exhausted.store(false, Ordering::Relaxed);
    court.ports.fail_ledger.store(true, Ordering::Relaxed);
    assert_eq!(
        code(&court.judge(&Request::command(OWNED).by("owner"))),
        "dependency-unavailable"
    );
}

#[test]
fn nothing_passes_without_a_place_for_its_record() {
    let mut court = Court::open();
    court.recordable = false;
    for request in [Request::read(OWNED), Request::command(OWNED)] {
        assert_eq!(
            code(&court.judge(&request.by("owner"))),
            "dependency-unavailable"
        );
    }
}

#[test]
fn reads_alone_pass_without_a_record_where_the_configuration_says_so() {
    let mut court = Court::with(&["audit.when_unavailable=\"allow-reads\""]);
    court.recordable = false;
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("owner"))),
        "permit"
    );
    assert_eq!(
        code(&court.judge(&Request::command(OWNED).by("owner"))),
        "dependency-unavailable"
    );
}

#[test]
fn a_command_whose_intent_is_not_on_disk_is_refused() {
    let court = Court::open();
    let permit = court.judge(&Request::command(OWNED).by("owner")).unwrap();
    assert!(permit.intent_written());
    court.ports.fail_audit.store(true, Ordering::Relaxed);
    assert_eq!(
        code(&court.judge(&Request::command(OWNED).by("owner"))),
        "dependency-unavailable"
    );
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("owner"))),
        "permit",
        "a read has none"
    );
}

#[test]
fn copies_of_the_vin_must_agree() {
    let court = Court::open();
    let two = Request::command(OWNED)
        .by("owner")
        .to(&format!("/climate?vin={FOREIGN}"));
    assert_eq!(code(&court.judge(&two)), "vehicle-ambiguous");
    let same = Request::command(OWNED)
        .by("owner")
        .to(&format!("/climate?vin={OWNED}"));
    assert_eq!(code(&court.judge(&same)), "permit");
}

#[test]
fn an_action_that_the_body_chooses_is_the_one_that_is_judged() {
    let court = Court::open();
    let choose = |action: &str| {
        let body = format!(r#"{{"data":{{"attributes":{{"action":"{action}"}}}}}}"#);
        let request = Request::post(&format!("/cars/{OWNED}/hvac"), "application/json", &body);
        court
            .judge(&request.by("owner"))
            .map(|permit| permit.action().to_string())
    };
    assert_eq!(choose("start").as_deref(), Ok("StartClimate"));
    assert_eq!(choose("stop").as_deref(), Ok("StopClimate"));
    assert_eq!(code(&choose("explode")), "malformed-request");
}

#[test]
fn a_vehicle_is_never_reached_by_nobody() {
    let mut court = Court::open();
    court.waive_identity();
    for request in [Request::read(OWNED), Request::command(OWNED)] {
        let judged = court.judge(&request);
        assert_eq!(code(&judged), "access-denied");
    }
    assert_eq!(court.ports.looked_up.load(Ordering::Relaxed), 0);
}
