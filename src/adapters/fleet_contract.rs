//! What does every store of a fleet promise?
//!
//! One suite for every form: [`hold`] takes two handles of one store, empty at first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::switchboard::fleet::{Carried, FleetStore, RevokedSince, Topic};

/// A handle of the store, as the switch board has it.
pub(crate) type Handle = Arc<dyn FleetStore>;

/// Nothing here takes as long on the slowest machine.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Holds two handles of one empty store to the contract.
pub(crate) async fn hold(one: Handle, other: Handle) {
    entries_come_back(&one, &other).await;
    entries_are_replaced_and_removed(&one, &other).await;
    versions_move(&one, &other).await;
    versions_stay(&one, &other).await;
    puts_are_whole(&one, &other).await;
    words_expire(&one, &other).await;
    topics_are_apart(&one, &other).await;
    hints_arrive(&one, &other).await;
    a_large_board_comes_back(&one, &other).await;
    revocations_come_in_the_order_in_which_they_came(&one, &other).await;
    time_is_now(&one).await;
}

/// Entries from literals.
pub(crate) fn pairs(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(field, text): &(&str, &str)| ((*field).to_owned(), (*text).to_owned());
    entries.iter().map(owned).collect()
}

/// The board, in order; two entries of one field would be a flaw.
pub(crate) async fn board(handle: &Handle) -> BTreeMap<String, String> {
    let entries = handle.entries().await.unwrap();
    let number = entries.len();
    let board: BTreeMap<_, _> = entries.into_iter().collect();
    assert_eq!(board.len(), number, "each field once");
    board
}

/// Asks until the answer is yes.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, ask: impl Fn() -> F) {
    let begun = clock::monotonic();
    while !ask().await {
        assert!(begun.elapsed() < LONG, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn entries_come_back(one: &Handle, other: &Handle) {
    assert_eq!(one.version().await, Ok(0), "an empty store");
    assert_eq!(one.entries().await, Ok(vec![]), "an empty store");
    let texts = [
        ("c-2", "second"),
        ("c-1", "zoë \"quoted\"\r\n\0 $5"),
        ("c-3", ""),
    ];
    one.put(&pairs(&texts)).await.unwrap();
    let expected: BTreeMap<_, _> = pairs(&texts).into_iter().collect();
    assert_eq!(board(other).await, expected, "every byte comes back");
}

/// Goes on with the entries above.
async fn entries_are_replaced_and_removed(one: &Handle, other: &Handle) {
    other
        .put(&pairs(&[("c-4", "fourth"), ("c-2", "new")]))
        .await
        .unwrap();
    let now = board(one).await;
    assert_eq!(now.get("c-2").map(String::as_str), Some("new"), "replaced");
    assert_eq!(now.len(), 4, "others stay");
    one.remove(&["c-1".to_owned(), "c-9".to_owned()])
        .await
        .unwrap();
    let fields: Vec<_> = board(other).await.into_keys().collect();
    assert_eq!(fields, ["c-2", "c-3", "c-4"], "removed, and no other");
}

async fn versions_move(one: &Handle, other: &Handle) {
    let mut seen = vec![one.version().await.unwrap()];
    for text in ["a", "a", "b"] {
        one.put(&pairs(&[("c-2", text)])).await.unwrap();
        seen.push(other.version().await.unwrap());
    }
    other.remove(&["c-2".to_owned()]).await.unwrap();
    seen.push(one.version().await.unwrap());
    let number = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), number, "every change has a version of its own");
}

async fn versions_stay(one: &Handle, other: &Handle) {
    let still = one.version().await;
    one.put(&[]).await.unwrap();
    one.remove(&["c-2".to_owned()]).await.unwrap();
    one.remove(&[]).await.unwrap();
    one.say(Topic::Replicas, "r", "s", Duration::from_millis(1))
        .await
        .unwrap();
    assert_eq!(other.version().await, still, "what changes nothing");
}

