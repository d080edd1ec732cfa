//! Are the operator's words read as they are meant?

use clap::Parser;

use super::*;
use crate::admin::tests::{Served, serve};
use crate::cli::{Cli, Command};

fn args(words: &[&str]) -> Result<Args, clap::Error> {
    let words = ["vingate", "switch"].iter().chain(words);
    let Command::Switch(args) = Cli::try_parse_from(words)?.command else {
        panic!("another command");
    };
    Ok(*args)
}

fn closure(id: &str, scope: &str) -> Closure {
    serde_json::from_str(&format!(
        r#"{{"id":"{id}","scope":{scope},"reason":"r","message":null,"closed_by":"root",
             "closed_at":1,"retry_after":60}}"#
    ))
    .unwrap()
}

fn listed() -> Listed {
    Listed {
        revision: 4,
        durable: true,
        closures: vec![
            closure("c-1", r#"{"surfaces":["mobile"]}"#),
            closure("c-2", r#"{"surfaces":["mobile"],"clients":["app"]}"#),
            closure("c-3", r#"{"surfaces":["mobile","partner"]}"#),
            closure("c-4", r#"{"routes":["mobile"]}"#),
            closure("cold-start-mobile", r#"{"surfaces":["mobile"]}"#),
        ],
    }
}

fn found(words: &[&str]) -> Result<Vec<String>, Failure> {
    let words: Vec<&str> = ["open"].iter().chain(words).copied().collect();
    let Action::Open(args) = args(&words).unwrap().action else {
        panic!("{words:?}");
    };
    let listed = listed();
    let closures = find(&listed, &args)?;
    Ok(closures.iter().map(|closure| closure.id.clone()).collect())
}

#[test]
fn opening_a_name_opens_what_closes_exactly_that() {
    let table: [(&[&str], &[&str]); 5] = [
        (&["--surface", "mobile"], &["c-1", "cold-start-mobile"]),
        (&["--route", "mobile"], &["c-4"]),
        (&["c-2"], &["c-2"]),
        (
            &["c-1", "--surface", "mobile"],
            &["c-1", "cold-start-mobile"],
        ),
        (&["c-3", "--route", "mobile"], &["c-3", "c-4"]),
    ];
    for (words, expected) in table {
        assert_eq!(found(words).unwrap(), expected, "{words:?}");
    }
}

#[test]
fn what_is_not_closed_is_nothing_to_open() {
    let table: [&[&str]; 4] = [
        &["--surface", "portal"],
        &["--upstream", "mobile"],
        &["c-9"],
        &["c-1", "c-9"],
    ];
    for words in table {
        let failure = found(words).unwrap_err();
        assert_eq!(failure.end, End::Failed, "{words:?}");
        assert!(failure.message.contains("nothing to open"), "{failure}");
    }
    assert!(args(&["open"]).is_err());
}

#[test]
fn closing_takes_whole_seconds_and_a_reason() {
    let table: [(&[&str], bool); 6] = [
        (&["close", "--surface", "mobile", "--reason", "leak"], true),
        (&["close", "--surface", "mobile"], false),
        (
            &[
                "close",
                "--surface",
                "m",
                "--reason",
                "r",
                "--retry-after",
                "2m",
            ],
            true,
        ),
        (
            &[
                "close",
                "--surface",
                "m",
                "--reason",
                "r",
                "--retry-after",
                "1500ms",
            ],
            false,
        ),
        (
            &[
                "close",
                "--surface",
                "m",
                "--reason",
                "r",
                "--retry-after",
                "0s",
            ],
            false,
        ),
        (
            &["close", "--vehicle", "SJNFAAZE0U6012345", "--reason", "r"],
            false,
        ),
    ];
    for (words, accepted) in table {
        assert_eq!(args(words).is_ok(), accepted, "{words:?}");
    }
}

#[test]
fn a_gateway_that_is_not_running_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    let socket = socket.to_str().unwrap();
    let failure = run(&args(&["list", "--socket", socket]).unwrap()).unwrap_err();
    assert_eq!(failure.end, End::Failed);
    assert!(failure.message.contains(socket) && failure.message.contains("isn't running"));
}

#[test]
fn an_id_is_one_path_segment() {
    assert_eq!(segment("c-1_a.b~"), "c-1_a.b~");
    assert_eq!(segment("cold-start-a/b ?ü"), "cold-start-a%2Fb%20%3F%C3%BC");
}

/// Runs the words against a gateway; answers how it ended.
fn said(served: &Served, words: &[&str]) -> Result<(), Failure> {
    let socket = served.socket();
    let reach = ["--socket", socket.to_str().unwrap()];
    let words: Vec<&str> = words.iter().chain(&reach).copied().collect();
    run(&args(&words).unwrap())
}

#[test]
fn commands_close_and_open_a_running_gateway() {
    let served = serve(None); // with mobile-v1 closed by its cold start
    let open = ["open", "--surface", "mobile-v1"];
    let close = ["close", "--surface", "mobile-v1", "--reason", "leak"];
    said(&served, &["open", "--dry-run", "--surface", "mobile-v1"]).unwrap();
    assert!(served.is_closed("mobile-v1"));
    said(&served, &open).unwrap();
    assert!(!served.is_closed("mobile-v1"));
    assert_eq!(said(&served, &open).unwrap_err().end, End::Failed);
    said(&served, &[&close[..], &["--dry-run"]].concat()).unwrap();
    assert!(!served.is_closed("mobile-v1"));
    said(&served, &[&close[..], &["--retry-after", "2m"]].concat()).unwrap();
    assert!(served.is_closed("mobile-v1"));
    for output in ["table", "json", "plain"] {
        said(&served, &["list", "-o", output]).unwrap();
    }
}

#[test]
fn a_protected_surface_is_refused_with_the_missing_flag() {
    let served = serve(None);
    let close = ["close", "--surface", "portal", "--reason", "maintenance"];
    let refused = said(&served, &close).unwrap_err();
    assert_eq!(refused.end.code(), 5);
    assert!(
        refused.message.contains("--confirm-name portal"),
        "{refused}"
    );
    let wrong = [&close[..], &["--confirm-name", "mobile-v1"]].concat();
    assert_eq!(said(&served, &wrong).unwrap_err().end.code(), 5);
    assert!(!served.is_closed("portal"));
    said(
        &served,
        &[&close[..], &["--confirm-name", "portal"]].concat(),
    )
    .unwrap();
    assert!(served.is_closed("portal"));
}

#[test]
fn vehicles_come_by_file() {
    let served = serve(None);
    let file = served.socket().with_file_name("vins");
    let close = [
        "close",
        "--reason",
        "stolen",
        "--vehicle-file",
        file.to_str().unwrap(),
    ];
    std::fs::write(&file, "# none\n").unwrap();
    assert_eq!(said(&served, &close).unwrap_err().end, End::InvalidInput);
    std::fs::write(&file, "SJNFAAZE0U6012345\n").unwrap();
    said(&served, &close).unwrap();
    assert_eq!(served.closed_vehicles(), 1);
}
