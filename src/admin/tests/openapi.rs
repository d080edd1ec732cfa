//! Does the document say what the API does, and does the API do what the document says?

use super::*;
use crate::admin::openapi::CALLS;

/// A path with what it may name.
fn with_names(path: &str) -> String {
    path.replace("{id}", "cold-start-mobile-v1")
        .replace("{vin}", "SJNFAAZE0U6012345")
}

#[test]
fn every_documented_call_is_there_and_every_other_is_not() {
    let served = serve(None);
    for call in CALLS {
        if call.path == "/v1/events" {
            continue; // it never ends
        }
        let path = with_names(call.path);
        let method: Method = call.method.to_uppercase().parse().unwrap();
        let answer = served.client().send(method, &path, Bytes::new());
        let said = answer
            .err()
            .map_or_else(String::new, |failure| failure.message);
        assert!(
            !said.contains("no such call"),
            "{} {path}: {said}",
            call.method
        );
        assert!(
            !said.contains("another method"),
            "{} {path}: {said}",
            call.method
        );
        assert!(
            !said.contains("is changed by"),
            "{} {path}: {said}",
            call.method
        );
    }
}

#[test]
fn every_route_of_the_router_is_documented() {
    let routes: BTreeSet<&str> = include_str!("../api.rs")
        .split(".route(")
        .skip(1)
        .filter_map(|rest| rest.split('"').nth(1))
        .collect();
    let last_verb = |path: &'static str| match path.split_once("}:") {
        Some((before, _)) => format!("{before}}}"),
        None => path.to_owned(),
    };
    let documented: BTreeSet<String> = CALLS.iter().map(|call| last_verb(call.path)).collect();
    let documented: BTreeSet<&str> = documented.iter().map(String::as_str).collect();
    assert!(routes.len() > 5, "{routes:?}");
    assert_eq!(routes, documented);
}

#[test]
fn what_changes_something_needs_the_state_that_was_seen() {
    let served = serve(None);
    for call in CALLS.iter().filter(|call| call.changes) {
        let path = with_names(call.path);
        let sent = served.client().send_with(
            Method::POST,
            &path,
            HeaderMap::new(),
            Bytes::from_static(b"{}"),
        );
        let refused = sent.unwrap_err();
        assert!(refused.message.contains("If-Match"), "{path}: {refused}");
    }
    assert_eq!(served.switchboard.board().revision(), 0);
}

#[test]
fn the_document_is_served_and_its_references_lead_somewhere() {
    let served = serve(None);
    let (_, document) = served.call(Method::GET, "/v1/openapi.json", "").unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let text = document.to_string();
    let mut found = 0;
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        found += 1;
    }
    assert!(found > 20, "{found}");
    let (_, listed) = served.call(Method::GET, SWITCHES, "").unwrap();
    let root = json!({
        "$ref": "#/components/schemas/Listed", "components": document["components"],
    });
    let validator = jsonschema::validator_for(&root).unwrap();
    assert!(validator.is_valid(&listed), "{listed}");
    assert!(!validator.is_valid(&json!({"revision": "1"})));
}
