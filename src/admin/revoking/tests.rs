//! Are tokens taken back, listed and recorded, over a real socket, and only by who may?

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::admin::tests::{Served, serve, viewer};
use crate::cli::{End, Failure};
use crate::clock;
use crate::pipeline::audit::Pseudonyms;
use crate::revocations::{Marks, Named};

const REVOCATIONS: &str = "/v1/revocations";
const RESTORE: &str = "/v1/revocations:restore";

fn body(which: &Value) -> Value {
    json!({"issuer": "owners", "which": which, "reason": "a stolen phone"})
}

fn post(served: &Served, path: &str, body: &Value) -> Result<Value, Failure> {
    let answer = served.call(Method::POST, path, &body.to_string());
    answer.map(|(_, told)| told)
}

/// Whether a token of anna's, issued so many seconds from now, is refused.
fn refuses(served: &Served, seconds: i64) -> bool {
    let marks = Marks::of(Named {
        issuer: "https://id.example",
        subject: "anna",
        token: Some("t1"),
        session: Some("d1"),
        client: Some("app"),
        certificate: Some(&[7; 32]),
    });
    let now = clock::unix_time().as_secs();
    let issued_at = Duration::from_secs(now.saturating_add_signed(seconds));
    served.revocations.refuse(&marks, issued_at)
}

#[test]
fn each_kind_is_taken_back_listed_recorded_and_restored() {
    let pseudonyms = Pseudonyms::new(&[7; 32]).unwrap();
    let table = [
        (
            json!({"tokens": ["t1"]}),
            "token",
            pseudonyms.token("owners", "t1"),
            true,
        ),
        (
            json!({"sessions": ["d1"]}),
            "session",
            pseudonyms.word("session owners d1"),
            true,
        ),
        (
            json!({"subjects": ["anna"]}),
            "subject",
            pseudonyms.subject("owners", "anna"),
            false,
        ),
        (
            json!({"clients": ["app"]}),
            "client",
            "app".to_owned(),
            false,
        ),
        (
            json!({"certificates": ["07".repeat(32)]}),
            "certificate",
            pseudonyms.word(&format!("certificate {}", "07".repeat(32))),
            true,
        ),
        (
            json!({"all": {"confirm": "owners"}}),
            "issuer",
            "owners".to_owned(),
            false,
        ),
    ];
    for (which, kind, about, whenever) in table {
        let served = serve(None);
        taken_back(&served, &which, whenever);
        let listed = served.call(Method::GET, REVOCATIONS, "").unwrap().1;
        let one = &listed["revocations"][0];
        let found = [&one["kind"], &one["about"], &one["issuer"], &one["reason"]];
        assert_eq!(found, [kind, &about, "owners", "a stolen phone"], "{one}");
        assert_eq!(one["refuses"] == "all", whenever, "{one}");
        restored(&served, &which);
        for line in served.history().read(10) {
            assert_eq!([&line["outcome"], &line["kind"]], ["done", kind], "{line}");
            assert_eq!(line["about"], json!([about]), "{line}");
            assert!(!line.to_string().contains("anna"), "{line}");
        }
    }
}

/// Once, and it can't be twice.
fn taken_back(served: &Served, which: &Value, whenever: bool) {
    let told = post(served, REVOCATIONS, &body(which)).unwrap();
    assert_eq!(told["changed"], 1, "{which}");
    assert_eq!(told["warning"], Value::Null, "{which}");
    let refused = [0, 3, 60].map(|seconds| refuses(served, seconds)); // by a clock that is ahead, and later
    assert_eq!(refused, [true, true, whenever], "{which}");
    let told = post(served, REVOCATIONS, &body(which)).unwrap();
    assert!(told["changed"].as_u64().unwrap() <= 1, "{which}: {told}"); // a second passed, or not
    assert_eq!(served.revocations.count(), 1, "{which}");
}

fn restored(served: &Served, which: &Value) {
    let told = post(served, RESTORE, &body(which)).unwrap();
    assert_eq!(told["changed"], 1, "{which}");
    assert!(!refuses(served, 0), "{which}");
    let listed = served.call(Method::GET, REVOCATIONS, "").unwrap().1;
    assert_eq!(listed["revocations"][0]["refuses"], "restored", "{which}");
    let lines = served.history().read(10);
    let whats: Vec<&Value> = lines.iter().map(|line| &line["what"]).collect();
    let expected = ["tokens revoke", "tokens revoke", "tokens restore"];
    assert_eq!(whats, expected, "{which}");
}

#[test]
fn only_those_issued_before_are() {
    let served = serve(None);
    let mut asked = body(&json!({"subjects": ["anna"]}));
    let before = clock::unix_time().saturating_sub(Duration::from_secs(600));
    asked["issued_before"] = json!(clock::rfc3339(before));
    post(&served, REVOCATIONS, &asked).unwrap();
    assert!(refuses(&served, -600) && refuses(&served, -598));
    assert!(!refuses(&served, -590));
}

