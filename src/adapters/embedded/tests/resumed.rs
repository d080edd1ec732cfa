//! Is an import that was interrupted gone on from, and is it never more than an import?

use std::io::{self, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::adapters::facts::Fact;
use crate::adapters::facts::import;
use crate::adapters::facts::intake::{Intake, Others};
use crate::adapters::facts::progress::Progress;

/// A directory whose imports make a run of every few lines.
pub(super) fn opened() -> (TempDir, EmbeddedDirectory) {
    let (folder, file) = file();
    let mut directory = EmbeddedDirectory::open(&file).unwrap();
    directory.sorted = 1_000;
    (folder, directory)
}

pub(super) fn lines(numbers: impl Iterator<Item = u32>, owner: &str) -> String {
    numbers.map(|number| line(number, owner)).collect()
}

/// Lines that stop coming.
struct Cut<'a>(&'a [u8]);

impl Read for Cut<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return Err(io::Error::other("cable"));
        }
        self.0.read(out)
    }
}

pub(super) fn import_as(
    directory: &EmbeddedDirectory,
    lines: &mut dyn Read,
    (bad, others, resume): (BadLines, Others, Resume),
) -> Result<ImportReport, ImportError> {
    directory.take(&mut Intake {
        lines: &mut BufReader::new(lines),
        terms: &terms(bad),
        others,
        resume,
        told: None,
    })
}

pub(super) fn go_on(
    directory: &EmbeddedDirectory,
    text: &str,
) -> Result<ImportReport, ImportError> {
    let how = (BadLines::Refuse, Others::Stay, Resume::Now);
    import_as(directory, &mut text.as_bytes(), how)
}

