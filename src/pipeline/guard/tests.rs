//! What is masked, and does it matter how an answer is cut into chunks?

use bytes::Bytes;
use proptest::prelude::*;

use super::{Guard, Shortfall, Sight};
use crate::pipeline::vehicle::Vin;

const ALLOWED: &str = "SJNFAAZE0U6012345";
const MASK: &str = "*****************";

fn vin(text: &str) -> Vin {
    Vin::read(text).unwrap()
}

fn guard(wmis: &[&str]) -> Guard {
    let wmis: Vec<String> = wmis.iter().map(|it| (*it).to_owned()).collect();
    Guard::new(&Sight::of_vehicle(vin(ALLOWED)), &wmis, 10)
}

fn pass_all(guard: &mut Guard, chunks: &[&[u8]]) -> Vec<u8> {
    let mut passed = Vec::new();
    for chunk in chunks {
        passed.extend_from_slice(&guard.pass(Bytes::copy_from_slice(chunk), false));
        assert!(guard.held.len() <= 23);
    }
    passed.extend_from_slice(&guard.pass(Bytes::new(), true));
    passed
}

#[test]
fn foreign_vins_are_masked_and_nothing_else() {
    let estate: &[&str] = &["SJN", "1N4AZ"];
    let cases: &[(&[&str], &str, &str)] = &[
        (estate, "", ""),
        (estate, "SJNFAAZE0U6099999", MASK),
        (
            estate,
            r#"{"vin":"SJNFAAZE0U6099999"}"#,
            r#"{"vin":"*****************"}"#,
        ),
        (estate, "sjnfaaze0u6099999", MASK),
        (
            estate,
            "a SJNFAAZE0U6099999,1N4AZ1CP0JC300121",
            "a *****************,*****************",
        ),
        (estate, "SJNFAAZE0U6012345", "SJNFAAZE0U6012345"),
        (estate, "sjnfaaze0u6012345", "sjnfaaze0u6012345"),
        (
            estate,
            "SJNFAAZE0U6012345/SJNFAAZE0U6012346",
            "SJNFAAZE0U6012345/*****************",
        ),
        (estate, "SjNFAAZE0U6099999", "SjNFAAZE0U6099999"),
        (estate, "SJNFAAZE0U609999", "SJNFAAZE0U609999"),
        (estate, "SJNFAAZE0U60999991", "SJNFAAZE0U60999991"),
        (estate, "1SJNFAAZE0U6099999", "1SJNFAAZE0U6099999"),
        (estate, "SJNFAAZE0I6099999", "SJNFAAZE0I6099999"),
        (estate, "WBAFAAZE0U6099999", "WBAFAAZE0U6099999"),
        (
            estate,
            r"\nSJNFAAZE0U6099999\tsjnfaaze0u6099999\u003dSJNFAAZE0U6099999\x3dSJNFAAZE0U6099999",
            r"\n*****************\t*****************\u003d*****************\x3d*****************",
        ),
        (
            estate,
            "vin%3DSJNFAAZE0U6099999%20SJNFAAZE0U6012345%u003DSJNFAAZE0U6099999",
            "vin%3D*****************%20SJNFAAZE0U6012345%u003D*****************",
        ),
        (
            estate,
            r"\qSJNFAAZE0U6099999%3SJNFAAZE0U6099999",
            r"\qSJNFAAZE0U6099999%3SJNFAAZE0U6099999",
        ),
        (
            estate,
            "_SJNFAAZE0U6099999\u{e9}",
            "_*****************\u{e9}",
        ),
        (&[], "WBAFAAZE0U6099999", MASK),
        (&[], "20160308123000123", "20160308123000123"),
        (&[], "SJNFAAZE0U6012345", "SJNFAAZE0U6012345"),
    ];
    for (wmis, answer, expected) in cases {
        let mut guard = guard(wmis);
        let passed = pass_all(&mut guard, &[answer.as_bytes()]);
        assert_eq!(String::from_utf8(passed).unwrap(), *expected, "`{answer}`");
        let masked = u32::try_from(expected.matches(MASK).count()).unwrap();
        assert_eq!(guard.masked(), masked, "`{answer}`");
    }
}

#[test]
fn only_what_may_be_a_vin_is_held_back() {
    let mut guard = guard(&["SJN"]);
    let mut pass = |text: &'static str, end| guard.pass(Bytes::from_static(text.as_bytes()), end);
    assert_eq!(pass("abc SJN", false), "abc ");
    assert_eq!(pass("FAAZE0U6099999", false), "");
    assert_eq!(pass(" x", false), "***************** ");
    assert_eq!(pass("123456789012345678", false), "x123456789012345678");
    assert_eq!(pass("SJNFAAZE0U6099999", false), "SJNFAAZE0U6099999");
    assert_eq!(pass("SJNFAAZE0U6099999 ", false), "SJNFAAZE0U6099999 ");
    assert_eq!(pass(" SJNFAAZE0U6099999", true), " *****************");
}

#[test]
fn an_answer_without_vins_is_not_copied() {
    let answer = Bytes::from_static(b"{\"status\":200}");
    let passed = guard(&["SJN"]).pass(answer.clone(), false);
    assert_eq!(passed.as_ptr(), answer.as_ptr());
}

#[test]
fn a_guard_does_not_print_what_it_holds() {
    let mut guard = guard(&["SJN"]);
    guard.pass(Bytes::from_static(b"SJNFAAZE0U6099999"), false);
    assert_eq!(format!("{guard:?}"), "Guard { masked: 0, .. }");
}

