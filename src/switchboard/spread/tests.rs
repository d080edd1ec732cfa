//! Do all replicas come to the same board, whatever the store loses or is given?

mod asking;
mod store;
mod lies;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::*;
use crate::adapters::local_fleet::LocalFleet;
use crate::switchboard::changes::{self, By, New};
use crate::switchboard::closure::What;
use crate::switchboard::probe::Probed;
use crate::switchboard::store::ColdStart;
use crate::switchboard::{Board, Closure, Place, Scope, State};
use store::Faulty;

/// One replica of a fleet in this process.
struct One {
    spread: Arc<Spread>,
    board: Arc<Switchboard>,
    running: JoinHandle<()>,
    folder: TempDir,
}

impl Drop for One {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn key() -> FleetKey {
    FleetKey::new(&[7; 32]).unwrap()
}

impl One {
    fn start(name: &str, store: Arc<dyn FleetStore>) -> Self {
        Self::start_in(name, store, tempfile::tempdir().unwrap(), &[])
    }

    fn start_in(name: &str, store: Arc<dyn FleetStore>, folder: TempDir, cold: &[&str]) -> Self {
        let cold_start = ColdStart {
            baseline: None,
            closed: cold.iter().map(ToString::to_string).collect(),
        };
        let (board, _) = Switchboard::open(folder.path(), &cold_start).unwrap();
        let board = Arc::new(board);
        let me = Me {
            name: name.to_owned(),
            url: None,
            fleet: Witness::Other,
        };
        let time = Arc::new(Timekeeping::start());
        let spread = Arc::new(Spread::new(me, Arc::clone(&board), store, key(), time));
        let running = Arc::clone(&spread);
        let running = tokio::spawn(async move { running.run().await });
        Self {
            spread,
            board,
            running,
            folder,
        }
    }

    /// Waits off the runtime's threads for the disk.
    fn close(&self, id: &str, surface: &str) {
        let new = New::closing(id.to_owned(), surfaces(surface), "leak".to_owned());
        let make = |_: &Board, revision| Ok::<_, ()>(changes::begin(new, by(revision)));
        tokio::task::block_in_place(|| self.board.close(make)).unwrap();
    }

    fn open(&self, id: &str) {
        let make = |board: &Board, revision| {
            changes::set(
                board.get(id).unwrap(),
                State::Open,
                What::Open,
                by(revision),
            )
        };
        tokio::task::block_in_place(|| self.board.open_up(make)).unwrap();
    }

    fn is_closed(&self, surface: &str) -> bool {
        let place = Place {
            surface,
            ..Place::default()
        };
        self.board.current().judge(place).is_some()
    }
}

fn surfaces(surface: &str) -> Scope {
    Scope {
        surfaces: [surface.to_owned()].into(),
        ..Scope::default()
    }
}

fn by(revision: u64) -> By<'static> {
    By {
        who: "root",
        at: 1_800_000_000,
        revision,
        break_glass: false,
    }
}

/// A version of a closure that no replica made.
fn version(id: &str, surface: &str, revision: u64) -> Closure {
    let new = New::closing(id.to_owned(), surfaces(surface), "leak".to_owned());
    changes::begin(new, by(revision))
}

fn sealed(closure: &Closure) -> (String, String) {
    let text = key().seal(Kind::Closure, closure).unwrap();
    (closure.id.clone(), text)
}

