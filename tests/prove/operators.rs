//! Is a hole in what operators may do found too?

use std::fs;

use tempfile::TempDir;

use super::planted::{has, story};
use super::{copy, plant, policy, replace};

/// The first thing that is proved is the vehicles' policies: all of these hold here.
fn with_hole(id: &str, text: &str) -> TempDir {
    let folder = copy();
    plant(&folder, id, text);
    let file = format!("{id}.cedar");
    let (from, to) = (
        folder.path().join(&file),
        folder.path().join("admin").join(&file),
    );
    fs::rename(from, to).unwrap();
    folder
}

#[test]
fn an_act_without_the_role_for_it_is_found_and_told() {
    let folder = with_hole(
        "hole.viewer-opens",
        "permit (principal in Role::\"viewer\", action == Action::\"GrantOwnership\", resource)\n\
         when { !context.grave };",
    );
    let run = policy(&["prove"], folder.path(), None);
    run.expect_open()
        .expect_says(&["BROKEN: ceiling roles: ", "not proved: 1 of "]);
    let place = folder.path().join("admin/hole.viewer-opens.cedar");
    has(
        &story(
            &run,
            "operator 1 may do GrantOwnership to gateway 1, beyond the ceiling",
        ),
        &[
            "operator 1 is in: role \"viewer\"",
            &format!(
                "allowed by: @id(\"hole.viewer-opens\") at {}:1:1: ",
                place.display()
            ),
            "missing: the operator's role",
        ],
    );
}

#[test]
fn somebody_who_is_their_own_second_person_is_found() {
    let folder = copy();
    replace(
        &folder,
        "admin/approving.cedar",
        "&& context.secondPerson",
        "",
    );
    let path = folder.path().join("admin/approving.cedar");
    let text = fs::read_to_string(&path).unwrap();
    let (kept, _) = text.split_once("// A ceiling:").unwrap();
    fs::write(&path, kept).unwrap();
    let run = policy(&["prove"], folder.path(), None);
    run.expect_open()
        .expect_says(&["BROKEN: ceiling second-person: "]);
    has(
        &story(
            &run,
            "operator 1 may do Approve to gateway 1, beyond the ceiling",
        ),
        &[
            "allowed by: @id(\"approve.other\")",
            "beyond: @id(\"ceiling.second-person",
        ],
    );
}

#[test]
fn a_broken_glass_that_opens_and_a_grave_closure_by_one_are_found() {
    let folder = copy();
    replace(
        &folder,
        "admin/opening.cedar",
        "when { (context.secondPerson || context.singlePerson) && (!context.grave || context.named) };",
        "when { context.secondPerson || context.singlePerson || (context.breakGlass && context.named) };",
    );
    replace(
        &folder,
        "admin/closing.cedar",
        "when { !context.grave };",
        "when { !context.grave || context.named };",
    );
    let run = policy(&["prove"], folder.path(), None);
    run.expect_open().expect_says(&["BROKEN: ceiling grave: "]);
    has(
        &story(
            &run,
            "operator 1 may do Open to gateway 1, beyond the ceiling",
        ),
        &[
            "allowed by: @id(\"open.at-once\")",
            "beyond: @id(\"ceiling.grave.",
        ],
    );
    has(
        &story(
            &run,
            "operator 1 may do Close to gateway 1, beyond the ceiling",
        ),
        &["grave: yes", "beyond: @id(\"ceiling.grave.alone\")"],
    );
}

#[test]
fn an_operator_who_could_not_close_is_found() {
    let folder = with_hole(
        "hole.freeze",
        "forbid (principal, action in Action::\"Shut\", resource) when { !context.secondPerson };",
    );
    let run = policy(&["prove"], folder.path(), None);
    run.expect_open().expect_says(&["BROKEN: floor operator: "]);
    has(
        &story(
            &run,
            "operator 1 may not do Close to gateway 1, below the floor",
        ),
        &[
            "refused by: @id(\"hole.freeze\")",
            "owed by: @id(\"floor.operator.",
        ],
    );
}

#[test]
fn operators_policies_without_bounds_are_no_pass() {
    let folder = copy();
    fs::remove_dir_all(folder.path().join("admin/ceilings")).unwrap();
    let run = policy(&["prove"], folder.path(), None);
    assert_eq!(run.code, Some(3), "{}{}", run.data, run.talk);
    run.expect_says(&["admin/ceilings: can't be read"]);
}
