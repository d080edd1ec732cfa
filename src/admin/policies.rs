//! Which policies are in force, and how does an operator go back?
//!
//! `GET /v1/policies`, and `POST /v1/policies:rollback` and `:break-glass`. Both are on record before they
//! are done.

mod form;

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use axum::{Extension, Json};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::admin::Operated;
use crate::admin::asked;
use crate::admin::authority::{Act, Circumstances};
use crate::admin::changing::on_a_thread;
use crate::admin::conditions::IfMatch;
use crate::admin::granting::entry::Entry;
use crate::admin::person::Person;
use crate::admin::problem::Problem;
use crate::admin::switches::{MaybeJson, tagged};
use crate::pipeline::policy::bundle::BundleId;

pub use form::PoliciesForm;

/// What an operator wants of the policies, for whoever loads them.
#[expect(missing_debug_implementations, reason = "free text")]
pub struct Wish {
    /// What.
    pub change: Change,
    /// Name of the operator.
    pub by: String,
    /// As they said.
    pub reason: String,
    /// Told once it is done, or isn't.
    pub answer: oneshot::Sender<Result<PoliciesForm, WishError>>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Go back to a kept bundle.
    RollBack {
        /// Digits of its id; else the one before.
        to: Option<String>,
        /// Only say what would come of it.
        dry_run: bool,
    },
    /// Load a bundle though nobody signed or proved it.
    Admit {
        /// Which one.
        bundle: BundleId,
        /// For how long it may be loaded.
        term: Duration,
    },
}

/// Why it isn't done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WishError {
    /// There are no bundles here.
    #[error("this gateway has no `[bundles]`: its policies are a folder, of which nothing is kept")]
    NoBundles,
    /// It can't be meant.
    #[error("{0}")]
    Refused(String),
    /// What would be in force is wrong.
    #[error("it can't be loaded, and the policies stay as they are: {0}")]
    Wrong(String),
    /// A disk or a file.
    #[error("{0}")]
    Failed(String),
}

impl From<WishError> for Problem {
    fn from(error: WishError) -> Self {
        let (status, code) = match &error {
            WishError::NoBundles => (StatusCode::CONFLICT, "no-bundles"),
            WishError::Refused(_) => (StatusCode::CONFLICT, "no-such-change"),
            WishError::Wrong(_) => (StatusCode::UNPROCESSABLE_ENTITY, "policies-refused"),
            WishError::Failed(_) => (StatusCode::SERVICE_UNAVAILABLE, "not-kept"),
        };
        Self::new(status, code, error.to_string())
    }
}

/// Go back to a policy bundle that was loaded before.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "free text")]
pub struct RollBack {
    /// Eight or more digits of its id; else the one before the one in force.
    #[serde(default)]
    pub to: Option<String>,
    /// Private; required.
    pub reason: String,
    /// Only say what would come of it.
    #[serde(default)]
    pub dry_run: bool,
}

/// Load a bundle though nobody signed it, or not all of it was proved.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "free text")]
pub struct BreakGlass {
    /// Its id, 64 hex digits.
    #[schemars(regex(pattern = "^[0-9a-f]{64}$"))]
    pub bundle: String,
    /// For how many seconds it may be loaded, three days at most.
    pub seconds: u64,
    /// Private; required.
    pub reason: String,
}

pub(super) async fn show(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
) -> Result<Response, Problem> {
    operated.permit(&person, Act::View, Circumstances::default())?;
    let form = PoliciesForm::clone(&operated.policies.load());
    let tag = form.tag();
    Ok(tagged(StatusCode::OK, &tag, form))
}

pub(super) async fn roll_back(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    if_match: IfMatch,
    MaybeJson(body): MaybeJson,
) -> Result<Json<PoliciesForm>, Problem> {
    operated.permit(&person, Act::RollBackPolicies, Circumstances::default())?;
    let RollBack {
        to,
        reason,
        dry_run,
    } = asked::read(&body)?;
    if_match.check(&operated.policies.load().tag())?;
    let change = Change::RollBack { to, dry_run };
    wish(operated, person, change, reason).await
}

pub(super) async fn break_glass(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    if_match: IfMatch,
    MaybeJson(body): MaybeJson,
) -> Result<Json<PoliciesForm>, Problem> {
    let insists = Circumstances {
        break_glass: true,
        ..Circumstances::default()
    };
    operated.permit(&person, Act::AdmitPolicies, insists)?;
    let BreakGlass {
        bundle,
        seconds,
        reason,
    } = asked::read(&body)?;
    if_match.check(&operated.policies.load().tag())?;
    let bundle = BundleId::try_from(bundle).map_err(Problem::malformed)?;
    let term = Duration::from_secs(seconds);
    wish(operated, person, Change::Admit { bundle, term }, reason).await
}

/// Puts it on record, has it done, and puts on record what came of it.
async fn wish(
    operated: Operated,
    person: Person,
    change: Change,
    reason: String,
) -> Result<Json<PoliciesForm>, Problem> {
    asked::check_reason(&reason)?;
    let mut entry = Entry::of(&operated, &person, change.word());
    entry.add("from", operated.policies.load().tag());
    entry.add("reason", reason.clone());
    change.facts(&mut |name, value| entry.add(name, value));
    let begun = on_a_thread(move || entry.begin()).await?;
    let done = ask(&operated.wishes, &person, change, reason).await;
    let (outcome, told) = match &done {
        Ok(form) => ("done", form.told()),
        Err(problem) => (problem.code(), Vec::new()),
    };
    begun.conclude(outcome, told);
    if done.is_ok() {
        tracing::warn!(target: "vingate::admin", by = %person.name, "an operator changed which policies are loaded");
    }
    done.map(Json)
}

async fn ask(
    wishes: &mpsc::Sender<Wish>,
    person: &Person,
    change: Change,
    reason: String,
) -> Result<PoliciesForm, Problem> {
    let ending = || Problem::failed("the gateway is ending");
    let (answer, answered) = oneshot::channel();
    let wish = Wish {
        change,
        by: person.name.clone(),
        reason,
        answer,
    };
    wishes.send(wish).await.map_err(|_| ending())?;
    let done = answered.await.map_err(|_| ending())?;
    done.map_err(Problem::from)
}

impl Change {
    /// What it is called in records.
    pub fn word(&self) -> &'static str {
        match self {
            Self::RollBack { .. } => "policies rollback",
            Self::Admit { .. } => "policies break-glass",
        }
    }

    /// What else is recorded of it.
    pub fn facts(&self, each: &mut dyn FnMut(&str, Value)) {
        match self {
            Self::RollBack { to, dry_run } => {
                if let Some(to) = to {
                    each("to", to.clone().into());
                }
                if *dry_run {
                    each("dry_run", true.into());
                }
            }
            Self::Admit { bundle, term } => {
                each("bundle", bundle.as_str().into());
                each("seconds", term.as_secs().into());
            }
        }
    }
}
