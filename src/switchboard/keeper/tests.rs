//! Does time open what it should, and nothing else?

use tempfile::TempDir;

use super::*;
use crate::adapters::local_fleet::LocalFleet;
use crate::clock;
use crate::switchboard::changes::{New, Restoring};
use crate::switchboard::seal::FleetKey;
use crate::switchboard::spread::Me;
use crate::switchboard::store::ColdStart;
use crate::switchboard::timekeeping::Witness;
use crate::switchboard::{AtExpiry, Scope, Share, State};

fn keeper(fleet: Witness) -> (Keeper, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (board, _) = Switchboard::open(folder.path(), &ColdStart::default()).unwrap();
    let board = Arc::new(board);
    let time = Arc::new(Timekeeping::start());
    let me = Me {
        name: "gw".to_owned(),
        url: None,
        fleet,
    };
    let key = FleetKey::new(&[7; 32]).unwrap();
    let store = Arc::new(LocalFleet::new());
    let spread = Spread::new(me, Arc::clone(&board), store, key, Arc::clone(&time));
    let keeper = Keeper::new(board, Arc::new(spread), time, Duration::from_secs(300));
    (keeper, folder)
}

/// A closure that began and ended as many seconds ago.
fn close(keeper: &Keeper, id: &str, ago: u64, lasts: u64, at_expiry: AtExpiry) {
    let scope = Scope {
        surfaces: [id.to_owned()].into(),
        ..Scope::default()
    };
    let new = New {
        seconds: Some(lasts),
        at_expiry,
        ..New::closing(id.to_owned(), scope, "leak".to_owned())
    };
    let make = |_: &Board, revision| Ok::<_, ()>(changes::begin(new, by(ago, revision)));
    keeper.board.close(make).unwrap();
}

fn by(ago: u64, revision: u64) -> By<'static> {
    By {
        who: "root",
        at: clock::unix_time().as_secs().saturating_sub(ago),
        revision,
        break_glass: false,
    }
}

fn state(keeper: &Keeper, id: &str) -> State {
    keeper.board.board().get(id).unwrap().state.clone()
}

#[test]
fn what_is_due_changes_and_what_holds_is_warned_about() {
    let (keeper, _folder) = keeper(Witness::Itself);
    keeper.time.compare(clock::unix_time(), Witness::Itself);
    close(&keeper, "restores", 100, 60, AtExpiry::Restore);
    close(&keeper, "holds", 100, 60, AtExpiry::Hold);
    close(&keeper, "lasts", 100, 600, AtExpiry::Restore);
    assert_eq!(keeper.due(), ["restores"]);
    for id in ["restores", "holds", "lasts"] {
        keeper.change(id);
    }
    let State::Restoring(ramp) = state(&keeper, "restores") else {
        panic!("it restores");
    };
    assert_eq!((ramp.stage, ramp.step), (Share::Testers, Some(300)));
    assert_eq!(state(&keeper, "holds"), State::Closed);
    assert_eq!(state(&keeper, "lasts"), State::Closed);
    assert!(keeper.due().is_empty(), "a stage lasts");
    keeper.warn(clock::unix_time().as_secs());
    assert_eq!(keeper.overdue(), 1);
}

#[test]
fn a_ramp_goes_on_to_its_end() {
    let (keeper, _folder) = keeper(Witness::Itself);
    keeper.time.compare(clock::unix_time(), Witness::Itself);
    close(&keeper, "c", 100_000, 60, AtExpiry::Hold);
    let how = Restoring {
        step: Some(300),
        ..Restoring::default()
    };
    let make = |board: &Board, revision| {
        let mut begun = changes::restore(board.get("c").unwrap(), how, by(90_000, revision))?;
        if let State::Restoring(ramp) = &mut begun.state {
            ramp.stage = Share::Fifty;
        }
        Ok::<_, changes::Senseless>(begun)
    };
    keeper.board.open_up(make).unwrap();
    keeper.change("c");
    let State::Restoring(ramp) = state(&keeper, "c") else {
        panic!("it restores");
    };
    assert_eq!(
        ramp.stage,
        Share::All,
        "one stage at a time, though a day is over"
    );
    keeper.change("c");
    assert_ne!(state(&keeper, "c"), State::Open, "the stage just began");
}

#[test]
fn nothing_opens_while_the_time_is_not_confirmed_or_the_fleet_out_of_reach() {
    let (alone, _one) = keeper(Witness::Itself);
    let (apart, _other) = keeper(Witness::Other);
    apart.time.compare(clock::unix_time(), Witness::Other);
    for keeper in [&alone, &apart] {
        close(keeper, "c", 100, 60, AtExpiry::Restore);
        assert!(keeper.due().is_empty());
        keeper.change("c");
        assert_eq!(state(keeper, "c"), State::Closed);
    }
    let day = Duration::from_secs(86_400);
    alone.time.compare(clock::unix_time() + day, Witness::Other);
    alone.change("c");
    assert_eq!(state(&alone, "c"), State::Closed, "a clock a day off");
    alone.time.compare(clock::unix_time(), Witness::Other);
    alone.change("c");
    assert!(matches!(state(&alone, "c"), State::Restoring(_)));
}

#[test]
fn a_warning_is_given_once_in_a_while() {
    let (keeper, _folder) = keeper(Witness::Itself);
    let told = [0, 1, AGAIN - 1, AGAIN, AGAIN + 1].map(|at| keeper.is_news("c", at));
    assert_eq!(told, [true, false, false, true, false]);
}
