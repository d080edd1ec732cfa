//! Do all replicas refuse the same, whatever happens to what carries it?

use std::collections::BTreeSet;

use tempfile::TempDir;

use super::super::tests::{NOW, draft, refuses};
use super::*;
use crate::adapters::local_fleet::LocalFleet;
use crate::revocations::Reach;

struct Replica {
    _folder: TempDir,
    spread: Spread,
    look: Look,
}

fn key() -> FleetKey {
    FleetKey::new(&[7; 32]).unwrap()
}

impl Replica {
    fn new(fleet: &LocalFleet) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let waiting = BTreeSet::from(["portal".to_owned()]);
        let (list, _) = Revocations::open(folder.path(), true, waiting).unwrap();
        let store = Arc::new(fleet.clone());
        Self {
            spread: Spread::new(Arc::new(list), (store, key()), || {}),
            look: Look::default(),
            _folder: folder,
        }
    }

    async fn look(&mut self) {
        let tried = self.spread.look(&mut self.look).await;
        assert_eq!(tried, Ok(()));
        self.spread.note(tried, &mut self.look);
    }

    fn revoke(&self, subject: &str, reach: Reach) {
        let made = self
            .spread
            .list
            .revoke(vec![draft(About::Subject, subject, reach)]);
        assert_eq!(made.unwrap().not_durable, None);
    }

    fn restore(&self, subject: &str) {
        let made = self
            .spread
            .list
            .restore(vec![draft(About::Subject, subject, Reach::Restored)]);
        assert_eq!(made.unwrap().changed, 1);
    }

    fn refuses(&self, subject: &str) -> bool {
        refuses(&self.spread.list, subject, NOW)
    }
}

fn entries(fleet: &LocalFleet) -> Vec<Carried> {
    let found = futures_util::FutureExt::now_or_never(fleet.revoked_since(0, 1_000));
    let found = found.unwrap().unwrap().entries;
    found.into_iter().map(|(_, entry)| entry).collect()
}

#[tokio::test]
async fn what_one_revokes_or_restores_all_do() {
    let fleet = LocalFleet::new();
    let (mut one, mut other) = (Replica::new(&fleet), Replica::new(&fleet));
    one.revoke("anna", Reach::Every);
    one.look().await;
    other.look().await;
    assert!(other.refuses("anna") && !other.refuses("ben"));
    other.restore("anna");
    other.look().await;
    one.look().await;
    assert!(!one.refuses("anna"));
    let last = |replica: &Replica| replica.spread.list.put_last();
    assert_eq!(last(&one), last(&other), "and both say so");
}

#[tokio::test]
async fn many_come_in_many_calls() {
    let fleet = LocalFleet::new();
    let (mut one, mut other) = (Replica::new(&fleet), Replica::new(&fleet));
    let count = BATCH * 2 + 1;
    let names = (0..count).map(|name| draft(About::Subject, &name.to_string(), Reach::Every));
    one.spread.list.revoke(names.collect()).unwrap();
    one.look().await;
    other.look().await;
    assert_eq!(other.spread.list.count(), count);
    assert!(other.refuses("0") && other.refuses(&(count - 1).to_string()));
}

#[tokio::test]
async fn more_than_is_kept_for_a_fleet_that_takes_nothing_is_read_from_the_log() {
    let fleet = LocalFleet::new();
    let (mut one, mut other) = (Replica::new(&fleet), Replica::new(&fleet));
    for part in 0..3 {
        let names =
            (0..4_000).map(|name| draft(About::Token, &format!("{part}-{name}"), Reach::Every));
        one.spread.list.revoke(names.collect()).unwrap();
    }
    one.look().await;
    other.look().await;
    assert_eq!(other.spread.list.count(), 12_000);
}

#[tokio::test]
async fn what_two_made_at_once_takes_nothing_of_either_back() {
    let fleet = LocalFleet::new();
    let (mut one, mut other) = (Replica::new(&fleet), Replica::new(&fleet));
    one.revoke("anna", Reach::IssuedUntil(NOW));
    other.revoke("anna", Reach::IssuedUntil(NOW - 100));
    for _ in 0..3 {
        one.look().await;
        other.look().await;
    }
    assert!(one.refuses("anna") && other.refuses("anna"));
    let mut fresh = Replica::new(&fleet);
    fresh.look().await;
    assert!(fresh.refuses("anna"), "the store has the larger one");
    let calm = entries(&fleet);
    one.look().await;
    other.look().await;
    assert_eq!(entries(&fleet), calm, "and then it is quiet");
}

