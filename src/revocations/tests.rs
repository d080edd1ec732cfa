//! What is refused, what outlives a restart, and what happens when it can't be read or written?

use std::fs;
use std::io::Write;

use tempfile::TempDir;

use super::*;

pub(super) const NOW: u64 = 1_800_000_000;

pub(super) fn list(folder: &TempDir) -> Revocations {
    Revocations::open(folder.path(), false, BTreeSet::new())
        .unwrap()
        .0
}

pub(super) fn draft(kind: Kind, name: &str, reach: Reach) -> Draft {
    Draft {
        mark: Mark::of(kind, "https://id.example", name),
        reach,
        ends: NOW + 3_600,
        told: Told {
            kind,
            issuer: "owners".to_owned(),
            about: "somebody".to_owned(),
            reason: "stolen".to_owned(),
            by: "anna".to_owned(),
            at: NOW,
        },
    }
}

/// The marks of a token of `subject`.
pub(super) fn marks(subject: &str) -> Marks {
    Marks::of(Named {
        issuer: "https://id.example",
        subject,
        token: Some("t1"),
        session: Some("d1"),
        client: Some("app"),
        certificate: None,
    })
}

/// Whether a token of `subject` that was issued then is refused.
pub(super) fn refuses(list: &Revocations, subject: &str, issued_at: u64) -> bool {
    list.refuse(&marks(subject), Duration::from_secs(issued_at))
}

fn log_of(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("revocations.log")
}

#[test]
fn each_kind_refuses_what_it_is_about_and_nothing_else() {
    for (kind, name) in [
        (Kind::Token, "t1"),
        (Kind::SessionId, "d1"),
        (Kind::Subject, "anna"),
        (Kind::Client, "app"),
        (Kind::Issuer, ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let list = list(&folder);
        assert!(!refuses(&list, "anna", NOW));
        let made = list
            .revoke(vec![draft(kind, name, Reach::IssuedUntil(NOW))])
            .unwrap();
        assert_eq!((made.changed, &made.not_durable), (1, &None), "{kind:?}");
        assert!(refuses(&list, "anna", NOW), "{kind:?}");
        assert!(!refuses(&list, "anna", NOW + 1), "{kind:?}: issued later");
        assert_eq!(
            refuses(&list, "ben", NOW),
            kind != Kind::Subject,
            "{kind:?}"
        );
        let other = Marks::of(Named {
            issuer: "https://other.example",
            subject: "anna",
            token: Some("t1"),
            session: Some("d1"),
            client: Some("app"),
            certificate: None,
        });
        assert!(
            !list.refuse(&other, Duration::ZERO),
            "{kind:?}: another issuer"
        );
    }
}

#[test]
fn a_revocation_outlives_a_restart_and_so_does_its_end() {
    let folder = tempfile::tempdir().unwrap();
    {
        let list = list(&folder);
        let both = ["anna", "ben"].map(|name| draft(Kind::Subject, name, Reach::IssuedUntil(NOW)));
        list.revoke(both.to_vec()).unwrap();
        let again = list.revoke(vec![draft(
            Kind::Subject,
            "anna",
            Reach::IssuedUntil(NOW - 50),
        )]);
        assert_eq!(again.unwrap().changed, 0, "it was so already");
        assert!(refuses(&list, "anna", NOW), "less takes nothing back");
        let restored = list.restore(vec![
            draft(Kind::Subject, "ben", Reach::Restored),
            draft(Kind::Subject, "carl", Reach::Restored),
        ]);
        assert_eq!(restored.unwrap().changed, 1, "carl was never revoked");
        assert!(!refuses(&list, "ben", 0));
    }
    let list = list(&folder);
    assert!(refuses(&list, "anna", NOW));
    assert!(!refuses(&list, "ben", 0));
    let told: Vec<(Reach, u64)> = list
        .newest()
        .unwrap()
        .map(|one| (one.reach, one.revision))
        .collect();
    assert_eq!(told, [(Reach::IssuedUntil(NOW), 3), (Reach::Restored, 4)]);
    let made = list
        .revoke(vec![draft(Kind::Subject, "ben", Reach::IssuedUntil(NOW))])
        .unwrap();
    assert_eq!(
        made.versions.values().copied().collect::<Vec<_>>(),
        [5],
        "revisions go on"
    );
}

#[test]
fn what_a_crash_tore_off_is_cut_away() {
    let folder = tempfile::tempdir().unwrap();
    list(&folder)
        .revoke(vec![draft(Kind::Subject, "anna", Reach::Every)])
        .unwrap();
    let whole = fs::read(log_of(&folder)).unwrap();
    for torn in 1..whole.len() {
        let mut bytes = whole.clone();
        bytes.extend_from_slice(&whole[..torn]);
        fs::write(log_of(&folder), &bytes).unwrap();
        let (list, found) = Revocations::open(folder.path(), false, BTreeSet::new()).unwrap();
        assert_eq!((found, list.count()), (Found::All, 1), "{torn}");
        assert_eq!(fs::read(log_of(&folder)).unwrap(), whole, "{torn}");
    }
}

#[test]
fn where_a_line_can_not_be_believed_everything_from_before_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["anna", "ben"].map(|name| draft(Kind::Subject, name, Reach::Every));
    list(&folder).revoke(names.to_vec()).unwrap();
    let whole = fs::read_to_string(log_of(&folder)).unwrap();
    let altered = whole
        .replacen("anna", "nobody", 1)
        .replacen("stolen", "tested", 1);
    let swapped = whole.replacen("every", "restored", 1);
    let unsealed = whole.replacen(' ', "  ", 1);
    let binary = format!("\0\n{whole}");
    let long = format!("{}{whole}", "a".repeat(70_000));
    let endless = format!("{whole}{}", "a".repeat(70_000));
    for broken in [altered, swapped, unsealed, binary, long, endless] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(log_of(&folder), &broken).unwrap();
        let now = clock::unix_time().as_secs();
        {
            let (list, found) = Revocations::open(folder.path(), false, BTreeSet::new()).unwrap();
            assert!(matches!(found, Found::Broken(_)), "{found:?}");
            assert!(refuses(&list, "carl", now - 1), "nobody knows about carl");
            assert!(
                !refuses(&list, "carl", now + 60),
                "who signs in anew is served"
            );
            let kept = folder.path().join("revocations.log.broken");
            assert_eq!(fs::read_to_string(kept).unwrap(), broken);
        }
        let (list, found) = Revocations::open(folder.path(), false, BTreeSet::new()).unwrap();
        assert_eq!(found, Found::All, "and so it stays");
        assert!(refuses(&list, "carl", now - 1));
    }
}

