//! Does a change happen once, and only in the state that was seen?

use super::*;
use crate::switchboard::State;

fn named(served: &Served, key: &str, body: &str) -> Result<(StatusCode, Value), Failure> {
    let mut headers = HeaderMap::new();
    headers.insert(header::IF_MATCH, "*".parse().unwrap());
    headers.insert("idempotency-key", key.parse().unwrap());
    let body = Bytes::from(body.to_owned());
    let (status, _, bytes) = served
        .client()
        .send_with(Method::POST, SWITCHES, headers, body)?;
    Ok((status, serde_json::from_slice(&bytes).unwrap()))
}

#[test]
fn a_change_without_the_state_that_was_seen_is_refused() {
    let served = serve(None);
    let body = close(&json!({"surfaces": ["mobile-v1"]}));
    let bare = served.client().send_with(
        Method::POST,
        SWITCHES,
        HeaderMap::new(),
        Bytes::from(body.clone()),
    );
    assert_eq!(bare.unwrap_err().end, End::Usage);
    let late = served
        .call_if("\"7\"", Method::POST, SWITCHES, &body)
        .unwrap_err();
    assert_eq!(late.end, End::Conflict);
    assert_eq!(served.switchboard.board().revision(), 0);
    let (_, tag, done) = served
        .call_if("\"0\"", Method::POST, SWITCHES, &body)
        .unwrap();
    let path = format!(
        "{SWITCHES}/{}:extend",
        done["closure"]["id"].as_str().unwrap()
    );
    let longer = json!({"seconds": 86_400}).to_string();
    let (_, newer, _) = served.call_if(&tag, Method::POST, &path, &longer).unwrap();
    assert_ne!(tag, newer);
    let longest = json!({"seconds": 96_400}).to_string();
    let late = served
        .call_if(&tag, Method::POST, &path, &longest)
        .unwrap_err();
    assert_eq!(late.end, End::Conflict, "somebody extended it meanwhile");
}

#[test]
fn a_named_call_closes_once_however_often_it_is_sent() {
    let served = serve(None);
    let body = close(&json!({"surfaces": ["mobile-v1"]}));
    let first = named(&served, "incident-7", &body).unwrap();
    let again = named(&served, "incident-7", &body).unwrap();
    assert_eq!(first, again);
    assert_eq!(served.switchboard.board().revision(), 1);
    let other = close(&json!({"clients": ["app"]}));
    let reused = named(&served, "incident-7", &other).unwrap_err();
    assert_eq!(reused.end, End::InvalidInput);
    assert!(
        named(&served, "incident 8", &body).is_err(),
        "no printable key"
    );
    named(&served, "incident-8", &other).unwrap();
    assert_eq!(served.switchboard.board().revision(), 2);
}

#[test]
fn a_page_of_another_origin_and_another_media_type_change_nothing() {
    let served = serve(None);
    let body = close(&json!({"surfaces": ["mobile-v1"]}));
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("content-type", "text/plain"),
        ("content-type", "application/x-www-form-urlencoded"),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_MATCH, "*".parse().unwrap());
        headers.insert(name, value.parse().unwrap());
        let body = Bytes::from(body.clone());
        let sent = served
            .client()
            .send_with(Method::POST, SWITCHES, headers, body);
        assert!(sent.is_err(), "{value}");
    }
    assert_eq!(served.switchboard.board().revision(), 0);
    let mut headers = HeaderMap::new();
    headers.insert(header::IF_MATCH, "*".parse().unwrap());
    headers.insert("content-type", "text/plain".parse().unwrap());
    let restore = "/v1/switches/cold-start-mobile-v1:restore";
    let send = |body: &'static str| {
        let body = Bytes::from_static(body.as_bytes());
        let client = served.client();
        client.send_with(Method::POST, restore, headers.clone(), body)
    };
    assert!(send(r#"{"by_hand":true}"#).is_err());
    assert_eq!(served.switchboard.board().revision(), 0);
    send("").unwrap(); // nothing is nothing, whatever it is called
    assert_eq!(served.switchboard.board().revision(), 1);
}

#[test]
fn a_replica_is_in_the_list_that_it_gives() {
    let served = serve(None); // nobody told the fleet of it
    let (_, listed) = served.call(Method::GET, "/v1/replicas", "").unwrap();
    assert_eq!(listed["replicas"].as_array().unwrap().len(), 1);
    assert_eq!(listed["replicas"][0]["id"], listed["here"]);
}

#[test]
fn a_ramp_is_not_run_through_by_one_person() {
    let served = serve(None);
    let restore = "/v1/switches/cold-start-mobile-v1:restore";
    for body in [
        r#"{"step_seconds":59}"#,
        r#"{"step_seconds":60,"by_hand":true}"#,
    ] {
        let hasty = served.call(Method::POST, restore, body).unwrap_err();
        assert_eq!(hasty.end, End::InvalidInput, "{body}");
    }
    let step = || served.newest().state;
    let ramp = |body| served.call(Method::POST, restore, body);
    ramp(r#"{"step_seconds":60}"#).unwrap();
    let State::Restoring(first) = step() else {
        panic!("{:?}", step());
    };
    assert_eq!(first.step, Some(60));
    let hasty = ramp(r#"{"stage":"1%"}"#).unwrap_err();
    assert!(hasty.message.contains("60 seconds"), "{hasty}");
    ramp(r#"{"by_hand":true}"#).unwrap();
    let State::Restoring(halted) = step() else {
        panic!("{:?}", step());
    };
    assert_eq!((halted.step, halted.stage), (None, first.stage));
}

#[test]
fn what_another_replica_made_is_taken_if_its_seal_is_right() {
    let (here, there) = (serve(None), serve(None));
    let body = close(&json!({"surfaces": ["mobile-v1"]}));
    let (_, done) = there.call(Method::POST, SWITCHES, &body).unwrap();
    let sealed = done["sealed"].as_str().unwrap();
    let forged = sealed.replace("mobile-v1", "portal");
    let entries = json!({"entries": [sealed, forged]}).to_string();
    let (_, merged) = here
        .call(Method::POST, "/v1/switches:merge", &entries)
        .unwrap();
    assert_eq!(merged["changed"], 1);
    assert!(
        merged["refused"][0]
            .as_str()
            .unwrap()
            .starts_with("entry 2: its seal is wrong")
    );
    let id = done["closure"]["id"].as_str().unwrap();
    assert!(here.switchboard.board().get(id).is_some());
    assert!(!here.is_closed("portal"));
}
