//! Which calls are there, in the words of `OpenAPI` 3.1?
//!
//! One table, and schemas from the types that the calls read and write. The tests make every call of
//! the table, and hold the table against the router: what is documented is there, and the other way
//! round.

use axum::Json;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::adapters::facts::form::VehicleForm;
use crate::admin::asked::{
    Asked, Consent, Done, Drill, Extend, Listed, Merged, Restore, Scoped, Sealed,
};
use crate::admin::facts::{Previewed, Replicas, SurfaceFacts, Verified};
use crate::admin::granting::{Grant, Revoke, Suspend, Told};
use crate::admin::policies::{BreakGlass, PoliciesForm, RollBack};
use crate::admin::problem::Problem;
use crate::admin::revoking::{RestoreTokens, RevokeTokens, Revoked, RevokedList};
use crate::admin::status::Status;
use crate::drill::Drilled;
use crate::switchboard::Closure;

/// What a body is.
#[derive(Clone, Copy)]
enum Body {
    None,
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Another media type.
    Other(&'static str),
}

/// One call.
pub(super) struct Call {
    pub(super) method: &'static str,
    /// As `OpenAPI` writes it; a verb behind a colon belongs to the last segment.
    pub(super) path: &'static str,
    summary: &'static str,
    request: Body,
    status: &'static str,
    answer: Body,
    /// Whether it needs `If-Match`.
    pub(super) changes: bool,
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

const fn reads(path: &'static str, summary: &'static str, answer: Body) -> Call {
    Call {
        method: "get",
        path,
        summary,
        request: Body::None,
        status: "200",
        answer,
        changes: false,
    }
}

const fn changes(path: &'static str, summary: &'static str, request: Body) -> Call {
    Call {
        method: "post",
        path,
        summary,
        request,
        status: "200",
        answer: Body::Json(of::<Done>),
        changes: true,
    }
}

const fn changes_vehicle(path: &'static str, summary: &'static str, request: Body) -> Call {
    Call {
        answer: Body::Json(of::<Told>),
        ..changes(path, summary, request)
    }
}

/// All of them.
pub(super) const CALLS: &[Call] = &[
    reads("/v1/switches", "what is closed", Body::Json(of::<Listed>)),
    Call {
        status: "201",
        ..changes(
            "/v1/switches",
            "closes, or asks a second person (202)",
            Body::Json(of::<Asked>),
        )
    },
    reads(
        "/v1/switches/{id}",
        "one closure",
        Body::Json(of::<Closure>),
    ),
    changes(
        "/v1/switches/{id}:restore",
        "begins a ramp, or goes on",
        Body::Json(of::<Restore>),
    ),
    changes(
        "/v1/switches/{id}:open",
        "opens at once",
        Body::Json(of::<Consent>),
    ),
    changes(
        "/v1/switches/{id}:undo",
        "takes the last change back",
        Body::Json(of::<Consent>),
    ),
    changes(
        "/v1/switches/{id}:approve",
        "the second person's yes",
        Body::Json(of::<Consent>),
    ),
    changes(
        "/v1/switches/{id}:extend",
        "a later end",
        Body::Json(of::<Extend>),
    ),
    Call {
        answer: Body::Json(of::<Merged>),
        ..changes(
            "/v1/switches:merge",
            "closures of another replica",
            Body::Json(of::<Sealed>),
        )
    },
    Call {
        answer: Body::Json(of::<Previewed>),
        changes: false,
        ..changes(
            "/v1/switches:preview",
            "what a closure would hit",
            Body::Json(of::<Scoped>),
        )
    },
    Call {
        answer: Body::Json(of::<Drilled>),
        ..changes(
            "/v1/switches:drill",
            "a closure for a stand-in",
            Body::Json(of::<Drill>),
        )
    },
    reads(
        "/v1/status",
        "how the gateway does: surfaces, switches, replicas, dependencies",
        Body::Json(of::<Status>),
    ),
    reads("/v1/replicas", "who knows what", Body::Json(of::<Replicas>)),
    reads(
        "/v1/surfaces",
        "what is open",
        Body::Json(of::<Vec<SurfaceFacts>>),
    ),
    reads(
        "/v1/history",
        "what changed, the newest last",
        Body::Json(of::<Vec<Value>>),
    ),
    reads(
        "/v1/audit:verify",
        "the logs' chains",
        Body::Json(of::<Vec<Verified>>),
    ),
    reads(
        "/v1/baseline",
        "the board, sealed",
        Body::Other("text/plain; charset=utf-8"),
    ),
    reads(
        "/v1/events",
        "changes as they happen",
        Body::Other("text/event-stream"),
    ),
    reads(
        "/v1/openapi.json",
        "this document",
        Body::Other("application/json"),
    ),
    reads(
        "/v1/revocations",
        "tokens that are taken back, the newest last",
        Body::Json(of::<RevokedList>),
    ),
    Call {
        answer: Body::Json(of::<Revoked>),
        ..changes(
            "/v1/revocations",
            "takes tokens back",
            Body::Json(of::<RevokeTokens>),
        )
    },
    Call {
        answer: Body::Json(of::<Revoked>),
        ..changes(
            "/v1/revocations:restore",
            "lets tokens count again",
            Body::Json(of::<RestoreTokens>),
        )
    },
    reads(
        "/v1/policies",
        "which policies are in force, and which bundles are kept",
        Body::Json(of::<PoliciesForm>),
    ),
    Call {
        answer: Body::Json(of::<PoliciesForm>),
        ..changes(
            "/v1/policies:rollback",
            "goes back to a bundle that is kept",
            Body::Json(of::<RollBack>),
        )
    },
    Call {
        answer: Body::Json(of::<PoliciesForm>),
        ..changes(
            "/v1/policies:break-glass",
            "lets a bundle be loaded that nobody signed or proved",
            Body::Json(of::<BreakGlass>),
        )
    },
    Call {
        answer: Body::Other("application/json"),
        ..changes(
            "/v1/ownership/import",
            "fills the ownership directory",
            Body::Other("application/x-ndjson"),
        )
    },
    reads(
        "/v1/ownership/export",
        "all ownership facts, as an import reads them",
        Body::Other("application/x-ndjson"),
    ),
    reads(
        "/v1/ownership/vehicles/{vin}",
        "whose a vehicle is, and what is granted on it",
        Body::Json(of::<VehicleForm>),
    ),
    changes_vehicle(
        "/v1/ownership/vehicles/{vin}:grant",
        "an owner, or access for somebody",
        Body::Json(of::<Grant>),
    ),
    changes_vehicle(
        "/v1/ownership/vehicles/{vin}:revoke",
        "takes access away",
        Body::Json(of::<Revoke>),
    ),
    changes_vehicle(
        "/v1/ownership/vehicles/{vin}:suspend",
        "nobody may use it",
        Body::Json(of::<Suspend>),
    ),
    changes_vehicle(
        "/v1/ownership/vehicles/{vin}:unsuspend",
        "who may use it may again",
        Body::Json(of::<Suspend>),
    ),
];

/// The document.
pub(super) async fn document() -> Json<Value> {
    Json(write())
}

pub(super) fn write() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for call in CALLS {
        let described = describe(call, &mut generator, &problem);
        let methods = paths.entry(call.path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(call.method.to_owned(), described);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Vingate, the operators' API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "On the admin socket and, where configured, on a TLS address with client \
                            certificates; never on a data listener.",
        },
        "paths": paths,
        "components": { "schemas": generator.take_definitions(true) },
    })
}

