//! Is what was typed what is asked for?

use clap::Parser;
use serde_json::{Value, json};

use crate::cli::{Cli, Command, ownership};

const VIN: &str = "SJNFAAZE0U6012345";

fn asked(words: &[&str], lines: &str) -> Result<Value, i32> {
    let words = ["vingate", "ownership"].iter().chain(words);
    let words = words.chain(&["--reason", "a call"]);
    let cli = Cli::try_parse_from(words).map_err(|error| error.exit_code())?;
    let Command::Ownership(args) = cli.command else {
        panic!("another command");
    };
    let mut lines = lines.as_bytes();
    let asked = if let ownership::Command::Grant(args) = args.command {
        args.read(&mut lines).map(|(_, one)| json!(one))
    } else if let ownership::Command::Revoke(args) = args.command {
        args.read(&mut lines).map(|(_, one)| json!(one))
    } else {
        panic!("another command");
    };
    asked.map_err(|failure| i32::from(failure.end.code()))
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_form_asks_for_one_thing() {
    let until = "2027-01-01T00:00:00Z";
    let table: [(&[&str], &str, Value); 11] = [
        (
            &[
                "grant",
                VIN,
                "--driver",
                "ben",
                "--entitlement",
                "A",
                "--entitlement",
                "B",
            ],
            "",
            json!({"driver": {"subject": "ben", "entitlements": ["A", "B"], "until": null}}),
        ),
        (
            &[
                "grant",
                "-",
                "--driver",
                "-",
                "--entitlement",
                "A",
                "--until",
                until,
            ],
            "SJNFAAZE0U6012345\nben\n",
            json!({"driver": {"subject": "ben", "entitlements": ["A"], "until": until}}),
        ),
        (
            &["grant", VIN, "--partner", "c", "--scope", "read"],
            "",
            json!({"consent": {"client": "c", "scopes": ["read"], "until": null}}),
        ),
        (
            &["grant", VIN, "--owner", "anna"],
            "",
            json!({"owner": {"subject": "anna"}}),
        ),
        (
            &[
                "grant",
                VIN,
                "--work-order",
                "W1",
                "--dealership",
                "D1",
                "--technician",
                "t",
                "--agreed",
                "A",
                "--until",
                until,
            ],
            "",
            json!({"work_order": {
                "id": "W1", "dealership": "D1", "technician": "t", "agreed": ["A"], "until": until,
            }}),
        ),
        (
            &[
                "grant", VIN, "--case", "K1", "--agent", "a", "--until", until,
            ],
            "",
            json!({"case": {"case": "K1", "agent": "a", "until": until}}),
        ),
        (
            &["revoke", VIN, "--driver", "-"],
            "ben\n",
            json!({"driver": {"subject": "ben"}}),
        ),
        (
            &["revoke", VIN, "--partner", "c"],
            "",
            json!({"consent": {"client": "c"}}),
        ),
        (&["revoke", VIN, "--owner"], "", json!("owner")),
        (
            &["revoke", VIN, "--work-order", "W1", "--dealership", "D1"],
            "",
            json!({"work_order": {"id": "W1", "dealership": "D1"}}),
        ),
        (
            &["revoke", VIN, "--all", "ben"],
            "",
            json!({"all": {"subject": "ben"}}),
        ),
    ];
    for (words, lines, expected) in table {
        assert_eq!(asked(words, lines), Ok(expected), "{words:?}");
    }
}

#[test]
fn what_names_nobody_or_two_or_half_of_it_is_a_usage_error() {
    let table: [(&[&str], i32); 9] = [
        (&["grant", VIN], 2),
        (&["grant", VIN, "--driver", "ben"], 2),
        (&["grant", VIN, "--partner", "c"], 2),
        (
            &[
                "grant",
                VIN,
                "--owner",
                "a",
                "--driver",
                "b",
                "--entitlement",
                "A",
            ],
            2,
        ),
        (&["grant", VIN, "--owner", "a", "--entitlement", "A"], 2),
        (
            &["grant", VIN, "--work-order", "W1", "--dealership", "D1"],
            2,
        ),
        (&["revoke", VIN], 2),
        (&["revoke", VIN, "--work-order", "W1"], 2),
        (&["revoke", "SJN", "--owner"], 3),
    ];
    for (words, code) in table {
        assert_eq!(asked(words, ""), Err(code), "{words:?}");
    }
}
