//! Does the file keep what it was given, and say so when it can't?

mod current;
mod exported;
mod indexed;
mod overlapped;
mod resumed;

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::adapters::directory_contract;

fn line(number: u32, owner: &str) -> String {
    format!(
        r#"{{"vin":"SJNFAAZE0U6{number:06}","owner":"{owner}","region":"NE","trim":"SV","capabilities":[],"telematics":true}}"#
    ) + "\n"
}

fn vin(number: u32) -> Vin {
    Vin::read(&format!("SJNFAAZE0U6{number:06}")).unwrap()
}

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ownership.redb");
    (folder, file)
}

fn terms(bad: BadLines) -> Terms {
    Terms {
        bad,
        regions: ["NE", "NML"].map(str::to_owned).into(),
        issuers: ["owners"].map(str::to_owned).into(),
    }
}

fn fill(directory: &EmbeddedDirectory, text: &str) -> Result<ImportReport, ImportError> {
    directory.import(&mut text.as_bytes(), &terms(BadLines::Refuse))
}

fn owner(directory: &EmbeddedDirectory, number: u32) -> Option<String> {
    directory.get(&vin(number)).unwrap()?.owner
}

#[tokio::test]
async fn the_contract_holds() {
    let (_folder, file) = file();
    let directory = Arc::new(EmbeddedDirectory::open(&file).unwrap());
    let filled = Arc::clone(&directory);
    directory_contract::hold(directory, &|lines| {
        fill(&filled, lines).unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_contract_of_snapshots_holds() {
    let (_folder, file) = file();
    let directory = Arc::new(EmbeddedDirectory::open(&file).unwrap());
    let [filled, replaced, exported, left] = [(); 4].map(|()| Arc::clone(&directory));
    let whole = directory_contract::Whole {
        directory,
        fill: &|lines| drop(fill(&filled, lines).unwrap()),
        replace: &|lines| {
            let replaced = replaced.replace(&mut lines.as_bytes(), &terms(BadLines::Refuse));
            replaced.is_ok()
        },
        export: &|| exported::exported(&exported),
    };
    directory_contract::hold_whole(whole).await;
    assert_eq!(exported::exported(&left).lines().count(), 3);
}

#[test]
fn vehicles_can_be_imported_before_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state/ownership.redb");
    let directory = EmbeddedDirectory::open(&file).unwrap();
    assert_eq!(fill(&directory, &line(1, "alice")).unwrap().imported, 1);
}

#[test]
fn facts_outlive_the_process() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    let report = fill(&directory, &(line(1, "alice") + &line(2, "bob"))).unwrap();
    assert_eq!((report.imported, directory.count()), (2, Ok(2)));
    drop(directory);
    let directory = EmbeddedDirectory::open(&file).unwrap();
    assert_eq!(directory.count(), Ok(2));
    assert_eq!(owner(&directory, 2).as_deref(), Some("bob"));
}

/// A file of a version that knew vehicles alone.
#[test]
fn an_old_file_gets_its_new_tables_and_keeps_its_records() {
    let (_folder, file) = file();
    let old = Database::create(&file).unwrap();
    let transaction = old.begin_write().unwrap();
    {
        let mut table = transaction.open_table(VEHICLES).unwrap();
        let record = b"\x01[\"anna\",[],null,\"NE\",\"SV\",[],true]";
        table
            .insert(&key(&vin(1)).unwrap(), record.as_slice())
            .unwrap();
    }
    transaction.commit().unwrap();
    drop(old);
    let directory = EmbeddedDirectory::open(&file).unwrap();
    assert_eq!(owner(&directory, 1).as_deref(), Some("anna"));
    let standing = directory.subject("owners", "anna");
    assert_eq!(standing, Ok(SubjectFacts::default()));
}

#[test]
fn an_alias_is_one_partners_until_it_is_forgotten() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    let found = |client: &str, alias: &str| {
        directory.alias(&Alias {
            client: client.to_owned(),
            alias: alias.to_owned(),
        })
    };
    assert_eq!(found("charger", "a-1"), Ok(None));
    let line = r#"{"alias":"a-1","client":"charger","vin":"SJNFAAZE0U6000001"}"#;
    fill(&directory, line).unwrap();
    assert_eq!(found("charger", "a-1"), Ok(Some(vin(1))));
    assert_eq!(found("tracker", "a-1"), Ok(None), "another partner's");
    assert_eq!(
        found("charge", "ra-1"),
        Ok(None),
        "partner and name stay apart"
    );
    let moved = line.replace("000001", "000002");
    fill(&directory, &moved).unwrap();
    assert_eq!(found("charger", "a-1"), Ok(Some(vin(2))));
    fill(&directory, &line.replace("\"SJNFAAZE0U6000001\"", "null")).unwrap();
    assert_eq!(found("charger", "a-1"), Ok(None));
}

