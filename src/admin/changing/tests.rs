//! Does every change take what it should, and is nobody their own second person?

use super::*;
use crate::admin::tests::operated;
use crate::admin::{Names, person};
use crate::config::file::{Role, Roles};
use crate::pipeline::switch::Situation;
use crate::switchboard::changes::New;
use crate::switchboard::store::{ColdStart, Switchboard};

struct House {
    operated: Operated,
    _folder: tempfile::TempDir,
}

/// Where requests were seen in region `NE` and on surface `mobile` alone, if any.
fn house(busy: bool) -> House {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("switches");
    let (switchboard, _) = Switchboard::open(&directory, &ColdStart::default()).unwrap();
    let names = Names {
        surfaces: [("mobile".to_owned(), false), ("portal".to_owned(), true)].into(),
        ..Names::default()
    };
    let switchboard = Arc::new(switchboard);
    let operated = operated(folder.path(), &switchboard, (names, Roles::default()));
    if busy {
        for _ in 0..10 {
            operated.traffic.note(clock::unix_time(), &seen(), false);
        }
    }
    House {
        operated,
        _folder: folder,
    }
}

fn seen() -> Situation {
    Situation {
        region: Some(Arc::from("NE")),
        ..crate::traffic::tests::by("mobile", "sub-1", "app")
    }
}

fn person(name: &str, roles: &[Role]) -> Person {
    Person {
        name: name.to_owned(),
        origin: person::Origin::Unix,
        roles: roles.iter().copied().collect(),
    }
}

fn operator(name: &str) -> Person {
    person(name, &[Role::Operator])
}

fn new(scope: &str) -> New {
    New {
        seconds: Some(60),
        ..New::closing(
            new_id(),
            serde_json::from_str(scope).unwrap(),
            "r".to_owned(),
        )
    }
}

fn consent(confirm: Option<&str>, break_glass: bool) -> Consent {
    Consent {
        confirm: confirm.map(str::to_owned),
        break_glass,
        dry_run: false,
    }
}

impl House {
    /// The share of the live traffic, as a call asks for it.
    fn share(&self, scope: &Scope) -> f64 {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(self.operated.share(scope))
    }

    fn share_of(&self, id: &str) -> f64 {
        let board = self.operated.switchboard.board();
        self.share(&board.get(id).unwrap().scope)
    }

    fn asking<'a>(
        &'a self,
        (person, share): (&'a Person, f64),
        act: Act,
        consent: &'a Consent,
    ) -> Asking<'a> {
        Asking {
            operated: &self.operated,
            person,
            act,
            consent,
            share,
        }
    }

    fn close(&self, person: &Person, scope: &str, consent: &Consent) -> Answer {
        let new = new(scope);
        let asking = self.asking((person, self.share(&new.scope)), Act::Close, consent);
        asking.begin(new)
    }

    fn open(&self, person: &Person, id: &str, consent: &Consent) -> Answer {
        let make =
            |closure: &Closure, by: By<'_>| changes::set(closure, State::Open, What::Open, by);
        let found = |_: &Closure| Circumstances::default();
        let asking = self.asking((person, self.share_of(id)), Act::Open, consent);
        asking.change((id, &IfMatch::Any), found, make, ask_to_open)
    }

    fn open_plainly(&self, person: &Person, id: &str) -> Answer {
        self.open(person, id, &Consent::default())
    }

    fn approve(&self, person: &Person, id: &str) -> Answer {
        let consent = Consent::default();
        let asking = self.asking((person, self.share_of(id)), Act::Approve, &consent);
        let found = |closure: &Closure| approving(person, closure);
        asking.change((id, &IfMatch::Any), found, changes::approve, never)
    }

    fn undo(&self, person: &Person, id: &str) -> Answer {
        let consent = Consent::default();
        let asking = self.asking((person, self.share_of(id)), Act::Undo, &consent);
        let found = |closure: &Closure| undoing(person, closure);
        asking.change((id, &IfMatch::Any), found, changes::undo, ask_to_undo)
    }

    fn state(&self, id: &str) -> &'static str {
        self.operated
            .switchboard
            .board()
            .get(id)
            .unwrap()
            .state
            .word()
    }
}

fn at(at: u64) -> By<'static> {
    By {
        who: "eve",
        at,
        revision: u64::MAX,
        break_glass: false,
    }
}

fn refusal(answer: Answer) -> String {
    let problem = answer.expect_err("it is refused");
    serde_json::to_value(&problem).unwrap()["detail"]
        .as_str()
        .unwrap()
        .to_owned()
}

const PORTAL: &str = r#"{"surfaces":["portal"]}"#;
const MOBILE: &str = r#"{"surfaces":["mobile"]}"#;

#[test]
fn one_operator_closes_an_unprotected_surface_whatever_its_traffic() {
    let house = house(true);
    let (status, done) = house
        .close(&operator("night"), MOBILE, &Consent::default())
        .unwrap();
    assert_eq!(
        (status, house.state(&done.closure.id)),
        (StatusCode::CREATED, "closed")
    );
    assert!(!done.closure.change.break_glass, "nothing had to be broken");
    let (_, insisted) = house
        .close(&operator("night"), MOBILE, &consent(None, true))
        .unwrap();
    assert!(!insisted.closure.change.break_glass, "it was not needed");
}

