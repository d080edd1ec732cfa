//! What happened?
//!
//! One record a request, whatever happened; VIN, subject and token id as keyed HMACs. What a client
//! can choose freely (path, query, an unlisted host or method) is never in a record: it may carry a
//! VIN.

mod decided;
mod pseudonyms;
#[cfg(test)]
pub(in crate::pipeline) mod tests;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::clock;
use crate::config::file::PrincipalKind;
use crate::denial::Denial;
use crate::pipeline::guard::Shortfall;
use crate::pipeline::policy::recorded::Recorded;
use crate::pipeline::quota::QuotaStanding;
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal, RequestHead};
use crate::rules::Rules;

pub use pseudonyms::Pseudonyms;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Forwarded, and answered with the upstream's status.
    Forwarded,
    /// Refused.
    Denied(Denial),
    /// Forwarded, and the client or upstream went away before the end.
    Aborted,
    /// Forwarded, and cut before the end by what is closed now.
    Cut(Denial),
    /// The gateway failed; nothing is known of the upstream's side.
    Unknown,
}

/// A command that is about to be forwarded, written before it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Id of the request.
    pub id: Uuid,
    /// The line, ready to be written as the record if the gateway dies.
    pub line: String,
}

/// The one record of a request, ready to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Id of the request.
    pub id: Uuid,
    /// One JSON object, no line feed.
    pub line: String,
    /// Whether an intent was written for it.
    pub had_intent: bool,
}

/// All that a record says beside the findings.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The head, if it could be read.
    pub head: Option<&'a RequestHead>,
    /// The listener that it came in by.
    pub listener: &'a str,
    /// Address of the TCP peer, where no head tells the client's.
    pub peer: Option<IpAddr>,
    /// Id of the request.
    pub id: Uuid,
    /// When it was received, since the Unix epoch.
    pub received_at: Duration,
    /// What became known.
    pub findings: &'a Findings,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// Status sent to the client, if any.
    pub status: Option<u16>,
    /// From head to end.
    pub duration: Duration,
    /// VINs masked in the answer.
    pub masked: u32,
    /// Why VINs may have been masked that the principal may see.
    pub shortfall: Option<Shortfall>,
    /// Revision of the rules.
    pub rules_revision: &'a Arc<str>,
    /// Revision of the switch board.
    pub board_revision: u64,
    /// Whether an intent was written.
    pub had_intent: bool,
}

/// The record's line.
pub fn record(facts: &Facts<'_>, pseudonyms: &Pseudonyms) -> Record {
    Record {
        id: facts.id,
        line: line(facts, pseudonyms),
        had_intent: facts.had_intent,
    }
}

/// The line to be found after a crash: the record with outcome `unknown`.
pub fn intent(
    head: &RequestHead,
    findings: &Findings,
    rules: &Rules,
    board_revision: u64,
) -> Intent {
    let facts = Facts {
        head: Some(head),
        listener: &head.listener,
        peer: None,
        id: head.id,
        received_at: head.received_at,
        findings,
        outcome: &Outcome::Unknown,
        status: None,
        duration: Duration::ZERO, // nothing is known of the end
        masked: 0,
        shortfall: None,
        rules_revision: &rules.revision,
        board_revision,
        had_intent: true,
    };
    Intent {
        id: head.id,
        line: line(&facts, &rules.pseudonyms),
    }
}

/// The record as it is written: the order of the members is the order here.
#[derive(Serialize)]
struct Line<'a> {
    time: String,
    #[serde(serialize_with = "hyphenated")]
    id: Uuid,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    listener: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    route: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    surface: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<PrincipalLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vin: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    relation: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    policies: &'a [Arc<str>],
    #[serde(skip_serializing_if = "is_zero")]
    policy_errors: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    facts: Option<Recorded<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<QuotaLine<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    rehearsal: bool,
    rules: &'a str,
    board: u64,
    #[serde(skip_serializing_if = "is_zero")]
    masked: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    shortfall: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_us: Option<u64>,
}

#[derive(Serialize)]
struct PrincipalLine<'a> {
    kind: PrincipalKind,
    issuer: &'a str,
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

