//! Does a fuse blow when it should, and never otherwise?

use super::*;
use crate::config::duration::Span;
use crate::switchboard::Scope;
use crate::switchboard::store::ColdStart;

fn settings() -> BTreeMap<String, Settings> {
    let fuse = Settings {
        surface: "mobile".to_owned(),
        codes: [FuseCode::AccessDenied].into(),
        distinct_principals: 3,
        window: Span::from_secs(60),
        close: Scope {
            surfaces: ["mobile".to_owned()].into(),
            routes: ["mobile.climate".to_owned()].into(),
            ..Scope::default()
        },
        state: FuseState::ReadOnly,
        lasts: Span::from_secs(600),
        texts: [("en".to_owned(), "Please wait.".to_owned())].into(),
    };
    [("probing".to_owned(), fuse)].into()
}

fn refused(subject: &str, at: u64) -> Refused<'_> {
    Refused {
        surface: "mobile",
        code: "access-denied",
        issuer: "owners",
        subject,
        at: Duration::from_secs(at),
    }
}

/// How often the fuse blew.
fn blown(blowing: &mut Blowing) -> usize {
    std::iter::from_fn(|| blowing.0.try_recv().ok()).count()
}

#[test]
fn many_principals_within_the_window_blow_it_once() {
    let (fuses, mut blowing) = Fuses::new(&settings());
    let board = Board::default();
    for (subject, at) in [("a", 100), ("b", 120)] {
        fuses.note(refused(subject, at), &board);
        assert_eq!(blown(&mut blowing), 0, "{subject}");
    }
    fuses.note(refused("c", 159), &board);
    assert_eq!(blown(&mut blowing), 1);
}

#[test]
fn one_principal_blows_nothing_however_loud() {
    let (fuses, mut blowing) = Fuses::new(&settings());
    for _ in 0..10_000 {
        fuses.note(refused("attacker", 100), &Board::default());
        fuses.note(refused("another", 100), &Board::default());
    }
    assert_eq!(blown(&mut blowing), 0);
    assert!(
        hold(&fuses.fuses[0].seen).last.len() < 3,
        "memory is bounded"
    );
}

#[test]
fn what_was_refused_before_the_window_is_forgotten() {
    let (fuses, mut blowing) = Fuses::new(&settings());
    for (subject, at) in [("a", 100), ("b", 150), ("c", 160)] {
        fuses.note(refused(subject, at), &Board::default());
    }
    assert_eq!(blown(&mut blowing), 0, "the first is 60 s old");
    fuses.note(refused("a", 161), &Board::default());
    assert_eq!(blown(&mut blowing), 1);
}

#[test]
fn another_surface_and_another_code_do_not_count() {
    let (fuses, mut blowing) = Fuses::new(&settings());
    for subject in ["a", "b", "c", "d"] {
        let (one, board) = (refused(subject, 100), Board::default());
        let surface = "portal";
        fuses.note(Refused { surface, ..one }, &board);
        let code = "closed";
        fuses.note(Refused { code, ..one }, &board);
    }
    assert_eq!(blown(&mut blowing), 0);
}

fn rule() -> Arc<Rule> {
    let (fuses, _) = Fuses::new(&settings());
    Arc::clone(&fuses.fuses[0].rule)
}

fn by(at: u64) -> By<'static> {
    By {
        who: "operator",
        at,
        revision: 9,
        break_glass: false,
    }
}

#[test]
fn its_closure_names_it_says_why_and_is_restored_after_its_time() {
    let closure = rule().closure(&Board::default(), 7, 1_000).unwrap();
    assert!(closure.id.starts_with("fuse-probing-"), "{}", closure.id);
    assert_eq!(
        (closure.closed_by.as_str(), closure.revision),
        ("fuse probing", 7)
    );
    assert_eq!(closure.scope, settings()["probing"].close);
    assert_eq!(closure.state, State::ReadOnly);
    assert_eq!(closure.expires_at, Some(1_600));
    assert_eq!(closure.at_expiry, AtExpiry::Restore);
    assert_eq!(closure.texts["en"], "Please wait.");
    let reason = "fuse `probing`: 3 verified principals were refused (`access-denied`) within 1m";
    assert_eq!(closure.reason, reason);
}

#[test]
fn it_does_not_blow_again_while_closed_nor_soon_after_an_operator_opened_it() {
    let rule = rule();
    let closure = rule.closure(&Board::default(), 7, 1_000).unwrap();
    let board = Board::default().with(closure.clone());
    assert_eq!(rule.closure(&board, 8, 1_100), Err(Resting));
    let opened = changes::set(&closure, State::Open, What::Open, by(1_200)).unwrap();
    let board = board.with(opened);
    assert_eq!(rule.closure(&board, 8, 1_799), Err(Resting));
    assert!(rule.closure(&board, 8, 1_800).is_ok());
    let restored = changes::set(&closure, State::Open, What::Advance, by(1_200)).unwrap();
    let board = Board::default().with(restored);
    assert!(rule.closure(&board, 8, 1_201).is_ok(), "it ended by itself");
}

#[test]
fn refusals_while_its_closure_is_in_force_blow_nothing() {
    let (fuses, mut blowing) = Fuses::new(&settings());
    let closure = rule().closure(&Board::default(), 7, 100).unwrap();
    let board = Board::default().with(closure);
    for subject in ["a", "b", "c", "d", "e", "f", "g"] {
        fuses.note(refused(subject, 100), &board);
    }
    assert_eq!(blown(&mut blowing), 0);
}

#[tokio::test]
async fn a_fuse_that_blows_closes_what_it_names_and_tells() {
    let folder = tempfile::tempdir().unwrap();
    let opened = Switchboard::open(folder.path(), &ColdStart::default());
    let switchboard = Arc::new(opened.unwrap().0);
    let (fuses, blowing) = Fuses::new(&settings());
    let now = clock::unix_time().as_secs();
    for subject in ["a", "b", "c"] {
        fuses.note(refused(subject, now), &switchboard.board());
    }
    drop(fuses); // then no more can blow, and serving ends
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let tell = move |name: &str| hold(&heard).push(name.to_owned());
    blowing.serve(Arc::clone(&switchboard), tell).await;
    assert_eq!(*hold(&told), ["probing"]);
    let board = switchboard.board();
    let in_force: Vec<_> = board.in_force().collect();
    assert_eq!(in_force.len(), 1);
    assert_eq!(in_force[0].closed_by, "fuse probing");
    assert!(switchboard.is_durable());
}
