//! Does nothing change, whatever is sent, and is every try without rights on record?

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::config::file::Members;
use crate::switchboard::Board;
use crate::switchboard::changes::{self, By, New};

pub(in crate::admin) fn viewer() -> Served {
    let mine = Members {
        users: vec![accounts::Accounts::read().user(socket_user())],
        ..Members::default()
    };
    let roles = Roles {
        viewer: mine,
        ..Roles::default()
    };
    serve_with(Some(BTreeSet::from([u32::MAX])), roles)
}

/// Bodies that are nearly right, and bodies that are nothing.
fn bodies() -> impl Strategy<Value = String> {
    let state = prop::sample::select(vec!["closed", "read-only", "open", ""]);
    let scope = prop::sample::select(vec![
        json!({"all": true}),
        json!({"surfaces": ["mobile-v1"]}),
        json!({"surfaces": ["portal"], "all": true}),
        json!({"subjects": ["owners/x"]}),
        json!({"vehicles": ["SJNFAAZE0U6012345"]}),
        json!([]),
        Json::Null,
    ]);
    let near = (scope, state, any::<bool>(), prop::option::of(0..100_u64)).prop_map(
        |(scope, state, break_glass, seconds)| {
            json!({
                "scope": scope, "state": state, "reason": "r", "break_glass": break_glass,
                "confirm": "portal", "seconds": seconds, "dry_run": false,
            })
            .to_string()
        },
    );
    prop_oneof![near, ".{0,60}", Just(String::new()), Just("{}".to_owned())]
}

fn paths() -> impl Strategy<Value = String> {
    let ids = prop::sample::select(vec![
        "cold-start-mobile-v1",
        "c-1",
        "file-x",
        "..",
        "%2e",
        "",
    ]);
    let verbs = prop::sample::select(vec![
        ":restore", ":open", ":undo", ":approve", ":extend", ":close", "", ":", "::open",
    ]);
    prop_oneof![
        (ids, verbs).prop_map(|(id, verb)| format!("/v1/switches/{id}{verb}")),
        Just("/v1/switches".to_owned()),
        Just("/v1/switches:merge".to_owned()),
        Just("/v1/switches:drill".to_owned()),
        Just("/v1/ownership/import".to_owned()),
        prop::sample::select(vec![":grant", ":revoke", ":suspend", ":unsuspend", ""])
            .prop_map(|verb| format!("/v1/ownership/vehicles/SJNFAAZE0U6012345{verb}")),
        "/[a-z0-9/:.%-]{0,24}".prop_map(|path| path.replace('%', "%25")),
    ]
}

fn tries() -> impl Strategy<Value = Vec<(Method, String, String)>> {
    let method = prop::sample::select(vec![
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::PATCH,
    ]);
    proptest::collection::vec((method, paths(), bodies()), 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn who_may_only_look_changes_nothing_whatever_is_sent(tries in tries()) {
        let served = viewer();
        for (method, path, body) in tries {
            let answer = served.call(method.clone(), &path, &body);
            prop_assert!(answer.is_err(), "{} {} {}", method, path, body);
        }
        prop_assert_eq!(served.switchboard.board().revision(), 0);
        prop_assert!(served.is_closed("mobile-v1"));
    }
}

#[test]
fn a_try_without_rights_is_in_the_history() {
    let served = viewer();
    let body = close(&json!({"surfaces": ["mobile-v1"]}));
    served.call(Method::POST, SWITCHES, &body).unwrap_err();
    let open = "/v1/switches/cold-start-mobile-v1:open";
    served.call(Method::POST, open, "{}").unwrap_err();
    let (_, lines) = served.call(Method::GET, "/v1/history", "").unwrap();
    let acts: Vec<&Json> = lines
        .as_array()
        .unwrap()
        .iter()
        .map(|line| &line["act"])
        .collect();
    assert_eq!(acts, ["Close", "Open"]);
    assert!(
        lines[0]["by"].is_string() && lines[0]["what"] == "refused",
        "{lines}"
    );
}

#[test]
fn who_is_nobody_is_on_record_too() {
    let served = serve(Some(BTreeSet::from([u32::MAX])));
    served.call(Method::GET, SWITCHES, "").unwrap_err();
    let lines = served.history.read(10);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["what"], "refused");
}

#[test]
fn changes_are_streamed_as_they_happen() {
    let served = serve(None);
    let mut seen = Vec::new();
    let body = close(&json!({"clients": ["app"]}));
    let followed = served.client().follow("/v1/events", |event| {
        let event: Json = serde_json::from_str(event).unwrap();
        let ids = event["closures"].as_array().unwrap().len();
        seen.push((event["revision"].as_u64().unwrap(), ids));
        if seen.len() == 3 {
            return std::ops::ControlFlow::Break(());
        }
        // the client is not to be used within: another thread makes the next change
        std::thread::scope(|scope| {
            scope.spawn(|| served.call(Method::POST, SWITCHES, &body).unwrap());
        });
        std::ops::ControlFlow::Continue(())
    });
    followed.unwrap();
    assert_eq!(
        seen,
        [(0, 1), (1, 1), (2, 1)],
        "the board as it was, then each change"
    );
}

#[test]
fn a_stream_ends_with_the_role() {
    let served = viewer();
    let mut seen = 0;
    let followed = served.client().follow("/v1/events", |_| {
        seen += 1;
        served
            .access
            .store(Arc::new(house::access(Roles::default())));
        let scope = serde_json::from_value(json!({"all": true})).unwrap();
        let new = New::closing("c-1".to_owned(), scope, "a leak".to_owned());
        let make = |_: &Board, revision| {
            let by = By {
                who: "root",
                at: 0,
                revision,
                break_glass: false,
            };
            Ok::<_, ()>(changes::begin(new, by))
        };
        served.switchboard.close(make).unwrap();
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(
        seen, 1,
        "the board as it was, and nothing after: {followed:?}"
    );
}
