//! Is each planted hole found, and told in a person's words?

use tempfile::TempDir;

use super::{Run, copy, plant, policy, replace};

/// The story of one counterexample: its headline and what is indented under it.
#[track_caller]
pub(super) fn story(run: &Run, headline: &str) -> String {
    let mut lines = run
        .data
        .lines()
        .skip_while(|line| !line.starts_with(headline));
    let first = lines.next();
    let first = first.unwrap_or_else(|| panic!("no `{headline}` in\n{}", run.data));
    let rest = lines.take_while(|line| line.starts_with("  "));
    [first]
        .into_iter()
        .chain(rest)
        .collect::<Vec<_>>()
        .join("\n")
}

#[track_caller]
pub(super) fn has(story: &str, wanted: &[&str]) {
    for part in wanted {
        assert!(story.contains(part), "wanted: {part}\n{story}");
    }
}

/// The hole of 2016, and what would be its like: each by an action of its own, so each has a story.
fn with_holes() -> TempDir {
    let folder = copy();
    plant(
        &folder,
        "hole.nobody-asked",
        "permit (principal is User, action == Action::\"HonkFlash\", resource is Vehicle);",
    );
    plant(
        &folder,
        "hole.app-and-vin",
        "permit (principal is User, action == Action::\"ReadOdometer\", resource is Vehicle)\n\
         when { context has client && context.scopes.contains(\"vehicle:read\") };",
    );
    // A grant that is over doesn't stand in `grants`, so what forgets the expiry forgets to look for
    // the caller's own: "this car is shared".
    plant(
        &folder,
        "hole.no-active-grant",
        "permit (principal is User, action == Action::\"StopClimate\", resource is Vehicle)\n\
         when { !resource.grants.isEmpty() };",
    );
    plant(
        &folder,
        "hole.partner",
        "permit (principal is Client, action == Action::\"ReadVin\", resource is Vehicle)\n\
         when { context.scopes.contains(\"vin\") };",
    );
    folder
}

#[test]
fn what_allows_too_much_is_found_and_told() {
    let folder = with_holes();
    let run = policy(&["prove"], folder.path(), None);
    run.expect_open()
        .expect_says(&["BROKEN: ceiling related: ", "not proved: 1 of "]);
    let place = folder.path().join("hole.nobody-asked.cedar");
    has(
        &story(
            &run,
            "user 1 may do HonkFlash to vehicle 1, though nothing ties them",
        ),
        &[
            "tie: vehicle 1's owner: none",
            "tie: vehicle 1's grants: none",
            &format!(
                "allowed by: @id(\"hole.nobody-asked\") at {}:1:1: ",
                place.display()
            ),
            "missing: the owner of the car",
            "missing: a driver with an active grant that names the action",
        ],
    );
    has(
        &story(
            &run,
            "user 1 may do ReadOdometer to vehicle 1, though nothing ties them",
        ),
        &[
            "scopes: \"vehicle:read\"",
            "allowed by: @id(\"hole.app-and-vin\")",
            "missing: the manager of the car's fleet",
        ],
    );
    has(
        &story(&run, "user 1 may do StopClimate to vehicle 1"),
        &[
            "tie: vehicle 1's owner: none",
            "tie: vehicle 1's grants: { driver: user ",
            "allowed by: @id(\"hole.no-active-grant\")",
            "missing: a driver with an active grant that names the action",
        ],
    );
    has(
        &story(
            &run,
            "client 1 may do ReadVin to vehicle 1, though nothing ties them",
        ),
        &["allowed by: @id(\"hole.partner\")"],
    );
}

#[test]
fn what_the_owner_alone_may_do_and_what_opting_out_ends_is_found_when_its_forbid_goes() {
    let folder = copy();
    replace(&folder, "owner.cedar", "Action::\"ReadTripHistory\",", "");
    replace(
        &folder,
        "telematics.cedar",
        "when { !resource.telematics }",
        "when { !resource.telematics && resource.region != \"NE\" }",
    );
    let run = policy(&["prove"], folder.path(), None);
    run.expect_open();
    has(
        &story(
            &run,
            "user 1 may do ReadTripHistory to vehicle 1, beyond the ceiling",
        ),
        &[
            "vehicle 1's grants: { driver: user 1, entitlement: \"ReadTripHistory\" }",
            "allowed by: @id(\"driver.granted\")",
            "beyond: @id(\"ceiling.owner-alone\")",
        ],
    );
    run.expect_says(&[
        "BROKEN: ceiling opted-out: ",
        "region: \"NE\"",
        "telematics: no",
    ]);
}

#[test]
fn what_refuses_too_much_or_can_err_is_found_and_told() {
    let folder = copy();
    plant(
        &folder,
        "forbid.maintenance",
        "forbid (principal, action == Action::\"ReadVehicle\", resource is Vehicle)\n\
         when { resource.region == \"NE\" };",
    );
    replace(
        &folder,
        "schema.cedarschema",
        "entity User { fleet?: Fleet };",
        "entity User { fleet?: Fleet, strikes: Long };",
    );
    plant(
        &folder,
        "forbid.can-err",
        "forbid (principal is User, action == Action::\"HonkFlash\", resource is Vehicle)\n\
         when { principal.strikes + 1 > 3 };",
    );
    let run = policy(&["prove"], folder.path(), None);
    run.expect_open().expect_says(&[
        "BROKEN: floor owner: ",
        "BROKEN: never errs: ",
        "not proved: 2 of ",
    ]);
    has(
        &story(
            &run,
            "user 1 may not do ReadVehicle to vehicle 1, below the floor",
        ),
        &[
            "tie: vehicle 1's owner: user 1",
            "region: \"NE\"",
            "refused by: @id(\"forbid.maintenance\")",
            "owed by: @id(\"floor.owner.sees\")",
        ],
    );
    has(
        &story(&run, "@id(\"forbid.can-err\") can't be evaluated"),
        &[
            "when user 1 asks to do HonkFlash to vehicle 1",
            "facts of user 1: strikes: 9223372036854775807",
            "error: ",
            "overflow",
        ],
    );
}