/// Waits until it holds, bounded.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_on_one_of_50_replicas_is_on_all() {
    let store = LocalFleet::new();
    let fleet: Vec<One> = (0..50)
        .map(|number| One::start(&format!("gw{number}"), Arc::new(store.clone())))
        .collect();
    fleet[7].close("c-1", "mobile");
    until("closed on all", || {
        fleet.iter().all(|one| one.is_closed("mobile"))
    })
    .await;
    let asked = &fleet[0].spread;
    for _ in 0..6_000 {
        let replicas = asked.replicas().await.unwrap();
        let has = |replica: &Replica| {
            replica
                .closures
                .get("c-1")
                .is_some_and(|seen| seen.state == "closed")
        };
        if replicas.len() == 50 && replicas.iter().all(has) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let replicas = asked.replicas().await.unwrap();
    let revisions: Vec<u64> = replicas.iter().map(|replica| replica.revision).collect();
    assert_eq!(revisions, [1; 50]);
    assert!(
        replicas
            .iter()
            .all(|replica| replica.digest == replicas[0].digest)
    );
    fleet[9].open("c-1");
    until("open on all", || {
        fleet.iter().all(|one| !one.is_closed("mobile"))
    })
    .await;
    assert_eq!(fleet.iter().map(|one| one.spread.refused()).sum::<u64>(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn boards_merge_when_the_store_is_back() {
    let store = LocalFleet::new();
    let (left, right) = (Faulty::over(&store), Faulty::over(&store));
    let one = One::start("one", left.clone());
    let other = One::start("other", right.clone());
    one.close("c-1", "mobile");
    until("closed on both", || other.is_closed("mobile")).await;
    for faulty in [&left, &right] {
        faulty.fail(Some(FleetError::TimedOut));
    }
    one.close("c-2", "portal");
    other.close("c-3", "partner");
    until("said", || {
        one.spread.health() == Health::Failed(FleetError::TimedOut)
    })
    .await;
    assert!(!other.is_closed("portal") && other.is_closed("mobile"));
    for faulty in [&left, &right] {
        faulty.fail(None);
    }
    let all = ["mobile", "portal", "partner"];
    for who in [&one, &other] {
        until("merged", || {
            all.iter().all(|surface| who.is_closed(surface))
        })
        .await;
    }
    until("in step", || one.spread.health() == Health::InStep).await;
    assert!(one.spread.age().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_takes_no_writes_keeps_nobody_from_reading_it() {
    let store = LocalFleet::new();
    let left = Faulty::over(&store);
    left.refuse_writes(Some(FleetError::ReadOnly));
    let one = One::start("one", left.clone());
    let other = One::start("other", Arc::new(store.clone()));
    one.close("c-1", "mobile");
    other.close("c-2", "portal");
    until("read", || one.is_closed("portal")).await;
    until("said", || {
        one.spread.health() == Health::Failed(FleetError::ReadOnly)
    })
    .await;
    assert!(!other.is_closed("mobile"));
    left.refuse_writes(None);
    until("written", || other.is_closed("mobile")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_forgets_is_told_again() {
    let store = LocalFleet::new();
    let one = One::start("one", Arc::new(store.clone()));
    one.close("c-1", "mobile");
    one.close("c-2", "portal");
    one.open("c-2");
    until_entries(&store, 2).await;
    store
        .remove(&["c-1".to_owned(), "c-2".to_owned()])
        .await
        .unwrap();
    until_entries(&store, 2).await;
    assert!(one.is_closed("mobile") && !one.is_closed("portal"));
    let fresh = One::start("fresh", Arc::new(store.clone()));
    until("told", || fresh.is_closed("mobile")).await;
    assert!(!fresh.is_closed("portal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ended_long_ago_is_forgotten_and_nothing_else() {
    let store = LocalFleet::new();
    let long_ago = By {
        at: crate::clock::unix_time().as_secs() - 91 * 86_400,
        ..by(2)
    };
    let still_closed = version("c-1", "mobile", 1); // by an operator of years ago, and not ended
    let opened = changes::set(
        &version("c-2", "portal", 1),
        State::Open,
        What::Open,
        long_ago,
    );
    let lately = By {
        at: crate::clock::unix_time().as_secs(),
        ..by(2)
    };
    let just_opened = changes::set(&version("c-3", "tcu", 1), State::Open, What::Open, lately);
    let entries = [still_closed, opened.unwrap(), just_opened.unwrap()];
    store.put(&entries.each_ref().map(sealed)).await.unwrap();
    let one = One::start("one", Arc::new(store.clone()));
    until_entries(&store, 2).await;
    let left: Vec<String> = store
        .entries()
        .await
        .unwrap()
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    assert_eq!(left, ["c-1", "c-3"]);
    until("the rest is known", || one.is_closed("mobile")).await;
    assert!(
        one.board.shared().get("c-2").is_none(),
        "nor taken up again"
    );
    // a replica that knows the end of what the store holds as closed says so, however old
    one.board.take(vec![Arc::new(
        changes::set(
            &version("c-4", "portal", 1),
            State::Open,
            What::Open,
            long_ago,
        )
        .unwrap(),
    )]);
    store
        .put(&[sealed(&version("c-4", "portal", 1))])
        .await
        .unwrap();
    until_entries(&store, 2).await;
    assert!(!one.is_closed("portal"));
}

async fn until_entries(store: &LocalFleet, count: usize) {
    for _ in 0..6_000 {
        if store.entries().await.unwrap().len() == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {count} entries");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_keeps_what_opens_closed_and_closes_all_the_same() {
    let store = LocalFleet::new();
    let one = One::start("one", Arc::new(store.clone()));
    let other = One::start("other", Arc::new(store.clone()));
    one.close("c-1", "mobile");
    until("closed on both", || {
        other.is_closed("mobile") && other.board.is_durable()
    })
    .await;
    // the folder is gone: nothing can be written there, whoever the user is
    std::fs::remove_dir_all(other.folder.path()).unwrap();
    one.open("c-1");
    until("refused", || other.spread.replica().refused.is_some()).await;
    assert!(other.is_closed("mobile"), "what opens is durable first");
    one.close("c-2", "portal");
    until("closed", || other.is_closed("portal")).await;
    assert!(!other.spread.replica().durable);
    std::fs::create_dir(other.folder.path()).unwrap();
    until("open", || !other.is_closed("mobile")).await;
    until("no longer refused", || {
        other.spread.replica().refused.is_none()
    })
    .await;
}

/// Tells what it was asked for.
struct Told;

#[async_trait]
impl Prober for Told {
    async fn probe(&self, closure: &Closure) -> Result<Probed, String> {
        Ok(Probed {
            status: 503,
            code: closure.state.word().to_owned(),
            as_expected: true,
            at: 1,
            other: None,
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_data_path_answers_is_told_with_the_version_that_was_asked_for() {
    let store = LocalFleet::new();
    let one = One::start("one", Arc::new(store.clone()));
    one.spread.set_prober(Arc::new(Told));
    let probed = || {
        let replica = one.spread.replica();
        let seen = replica.closures.get("c-1")?.clone();
        Some((seen.revision, seen.probe?.code))
    };
    one.close("c-1", "mobile");
    until("probed", || probed() == Some((1, "closed".to_owned()))).await;
    one.open("c-1");
    until("probed again", || probed() == Some((2, "open".to_owned()))).await;
    let asked = one.spread.replicas().await.unwrap();
    assert_eq!(asked.len(), 1);
    one.spread.leave().await;
    assert_eq!(one.spread.replicas().await.unwrap(), []);
}
