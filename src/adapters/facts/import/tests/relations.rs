//! Are consents, work orders, cases, subjects and aliases read as strictly as vehicles?

use std::time::Duration;

use super::{BadLines, GOOD, bad_lines, read_all, read_vehicle, terms};
use crate::adapters::facts::Fact;
use crate::adapters::facts::line;
use crate::pipeline::ownership::{Alias, Assignee, SubjectFacts, SubjectKey};

const NEW_YEAR: Duration = Duration::from_secs(1_798_761_600);

/// A vehicle with one more member.
fn with(member: &str) -> String {
    GOOD.replacen(
        "\"telematics\":true",
        &format!("\"telematics\":true,{member}"),
        1,
    )
}

const CONSENT: &str = r#""consents":[{"client":"charger","scopes":["read_status","control"],"until":"2027-01-01T00:00:00Z"}]"#;
const ORDER: &str = r#""work_orders":[{"id":"W1","dealership":"north","technician":"tom","agreed":["ReadDiagnostics"],"until":"2027-01-01T00:00:00Z"}]"#;
const CASE: &str = r#""cases":[{"case":"K1","agent":"gil","until":"2027-01-01T00:00:00Z"}]"#;
const SUBJECT: &str = r#"{"issuer":"owners","subject":"bob","suspended":true}"#;
const ALIAS: &str = r#"{"alias":"a-1","client":"charger","vin":"SJNFAAZE0U6012345"}"#;

#[test]
fn relations_come_back_as_they_were_written() {
    let facts = read_vehicle(&with(&format!(
        "{CONSENT},{ORDER},{CASE},\"suspended\":true"
    )));
    let consent = &facts.consents[0];
    assert_eq!(
        (consent.client.as_str(), consent.until),
        ("charger", Some(NEW_YEAR))
    );
    assert_eq!(consent.scopes, ["read_status", "control"]);
    let order = &facts.work_orders[0];
    assert_eq!(
        (order.id.as_str(), order.dealership.as_str()),
        ("W1", "north")
    );
    assert_eq!(order.assignee, Assignee::Technician("tom".to_owned()));
    assert_eq!(
        (&order.agreed[..], order.until),
        (&["ReadDiagnostics".to_owned()][..], NEW_YEAR)
    );
    let case = &facts.cases[0];
    assert_eq!(
        (case.case.as_str(), case.agent.as_str(), case.until),
        ("K1", "gil", NEW_YEAR)
    );
    assert!(facts.suspended);
    let by_role = with(&ORDER.replace("\"technician\":\"tom\"", "\"role\":\"adviser\""));
    let order = &read_vehicle(&by_role).work_orders[0];
    assert_eq!(order.assignee, Assignee::Role("adviser".to_owned()));
    let endless = with(&CONSENT.replace(",\"until\":\"2027-01-01T00:00:00Z\"", ""));
    assert_eq!(read_vehicle(&endless).consents[0].until, None);
}

#[test]
fn subjects_and_aliases_are_lines_of_their_own() {
    let read = |text: &str| line::read(text.as_bytes(), &terms(BadLines::Refuse));
    let key = SubjectKey {
        issuer: "owners".to_owned(),
        subject: "bob".to_owned(),
    };
    let suspended = SubjectFacts { suspended: true };
    assert_eq!(read(SUBJECT), Ok(Fact::Subject(key, suspended)));
    let alias = Alias {
        client: "charger".to_owned(),
        alias: "a-1".to_owned(),
    };
    assert!(matches!(read(ALIAS), Ok(Fact::Alias(read, Some(_))) if read == alias));
    let forgotten = ALIAS.replace("\"SJNFAAZE0U6012345\"", "null");
    assert_eq!(read(&forgotten), Ok(Fact::Alias(alias, None)));
}

