//! Does a file close, only if it is root's, and never less than it did?

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;
use crate::switchboard::Place;
use crate::switchboard::changes::{self, By};
use crate::switchboard::closure::What;
use crate::switchboard::store::ColdStart;
use crate::switchboard::{Act, Board, State};

const MOBILE: &str = "scope = { surfaces = [\"mobile\"] }\nstate = \"closed\"\nreason = \"leak\"\n";
const PORTAL: &str = "scope = { surfaces = [\"portal\"] }\nstate = \"read-only\"\nreason = \"leak\"\ntexts = { en = \"Later.\" }\nnotice = { surface = \"mobile\", texts = { en = \"Soon.\" } }\n";

struct House {
    files: DropIns,
    root: TempDir,
}

impl House {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("switches.d");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let owner = fs::metadata(&folder).unwrap().uid();
        Self::of(owner, root)
    }

    fn of(owner: u32, root: TempDir) -> Self {
        let switches = root.path().join("switches");
        let (board, _) = Switchboard::open(&switches, &ColdStart::default()).unwrap();
        let files = DropIns::of(owner, root.path().join("switches.d"), Arc::new(board));
        Self { files, root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("switches.d").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        // beside and renamed, so that each version is another file
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).unwrap();
        fs::rename(new, self.path(name)).unwrap();
        self.files.look();
    }

    fn closed(&self) -> Vec<String> {
        let board = self.files.board.board();
        board.in_force().map(|closure| closure.id.clone()).collect()
    }

    fn check(&self, closed: &[&str], flaws: &[&str]) {
        assert_eq!(self.closed(), closed);
        let said = self.files.flaws();
        assert_eq!(said.len(), flaws.len(), "{said:?}");
        for (said, wanted) in said.iter().zip(flaws) {
            assert!(said.contains(wanted), "{said} has no {wanted}");
        }
        assert_eq!(self.files.is_healthy(), flaws.is_empty());
    }
}

#[test]
fn a_file_closes_until_it_is_gone() {
    let house = House::new();
    house.write("mobile.toml", MOBILE);
    house.write("portal.toml", PORTAL);
    house.write("notes.txt", "no closure");
    house.check(&["file-mobile", "file-portal"], &[]);
    let board = house.files.board.board();
    let command = Act {
        name: "StartClimate",
        groups: &[],
        command: true,
    };
    let place = |surface, action| Place {
        surface,
        action,
        ..Place::default()
    };
    assert!(board.judge(place("mobile", None)).is_some());
    assert!(board.judge(place("portal", None)).is_none());
    assert!(board.judge(place("portal", Some(command))).is_some());
    assert_eq!(board.notices("mobile").len(), 1);
    fs::remove_file(house.path("mobile.toml")).unwrap();
    house.files.look();
    house.check(&["file-mobile", "file-portal"], &[]);
    house.files.look();
    house.check(&["file-portal"], &[]);
}

#[test]
fn nobody_overrules_a_file() {
    let house = House::new();
    house.write("mobile.toml", MOBILE);
    let by = |revision| By {
        who: "root",
        at: 1,
        revision,
        break_glass: false,
    };
    let open = |board: &Board, revision| {
        let closure = board.get("file-mobile").unwrap();
        changes::set(closure, State::Open, What::Open, by(revision))
    };
    house.files.board.open_up(open).unwrap();
    house.files.look();
    house.check(&["file-mobile"], &[]);
}

#[test]
fn a_file_that_breaks_keeps_its_last_good_version() {
    let house = House::new();
    house.write("mobile.toml", MOBILE);
    let vehicle = MOBILE.replace(
        "surfaces = [\"mobile\"]",
        "vehicles = \"SJNFAAZE0U0000001\"",
    );
    let rows: [(&str, &str); 8] = [
        ("", "line `1`: missing field"),
        ("scope = { surfaces = [\"mob", "line `1`"),
        (
            &MOBILE.replace("closed", "open"),
            "line `2`: unknown variant `open`",
        ),
        (&MOBILE.replace("leak", " "), "`reason` is empty"),
        (
            &MOBILE.replace("surfaces = [\"mobile\"]", ""),
            "`scope`: it names nothing",
        ),
        (
            &format!("until = 7\n{MOBILE}"),
            "line `1`: unknown field `until`",
        ),
        (&vehicle, "line `1` is not what a closure looks like"),
        ("\u{0}", "line `1`"),
    ];
    for (text, flaw) in rows {
        house.write("mobile.toml", text);
        house.check(&["file-mobile"], &[flaw]);
    }
    house.write("mobile.toml", &MOBILE.replace("mobile", "partner"));
    house.check(&["file-mobile"], &[]);
    let place = Place {
        surface: "partner",
        ..Place::default()
    };
    assert!(house.files.board.current().judge(place).is_some());
    house.write("new one!.toml", MOBILE);
    house.check(&["file-mobile"], &["its name wants"]);
}

