//! Is every mistake in policies and cases told, and nothing loaded that should not be?

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{VIN, ask, car, denied, policy, shipped, shipped_set, user};
use crate::denial::AccessFlaw;
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::{PolicySet, cases, read};

/// A folder with the shipped schema and these policy files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(
        shipped().join(read::SCHEMA),
        folder.path().join(read::SCHEMA),
    )
    .unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn what_lies_below_the_folder_is_not_loaded() {
    let open = policy("open", "permit (principal, action, resource);");
    let narrow = policy(
        "list",
        "permit (principal is User, action == Action::\"ListVehicles\", resource);",
    );
    let planted = folder(&[
        ("account.cedar", &narrow),
        ("ceilings/open.cedar", &open),
        ("floors/open.cedar", &open),
        ("admin/open.cedar", &open),
        ("cases/open.cedar", &open),
        ("hidden.cedar/open.cedar", &open),
        ("open.cedar.bak", &open),
    ]);
    let plain = folder(&[("account.cedar", &narrow)]);
    let planted = PolicySet::load(planted.path()).unwrap();
    let (answer, _) = ask(&planted, &user("eve"), "StartClimate", Some(&car("anna")));
    assert_eq!(answer, denied(AccessFlaw::NotPermitted));
    assert_eq!(planted.ids.len(), 1);
    assert_eq!(
        planted.revision(),
        PolicySet::load(plain.path()).unwrap().revision()
    );
}

#[test]
fn every_mistake_is_told_with_file_and_line() {
    let ok = policy("ok", "permit (principal, action, resource);");
    for (text, wanted) in [
        ("\npermit (principal, action, resource", "bad.cedar:"),
        (
            "\n\npermit (principal, action, resource);",
            "bad.cedar:3:1: a policy needs `@id(\"...\")`",
        ),
        (
            "@id(\"x\")\npermit (principal, action, resource);",
            "bad.cedar:1:1: a policy needs `@reason(\"...\")`",
        ),
        (
            &policy("ok", "permit (principal, action, resource);"),
            "bad.cedar:1:1: `@id(\"ok\")` stands twice, first at ",
        ),
        (
            &policy(
                "x",
                "permit (principal, action == Action::\"Fly\", resource);",
            ),
            "bad.cedar:4:",
        ),
        (
            &policy(
                "x",
                "permit (principal, action, resource)\nwhen { context.age > 3 };",
            ),
            "bad.cedar:5:",
        ),
        (
            &policy(
                "x",
                "permit (principal, action, resource) when { resource.owner == principal };",
            ),
            "bad.cedar:4:",
        ),
        (
            &policy("x", "forbid (principal is Fleet, action, resource);"),
            "bad.cedar:",
        ),
        (
            &policy("x", "permit (principal == ?principal, action, resource);"),
            "bad.cedar: template",
        ),
    ] {
        let folder = folder(&[("a-good.cedar", &ok), ("bad.cedar", text)]);
        let mistakes = PolicySet::load(folder.path()).unwrap_err().to_string();
        assert!(
            mistakes.contains(wanted),
            "{text}\nwanted {wanted}, got:\n{mistakes}"
        );
    }
}

#[test]
fn all_mistakes_are_told_together() {
    let folder = folder(&[
        ("a.cedar", "permit ("),
        ("b.cedar", "permit (principal, action, resource);"),
    ]);
    fs::write(folder.path().join(read::SCHEMA), "entity User\n  = ;").unwrap();
    let mistakes = PolicySet::load(folder.path()).unwrap_err().to_string();
    for wanted in ["schema.cedarschema:", "a.cedar:1", "b.cedar:1"] {
        assert!(mistakes.contains(wanted), "{wanted}:\n{mistakes}");
    }
}