async fn puts_are_whole(one: &Handle, other: &Handle) {
    let writer = Arc::clone(one);
    let writing = tokio::spawn(async move {
        for number in 0..100 {
            let text = format!("{number}");
            let twins = [("left", text.as_str()), ("right", text.as_str())];
            writer.put(&pairs(&twins)).await.unwrap();
        }
    });
    while !writing.is_finished() {
        let board = board(other).await;
        assert_eq!(board.get("left"), board.get("right"), "all or none");
    }
    writing.await.unwrap();
    assert_eq!(board(other).await.get("left").unwrap(), "99");
}

async fn words_expire(one: &Handle, other: &Handle) {
    let long = Duration::from_secs(3600);
    until("a forgotten replica", || async {
        one.said(Topic::Replicas).await.unwrap().is_empty()
    })
    .await;
    one.say(Topic::Replicas, "long", "first", long)
        .await
        .unwrap();
    other
        .say(Topic::Replicas, "long", "later: 5", long)
        .await
        .unwrap();
    one.say(Topic::Replicas, "short", "", Duration::from_millis(1500))
        .await
        .unwrap();
    let mut both = other.said(Topic::Replicas).await.unwrap();
    both.sort();
    assert_eq!(both, pairs(&[("long", "later: 5"), ("short", "")]));
    until("the short one is forgotten", || async {
        other.said(Topic::Replicas).await.unwrap() == pairs(&[("long", "later: 5")])
    })
    .await;
    one.say(Topic::Replicas, "third", "x", Duration::from_millis(1))
        .await
        .unwrap();
    until("a short life ends no long one", || async {
        other.said(Topic::Replicas).await.unwrap() == pairs(&[("long", "later: 5")])
    })
    .await;
}

async fn say_same(handle: &Handle, topic: Topic) {
    let (text, long) = (format!("{topic:?}"), Duration::from_secs(3600));
    handle.say(topic, "same", &text, long).await.unwrap();
}

/// A word of one topic is none of another, and only a question hints.
async fn topics_are_apart(one: &Handle, other: &Handle) {
    hint_until_heard(one, other).await;
    quiet(other).await;
    for topic in [Topic::Replicas, Topic::Answers] {
        say_same(one, topic).await;
    }
    let silent = tokio::time::timeout(Duration::from_millis(300), other.hinted()).await;
    assert!(silent.is_err(), "no hint but for a question");
    assert_eq!(other.said(Topic::Questions).await, Ok(vec![]));
    a_question_hints(one, other).await;
    each_topic_has_its_own(other).await;
}

async fn a_question_hints(one: &Handle, other: &Handle) {
    say_same(one, Topic::Questions).await;
    let heard = tokio::time::timeout(LONG, other.hinted()).await;
    assert!(heard.is_ok(), "a question hints");
    quiet(other).await;
}

async fn each_topic_has_its_own(other: &Handle) {
    for topic in [Topic::Replicas, Topic::Questions, Topic::Answers] {
        let mut said = other.said(topic).await.unwrap();
        said.retain(|(name, _)| name == "same");
        let expected = ("same".to_owned(), format!("{topic:?}"));
        assert_eq!(said, [expected]);
    }
}

/// A hint reaches the other handle, and one that came while nobody waited is kept.
pub(crate) async fn hints_arrive(one: &Handle, other: &Handle) {
    // a subscription may still be on its way: hints are missed until it is there
    hint_until_heard(one, other).await;
    quiet(other).await;
    one.put(&pairs(&[("hint", "kept")])).await.unwrap();
    let heard = tokio::time::timeout(LONG, other.hinted()).await;
    assert!(heard.is_ok(), "a hint that came before anybody waited");
    quiet(other).await;
    let waiter = Arc::clone(other);
    let waiting = tokio::spawn(async move { waiter.hinted().await });
    one.remove(&["hint".to_owned()]).await.unwrap();
    let heard = tokio::time::timeout(LONG, waiting).await;
    assert!(heard.is_ok(), "a hint while somebody waits");
}

/// Writes until the other handle hears of it.
pub(crate) async fn hint_until_heard(one: &Handle, other: &Handle) {
    until("a hint reaches the other handle", || async {
        one.put(&pairs(&[("hint", "there")])).await.unwrap();
        let heard = tokio::time::timeout(Duration::from_millis(200), other.hinted());
        heard.await.is_ok()
    })
    .await;
}

