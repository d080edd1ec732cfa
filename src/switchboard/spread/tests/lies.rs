//! What can somebody do who may write to the store, and has no key?

use super::*;
use crate::switchboard::spread::step::FRESH;

async fn put(store: &LocalFleet, entries: &[(&str, &str)]) {
    let owned = |(field, text): &(&str, &str)| ((*field).to_owned(), (*text).to_owned());
    let entries: Vec<_> = entries.iter().map(owned).collect();
    store.put(&entries).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_right_seal_changes_nothing_and_raises_an_alarm() {
    let store = LocalFleet::new();
    let one = One::start("one", Arc::new(store.clone()));
    one.close("c-1", "mobile");
    until_entries(&store, 1).await;
    let mut opened = version("c-1", "mobile", 9);
    opened.state = State::Open;
    let other_key = FleetKey::new(&[8; 32]).unwrap();
    let forged = other_key.seal(Kind::Closure, &opened).unwrap();
    let as_replica = key().seal(Kind::Replica, &opened).unwrap();
    let other = version("c-2", "portal", 9);
    let mut empty = version("c-3", "portal", 9);
    empty.scope = Scope::default();
    let unread = key().seal(Kind::Closure, &"text").unwrap();
    let of_file = version("file-x", "portal", 9);
    let unborn = version("c-4", "portal", 0);
    let rows: [(&str, &str); 8] = [
        ("c-1", &forged),
        ("c-1", "junk"),
        ("c-1", &as_replica),
        ("c-1", &sealed(&other).1),
        ("c-3", &sealed(&empty).1),
        ("c-5", &unread),
        ("file-x", &sealed(&of_file).1),
        ("c-4", &sealed(&unborn).1),
    ];
    for (at, row) in rows.iter().enumerate() {
        put(&store, &[*row]).await;
        let alarms = u64::try_from(at).unwrap() + 1;
        until("an alarm", || one.spread.refused() == alarms).await;
        assert!(
            one.is_closed("mobile") && !one.is_closed("portal"),
            "{row:?}"
        );
        let said = one.spread.replica().refused;
        assert!(
            said.is_some_and(|said| said.contains("of the store")),
            "{row:?}"
        );
        until("put right", || one.spread.health() == Health::InStep).await;
    }
    // what it knows itself is put right; what it doesn't know stays, refused
    for _ in 0..6_000 {
        let entries = store.entries().await.unwrap();
        let (_, text) = entries.iter().find(|(field, _)| field == "c-1").unwrap();
        if key()
            .open::<Closure>(Kind::Closure, text)
            .is_ok_and(|known| known.revision == 1)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never put right");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_later_program_reads_is_not_written_over() {
    let store = LocalFleet::new();
    let one = One::start("one", Arc::new(store.clone()));
    one.close("c-1", "mobile");
    until_entries(&store, 1).await;
    let later = key().seal(Kind::Closure, &"a later form").unwrap();
    put(&store, &[("c-1", &later)]).await;
    until("an alarm", || one.spread.refused() == 1).await;
    one.close("c-2", "portal");
    until_entries(&store, 2).await;
    let entries = store.entries().await.unwrap();
    let (_, text) = entries.iter().find(|(field, _)| field == "c-1").unwrap();
    assert_eq!(*text, later);
    assert!(one.is_closed("mobile"));
}

/// Waits until the one entry of the store is this revision.
async fn until_shared(store: &LocalFleet, revision: u64) {
    for _ in 0..6_000 {
        let entries = store.entries().await.unwrap();
        let of = |(_, text): &(String, String)| key().open::<Closure>(Kind::Closure, text).ok();
        if entries
            .iter()
            .filter_map(of)
            .any(|one| one.revision == revision)
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never revision {revision}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_version_that_comes_back_opens_nothing_and_is_put_right() {
    let store = LocalFleet::new();
    let one = One::start("one", Arc::new(store.clone()));
    one.close("c-1", "mobile");
    one.open("c-1");
    until("open", || !one.is_closed("mobile")).await;
    until_shared(&store, 2).await; // else it may still be put over what comes next
    let mut again = version("c-1", "mobile", 3);
    again.state = State::Closed;
    store.put(&[sealed(&again)]).await.unwrap();
    until("closed", || one.is_closed("mobile")).await;
    let mut old = version("c-1", "mobile", 2);
    old.state = State::Open;
    store.put(&[sealed(&old)]).await.unwrap();
    for _ in 0..6_000 {
        let entries = store.entries().await.unwrap();
        if entries == [sealed(&again)] {
            assert!(one.is_closed("mobile"));
            assert_eq!(one.spread.refused(), 0);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never put right");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_of_a_replica_without_a_right_seal_is_no_word() {
    let store = LocalFleet::new();
    let one = One::start("one", Arc::new(store.clone()));
    until("known", || one.spread.age().is_some()).await;
    let mut word = one.spread.replica();
    let seal = |key: &FleetKey, word: &Replica| key.seal(Kind::Replica, word).unwrap();
    let minute = Duration::from_secs(60);
    let before = one.spread.refused();
    let own = seal(&key(), &word);
    store
        .say(Topic::Replicas, "another", &own, minute)
        .await
        .unwrap(); // somebody else's word
    word.id = "forged".to_owned();
    let forged = seal(&FleetKey::new(&[8; 32]).unwrap(), &word);
    store
        .say(Topic::Replicas, "forged", &forged, minute)
        .await
        .unwrap();
    let names: Vec<_> = one.spread.replicas().await.unwrap();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(names[0].id, one.spread.id());
    assert!(one.spread.refused() >= before + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_a_board_takes_the_fleets_and_is_not_opened_by_a_lie() {
    let store = LocalFleet::new();
    let old = One::start("old", Arc::new(store.clone()));
    old.close("c-1", "mobile");
    old.close("c-2", "portal");
    until_entries(&store, 2).await;
    let cold = |name: &str, store: &LocalFleet| {
        let folder = tempfile::tempdir().unwrap();
        One::start_in(
            name,
            Arc::new(store.clone()),
            folder,
            &["mobile", "partner"],
        )
    };
    let fresh = cold("fresh", &store);
    until("the fleet's board", || !fresh.is_closed("partner")).await;
    assert!(fresh.is_closed("mobile") && fresh.is_closed("portal"));
    // the next one sees a store from which somebody took an entry, and nobody puts it back
    for mut one in [fresh, old] {
        one.running.abort();
        assert!((&mut one.running).await.is_err());
    }
    store.remove(&["c-1".to_owned()]).await.unwrap();
    let misled = cold("misled", &store);
    until("the fleet's board", || misled.is_closed("portal")).await;
    until("in step", || misled.spread.health() == Health::InStep).await;
    assert!(misled.is_closed("mobile") && misled.is_closed("partner"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_fleet_leaves_the_cold_start_states_as_they_are_for_good() {
    let store = LocalFleet::new();
    let folder = tempfile::tempdir().unwrap();
    let one = One::start_in("one", Arc::new(store.clone()), folder, &["mobile"]);
    until("known", || one.board.is_known()).await;
    one.close("c-1", "portal"); // now the store has a board, which is this replica's own
    until_entries(&store, 1).await;
    one.close("c-2", "partner");
    until_entries(&store, 2).await;
    assert!(one.is_closed("mobile"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_clock_differs_lets_nothing_open_by_time() {
    let store = LocalFleet::new();
    let faulty = Faulty::over(&store);
    faulty.set_clock(Duration::from_secs(86_400));
    let one = One::start("one", faulty);
    until("compared", || one.spread.replica().clock_off.is_some()).await;
    assert!(one.spread.age().is_some() || !one.spread.lets_time_open());
    assert!(!one.spread.lets_time_open());
    let right = One::start("right", Arc::new(store.clone()));
    until("compared", || right.spread.lets_time_open()).await;
    assert_eq!(right.spread.replica().clock_off, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_word_of_another_replica_vouches_for_nothing() {
    let store = LocalFleet::new();
    let mut old = One::start("old", Arc::new(store.clone()));
    old.close("c-1", "mobile");
    until_entries(&store, 1).await;
    old.running.abort();
    assert!((&mut old.running).await.is_err());
    let mut word = old.spread.replica();
    word.at -= 2 * FRESH;
    let again = |word: &Replica| key().seal(Kind::Replica, word).unwrap();
    let minute = Duration::from_secs(60);
    store
        .say(Topic::Replicas, &word.id, &again(&word), minute)
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let one = One::start_in("new", Arc::new(store.clone()), folder, &["partner"]);
    until("in step", || one.spread.health() == Health::InStep).await;
    until("the fleet's closure", || one.is_closed("mobile")).await;
    let settled = || one.board.is_known();
    assert!(one.is_closed("partner") && !settled());
    word.at += 2 * FRESH;
    store
        .say(Topic::Replicas, &word.id, &again(&word), minute)
        .await
        .unwrap();
    until("a word of now", || !one.is_closed("partner")).await;
    assert!(one.is_closed("mobile") && settled());
}