#[test]
fn a_set_that_permits_nothing_is_a_mistake() {
    let forbid = policy("never", "forbid (principal, action, resource);");
    for files in [
        &[][..],
        &[("a.cedar", forbid.as_str())],
        &[("a.cedar", "// nothing\n")],
    ] {
        let mistakes = PolicySet::load(folder(files).path())
            .unwrap_err()
            .to_string();
        assert!(
            mistakes.contains("no policy permits anything"),
            "{mistakes}"
        );
    }
    let nowhere = PolicySet::load(Path::new("no-such-folder"))
        .unwrap_err()
        .to_string();
    assert!(nowhere.contains("no-such-folder"), "{nowhere}");
}

/// Its challenge would tell a stranger whether there is such a car, or whose it is.
#[test]
fn a_step_up_that_looks_at_more_than_the_sign_in_is_a_mistake() {
    let permit = policy("ok", "permit (principal, action, resource);");
    let fresh = "context.freshness == \"fresh\"";
    let of_the_car = format!(
        "forbid (principal, action, resource is Vehicle) unless {{ {fresh} || resource.suspended }};"
    );
    let of_the_user = format!(
        "forbid (principal is User, action == Action::\"HonkFlash\", resource) unless {{ {fresh} || principal has fleet }};"
    );
    let one_car = format!(
        "forbid (principal, action, resource == Vehicle::\"SJNFAAZE0U6012345\") unless {{ {fresh} }};"
    );
    let allowing = format!("permit (principal, action, resource) when {{ {fresh} }};");
    let good =
        format!("forbid (principal is User, action, resource is Vehicle) unless {{ {fresh} }};");
    for (text, wanted) in [
        (&of_the_car, "look at the context alone"),
        (&of_the_user, "look at the context alone"),
        (&one_car, "look at the context alone"),
        (&allowing, "is a permit"),
    ] {
        let step_up = policy("step", &format!("@advice(\"step-up\")\n{text}"));
        let folder = folder(&[("ok.cedar", &permit), ("step.cedar", &step_up)]);
        let mistakes = PolicySet::load(folder.path()).unwrap_err().to_string();
        assert!(mistakes.contains(wanted), "{text}: {mistakes}");
        assert!(mistakes.contains("`step`"), "{text}: {mistakes}");
    }
    let step_up = policy("step", &format!("@advice(\"step-up\")\n{good}"));
    let folder = folder(&[("ok.cedar", &permit), ("step.cedar", &step_up)]);
    assert!(PolicySet::load(folder.path()).is_ok());
}

#[test]
fn a_schema_that_asks_for_more_than_the_gateway_has_is_a_mistake() {
    let ok = policy("ok", "permit (principal, action, resource);");
    let folder = folder(&[("ok.cedar", &ok)]);
    let path = folder.path().join(read::SCHEMA);
    let schema = fs::read_to_string(&path).unwrap();
    for (from, to, wanted) in [
        (
            "surface: String,",
            "surface: String, height: Long,",
            "can't put",
        ),
        (
            "surface: String,",
            "surface: String, tokenAge: Long,",
            ":22: `tokenAge` in a context is a clock or an age",
        ),
        (
            "telematics: Bool,",
            "telematics: Bool, colour: String,",
            "can't put",
        ),
        (
            "entity Client, Agent;",
            "entity Client;",
            "schema.cedarschema",
        ),
    ] {
        fs::write(&path, schema.replacen(from, to, 1)).unwrap();
        let mistakes = PolicySet::load(folder.path()).unwrap_err().to_string();
        assert!(mistakes.contains(wanted), "{to}: {mistakes}");
    }
}

#[test]
fn the_revision_follows_every_byte() {
    let ok = policy("ok", "permit (principal, action, resource);");
    let revision = |text: &str| {
        let set = PolicySet::load(folder(&[("ok.cedar", text)]).path()).unwrap();
        set.revision().to_string()
    };
    assert_eq!(revision(&ok), revision(&ok));
    assert_ne!(revision(&ok), revision(&format!("{ok}\n")));
    assert_eq!(revision(&ok).len(), 16);
}