const MINE: &str = "SJNFAAZE0U6000001";
const THEIRS: &str = "SJNFAAZE0U6000002";
const FAR: &str = "SJNFAAZE0U6000003";

fn asking(has_more: bool, most: u32) -> Guard {
    let own = [vin(ALLOWED)].into();
    let sight = Sight::of_person(own, has_more, true);
    Guard::new(&sight, &["SJN".to_owned()], most)
}

#[test]
fn what_is_met_is_asked_about_once_and_masked_unless_it_is_seen() {
    let mut guard = asking(false, 10);
    let text = format!("{ALLOWED} {MINE} {THEIRS} {MINE} {}", THEIRS.to_lowercase());
    let met = guard.meet(Bytes::from(text), true);
    let unjudged = guard.unjudged(&met);
    assert_eq!(unjudged, [vin(MINE), vin(THEIRS)]);
    guard.judge(unjudged, Some([vin(MINE)].into()));
    let passed = guard.settle(met);
    assert_eq!(passed, format!("{ALLOWED} {MINE} {MASK} {MINE} {MASK}"));
    let met = guard.meet(Bytes::from(format!("{THEIRS} {MINE}")), true);
    assert!(guard.unjudged(&met).is_empty(), "both were asked about");
    assert_eq!(guard.settle(met), format!("{MASK} {MINE}"));
    assert_eq!((guard.masked(), guard.shortfall()), (3, None));
}

#[test]
fn no_more_are_asked_about_than_the_limit_says() {
    let mut guard = asking(false, 1);
    let met = guard.meet(Bytes::from(format!("{MINE} {THEIRS}")), true);
    let unjudged = guard.unjudged(&met);
    assert_eq!(unjudged, [vin(MINE)]);
    guard.judge(unjudged, Some([vin(MINE)].into()));
    assert_eq!(guard.settle(met), format!("{MINE} {MASK}"));
    let met = guard.meet(Bytes::from(FAR), true);
    assert!(guard.unjudged(&met).is_empty());
    assert_eq!(guard.settle(met), MASK);
    assert_eq!(guard.shortfall(), Some(Shortfall::Limit));
}

#[test]
fn what_nobody_could_say_is_masked_and_nobody_is_asked_again() {
    let mut guard = asking(true, 10);
    assert_eq!(guard.shortfall(), Some(Shortfall::Limit));
    let met = guard.meet(Bytes::from(format!("{ALLOWED} {MINE}")), true);
    let unjudged = guard.unjudged(&met);
    guard.judge(unjudged, None);
    assert_eq!(guard.settle(met), format!("{ALLOWED} {MASK}"));
    let met = guard.meet(Bytes::from(THEIRS), true);
    assert!(guard.unjudged(&met).is_empty());
    assert_eq!(guard.shortfall(), Some(Shortfall::Directory));
}

#[test]
fn who_is_named_in_each_record_is_asked_about_nothing() {
    let mut guard = guard(&["SJN"]);
    let met = guard.meet(Bytes::from(MINE), true);
    assert!(guard.unjudged(&met).is_empty());
    assert_eq!(guard.settle(met), MASK);
}

fn answer() -> impl Strategy<Value = Vec<String>> {
    let piece = prop_oneof![
        "SJN[A-HJ-NPR-Z0-9]{14}",
        "sjn[a-hj-npr-z0-9]{14}",
        "SJN[A-Z0-9]{12,16}",
        Just(ALLOWED.to_owned()),
        "[ ,:_-]{0,2}",
        r"\\[a-z0-9]{0,5}",
        "%[0-9A-F]{0,3}",
        "[A-Za-z0-9]{0,20}",
        "\\PC{0,3}",
    ];
    proptest::collection::vec(piece, 0..12)
}

proptest! {
    #[test]
    fn chunks_make_no_difference(pieces in answer(), cuts in proptest::collection::vec(0_usize..80, 0..8)) {
        let answer = pieces.concat().into_bytes();
        let whole = pass_all(&mut guard(&["SJN"]), &[&answer]);
        prop_assert_eq!(whole.len(), answer.len());

        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(answer.len())).collect();
        cuts.extend([0, answer.len()]);
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &answer[cut[0]..cut[1]]).collect();
        prop_assert_eq!(pass_all(&mut guard(&["SJN"]), &chunks), whole.clone());

        let bytes: Vec<&[u8]> = answer.chunks(1).collect();
        prop_assert_eq!(pass_all(&mut guard(&["SJN"]), &bytes), whole);
    }

    #[test]
    fn only_stars_differ_and_a_second_pass_changes_nothing(pieces in answer()) {
        let answer = pieces.concat().into_bytes();
        let once = pass_all(&mut guard(&["SJN"]), &[&answer]);
        for (before, after) in answer.iter().zip(&once) {
            prop_assert!(before == after || *after == b'*');
        }
        let mut again = guard(&["SJN"]);
        prop_assert_eq!(pass_all(&mut again, &[&once]), once);
        prop_assert_eq!(again.masked(), 0);
    }

    #[test]
    fn the_judged_vin_is_untouched(before in "[^A-Za-z0-9]{0,5}", after in "[^A-Za-z0-9]{0,5}") {
        let answer = format!("{before}{ALLOWED}{after}");
        for wmis in [&["SJN"][..], &[]] {
            prop_assert_eq!(pass_all(&mut guard(wmis), &[answer.as_bytes()]), answer.as_bytes());
        }
    }
}
