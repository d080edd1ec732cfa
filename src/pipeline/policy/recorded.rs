//! On which facts was a recorded decision made?
//!
//! What an audit record says of a decision beside its other members, in a form that can be put to the
//! policies again. VINs and subjects stand there as pseudonyms. One person has one pseudonym, so what is
//! equal among the facts is equal among what stands for them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::file::PrincipalKind;
use crate::denial::{AccessFlaw, Denial};
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::{Authentication, Freshness, SignIn, Strength};
use crate::pipeline::ownership::{Relation, SubjectFacts, VehicleFacts};
use crate::pipeline::policy::{Circumstances, PolicySet, Question, Resource, evaluate};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

/// What the policies were asked about beside action, principal, vehicle and relation, for the record.
#[derive(Clone)]
pub struct Judged {
    /// Revision of the policies.
    pub revision: Arc<str>,
    /// What the principal's sign-in was worth.
    pub authentication: Authentication,
    /// What the directory knew of the principal.
    pub subject: SubjectFacts,
    /// What it knew of the vehicle.
    pub vehicle: Option<Arc<VehicleFacts>>,
}

impl fmt::Debug for Judged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Judged")
            .field("revision", &self.revision)
            .finish_non_exhaustive() // facts name subjects
    }
}

/// The member `facts` of a record. What is empty or false is left out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recorded<'a> {
    /// Revision of the policies that decided.
    pub(crate) policies: Cow<'a, str>,
    #[serde(default)]
    pub(crate) principal: Caller<'a>,
    pub(crate) context: Context,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vehicle: Option<Vehicle<'a>>,
}

/// What the token says of who asks.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Caller<'a> {
    /// Whether it is the very vehicle that is asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_vehicle: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) scopes: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fleet: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<Cow<'a, str>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Context {
    pub(crate) strength: Strength,
    pub(crate) freshness: Freshness,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) bound: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) suspended: bool,
}

/// What the directory says of the vehicle, and in it of who asks.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "facts, each on its own")]
pub(crate) struct Vehicle<'a> {
    pub(crate) known: bool,
    /// Pseudonym, as if the issuer of who asks had named the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) owner: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fleet: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) region: Cow<'a, str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) trim: Cow<'a, str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) capabilities: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) telematics: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) suspended: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) entitlements: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) consents: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) work_orders: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) agreements: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) in_case: bool,
}

/// What is read of a record; the rest of its members says nothing of the policies.
#[derive(Debug, Deserialize)]
struct Line {
    id: String,
    time: String,
    listener: String,
    surface: Option<String>,
    action: Option<String>,
    code: Option<String>,
    reason: Option<String>,
    principal: Option<Who>,
    vin: Option<String>,
    relation: Option<String>,
    #[serde(default)]
    policies: BTreeSet<String>,
    facts: Option<Recorded<'static>>,
}

#[derive(Debug, Deserialize)]
struct Who {
    kind: PrincipalKind,
    issuer: String,
    subject: String,
    client: Option<String>,
}

/// Stands for a vehicle that a request's alias or case didn't lead to: it has no pseudonym.
const NOWHERE: &str = "00000000000000000";

/// A recorded decision, ready to be put to policies again.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) id: String,
    pub(crate) time: String,
    /// Revision of the policies that decided.
    pub(crate) revision: String,
    /// `allowed`, or the reason against it.
    pub(crate) outcome: String,
    /// What refused it though the policies allow it: code and reason.
    pub(crate) later: Option<String>,
    pub(crate) by: BTreeSet<String>,
    pub(crate) action: String,
    /// Pseudonym of the vehicle, if it was found out.
    pub(crate) vehicle: Option<String>,
    pub(crate) principal: Principal,
    surface: String,
    listener: String,
    authentication: Authentication,
    subject: SubjectFacts,
    car: Option<(Vin, Option<VehicleFacts>, Relation)>,
}

impl Decision {
    /// Reads one line of an audit log.
    ///
    /// # Errors
    /// It is no such line, or one without the facts: what is missing.
    pub(crate) fn read(line: &str) -> Result<Self, String> {
        let line: Line = serde_json::from_str(line)
            .map_err(|error| format!("no record of the audit log: {error}"))?;
        let Some(facts) = line.facts else {
            return Err(
                "the record holds no facts: the policies were not asked, or allowed a read"
                    .to_owned(),
            );
        };
        let missing = |name| format!("the record has `facts`, and no `{name}`");
        let who = line.principal.ok_or_else(|| missing("principal"))?;
        let reason = line.reason.unwrap_or_default();
        let poll = Denial::AccessDenied(AccessFlaw::ResultKeyUnknown).reason();
        let (outcome, later) = match line.code.as_deref() {
            Some("access-denied" | "step-up-required") if reason != poll => (reason, None),
            None => ("allowed".to_owned(), None),
            Some(code) => ("allowed".to_owned(), Some(format!("{code} ({reason})"))),
        };
        let relation = line.relation.as_deref();
        let car = match (&line.vin, &facts.vehicle) {
            (vin, Some(said)) => {
                let vin = vin.as_deref().unwrap_or(NOWHERE);
                Some(vehicle(vin, said, relation)?)
            }
            (None, None) => None,
            (Some(_), None) => return Err(missing("facts.vehicle")),
        };
        let mut principal = principal(who, &facts.principal);
        if let (true, Some((vin, ..))) = (facts.principal.is_vehicle, &car) {
            vin.as_str().clone_into(&mut principal.subject);
        }
        Ok(Self {
            id: line.id,
            time: line.time,
            revision: facts.policies.into_owned(),
            outcome,
            later,
            by: line.policies,
            action: line.action.ok_or_else(|| missing("action"))?,
            vehicle: line.vin,
            principal,
            surface: line.surface.ok_or_else(|| missing("surface"))?,
            listener: line.listener,
            authentication: Authentication {
                strength: facts.context.strength,
                freshness: facts.context.freshness,
                bound: facts.context.bound,
            },
            subject: SubjectFacts {
                suspended: facts.context.suspended,
            },
            car,
        })
    }

