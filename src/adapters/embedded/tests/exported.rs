//! Is what was exported the same again once it is imported?

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::adapters::facts::Fact;
use crate::adapters::facts::form;
use crate::adapters::facts::form::tests::facts;

/// Names of any region and issuer.
fn any_terms() -> Terms {
    Terms {
        bad: BadLines::Refuse,
        regions: std::collections::BTreeSet::new(),
        issuers: std::collections::BTreeSet::new(),
    }
}

fn opened() -> (TempDir, EmbeddedDirectory) {
    let (folder, file) = file();
    let directory = EmbeddedDirectory::open(&file).unwrap();
    (folder, directory)
}

pub(super) fn exported(directory: &EmbeddedDirectory) -> String {
    let mut text = String::new();
    let taken = directory.snapshot().unwrap().write(&mut |line| {
        text.push_str(line);
        text.push('\n');
        Ok(())
    });
    assert_eq!(taken.unwrap(), u64::try_from(text.lines().count()).unwrap());
    text
}

/// One fact of each thing, as one import wants it; a subject in good standing leaves no record.
fn once(facts: Vec<Fact>) -> BTreeMap<(u8, String), Fact> {
    let named = facts.into_iter().filter_map(|fact| {
        let key = match &fact {
            Fact::Vehicle(vin, _) => (0, vin.as_str().to_owned()),
            Fact::Subject(_, facts) if !facts.suspended => return None,
            Fact::Subject(key, _) => (1, format!("{}\0{}", key.issuer, key.subject)),
            Fact::Alias(alias, _) => (2, format!("{}\0{}", alias.client, alias.alias)),
        };
        Some((key, fact))
    });
    named.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_was_exported_and_imported_is_what_was_there(facts in prop::collection::vec(facts(), 0..12)) {
        let facts = once(facts);
        let lines = facts.values().map(|fact| form::write(fact).unwrap() + "\n");
        let lines: String = lines.collect();
        let (_one, first) = opened();
        first.import(&mut lines.as_bytes(), &any_terms()).unwrap();
        let text = exported(&first);
        let (_two, second) = opened();
        second.import(&mut text.as_bytes(), &any_terms()).unwrap();
        prop_assert_eq!(exported(&second), text.clone(), "the same bytes in the same order");
        prop_assert_eq!(text.lines().count(), facts.len());
        for fact in facts.values() {
            match fact {
                Fact::Vehicle(vin, facts) => {
                    prop_assert_eq!(second.get(vin).unwrap(), Some((**facts).clone()));
                }
                Fact::Subject(key, facts) => {
                    prop_assert_eq!(second.subject(&key.issuer, &key.subject).unwrap(), *facts);
                }
                Fact::Alias(alias, vin) => prop_assert_eq!(second.alias(alias).unwrap(), *vin),
            }
        }
    }
}

#[test]
fn an_export_shows_one_moment_while_others_write() {
    let (_folder, directory) = opened();
    fill(&directory, &(line(1, "alice") + &line(2, "alice"))).unwrap();
    let snapshot = directory.snapshot().unwrap();
    let mut owners = Vec::new();
    snapshot
        .write(&mut |text| {
            if owners.is_empty() {
                fill(&directory, &(line(2, "bob") + &line(3, "bob"))).unwrap();
            }
            owners.push(text.contains("alice"));
            Ok(())
        })
        .unwrap();
    assert_eq!(owners, [true, true]);
    assert_eq!(owner(&directory, 2).as_deref(), Some("bob"));
}

#[test]
fn a_taker_that_takes_no_more_ends_it() {
    let (_folder, directory) = opened();
    fill(&directory, &(line(1, "alice") + &line(2, "alice"))).unwrap();
    let mut taken = 0;
    let ended = directory.snapshot().unwrap().write(&mut |_| {
        taken += 1;
        Err("full".to_owned())
    });
    assert!(ended.unwrap_err().to_string().contains("full"));
    assert_eq!(taken, 1);
}
