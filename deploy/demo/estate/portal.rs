//! How did the owner portal answer?
//!
//! HTML pages with the portal's own cookie session. The pages that name a vehicle trust the VIN, as
//! the Canadian one did.

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::{Asked, Climate, Estate, Json, known, random};
use crate::people::{self, Person};

const COOKIE: &str = "portal_session";

/// Answers `/owners/...`.
pub(super) fn answer(estate: &Estate, path: &[&str], asked: &Asked<'_>) -> Response {
    match path {
        ["static", file @ ..] if asked.reads() => fixed(file),
        ["login"] if asked.posts() => login(estate, asked),
        ["login"] => page("Log in", LOGIN_FORM),
        ["logout"] => logout(estate, asked),
        ["dashboard"] => dashboard(estate, asked),
        ["vehicle"] => on_vehicle(asked, |vin| {
            page(
                "Your LEAF",
                &format!("<p>{vin}: 9 of 12 bars, not plugged in.</p>"),
            )
        }),
        ["vehicle", "remove-service"] if asked.posts() => on_vehicle(asked, |vin| {
            page(
                "Telematics off",
                &format!("<p>{vin} sends no more data.</p>"),
            )
        }),
        ["invites"] if asked.posts() => on_vehicle(asked, |_| {
            page("Invitation sent", "<p>Your driver gets a message.</p>")
        }),
        // A state-changing GET, and nobody asked for the cookie: the hole of 2016.
        ["leaf", "setHvac"] => on_vehicle(asked, |vin| set_hvac(estate, vin, asked)),
        ["api", "vehicles", vin, fact] if asked.reads() => api(vin, fact),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

const LOGIN_FORM: &str = "<form method=\"post\" action=\"/owners/login\">\
    <input name=\"username\"><input name=\"password\" type=\"password\"><button>Log in</button></form>";

fn page(title: &str, body: &str) -> Response {
    Html(format!(
        "<!doctype html>\n<html lang=\"en\"><head><title>{title}</title></head>\
         <body><h1>{title}</h1>{body}</body></html>\n"
    ))
    .into_response()
}

fn fixed(file: &[&str]) -> Response {
    match file {
        ["portal.css"] => {
            let kind = [(header::CONTENT_TYPE, "text/css")];
            (kind, "h1 { font-family: sans-serif }\n").into_response()
        }
        ["help.html"] => page(
            "Help",
            "<p>Telematics can be switched off in your account.</p>",
        ),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn redirect(place: &'static str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, place)]).into_response()
}

fn login(estate: &Estate, asked: &Asked<'_>) -> Response {
    let person = asked.fields.get("username").and_then(people::by_name);
    let Some(person) = person.filter(|p| asked.fields.get("password") == Some(p.password)) else {
        let mut answer = page(
            "Log in",
            &format!("<p>Wrong name or password.</p>{LOGIN_FORM}"),
        );
        *answer.status_mut() = StatusCode::FORBIDDEN;
        return answer;
    };
    let session = random();
    let cookies = [
        format!("{COOKIE}={session}; Path=/owners; HttpOnly; SameSite=Lax"),
        "portal_language=en; Path=/owners".to_owned(), // two Set-Cookie lines, as portals send
    ];
    estate.memory().sessions.insert(session, person);
    let mut answer = redirect("/owners/dashboard");
    for cookie in cookies.iter().filter_map(|text| text.parse().ok()) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

fn logout(estate: &Estate, asked: &Asked<'_>) -> Response {
    if let Some(session) = cookie(asked) {
        estate.memory().sessions.remove(session);
    }
    redirect("/owners/login")
}

fn cookie<'a>(asked: &'a Asked<'_>) -> Option<&'a str> {
    let pairs = asked.header("cookie")?.split(';');
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
    named
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

fn dashboard(estate: &Estate, asked: &Asked<'_>) -> Response {
    let session = cookie(asked);
    let person: Option<&Person> =
        session.and_then(|session| estate.memory().sessions.get(session).copied());
    match person {
        Some(person) => {
            let link =
                |vin: &&str| format!("<li><a href=\"/owners/vehicle?vin={vin}\">{vin}</a></li>");
            let vehicles: String = person.vins.iter().map(link).collect();
            page(
                "Your vehicles",
                &format!("<p>Hello, {}.</p><ul>{vehicles}</ul>", person.name),
            )
        }
        None => redirect("/owners/login"),
    }
}

fn on_vehicle(asked: &Asked<'_>, answer: impl FnOnce(&str) -> Response) -> Response {
    match known(asked.vin()) {
        Some(vin) => answer(vin),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn set_hvac(estate: &Estate, vin: &str, asked: &Asked<'_>) -> Response {
    let (climate, word) = match asked.fields.get("fan") {
        Some("on") => (Climate::On, "on"),
        _ => (Climate::Off, "off"),
    };
    estate.set_climate(vin, climate);
    (
        StatusCode::OK,
        json!({"status": 200, "vin": vin, "fan": word}),
    )
        .json()
}

fn api(vin: &str, fact: &str) -> Response {
    let Some(vin) = known(Some(vin)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let facts: Value = match fact {
        "status" => json!({"vin": vin, "bars": 9, "plugged": false, "range_km": 115}),
        "trips" => json!({"vin": vin, "trips": [{"day": "2016-02-01", "km": 16.8}]}),
        "location" => json!({"vin": vin, "lat": 54.9069, "lng": -1.3838}),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    (StatusCode::OK, facts).json()
}
