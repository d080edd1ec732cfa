//! What is known around the switches: replicas, surfaces, traffic, history, the logs' chains?

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use axum::{Extension, Json};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::adapters::audit_log::verify::{Unverifiable, verify as verify_files};
use crate::admin::Operated;
use crate::admin::asked::{Drill, Scoped};
use crate::admin::authority::{Act, Circumstances};
use crate::admin::changing::on_a_thread;
use crate::admin::closing;
use crate::admin::conditions::IfMatch;
use crate::admin::gravity::Gravity;
use crate::admin::person::Person;
use crate::admin::problem::Problem;
use crate::clock;
use crate::drill::Drilled;
use crate::switchboard::spread::{Replica, baseline as seal_baseline};
use crate::switchboard::{Caller, Closure, Place};
use crate::traffic::Preview;

/// History lines unless a number is asked for.
const NEWEST: usize = 100;

/// All replicas that were heard of in the last seconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Replicas {
    /// The one that answers.
    pub here: String,
    /// Why there may be others: the fleet's store doesn't answer, or holds words without a right seal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// Each with what it has in force.
    pub replicas: Vec<Replica>,
}

pub(super) async fn replicas(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
) -> Result<Json<Replicas>, Problem> {
    operated.permit(&person, Act::View, Circumstances::default())?;
    Ok(Json(replicas_of(&operated).await))
}

/// The same without asking who wants to know.
pub(super) async fn replicas_of(operated: &Operated) -> Replicas {
    let here = operated.spread.id().to_owned();
    let own = || vec![operated.spread.replica()];
    match operated.spread.replicas().await {
        Ok(mut replicas) => {
            // a store that was emptied doesn't know this one until its next beat
            if replicas.iter().all(|replica| replica.id != here) {
                replicas.extend(own());
            }
            let odd = operated.spread.odd_words();
            let unknown = (odd > 0).then(|| {
                format!("{odd} words there have no right seal: another fleet key, or a forgery")
            });
            Replicas {
                here,
                unknown,
                replicas,
            }
        }
        Err(error) => Replicas {
            here,
            unknown: Some(error.to_string()),
            replicas: own(),
        },
    }
}

/// A surface and what holds there.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct SurfaceFacts {
    /// Name.
    pub name: String,
    /// Whether closing it takes the typed name and a second person.
    pub protected: bool,
    /// `open`, or how all of it is refused.
    pub state: String,
    /// Closures in force that name it, or everything, or one of its routes.
    pub closures: Vec<String>,
    /// Its routes.
    pub routes: Vec<String>,
    /// Requests a second, of the last minutes on this replica.
    pub requests_per_second: f64,
}

pub(super) async fn surfaces(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
) -> Result<Json<Vec<SurfaceFacts>>, Problem> {
    operated.permit(&person, Act::View, Circumstances::default())?;
    Ok(Json(surfaces_of(&operated)))
}

/// The same without asking who wants to know.
pub(super) fn surfaces_of(operated: &Operated) -> Vec<SurfaceFacts> {
    let board = operated.switchboard.board();
    let names = (operated.names)();
    let rates = operated.traffic.surfaces(clock::unix_time());
    let facts = names.surfaces.iter().map(|(name, protected)| {
        let place = Place {
            surface: name,
            caller: Caller::Unknown,
            ..Place::default()
        };
        let routes = names.routes.iter().filter(|(_, of)| of.surface == *name);
        let routes: Vec<String> = routes.map(|(id, _)| id.clone()).collect();
        let concerns = |closure: &&Arc<Closure>| {
            let scope = &closure.scope;
            scope.all
                || scope.surfaces.contains(name)
                || routes.iter().any(|route| scope.routes.contains(route))
        };
        let rate = rates.iter().find(|rate| rate.surface == *name);
        let whole = board
            .in_force()
            .filter(|one| one.scope.all || one.scope.is_surface(name));
        let refused = board
            .judge(place)
            .map(|refusal| refusal.closure.state.word());
        let state = refused.or_else(|| whole.map(|one| one.state.word()).next());
        SurfaceFacts {
            name: name.clone(),
            protected: *protected,
            state: state.unwrap_or("open").to_owned(),
            closures: board
                .in_force()
                .filter(concerns)
                .map(|one| one.id.clone())
                .collect(),
            routes,
            requests_per_second: rate.map_or(0.0, |rate| rate.requests_per_second),
        }
    });
    facts.collect()
}

