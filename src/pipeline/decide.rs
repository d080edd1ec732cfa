//! In which order is a request judged, and who may make a permit?
//!
//! The product in one body. Stage 1 (`head`) made the [`RequestHead`]; here follow 2 to 11. All
//! branching and every await is here, or in `lookup.rs` and `introspection.rs` beside; the stages are pure.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crate::config::file::AuditOutage;
use crate::config::route::BodyNeed;
use crate::denial::{AccessFlaw, Denial, Dependency};
use crate::digest;
use crate::pipeline::guard::Sight;
use crate::pipeline::lookup::{self, Lookup};
use crate::pipeline::ownership::{self, Relation};
use crate::pipeline::parameters::{self, JudgedBody};
use crate::pipeline::policy::recorded::Judged;
use crate::pipeline::policy::{self, Circumstances, Question, Resource};
use crate::pipeline::ports::{BodySource, Ports};
use crate::pipeline::quota::{self, Charged};
use crate::pipeline::rehearsal::{self, Rehearsal};
use crate::pipeline::route::{PathParameters, Route};
use crate::pipeline::switch::{self, Situation};
use crate::pipeline::vehicle::{self, Reference, Vin};
use crate::pipeline::{
    Findings, Principal, RequestHead, action, audit, identity, result_key, retirement, standing,
    websocket,
};
use crate::revocations::Revocations;
use crate::rules::Rules;
use crate::switchboard::Board;

/// The action of signing in.
const LOGIN: &str = "Login";

/// Proof that a request was judged and may be forwarded. Only [`decide`] makes one.
#[derive(Debug)]
pub struct Permit {
    route: Arc<Route>,
    action: Arc<str>,
    situation: Situation,
    body_digest: Option<[u8; 32]>,
    intent_written: bool,
    sight: Option<Sight>,
}

impl Permit {
    /// The route, so the upstream.
    pub fn route(&self) -> &Arc<Route> {
        &self.route
    }

    /// The action that was judged.
    pub fn action(&self) -> &Arc<str> {
        &self.action
    }

    /// Who asked, where the route needs to know.
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.situation.principal.as_ref()
    }

    /// The vehicle that was judged.
    pub fn vin(&self) -> Option<&Vin> {
        self.situation.vin.as_ref()
    }

    /// Whose VINs the answer may carry; `None` where it isn't guarded.
    pub fn sight(&self) -> Option<&Sight> {
        self.sight.as_ref()
    }

    /// SHA-256 of the judged body.
    pub fn body_digest(&self) -> Option<[u8; 32]> {
        self.body_digest
    }

    /// Whether the intent of a command is on disk.
    pub fn intent_written(&self) -> bool {
        self.intent_written
    }

    /// The second look, just before the first byte goes upstream, and any later one: it can only
    /// deny.
    pub fn confirm(
        &self,
        newest: &Board,
        revoked: &Revocations,
        now: Duration,
    ) -> Result<(), Denial> {
        standing::check_credential(revoked, &self.situation)?;
        self.situation.check_vehicle(newest, now)
    }

    /// Whether a closure refuses it that gives no time to what is being served.
    pub fn is_cut_at_once(&self, newest: &Board) -> bool {
        let place = self.situation.whole();
        place.is_some_and(|place| newest.cuts(place))
    }
}

/// What one request is judged by: one snapshot of each, for all its stages.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "holds keys and trait objects")]
pub struct Judge<'a> {
    /// Routes, policies, keys, quotas.
    pub rules: &'a Rules,
    /// What is closed.
    pub board: &'a Board,
    /// What was taken back.
    pub revoked: &'a Revocations,
    /// The way to the outside.
    pub ports: &'a Ports,
    /// Whether a place for this request's record is reserved.
    pub recordable: bool,
    /// What it rehearses, if it is the gateway's own question to itself.
    pub rehearsal: Option<&'a Rehearsal>,
}

