//! How did a carmaker's telematics estate answer in 2016?
//!
//! A simulated one, as vulnerable as then: whoever names a VIN gets that car's data and starts its
//! climate control. Nothing here checks who asks; that is the gateway's work.

mod legacy;
mod portal;
mod rest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use uuid::Uuid;

use crate::fields::{self, Fields};
use crate::issuer::Issuer;
use crate::log::Log;
use crate::people::{self, PEOPLE, Person};

const LARGEST_BODY: usize = 1 << 20;

/// The estate's servers, as one.
#[derive(Debug)]
pub(crate) struct Estate {
    log: Arc<Log>,
    issuer: Arc<Issuer>,
    memory: Mutex<Memory>,
}

/// What changes while the demo runs.
#[derive(Debug, Default)]
struct Memory {
    /// VINs whose climate control runs.
    climate: BTreeSet<String>,
    /// Climate timers by VIN.
    timers: BTreeMap<String, String>,
    /// Commands by result key.
    commands: BTreeMap<String, Command>,
    /// Portal sessions by cookie value.
    sessions: BTreeMap<String, &'static Person>,
}

/// A command that a car is asked for, until its result was polled.
#[derive(Debug, Clone)]
struct Command {
    vin: String,
    polls: u32,
}

/// One request, read.
#[derive(Debug)]
struct Asked<'a> {
    head: &'a Parts,
    /// Path segments, decoded.
    path: Vec<String>,
    /// Query, then form.
    fields: Fields,
    body: &'a [u8],
}

impl Asked<'_> {
    fn posts(&self) -> bool {
        self.head.method == Method::POST
    }

    fn reads(&self) -> bool {
        self.head.method == Method::GET || self.head.method == Method::HEAD
    }

    /// The VIN of the fields, in the spellings of app and portal.
    fn vin(&self) -> Option<&str> {
        self.fields.get("VIN").or_else(|| self.fields.get("vin"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }

    /// Who asks, as careless as the rest: a token's subject, its signature unchecked.
    fn claimed_person(&self) -> Option<&'static Person> {
        let bearer = || self.header("authorization")?.strip_prefix("Bearer ");
        let token = self.header("vingate-assertion").or_else(bearer)?;
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        people::by_subject(claims.get("sub")?.as_str()?)
    }
}

impl Estate {
    /// With no command given and nobody logged in.
    pub(crate) fn new(log: Arc<Log>, issuer: Arc<Issuer>) -> Self {
        let memory = Mutex::default();
        Self {
            log,
            issuer,
            memory,
        }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_climate(&self, vin: &str, running: Climate) {
        let mut memory = self.memory();
        match running {
            Climate::On => memory.climate.insert(vin.to_owned()),
            Climate::Off => memory.climate.remove(vin),
        };
    }

    fn climate(&self, vin: &str) -> Climate {
        if self.memory().climate.contains(vin) {
            Climate::On
        } else {
            Climate::Off
        }
    }

    fn answer(&self, asked: &Asked<'_>) -> Response {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            [_base, "gdc", page] => legacy::answer(self, page, asked),
            ["owners", rest @ ..] => portal::answer(self, rest, asked),
            ["token"] if asked.posts() => self.issuer.grant(&asked.fields).json(),
            ["api", "v2", rest @ ..] => rest::answer(self, rest, asked),
            ["fleet", "v1", rest @ ..] => rest::fleet(self, rest, asked),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

/// Climate control of a car.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Climate {
    On,
    Off,
}

trait Json {
    fn json(self) -> Response;
}

impl Json for (StatusCode, Value) {
    fn json(self) -> Response {
        (self.0, axum::Json(self.1)).into_response()
    }
}

/// The car of this VIN, if the carmaker built it: the only check there ever was.
fn known(vin: Option<&str>) -> Option<&str> {
    vin.filter(|vin| PEOPLE.iter().any(|person| person.vins.contains(vin)))
}

fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Everything is one page: the log comes before the look at what is asked.
pub(crate) fn pages(estate: Arc<Estate>) -> Router {
    Router::new().fallback(serve).with_state(estate)
}

async fn serve(State(estate): State<Arc<Estate>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = read(body).await;
    estate.log.note(&head, &body);
    let path = head.uri.path().trim_start_matches('/').split('/');
    let query = head.uri.query().unwrap_or_default();
    let form = head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes()
            .starts_with(b"application/x-www-form-urlencoded")
    });
    let body_fields = if form {
        Fields::read(&body)
    } else {
        Fields::default()
    };
    estate.answer(&Asked {
        path: path.map(|s| fields::decode(s.as_bytes())).collect(),
        fields: Fields::read(query.as_bytes()).and(body_fields),
        body: &body,
        head: &head,
    })
}

async fn read(body: Body) -> Bytes {
    axum::body::to_bytes(body, LARGEST_BODY)
        .await
        .unwrap_or_default()
}