/// What a closure would hit, what it would take, and when it was last proved.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Previewed {
    /// From the last minutes of this replica.
    #[serde(flatten)]
    pub hits: Preview,
    /// The name to be typed, where it is grave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// Seconds since the Unix epoch of the last drill of exactly this scope that proved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_proved: Option<u64>,
}

pub(super) async fn preview(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    scoped: Result<Json<Scoped>, JsonRejection>,
) -> Result<Json<Previewed>, Problem> {
    operated.permit(&person, Act::Preview, Circumstances::default())?;
    let Json(scoped) = scoped?;
    let names = (operated.names)();
    closing::check_scope_alone(&scoped.scope, &names)?;
    let hits = Preview::of(operated.spread.survey(&scoped.scope).await);
    on_a_thread(move || {
        let gravity = Gravity::of(&scoped.scope, &names, hits.share);
        Ok(Json(Previewed {
            hits,
            confirm: gravity.name,
            last_proved: operated.drill.last_proved(&scoped.scope),
        }))
    })
    .await
}

pub(super) async fn drill(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    _: IfMatch,
    asked: Result<Json<Drill>, JsonRejection>,
) -> Result<Json<Drilled>, Problem> {
    operated.permit(&person, Act::Drill, Circumstances::default())?;
    let Json(asked) = asked?;
    closing::check_scope_alone(&asked.scope, &(operated.names)())?;
    let ran = operated
        .drill
        .run(&asked.scope, asked.state, &person.name)
        .await;
    ran.map(Json)
        .map_err(|flaw| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-drill", flaw))
}

/// How many lines.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HowMany {
    newest: Option<usize>,
}

pub(super) async fn history(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    Query(asked): Query<HowMany>,
) -> Result<Json<Vec<Value>>, Problem> {
    operated.permit(&person, Act::History, Circumstances::default())?;
    Ok(Json(operated.history.read(asked.newest.unwrap_or(NEWEST))))
}

/// What was found of one log.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Verified {
    /// `audit` or `switches`.
    pub log: String,
    /// Whether nothing is missing or altered.
    pub whole: bool,
    /// Lines, range, breaks and facts.
    pub report: Value,
}

pub(super) async fn verify(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
) -> Result<Json<Vec<Verified>>, Problem> {
    operated.permit(&person, Act::VerifyAudit, Circumstances::default())?;
    on_a_thread(move || {
        let checked = operated.logs.0.iter().map(|(log, file, key)| {
            let files = std::slice::from_ref(file);
            let report = verify_files(files, std::slice::from_ref(key));
            let report = report.map_err(|flaw: Unverifiable| Problem::failed(flaw.to_string()))?;
            Ok(Verified {
                log: (*log).to_owned(),
                whole: report.is_whole(),
                report: serde_json::to_value(&report).unwrap_or_default(),
            })
        });
        checked.collect::<Result<Vec<_>, Problem>>().map(Json)
    })
    .await
}

/// The board as it is, sealed for `switches.baseline_file`.
pub(super) async fn baseline(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
) -> Result<String, Problem> {
    operated.permit(&person, Act::View, Circumstances::default())?;
    let key = operated.fleet_key.as_ref().ok_or_else(|| {
        let detail = "this gateway has no fleet key (`switches.fleet_key_file`)";
        Problem::new(StatusCode::CONFLICT, "no-fleet-key", detail)
    })?;
    let shared = operated.switchboard.shared();
    seal_baseline(&shared, key).map_err(Problem::failed)
}
