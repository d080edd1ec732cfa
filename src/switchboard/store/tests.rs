//! Is a board on disk whole or refused, and does closing never wait for a disk?

use std::fs;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;

use super::*;
use crate::switchboard::changes::{self, By, New, Senseless};
use crate::switchboard::closure::What;
use crate::switchboard::{Place, Scope, State};

fn closure(id: &str, surface: &str, revision: u64) -> Closure {
    let scope = Scope {
        surfaces: [surface.to_owned()].into(),
        ..Scope::default()
    };
    let reason = "a \"leak\", ünïcode".to_owned();
    let by = By {
        who: "root",
        at: u64::MAX / 2, // never so old that it is forgotten
        revision,
        break_glass: false,
    };
    changes::begin(New::closing(id.to_owned(), scope, reason), by)
}

fn close(switchboard: &Switchboard, id: &str, surface: &str) -> Changed {
    let closed = switchboard.close(|_, revision| Ok::<_, ()>(closure(id, surface, revision)));
    closed.unwrap()
}

/// Opens it; the revision of that.
fn open_again(switchboard: &Switchboard, id: &str) -> Result<u64, Unchanged<Senseless>> {
    let opened = switchboard.open_up(|board, revision| {
        let known = board.get(id).ok_or(Senseless::Ended)?;
        let by = By {
            who: "root",
            at: u64::MAX / 2,
            revision,
            break_glass: false,
        };
        changes::set(known, State::Open, What::Open, by)
    });
    opened.map(|changed| changed.closure.revision)
}

fn ids(switchboard: &Switchboard) -> Vec<String> {
    let board = switchboard.board();
    board.in_force().map(|closure| closure.id.clone()).collect()
}

fn is_closed(switchboard: &Switchboard, surface: &str) -> bool {
    let place = Place {
        surface,
        ..Place::default()
    };
    switchboard.current().judge(place).is_some()
}

fn cold(surfaces: &[&str]) -> ColdStart {
    ColdStart {
        baseline: None,
        closed: surfaces.iter().map(|name| (*name).to_owned()).collect(),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A folder with a board of one closure on `portal`, and the bytes of its file.
fn closed_portal() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let (switchboard, _) = Switchboard::open(folder.path(), &cold(&[])).unwrap();
    close(&switchboard, "c-1", "portal");
    let path = folder.path().join("board.json");
    let bytes = fs::read(&path).unwrap();
    (folder, path, bytes)
}

#[test]
fn a_board_outlives_its_process() {
    let (folder, _, _) = closed_portal();
    let (again, found) = Switchboard::open(folder.path(), &cold(&["mobile"])).unwrap();
    assert_eq!(found, Found::Board);
    let board = again.board();
    let closures: Vec<&Closure> = board.closures().map(Arc::as_ref).collect();
    assert_eq!(closures, [&closure("c-1", "portal", 1)]);
    assert_eq!(board.revision(), 1);
    assert!(!is_closed(&again, "mobile")); // a board that is known rules
}

#[test]
fn a_first_start_is_a_cold_start_until_an_operator_opens() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("deep/switches");
    let (switchboard, found) = Switchboard::open(&directory, &cold(&["mobile"])).unwrap();
    assert_eq!(found, Found::Nothing);
    assert!(is_closed(&switchboard, "mobile") && !switchboard.is_durable());
    assert_eq!(open_again(&switchboard, "cold-start-mobile").unwrap(), 1);
    assert!(
        open_again(&switchboard, "cold-start-mobile").is_err(),
        "it is open"
    );
    assert!(!is_closed(&switchboard, "mobile") && switchboard.is_durable());
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(&directory.join("board.json")), 0o600);
    let refused = Switchboard::open(&directory, &cold(&[])).unwrap_err();
    assert!(refused.contains("another process"), "{refused}");
    drop(switchboard);
    let (again, _) = Switchboard::open(&directory, &cold(&["mobile"])).unwrap();
    assert!(!is_closed(&again, "mobile"));
}

