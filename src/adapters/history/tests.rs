//! Does every change of a switch reach the disk, and is it told until then?

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::adapters::audit_log::verify::verify;

fn key() -> ChainKey {
    ChainKey::new(&[3; 32])
}

fn entry(number: u64) -> Map<String, Value> {
    let Value::Object(entry) = json!({"time": "t", "change": "close", "number": number}) else {
        panic!("an object")
    };
    entry
}

fn numbers(entries: &[Value]) -> Vec<u64> {
    entries
        .iter()
        .map(|entry| entry["number"].as_u64().unwrap())
        .collect()
}

fn open(file: &Path) -> History {
    History::open(file, key()).unwrap()
}

#[test]
fn entries_outlive_a_restart_and_are_chained() {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("switches").join(FILE);
    let history = open(&file);
    let mut first = entry(1);
    first.insert("chain".to_owned(), "made up".into());
    first.insert("n".to_owned(), 77.into());
    history.append(first);
    history.append(entry(2));
    assert_eq!(numbers(&history.read(10)), [1, 2]);
    drop(history);
    let history = open(&file);
    history.append(entry(3));
    assert_eq!(numbers(&history.read(10)), [1, 2, 3]);
    assert_eq!(numbers(&history.read(2)), [2, 3]);
    assert_eq!(
        history.read(3)[0],
        Value::Object(entry(1)),
        "as it was appended"
    );
    history.close();
    let report = verify(&[file], &[key()]).unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.lines, report.at_least_up_to), (3, Some(3)));
}

#[test]
fn a_disk_that_refuses_delays_nobody_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    symlink("/dev/full", &file).unwrap();
    let history = open(&file);
    history.append(entry(1));
    while history.healthy() {
        std::thread::yield_now();
    }
    history.append(entry(2));
    assert_eq!(
        (numbers(&history.read(9)), history.waiting()),
        (vec![1, 2], 2)
    );
    fs::remove_file(&file).unwrap();
    history.reopen();
    history.close();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
    let report = verify(&[file], &[key()]).unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn more_than_can_be_kept_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    symlink("/dev/full", &file).unwrap();
    let history = open(&file);
    let count = u64::try_from(ENTRIES).unwrap();
    for number in 1..=count + 5 {
        history.append(entry(number));
    }
    assert_eq!(
        numbers(&history.read(ENTRIES + 9)),
        (6..=count + 5).collect::<Vec<_>>()
    );
    fs::remove_file(&file).unwrap();
    history.reopen();
    history.close();
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(
        text.lines().count(),
        ENTRIES + 1,
        "and a line for the others"
    );
    let last = text.lines().next_back().unwrap();
    assert!(
        last.contains(r#""outcome":"unrecorded","count":5"#),
        "{last}"
    );
    assert_eq!(open(&file).read(usize::MAX).len(), ENTRIES);
}

#[tokio::test]
async fn what_was_intended_is_one_line_with_what_came_of_it_or_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("switches").join(FILE);
    let with = |number: u64, outcome: &str| {
        let mut entry = entry(number);
        entry.insert("outcome".to_owned(), outcome.into());
        entry
    };
    let history = open(&file);
    let first = history.intend(with(1, "unknown")).await.unwrap();
    history.conclude(first, with(1, "done"));
    drop(history.intend(with(2, "unknown")).await.unwrap()); // the gateway died then
    history.close();
    assert!(history.intend(with(3, "unknown")).await.is_err());
    drop(history);
    let history = open(&file);
    let outcomes: Vec<(u64, String)> = history
        .read(10)
        .iter()
        .map(|line| {
            let outcome = line["outcome"].as_str().unwrap().to_owned();
            (line["number"].as_u64().unwrap(), outcome)
        })
        .collect();
    let expected = [(1, "done".to_owned()), (2, "unknown".to_owned())];
    assert_eq!(outcomes, expected);
    history.close();
    assert!(verify(&[file], &[key()]).unwrap().is_whole());
}