/// Judges one request, in the order of the design: cheap before dear, nothing about a vehicle before
/// it is known who asks, nothing about a closed vehicle before it is known that they may.
pub async fn decide(
    judge: Judge<'_>,
    head: &RequestHead,
    body: &mut dyn BodySource,
    findings: &mut Findings,
) -> Result<Permit, Denial> {
    let Judge {
        rules,
        board,
        ports,
        ..
    } = judge;
    findings.rehearsal = judge.rehearsal.is_some();
    ports.door.admit(head.address).map_err(quota::flooding)?; // a rehearsal pays like everybody
    let (route, path) = rules.router.find(head)?;
    let now = head.received_at;
    let situation = &mut findings.situation;
    *situation = Situation::at_entrance(Arc::clone(&route), head, &rules.regions);
    situation.version = switch::version(route.surface.client_version.as_ref(), head, &path);
    situation.action = action::fixed(&route.action).map(|action| rules.policies.class(action));
    retirement::check(&route, now)?;
    switch::check_off(&route)?;
    situation.check(board, now)?;
    if let Some(rehearsal) = judge.rehearsal {
        // INVARIANT: no rehearsal gets behind this line, so none gets a permit, asks the directory or
        // charges a quota: what judges it can only deny.
        return Err(rehearsal::judge(rehearsal, situation, (rules, board), now));
    }
    websocket::check(&route, head)?;
    if route.identity_required {
        let due = &mut findings.nonce_due;
        let principal = lookup::who_asks((ports, rules), &route, head, due).await?;
        situation.principal = Some(principal);
        standing::check_credential(judge.revoked, situation)?;
        standing::check(board, situation, now)?;
    } // else the route says in so many words that anyone may come
    let judged = judge_body(rules, head, &route, body, findings).await?;
    let action = action::choose(&route.action, head, &judged)?;
    if findings.situation.action.is_none() {
        findings.situation.action = Some(rules.policies.class(&action));
        findings.situation.check(board, now)?;
    }
    let reference = read_vehicle(rules, head, &path, (&route, &judged), findings)?;
    let key = result_key::presented(&route, head, &path, &judged)?;
    let sight = reach(judge, head, (&route, &action), reference.as_ref(), findings).await?;
    if let Some(key) = key {
        // after an allow only: whose key it is, is nobody else's business
        lookup::started((ports, rules), (&route, key), &findings.situation, now).await?;
    }
    findings.situation.check_vehicle(board, now)?;
    charge(judge, head, &route, findings).await?;
    let intent_written = commit_to_record(judge, head, &action, findings).await?;
    let sight = route.guarded.then_some(sight);
    Ok(Permit {
        route,
        action,
        situation: findings.situation.clone(),
        body_digest: findings.body_digest,
        intent_written,
        sight,
    })
}

/// Who asks for what, once known.
#[derive(Clone, Copy)]
struct Asking<'a> {
    route: &'a Route,
    principal: &'a Principal,
    action: &'a str,
}

/// Reads the body where the decision depends on it, or where it could name another vehicle.
async fn judge_body(
    rules: &Rules,
    head: &RequestHead,
    route: &Route,
    body: &mut dyn BodySource,
    findings: &mut Findings,
) -> Result<JudgedBody, Denial> {
    let judged = route.body == BodyNeed::Auto
        && (route.vehicle.is_some() || action::chosen_by_body(&route.action));
    if head.method.is_safe() {
        return Ok(JudgedBody::Empty); // `head` refuses a body there
    }
    if !judged {
        // It streams, cut at the limit; what states its length is refused before it costs anything.
        let too_large = body
            .announced()
            .is_some_and(|length| length > rules.limits.body_bytes);
        return if too_large {
            Err(Denial::BodyTooLarge)
        } else {
            Ok(JudgedBody::Empty)
        };
    }
    let limit = usize::try_from(rules.limits.judged_body_bytes).unwrap_or(usize::MAX);
    let bytes = body.read(limit).await?;
    if !bytes.is_empty() {
        findings.body_digest = Some(digest::sha256(&bytes));
    }
    let judged = parameters::judge(&head.headers, &bytes)?;
    if route.identity_required {
        identity::check_form(&judged)?;
    }
    Ok(judged)
}

/// Reads the vehicle where the route names one; where it names none, the request may not either.
fn read_vehicle(
    rules: &Rules,
    head: &RequestHead,
    path: &PathParameters,
    (route, body): (&Route, &JudgedBody),
    findings: &mut Findings,
) -> Result<Option<Reference>, Denial> {
    let Some((kind, place)) = &route.vehicle else {
        vehicle::check_absent(head, body, &rules.vins)?;
        return Ok(None);
    };
    let reference = vehicle::refer((*kind, place), head, path, body, &rules.vins)?;
    if let Reference::Vin(vin) = &reference {
        findings.situation.vin = Some(*vin);
    }
    Ok(Some(reference))
}

/// Whether who asks may do it to what the request refers to; and whose VINs the answer may carry.
async fn reach(
    judge: Judge<'_>,
    head: &RequestHead,
    (route, action): (&Route, &str),
    reference: Option<&Reference>,
    findings: &mut Findings,
) -> Result<Sight, Denial> {
    if let Some(principal) = findings.situation.principal.clone() {
        let asking = Asking {
            route,
            principal: &principal,
            action,
        };
        authorize(judge, head, asking, reference, findings).await
    } else if reference.is_some() {
        // INVARIANT: a vehicle is never reached by nobody, whatever a configuration let pass.
        Err(Denial::AccessDenied(AccessFlaw::NotPermitted))
    } else {
        Ok(Sight::of_nobody())
    }
}