/// Takes the hints that are still on their way.
async fn quiet(handle: &Handle) {
    let begun = clock::monotonic();
    while tokio::time::timeout(Duration::from_millis(300), handle.hinted())
        .await
        .is_ok()
    {
        assert!(begun.elapsed() < LONG, "hints without end");
    }
}

async fn a_large_board_comes_back(one: &Handle, other: &Handle) {
    let text = "x".repeat(400);
    let entries: Vec<_> = (0..10_000)
        .map(|number| (format!("large-{number:05}"), format!("{number} {text}")))
        .collect();
    one.put(&entries).await.unwrap();
    let mut found = other.entries().await.unwrap();
    found.retain(|(field, _)| field.starts_with("large-"));
    found.sort();
    assert!(found == entries, "10,000 entries come back");
    let fields: Vec<_> = entries.into_iter().map(|(field, _)| field).collect();
    other.remove(&fields).await.unwrap();
    assert!(board(one).await.len() < 10, "and can be removed");
}

async fn time_is_now(one: &Handle) {
    let before = clock::unix_time();
    let told = one.time().await.unwrap();
    let slack = Duration::from_secs(5); // for a busy machine
    assert!(told.abs_diff(before) < slack, "{told:?} at {before:?}");
}

fn carried(field: &str, revision: u64, sealed: &str) -> Carried {
    Carried {
        field: field.to_owned(),
        revision,
        sealed: sealed.to_owned(),
    }
}

/// What came after `after`, by field and text, and the count of the last.
async fn since(handle: &Handle, after: u64) -> (Vec<String>, RevokedSince) {
    let found = handle.revoked_since(after, 100).await.unwrap();
    let told = |(_, entry): &(u64, Carried)| {
        format!("{} {} {}", entry.field, entry.revision, entry.sealed)
    };
    (found.entries.iter().map(told).collect(), found)
}

async fn revocations_come_in_the_order_in_which_they_came(one: &Handle, other: &Handle) {
    let empty = one.revoked_since(0, 100).await.unwrap();
    assert_eq!((empty.count, empty.entries.len()), (0, 0));
    one.put_revoked(&[]).await.unwrap();
    let first = [carried("b", 1, "zoë \"1\"\n"), carried("a", 2, "two")];
    one.put_revoked(&first).await.unwrap();
    let (told, found) = since(other, 0).await;
    assert_eq!(told, ["b 1 zoë \"1\"\n", "a 2 two"], "as they were put");
    let last = found.entries.last().unwrap().0;
    assert_eq!((found.count, found.newest), (2, last));
    let paged = other.revoked_since(0, 1).await.unwrap();
    assert_eq!(
        (paged.entries.len(), paged.newest, paged.count),
        (1, last, 2),
        "a page"
    );
    higher_revisions_come_again(one, other, last).await;
    removed_ones_are_gone(one, other).await;
}

/// Goes on with the revocations above.
async fn higher_revisions_come_again(one: &Handle, other: &Handle, last: u64) {
    let second = [
        carried("b", 1, "other"),
        carried("a", 1, "older"),
        carried("c", 9, "nine"),
    ];
    other.put_revoked(&second).await.unwrap();
    other.put_revoked(&[carried("b", 10, "ten")]).await.unwrap();
    let (told, found) = since(one, last).await;
    assert_eq!(told, ["c 9 nine", "b 10 ten"], "only what is newer");
    assert_eq!(found.count, 3);
    assert_eq!(since(one, 0).await.0, ["a 2 two", "c 9 nine", "b 10 ten"]);
}

/// Goes on with the revocations above.
async fn removed_ones_are_gone(one: &Handle, other: &Handle) {
    one.drop_revoked(&["a".to_owned(), "never".to_owned()])
        .await
        .unwrap();
    one.drop_revoked(&[]).await.unwrap();
    let (told, found) = since(other, 0).await;
    assert_eq!(told, ["c 9 nine", "b 10 ten"], "one is gone");
    assert_eq!(found.count, 2);
    let before = found.newest;
    one.put_revoked(&[carried("a", 2, "again")]).await.unwrap();
    let (told, found) = since(other, before).await;
    assert_eq!(told, ["a 2 again"], "what was removed can come again");
    assert!(found.newest > before, "a count never comes twice");
}