#[test]
fn what_the_cold_start_closed_stays_closed_after_another_change() {
    let folder = tempfile::tempdir().unwrap();
    let cold = cold(&["mobile", "partner"]);
    let (switchboard, _) = Switchboard::open(folder.path(), &cold).unwrap();
    open_again(&switchboard, "cold-start-partner").unwrap();
    drop(switchboard);
    let (again, found) = Switchboard::open(folder.path(), &cold).unwrap();
    assert_eq!(found, Found::Board);
    assert!(is_closed(&again, "mobile") && !is_closed(&again, "partner"));
}

#[test]
fn a_board_cut_at_any_byte_is_refused_and_the_cold_start_holds() {
    let (folder, path, whole) = closed_portal();
    for length in 0..whole.len() {
        assert!(file::decode(&whole[..length]).is_err(), "cut at {length}");
    }
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let (switchboard, found) = Switchboard::open(folder.path(), &cold(&["mobile"])).unwrap();
        let Found::Broken(message) = found else {
            panic!("cut at {length}: {found:?}");
        };
        assert!(
            message.contains("board.json") && message.contains("half-written"),
            "{message}"
        );
        assert_eq!(ids(&switchboard), ["cold-start-mobile"]);
    }
    for number in 1..=4 {
        assert!(
            folder
                .path()
                .join(format!("board.json.broken-{number}"))
                .exists()
        );
    }
    assert!(!path.exists());
    let (switchboard, found) = Switchboard::open(folder.path(), &cold(&["mobile"])).unwrap();
    assert_eq!(found, Found::Nothing); // and the same state holds
    assert_eq!(ids(&switchboard), ["cold-start-mobile"]);
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let (_folder, _, whole) = closed_portal();
    assert!(file::decode(&whole).is_ok());
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut altered = whole.clone();
            altered[at] ^= 1 << bit;
            assert!(file::decode(&altered).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_sealed_file_that_is_no_board_is_refused() {
    let table = [
        (r#"{"version":1,"revision":1,"closures":[]"#, "version `1`"),
        (
            r#"{"version":2,"revision":1,"closures":[],"x":1"#,
            "unknown field",
        ),
        (
            r#"{"version":2,"revision":-1,"closures":[]"#,
            "not a switch board",
        ),
        (r#"["version""#, "not a switch board"),
        ("", "not a switch board"),
    ];
    for (content, expected) in table {
        let checksum = file::hash(content.as_bytes());
        let text = format!("{content},\"checksum\":\"sha256:{checksum}\"}}\n");
        let flaw = file::decode(text.as_bytes()).unwrap_err();
        assert!(flaw.contains(expected), "{content}: {flaw}");
    }
    let mut nothing = closure("c-1", "mobile", 1);
    nothing.scope = Scope::default();
    let empty = file::encode(&Board::new(1, [Arc::new(nothing)])).unwrap();
    assert!(file::decode(&empty).unwrap_err().contains("names nothing"));
}

#[test]
fn an_unreadable_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("board.json")).unwrap();
    let (switchboard, found) = Switchboard::open(folder.path(), &cold(&["mobile"])).unwrap();
    assert!(matches!(found, Found::Broken(message) if message.contains("can't be read")));
    assert!(is_closed(&switchboard, "mobile"));
    assert_eq!(close(&switchboard, "c-1", "portal").not_durable, None);
}

#[test]
fn a_temporary_file_left_by_a_crash_changes_nothing() {
    let (folder, _, whole) = closed_portal();
    let temporary = folder.path().join("board.json.tmp");
    fs::write(&temporary, &whole[..whole.len() / 2]).unwrap();
    let (switchboard, found) = Switchboard::open(folder.path(), &cold(&[])).unwrap();
    assert_eq!(
        (found, ids(&switchboard)),
        (Found::Board, vec!["c-1".to_owned()])
    );
    assert_eq!(open_again(&switchboard, "c-1").unwrap(), 2);
    assert!(!temporary.exists());
}

#[test]
fn without_a_disk_closing_works_and_opening_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("switches");
    let (switchboard, _) = Switchboard::open(&directory, &cold(&[])).unwrap();
    close(&switchboard, "c-1", "portal");
    fs::remove_dir_all(&directory).unwrap();

    let done = close(&switchboard, "c-2", "mobile");
    assert_eq!(done.closure.revision, 2);
    assert!(done.not_durable.unwrap().contains("can't be written"));
    assert!(is_closed(&switchboard, "mobile") && !switchboard.is_durable());
    assert!(open_again(&switchboard, "c-1").is_err());
    assert!(is_closed(&switchboard, "portal"));
    assert_eq!(switchboard.board().revision(), 2);

    fs::create_dir(&directory).unwrap(); // the disk is back: the next change writes all
    assert_eq!(open_again(&switchboard, "c-1").unwrap(), 4); // 3 was given out in vain
    assert!(switchboard.is_durable());
    drop(switchboard);
    let (again, _) = Switchboard::open(&directory, &cold(&[])).unwrap();
    assert_eq!(ids(&again), ["c-2"]);
}

