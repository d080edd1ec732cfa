//! Whose car is it, and who may say so?
//!
//! `GET /v1/ownership/vehicles/{vin}`, and `:grant`, `:revoke`, `:suspend`, `:unsuspend`. In force for
//! the next request; on other gateways within a second.

pub(super) mod change;
pub(super) mod entry;

use std::cell::RefCell;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::adapters::directory::Unchanged;
use crate::adapters::facts::form::VehicleForm;
use crate::adapters::facts::record;
use crate::admin::Operated;
use crate::admin::asked;
use crate::admin::authority::{Act, Circumstances};
use crate::admin::changing::on_a_thread;
use crate::admin::conditions::IfMatch;
use crate::admin::person::Person;
use crate::admin::problem::Problem;
use crate::admin::switches::{MaybeJson, tagged};
use crate::digest;
use crate::pipeline::ownership::VehicleFacts;
use crate::pipeline::vehicle::Vin;

use change::{Change, differences};
pub use change::{Granted, OwnerForm, Revoked};
use entry::{Begun, Entry};

/// A grant, and why.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "free text, and people")]
pub struct Grant {
    /// What is granted.
    pub grant: Granted,
    /// Private; required.
    pub reason: String,
    /// Only say what would come of it.
    #[serde(default)]
    pub dry_run: bool,
}

/// A revocation, and why.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "free text, and people")]
pub struct Revoke {
    /// What is taken away.
    pub revoke: Revoked,
    /// Private; required.
    pub reason: String,
    /// Only say what would come of it.
    #[serde(default)]
    pub dry_run: bool,
}

/// That a vehicle is suspended, or not any more, and why.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "free text, and people")]
pub struct Suspend {
    /// Private; required.
    pub reason: String,
    /// Only say what would come of it.
    #[serde(default)]
    pub dry_run: bool,
}

/// What came of it, without naming anybody.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Told {
    /// What changed, or would, such as `drivers: 2 -> 1`.
    pub changed: Vec<String>,
    /// What would have come of it: nothing was done.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// A change that was asked for.
struct Asked {
    change: Change,
    reason: String,
    dry_run: bool,
}

impl Asked {
    fn read(verb: &str, body: &[u8]) -> Result<Self, Problem> {
        let (change, reason, dry_run) = match verb {
            "grant" => {
                let Grant {
                    grant,
                    reason,
                    dry_run,
                } = asked::read(body)?;
                (Change::Grant(grant), reason, dry_run)
            }
            "revoke" => {
                let Revoke {
                    revoke,
                    reason,
                    dry_run,
                } = asked::read(body)?;
                (Change::Revoke(revoke), reason, dry_run)
            }
            "suspend" | "unsuspend" => {
                let Suspend { reason, dry_run } = asked::read(body)?;
                let change = if verb == "suspend" {
                    Change::Suspend
                } else {
                    Change::Unsuspend
                };
                (change, reason, dry_run)
            }
            _ => {
                let detail = "a vehicle is changed by :grant, :revoke, :suspend or :unsuspend";
                return Err(Problem::new(StatusCode::NOT_FOUND, "route-unknown", detail));
            }
        };
        asked::check_reason(&reason)?;
        Ok(Self {
            change,
            reason,
            dry_run,
        })
    }
}

pub(super) async fn show(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    Path(vin): Path<String>,
) -> Result<Response, Problem> {
    operated.permit(&person, Act::ViewOwnership, Circumstances::default())?;
    let vin = read_vin(&vin)?;
    on_a_thread(move || {
        let mut entry = Entry::new(&operated, &person, "get");
        entry.about(&operated, &vin, None);
        let begun = entry.begin()?;
        let found = find(&operated, &vin).and_then(|facts| {
            let form = VehicleForm::of(&vin, &facts);
            let form = form.map_err(|flaw| Problem::failed(flaw.to_string()))?;
            Ok((tag(&facts)?, form))
        });
        note(begun, found.as_ref().err(), &[]);
        let (tag, form) = found?;
        Ok(tagged(StatusCode::OK, &tag, form))
    })
    .await
}

