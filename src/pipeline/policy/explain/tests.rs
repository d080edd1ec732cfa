//! Does an explanation name what decided, and what was missing?

use std::fs;

use super::*;

fn shipped() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn explained(files: &Files, case: &str, action: Option<&str>) -> String {
    let wanted = Wanted {
        case: Some(case),
        action,
    };
    match explain(files, None, wanted) {
        Ok(lines) => lines.join("\n"),
        Err(mistakes) => mistakes.to_string(),
    }
}

#[track_caller]
fn check(told: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(told.contains(part), "wanted: {part}\n{told}");
    }
}

#[test]
fn a_case_is_explained_by_what_decides_it() {
    let files = Files::folder(&shipped());
    let told = explained(&files, "a driver does what the grant names", None);
    check(
        &told,
        &[
            "allowed",
            "permitted by @id(\"driver.granted\") at ",
            "driver.cedar:",
        ],
    );
    assert!(!told.contains("nearest"), "{told}");
    let told = explained(&files, "no grant hands out trips", None);
    check(
        &told,
        &["  forbidden\n", "forbidden by @id(\"owner.only\") at "],
    );
}

#[test]
fn which_case_is_meant_must_be_clear() {
    let files = Files::folder(&shipped());
    for unclear in ["no such case", "an unknown car is denied"] {
        let told = explained(&files, unclear, None);
        check(&told, &["no case of this name, or more than one"]);
    }
    let told = explained(
        &files,
        "an unknown car is denied to a stranger",
        Some("Fly"),
    );
    check(&told, &["has no such action"]);
}

const HEAD: &str = "@id(\"near\")\n@owner(\"x\")\n@reason(\"near enough\")\n";

/// The explanation of a stranger's question where only this permit stands.
fn of_one(policy: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let schema = fs::read(shipped().join(read::SCHEMA)).unwrap();
    fs::write(folder.path().join(read::SCHEMA), schema).unwrap();
    fs::write(folder.path().join("near.cedar"), format!("{HEAD}{policy}")).unwrap();
    fs::create_dir(folder.path().join("cases")).unwrap();
    let cases = r#"
now = "2026-06-01T12:00:00Z"
[principal.eve]
kind = "User"
subject = "eve"
[vehicle.leaf]
vin = "SJNFAAZE0U6012345"
region = "NE"
trim = "SV"
capabilities = ["climate"]
telematics = true
[[case]]
name = "it"
principal = "eve"
vehicle = "leaf"
actions = ["ReadOdometer"]
expect = "deny"
"#;
    fs::write(folder.path().join("cases/c.toml"), cases).unwrap();
    explained(&Files::folder(folder.path()), "it", None)
}

const SCOPE: &str = "permit (principal is User, action, resource is Vehicle)";

#[test]
fn the_nearest_permit_names_the_condition_that_fails_as_it_is_written() {
    let told = of_one(&format!(
        "{SCOPE}\nwhen {{\n    resource.telematics &&\n    \
         // a \"quote\" && a brace }}\n    (resource.trim == \"}} && {{\" && resource.region == \"NE\")\n}}\n\
         unless {{ resource.capabilities.contains(\"climate\") }};\n"
    ));
    check(
        &told,
        &[
            "not permitted: no policy permits it",
            "nearest permit: @id(\"near\") at ",
            ": near enough",
            "does not hold: when resource.trim == \"} && {\"\n",
            "near.cedar:8:6\n",
            "does not hold: unless resource.capabilities.contains(\"climate\")\n",
        ],
    );
    assert!(!told.contains("resource.telematics"), "it holds:\n{told}");
    assert!(!told.contains("\"NE\""), "it holds:\n{told}");
}

#[test]
fn what_a_failing_guard_keeps_from_being_asked_is_not_called_an_error() {
    let told = of_one(&format!(
        "{SCOPE}\nwhen {{ resource has owner && resource.owner == principal }};\n"
    ));
    check(
        &told,
        &[
            "does not hold: when resource has owner\n",
            "not reached: when resource.owner == principal\n",
        ],
    );
    assert!(!told.contains("can't be evaluated"), "{told}");
}

#[test]
fn an_or_is_one_condition_and_a_foreign_scope_is_no_near_permit() {
    let told = of_one(&format!(
        "{SCOPE}\nwhen {{ resource.trim == \"S\" || resource.region == \"X\" && resource.telematics }};\n"
    ));
    check(
        &told,
        &["when resource.trim == \"S\" || resource.region == \"X\" && resource.telematics\n"],
    );
    let told = of_one("permit (principal is Client, action, resource is Vehicle);\n");
    check(
        &told,
        &["no permit is about this action for such a principal"],
    );
}
