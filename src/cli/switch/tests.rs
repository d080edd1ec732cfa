//! Are the flags understood, and are answers told so that nobody mistakes them?

use clap::Parser;

use super::*;
use crate::admin::asked::Listed;
use crate::admin::tests::{Served, serve};
use crate::cli::{Cli, Command};
use crate::switchboard::changes::{self, By, New};

fn args(words: &[&str]) -> Result<Args, clap::Error> {
    let words = ["vingate", "switch"].iter().chain(words);
    let Command::Switch(args) = Cli::try_parse_from(words)?.command else {
        panic!("another command");
    };
    Ok(*args)
}

fn closure(id: &str, scope: &str) -> Closure {
    let scope = serde_json::from_str(scope).unwrap();
    let by = By {
        who: "root",
        at: 1,
        revision: 1,
        break_glass: false,
    };
    changes::begin(New::closing(id.to_owned(), scope, "r".to_owned()), by)
}

fn listed() -> Listed {
    Listed {
        revision: 4,
        durable: true,
        known: true,
        fleet_age: None,
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
    let closures = args.which.find(&listed)?;
    Ok(closures.iter().map(|closure| closure.id.clone()).collect())
}

#[test]
fn what_is_named_is_what_closes_exactly_that() {
    let table: [(&[&str], &[&str]); 5] = [
        (&["--surface", "mobile"], &["c-1", "cold-start-mobile"]),
        (&["--route", "mobile"], &["c-4"]),
        (&["c-2"], &["c-2"]),
        (&["--surface", "mobile", "--client", "app"], &["c-2"]),
        (&["--surface", "partner", "--surface", "mobile"], &["c-3"]),
    ];
    for (words, expected) in table {
        assert_eq!(found(words).unwrap(), expected, "{words:?}");
    }
}

#[test]
fn what_is_not_closed_is_nothing_to_change() {
    let table: [(&[&str], End); 5] = [
        (&["--surface", "portal"], End::Failed),
        (&["--upstream", "mobile"], End::Failed),
        (&["c-9"], End::Failed),
        (&["c-1", "c-9"], End::Failed),
        (&[], End::Usage),
    ];
    for (words, end) in table {
        let failure = found(words).unwrap_err();
        assert_eq!(failure.end, end, "{words:?}");
    }
}

#[test]
fn closing_takes_a_reason_whole_seconds_and_no_vehicle() {
    let close = |more: &[&'static str]| {
        let words = [&["close", "--surface", "m"], more].concat();
        args(&words).is_ok()
    };
    assert!(close(&["--reason", "r"]));
    assert!(!close(&[]));
    assert!(close(&["--preset", "f.toml"]), "it may give one");
    for (time, taken) in [
        ("2h", true),
        ("90s", true),
        ("0s", false),
        ("1500ms", false),
        ("2", false),
    ] {
        assert_eq!(close(&["--reason", "r", "--for", time]), taken, "{time}");
    }
    assert!(!close(&["--reason", "r", "--vehicle", "SJNFAAZE0U6012345"]));
    assert!(!close(&[
        "--reason",
        "r",
        "--message",
        "m",
        "--message-file",
        "f"
    ]));
}

#[test]
fn a_stage_is_named_as_it_is_shown() {
    for (text, taken) in [
        ("1%", true),
        ("50%", true),
        ("testers", true),
        ("2%", false),
    ] {
        let words = ["restore", "c-1", "--stage", text];
        assert_eq!(args(&words).is_ok(), taken, "{text}");
    }
}

fn run_on(served: &Served, words: &[&str]) -> Result<(), Failure> {
    let socket = served.socket();
    let words = [words, &["--socket", socket.to_str().unwrap()]].concat();
    run(&args(&words).unwrap())
}

#[test]
fn a_preset_closes_in_one_command_and_flags_go_before_it() {
    let served = serve(None);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mobile.toml");
    let text = "scope = { surfaces = [\"mobile-v1\"] }\nreason = \"prepared\"\nfor = \"2h\"\n\
                texts = { en = \"back soon\", de = \"gleich\" }\n\
                notice = { surface = \"portal\", texts = { en = \"the app is off\" } }\n";
    std::fs::write(&file, text).unwrap();
    let preset = file.to_str().unwrap();
    run_on(&served, &["close", "--preset", preset, "--ticket", "INC-1"]).unwrap();
    let last = served.newest();
    assert_eq!(
        (last.reason.as_str(), last.ticket.as_deref()),
        ("prepared", Some("INC-1"))
    );
    assert_eq!(last.expires_at, Some(last.closed_at + 7_200));
    assert_eq!(last.texts["de"], "gleich");
    assert_eq!(last.notice.as_ref().unwrap().surface, "portal");
    run_on(
        &served,
        &[
            "close", "--preset", preset, "--reason", "now", "--client", "app",
        ],
    )
    .unwrap();
    let last = served.newest();
    assert_eq!(
        (last.reason.as_str(), last.scope.summary().as_str()),
        ("now", "client app")
    );
    // a preset without a state is of either kind
    run_on(&served, &["readonly", "--preset", preset]).unwrap();
    std::fs::write(&file, format!("{text}state = \"read-only\"\n")).unwrap();
    let wrong = run_on(&served, &["close", "--preset", preset]).unwrap_err();
    assert_eq!(wrong.end, End::Usage);
    std::fs::write(&file, "scopes = {}\n").unwrap();
    let wrong = run_on(&served, &["close", "--preset", preset]).unwrap_err();
    assert_eq!(wrong.end, End::InvalidInput);
}

#[test]
fn what_waits_for_a_second_person_ends_with_5_and_says_how_to_go_on() {
    let served = serve(None);
    let close = ["close", "--surface", "portal", "--reason", "r"];
    let bare = run_on(&served, &close).unwrap_err();
    assert_eq!(bare.end, End::Refused);
    assert!(bare.message.contains("--confirm-name portal"), "{bare}");
    let named = [&close[..], &["--confirm-name", "portal"]].concat();
    let waits = run_on(&served, &named).unwrap_err();
    assert_eq!(waits.end, End::Refused);
    let id = served.newest().id;
    assert!(
        waits
            .message
            .contains(&format!("vingate switch approve {id}")),
        "{waits}"
    );
    assert!(!served.is_closed("portal"));
    let same = run_on(&served, &["approve", &id]).unwrap_err();
    assert_eq!(same.end, End::Refused);
    run_on(&served, &[&named[..], &["--break-glass"]].concat()).unwrap();
    assert!(served.is_closed("portal"));
}

#[test]
fn a_ramp_goes_one_stage_at_a_time_and_stays_by_hand() {
    let served = serve(None);
    run_on(&served, &["close", "--client", "app", "--reason", "r"]).unwrap();
    let id = served.newest().id;
    let step = || match served.newest().state {
        State::Restoring(ramp) => ramp.step,
        other @ (State::Open | State::ReadOnly | State::Closed) => panic!("{other:?}"),
    };
    run_on(&served, &["restore", &id]).unwrap();
    assert_eq!(step(), Some(300));
    run_on(&served, &["restore", &id, "--by-hand"]).unwrap();
    assert_eq!(step(), None);
    for (stage, why) in [("50%", "one stage at a time"), ("1%", "60 seconds")] {
        let refused = run_on(&served, &["restore", &id, "--stage", stage]).unwrap_err();
        assert_eq!(refused.end, End::Conflict);
        assert!(refused.message.contains(why), "{refused}");
    }
    let testers = served.socket().with_file_name("testers");
    std::fs::write(&testers, "owners/sub-1\n").unwrap();
    let testers = testers.to_str().unwrap();
    run_on(&served, &["restore", &id, "--testers-file", testers]).unwrap();
    assert_eq!(step(), None, "by hand until somebody says otherwise");
    run_on(&served, &["extend", &id, "--for", "5h"]).unwrap();
    run_on(&served, &["list"]).unwrap();
    run_on(&served, &["show", &id]).unwrap();
}

#[test]
fn of_several_none_is_left_out_because_the_first_waits() {
    let served = serve(None);
    let mut ids = Vec::new();
    for client in ["app", "other"] {
        run_on(&served, &["close", "--client", client, "--reason", "r"]).unwrap();
        ids.push(served.newest().id);
    }
    let asked = run_on(&served, &["open", &ids[0], &ids[1]]).unwrap_err();
    assert_eq!(asked.end, End::Refused);
    for id in &ids {
        let approve = format!("vingate switch approve {id}");
        assert!(asked.message.contains(&approve), "{asked}");
    }
    // what is done is done, though something else waits for approval
    run_on(&served, &["extend", &ids[0], "--for", "5h"]).unwrap();
    assert!(served.newest().pending.is_some());
}

#[test]
fn vehicles_come_by_file() {
    let served = serve(None);
    let file = served.socket().with_file_name("vins");
    std::fs::write(&file, "SJNFAAZE0U6012345\nSJNFAAZE0U6012346\n").unwrap();
    let words = ["close", "--reason", "stolen", "--vehicle-file"];
    run_on(&served, &[&words[..], &[file.to_str().unwrap()]].concat()).unwrap();
    assert_eq!(served.closed_vehicles(), 2);
}

#[test]
fn an_id_is_one_path_segment() {
    assert_eq!(segment("c-2026.a_b~"), "c-2026.a_b~");
    assert_eq!(segment("a/b:ü"), "a%2Fb%3A%C3%BC");
}
