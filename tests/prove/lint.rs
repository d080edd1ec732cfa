//! Are mistakes shown in their line, and policies that change nothing found?

use std::fs;

use super::{copy, plant, policy, shipped};

#[test]
fn lint_finds_policies_that_change_nothing() {
    let folder = copy();
    plant(
        &folder,
        "x.redundant",
        "permit (principal is User, action == Action::\"HonkFlash\", resource is Vehicle)\n\
         when { resource has owner && principal == resource.owner };",
    );
    plant(
        &folder,
        "x.dead",
        "permit (principal is User, action == Action::\"HonkFlash\", resource is Vehicle)\n\
         when { resource.trim == \"S\" && resource.trim == \"SV\" };",
    );
    plant(
        &folder,
        "x.shadowed",
        "permit (principal is User, action == Action::\"HonkFlash\", resource is Vehicle)\n\
         when { resource.trim == \"S\" };",
    );
    let run = policy(&["lint", "--deep"], folder.path(), None);
    run.expect_open().expect_says(&[
        "x.redundant.cedar:1:1: @id(\"x.redundant\") is redundant: ",
        "x.dead.cedar:1:1: @id(\"x.dead\") is dead: ",
        "x.shadowed.cedar:1:1: @id(\"x.shadowed\") is shadowed: ",
        "3 policies change nothing",
    ]);
    let run = policy(&["lint", "--deep"], &shipped(), None);
    assert_eq!(run.code, Some(0), "{}{}", run.data, run.talk);
}

#[test]
fn lint_shows_each_mistake_in_its_line() {
    let folder = copy();
    plant(
        &folder,
        "x.scripts",
        "permit (principal, action, resource) when { context.scopes.contains(\"veh\u{456}cle\") };",
    );
    fs::write(
        folder.path().join("ceilings/bare.cedar"),
        "// Bare.\n\npermit (principal, action, resource);\n",
    )
    .unwrap();
    let run = policy(&["lint"], folder.path(), None);
    assert_eq!(run.code, Some(3));
    run.expect_says(&[
        "x.scripts.cedar:4:69: ",
        "contains mixed scripts\n  4 | permit (principal",
        "\n    |                                                                     ^^^^^^^^^\n",
    ]);
    fs::remove_file(folder.path().join("x.scripts.cedar")).unwrap();
    let run = policy(&["lint"], folder.path(), None);
    assert_eq!(run.code, Some(3));
    run.expect_says(&["bare.cedar:3:1: a policy needs `@id(\"...\")`"]);
}

#[test]
fn fmt_writes_in_place_what_check_complains_about() {
    let folder = copy();
    let path = folder.path().join("account.cedar");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("permit (\n", "permit(")).unwrap();
    let spoilt = fs::read_to_string(&path).unwrap();
    let run = policy(&["fmt", "--check"], folder.path(), None);
    assert_eq!(run.code, Some(1), "{}{}", run.data, run.talk);
    run.expect_says(&["account.cedar\n"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), spoilt);
    assert_eq!(policy(&["fmt"], folder.path(), None).code, Some(0));
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let run = policy(&["fmt", "--check"], folder.path(), None);
    assert_eq!((run.code, run.data.as_str()), (Some(0), ""));
    assert_eq!(policy(&["check"], folder.path(), None).code, Some(0));
}