#[test]
fn cases_that_test_nothing_are_mistakes() {
    let head = "now = \"2026-06-01T12:00:00Z\"\n[principal.p]\nkind = \"User\"\nsubject = \"anna\"\n\
                [vehicle.v]\nvin = \"SJNFAAZE0U6012345\"\nunknown = true\n";
    let case = "[[case]]\nname = \"a\"\nprincipal = \"p\"\nvehicle = \"v\"\nactions = [\"ReadVehicle\"]\nexpect = \"deny\"\n";
    for (from, to, wanted) in [
        (
            "\"ReadVehicle\"",
            "\"ReadVehicel\"",
            "a.toml:9: the schema has no `ReadVehicel` by a User on a vehicle",
        ),
        (
            "[\"ReadVehicle\"]",
            "[]",
            "a.toml:9: a case without an action",
        ),
        (
            "principal = \"p\"",
            "principal = \"q\"",
            "a.toml:9: no principal `q`",
        ),
        (
            "vehicle = \"v\"",
            "vehicle = \"w\"",
            "a.toml:9: no vehicle `w`",
        ),
        (
            "unknown = true",
            "owner = \"anna\"",
            "vehicle `v`: `region` is missing",
        ),
        (
            "unknown = true",
            "unknown = true\nowner = \"anna\"",
            "vehicle `v`: an unknown vehicle",
        ),
        ("expect = \"deny\"", "expects = \"deny\"", "a.toml:13"),
        ("2026-06-01", "June", "a.toml:1: `June"),
    ] {
        let text = format!("{head}{case}").replacen(from, to, 1);
        let folder = folder(&[("cases/a.toml", &text)]);
        let mistakes = cases::run_cases(shipped_set(), &Files::folder(folder.path()))
            .unwrap_err()
            .to_string();
        assert!(mistakes.contains(wanted), "wanted {wanted}, got {mistakes}");
    }
}

#[test]
fn a_case_says_whether_its_token_is_bound() {
    let text = "permit (principal is User, action == Action::\"ReadVehicle\", resource) when { context.bound };";
    let principal = |name: &str, more: &str| {
        format!("[principal.{name}]\nkind = \"User\"\nsubject = \"anna\"\n{more}")
    };
    let case = |name: &str, expect: &str| {
        format!(
            "[[case]]\nname = \"{name}\"\nprincipal = \"{name}\"\nvehicle = \"v\"\nactions = [\"ReadVehicle\"]\nexpect = \"{expect}\"\n"
        )
    };
    let cases_file = format!(
        "now = \"2026-06-01T12:00:00Z\"\n{}{}[vehicle.v]\nvin = \"{VIN}\"\nowner = \"anna\"\nregion = \"NE\"\ntrim = \"SV\"\ntelematics = true\n{}{}",
        principal("bound", "bound = true\n"),
        principal("free", ""),
        case("bound", "allow"),
        case("free", "deny"),
    );
    let folder = folder(&[
        ("bound.cedar", &policy("bound", text)),
        ("cases/a.toml", &cases_file),
    ]);
    let set = PolicySet::load(folder.path()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let report = cases::run_cases(&set, &Files::folder(folder.path()))
        .unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(report.failures, Vec::new());
    assert_eq!(report.total, 2);
}

/// The blocks of a language in the README, as somebody would copy them.
fn blocks(language: &str) -> String {
    let readme = fs::read_to_string(shipped().join("README.md")).unwrap();
    let opening = format!("```{language}");
    let mut inside = false;
    let mut text = String::new();
    for line in readme.lines().map(str::trim_start) {
        if line.starts_with("```") {
            inside = line == opening;
        } else if inside {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[test]
fn the_readmes_valet_works_as_printed() {
    let folder = folder(&[
        ("valet.cedar", &blocks("cedar")),
        ("cases/valet.toml", &blocks("toml")),
    ]);
    for name in [
        "owner.cedar",
        "driver.cedar",
        "capabilities.cedar",
        "telematics.cedar",
        "suspension.cedar",
        "step-up.cedar",
    ] {
        fs::copy(shipped().join(name), folder.path().join(name)).unwrap();
    }
    let set = PolicySet::load(folder.path()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let report = cases::run_cases(&set, &Files::folder(folder.path()))
        .unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(report.failures, Vec::new());
    assert_eq!(report.total, 4);
}