/// An import of the first `cut` bytes of lines that then stop coming.
pub(super) fn interrupt(directory: &EmbeddedDirectory, text: &str, cut: usize) {
    let how = (BadLines::Refuse, Others::Stay, Resume::Later);
    let error = import_as(directory, &mut Cut(&text.as_bytes()[..cut]), how).unwrap_err();
    assert!(error.to_string().contains("cable"), "{error}");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn why(result: Result<ImportReport, ImportError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn an_interrupted_import_goes_on_where_it_was_and_was_nowhere_before() {
    let (folder, directory) = opened();
    fill(&directory, &line(7, "before")).unwrap();
    let text = lines((0..100).rev(), "after");
    interrupt(&directory, &text, text.len() / 2);
    let read = directory.interrupted().unwrap();
    assert!((20..=50).contains(&read), "{read}");
    assert_eq!(directory.count(), Ok(1));
    assert_eq!(owner(&directory, 7).as_deref(), Some("before"));
    for entry in std::fs::read_dir(folder.path().join("ownership.redb.import")).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    // as after a crash: the process is another one
    drop(directory);
    let file = folder.path().join("ownership.redb");
    let mut directory = EmbeddedDirectory::open(&file).unwrap();
    directory.sorted = 1_000;
    let report = go_on(&directory, &text).unwrap();
    assert_eq!((report.imported, directory.count()), (100, Ok(100)));
    assert_eq!(
        report.sha256,
        crate::digest::hex(&crate::digest::sha256(text.as_bytes()))
    );
    let is_new = |number| owner(&directory, number).as_deref() == Some("after");
    assert!((0..100).all(is_new));
    assert_eq!(directory.interrupted(), None);
    assert!(why(go_on(&directory, &text)).contains("no interrupted import"));
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "nothing but the file is left");
}

#[test]
fn what_was_read_is_not_judged_again() {
    let (_folder, directory) = opened();
    let text = lines(0..10_000, "alice");
    interrupt(&directory, &text, text.len() - 1);
    let read = directory.interrupted().unwrap();
    let mut first = None;
    let mut told = |progress| {
        if let Progress::Read { lines, .. } = progress {
            first.get_or_insert(lines);
        }
    };
    let report = directory.take(&mut Intake {
        lines: &mut text.as_bytes(),
        terms: &terms(BadLines::Refuse),
        others: Others::Stay,
        resume: Resume::Now,
        told: Some(&mut told),
    });
    assert_eq!(report.unwrap().imported, 10_000);
    assert!(read > 9_900, "{read}");
    assert_eq!(
        first, None,
        "fewer lines than one word about them was worth"
    );
}

#[test]
fn only_the_same_lines_are_gone_on_with() {
    let (folder, directory) = opened();
    let text = lines(0..100, "alice");
    let other = text.replacen("alice", "mally", 1);
    for cut in [0, 10] {
        interrupt(&directory, &text, text.len() / 2);
        assert!(
            why(go_on(&directory, &other)).contains("are not those"),
            "{cut}"
        );
        assert!(
            why(go_on(&directory, text.get(..cut).unwrap())).contains("are not those"),
            "{cut}"
        );
    }
    let skipping = (BadLines::Skip, Others::Stay, Resume::Now);
    let refused = import_as(&directory, &mut text.as_bytes(), skipping);
    assert!(why(refused).contains("other options"));
    let run = folder.path().join("ownership.redb.import/run-0");
    let whole = std::fs::read(&run).unwrap();
    let altered = String::from_utf8_lossy(&whole).replace("alice", "mally");
    for bytes in [&whole[..whole.len() - 1], &[], altered.as_bytes()] {
        std::fs::write(&run, bytes).unwrap();
        assert!(why(go_on(&directory, &text)).contains("cannot keep what was read"));
    }
    std::fs::remove_file(&run).unwrap();
    assert!(why(go_on(&directory, &text)).contains("cannot keep what was read"));
    assert_eq!(directory.count(), Ok(0), "no record of any of these");
    std::fs::write(&run, &whole).unwrap();
    assert_eq!(go_on(&directory, &text).unwrap().imported, 100);
}

#[test]
fn a_bad_line_is_corrected_and_the_lines_before_it_are_not_read_again() {
    let (folder, directory) = opened();
    let good = lines(0..60, "alice");
    let (bad, more) = ("x\n", lines(60..100, "alice") + &line(3, "eve"));
    let how = (BadLines::Refuse, Others::Stay, Resume::Later);
    let text = good.clone() + bad + &more;
    let error = import_as(&directory, &mut text.as_bytes(), how).unwrap_err();
    let ImportError::Bad(told, 0) = error else {
        panic!("{error}")
    };
    let told: Vec<u64> = told.iter().map(|bad| bad.line).collect();
    assert_eq!(told, [61, 102], "all of them, whatever came before");
    assert!((50..=60).contains(&directory.interrupted().unwrap()));
    // a run that no mark knows may be there after a crash, whole or not
    std::fs::write(folder.path().join("ownership.redb.import/run-99"), "x").unwrap();
    let text = good + &lines(60..100, "alice");
    assert_eq!(go_on(&directory, &text).unwrap().imported, 100);
    assert_eq!(owner(&directory, 3).as_deref(), Some("alice"));
}

#[test]
fn an_import_that_nobody_goes_on_from_leaves_nothing() {
    let (folder, directory) = opened();
    let text = lines(0..100, "alice");
    let how = (BadLines::Refuse, Others::Stay, Resume::Never);
    import_as(&directory, &mut Cut(text.as_bytes()), how).unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(directory.interrupted(), None);
    // nor does one that was killed, once the file is opened again
    let file = folder.path().join("ownership.redb");
    drop(directory);
    std::fs::create_dir(folder.path().join("ownership.redb.importing")).unwrap();
    std::fs::write(folder.path().join("ownership.redb.importing/run-0"), "x").unwrap();
    drop(EmbeddedDirectory::open(&file).unwrap());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_snapshot_goes_on_as_a_snapshot() {
    let (_folder, directory) = opened();
    fill(&directory, &(line(500, "old") + &line(7, "old"))).unwrap();
    let text = lines(0..100, "new");
    interrupt(&directory, &text, text.len() / 2);
    let how = (BadLines::Refuse, Others::Go, Resume::Now);
    import_as(&directory, &mut text.as_bytes(), how).unwrap();
    assert_eq!((directory.count(), owner(&directory, 500)), (Ok(100), None));
}

/// A line of few things, some of them bad.
fn any_line() -> impl Strategy<Value = String> {
    let names = 0..6_u32;
    prop_oneof![
        8 => (names.clone(), 0..3_u32).prop_map(|(car, owner)| line(car, &format!("o{owner}"))),
        2 => (names.clone(), any::<bool>()).prop_map(|(who, suspended)| format!(
            "{{\"issuer\":\"owners\",\"subject\":\"s{who}\",\"suspended\":{suspended}}}\n"
        )),
        2 => names.prop_map(|alias| format!(
            "{{\"alias\":\"a{alias}\",\"client\":\"C1\",\"vin\":null}}\n"
        )),
        1 => Just("\n".to_owned()),
        1 => Just("x\n".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The same lines told and the same records written as by reading them one after the other.
    #[test]
    fn sorting_changes_nothing(
        text in prop::collection::vec(any_line(), 0..40),
        skips in any::<bool>(),
        (filled, cut) in any::<(bool, prop::sample::Index)>(),
    ) {
        let text = text.concat();
        let bad = if skips { BadLines::Skip } else { BadLines::Refuse };
        let mut vehicles = Vec::new();
        let plain = import::read(&mut text.as_bytes(), &terms(bad), &mut None, &mut |fact| {
            if let Fact::Vehicle(vin, facts) = fact {
                vehicles.push((*vin, (**facts).clone()));
            }
            Ok(())
        });
        let (_folder, directory) = opened();
        if filled {
            fill(&directory, &(line(100, "old") + &line(2, "old"))).unwrap();
        }
        let how = (bad, Others::Stay, Resume::Later);
        let half = &text.as_bytes()[..cut.index(text.len().saturating_add(1))];
        import_as(&directory, &mut Cut(half), how).unwrap_err();
        let how = match directory.interrupted() {
            Some(_) => (bad, Others::Stay, Resume::Now),
            None => how,
        };
        let sorted = import_as(&directory, &mut text.as_bytes(), how);
        prop_assert_eq!(&sorted, &plain);
        let checked = intake::check(&mut text.as_bytes(), &terms(bad), None);
        prop_assert_eq!(&checked, &plain);
        if sorted.is_err() {
            vehicles.clear();
        }
        // one that was there and isn't named stays, with its row
        let old = [2, 100].map(vin);
        let stays = |old: &&Vin| filled && vehicles.iter().all(|(vin, _)| vin != *old);
        let mut indexed = u64::try_from(old.iter().filter(stays).count()).unwrap();
        let count = u64::try_from(vehicles.len()).unwrap().saturating_add(indexed);
        prop_assert_eq!(directory.count(), Ok(count));
        for (vin, facts) in &vehicles {
            for key in facts.index_keys() {
                prop_assert!(directory.indexed(&key, 100).unwrap().vins.contains(vin));
                indexed = indexed.saturating_add(1);
            }
            let found = directory.get(vin).unwrap();
            prop_assert_eq!(found.as_ref(), Some(facts));
        }
        prop_assert_eq!(directory.index_rows(), indexed, "no row of what isn't there");
    }
}