#[tokio::test]
async fn what_has_no_seal_of_the_fleet_is_refused() {
    let fleet = LocalFleet::new();
    let mut one = Replica::new(&fleet);
    one.revoke("anna", Reach::Every);
    one.revoke("ben", Reach::Every);
    one.look().await;
    let [anna, ben] = entries(&fleet).try_into().unwrap();
    let version: Version = key().open(Kind::Revocation, &anna.sealed).unwrap();
    let restored = Version {
        reach: Reach::Restored,
        revision: 9,
        ..version
    };
    let foreign = FleetKey::new(&[8; 32])
        .unwrap()
        .seal(Kind::Revocation, &restored)
        .unwrap();
    let other_kind = key().seal(Kind::Fact, &restored).unwrap();
    let bare = serde_json::to_string(&restored).unwrap();
    let mut revision = 100;
    for sealed in [foreign, other_kind, bare, String::new(), ben.sealed.clone()] {
        revision += 1;
        let field = anna.field.clone();
        let forged = Carried {
            field,
            revision,
            sealed,
        };
        fleet.put_revoked(&[forged]).await.unwrap();
        one.look().await;
        assert!(one.refuses("anna"), "{revision}");
    }
    assert_eq!(one.spread.refused(), 5, "each is an alarm");
}

#[tokio::test]
async fn an_old_version_that_comes_back_is_put_right() {
    let fleet = LocalFleet::new();
    let (mut one, mut other) = (Replica::new(&fleet), Replica::new(&fleet));
    one.revoke("anna", Reach::Every);
    one.look().await;
    let [old] = entries(&fleet).try_into().unwrap();
    one.restore("anna");
    one.look().await;
    let replayed = Carried {
        revision: 200,
        ..old
    };
    fleet.put_revoked(&[replayed]).await.unwrap();
    other.look().await;
    assert!(other.refuses("anna"), "it can't know better");
    for _ in 0..3 {
        one.look().await;
        other.look().await;
    }
    assert!(!one.refuses("anna"));
    assert!(!other.refuses("anna"), "who knows better says so");
}

#[tokio::test]
async fn a_store_that_lost_some_is_given_them_again() {
    let fleet = LocalFleet::new();
    let mut one = Replica::new(&fleet);
    one.revoke("anna", Reach::Every);
    one.revoke("ben", Reach::Every);
    one.look().await;
    let all = entries(&fleet);
    fleet.drop_revoked(&[all[0].field.clone()]).await.unwrap();
    one.look().await;
    assert_eq!(entries(&fleet).len(), 2, "one was gone");
    // another store, which knows nothing
    let empty = LocalFleet::new();
    one.spread.store = Arc::new(empty.clone());
    one.look().await;
    one.look().await;
    let mut fresh = Replica::new(&empty);
    fresh.look().await;
    assert!(fresh.refuses("anna") && fresh.refuses("ben"));
}

#[tokio::test]
async fn a_replica_that_was_away_brings_back_nothing_that_was_restored_meanwhile() {
    let fleet = LocalFleet::new();
    let (mut one, mut away) = (Replica::new(&fleet), Replica::new(&fleet));
    one.revoke("anna", Reach::Every);
    one.look().await;
    away.look().await;
    one.restore("anna");
    one.look().await;
    away.revoke("ben", Reach::Every);
    away.spread.list.resend();
    away.look().await;
    one.look().await;
    assert!(!away.refuses("anna") && !one.refuses("anna"));
    assert!(one.refuses("ben"));
}

#[tokio::test]
async fn what_restores_waits_for_a_disk_that_takes_it() {
    let fleet = LocalFleet::new();
    let (mut one, mut other) = (Replica::new(&fleet), Replica::new(&fleet));
    one.revoke("anna", Reach::Every);
    one.look().await;
    other.look().await;
    one.restore("anna");
    one.look().await;
    other.spread.list.log.lock().unwrap().break_disk();
    let tried = other.spread.look(&mut other.look).await;
    assert_eq!(tried, Err(FleetError::Full));
    assert!(other.refuses("anna"));
    other.spread.list.log.lock().unwrap().mend_disk();
    other.look().await;
    assert!(!other.refuses("anna"), "it is asked for again");
}