#[test]
fn a_snapshot_forgets_what_it_leaves_out_and_is_seen_whole() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    let suspended = "{\"issuer\":\"owners\",\"subject\":\"eve\",\"suspended\":true}\n";
    let alias = "{\"alias\":\"a\",\"client\":\"c\",\"vin\":\"SJNFAAZE0U6012345\"}\n";
    fill(
        &directory,
        &(line(1, "alice") + &line(2, "alice") + suspended + alias),
    )
    .unwrap();
    let replace = |text: &str, bad| directory.replace(&mut text.as_bytes(), &terms(bad));
    for (text, bad) in [
        ("", BadLines::Refuse),
        ("\n\n", BadLines::Refuse),
        ("bad\n", BadLines::Refuse),
        (&*line(1, "bob"), BadLines::Skip),
    ] {
        assert!(replace(text, bad).is_err(), "{text}");
        assert_eq!(owner(&directory, 2).as_deref(), Some("alice"), "{text}");
    }
    // whoever looks meanwhile sees the old facts or the new ones, never a car of nobody
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            for _ in 0..20_000 {
                assert!(owner(&directory, 1).is_some());
            }
        });
        for turn in 0..5 {
            let text: String = (0..2_000)
                .map(|car| line(car, &format!("owner-{turn}")))
                .collect();
            replace(&text, BadLines::Refuse).unwrap();
        }
        looking.join().unwrap();
    });
    let report = replace(&line(1, "bob"), BadLines::Refuse).unwrap();
    assert_eq!((report.imported, directory.count()), (1, Ok(1)));
    assert_eq!(owner(&directory, 1).as_deref(), Some("bob"));
    assert_eq!(
        directory
            .subject("owners", "eve")
            .map(|found| found.suspended),
        Ok(true),
        "nobody is let in because a file forgot them"
    );
    let alias = Alias {
        client: "c".to_owned(),
        alias: "a".to_owned(),
    };
    assert_eq!(directory.alias(&alias), Ok(None));
}

#[test]
fn one_bad_line_imports_nothing() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    fill(&directory, &line(1, "alice")).unwrap();
    let text = line(1, "eve") + &line(2, "eve") + "bad\n" + &line(3, "eve");
    assert!(matches!(fill(&directory, &text), Err(ImportError::Bad(bad, 0)) if bad.len() == 1));
    assert_eq!(directory.count(), Ok(1));
    assert_eq!(owner(&directory, 1).as_deref(), Some("alice"));
    let report = directory
        .import(&mut text.as_bytes(), &terms(BadLines::Skip))
        .unwrap();
    assert_eq!((report.imported, directory.count()), (3, Ok(3)));
    assert_eq!(owner(&directory, 1).as_deref(), Some("eve"));
}

#[test]
fn readers_see_an_import_whole_or_not_at_all() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    fill(&directory, &(line(1, "before") + &line(2, "before"))).unwrap();
    let text = line(1, "after") + &line(2, "after");
    std::thread::scope(|scope| {
        scope.spawn(|| fill(&directory, &text).unwrap());
        while owner(&directory, 1).as_deref() == Some("before") {}
        assert_eq!(owner(&directory, 2).as_deref(), Some("after"));
    });
}

#[test]
fn a_second_opener_is_told_who_is_in_the_way() {
    let (_folder, file) = file();
    let _held = EmbeddedDirectory::open(&file).unwrap();
    let error = EmbeddedDirectory::open(&file).unwrap_err();
    assert!(error.contains("is held by another process"), "{error}");
}

#[test]
fn only_its_owner_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, file) = file();
    let _directory = EmbeddedDirectory::open(&file).unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_is_no_directory_is_named_and_left_alone() {
    let (folder, file) = file();
    std::fs::write(&file, "vin,owner\n".repeat(1_000)).unwrap();
    let error = EmbeddedDirectory::open(&file).unwrap_err();
    assert!(error.contains("is not an ownership directory"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap().len(), 10_000);

    let error = EmbeddedDirectory::open(folder.path()).unwrap_err();
    assert!(error.contains("cannot open"), "{error}");
    let error = EmbeddedDirectory::open(&file.join("file")).unwrap_err();
    assert!(error.contains("cannot open"), "{error}");
}

#[test]
fn a_table_of_another_shape_is_refused() {
    let (_folder, file) = file();
    let database = Builder::new().create(&file).unwrap();
    let transaction = database.begin_write().unwrap();
    let other: TableDefinition<'static, &str, &str> = TableDefinition::new("vehicles");
    transaction.open_table(other).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = EmbeddedDirectory::open(&file).unwrap_err();
    assert!(error.contains("is not an ownership directory"), "{error}");
}

#[test]
fn a_cut_or_altered_file_never_panics_and_never_lies() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    let text: String = (0..2_000).map(|number| line(number, "alice")).collect();
    fill(&directory, &text).unwrap();
    drop(directory);
    let whole = std::fs::read(&file).unwrap();
    let mut refused = 0;
    for part in 1..=12 {
        let place = whole.len() * part / 13;
        let mut zeroed = whole.clone();
        zeroed[place / 4_096 * 4_096..][..4_096].fill(0);
        for bytes in [&whole[..place], &zeroed] {
            std::fs::write(&file, bytes).unwrap();
            let Ok(directory) = EmbeddedDirectory::open(&file) else {
                refused += 1;
                continue;
            };
            for number in (0..2_000).step_by(97) {
                if let Ok(Some(facts)) = directory.get(&vin(number)) {
                    assert_eq!(facts.owner.as_deref(), Some("alice"));
                }
            }
            if fill(&directory, &line(1, "bob")).is_ok() {
                assert_eq!(owner(&directory, 1).as_deref(), Some("bob"));
            }
        }
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_malformed_not_absent() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    {
        let opened = directory.opened().unwrap();
        let opened = opened.as_ref().unwrap();
        let transaction = opened.database().begin_write().unwrap();
        let mut table = transaction.open_table(VEHICLES).unwrap();
        let unreadable = b"\x02[]".as_slice();
        table.insert(&key(&vin(1)).unwrap(), unreadable).unwrap();
        drop(table);
        opened.commit(transaction).unwrap();
    }
    assert_eq!(directory.find(&vin(1)).await, Err(LookupError::Malformed));
    assert_eq!(directory.find(&vin(2)).await, Ok(None));
}
