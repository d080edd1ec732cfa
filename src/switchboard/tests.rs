//! Does a board find exactly what is closed, and do boards agree?

mod merging;
mod places;

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::changes::{self, By, New};
use super::*;

pub(super) const VIN: &str = "SJNFAAZE0U6012345";

pub(super) fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

pub(super) fn by(revision: u64) -> By<'static> {
    By {
        who: "root",
        at: 1,
        revision,
        break_glass: false,
    }
}

pub(super) fn closure(id: &str, scope: Scope) -> Closure {
    let new = New::closing(id.to_owned(), scope, "a leak".to_owned());
    changes::begin(new, by(1))
}

pub(super) fn in_state(id: &str, scope: Scope, state: State) -> Closure {
    Closure {
        state,
        ..closure(id, scope)
    }
}

pub(super) fn ramp(from: Shut, stage: Share) -> State {
    State::Restoring(Ramp {
        from,
        stage,
        since: 1,
        step: None,
        testers: set(&["owners/tester"]),
        draw: "k".to_owned(),
    })
}

pub(super) fn surface(name: &str) -> Scope {
    Scope {
        surfaces: set(&[name]),
        ..Scope::default()
    }
}

#[test]
fn a_scope_that_names_nothing_covers_nothing() {
    let board = Board::default().with(closure("c-1", Scope::default()));
    assert!(board.judge(places::known()).is_none());
    assert!(Scope::default().check().is_err());
}

#[test]
fn everything_is_said_in_so_many_words_and_alone() {
    let all = Scope {
        all: true,
        ..Scope::default()
    };
    assert_eq!(all.check(), Ok(()));
    assert_eq!(all.summary(), "everything");
    let board = Board::default().with(closure("c-1", all.clone()));
    assert!(board.judge(Place::default()).is_some());
    let both = Scope {
        all: true,
        ..surface("mobile")
    };
    assert!(both.check().is_err());
}

#[test]
fn the_revision_is_the_highest_of_all_changes() {
    let closed = Board::default().with(closure("c-1", surface("mobile")));
    assert_eq!(closed.revision(), 1);
    let one = closed.get("c-1").unwrap();
    let open = changes::set(one, State::Open, closure::What::Open, by(2)).unwrap();
    let open = closed.with(open);
    assert_eq!(open.revision(), 2);
    assert!(open.judge(places::mobile()).is_none());
    assert!(closed.judge(places::mobile()).is_some()); // a board never changes under its reader
    let forgotten = open.without_ended(2);
    assert_eq!(forgotten.closures().len(), 0);
    assert_eq!(forgotten.revision(), 2);
}

#[test]
fn debug_output_names_no_person_and_no_vehicle() {
    let scope = Scope {
        surfaces: set(&["mobile"]),
        subjects: set(&["owners/sub-1"]),
        vehicles: set(&[VIN, "SJNFAAZE0U6012346"]),
        ..Scope::default()
    };
    let mut one = closure("c-1", scope);
    one.reason = "SJNFAAZE0U6012345 of sub-1 was stolen".to_owned();
    let ramp = changes::Restoring {
        testers: set(&["owners/sub-1"]),
        ..changes::Restoring::default()
    };
    let restoring = changes::restore(&one, ramp, by(2)).unwrap();
    let board = Board::default().with(one).with(restoring);
    let place = places::known();
    let text = format!("{board:?} {:?} {place:?}", board.closures().next());
    assert!(
        text.contains("surface mobile; 1 subject; 2 vehicles"),
        "{text}"
    );
    assert!(!text.contains("SJNF") && !text.contains("sub-1"), "{text}");
}

#[test]
fn a_notice_lasts_as_long_as_its_closure() {
    let notice = Notice {
        surface: "portal".to_owned(),
        texts: Texts::from([("en".to_owned(), "the app is unavailable".to_owned())]),
    };
    let mut one = closure("c-1", surface("mobile"));
    one.notice = Some(Arc::new(notice));
    let board = Board::default().with(one.clone());
    assert_eq!(board.notices("portal").len(), 1);
    assert!(board.notices("mobile").is_empty());
    let open = changes::set(&one, State::Open, closure::What::Open, by(2)).unwrap();
    assert!(board.with(open).notices("portal").is_empty());
}