#[test]
fn changes_from_many_threads_are_all_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (switchboard, _) = Switchboard::open(folder.path(), &cold(&[])).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let switchboard = &switchboard;
            scope.spawn(move || {
                for n in 0..8 {
                    let id = format!("c-{thread}-{n}");
                    close(switchboard, &id, &id);
                    if n % 2 == 0 {
                        open_again(switchboard, &id).unwrap();
                    }
                }
            });
        }
    });
    assert!(switchboard.is_durable());
    let kept = ids(&switchboard);
    drop(switchboard);
    let (again, _) = Switchboard::open(folder.path(), &cold(&[])).unwrap();
    assert_eq!(ids(&again).len(), 16);
    assert_eq!(ids(&again), kept);
    assert_eq!(again.board().revision(), 48);
}

proptest! {
    #[test]
    fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        prop_assert!(file::decode(&bytes).is_err());
    }

    #[test]
    fn what_is_written_is_read_back(
        revision in any::<u64>(),
        texts in proptest::collection::btree_map("[a-z]{1,8}", ".{0,40}", 0..6),
    ) {
        let closures = texts.iter().map(|(id, text)| {
            let mut one = closure(id, "mobile", 1);
            one.reason.clone_from(text);
            Arc::new(one)
        });
        let board = Board::new(revision, closures);
        let back = file::decode(&file::encode(&board).unwrap()).unwrap();
        prop_assert_eq!(back.revision(), revision.max(board.revision()));
        prop_assert!(back.closures().eq(board.closures()));
    }
}

#[test]
fn under_an_older_board_the_cold_start_holds_whatever_was_opened_once() {
    let baseline = Board::new(1, [Arc::new(closure("c-0", "partner", 1))]);
    for baseline in [None, Some(baseline)] {
        let folder = tempfile::tempdir().unwrap();
        let (switchboard, _) = Switchboard::open(folder.path(), &cold(&["mobile"])).unwrap();
        open_again(&switchboard, "cold-start-mobile").unwrap();
        close(&switchboard, "c-1", "portal");
        drop(switchboard);
        fs::write(folder.path().join("board.json"), "garbage").unwrap();
        let cold_start = ColdStart {
            baseline,
            ..cold(&["mobile"])
        };
        let (again, found) = Switchboard::open(folder.path(), &cold_start).unwrap();
        assert!(matches!(found, Found::Older(_)), "{found:?}");
        assert!(is_closed(&again, "mobile") && !again.is_known());
        let id = ids(&again).into_iter().find(|id| id.starts_with("cold"));
        open_again(&again, &id.unwrap()).unwrap(); // and it can be opened, as ever
        assert!(!is_closed(&again, "mobile"));
    }
}
