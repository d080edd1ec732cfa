//! Is every bad line told, and every good one taken?

use std::io::{self, BufReader, Read};

use super::lines::LINE_BYTES;
use super::*;
use crate::adapters::facts::line;

mod relations;

const GOOD: &str = r#"{"vin":"SJNFAAZE0U6012345","owner":"alice","drivers":[{"subject":"bob","entitlements":["StartClimate"],"until":"2027-01-01T00:00:00Z"}],"fleet":null,"region":"NE","trim":"SV","capabilities":["climate"],"telematics":true}"#;

fn vehicle(number: u32) -> String {
    GOOD.replace("012345", &format!("{number:06}"))
}

fn terms(bad: BadLines) -> Terms {
    Terms {
        bad,
        regions: ["NE", "NML"].map(str::to_owned).into(),
        issuers: ["owners", "dealers"].map(str::to_owned).into(),
    }
}

fn read_all(text: &[u8], bad: BadLines) -> (Result<ImportReport, ImportError>, Vec<Fact>) {
    let mut taken = Vec::new();
    let report = read(
        &mut BufReader::with_capacity(7, text),
        &terms(bad),
        &mut None,
        &mut |fact| {
            taken.push(fact.clone());
            Ok(())
        },
    );
    (report, taken)
}

fn bad_lines(text: &[u8]) -> (Vec<(u64, String)>, u64) {
    match read_all(text, BadLines::Refuse).0 {
        Err(ImportError::Bad(lines, more)) => {
            let lines = lines.into_iter().map(|bad| (bad.line, bad.why));
            (lines.collect(), more)
        }
        other => panic!("wanted bad lines, not {other:?}"),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_flaw_is_told_in_its_own_words() {
    let with = |from: &str, to: &str| {
        assert!(GOOD.contains(from), "{from}");
        GOOD.replacen(from, to, 1)
    };
    let long = "a".repeat(257);
    let table = [
        ("{}".to_owned(), "missing field `vin`"),
        ("[]".to_owned(), "wanted an object"),
        (
            r#"["SJNFAAZE0U6012345",null,[],null,"NE","SV",[],true]"#.to_owned(),
            "wanted an object",
        ),
        ("null".to_owned(), "wanted an object"),
        ("{".to_owned(), "EOF while parsing an object, at column 1"),
        (format!("{GOOD} {GOOD}"), "trailing characters"),
        (format!("\u{feff}{GOOD}"), "expected value, at column 1"),
        (
            with("SJNF", "SJN"),
            "`vin` is not a VIN: wanted 17 characters",
        ),
        (
            with("\"NE\"", "\"ne\""),
            "`region` is none of the configuration's: NE, NML",
        ),
        (
            with("SJNF", "sJNF"),
            "`vin` is not a VIN: wanted `A`-`Z` in upper case",
        ),
        (
            with("SJNF", "SJOF"),
            "`vin` is not a VIN: wanted `A`-`Z` in upper case",
        ),
        (with(r#""owner":"alice","#, ""), "missing field `owner`"),
        (
            with(r#","telematics":true"#, ""),
            "missing field `telematics`",
        ),
        (with("true", "\"yes\""), "wanted a boolean"),
        (
            with("true", "true,\"colour\":\"red\""),
            "unknown field `colour`",
        ),
        (
            with("true", "true,\"vin\":\"SJNFAAZE0U6012345\""),
            "duplicate field `vin`",
        ),
        (
            with("true", r#"true,"\u0076in":"SJNFAAZE0U6012345""#),
            "duplicate field `vin`",
        ),
        (
            with(r#""subject":"bob""#, r#""subject":"bob","subject":"eve""#),
            "duplicate field `subject`",
        ),
        (with(r#""subject""#, r#""sub""#), "unknown field `sub`"),
        (
            with(
                r#"{"subject":"bob","entitlements":["StartClimate"],"until":"2027-01-01T00:00:00Z"}"#,
                r#"["bob",[],null]"#,
            ),
            "wanted an object",
        ),
        (with("\"alice\"", "\"\""), "`owner` is empty"),
        (with("\"alice\"", "\" \""), "`owner` is empty"),
        (with("\"alice\"", "5"), "wanted a string"),
        (with("alice", &long), "`owner` is longer than 256 bytes"),
        (with("alice", "a\\u0000"), "`owner` has a control character"),
        (with("\"bob\"", "\"\""), "`subject` is empty"),
        (with("bob", &long), "`subject` is longer than 256 bytes"),
        (with("\"fleet\":null", "\"fleet\":\"\""), "`fleet` is empty"),
        (with("\"NE\"", "\"\""), "`region` is empty"),
        (with("\"SV\"", "null"), "wanted a string"),
        (with("\"climate\"", "\"\""), "`capabilities` is empty"),
        (
            with("\"StartClimate\"", "\"\""),
            "`` in `entitlements` is not the name",
        ),
        (
            with("StartClimate", "Start Climate"),
            "`Start Climate` in `entitlements`",
        ),
        (with("StartClimate", "*"), "`*` in `entitlements`"),
        (
            with("2027-01-01T00:00:00Z", "2027-01-01"),
            "`2027-01-01` in `until` is not a time",
        ),
        (
            with("2027-01-01T00:00:00Z", "2027-01-01T00:00:00+01:00"),
            "in `until` is not a time",
        ),
        (
            with("2027-01-01T00:00:00Z", "2027-13-01T00:00:00Z"),
            "in `until` is not a time",
        ),
        (
            with("2027-01-01T00:00:00Z", "1969-12-31T23:59:59Z"),
            "in `until` is not a time",
        ),
    ];
    for (line, wanted) in &table {
        let (bad, more) = bad_lines(line.as_bytes());
        assert_eq!((bad.len(), bad[0].0, more), (1, 1, 0), "{line}");
        let why = &bad[0].1;
        assert!(why.contains(wanted), "{line}: `{why}` without `{wanted}`");
        for personal in ["alice", "bob", "012345"] {
            assert!(!why.contains(personal), "{line}: `{why}`");
        }
    }
    assert_eq!(
        bad_lines(b"{\"vin\":\"\xff\"}").0,
        [(1, "not UTF-8".to_owned())]
    );
}

fn read_vehicle(text: &str) -> VehicleFacts {
    match line::read(text.as_bytes(), &terms(BadLines::Refuse)).unwrap() {
        Fact::Vehicle(_, facts) => *facts,
        Fact::Subject(..) | Fact::Alias(..) => panic!("no vehicle: {text}"),
    }
}

#[test]
fn members_that_may_be_left_out_or_null_are_none() {
    let line = r#"{"vin":"SJNFAAZE0U6012345","owner":null,"drivers":[{"subject":"bob","entitlements":[]}],"region":"NE","trim":"SV","capabilities":[],"telematics":false}"#;
    let facts = read_vehicle(line);
    assert_eq!((&facts.owner, &facts.fleet), (&None, &None));
    assert_eq!((facts.consents.len(), facts.work_orders.len()), (0, 0));
    assert_eq!((facts.cases.len(), facts.suspended), (0, false));
    assert_eq!(facts.drivers[0].until, None);
    let facts = read_vehicle(GOOD);
    let until = facts.drivers[0].until.unwrap();
    assert_eq!(until.as_secs(), 1_798_761_600);
}

#[test]
fn blank_lines_and_any_line_end_are_taken() {
    let [a, b, c] = [1, 2, 3].map(vehicle);
    let text = format!("\n{a}\r\n \t\r\n{b}\n\n{c}");
    let (report, taken) = read_all(text.as_bytes(), BadLines::Refuse);
    assert_eq!((report.unwrap().imported, taken.len()), (3, 3));
    let (report, _) = read_all(b"", BadLines::Refuse);
    assert_eq!(report.unwrap().imported, 0);
}

#[test]
fn every_bad_line_is_told_with_its_number() {
    let text = format!("{}\nx\n\n{}\ny\r\n", vehicle(1), vehicle(2));
    let (bad, _) = bad_lines(text.as_bytes());
    let numbers: Vec<u64> = bad.iter().map(|(line, _)| *line).collect();
    assert_eq!(numbers, [2, 5]);
}

#[test]
fn bad_lines_are_skipped_when_told_so() {
    let text = format!("x\n{}\ny\n{}", vehicle(1), vehicle(2));
    let (report, taken) = read_all(text.as_bytes(), BadLines::Skip);
    let report = report.unwrap();
    assert_eq!((report.imported, taken.len()), (2, 2));
    assert_eq!((report.skipped.len(), report.more), (2, 0));
}

#[test]
fn a_vin_twice_names_both_lines_and_the_first_counts() {
    let text = format!("{}\n{}\n{}\n", vehicle(1), vehicle(2), vehicle(1));
    let (bad, _) = bad_lines(text.as_bytes());
    let why = "the VIN of line 1 again: lines 1 and 3 are about one vehicle";
    assert_eq!(bad, [(3, why.to_owned())]);
    let (report, taken) = read_all(text.as_bytes(), BadLines::Skip);
    assert_eq!((report.unwrap().skipped.len(), taken.len()), (1, 2));
}

#[test]
fn long_lines_are_passed_over_whole() {
    let fitting = format!("{}{}", GOOD, " ".repeat(LINE_BYTES - GOOD.len()));
    for end in ["\n", "\r\n", ""] {
        let text = format!("{fitting}{end}");
        assert_eq!(read_all(text.as_bytes(), BadLines::Refuse).1.len(), 1);
        for over in [1, 2, 3, 200_000] {
            let text = format!("{fitting}{}{end}", " ".repeat(over));
            let (bad, _) = bad_lines(text.as_bytes());
            assert_eq!(
                bad,
                [(1, "longer than 64 KiB".to_owned())],
                "{over} {end:?}"
            );
        }
    }
    let text = format!("{}\n{}\nx", "a".repeat(200_000), vehicle(1));
    let (report, taken) = read_all(text.as_bytes(), BadLines::Skip);
    let lines: Vec<u64> = report.unwrap().skipped.iter().map(|bad| bad.line).collect();
    assert_eq!((lines, taken.len()), (vec![1, 3], 1));
}

#[test]
fn a_thousand_bad_lines_are_told_and_the_rest_counted() {
    let (bad, more) = bad_lines("x\n".repeat(2_500).as_bytes());
    assert_eq!((bad.len(), more), (1_000, 1_500));
}

#[test]
fn messages_are_bounded() {
    let line = format!("{{\"{}\":1}}", "k".repeat(50_000));
    assert!(bad_lines(line.as_bytes()).0[0].1.len() <= 300);
}

#[test]
fn lines_that_stop_coming_are_an_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable"))
        }
    }
    let good = vehicle(1) + "\n";
    for bad in [BadLines::Refuse, BadLines::Skip] {
        let mut lines = BufReader::new(good.as_bytes().chain(Broken));
        let expected = ImportError::Store("cannot read line 2: cable".to_owned());
        assert_eq!(check(&mut lines, &terms(bad)), Err(expected));
    }
}

#[test]
fn a_store_that_fails_ends_the_import() {
    let full = || ImportError::Store("full".to_owned());
    let text = vehicle(1);
    let report = read(
        &mut text.as_bytes(),
        &terms(BadLines::Skip),
        &mut None,
        &mut |_| Err(full()),
    );
    assert_eq!(report, Err(full()));
}
