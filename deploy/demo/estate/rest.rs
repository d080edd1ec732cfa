//! How do the newer APIs answer?
//!
//! JSON documents with `data`, `attributes` and the VIN in the path; start and stop share a path,
//! the body's `action` tells them apart. The VIN alone decides here too.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Asked, Climate, Estate, Json, known, random};

/// Answers `/api/v2/...`.
pub(super) fn answer(estate: &Estate, path: &[&str], asked: &Asked<'_>) -> Response {
    match path {
        ["cars"] if asked.reads() => list(asked),
        ["cars", vin, "actions", name] if asked.posts() => act(estate, vin, name, asked),
        ["cars", vin, fact] if asked.reads() => read(estate, vin, fact),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Answers `/fleet/v1/...`.
pub(super) fn fleet(estate: &Estate, path: &[&str], asked: &Asked<'_>) -> Response {
    match path {
        ["vehicles"] if asked.reads() => list(asked),
        ["vehicles", vin, "status"] if asked.reads() => read(estate, vin, "battery-status"),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn list(asked: &Asked<'_>) -> Response {
    let vins = asked.claimed_person().map_or(&[][..], |person| person.vins);
    let car = |vin: &&str| json!({"type": "Car", "id": vin, "attributes": {"modelName": "LEAF"}});
    let cars: Vec<Value> = vins.iter().map(car).collect();
    (StatusCode::OK, json!({"data": cars})).json()
}

fn read(estate: &Estate, vin: &str, fact: &str) -> Response {
    let Some(vin) = known(Some(vin)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let attributes = match fact {
        "battery-status" => json!({"batteryLevel": 75, "plugStatus": 0, "chargingStatus": 0.0}),
        "hvac-status" => json!({"hvacStatus": word(estate.climate(vin))}),
        "lock-status" => json!({"lockStatus": "locked"}),
        "cockpit" => json!({"totalMileage": 16820.0}),
        "location" => json!({"gpsLatitude": 54.9069, "gpsLongitude": -1.3838}),
        "trip-history" => json!({"trips": [{"day": "20160201", "distance": 16.8}]}),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let data = json!({"type": fact, "id": vin, "attributes": attributes});
    (StatusCode::OK, json!({"data": data})).json()
}

fn act(estate: &Estate, vin: &str, name: &str, asked: &Asked<'_>) -> Response {
    let Some(vin) = known(Some(vin)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let known = [
        "hvac-start",
        "charging-start",
        "lock-unlock",
        "horn-lights",
        "refresh-battery-status",
        "send-navigation",
    ];
    let Ok(body) = serde_json::from_slice::<Value>(asked.body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if !known.contains(&name) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let action = body
        .pointer("/data/attributes/action")
        .and_then(Value::as_str);
    match (name, action) {
        ("hvac-start", Some("start")) => estate.set_climate(vin, Climate::On),
        ("hvac-start", Some(_)) => estate.set_climate(vin, Climate::Off),
        _ => {}
    }
    let data = json!({"type": name, "id": random(), "attributes": {"action": action}});
    (StatusCode::OK, json!({"data": data})).json()
}

fn word(climate: Climate) -> &'static str {
    match climate {
        Climate::On => "on",
        Climate::Off => "off",
    }
}
