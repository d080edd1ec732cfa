//! Is a vehicle shown, changed and recorded, over a real socket, and only for who may?

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::admin::tests::{Served, serve, viewer};
use crate::cli::End;
use crate::digest;

const VIN: &str = "SJNFAAZE0U6012345";

fn path(verb: &str) -> String {
    format!("/v1/ownership/vehicles/{VIN}{verb}")
}

/// With a vehicle of anna's that ben may drive.
fn filled(served: &Served) {
    let line = json!({
        "vin": VIN, "owner": "anna", "region": "NE", "trim": "SV", "capabilities": ["climate"],
        "telematics": true,
        "drivers": [{"subject": "ben", "entitlements": ["StartClimate"], "until": null}],
    });
    let body = format!("{line}\n");
    served
        .call(Method::POST, "/v1/ownership/import", &body)
        .unwrap();
}

fn shown(served: &Served) -> (String, Value) {
    let (status, tag, vehicle) = served.call_if("*", Method::GET, &path(""), "").unwrap();
    assert_eq!(status, StatusCode::OK);
    (tag, vehicle)
}

fn sale(subject: &str) -> String {
    json!({"grant": {"owner": {"subject": subject}}, "reason": "sold"}).to_string()
}

fn records(served: &Served) -> Vec<Value> {
    let history = served.history().read(100);
    let is = |line: &Value| line["what"].as_str().unwrap().starts_with("ownership ");
    history.into_iter().filter(is).collect()
}

