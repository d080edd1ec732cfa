//! Does the command end as it should, whatever the files hold?

use std::fs;
use std::path::Path;

use clap::Parser;

use super::*;
use crate::chain::{Chain, Head, Link, Origin};
use crate::cli::Cli;

/// Two files of one log, with the head of the newer, and the key file that they are under.
fn write_log(folder: &Path) {
    fs::write(folder.join("key"), [7; 32]).unwrap();
    let keys = chain_keys(&[folder.join("key")]).unwrap();
    let key = std::sync::Arc::new(keys.into_iter().next().unwrap());
    let mut chain = Chain::new(key, Link::default(), Origin::Genesis);
    for (file, lines) in [("old", 3), ("new", 2)] {
        let mut text = Vec::new();
        chain.begin_file();
        for number in 0..lines {
            chain.seal(&format!(r#"{{"time":"t","number":{number}}}"#), &mut text);
        }
        fs::write(folder.join(file), text).unwrap();
    }
    let last = chain.last();
    let head = Head { first: 4, last }.write(chain.key());
    fs::write(folder.join("new.head"), head).unwrap();
}

fn verify_in(folder: &Path, words: &[&str]) -> Result<(), Failure> {
    let words = words.iter().map(|word| match *word {
        "--chain-key" | "-o" | "json" | "plain" => (*word).to_owned(),
        name => folder.join(name).display().to_string(),
    });
    let command = ["vingate", "audit", "verify"].map(str::to_owned);
    let cli = Cli::try_parse_from(command.into_iter().chain(words)).unwrap();
    cli::run(cli)
}

#[test]
fn the_exit_code_says_whether_the_log_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_log(folder.path());
    fs::write(at("empty"), "").unwrap();
    fs::write(at("text"), "this\nis no log\n").unwrap();
    fs::write(at("short"), [7; 31]).unwrap();
    fs::write(at("other"), [8; 32]).unwrap();
    let code = |words: &[&str]| {
        let ended = verify_in(folder.path(), words);
        ended.map_or_else(|failure| failure.end.code(), |()| 0)
    };
    let table: [(&[&str], u8); 10] = [
        (&["--chain-key", "key", "old", "new"], 0),
        (&["--chain-key", "key", "new"], 0),
        (&["--chain-key", "key", "-o", "json", "new"], 0),
        (
            &[
                "--chain-key",
                "other",
                "--chain-key",
                "key",
                "-o",
                "plain",
                "old",
            ],
            0,
        ),
        (&["--chain-key", "key", "new", "old"], 4),
        (&["--chain-key", "other", "new"], 4),
        (&["--chain-key", "key", "empty"], 3),
        (&["--chain-key", "key", "text"], 3),
        (&["--chain-key", "key", "nowhere"], 3),
        (&["--chain-key", "short", "new"], 3),
    ];
    for (words, wanted) in table {
        assert_eq!(code(words), wanted, "{words:?}");
    }
    let text = fs::read_to_string(at("new")).unwrap();
    fs::write(at("new"), text.lines().next().unwrap()).unwrap();
    assert_eq!(
        code(&["--chain-key", "key", "new"]),
        4,
        "its end is cut off"
    );
    fs::remove_file(at("new")).unwrap();
    assert_eq!(code(&["--chain-key", "key", "new"]), 4, "all of it is gone");
}

#[test]
fn without_a_key_or_files_it_is_not_used_right() {
    for words in [
        &["x"][..],
        &["--chain-key", "k"],
        &[],
        &["--set", "a=b", "x"],
    ] {
        let command = ["vingate", "audit", "verify"].iter().chain(words);
        let Cli {
            command: cli::Command::Audit(args),
        } = Cli::try_parse_from(command).unwrap()
        else {
            panic!("another command");
        };
        let failure = run(&args).unwrap_err();
        assert_eq!(failure.end, End::Usage, "{words:?}");
    }
}

#[test]
fn a_running_gateway_verifies_its_own_logs() {
    let served = crate::admin::tests::serve(None);
    let socket = served.socket();
    let command = [
        "vingate",
        "audit",
        "verify",
        "--socket",
        socket.to_str().unwrap(),
    ];
    cli::run(Cli::try_parse_from(command).unwrap()).unwrap();
    served.alter_history();
    let broken = cli::run(Cli::try_parse_from(command).unwrap()).unwrap_err();
    assert_eq!(broken.end, End::TestFailed, "{broken}");
}