#[derive(Serialize)]
struct QuotaLine<'a> {
    policy: &'a str,
    remaining: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn hyphenated<S: serde::Serializer>(id: &Uuid, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
}

fn line(facts: &Facts<'_>, pseudonyms: &Pseudonyms) -> String {
    let line = describe(facts, pseudonyms);
    serde_json::to_string(&line).unwrap_or_else(|_| {
        // Can't happen: all keys are strings. If it does, the record is short, not missing.
        let (time, id, outcome) = (line.time, line.id, line.outcome);
        format!(r#"{{"time":"{time}","id":"{id}","outcome":"{outcome}"}}"#)
    })
}

fn describe<'a>(facts: &'a Facts<'_>, pseudonyms: &Pseudonyms) -> Line<'a> {
    let findings = facts.findings;
    let denial = match facts.outcome {
        Outcome::Denied(denial) | Outcome::Cut(denial) => Some(denial),
        Outcome::Forwarded | Outcome::Aborted | Outcome::Unknown => None,
    };
    let situation = &findings.situation;
    let route = situation.route.as_deref();
    Line {
        time: clock::rfc3339(facts.received_at),
        id: facts.id,
        outcome: word(facts.outcome),
        status: facts.status,
        code: denial.map(Denial::code),
        reason: denial.map(Denial::reason),
        listener: facts.listener,
        method: facts.head.map(|head| method(&head.method)),
        host: facts.head.and_then(|head| listed_host(head, findings)),
        route: route.map(|route| &*route.id),
        surface: route.map(|route| &*route.surface.name),
        action: situation.action.as_deref().map(|class| &*class.name),
        address: facts.head.map(|head| head.address).or(facts.peer),
        principal: situation
            .principal
            .as_deref()
            .map(|principal| principal_line(principal, pseudonyms)),
        vin: situation.vin.as_ref().map(|vin| pseudonyms.vin(vin)),
        relation: findings.relation.as_ref().map(|relation| relation.word),
        policies: &findings.policies,
        policy_errors: findings.policy_errors,
        facts: decided::facts(findings, denial, pseudonyms),
        quota: findings.quota.as_ref().map(quota_line),
        rehearsal: findings.rehearsal,
        rules: facts.rules_revision,
        board: facts.board_revision,
        masked: usize::try_from(facts.masked).unwrap_or(usize::MAX),
        shortfall: facts.shortfall.map(Shortfall::word),
        duration_us: match facts.duration {
            Duration::ZERO => None,
            duration => Some(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)),
        },
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Forwarded => "forwarded",
        Outcome::Denied(_) => "denied",
        Outcome::Aborted | Outcome::Cut(_) => "aborted",
        Outcome::Unknown => "unknown",
    }
}

/// A registered method, or `_OTHER`: a made-up one could be a VIN.
pub fn method(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        _ => "_OTHER",
    }
}

/// The host, where its surface lists it: any other is the client's own text.
fn listed_host<'a>(head: &RequestHead, findings: &'a Findings) -> Option<&'a str> {
    let surface = &findings.situation.route.as_deref()?.surface;
    let listed = surface.hosts.iter().find(|host| **host == head.host)?;
    Some(listed)
}

fn principal_line<'a>(principal: &'a Principal, pseudonyms: &Pseudonyms) -> PrincipalLine<'a> {
    PrincipalLine {
        kind: principal.kind,
        issuer: &principal.issuer,
        subject: &principal.pseudonym,
        client: named_client(principal),
        token: principal
            .credential
            .token_id
            .as_deref()
            .map(|token_id| pseudonyms.token(&principal.issuer, token_id)),
    }
}

/// The client that may stand in a record. A token without a client of its own may name its subject as
/// the client (RFC 9068, 2.2): the name of a machine may stand there, that of a person may not.
fn named_client(principal: &Principal) -> Option<&str> {
    let machine = principal.kind == PrincipalKind::Client;
    let client = principal.client.as_deref();
    client
        .filter(|client| machine || *client != principal.subject)
        .filter(|client| !Vin::stands_in(client)) // a car may be a client of its own
}

fn quota_line(standing: &QuotaStanding) -> QuotaLine<'_> {
    QuotaLine {
        policy: &standing.policy.name,
        remaining: standing.remaining,
    }
}
