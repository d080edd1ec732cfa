//! Does a whole snapshot take the place of another at one moment, and only a snapshot of the fleet?

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use super::filled::{cluster, directory, fill, opened, owner, sell, take, terms, vin};
use super::*;
use crate::adapters::directory::Unchanged;
use crate::adapters::facts::import::{ImportError, ImportReport};
use crate::adapters::facts::intake::{Intake, Others, Resume};
use crate::adapters::facts::progress::Progress;
use crate::pipeline::ownership::VehicleFacts;
use crate::pipeline::ports::OwnershipDirectory;

pub(super) const ONE: &str = "SJNFAAZE0U6012345";
pub(super) const OTHER: &str = "SJNFAAZE0U6012346";

pub(super) fn car(vin: &str, owner: &str) -> String {
    let rest = r#""region":"NE","trim":"SV","capabilities":[],"telematics":true}"#;
    format!(r#"{{"vin":"{vin}","owner":"{owner}",{rest}"#) + "\n"
}

/// As many cars as need two batches.
pub(super) fn many(owner: &str) -> String {
    let each = (0..5_000).map(|number| car(&format!("SJNFAAZE0U7{number:06}"), owner));
    each.collect()
}

pub(super) fn replace(directory: &Arc<RedisDirectory>, lines: &str) {
    take(directory, lines, Others::Go).unwrap();
}

/// A snapshot while `at_half` is run, when some of it is written.
pub(super) fn replace_while(
    directory: &Arc<RedisDirectory>,
    lines: &str,
    at_half: &mut dyn FnMut(),
) -> Result<ImportReport, ImportError> {
    let terms = terms();
    let runtime = tokio::runtime::Handle::current();
    let mut told = |progress| {
        if matches!(progress, Progress::Written { .. }) {
            at_half();
        }
    };
    let mut intake = Intake {
        lines: &mut lines.as_bytes(),
        terms: &terms,
        others: Others::Go,
        resume: Resume::Never,
        told: Some(&mut told),
    };
    tokio::task::block_in_place(|| directory.import(&mut intake, &runtime))
}

/// Which generations have keys.
fn generations(server: &Server) -> BTreeSet<String> {
    let keys = server.command(&["KEYS", "{vingate:vingate:*"]);
    let of = |key: &str| match key.split(':').collect::<Vec<_>>()[..] {
        [_, _, "g", id, ..] => id.to_owned(),
        _ => "first".to_owned(),
    };
    keys.lines().map(of).collect()
}

async fn is_owned(directory: &RedisDirectory, car: &str, by: Option<&str>) {
    let found = owner(directory, car).await.unwrap();
    assert_eq!(found.as_deref(), by, "{car}");
}

/// Two cars change owners with each snapshot; whoever reads one twice the same saw one snapshot.
async fn no_look_up_sees_two_snapshots(settings: &Redis) {
    let office = directory(settings);
    let of = |first: &str, second: &str| car(ONE, first) + &car(OTHER, second);
    fill(&office, &of("alice", "bob"));
    let ended = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> = [(); 3]
        .into_iter()
        .map(|()| {
            let (gateway, ended) = (directory(settings), Arc::clone(&ended));
            tokio::spawn(async move {
                let mut seen = BTreeSet::new();
                while !ended.load(Ordering::Acquire) || seen.len() < 2 {
                    let first = owner(&*gateway, ONE).await.unwrap();
                    let second = owner(&*gateway, OTHER).await.unwrap();
                    if owner(&*gateway, ONE).await.unwrap() == first {
                        assert_ne!(first, second, "one of each");
                        seen.insert(first);
                    }
                }
                seen.len()
            })
        })
        .collect();
    for round in 0..6 {
        let next = if round % 2 == 0 {
            of("bob", "alice")
        } else {
            of("alice", "bob")
        };
        replace(&office, &next);
    }
    ended.store(true, Ordering::Release);
    for one in asking {
        assert_eq!(one.await.unwrap(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_look_up_sees_two_snapshots_of_one_server() {
    let server = Server::start();
    no_look_up_sees_two_snapshots(&settings(&single(&server))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_look_up_sees_two_snapshots_of_a_cluster() {
    let nodes = Server::cluster();
    no_look_up_sees_two_snapshots(&cluster(&nodes)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_changed_while_a_snapshot_is_loaded() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let (office, gateway) = (directory(&settings), directory(&settings));
    sell(&gateway, ONE, "alice").await;
    let runtime = tokio::runtime::Handle::current();
    let mut refused = 0;
    let loaded = replace_while(&office, &(many("zoe") + &car(ONE, "bob")), &mut || {
        let change = gateway.change(vin(ONE), |_| Ok::<_, String>(None));
        assert_eq!(runtime.block_on(change), Err(Unchanged::Replaced));
        refused += 1;
    });
    assert_eq!(loaded.unwrap().imported, 5_001);
    assert!(refused > 0);
    is_owned(&gateway, ONE, Some("bob")).await;
    sell(&gateway, ONE, "carol").await;
    is_owned(&office, ONE, Some("carol")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_begun_before_keeps_a_snapshot_out() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    sell(&directory, ONE, "alice").await;
    let keys = server.command(&["DBSIZE"]);
    let loaded = replace_while(&directory, &many("zoe"), &mut || {
        // it was written before the load began, and is told now
        let (log, last) = ("{vingate:vingate}:changed", "{vingate:vingate}:change");
        let tell = include_str!("../changed.lua");
        server.command(&["EVAL", tell, "2", log, last, &format!("v:{ONE}")]);
    });
    let why = loaded.unwrap_err().to_string();
    assert!(why.contains("was changed"), "{why}");
    is_owned(&directory, ONE, Some("alice")).await;
    assert_eq!(server.command(&["DBSIZE"]), keys, "nothing is left of it");
    replace(&directory, &car(ONE, "bob"));
    is_owned(&directory, ONE, Some("bob")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_a_snapshot_overtakes_is_made_in_that() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let (office, gateway) = (directory(&settings), directory(&settings));
    sell(&gateway, ONE, "alice").await;
    let is_first = AtomicBool::new(true);
    let revoked = gateway.change(vin(ONE), |facts| {
        if is_first.swap(false, Ordering::AcqRel) {
            replace(&office, &car(ONE, "bob"));
        }
        let mut facts: VehicleFacts = facts.ok_or("no vehicle")?;
        facts.suspended = true;
        Ok::<_, &str>(Some(facts))
    });
    revoked.await.unwrap();
    let facts = office.find(&vin(ONE)).await.unwrap().unwrap();
    assert_eq!(
        (facts.owner.as_deref(), facts.suspended),
        (Some("bob"), true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_importer_that_dies_changes_nothing_and_the_next_one_sweeps() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let mut office = opened(&settings);
    office.grace = Duration::ZERO;
    let (office, gateway) = (Arc::new(office), directory(&settings));
    sell(&gateway, ONE, "alice").await;
    let mut words = 0; // at the second one some are written
    let died = catch_unwind(AssertUnwindSafe(|| {
        replace_while(&office, &many("zoe"), &mut || {
            assert!(words < 1, "killed");
            words += 1;
        })
    }));
    assert!(died.is_err());
    is_owned(&gateway, ONE, Some("alice")).await;
    until("its records stand there", async || {
        generations(&server).len() == 2
    })
    .await;
    let left = generations(&server);
    // as after the time for which its word counts
    server.command(&["DEL", "{vingate:vingate}:importing"]);
    sell(&gateway, ONE, "bob").await;
    replace(&office, &car(OTHER, "carol"));
    is_owned(&gateway, ONE, None).await;
    is_owned(&gateway, OTHER, Some("carol")).await;
    office.swept().await;
    let now = generations(&server);
    assert_eq!(now.len(), 1, "{now:?}");
    assert!(now.is_disjoint(&left), "{now:?} {left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_import_is_under_way_at_a_time_and_a_dead_one_is_waited_for() {
    let server = Server::start();
    let directory = directory(&settings(&single(&server)));
    let word = ["{vingate:vingate}:importing", "replace:x", "PX", "300"];
    server.command(&[&["SET"], &word[..]].concat());
    fill(&directory, &car(ONE, "alice"));
    is_owned(&directory, ONE, Some("alice")).await;
    let held = server.command(&["EXISTS", word[0]]);
    assert_eq!(held, "0", "it is given back");
    // one that lost its word puts nothing in force
    let loaded = replace_while(&directory, &many("zoe"), &mut || {
        server.command(&["SET", word[0], word[1], "PX", "300"]);
    });
    assert!(loaded.unwrap_err().to_string().contains("out of reach"));
    is_owned(&directory, ONE, Some("alice")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_force_just_now_is_left_to_who_reads_it_and_then_goes() {
    let server = Server::start();
    let settings = settings(&single(&server));
    let [slow, mut quick] = [(); 2].map(|()| opened(&settings));
    quick.grace = Duration::ZERO;
    let [slow, quick] = [slow, quick].map(Arc::new);
    let of_owner = |directory: &Arc<RedisDirectory>, owner: &str| {
        let before = generations(&server);
        replace(directory, &car(ONE, owner));
        let new: Vec<_> = generations(&server).difference(&before).cloned().collect();
        assert_eq!(new.len(), 1, "{owner}");
        new.concat()
    };
    let of_alice = of_owner(&slow, "alice");
    let of_bob = of_owner(&slow, "bob");
    let of_carol = of_owner(&quick, "carol");
    quick.swept().await;
    let left = BTreeSet::from([of_alice.clone(), of_carol.clone()]);
    assert_eq!(
        generations(&server),
        left,
        "who replaced {of_bob} removed it"
    );
    let of_dave = of_owner(&slow, "dave");
    let left = BTreeSet::from([of_carol, of_dave]);
    assert_eq!(
        generations(&server),
        left,
        "the next one removed {of_alice}"
    );
    is_owned(&slow, ONE, Some("dave")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_slots_moved_meanwhile_keeps_a_snapshot_out() {
    let nodes = Server::cluster();
    let directory = directory(&cluster(&nodes));
    fill(&directory, &car(ONE, "alice"));
    let id = |node: &Server| node.command(&["CLUSTER", "MYID"]);
    let [from, to] = [&nodes[0], &nodes[1]];
    let slot = (0..5_000_u32).map(|slot| slot.to_string());
    let mut slot = slot.filter(|slot| from.command(&["CLUSTER", "COUNTKEYSINSLOT", slot]) == "0");
    let slot = slot.next().unwrap();
    for moving in [true, false] {
        let loaded = replace_while(&directory, &many("zoe"), &mut || {
            if moving {
                to.command(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
                from.command(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
                return;
            }
            for node in &nodes {
                node.command(&["CLUSTER", "SETSLOT", &slot, "STABLE"]);
            }
            from.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(to)]);
            to.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(to)]);
        });
        let why = loaded.unwrap_err().to_string();
        // while a slot moves a call may find nobody to answer it: that keeps the snapshot out as well
        let reasons = ["servers changed", "no answer in time"];
        assert!(reasons.iter().any(|reason| why.contains(reason)), "{why}");
        for node in [from, to] {
            node.command(&["CLUSTER", "SETSLOT", &slot, "STABLE"]);
        }
        until("the cluster answers", async || {
            directory.find(&vin(ONE)).await.is_ok()
        })
        .await;
        is_owned(&directory, ONE, Some("alice")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_started_again_is_another_one() {
    let mut server = Server::start();
    let calls = Calls::open(&settings(&single(&server))).unwrap();
    until("reached", async || calls.shards().await.is_ok()).await;
    let before = calls.shards().await.unwrap();
    assert_eq!(calls.shards().await.as_ref(), Ok(&before));
    server.restart(Restart::WithItsData);
    until("reached again", async || calls.shards().await.is_ok()).await;
    assert_ne!(calls.shards().await.unwrap(), before);
}
