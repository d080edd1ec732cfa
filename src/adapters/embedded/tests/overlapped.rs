//! Does an import whose steps go on beside each other end as one that takes them in turn?

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use super::resumed::{go_on, import_as, interrupt, lines, opened};
use super::*;
use crate::adapters::facts::import::ImportError;
use crate::adapters::facts::intake::{Intake, Kind, Others};

/// All that a directory says.
fn content(directory: &EmbeddedDirectory) -> Vec<String> {
    let mut found = Vec::new();
    let mut take = |line: &str| {
        found.push(line.to_owned());
        Ok(())
    };
    directory.snapshot().unwrap().write(&mut take).unwrap();
    found
}

/// Many batches are in the tree when the vehicle that stands there twice comes, the last of all.
#[test]
fn a_line_that_is_bad_because_of_another_undoes_what_was_written_before_it() {
    for before in ["", &line(7, "before")] {
        let (_folder, directory) = opened();
        fill(&directory, before).unwrap();
        let old = content(&directory);
        let text = line(999_999, "eve") + &lines(0..10_000, "after") + &line(999_999, "alice");
        for others in [Others::Stay, Others::Go] {
            let how = (BadLines::Refuse, others, Resume::Never);
            let error = import_as(&directory, &mut text.as_bytes(), how).unwrap_err();
            let ImportError::Bad(bad, 0) = error else {
                panic!("{error}")
            };
            assert_eq!((bad.len(), bad[0].line), (1, 10_002));
            assert_eq!(content(&directory), old);
        }
        let rows = u64::from(!before.is_empty());
        assert_eq!(directory.index_rows(), rows);
        // and the file takes the next one
        fill(&directory, &line(5, "bob")).unwrap();
        assert_eq!(owner(&directory, 5).as_deref(), Some("bob"));
    }
}

#[test]
fn a_line_that_cannot_be_read_late_leaves_the_directory_as_it_was() {
    let (folder, directory) = opened();
    fill(&directory, &line(7, "before")).unwrap();
    let text = lines(0..3_000, "after") + "x\n" + &lines(3_000..3_100, "after");
    let how = (BadLines::Refuse, Others::Stay, Resume::Never);
    let error = import_as(&directory, &mut text.as_bytes(), how).unwrap_err();
    assert!(matches!(error, ImportError::Bad(bad, 0) if bad[0].line == 3_001));
    assert_eq!(content(&directory).len(), 1);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// What a crash leaves while one run is being written and the next is read.
#[test]
fn an_import_that_was_killed_within_a_run_ends_as_one_that_was_not() {
    let text = lines((0..500).rev(), "alice");
    let (_folder, fresh) = opened();
    fill(&fresh, &text).unwrap();
    let (folder, directory) = opened();
    interrupt(&directory, &text, text.len() / 2);
    let runs = folder.path().join("ownership.redb.import");
    let number = std::fs::read_dir(&runs).unwrap().count() - 1; // but the mark
    let whole = std::fs::read(runs.join("run-0")).unwrap();
    std::fs::write(
        runs.join(format!("run-{number}")),
        &whole[..whole.len() / 2],
    )
    .unwrap();
    assert_eq!(go_on(&directory, &text).unwrap().imported, 500);
    assert_eq!(content(&directory), content(&fresh));
    assert_eq!(directory.index_rows(), fresh.index_rows());
}

/// Lines during which a place that a run needs is taken.
struct Obstructed<'a>(&'a [u8], PathBuf);

impl Read for Obstructed<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.len() < 100_000 && !self.1.exists() {
            std::fs::create_dir_all(&self.1)?;
        }
        self.0.read(out)
    }
}

#[test]
fn a_run_that_cannot_be_written_ends_the_import() {
    let (folder, directory) = opened();
    let text = lines(0..5_000, "alice");
    for resume in [Resume::Never, Resume::Later] {
        let room = directory.room(resume).folder;
        let mut read = Obstructed(text.as_bytes(), room.join("run-800"));
        let how = (BadLines::Refuse, Others::Stay, resume);
        let error = import_as(&directory, &mut read, how).unwrap_err();
        assert!(
            error.to_string().contains("cannot keep what was read"),
            "{error}"
        );
        assert_eq!(directory.count(), Ok(0));
    }
    assert!(folder.path().join("ownership.redb.import/mark").exists());
    std::fs::remove_dir(folder.path().join("ownership.redb.import/run-800")).unwrap();
    assert_eq!(go_on(&directory, &text).unwrap().imported, 5_000);
}

/// Neither side waits for one that has ended, however it has.
#[test]
fn who_takes_records_ends_the_import_by_failing() {
    let text = lines(0..20_000, "alice");
    let (_folder, directory) = opened();
    let terms = terms(BadLines::Refuse);
    let gathered = || {
        let mut lines = text.as_bytes();
        let mut intake = Intake::whole(&mut lines, &terms, Others::Stay);
        intake::gather(&mut intake, directory.room(Resume::Never), None).unwrap()
    };
    let full = ImportError::Store("full".to_owned());
    let failed = gathered().hand_over(&mut None, |rows| {
        rows.next_of(Kind::Vehicle);
        Err(full.clone())
    });
    assert_eq!(failed, Err(full));
    let left = gathered().hand_over(&mut None, |_| Ok(()));
    assert!(left.unwrap_err().to_string().contains("taken no more"));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        gathered().hand_over(&mut None, |rows| {
            rows.next_of(Kind::Vehicle);
            panic!("a page")
        })
    }));
    assert!(panicked.is_err());
    let mut taken = 0;
    let report = gathered().hand_over(&mut None, |rows| {
        while rows.next_of(Kind::Vehicle).is_some() {
            taken += 1;
        }
        assert!(rows.is_ended());
        Ok(())
    });
    assert_eq!((report.unwrap().imported, taken), (20_000, 20_000));
}
