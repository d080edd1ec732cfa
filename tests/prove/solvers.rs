//! Is a solver that is missing, gone, slow or lying ever believed?

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::{policy, shipped};

/// A program in the solver's place.
fn program(script: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cvc5");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Answers every question alike.
fn answering(answer: &str) -> String {
    format!("while read -r line; do case $line in '(check-sat)') echo '{answer}';; esac; done")
}

#[test]
fn a_solver_that_is_missing_or_lies_or_hangs_proves_nothing() {
    for (script, wanted) in [
        ("exit 1".to_owned(), "the prover itself can't be trusted"),
        (
            "kill -9 $$".to_owned(),
            "the prover itself can't be trusted",
        ),
        (
            "exec sleep 600".to_owned(),
            "no answer from the solver within 2s",
        ),
        (
            answering("unknown"),
            "the solver doesn't know, within its time",
        ),
        (
            answering("unsat"),
            "planted among the policies, was not found",
        ),
        (answering("sat"), "the prover itself can't be trusted"),
        (answering("(error \"no\")"), "solver error: no"),
        (answering("proved"), "unrecognized solver output: proved"),
    ] {
        let solver = program(&script);
        let path = solver.path().join("cvc5");
        let run = policy(&["prove", "--time-limit", "1"], &shipped(), Some(&path));
        run.expect_open()
            .expect_says(&[wanted, "nothing can be decided"]);
        assert_eq!(run.data, "", "{script}");
    }
    let run = policy(&["prove"], &shipped(), Some(Path::new("/nowhere/cvc5")));
    run.expect_open().expect_says(&[
        "there is no solver `/nowhere/cvc5`",
        "install Debian's package `cvc5`",
    ]);
}

/// The real one, until it has answered some questions.
#[test]
fn a_solver_that_fails_later_leaves_the_claims_open() {
    for (then, wanted) in [
        // Finds what is broken, and doesn't know what holds.
        ("line=unknown", "the solver doesn't know, within its time"),
        // Says that what holds is broken, and has no example.
        ("line=sat", "undecided: "),
        // Is gone. So is each that is started after it.
        ("{ kill $$; exit; }", "undecided: "),
    ] {
        let loop_body = format!(
            "case $line in unsat) n=$((n+1)); [ $n -gt 20 ] && {then};; esac; printf '%s\\n' \"$line\""
        );
        let script = format!("n=0; cvc5 \"$@\" | while IFS= read -r line; do {loop_body}; done");
        let solver = program(&script);
        let path = solver.path().join("cvc5");
        let run = policy(&["prove", "--time-limit", "5"], &shipped(), Some(&path));
        run.expect_open()
            .expect_says(&["planted hole found: ", "UNDECIDED: ", wanted]);
    }
}
