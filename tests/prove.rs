//! Does the prover prove what ships, find what is planted, and never call an open question proved?
//!
//! The real binary with the real cvc5, and with programs that only look like it.

#![cfg(feature = "prove")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails is a test that fails"
)]

#[path = "prove/lint.rs"]
mod lint;
#[path = "prove/operators.rs"]
mod operators;
#[path = "prove/planted.rs"]
mod planted;
#[path = "prove/solvers.rs"]
mod solvers;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// What a run said, and how it ended.
struct Run {
    code: Option<i32>,
    data: String,
    talk: String,
}

impl Run {
    /// Not proved, with the exit code of a proof that fails, and in no word a pass.
    #[track_caller]
    fn expect_open(&self) -> &Self {
        let said = format!("{}{}", self.data, self.talk);
        assert_eq!(self.code, Some(4), "{said}");
        assert!(!self.data.contains("\nproved"), "{said}");
        self
    }

    #[track_caller]
    fn expect_says(&self, wanted: &[&str]) -> &Self {
        let said = format!("{}{}", self.data, self.talk);
        for part in wanted {
            assert!(said.contains(part), "wanted: {part}\n{said}");
        }
        self
    }
}

/// `vingate policy WORDS... DIR`.
fn policy(words: &[&str], directory: &Path, solver: Option<&Path>) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vingate"));
    command.arg("policy").args(words).arg(directory);
    if let Some(solver) = solver {
        command.env("CVC5", solver);
    }
    let output = command.output().unwrap();
    Run {
        code: output.status.code(),
        data: String::from_utf8(output.stdout).unwrap(),
        talk: String::from_utf8(output.stderr).unwrap(),
    }
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

/// A copy of the shipped policies that a test may spoil.
fn copy() -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for folder in [
        "",
        "ceilings",
        "floors",
        "admin",
        "admin/ceilings",
        "admin/floors",
    ] {
        fs::create_dir_all(copy.path().join(folder)).unwrap();
        for entry in fs::read_dir(shipped().join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                let to = copy.path().join(folder).join(entry.file_name());
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    copy
}

/// Adds a policy with this id to a file of its own.
fn plant(folder: &TempDir, id: &str, text: &str) {
    let text = format!("@id(\"{id}\")\n@owner(\"test\")\n@reason(\"planted, {id}\")\n{text}\n");
    fs::write(folder.path().join(format!("{id}.cedar")), text).unwrap();
}

/// Replaces what stands in a file exactly once.
fn replace(folder: &TempDir, file: &str, from: &str, to: &str) {
    let path = folder.path().join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn the_shipped_policies_are_proved() {
    let run = policy(&["prove"], &shipped(), None);
    assert_eq!(run.code, Some(0), "{}{}", run.data, run.talk);
    run.expect_says(&[
        "planted hole found: ",
        "holds: ceiling related: ",
        "holds: ceiling owner-alone: ",
        "holds: ceiling opted-out: ",
        "holds: floor owner: ",
        "holds: never errs: ",
        "policies/admin: policies of revision ",
        "holds: ceiling roles: ",
        "holds: ceiling second-person: ",
        "holds: ceiling grave: ",
        "holds: floor operator: ",
        "\nproved: ",
    ]);
    assert!(!run.data.contains("BROKEN") && !run.data.contains("UNDECIDED"));
}

#[test]
fn a_floor_that_no_policy_reaches_and_bounds_that_say_nothing_are_no_pass() {
    let folder = copy();
    fs::remove_file(folder.path().join("account.cedar")).unwrap();
    let all = "// All.\n\n@id(\"ceiling.all\")\n@owner(\"x\")\n@reason(\"x\")\n\
               permit (principal, action, resource);\n";
    fs::write(folder.path().join("ceilings/all.cedar"), all).unwrap();
    let run = policy(&["prove"], folder.path(), None);
    run.expect_open().expect_says(&[
        "UNDECIDED: ceiling all: All.\n  undecided: says nothing: ",
        "BROKEN: floor account: ",
        "user 1 may not do ListVehicles to surface 1, below the floor",
        "refused: no policy permits it",
    ]);
}

#[test]
fn nothing_to_prove_is_no_pass() {
    let folder = copy();
    fs::remove_dir_all(folder.path().join("floors")).unwrap();
    let run = policy(&["prove"], folder.path(), None);
    assert_eq!(run.code, Some(3), "{}{}", run.data, run.talk);
    run.expect_says(&["floors: can't be read"]);
}
