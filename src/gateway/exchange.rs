//! What does the gateway know of one request, from its head to its record?
//!
//! An [`Exchange`] holds the one snapshot that its request is judged by, and the place of its one
//! audit record. Whatever happens, a panic included, dropping it writes that record.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::{HeaderName, HeaderValue, StatusCode};
use uuid::Uuid;

use crate::clock;
use crate::config::file::DenialFormat;
use crate::config::route::ActionSource;
use crate::denial::Denial;
use crate::denial::answer::{self, Answer};
use crate::pipeline::audit::{self, Facts, Outcome};
use crate::pipeline::decide::Permit;
use crate::pipeline::guard::Guard;
use crate::pipeline::notice::Placer;
use crate::pipeline::ports::{AuditSlot, OwnershipDirectory, ResultKeys};
use crate::pipeline::route::Route;
use crate::pipeline::{Findings, RequestHead};
use crate::rules::{Rules, Upstream};
use crate::switchboard::Board;
use crate::switchboard::fuse::Refused;
use crate::telemetry::Sample;

use super::Shared;
use super::form::{Form, GrpcStatus};
use super::in_flight::{CutBy, Judged};
use super::notice;
use super::proofs;
use super::result_key;
use super::websocket::{self, Begun};

/// The group of actions by which devices report.
const INGEST: &str = "Ingest";

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
    pub permit: Option<Arc<Permit>>,
    /// Reads the answer of a request about a vehicle.
    pub guard: Option<Guard>,
    /// What is held back of an answer that gives a result key out.
    pub(super) held: Option<BytesMut>,
    /// Places the notice in its page, if there is one.
    pub placer: Option<Placer>,
    /// Why it was refused, if it was.
    pub denial: Option<Denial>,
    /// Status sent to the client.
    pub status: Option<u16>,
    /// Bytes of a streamed body so far.
    pub body_bytes: u64,
    /// Its turn among the upstream's addresses, once taken.
    pub turn: Option<usize>,
    /// Upstream addresses tried.
    pub attempts: usize,
    pub(super) form: Form,
    /// Its WebSocket, from its permit on.
    pub(super) websocket: Option<Begun>,
    /// Why it was cut, if it was; there once it is in flight.
    cut_by: Option<CutBy>,
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
            id: clock::dated_id(),
            rules: shared.rules.load_full(),
            board: shared.switchboard.board(),
            received_at: clock::unix_time(),
            head: None,
            listener: Arc::clone(listener),
            peer: None,
            findings: Findings::default(),
            permit: None,
            guard: None,
            held: None,
            placer: None,
            websocket: None,
            cut_by: None,
            denial: None,
            status: None,
            body_bytes: 0,
            turn: None,
            attempts: 0,
            form: Form::default(),
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
        self.form = Form::of(method, headers);
    }

    /// Notes when the decision stood.
    pub fn decided(&mut self) {
        self.decided = Some(self.started.elapsed());
    }

    /// The answer for a denial of this request.
    pub fn answer(&self, denial: &Denial) -> Answer {
        let route = self.findings.situation.route.as_deref();
        let format = route.map_or(DenialFormat::Problem, |route| route.surface.denial_format);
        let nonce = proofs::nonce(self);
        let schemes = proofs::schemes(self, nonce.as_deref());
        let grpc = self.grpc_status(denial);
        let asked = self.form.asked(self.id, (format, schemes), grpc);
        let mut answer = answer::write(denial, asked);
        if denial.status() != StatusCode::UNAUTHORIZED {
            answer.headers.extend(proofs::renewed(self)); // a challenge carries one anyway
        }
        answer.headers.extend_from_slice(self.retirement_headers());
        answer.headers.extend(self.notice_field());
        answer
    }

    /// What an answer of a route that goes says of that.
    pub fn retirement_headers(&self) -> &[(HeaderName, HeaderValue)] {
        let route = self.findings.situation.route.as_deref();
        match route.and_then(|route| route.retired.as_deref()) {
            Some(retirement) => retirement.headers(self.received_at),
            None => &[],
        }
    }

    /// Devices never hear a 2xx that isn't their server's. Before it is known which route it is, it
    /// may be a device; where there is no such route, it can't.
    fn grpc_status(&self, denial: &Denial) -> GrpcStatus {
        let allowed = match &self.findings.situation.route {
            Some(route) => !is_ingest(&self.rules, route),
            None => *denial == Denial::RouteUnknown,
        };
        if allowed {
            GrpcStatus::Allowed
        } else {
            GrpcStatus::Barred
        }
    }

    /// It may be forwarded; from now on a closure finds it. To be called before the second look.
    ///
    /// # Errors
    /// There is no place for one more WebSocket.
    pub(super) fn permitted(&mut self, permit: Permit) -> Result<(), Denial> {
        self.held = result_key::begin(&permit);
        let permit = Arc::new(permit);
        self.permit = Some(Arc::clone(&permit));
        let in_flight = &self.shared.in_flight;
        if permit.route().websocket {
            let cut_by = CutBy::default();
            let begun = websocket::begin(&permit, &self.rules, in_flight, &cut_by)?;
            let judged = || Judged {
                rules: Arc::clone(&self.rules.revision),
                at: self.started,
            };
            in_flight.enter_websocket(self.id, &permit, (begun.shared(), judged()), &cut_by);
            let rules = self.shared.rules.load();
            let judged = judged();
            if judged.is_outdated(&permit, &rules, clock::monotonic())
                || judged.counts_until(&permit, &rules).is_some()
            {
                in_flight.rules_changed(); // since it was judged, or will have at a given time
            }
            self.cut_by = Some(cut_by);
            self.websocket = Some(begun);
            return Ok(());
        }
        let upstream = self.rules.upstreams.get(&permit.route().upstream);
        let limit = upstream.map(|upstream| upstream.read_timeout);
        let limit = limit.filter(|_| self.rules.policies.is_command(permit.action()));
        self.cut_by = Some(in_flight.enter(self.id, &permit, limit));
        Ok(())
    }

    /// How what was forwarded ended.
    fn outcome(&mut self, error: Option<&pingora::Error>) -> Outcome {
        match (self.denial.take(), self.cut_by()) {
            (Some(denial), _) => Outcome::Denied(denial),
            (None, Some(denial)) => Outcome::Cut(denial),
            (None, None) if error.is_some() => Outcome::Aborted,
            (None, None) => Outcome::Forwarded,
        }
    }

    /// Why it was cut, if it was.
    fn cut_by(&self) -> Option<Denial> {
        let said = self.cut_by.as_ref()?.get().cloned();
        said.or_else(|| self.websocket.as_ref()?.expired())
    }

    /// Whom to ask about vehicles.
    pub(super) fn directory(&self) -> &dyn OwnershipDirectory {
        &*self.shared.ports.directory
    }

    /// Where result keys are kept.
    pub(super) fn result_keys(&self) -> &dyn ResultKeys {
        &*self.shared.ports.result_keys
    }

    /// A result key was given out and can't be polled with everywhere.
    pub(super) fn result_key_lost(&self) {
        self.shared
            .telemetry
            .result_key_lost(self.findings.situation.route.as_deref());
    }

    /// Whether it is known not to do anything: not even that it was not permitted.
    pub(super) fn is_command(&self) -> bool {
        self.permit
            .as_ref()
            .is_none_or(|permit| self.rules.policies.is_command(permit.action()))
    }

    /// The upstream that it goes to, once permitted.
    pub(super) fn upstream(&self) -> Option<&Upstream> {
        let permit = self.permit.as_ref()?;
        self.rules.upstreams.get(&permit.route().upstream)
    }

    /// It ended, with this error of the proxy's if there was one; a second call does nothing.
    pub(super) fn end(&mut self, error: Option<&pingora::Error>) {
        let outcome = self.outcome(error);
        self.finish(&outcome);
    }

    /// Writes the one record and the metrics; a second call does nothing.
    pub fn finish(&mut self, outcome: &Outcome) {
        if self.finished {
            return;
        }
        self.finished = true;
        if self.cut_by.is_some() {
            self.shared.in_flight.leave(self.id);
        }
        let duration = self.started.elapsed();
        self.measure(outcome, duration); // before the record: who reads that finds it counted
        self.count(outcome);
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
            shortfall: self.guard.as_ref().and_then(Guard::shortfall),
            rules_revision: &self.rules.revision,
            board_revision: self.board.revision(),
            had_intent: self.permit.as_deref().is_some_and(Permit::intent_written),
        };
        match self.slot.take() {
            Some(slot) => slot.write(audit::record(&facts, &self.rules.pseudonyms)),
            None => self.shared.ports.audit.count_unrecorded(),
        }
    }

    /// Lets the live counts and the fuses know.
    fn count(&self, outcome: &Outcome) {
        if self.findings.rehearsal {
            return; // nobody asked
        }
        let situation = &self.findings.situation;
        let denied = match outcome {
            Outcome::Denied(denial) => Some(denial),
            Outcome::Forwarded | Outcome::Aborted | Outcome::Cut(_) | Outcome::Unknown => None,
        };
        if let (Some(denial), Some(route), Some(principal)) =
            (denied, &situation.route, &situation.principal)
        {
            let refused = Refused {
                surface: &route.surface.name,
                code: denial.code(),
                issuer: &principal.issuer,
                subject: &principal.subject,
                at: self.received_at,
            };
            self.shared.fuses.note(refused, &self.board);
        }
        let denied = denied.is_some();
        self.shared
            .traffic
            .note(self.received_at, situation, denied);
    }

    fn masked(&self) -> u32 {
        self.guard.as_ref().map_or(0, Guard::masked)
    }

    fn measure(&self, outcome: &Outcome, duration: Duration) {
        self.shared.telemetry.record(&Sample {
            route: self.findings.situation.route.as_deref(),
            method: self.head.as_ref().map(|head| &head.method),
            status: self.status,
            outcome,
            duration,
            decision: self.decided,
            policy_errors: self.findings.policy_errors,
            masked: self.masked(),
        });
        if let Some(placing) = notice::outcome(self) {
            self.shared
                .telemetry
                .noticed(self.findings.situation.route.as_deref(), placing);
        }
    }
}

/// Whether devices send what they have to say by this route, whatever chooses its action.
fn is_ingest(rules: &Rules, route: &Route) -> bool {
    let actions: Vec<&String> = match &route.action {
        ActionSource::Fixed(action) => vec![action],
        ActionSource::Chosen(choice) => choice.values.values().collect(),
    };
    actions.into_iter().any(|action| {
        let class = rules.policies.class(action);
        class.groups.iter().any(|group| **group == *INGEST)
    })
}

impl Drop for Exchange {
    fn drop(&mut self) {
        match self.cut_by() {
            Some(denial) => self.finish(&Outcome::Cut(denial)),
            None => self.finish(&Outcome::Unknown), // a panic, or a task that was cut off
        }
    }
}