#[tokio::test]
async fn a_surface_waits_for_the_fleet_and_no_longer() {
    let fleet = LocalFleet::new();
    let mut one = Replica::new(&fleet);
    assert!(!one.spread.list.suffice_for("portal"));
    one.spread.note(Err(FleetError::TimedOut), &mut one.look);
    assert!(
        !one.spread.list.suffice_for("portal"),
        "a store that doesn't answer says nothing"
    );
    one.look().await;
    assert!(one.spread.list.suffice_for("portal"));
}

#[tokio::test(start_paused = true)]
async fn with_a_log_of_its_own_a_start_waits_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let waiting = BTreeSet::from(["portal".to_owned()]);
    drop(Revocations::open(folder.path(), true, waiting.clone()).unwrap());
    let (list, found) = Revocations::open(folder.path(), true, waiting).unwrap();
    assert_eq!(found, super::super::Found::All);
    let store = Arc::new(LocalFleet::new());
    let spread = Spread::new(Arc::new(list), (store, key()), || {});
    let mut look = Look::default();
    spread.note(Err(FleetError::Unreachable), &mut look);
    assert!(!spread.list.suffice_for("portal"));
    tokio::time::advance(PATIENCE).await;
    spread.note(Err(FleetError::Unreachable), &mut look);
    assert!(
        spread.list.suffice_for("portal"),
        "what was known before holds"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_replica_needs_no_word() {
    let fleet = LocalFleet::new();
    let (one, other) = (Replica::new(&fleet), Replica::new(&fleet));
    let (list, heard) = (Arc::clone(&one.spread.list), Arc::clone(&other.spread.list));
    let running =
        [one.spread, other.spread].map(|spread| tokio::spawn(async move { spread.run().await }));
    list.revoke(vec![draft(About::Subject, "anna", Reach::Every)])
        .unwrap();
    crate::adapters::fleet_contract::until("it is heard", || async {
        refuses(&heard, "anna", NOW)
    })
    .await;
    running.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn that_one_log_can_not_be_read_concerns_nobody_else() {
    let fleet = LocalFleet::new();
    let mut one = Replica::new(&fleet);
    one.revoke("anna", Reach::Every);
    one.look().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("revocations.log"), "garbage\n").unwrap();
    let (list, _) = Revocations::open(folder.path(), true, BTreeSet::new()).unwrap();
    let now = clock::unix_time().as_secs();
    let mut broken = Replica {
        spread: Spread::new(Arc::new(list), (Arc::new(fleet.clone()), key()), || {}),
        look: Look::default(),
        _folder: folder,
    };
    assert!(refuses(&broken.spread.list, "ben", now - 1));
    broken.spread.list.resend();
    for _ in 0..3 {
        broken.look().await;
        one.look().await;
    }
    assert_eq!(entries(&fleet).len(), 1, "anna's");
    assert!(!refuses(&one.spread.list, "ben", now - 1));
    let later = now + 60;
    assert!(
        refuses(&broken.spread.list, "anna", later),
        "and it knows what the fleet knows"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_written_over_where_it_lies_is_put_right() {
    let fleet = LocalFleet::new();
    let mut one = Replica::new(&fleet);
    one.revoke("anna", Reach::Every);
    one.look().await;
    let running = tokio::spawn(async move { one.spread.run().await });
    let [entry] = entries(&fleet).try_into().unwrap();
    fleet.write_over(&entry.field, "garbage");
    for _ in 0..(SWEEP + AGAIN + AGAIN).as_millis() / POLL.as_millis() {
        sleep(POLL).await;
    }
    let mut fresh = Replica::new(&fleet);
    fresh.look().await;
    running.abort();
    assert!(fresh.refuses("anna"));
}

#[tokio::test]
async fn what_restores_waits_for_the_disk_whatever_else_is_known_of_it() {
    let fleet = LocalFleet::new();
    let (mut one, mut other) = (Replica::new(&fleet), Replica::new(&fleet));
    one.revoke("anna", Reach::Every);
    one.restore("anna");
    one.look().await;
    // the other one knows a revocation that ends later, and so more than it is told
    let mut longer = draft(About::Subject, "anna", Reach::Every);
    longer.ends += 1_000;
    other.spread.list.revoke(vec![longer]).unwrap();
    other.spread.list.log.lock().unwrap().break_disk();
    let tried = other.spread.look(&mut other.look).await;
    assert_eq!(tried, Err(FleetError::Full));
    assert!(other.refuses("anna"));
    other.spread.list.log.lock().unwrap().mend_disk();
    other.look().await;
    assert!(!other.refuses("anna"));
}
