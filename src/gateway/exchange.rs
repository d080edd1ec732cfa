//! What does the gateway know of one request, from its head to its record?
//!
//! An [`Exchange`] holds the one snapshot that its request is judged by, and the place of its one
//! audit record. Whatever happens, a panic included, dropping it writes that record.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::clock;
use crate::config::file::DenialFormat;
use crate::denial::Denial;
use crate::denial::answer::{self, Answer, Asked};
use crate::pipeline::audit::{self, Facts, Outcome};
use crate::pipeline::decide::Permit;
use crate::pipeline::guard::Guard;
use crate::pipeline::ports::AuditSlot;
use crate::pipeline::{Findings, RequestHead};
use crate::rules::Rules;
use crate::switchboard::Board;
use crate::telemetry::Sample;

use super::Shared;

/// One request and what became of it.
#[expect(missing_debug_implementations, reason = "holds rules with keys")]
pub struct Exchange {
    /// Id of the request.
    pub id: Uuid,
    /// The rules that judge it.
    pub rules: Arc<Rules>,
    /// The switch board that judges it.
    pub board: Arc<Board>,
    /// When its head was complete, since the Unix epoch.
    pub received_at: Duration,
    /// The head, once read.
    pub head: Option<RequestHead>,
    /// The listener that it came in by.
    listener: Arc<str>,
    /// Address of the TCP peer.
    pub peer: Option<IpAddr>,
    /// What became known.
    pub findings: Findings,
    /// The permit, once given.
    pub permit: Option<Permit>,
    /// Reads the answer of a request about a vehicle.
    pub guard: Option<Guard>,
    /// Why it was refused, if it was.
    pub denial: Option<Denial>,
    /// Status sent to the client.
    pub status: Option<u16>,
    /// VINs masked in the answer's head.
    pub masked_fields: u32,
    /// Bytes of a streamed body so far.
    pub body_bytes: u64,
    /// Its turn among the upstream's addresses, once taken.
    pub turn: Option<usize>,
    /// Upstream addresses tried.
    pub attempts: usize,
    /// The request's `Accept`, for the form of a denial.
    accept: Option<String>,
    is_head_method: bool,
    started: Instant,
    decided: Option<Duration>,
    slot: Option<Box<dyn AuditSlot>>,
    shared: Arc<Shared>,
    finished: bool,
}

impl Exchange {
    /// Takes the snapshot and reserves the place of the record.
    pub(super) fn begin(shared: &Arc<Shared>, listener: &Arc<str>) -> Self {
        Self {
            id: Uuid::now_v7(),
            rules: shared.rules.load_full(),
            board: shared.switchboard.board(),
            received_at: clock::unix_time(),
            head: None,
            listener: Arc::clone(listener),
            peer: None,
            findings: Findings::default(),
            permit: None,
            guard: None,
            denial: None,
            status: None,
            masked_fields: 0,
            body_bytes: 0,
            turn: None,
            attempts: 0,
            accept: None,
            is_head_method: false,
            started: clock::monotonic(),
            decided: None,
            slot: shared.ports.audit.reserve().ok(),
            shared: Arc::clone(shared),
            finished: false,
        }
    }

    /// Whether a place for the record is reserved.
    pub fn recordable(&self) -> bool {
        self.slot.is_some()
    }

    /// Keeps what the form of a denial depends on.
    pub fn note_form(&mut self, method: &http::Method, headers: &http::HeaderMap) {
        self.is_head_method = method == http::Method::HEAD;
        self.accept = headers
            .get(http::header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .map(Into::into);
    }

    /// Notes when the decision stood.
    pub fn decided(&mut self) {
        self.decided = Some(self.started.elapsed());
    }

    /// The answer for a denial of this request.
    pub fn answer(&self, denial: &Denial) -> Answer {
        let format = self
            .findings
            .route
            .as_ref()
            .map_or(DenialFormat::Problem, |route| route.surface.denial_format);
        let accept = self.accept.as_deref();
        answer::write(
            denial,
            Asked {
                id: self.id,
                format,
                accept,
                head: self.is_head_method,
            },
        )
    }

    /// Writes the one record and the metrics; a second call does nothing.
    pub fn finish(&mut self, outcome: &Outcome) {
        if self.finished {
            return;
        }
        self.finished = true;
        let duration = self.started.elapsed();
        self.measure(outcome, duration); // before the record: who reads that finds it counted
        let facts = Facts {
            head: self.head.as_ref(),
            listener: &self.listener,
            peer: self.peer,
            id: self.id,
            received_at: self.received_at,
            findings: &self.findings,
            outcome,
            status: self.status,
            duration,
            masked: self.masked(),
            rules_revision: &self.rules.revision,
            board_revision: self.board.revision(),
            had_intent: self.permit.as_ref().is_some_and(Permit::intent_written),
        };
        match self.slot.take() {
            Some(slot) => slot.write(audit::record(&facts, &self.rules.pseudonyms)),
            None => self.shared.ports.audit.count_unrecorded(),
        }
    }

    fn masked(&self) -> u32 {
        let body = self.guard.as_ref().map_or(0, Guard::masked);
        body.saturating_add(self.masked_fields)
    }

    fn measure(&self, outcome: &Outcome, duration: Duration) {
        self.shared.telemetry.record(&Sample {
            route: self.findings.route.as_deref(),
            method: self.head.as_ref().map(|head| &head.method),
            status: self.status,
            outcome,
            duration,
            decision: self.decided,
            policy_errors: self.findings.policy_errors,
            masked: self.masked(),
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.finish(&Outcome::Unknown); // a panic, or a task that was cut off
    }
}
