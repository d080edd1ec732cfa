//! Do the shipped policies say what roles mean, and is every flaw a no?

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::admin::person::Origin;
use crate::pipeline::policy;

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/admin")
}

static SHIPPED: LazyLock<Authority> = LazyLock::new(|| Authority::load(&shipped()).unwrap());

fn person(roles: &[Role]) -> Person {
    Person {
        name: "night".to_owned(),
        origin: Origin::Unix,
        roles: roles.iter().copied().collect(),
    }
}

/// A copy of all shipped policies that a test may spoil.
fn copy() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for folder in ["", "admin", "admin/cases"] {
        fs::create_dir_all(copy.path().join(folder)).unwrap();
        let from = shipped().parent().unwrap().join(folder);
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            if entry.path().is_file() {
                fs::copy(
                    entry.path(),
                    copy.path().join(folder).join(entry.file_name()),
                )
                .unwrap();
            }
        }
    }
    copy
}

#[test]
fn shipped_policies_pass_their_cases() {
    let authority = Authority::load(&shipped()).unwrap();
    let report = cases::run_cases(&authority, &Files::folder(&shipped())).unwrap();
    assert_eq!(report.failures, []);
    assert!(report.total > 80, "{}", report.total);
}

/// What every role may do where nothing is grave and nothing was asked, act by act.
#[test]
fn each_role_includes_what_it_should() {
    use Act::{
        Approve, Close, Drill, ExportOwnership, Extend, Follow, GrantOwnership, History,
        ImportOwnership, Open, Preview, ReadOnly, Restore, RestoreTokens, RevokeOwnership,
        RevokeTokens, RollBackPolicies, Undo, VerifyAudit, View, ViewOwnership,
    };
    let authority = Authority::load(&shipped()).unwrap();
    let table: [(Role, &[Act]); 4] = [
        (Role::Viewer, &[View, Preview, History, Follow]),
        (
            Role::Operator,
            &[
                View,
                Preview,
                History,
                Follow,
                Close,
                ReadOnly,
                Extend,
                Restore,
                Drill,
                ImportOwnership,
                ViewOwnership,
                GrantOwnership,
                RevokeOwnership,
                ExportOwnership,
                RollBackPolicies,
                RevokeTokens,
                RestoreTokens,
            ],
        ),
        (Role::Approver, &[View, Preview, History, Follow]),
        (Role::Auditor, &[View, History, Follow, VerifyAudit]),
    ];
    for (role, included) in table {
        for act in Act::ALL {
            let decided = authority.decide(&person(&[role]), act, Circumstances::default());
            let expected = included.contains(&act);
            assert_eq!(decided.is_ok(), expected, "{role:?} {act:?}: {decided:?}");
            let waits = match (role, act) {
                (Role::Operator, Open | Undo | Approve) | (Role::Approver, Approve) => {
                    NotAllowed::NeedsSecondPerson
                }
                _ => NotAllowed::NoRole,
            };
            if !expected {
                assert_eq!(decided, Err(waits), "{role:?} {act:?}");
            }
        }
    }
}