    /// Who does what to what, and when.
    pub(crate) fn head(&self) -> String {
        let Self {
            id, time, action, ..
        } = self;
        let (kind, subject) = (self.principal.kind, &self.principal.pseudonym);
        let target = match (&self.vehicle, &self.car) {
            (Some(vin), Some((.., relation))) => format!("vehicle `{vin}` ({})", relation.word),
            (None, Some(_)) => "a vehicle that its name didn't lead to".to_owned(),
            (Some(_) | None, None) => format!("surface `{}`", self.surface),
        };
        format!("{time} {id}\n{kind:?} `{subject}` does {action} to {target}:")
    }

    /// The question as it was put.
    pub(crate) fn question(&self) -> Question<'_> {
        Question {
            principal: &self.principal,
            action: &self.action,
            resource: match &self.car {
                Some((vin, facts, relation)) => Resource::Vehicle(vin, facts.as_ref(), relation),
                None => Resource::Surface,
            },
            context: Circumstances {
                surface: &self.surface,
                network: &self.listener,
                authentication: self.authentication,
                subject: self.subject,
            },
        }
    }

    /// What these policies say of it, as `decide` asks them: never an unknown vehicle.
    pub(crate) fn again(&self, policies: &PolicySet) -> (Result<(), Denial>, BTreeSet<String>) {
        let mut findings = Findings::default();
        let mut answer = evaluate(policies, self.question(), &mut findings);
        let unknown = self
            .car
            .as_ref()
            .is_some_and(|(_, facts, _)| facts.is_none() || self.vehicle.is_none());
        if unknown && answer.is_ok() {
            answer = Err(Denial::AccessDenied(AccessFlaw::UnknownVehicle));
        }
        let by = findings.policies.iter().map(ToString::to_string).collect();
        (answer, by)
    }
}

/// Where a subject or VIN was, its pseudonym is.
fn principal(who: Who, said: &Caller<'_>) -> Principal {
    Principal {
        kind: who.kind,
        issuer: Arc::from(who.issuer),
        subject: who.subject.clone(),
        client: said.client.as_deref().map(str::to_owned).or(who.client),
        scopes: owned(&said.scopes),
        fleet: said.fleet.as_deref().map(str::to_owned),
        tenant: said.tenant.as_deref().map(str::to_owned),
        roles: owned(&said.roles),
        sign_in: SignIn::default(), // what it was worth stands beside it
        credential: Credential {
            expires_at: Duration::MAX,
            ..Credential::default()
        },
        pseudonym: who.subject,
    }
}

/// A stand-in for the VIN, made of its pseudonym: hexadecimal digits are among a VIN's characters.
fn vehicle(
    pseudonym: &str,
    said: &Vehicle<'_>,
    word: Option<&str>,
) -> Result<(Vin, Option<VehicleFacts>, Relation), String> {
    let start = pseudonym.get(..17).unwrap_or_default().to_ascii_uppercase();
    let vin = Vin::read(&start).map_err(|_| format!("`{pseudonym}` is no pseudonym of a VIN"))?;
    let facts = VehicleFacts {
        owner: said.owner.as_deref().map(str::to_owned),
        fleet: said.fleet.as_deref().map(str::to_owned),
        region: said.region.clone().into_owned(),
        trim: said.trim.clone().into_owned(),
        capabilities: owned(&said.capabilities),
        telematics: said.telematics,
        suspended: said.suspended,
        ..VehicleFacts::default() // what has an end is resolved in the relation
    };
    let agreed = said.agreements.iter();
    let relation = Relation {
        known: said.known,
        word: Relation::WORDS
            .into_iter()
            .find(|one| Some(*one) == word)
            .ok_or("the record has no `relation` that there is")?,
        entitlements: owned(&said.entitlements),
        scopes: owned(&said.consents),
        dealerships: owned(&said.work_orders),
        agreements: agreed
            .map(|(at, action)| (at.clone().into_owned(), action.clone().into_owned()))
            .collect(),
        in_case: said.in_case,
    };
    Ok((vin, said.known.then_some(facts), relation))
}

fn owned(all: &[Cow<'_, str>]) -> Vec<String> {
    all.iter().map(|one| one.clone().into_owned()).collect()
}