/// Asks the directory and the policies, and answers whose VINs the answer may carry. An unknown
/// vehicle, and a reference that leads to none, take the same steps as a foreign one.
async fn authorize(
    judge: Judge<'_>,
    head: &RequestHead,
    asking: Asking<'_>,
    reference: Option<&Reference>,
    findings: &mut Findings,
) -> Result<Sight, Denial> {
    let Asking {
        route,
        principal,
        action,
    } = asking;
    let now = head.received_at;
    let policies = &judge.rules.policies;
    let ask = |subject, resource| Question {
        principal,
        action,
        resource,
        context: Circumstances {
            surface: &route.surface.name,
            network: &head.listener,
            authentication: principal.authentication(now),
            subject,
        },
    };
    let judged = |subject, vehicle| Judged {
        revision: Arc::clone(policies.revision()),
        authentication: principal.authentication(now),
        subject,
        vehicle,
    };
    let lookup = Lookup {
        directory: &*judge.ports.directory,
        limits: &judge.rules.limits,
        principal,
        now,
    };
    let class = policies.class(action);
    let Some(reference) = reference else {
        let subject = lookup.subject(&class).await?;
        findings.judged = Some(judged(subject, None));
        policy::evaluate(policies, ask(subject, Resource::Surface), findings)?;
        // Before it is forwarded: an answer that could not be shown is not asked for.
        return if route.guarded {
            lookup.sight().await
        } else {
            Ok(Sight::of_nobody())
        };
    };
    let referred = lookup.referred(reference, &class);
    let (subject, referred) = tokio::try_join!(lookup.subject(&class), referred)?;
    if referred.is_resolved {
        findings.situation.vin = Some(referred.vin);
    }
    let facts = referred.facts.as_deref();
    let relation: Relation = ownership::relate(principal, facts, now);
    findings.relation = Some(relation.clone());
    findings.judged = Some(judged(subject, referred.facts.clone()));
    let resource = Resource::Vehicle(&referred.vin, facts, &relation);
    policy::evaluate(policies, ask(subject, resource), findings)?;
    let known = facts.filter(|_| referred.is_resolved);
    let known = known.ok_or(Denial::AccessDenied(AccessFlaw::UnknownVehicle))?;
    findings.situation.vehicle_region = judge.rules.vehicle_region(&known.region);
    Ok(Sight::of_vehicle(referred.vin))
}

/// Takes the route's quotas, all together or none.
async fn charge(
    judge: Judge<'_>,
    head: &RequestHead,
    route: &Route,
    findings: &mut Findings,
) -> Result<(), Denial> {
    let situation = &findings.situation;
    let action = situation.action.as_ref();
    let signs_in = action.is_some_and(|class| *class.name == *LOGIN);
    let mut quotas = Cow::Borrowed(&route.quotas);
    if signs_in && situation.is_restoring(judge.board) {
        // Everybody was signed out meanwhile: they come back in numbers, and not all at once.
        quotas
            .to_mut()
            .push(Arc::clone(&judge.rules.restoring_logins));
    }
    if quotas.is_empty() {
        return Ok(());
    }
    let whose = Charged {
        principal: situation.principal.as_deref(),
        vin: situation.vin.as_ref(),
        address: head.address,
    };
    let charges = quota::charges(&quotas, whose, &judge.rules.partition_key);
    let limit = judge.rules.limits.lookup_timeout.get();
    let answer = tokio::time::timeout(limit, judge.ports.ledger.charge(&charges, head.received_at));
    match answer.await {
        Ok(Ok(Ok(standing))) => {
            findings.quota = standing;
            Ok(())
        }
        Ok(Ok(Err(exhausted))) => Err(quota::refuse(&charges, exhausted)),
        Ok(Err(_)) | Err(_) => Err(Denial::DependencyUnavailable(Dependency::Ledger)),
    }
}

/// Makes sure that what is about to happen will be on record: a place for the record, and for a
/// command its intent on disk.
async fn commit_to_record(
    judge: Judge<'_>,
    head: &RequestHead,
    action: &str,
    findings: &Findings,
) -> Result<bool, Denial> {
    let command = judge.rules.policies.is_command(action);
    if !judge.recordable && (command || judge.rules.audit_outage == AuditOutage::Deny) {
        return Err(Denial::DependencyUnavailable(Dependency::Audit));
    }
    if !command {
        return Ok(false);
    }
    let intent = audit::intent(head, findings, judge.rules, judge.board.revision());
    match judge.ports.audit.intend(intent).await {
        Ok(()) => Ok(true),
        Err(_) => Err(Denial::DependencyUnavailable(Dependency::Audit)),
    }
}