/// `POST /v1/ownership/vehicles/{vin}:VERB`.
pub(super) async fn change(
    State(operated): State<Operated>,
    Extension(person): Extension<Person>,
    Path(target): Path<String>,
    if_match: IfMatch,
    MaybeJson(body): MaybeJson,
) -> Result<Response, Problem> {
    let (vin, verb) = target.rsplit_once(':').unwrap_or((&target, ""));
    let act = match verb {
        "revoke" | "suspend" => Act::RevokeOwnership,
        _ => Act::GrantOwnership,
    };
    operated.permit(&person, act, Circumstances::default())?;
    let asked = Asked::read(verb, &body)?;
    let vin = read_vin(vin)?;
    on_a_thread(move || {
        let begun = begin((&operated, &person), &vin, &asked)?;
        let done = carry_out(&operated, &vin, &asked, &if_match);
        let changed = done
            .as_ref()
            .map_or(&[][..], |(_, told)| told.changed.as_slice());
        note(begun, done.as_ref().err(), changed);
        let (tag, told) = done?;
        Ok(tagged(StatusCode::OK, &tag, told))
    })
    .await
}

/// Puts on record what is about to be done. Only what gives access depends on that.
fn begin(
    (operated, person): (&Operated, &Person),
    vin: &Vin,
    asked: &Asked,
) -> Result<Begun, Problem> {
    let (verb, kind) = asked.change.words();
    let mut entry = Entry::new(operated, person, verb);
    entry.about(operated, vin, asked.change.subject());
    entry.add("kind", kind);
    entry.add("reason", asked.reason.clone());
    if asked.dry_run {
        entry.add("dry_run", true);
    }
    if asked.change.act() == Act::RevokeOwnership {
        return Ok(entry.begin_anyway());
    }
    entry.begin()
}

/// The tag of what it is now, or would be, and what changed.
fn carry_out(
    operated: &Operated,
    vin: &Vin,
    asked: &Asked,
    if_match: &IfMatch,
) -> Result<(String, Told), Problem> {
    if let Some(why) = operated.directory.kept_elsewhere() {
        return Err(Problem::store_refuses(why)); // a dry run too
    }
    let judge = |found: Option<&VehicleFacts>| {
        let before = found.ok_or_else(unknown)?;
        if_match.check(&tag(before)?)?;
        let after = asked.change.apply(vin, before)?;
        let told = Told {
            changed: differences(before, &after),
            dry_run: asked.dry_run,
        };
        Ok::<_, Problem>((after, told))
    };
    if asked.dry_run {
        let (after, told) = judge(Some(&find(operated, vin)?))?;
        return Ok((tag(&after)?, told));
    }
    let made = RefCell::new(None);
    let changed = operated.directory.change(*vin, |found| {
        let (after, told) = judge(found.as_ref())?;
        made.replace(Some((tag(&after)?, told)));
        Ok(Some(after))
    });
    changed.map_err(unchanged)?;
    made.into_inner()
        .ok_or_else(|| Problem::failed("the change broke off"))
}

fn note(begun: Begun, problem: Option<&Problem>, changed: &[String]) {
    begun.conclude(problem.map_or("done", Problem::code), changed);
}

fn find(operated: &Operated, vin: &Vin) -> Result<VehicleFacts, Problem> {
    let found = operated.directory.get(vin).map_err(|error| {
        let detail = format!("the ownership directory: {error}");
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Problem::new(status, "dependency-unavailable", detail)
    })?;
    found.ok_or_else(unknown)
}

/// Changes with everything that is known of the vehicle, and comes back with it.
fn tag(facts: &VehicleFacts) -> Result<String, Problem> {
    let record = record::encode(facts).map_err(|flaw| Problem::failed(flaw.to_string()))?;
    let digest = digest::sha256(&record);
    let (half, _) = digest.split_at(16);
    Ok(format!("\"{}\"", digest::hex(half)))
}

fn read_vin(text: &str) -> Result<Vin, Problem> {
    Vin::read(text)
        .map_err(|_| Problem::malformed("the path has no VIN: wanted 17 characters, upper case"))
}

fn unknown() -> Problem {
    let detail = "the ownership directory has no vehicle with this VIN";
    Problem::new(StatusCode::NOT_FOUND, "vehicle-unknown", detail)
}

fn unchanged(why: Unchanged<Problem>) -> Problem {
    match why {
        Unchanged::Senseless(problem) => problem,
        Unchanged::Store(flaw) => {
            let detail = format!(
                "the ownership directory: {flaw}; it may have been done, and may be asked for again"
            );
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown", detail)
        }
        Unchanged::Elsewhere(why) => Problem::store_refuses(why),
        Unchanged::Raced => {
            let detail = "the vehicle is being changed by somebody else: try again";
            Problem::new(StatusCode::CONFLICT, "raced", detail)
        }
        Unchanged::Replaced => {
            let detail = "a whole snapshot is being imported: try again when it is in force";
            Problem::new(StatusCode::CONFLICT, "raced", detail)
        }
    }
}

#[cfg(test)]
mod tests;