#[test]
fn what_is_grave_takes_the_name_and_a_second_person_or_broken_glass() {
    let house = house(true);
    let night = operator("night");
    for (scope, name) in [
        (PORTAL, "portal"),
        (r#"{"all":true}"#, "all"),
        (r#"{"regions":["NE"]}"#, "NE"),
    ] {
        let bare = refusal(house.close(&night, scope, &Consent::default()));
        assert!(bare.contains(&format!("--confirm-name {name}")), "{bare}");
        let (status, done) = house
            .close(&night, scope, &consent(Some(name), false))
            .unwrap();
        let id = &done.closure.id;
        assert_eq!(
            (status, house.state(id)),
            (StatusCode::ACCEPTED, "open"),
            "{scope}"
        );
        assert!(refusal(house.approve(&night, id)).contains("another one"));
        let same = operator("NIGHT@example");
        assert!(refusal(house.approve(&same, id)).contains("another one"));
        assert_eq!(house.state(id), "open");
        let (_, approved) = house
            .approve(&person("anna", &[Role::Approver]), id)
            .unwrap();
        assert_eq!(house.state(id), "closed");
        let told = &approved.closure;
        let who = [told.change.asked_by.as_deref(), Some(&*told.closed_by)];
        assert_eq!(who, [Some("night"); 2]);
        let who = [told.approved_by.as_deref(), Some(&*told.change.by)];
        assert_eq!(who, [Some("anna"); 2]);
        let (_, alone) = house
            .close(&night, scope, &consent(Some(name), true))
            .unwrap();
        assert!(alone.closure.change.break_glass && alone.closure.is_in_force());
    }
}

#[test]
fn opening_takes_a_second_person_and_glass_does_not_help() {
    let house = house(false);
    let night = operator("night");
    let (_, done) = house.close(&night, MOBILE, &Consent::default()).unwrap();
    let id = &done.closure.id;
    let (status, _) = house.open(&night, id, &consent(None, true)).unwrap();
    assert_eq!((status, house.state(id)), (StatusCode::ACCEPTED, "closed"));
    house.approve(&operator("anna"), id).unwrap();
    assert_eq!(house.state(id), "open");
    assert!(refusal(house.approve(&operator("anna"), id)).contains("nothing waits"));
}

#[test]
fn one_takes_back_what_one_did_oneself_and_not_what_another_closed() {
    let house = house(false);
    let (night, anna) = (operator("night"), operator("anna"));
    let (_, done) = house.close(&night, MOBILE, &Consent::default()).unwrap();
    let id = &done.closure.id;
    let (status, _) = house.undo(&anna, id).unwrap();
    assert_eq!((status, house.state(id)), (StatusCode::ACCEPTED, "closed"));
    let (_, again) = house.close(&night, MOBILE, &Consent::default()).unwrap();
    house.undo(&night, &again.closure.id).unwrap();
    assert_eq!(house.state(&again.closure.id), "open");
}

#[test]
fn what_one_asked_for_and_takes_back_opens_nothing() {
    let house = house(false);
    let (night, eve) = (operator("night"), operator("eve"));
    let (_, done) = house.close(&night, MOBILE, &Consent::default()).unwrap();
    let id = &done.closure.id;
    for ask in [House::undo, House::open_plainly] {
        let (status, _) = ask(&house, &eve, id).unwrap();
        assert_eq!(status, StatusCode::ACCEPTED);
        let (_, withdrawn) = house.undo(&eve, id).unwrap();
        assert!(withdrawn.closure.pending.is_none());
        assert_eq!(house.state(id), "closed");
        assert!(refusal(house.undo(&eve, id)).contains("no change"));
    }
    // a request that lapsed leaves nothing to take back either
    let (_, asked) = house.open_plainly(&eve, id).unwrap();
    let until = asked.closure.pending.as_ref().unwrap().until;
    let lapsed = changes::due(&asked.closure, "", 0, at(until)).unwrap();
    let undone = changes::undo(&lapsed, at(until));
    assert_eq!(undone.unwrap_err(), Senseless::NothingToUndo);
}

#[test]
fn without_the_role_nothing_changes_whatever_is_typed() {
    let house = house(false);
    let all = consent(Some("portal"), true);
    for roles in [
        &[][..],
        &[Role::Viewer],
        &[Role::Auditor],
        &[Role::Approver],
    ] {
        let told = refusal(house.close(&person("x", roles), PORTAL, &all));
        assert!(told.contains("may not do that"), "{told}");
    }
    assert_eq!(house.operated.switchboard.board().revision(), 0);
}

#[test]
fn a_change_is_of_the_state_that_was_judged() {
    let house = house(false);
    let night = operator("night");
    let (_, done) = house.close(&night, MOBILE, &Consent::default()).unwrap();
    let seen = IfMatch::Tags(vec!["\"99\"".to_owned()]);
    let make = |closure: &Closure, by: By<'_>| changes::set(closure, State::Open, What::Open, by);
    let consent = Consent::default();
    let asking = house.asking((&night, 0.0), Act::Open, &consent);
    let found = |_: &Closure| Circumstances::default();
    let answer = asking.change((&done.closure.id, &seen), found, make, ask_to_open);
    assert!(refusal(answer).contains("changed meanwhile"));
    assert_eq!(house.state(&done.closure.id), "closed");
}
