//! Do records reach real files, and is nothing taken that could not be written?

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::faulty::{Faulty, bare, intent, key, line, outcomes, record};
use super::verify::Unverifiable;
use super::*;
use crate::chain::report::Fact;
use crate::chain::{Chain, Link, Origin};

#[tokio::test]
async fn records_and_intents_reach_real_files() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("log"); // made at the first start
    let file = folder.join("audit.jsonl");
    let log = AuditLog::open(&file, 8, key()).unwrap();
    assert!(
        AuditLog::open(&file, 8, key())
            .unwrap_err()
            .contains("another process writes it")
    );
    let slot = log.reserve().ok().unwrap();
    log.intend(intent(1)).await.unwrap();
    log.intend(intent(2)).await.unwrap();
    slot.write(record(1));
    let rotated = folder.join("audit.1");
    log.close();
    assert_eq!((log.written(), log.waiting()), (1, 0));
    assert!(log.reserve().is_err());
    drop(log);
    let log = AuditLog::open(&file, 8, key()).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(bare(&text), [line(1, "forwarded"), line(2, "unknown")]);
    let beside = |suffix| folder.join(format!("audit.jsonl.{suffix}"));
    for path in [file.clone(), beside("intents"), beside("head")] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    fs::rename(&file, &rotated).unwrap();
    log.reopen();
    let slot = log.reserve().ok().unwrap();
    slot.write(record(3));
    log.close();
    assert_eq!(fs::read_to_string(&rotated).unwrap(), text);
    let newest = fs::read_to_string(&file).unwrap();
    assert_eq!(bare(&newest), [line(3, "forwarded")]);
    let report = verify::verify(&[rotated, file], &[key()]).unwrap();
    assert!(report.is_whole() && report.facts.is_empty(), "{report:?}");
    assert_eq!((report.lines, report.at_least_up_to), (3, Some(3)));
}

#[tokio::test]
async fn a_full_device_loses_nothing_once_there_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    symlink("/dev/full", &file).unwrap();
    let log = AuditLog::open(&file, 2, key()).unwrap();
    log.reserve().ok().unwrap().write(record(1));
    while log.healthy() {
        tokio::task::yield_now().await;
    }
    assert_eq!(log.intend(intent(9)).await, Err(LookupError::Unreachable));
    log.reserve().ok().unwrap().write(record(2));
    assert!(
        log.reserve().is_err(),
        "both places are taken until the disk has space"
    );
    assert!(log.write_errors() > 0);
    fs::remove_file(&file).unwrap();
    log.reopen();
    log.close();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(bare(&text), [line(1, "forwarded"), line(2, "forwarded")]);
    assert_eq!(log.waiting(), 0);
}

#[test]
fn places_are_bounded_and_a_dropped_one_is_counted() {
    let queue = Arc::new(Queue::new("audit", 2));
    let chain = Chain::new(Arc::new(key()), Link::default(), Origin::Genesis);
    let writer = Writer::new(Arc::clone(&queue), Box::new(Faulty::default()), chain, 1);
    let log = AuditLog::start(queue, writer).unwrap();
    let (first, second) = (log.reserve().ok().unwrap(), log.reserve().ok().unwrap());
    assert_eq!(log.reserve().err(), Some(LookupError::Unreachable));
    drop(first);
    assert_eq!(log.dropped_slots(), 1);
    let third = log.reserve().ok().unwrap();
    assert!(log.reserve().is_err());
    log.close();
    second.write(record(1));
    assert_eq!(log.dropped_slots(), 2, "a record after the end is counted");
    drop(third);
}

#[test]
fn records_of_many_threads_are_written_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let log = AuditLog::open(&file, 10_000, key()).unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..500 {
                    let slot = log.reserve().ok().unwrap();
                    slot.write(record(thread * 1_000 + number));
                }
            });
        }
    });
    log.close();
    let found = outcomes(&fs::read(&file).unwrap());
    assert_eq!(found.len(), 2_000);
    assert!(found.values().all(|outcomes| outcomes.len() == 1));
}

#[test]
fn a_place_that_can_not_be_written_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("taken"), "").unwrap();
    let file = folder.path().join("taken/audit.jsonl");
    let message = AuditLog::open(&file, 2, key()).unwrap_err();
    assert!(message.starts_with("audit file `"), "{message}");
    assert!(message.contains("can't be opened"), "{message}");
}

#[tokio::test]
async fn a_log_that_is_taken_away_between_two_starts_goes_on_from_its_head() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let rotated = folder.path().join("audit.1");
    for number in 1..3 {
        let log = AuditLog::open(&file, 8, key()).unwrap();
        log.reserve().ok().unwrap().write(record(number));
        log.close();
        if number == 1 {
            fs::rename(&file, &rotated).unwrap();
        }
    }
    let report = verify::verify(&[rotated, file.clone()], &[key()]).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.lines, 2);
    let fact = Fact::FromHead { n: 1 };
    assert_eq!(report.facts.first().map(|found| &found.what), Some(&fact));
    let alone = verify::verify(std::slice::from_ref(&file), &[key()]).unwrap();
    assert!(alone.is_whole(), "{alone:?}");
    assert_eq!(alone.facts.first().map(|found| &found.what), Some(&fact));
    fs::remove_file(&file).unwrap();
    let gone = verify::verify(std::slice::from_ref(&file), &[key()]).unwrap();
    assert_eq!(gone.broken, 1, "{gone:?}");
    fs::remove_file(folder.path().join("audit.jsonl.head")).unwrap();
    let absent = Unverifiable::Absent(file.display().to_string());
    assert_eq!(verify::verify(&[file], &[key()]), Err(absent));
}