#[test]
fn a_file_or_folder_that_others_can_change_is_refused() {
    let house = House::new();
    house.write("mobile.toml", MOBILE);
    let mode = |name: &str, mode| {
        fs::set_permissions(house.path(name), fs::Permissions::from_mode(mode)).unwrap();
        house.files.look();
    };
    for open in [0o666, 0o664, 0o646] {
        mode("mobile.toml", open);
        house.check(&["file-mobile"], &["others than its owner"]);
    }
    mode("mobile.toml", 0o600);
    house.check(&["file-mobile"], &[]);
    house.write("portal.toml", PORTAL);
    mode("", 0o777);
    fs::remove_file(house.path("portal.toml")).unwrap();
    house.files.look();
    house.files.look();
    house.check(&["file-mobile", "file-portal"], &["others than its owner"]);
    mode("", 0o755);
    house.files.look();
    house.check(&["file-mobile"], &[]);
    symlink(house.path("mobile.toml"), house.path("linked.toml")).unwrap();
    house.files.look();
    house.check(&["file-mobile"], &["it is no plain file"]);
}

#[test]
fn a_file_of_somebody_else_is_refused() {
    let mine = House::new();
    mine.write("mobile.toml", MOBILE);
    let House { files, root } = mine;
    drop(files);
    let owner = fs::metadata(root.path()).unwrap().uid();
    let theirs = House::of(owner + 1, root);
    theirs.files.look();
    theirs.check(&[], &["it doesn't belong to root"]);
}

#[test]
fn a_folder_that_is_gone_or_no_folder_lifts_nothing() {
    let house = House::new();
    let folder = house.path("");
    fs::remove_dir(&folder).unwrap();
    house.files.look();
    house.check(&[], &[]);
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    house.write("mobile.toml", MOBILE);
    fs::remove_dir_all(&folder).unwrap();
    house.files.look();
    house.files.look();
    house.check(&["file-mobile"], &["is gone"]);
    let plain = house.root.path().join("switches.d");
    fs::write(&plain, "").unwrap();
    house.files.look();
    house.check(&["file-mobile"], &["is no folder"]);
    fs::remove_file(&plain).unwrap();
    symlink(house.root.path(), &plain).unwrap();
    house.files.look();
    house.check(&["file-mobile"], &["is no folder"]);
}

#[test]
fn it_is_looked_at_until_it_is_to_stop() {
    let house = House::new();
    let path = house.path("mobile.toml");
    fs::write(&path, MOBILE).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let board = Arc::clone(&house.files.board);
    let stop = Arc::new(AtomicBool::new(false));
    let watching = Arc::new(house.files).watch(Arc::clone(&stop)).unwrap();
    for _ in 0..3_000 {
        if board.board().in_force().count() == 1 {
            break;
        }
        thread::park_timeout(Duration::from_millis(10));
    }
    assert_eq!(board.board().in_force().count(), 1);
    stop.store(true, Ordering::Release);
    watching.thread().unpark();
    watching.join().unwrap();
}

#[test]
fn a_preset_can_be_copied_there_as_it_is() {
    let house = House::new();
    let presets = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/leaf/switches");
    let mut names = Vec::new();
    for entry in fs::read_dir(presets).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        house.write(&name, &fs::read_to_string(&path).unwrap());
        names.push(format!("file-{}", name.trim_end_matches(".toml")));
    }
    names.sort();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(names.len() >= 7, "{names:?}");
    house.check(&names, &[]);
}

#[test]
fn a_name_that_the_rules_do_not_know_is_told_and_in_force_all_the_same() {
    let house = House::new();
    house.files.hold_against(Box::new(|scope| {
        if scope.surfaces.contains("mobile") {
            Ok(())
        } else {
            Err("unknown surface".to_owned())
        }
    }));
    house.write("a.toml", MOBILE);
    house.check(&["file-a"], &[]);
    assert!(house.files.is_healthy());
    house.write("b.toml", PORTAL);
    house.check(&["file-a", "file-b"], &["unknown surface"]);
    assert!(!house.files.is_healthy());
    house.write("b.toml", MOBILE);
    assert!(house.files.is_healthy());
}

#[test]
fn what_could_not_be_read_is_read_again_though_it_is_the_same_file() {
    let house = House::new();
    house.write("a.toml", MOBILE);
    let path = house.path("a.toml");
    let failed = Kept {
        mark: Mark::of(&path),
        closure: None,
        flaw: Some("too many open files".to_owned()),
        missed: false,
        unmeant: None,
    };
    house
        .files
        .found()
        .files
        .insert("a.toml".to_owned(), failed);
    house.files.look();
    house.check(&["file-a"], &[]);
}
