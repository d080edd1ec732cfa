//! Does the index say what the records say, whatever changed them?

use std::time::Duration;

use super::*;
use crate::config::file::PrincipalKind;
use crate::pipeline::ownership::DriverGrant;

fn user(name: &str) -> IndexKey {
    IndexKey::Subject(PrincipalKind::User, name.to_owned())
}

fn cars(directory: &EmbeddedDirectory, name: &str) -> Vec<Vin> {
    let hints = directory.indexed(&user(name), 10).unwrap();
    assert!(!hints.more);
    hints.vins
}

fn driven_by(name: &str) -> DriverGrant {
    DriverGrant {
        subject: name.to_owned(),
        entitlements: Vec::new(),
        until: Some(Duration::ZERO),
    }
}

#[test]
fn an_index_follows_imports() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    fill(
        &directory,
        &(line(1, "alice") + &line(2, "alice") + &line(3, "ali")),
    )
    .unwrap();
    assert_eq!(cars(&directory, "alice"), [vin(1), vin(2)]);
    assert_eq!(cars(&directory, "ali"), [vin(3)]);
    assert_eq!(cars(&directory, "al"), []);
    let of_client = IndexKey::Subject(PrincipalKind::Client, "alice".to_owned());
    assert_eq!(directory.indexed(&of_client, 10), Ok(Hints::default()));

    fill(&directory, &line(1, "bob")).unwrap();
    assert_eq!(cars(&directory, "alice"), [vin(2)]);
    assert_eq!(cars(&directory, "bob"), [vin(1)]);
}

#[test]
fn an_index_follows_changes_and_snapshots() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    fill(&directory, &(line(1, "bob") + &line(2, "alice"))).unwrap();
    let lent = |facts: Option<VehicleFacts>| {
        let drivers = vec![driven_by("carol"), driven_by("bob")];
        Ok::<_, String>(facts.map(|facts| VehicleFacts { drivers, ..facts }))
    };
    directory.change(&vin(2), lent).unwrap();
    assert_eq!(cars(&directory, "carol"), [vin(2)]);
    assert_eq!(cars(&directory, "bob"), [vin(1), vin(2)]);
    directory
        .change(&vin(1), |_| Ok::<_, String>(None))
        .unwrap();
    assert_eq!(cars(&directory, "bob"), [vin(2)]);

    let lines = line(7, "bob");
    let terms = terms(BadLines::Refuse);
    directory.replace(&mut lines.as_bytes(), &terms).unwrap();
    assert_eq!(cars(&directory, "bob"), [vin(7)]);
    for gone in ["alice", "carol"] {
        assert_eq!(cars(&directory, gone), [], "{gone}");
    }
}

#[test]
fn as_many_are_found_as_are_asked_for() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    let lines: String = (0..5).map(|number| line(number, "alice")).collect();
    fill(&directory, &lines).unwrap();
    let found = |most| directory.indexed(&user("alice"), most).unwrap();
    for (most, more) in [(0, true), (4, true), (5, false), (usize::MAX, false)] {
        let hints = found(most);
        assert_eq!((hints.vins.len(), hints.more), (most.min(5), more));
    }
}

#[test]
fn a_file_without_an_index_gets_one_of_its_records() {
    let (_folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    fill(&directory, &(line(1, "alice") + &line(2, "bob"))).unwrap();
    drop(directory);
    let old = Database::create(&file).unwrap();
    let transaction = old.begin_write().unwrap();
    assert!(transaction.delete_table(INDEX).unwrap());
    transaction.commit().unwrap();
    drop(old);
    let directory = EmbeddedDirectory::open(&file).unwrap();
    assert_eq!(cars(&directory, "alice"), [vin(1)]);
    assert_eq!(cars(&directory, "bob"), [vin(2)]);
}
