//! Does a look-up see what was committed before it began, and nothing older?

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::*;

fn sell(directory: &EmbeddedDirectory, number: u32, buyer: &str) {
    let sold = directory.change(&vin(number), |facts| {
        let mut facts = facts.unwrap();
        facts.owner = Some(buyer.to_owned());
        Ok::<_, ()>(Some(facts))
    });
    assert!(sold.is_ok());
}

/// Were the tables set in another order than the commits, somebody's old owner would be back.
#[test]
fn a_sale_stands_whoever_else_commits_at_the_same_time() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    fill(&directory, &(line(1, "alice") + &line(2, "alice"))).unwrap();
    let (go, gone) = channel();
    let (sold, done) = channel();
    thread::scope(|scope| {
        let directory = &directory;
        scope.spawn(move || {
            gone.recv().unwrap();
            sell(directory, 2, "bob");
            assert_eq!(owner(directory, 2).as_deref(), Some("bob"));
            sold.send(()).ok();
        });
        let opened = directory.opened().unwrap();
        let opened = opened.as_ref().unwrap();
        let transaction = opened.database().begin_write().unwrap();
        let committed = opened.commit_and(transaction, || {
            // meanwhile no tables stand open
            assert_eq!(owner(directory, 1).as_deref(), Some("alice"));
            go.send(()).unwrap();
            // the other one waits for this, so this can't wait for ever
            done.recv_timeout(Duration::from_millis(500)).ok();
        });
        committed.unwrap();
    });
    assert_eq!(owner(&directory, 2).as_deref(), Some("bob"));
}

/// Tables that are kept open keep the pages of their moment, and no older ones.
#[test]
fn a_file_that_is_replaced_again_and_again_does_not_grow() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    let lines: String = (0..2_000).map(|number| line(number, "alice")).collect();
    let mut sizes = Vec::new();
    for _ in 0..12 {
        let replaced = directory.replace(&mut lines.as_bytes(), &terms(BadLines::Refuse));
        assert_eq!(replaced.unwrap().imported, 2_000);
        assert_eq!(owner(&directory, 7).as_deref(), Some("alice"));
        sizes.push(std::fs::metadata(&file).unwrap().len());
    }
    let (early, late) = sizes.split_at(4);
    assert!(late.iter().max() <= early.iter().max(), "{sizes:?}");
}