#[test]
fn what_still_can_be_read_of_a_broken_log_holds() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["anna", "ben"].map(|name| draft(Kind::Subject, name, Reach::Every));
    list(&folder).revoke(names.to_vec()).unwrap();
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(log_of(&folder))
        .unwrap();
    file.write_all(b"garbage\n").unwrap();
    for _ in 0..2 {
        let list = list(&folder);
        let later = clock::unix_time().as_secs() + 60;
        assert!(refuses(&list, "anna", later) && refuses(&list, "ben", later));
        assert!(!refuses(&list, "carl", later));
    }
}

#[test]
fn without_a_disk_what_revokes_is_in_force_and_what_restores_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(&folder);
    list.revoke(vec![draft(Kind::Subject, "anna", Reach::Every)])
        .unwrap();
    hold(&list.log).break_disk();
    let made = list
        .revoke(vec![draft(Kind::Subject, "ben", Reach::Every)])
        .unwrap();
    assert!(made.not_durable.is_some() && !list.are_durable());
    assert!(refuses(&list, "ben", NOW), "in force all the same");
    let restored = list.restore(vec![draft(Kind::Subject, "anna", Reach::Restored)]);
    assert!(
        matches!(restored, Err(Unchanged::NotDurable(_))),
        "{restored:?}"
    );
    assert!(
        refuses(&list, "anna", NOW),
        "nothing opens that a restart would close"
    );
    let known = list.newest().unwrap().count();
    assert_eq!(known, 2, "what is not written is told too");
    hold(&list.log).mend_disk();
    assert!(list.sweep(NOW).is_empty());
    assert!(list.are_durable(), "written as soon as it can be");
    drop(list);
    let list = self::list(&folder);
    assert!(refuses(&list, "anna", NOW) && refuses(&list, "ben", NOW));
}

#[test]
fn what_ended_is_forgotten_and_its_lines_too() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(&folder);
    let many = |from: usize| -> Vec<Draft> {
        let names = from..from + SURPLUS + 1;
        names
            .map(|name| draft(Kind::Token, &name.to_string(), Reach::Every))
            .collect()
    };
    list.revoke(many(0)).unwrap();
    let mut late = draft(Kind::Subject, "anna", Reach::Every);
    late.ends = NOW + 1_000_000;
    list.revoke(vec![late]).unwrap();
    assert!(
        list.sweep(NOW + 3_600 + REMEMBERED - 1).is_empty(),
        "not yet"
    );
    assert_eq!(list.sweep(NOW + 3_600 + REMEMBERED).len(), SURPLUS + 1);
    assert_eq!(list.count(), 1);
    let lines = fs::read_to_string(log_of(&folder)).unwrap().lines().count();
    assert_eq!(lines, 1, "the log is as short as what it tells");
    list.revoke(vec![draft(Kind::Subject, "ben", Reach::Every)])
        .unwrap();
    drop(list);
    let list = self::list(&folder);
    assert!(refuses(&list, "anna", NOW) && refuses(&list, "ben", NOW));
}

#[test]
fn there_is_an_end_to_how_many_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let list = list(&folder);
    list.count.store(MOST, Ordering::Release);
    let refused = list.revoke(vec![draft(Kind::Subject, "anna", Reach::Every)]);
    assert_eq!(refused, Err(Unchanged::Full));
    assert!(!refuses(&list, "anna", NOW), "none of it");
}

#[test]
fn while_the_fleets_are_not_known_some_surfaces_serve_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let waiting = BTreeSet::from(["portal".to_owned()]);
    let (list, _) = Revocations::open(folder.path(), true, waiting.clone()).unwrap();
    assert!(!list.suffice_for("portal") && list.suffice_for("mobile"));
    list.settle();
    assert!(list.suffice_for("portal"));
    let folder = tempfile::tempdir().unwrap();
    let (alone, _) = Revocations::open(folder.path(), false, waiting).unwrap();
    assert!(alone.suffice_for("portal"), "nobody else has any");
}
