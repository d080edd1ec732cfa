//! Which action do a route and a request give?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};
use uuid::Uuid;

use super::{choose, chosen_by_body};
use crate::config::route::{ActionChoice, ActionSource};
use crate::denial::{Denial, HeadFlaw};
use crate::pipeline::RequestHead;
use crate::pipeline::parameters::{JudgedBody, Parameters};

fn head(query: &str) -> RequestHead {
    RequestHead {
        id: Uuid::nil(),
        received_at: Duration::ZERO,
        listener: Arc::from("edge"),
        tls: true,
        certificate: None,
        address: IpAddr::from([192, 0, 2, 1]),
        method: Method::POST,
        host: "a.example".to_owned(),
        port: None,
        path: "/".to_owned(),
        query: Some(query.to_owned()),
        parameters: Parameters::read(query.as_bytes()).unwrap(),
        headers: HeaderMap::new(),
        switchable: false,
    }
}

fn chosen_by(place: &str, name: &str) -> ActionSource {
    let at = |kind| (kind == place).then(|| name.to_owned());
    let pair = |value: &str, action: &str| (value.to_owned(), action.to_owned());
    ActionSource::Chosen(ActionChoice {
        query: at("query"),
        form: at("form"),
        json: at("json"),
        values: [pair("start", "StartClimate"), pair("stop", "StopClimate")].into(),
    })
}

fn form(text: &str) -> JudgedBody {
    JudgedBody::Form(Parameters::read(text.as_bytes()).unwrap())
}

fn json(text: &str) -> JudgedBody {
    JudgedBody::Json(serde_json::from_str(text).unwrap())
}

#[test]
fn a_fixed_action_needs_no_request() {
    let source = ActionSource::Fixed("Login".to_owned());
    assert_eq!(
        choose(&source, &head("action=x"), &JudgedBody::Empty).as_deref(),
        Ok("Login")
    );
    assert!(!chosen_by_body(&source));
}

#[test]
fn only_form_and_json_need_the_body() {
    for (place, needed) in [("query", false), ("form", true), ("json", true)] {
        assert_eq!(chosen_by_body(&chosen_by(place, "a")), needed, "{place}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn a_value_chooses_or_the_request_is_refused() {
    let missing = || Err(Denial::Malformed(HeadFlaw::ActionMissing));
    let unknown = || Err(Denial::Malformed(HeadFlaw::ActionUnknown));
    let twice = |flaw| Err(Denial::Ambiguous(flaw));
    let in_query = || chosen_by("query", "fan");
    let in_form = || chosen_by("form", "fan");
    let in_json = || chosen_by("json", "/data/action");
    let (query_twice, body_twice) = (HeadFlaw::QueryDuplicate, HeadFlaw::BodyDuplicate);
    let cases: Vec<(ActionSource, &str, JudgedBody, Result<&str, Denial>)> = vec![
        (
            in_query(),
            "fan=start",
            JudgedBody::Empty,
            Ok("StartClimate"),
        ),
        (in_query(), "fan=stop", form("x=1"), Ok("StopClimate")),
        (
            in_query(),
            "fan=stop",
            form("FAN=start"),
            twice(query_twice),
        ),
        (
            in_query(),
            "fan=stop&Fan=start",
            JudgedBody::Empty,
            twice(query_twice),
        ),
        (in_query(), "fan=Start", JudgedBody::Empty, unknown()),
        (in_query(), "fan=", JudgedBody::Empty, unknown()),
        (in_query(), "FAN=start", JudgedBody::Empty, missing()),
        (in_query(), "", form("fan=start"), twice(query_twice)),
        (in_form(), "", form("fan=start"), Ok("StartClimate")),
        (in_form(), "fan=stop", form("fan=start"), twice(query_twice)),
        (in_form(), "", form("fan=start&FAN=stop"), twice(body_twice)),
        (in_form(), "fan=start", JudgedBody::Empty, missing()),
        (in_form(), "", json(r#"{"fan":"start"}"#), missing()),
        (
            in_json(),
            "",
            json(r#"{"data":{"action":"stop"}}"#),
            Ok("StopClimate"),
        ),
        (
            in_json(),
            "",
            json(r#"{"data":{"action":"unlock"}}"#),
            unknown(),
        ),
        (
            in_json(),
            "",
            json(r#"{"data":{"action":["stop"]}}"#),
            missing(),
        ),
        (
            in_json(),
            "",
            json(r#"{"data":{"Action":"stop"}}"#),
            missing(),
        ),
        (
            in_json(),
            "",
            json(r#"{"data":{"action":"stop","Action":"start"}}"#),
            twice(body_twice),
        ),
        (in_json(), "", form("action=stop"), missing()),
    ];
    for (at, (source, query, body, expected)) in cases.into_iter().enumerate() {
        let action = choose(&source, &head(query), &body).map(|it| it.to_string());
        let expected = expected.map(str::to_owned);
        assert_eq!(action, expected, "case {at}");
    }
}