fn describe(call: &Call, generator: &mut SchemaGenerator, problem: &Schema) -> Value {
    let mut parameters = Vec::new();
    for name in ["id", "vin"] {
        if call.path.contains(&format!("{{{name}}}")) {
            parameters.push(json!({
                "name": name, "in": "path", "required": true, "schema": { "type": "string" },
            }));
        }
    }
    if call.changes {
        parameters.push(json!({
            "name": "If-Match", "in": "header", "required": true,
            "description": "the `ETag` of the state that was seen, or `*`; another one is 412",
            "schema": { "type": "string" },
        }));
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "a repeated call with the same key is answered and not done again",
            "schema": { "type": "string", "maxLength": 128 },
        }));
    }
    let refused = json!({ "application/problem+json": { "schema": problem } });
    let answer = content(call.answer, generator);
    let mut responses = Map::new();
    let answered = json!({ "description": call.summary, "content": answer });
    responses.insert(call.status.to_owned(), answered);
    responses.insert(
        "default".to_owned(),
        json!({ "description": "why not", "content": refused }),
    );
    let mut described = json!({
        "summary": call.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if let (Some(members), false) = (
        described.as_object_mut(),
        matches!(call.request, Body::None),
    ) {
        let body = json!({ "required": true, "content": content(call.request, generator) });
        members.insert("requestBody".to_owned(), body);
    }
    described
}

fn content(body: Body, generator: &mut SchemaGenerator) -> Value {
    match body {
        Body::None => json!({}),
        Body::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Body::Other(kind) => json!({ kind: {} }),
    }
}