/// The same once so many of `what` are concluded: who reads an export has its end before its record.
fn until_recorded(served: &Served, what: &str, count: usize) -> Vec<Value> {
    for _ in 0..2_000 {
        let records = records(served);
        if records.iter().filter(|one| one["what"] == what).count() >= count {
            return records;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    panic!("waited in vain for {count} of {what}");
}

#[test]
fn a_vehicle_is_shown_as_its_import_line() {
    let served = serve(None);
    filled(&served);
    let (_, vehicle) = shown(&served);
    served
        .call(Method::POST, "/v1/ownership/import", &vehicle.to_string())
        .unwrap();
    assert_eq!(shown(&served).1, vehicle);
    assert_eq!(vehicle["drivers"][0]["subject"], "ben");
}

#[test]
fn a_change_is_made_in_the_state_that_was_seen() {
    let served = serve(None);
    filled(&served);
    let (old, _) = shown(&served);
    let (status, tag, told) = served
        .call_if(&old, Method::POST, &path(":grant"), &sale("otto"))
        .unwrap();
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        told,
        json!({"changed": ["owner: replaced", "drivers: 1 -> 0"]})
    );
    let (now, vehicle) = shown(&served);
    assert_eq!((&now, &vehicle["owner"]), (&tag, &json!("otto")));
    let late = served
        .call_if(&old, Method::POST, &path(":grant"), &sale("eve"))
        .unwrap_err();
    assert_eq!(late.end, End::Conflict, "{late}");
    assert_eq!(shown(&served).1["owner"], "otto");
}

#[test]
fn a_dry_run_says_the_same_and_changes_nothing() {
    let served = serve(None);
    filled(&served);
    let before = shown(&served);
    let mut body: Value = serde_json::from_str(&sale("otto")).unwrap();
    body["dry_run"] = json!(true);
    let rehearse = |body: &Value| served.call(Method::POST, &path(":grant"), &body.to_string());
    let (_, told) = rehearse(&body).unwrap();
    let changed = json!(["owner: replaced", "drivers: 1 -> 0"]);
    assert_eq!(told, json!({"changed": changed, "dry_run": true}));
    assert_eq!(shown(&served), before);
    body["grant"] = json!({"owner": {"subject": "anna"}});
    assert!(rehearse(&body).is_err(), "no less than without it");
    let late = served.call_if("\"0\"", Method::POST, &path(":grant"), &body.to_string());
    assert_eq!(late.unwrap_err().end, End::Conflict);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_can_not_be_meant_changes_nothing() {
    let served = serve(None);
    filled(&served);
    let before = shown(&served);
    let revoke = |what: Value| json!({"revoke": what, "reason": "r"}).to_string();
    let unreasoned = json!({"revoke": "owner", "reason": " "}).to_string();
    let missing = json!({"revoke": "owner"}).to_string();
    let two = json!({"grant": {"owner": {"subject": "a"}, "driver": {}}, "reason": "r"});
    let two = two.to_string();
    let long = json!({"revoke": "owner", "reason": "x".repeat(2_001)}).to_string();
    let table = [
        (
            ":revoke",
            revoke(json!({"driver": {"subject": "eve"}})),
            End::Conflict,
            "nothing to revoke",
        ),
        (
            ":revoke",
            revoke(json!({"driver": {"name": "ben"}})),
            End::InvalidInput,
            "unknown field",
        ),
        (
            ":revoke",
            revoke(json!("everything")),
            End::InvalidInput,
            "unknown variant",
        ),
        (
            ":revoke",
            unreasoned,
            End::InvalidInput,
            "a reason is required",
        ),
        (":revoke", missing, End::InvalidInput, "reason"),
        (":revoke", long, End::InvalidInput, "at most 2000"),
        (":grant", two, End::InvalidInput, "expected"),
        (":grant", String::new(), End::InvalidInput, "eof"),
        (":give", sale("eve"), End::Failed, "is changed by"),
        ("", sale("eve"), End::Failed, "is changed by"),
        (
            ":unsuspend",
            json!({"reason": "r"}).to_string(),
            End::Conflict,
            "isn't suspended",
        ),
    ];
    for (verb, body, end, expected) in table {
        let refused = served.call(Method::POST, &path(verb), &body).unwrap_err();
        assert_eq!(refused.end, end, "{verb} {body}: {refused}");
        let said = refused.message.to_lowercase();
        assert!(said.contains(expected), "{verb} {body}: {refused}");
    }
    assert_eq!(shown(&served), before);
    let absent = "/v1/ownership/vehicles/SJNFAAZE0U6000009";
    for (method, path) in [
        (Method::GET, absent.to_owned()),
        (Method::POST, format!("{absent}:grant")),
    ] {
        let refused = served.call(method, &path, &sale("eve")).unwrap_err();
        assert!(refused.message.contains("no vehicle"), "{refused}");
    }
    let no_vin = served
        .call(Method::GET, "/v1/ownership/vehicles/SJN", "")
        .unwrap_err();
    assert_eq!(no_vin.end, End::InvalidInput);
}

#[test]
fn every_call_is_on_record_and_names_nobody() {
    let served = serve(None);
    filled(&served);
    shown(&served);
    let change = |verb: &str, body: &str| served.call(Method::POST, &path(verb), body).is_ok();
    assert!(change(":grant", &sale("otto")));
    assert!(!change(":grant", &sale("otto")), "is the owner already");
    let driver = json!({"revoke": {"driver": {"subject": "ben"}}, "reason": "r"}).to_string();
    assert!(!change(":revoke", &driver), "ended by the sale");
    assert!(change(
        ":suspend",
        &json!({"reason": "disputed"}).to_string()
    ));
    let told: Vec<[String; 3]> = records(&served)
        .iter()
        .map(|line| {
            ["what", "kind", "outcome"].map(|name| line[name].as_str().unwrap_or("-").to_owned())
        })
        .collect();
    let expected = [
        ["ownership import", "-", "done"],
        ["ownership get", "-", "done"],
        ["ownership grant", "owner", "done"],
        ["ownership grant", "owner", "no-such-change"],
        ["ownership revoke", "driver", "nothing-to-revoke"],
        ["ownership suspend", "vehicle", "done"],
    ];
    assert_eq!(told, expected.map(|line| line.map(str::to_owned)));
    let text = json!(records(&served)).to_string();
    for name in [VIN, "anna", "otto", "ben"] {
        assert!(!text.contains(name), "{name}: {text}");
    }
    let sold = &records(&served)[2];
    assert_eq!(sold["reason"], "sold");
    assert_eq!(
        sold["changed"],
        json!(["owner: replaced", "drivers: 1 -> 0"])
    );
    let pseudonyms = crate::pipeline::audit::Pseudonyms::new(&[7; 32]).unwrap();
    let vin = crate::pipeline::vehicle::Vin::read(VIN).unwrap();
    assert_eq!(
        sold["vin"],
        json!(pseudonyms.vin(&vin)),
        "as in the audit log"
    );
    assert_eq!(
        sold["subjects"],
        json!([pseudonyms.subject("owners", "otto")])
    );
}

#[test]
fn without_the_role_nothing_is_seen_or_changed_and_the_try_is_on_record() {
    let served = viewer();
    let table = [
        (Method::GET, path(""), "ViewOwnership"),
        (Method::POST, path(":grant"), "GrantOwnership"),
        (Method::POST, path(":revoke"), "RevokeOwnership"),
        (Method::POST, path(":suspend"), "RevokeOwnership"),
        (Method::POST, path(":unsuspend"), "GrantOwnership"),
        (
            Method::GET,
            "/v1/ownership/export".to_owned(),
            "ExportOwnership",
        ),
    ];
    for (method, path, act) in table {
        let refused = served.call(method, &path, &sale("eve")).unwrap_err();
        assert_eq!(refused.end, End::Refused, "{path}: {refused}");
        let newest = served.history().read(1).remove(0);
        assert_eq!(
            (&newest["what"], &newest["act"]),
            (&json!("refused"), &json!(act))
        );
    }
    assert!(records(&served).is_empty());
}

/// Nobody gets access, and nobody is told whose car it is, without a record; taking away goes on.
#[test]
fn what_can_not_be_recorded_is_not_granted_and_is_revoked_all_the_same() {
    let served = serve(None);
    filled(&served);
    served.history().close();
    let refused = |method: Method, path: &str, body: &str| {
        let refused = served.call(method, path, body).unwrap_err();
        assert!(
            refused.message.contains("can't be written"),
            "{path}: {refused}"
        );
    };
    refused(Method::GET, &path(""), "");
    refused(Method::POST, &path(":grant"), &sale("eve"));
    refused(Method::GET, "/v1/ownership/export", "");
    refused(Method::POST, "/v1/ownership/import", "");
    let driver = json!({"revoke": {"driver": {"subject": "ben"}}, "reason": "r"}).to_string();
    let (_, told) = served
        .call(Method::POST, &path(":revoke"), &driver)
        .unwrap();
    assert_eq!(told["changed"], json!(["drivers: 1 -> 0"]));
}

#[test]
fn an_export_is_an_import_and_on_record() {
    let served = serve(None);
    filled(&served);
    let more = "{\"issuer\":\"owners\",\"subject\":\"eve\",\"suspended\":true}\n";
    served
        .call(Method::POST, "/v1/ownership/import", more)
        .unwrap();
    let export = || {
        let mut text = Vec::new();
        let client = served.client();
        client.download("/v1/ownership/export", &mut text).unwrap();
        String::from_utf8(text).unwrap()
    };
    let text = export();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains(VIN) && lines[1].contains("eve"), "{text}");
    let sent = served.client().send(
        Method::POST,
        "/v1/ownership/import",
        Bytes::from(text.clone()),
    );
    assert_eq!(sent.unwrap().0, StatusCode::OK);
    assert_eq!(export(), text);
    let exports = until_recorded(&served, "ownership export", 2);
    let whats: BTreeSet<&str> = exports
        .iter()
        .map(|one| one["what"].as_str().unwrap())
        .collect();
    assert_eq!(
        whats,
        BTreeSet::from(["ownership export", "ownership import"])
    );
    let told = |what: &str| {
        let of_it = exports.iter().filter(|one| one["what"] == what);
        let told: Vec<_> = of_it
            .map(|one| (one["outcome"].clone(), one["changed"].clone()))
            .collect();
        told
    };
    let done = (json!("done"), json!(2));
    assert_eq!(told("ownership export"), [done.clone(), done]);
    let sha256 = digest::hex(&digest::sha256(text.as_bytes()));
    let last = json!({"records": 2, "skipped": 0, "sha256": sha256});
    assert_eq!(
        told("ownership import").last(),
        Some(&(json!("done"), last))
    );
}

#[test]
fn an_import_that_comes_to_nothing_is_on_record_too() {
    let served = serve(None);
    let import = |lines: &str| served.call(Method::POST, "/v1/ownership/import", lines);
    import("x\n").unwrap_err();
    let lines = records(&served);
    let [line] = &lines[..] else {
        panic!("one: {lines:?}")
    };
    assert_eq!(
        (&line["lines"], &line["outcome"], &line["changed"]),
        (&json!("add"), &json!("import-refused"), &json!({"bad": 1}))
    );
}