/// Calls that can't be meant, how each ends, and what is said.
fn senseless() -> Vec<(Value, End, &'static str)> {
    let mut future = body(&json!({"subjects": ["anna"]}));
    future["issued_before"] = json!("2999-01-01T00:00:00Z");
    let mut whenever = body(&json!({"tokens": ["t1"]}));
    whenever["issued_before"] = json!("2026-01-01T00:00:00Z");
    let mut no_time = body(&json!({"subjects": ["anna"]}));
    no_time["issued_before"] = json!("yesterday");
    let strange = json!({"issuer": "owner", "which": {"subjects": ["anna"]}, "reason": "a"});
    let unreasoned = json!({"issuer": "owners", "which": {"subjects": ["anna"]}, "reason": " "});
    let many: Vec<String> = (0..10_001).map(|name| name.to_string()).collect();
    vec![
        (future, End::InvalidInput, "in the future"),
        (whenever, End::InvalidInput, "whenever they were issued"),
        (no_time, End::InvalidInput, "no time"),
        (
            strange,
            End::InvalidInput,
            "no issuer `owner` in the configuration: there is owners",
        ),
        (unreasoned, End::InvalidInput, "a reason is required"),
        (
            body(&json!({"subjects": []})),
            End::InvalidInput,
            "1 to 10000",
        ),
        (
            body(&json!({"subjects": many})),
            End::InvalidInput,
            "1 to 10000",
        ),
        (
            body(&json!({"subjects": ["anna", ""]})),
            End::InvalidInput,
            "a name has 1 to 256",
        ),
        (
            body(&json!({"subjects": ["a".repeat(257)]})),
            End::InvalidInput,
            "a name has 1 to 256",
        ),
        (
            body(&json!({"subjects": ["an\nna"]})),
            End::InvalidInput,
            "control characters",
        ),
        (
            body(&json!({"subject": ["anna"]})),
            End::InvalidInput,
            "unknown variant",
        ),
        (
            body(&json!({"everything": {}})),
            End::InvalidInput,
            "unknown variant",
        ),
        (
            body(&json!({"all": {"confirm": "owner"}})),
            End::Refused,
            "--confirm-name",
        ),
    ]
}

#[test]
fn what_can_not_be_meant_takes_nothing_back() {
    let served = serve(None);
    for (asked, end, expected) in senseless() {
        let shown: String = asked.to_string().chars().take(100).collect();
        let failure = post(&served, REVOCATIONS, &asked).unwrap_err();
        assert_eq!(failure.end, end, "{shown}: {failure}");
        assert!(failure.message.contains(expected), "{shown}: {failure}");
        assert_eq!(served.revocations.count(), 0, "{shown}");
    }
    let nothing = post(&served, RESTORE, &body(&json!({"subjects": ["anna"]}))).unwrap();
    assert_eq!(nothing["changed"], 0, "it was never revoked");
    assert_eq!(served.revocations.count(), 0);
}

#[test]
fn who_may_only_look_takes_nothing_back() {
    let served = viewer();
    for path in [REVOCATIONS, RESTORE] {
        let failure = post(&served, path, &body(&json!({"subjects": ["anna"]}))).unwrap_err();
        assert_eq!(failure.end, End::Refused, "{failure}");
    }
    assert_eq!(served.revocations.count(), 0);
    let listed = served.call(Method::GET, REVOCATIONS, "").unwrap().1;
    assert_eq!(listed["count"], 0);
}

#[test]
fn only_so_many_are_listed_the_newest_last() {
    let served = serve(None);
    let names: Vec<String> = (0..150).map(|name| format!("c{name}")).collect();
    let told = post(&served, REVOCATIONS, &body(&json!({"clients": names}))).unwrap();
    assert_eq!(told["changed"], 150);
    assert_eq!(
        told["versions"].as_object().unwrap().len(),
        32,
        "what replicas are asked for"
    );
    let about = |query: &str| -> Vec<String> {
        let listed = served
            .call(Method::GET, &format!("{REVOCATIONS}{query}"), "")
            .unwrap()
            .1;
        let all = listed["revocations"].as_array().unwrap().clone();
        all.iter()
            .map(|one| one["about"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(about("?newest=2"), ["c148", "c149"]);
    assert_eq!(about("").len(), 100);
    let all: BTreeSet<String> = about("?newest=1000").into_iter().collect();
    assert_eq!(all.len(), 150);
    assert!(
        served
            .call(Method::GET, "/v1/revocations?oldest=1", "")
            .is_err()
    );
}