fn anything() -> impl Strategy<Value = (Vec<Role>, Act, Circumstances)> {
    let second = prop_oneof![
        Just(SecondPerson::NotAsked),
        Just(SecondPerson::Other),
        Just(SecondPerson::Same),
    ];
    let roles = proptest::sample::subsequence(Role::ALL.to_vec(), 0..=4);
    let act = proptest::sample::select(Act::ALL.to_vec());
    let facts = (any::<[bool; 6]>(), second);
    (roles, act, facts).prop_map(|(roles, act, (facts, second_person))| {
        let [
            grave,
            named,
            break_glass,
            single_person,
            own_change,
            only_closes,
        ] = facts;
        let at = Circumstances {
            grave,
            named,
            second_person,
            break_glass,
            single_person,
            own_change,
            only_closes,
        };
        (roles, act, at)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn these_hold_whatever_is_asked((roles, act, at) in anything()) {
        let authority = &*SHIPPED;
        let decided = authority.decide(&person(&roles), act, at);
        if at.second_person == SecondPerson::Same {
            prop_assert!(decided.is_err(), "one person is two");
        }
        if decided.is_ok() {
            let others = at.second_person == SecondPerson::Other || at.single_person;
            if act == Act::Open {
                prop_assert!(others, "opened alone");
                prop_assert!(at.named || !at.grave, "opened without the name");
            }
            if matches!(act, Act::Close | Act::ReadOnly) && at.grave {
                prop_assert!(at.named && (others || at.break_glass), "closed too easily");
            }
            let watches = matches!(
                act,
                Act::View | Act::Preview | Act::History | Act::Follow | Act::VerifyAudit
            );
            let approves = act == Act::Approve && roles.contains(&Role::Approver);
            prop_assert!(
                watches || approves || roles.contains(&Role::Operator),
                "changed by no operator"
            );
        }
        // more of what was asked for never makes it less allowed
        if let Err(NotAllowed::NeedsName) = decided {
            let more = Circumstances { named: true, ..at };
            prop_assert!(authority.decide(&person(&roles), act, more).is_ok());
        }
    }
}

#[test]
fn operators_policies_are_never_loaded_among_those_for_vehicles() {
    let folder = copy();
    let vehicles = || policy::PolicySet::load(folder.path()).unwrap();
    let with = vehicles();
    assert!(!with.knows("Close"));
    let open = "@id(\"x\")\n@owner(\"x\")\n@reason(\"x\")\npermit (principal, action, resource);\n";
    fs::write(folder.path().join("admin/open.cedar"), open).unwrap();
    assert_eq!(vehicles().revision(), with.revision());
    fs::write(folder.path().join("admin/open.cedar"), "no policy").unwrap();
    assert_eq!(vehicles().revision(), with.revision());
    fs::remove_dir_all(folder.path().join("admin")).unwrap();
    assert_eq!(vehicles().revision(), with.revision());
    // nor theirs among the operators'
    let authority = Authority::load(&shipped()).unwrap();
    let ids: Vec<&str> = authority
        .policies
        .policies()
        .map(|p| p.id().as_ref())
        .collect();
    assert!(ids.contains(&"close.grave"), "{ids:?}");
    assert!(!ids.contains(&"owner.own-car"), "{ids:?}");
}

#[test]
fn what_is_wrong_with_the_folder_is_told_with_its_place() {
    let annotated = |text: &str| format!("@id(\"x\")\n@owner(\"x\")\n@reason(\"x\")\n{text}\n");
    let table = [
        (
            "x.cedar",
            annotated("permit (principal in Role::\"boss\", action, resource);"),
            "boss",
        ),
        (
            "x.cedar",
            annotated("permit (principal, action == Action::\"Shoot\", resource);"),
            "Shoot",
        ),
        (
            "x.cedar",
            "permit (principal, action, resource);\n".to_owned(),
            "@id",
        ),
        (
            "x.cedar",
            annotated("permit (principal, action, resource) when { context.when };"),
            "when",
        ),
        ("admin.cedarschema", "entity Gateway;\n".to_owned(), "Role"),
    ];
    for (file, text, expected) in table {
        let folder = copy();
        let admin = folder.path().join("admin");
        fs::write(admin.join(file), text).unwrap();
        let mistakes = Authority::load(&admin).unwrap_err().to_string();
        assert!(mistakes.contains(expected), "{file}: {mistakes}");
    }
    let folder = copy();
    let schema = folder.path().join("admin/admin.cedarschema");
    let text = fs::read_to_string(&schema).unwrap();
    fs::write(
        &schema,
        text.replace("Undo, Approve, Drill", "Undo, Approve"),
    )
    .unwrap();
    assert!(Authority::load(schema.parent().unwrap()).is_err());
    let missing = Authority::load(&folder.path().join("none")).unwrap_err();
    assert!(missing.to_string().contains("can't be read"), "{missing}");
}

#[test]
fn a_schema_that_lacks_an_act_is_refused_even_if_no_policy_names_it() {
    let folder = copy();
    let admin = folder.path().join("admin");
    let schema = admin.join("admin.cedarschema");
    let text = fs::read_to_string(&schema).unwrap();
    fs::write(
        &schema,
        text.replace("View, Preview, History", "View, History"),
    )
    .unwrap();
    let mistakes = Authority::load(&admin).unwrap_err().to_string();
    assert!(
        mistakes.contains("the act `Preview` doesn't fit"),
        "{mistakes}"
    );
}

#[test]
fn a_failing_case_is_told_and_a_folder_without_cases_is_no_pass() {
    let folder = copy();
    let admin = folder.path().join("admin");
    let wrong = "[[case]]\nname = \"a viewer opens\"\nroles = [\"viewer\"]\nacts = [\"Open\"]\n\
                 at = { single-person = true }\nexpect = \"allow\"\n";
    fs::write(admin.join("cases/wrong.toml"), wrong).unwrap();
    let authority = Authority::load(&admin).unwrap();
    let report = cases::run_cases(&authority, &Files::folder(&admin)).unwrap();
    let [failure] = report.failures.as_slice() else {
        panic!("{:?}", report.failures);
    };
    assert_eq!(
        (&*failure.expected, &*failure.got),
        ("allow", "no-role by {}")
    );
    assert!(failure.place.ends_with("wrong.toml:2"), "{failure:?}");
    fs::write(admin.join("cases/wrong.toml"), "[[case]]\nname = 1\n").unwrap();
    assert!(cases::run_cases(&authority, &Files::folder(&admin)).is_err());
    fs::remove_dir_all(admin.join("cases")).unwrap();
    assert!(cases::run_cases(&authority, &Files::folder(&admin)).is_err());
}

/// Cedar skips a policy that errs: a skipped forbid would leave the permit standing.
#[test]
fn an_evaluation_error_is_a_no() {
    let policies: PolicySet = "permit (principal, action, resource); \
                               forbid (principal, action, resource) when { principal.x };"
        .parse()
        .unwrap();
    let mut authority = Authority::load(&shipped()).unwrap();
    authority.policies = policies;
    let decided = authority.decide(&person(&Role::ALL), Act::View, Circumstances::default());
    assert_eq!(decided, Err(NotAllowed::Error));
}

#[test]
fn a_forbid_of_ones_own_is_named() {
    let folder = copy();
    let admin = folder.path().join("admin");
    let freeze = "@id(\"freeze\")\n@owner(\"x\")\n@reason(\"x\")\n\
                  forbid (principal, action == Action::\"Open\", resource);\n";
    fs::write(admin.join("freeze.cedar"), freeze).unwrap();
    let authority = Authority::load(&admin).unwrap();
    let decided = authority.decide(&person(&Role::ALL), Act::Open, Circumstances::default());
    assert_eq!(
        decided,
        Err(NotAllowed::Forbidden(vec![Arc::from("freeze")]))
    );
}