#[test]
fn one_thing_stands_once_in_an_import() {
    let other = SUBJECT.replace("owners", "dealers");
    let again = ALIAS.replace("charger", "tracker");
    let text = format!("{GOOD}\n{SUBJECT}\n{ALIAS}\n{other}\n{again}\n");
    assert_eq!(read_all(text.as_bytes(), BadLines::Refuse).1.len(), 5);
    let text = format!("{SUBJECT}\n{ALIAS}\n{SUBJECT}\n{ALIAS}\n");
    let (bad, _) = bad_lines(text.as_bytes());
    let why = |at| bad.iter().find(|(line, _)| *line == at).unwrap().1.clone();
    assert_eq!(
        why(3),
        "the subject of line 1 again: lines 1 and 3 are about one subject"
    );
    assert_eq!(
        why(4),
        "the alias of line 2 again: lines 2 and 4 are about one alias"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_flaw_of_a_relation_is_told_in_its_own_words() {
    let change = |member: &str, from: &str, to: &str| {
        assert!(member.contains(from), "{from}");
        with(&member.replacen(from, to, 1))
    };
    let many = |name: &str, one: &str, count: usize| {
        with(&format!("\"{name}\":[{}]", vec![one; count].join(",")))
    };
    let until = ",\"until\":\"2027-01-01T00:00:00Z\"";
    let table = [
        (change(CONSENT, "charger", ""), "`client` is empty"),
        (
            change(CONSENT, "read_status", "read status"),
            "`scopes` has what is no scope",
        ),
        (
            change(CONSENT, "read_status", "a\\\"b"),
            "`scopes` has what is no scope",
        ),
        (
            change(CONSENT, "2027-01-01", "2027-1-1"),
            "in `until` is not a time",
        ),
        (
            change(CONSENT, "client", "partner"),
            "unknown field `partner`",
        ),
        (
            many("consents", r#"{"client":"c","scopes":[]}"#, 101),
            "`consents` has more than 100",
        ),
        (
            change(CONSENT, r#""read_status","#, &"\"x\",".repeat(50)),
            "`scopes` has more than 50",
        ),
        (
            change(ORDER, "\"technician\":\"tom\",", ""),
            "wants `technician` or `role`",
        ),
        (
            change(ORDER, "\"tom\"", "\"tom\",\"role\":\"adviser\""),
            "wants `technician` or `role`",
        ),
        (change(ORDER, "\"tom\"", "\"\""), "`technician` is empty"),
        (change(ORDER, "north", " "), "`dealership` is empty"),
        (change(ORDER, until, ""), "missing field `until`"),
        (
            change(ORDER, "\"2027-01-01T00:00:00Z\"", "null"),
            "wanted a string",
        ),
        (
            change(ORDER, "ReadDiagnostics", "Read Diagnostics"),
            "`Read Diagnostics` in `agreed`",
        ),
        (change(CASE, until, ""), "missing field `until`"),
        (
            change(CASE, "gil", "a\\u0000"),
            "`agent` has a control character",
        ),
        (
            many(
                "cases",
                r#"{"case":"K","agent":"a","until":"2027-01-01T00:00:00Z"}"#,
                21,
            ),
            "`cases` has more than 20",
        ),
        (
            with("\"cases\":[[\"K1\",\"gil\",\"2027-01-01T00:00:00Z\"]]"),
            "wanted an object",
        ),
        (with("\"suspended\":null"), "wanted a boolean"),
        (
            SUBJECT.replace("owners", "owner"),
            "`issuer` is none of the configuration's: dealers, owners",
        ),
        (SUBJECT.replace("true", "\"yes\""), "wanted a boolean"),
        (
            SUBJECT.replace(",\"suspended\":true", ""),
            "missing field `suspended`",
        ),
        (
            SUBJECT.replace("true", "true,\"owner\":null"),
            "unknown field `owner`",
        ),
        (SUBJECT.replace("\"bob\"", "\"\""), "`subject` is empty"),
        (ALIAS.replace("a-1", ""), "`alias` is empty"),
        (
            ALIAS.replace(",\"vin\":\"SJNFAAZE0U6012345\"", ""),
            "missing field `vin`",
        ),
        (ALIAS.replace("SJNF", "SJN"), "`vin` is not a VIN"),
        (
            ALIAS.replace('{', "{\"alias\":\"a-2\","),
            "unknown field `alias`",
        ),
    ];
    for (line, wanted) in &table {
        let (bad, more) = bad_lines(line.as_bytes());
        assert_eq!((bad.len(), more), (1, 0), "{line}");
        let why = &bad[0].1;
        assert!(why.contains(wanted), "{line}: `{why}` without `{wanted}`");
        for personal in ["charger", "tom", "gil", "bob", "012345"] {
            assert!(!why.contains(personal), "{line}: `{why}`");
        }
    }
}
