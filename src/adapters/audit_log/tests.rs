//! Do records reach real files, and is nothing taken that could not be written?

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::faulty::{Faulty, intent, line, outcomes, record};
use super::*;

#[tokio::test]
async fn records_and_intents_reach_real_files() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("log"); // made at the first start
    let file = folder.join("audit.jsonl");
    let log = AuditLog::open(&file, 8).unwrap();
    assert!(
        AuditLog::open(&file, 8)
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
    let log = AuditLog::open(&file, 8).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(
        text,
        line(1, "forwarded") + "\n" + &line(2, "unknown") + "\n"
    );
    for path in [file.clone(), folder.join("audit.jsonl.intents")] {
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
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        line(3, "forwarded") + "\n"
    );
}

#[tokio::test]
async fn a_full_device_loses_nothing_once_there_is_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    symlink("/dev/full", &file).unwrap();
    let log = AuditLog::open(&file, 2).unwrap();
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
    assert_eq!(
        text,
        line(1, "forwarded") + "\n" + &line(2, "forwarded") + "\n"
    );
    assert_eq!(log.waiting(), 0);
}

#[test]
fn places_are_bounded_and_a_dropped_one_is_counted() {
    let disk = Box::new(Faulty::default());
    let log = AuditLog::start(disk, 2).unwrap();
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
    let log = AuditLog::open(&file, 10_000).unwrap();
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
    let message = AuditLog::open(&file, 2).unwrap_err();
    assert!(message.starts_with("audit file `"), "{message}");
    assert!(message.contains("can't be opened"), "{message}");
}
