//! How is a decision enforced on a real connection?
//!
//! Policy enforcement point: the one file that sees a pingora `Session`. It never decides: it reads
//! the head, asks [`decide`], and forwards what a [`Permit`] covers or answers with the denial.
//!
//! [`Permit`]: crate::pipeline::decide::Permit

mod body;
mod certificate;
mod errors;
mod exchange;
mod form;
pub mod in_flight;
mod notice;
mod proofs;
mod rehearsal;
mod response;
mod result_key;
mod shared;
mod upstream;
mod visible;
mod websocket;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::proxy::{FailToProxy, ProxyHttp, Session};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};

use crate::denial::{Denial, HeadFlaw};
use crate::edge::connection;
use crate::pipeline::decide::{Judge, decide};
use crate::pipeline::guard::Guard;
use crate::pipeline::head::{self, HeadLimits, ListenerFacts, RawHead};
use crate::pipeline::{RequestHead, quota};

use body::DownstreamBody;
pub use exchange::Exchange;
pub use shared::Shared;

/// Enforces decisions on the requests of one listener.
#[expect(missing_debug_implementations, reason = "holds rules with keys")]
pub struct Gateway {
    listener: ListenerFacts,
    shared: Arc<Shared>,
    turn: AtomicUsize,
}

/// An error whose answer stands in [`Exchange::denial`].
const DENIED: ErrorType = ErrorType::Custom("denied");

impl Gateway {
    /// For one listener.
    pub fn new(listener: ListenerFacts, shared: Arc<Shared>) -> Self {
        Self {
            listener,
            shared,
            turn: AtomicUsize::new(0),
        }
    }

    /// Judges the request; a denial is returned, everything else lands in the exchange.
    async fn judge(&self, session: &mut Session, exchange: &mut Exchange) -> Result<(), Denial> {
        let rules = Arc::clone(&exchange.rules);
        let board = Arc::clone(&exchange.board);
        let recordable = exchange.recordable();
        let head = self.read_head(session, exchange)?;
        let rehearsal = rehearsal::redeem(session.as_downstream(), &head, &self.shared.rehearsals);
        let head = exchange.head.insert(head);
        let timeout = rules.limits.body_timeout.get();
        let mut body = DownstreamBody::new(session.as_downstream_mut(), timeout);
        let judge = Judge {
            rules: &rules,
            board: &board,
            revoked: &self.shared.revocations,
            ports: &self.shared.ports,
            recordable,
            rehearsal: rehearsal.as_ref(),
        };
        let permit = decide(judge, head, &mut body, &mut exchange.findings).await?;
        if let Some(sight) = permit.sight() {
            let most = rules.limits.vehicles_of_answer;
            exchange.guard = Some(Guard::new(sight, &rules.vins.wmis, most));
            session.set_ignore_info_resp(true); // a 103 may carry fields: only the answer is vetted
        }
        exchange.permitted(permit)?;
        if exchange.websocket.is_some() {
            session.set_ignore_info_resp(true);
            session.set_keepalive(None); // whatever is answered, it is the last request
        }
        Ok(())
    }

    fn read_head(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
    ) -> Result<RequestHead, Denial> {
        let has_body = !session.as_downstream_mut().is_body_empty();
        let request = session.req_header();
        let raw_head = session.as_downstream().to_h1_raw();
        let peer = session
            .client_addr()
            .and_then(|address| address.as_inet())
            .ok_or(Denial::Malformed(HeadFlaw::Syntax))?;
        exchange.peer = Some(peer.ip());
        let limits = &exchange.rules.limits;
        let raw = RawHead {
            id: exchange.id,
            received_at: exchange.received_at,
            listener: &self.listener,
            peer: peer.ip(),
            certificate: certificate::shown(session.as_downstream()),
            method: &request.method,
            version: request.version,
            target: request.raw_path(),
            authority: request.uri.authority().map(http::uri::Authority::as_str),
            headers: &request.headers,
            header_bytes: raw_head.len(),
            two_framings: errors::two_framings(&request.headers, &raw_head),
            has_body,
            sent_ahead: connection::head_bytes().is_some_and(|bytes| bytes != raw_head.len()),
        };
        let limits = HeadLimits {
            header_bytes: usize::try_from(limits.header_bytes).unwrap_or(usize::MAX),
            uri_bytes: usize::try_from(limits.uri_bytes).unwrap_or(usize::MAX),
        };
        head::read(&raw, limits)
    }

    /// Writes a denial's answer; the connection is kept only if nothing of the request is left there.
    async fn refuse(
        &self,
        session: &mut Session,
        exchange: &mut Exchange,
        denial: Denial,
    ) -> Result<()> {
        let answer = exchange.answer(&denial);
        exchange.status = Some(answer.status.as_u16());
        let close = matches!(denial, Denial::Malformed(_) | Denial::Ambiguous(_))
            || !session.as_downstream_mut().is_body_done();
        exchange.denial = Some(denial);
        if close {
            session.set_keepalive(None);
        }
        let mut response = ResponseHeader::build(answer.status, Some(answer.headers.len()))?;
        for (name, value) in answer.headers {
            response.append_header(name, value)?;
        }
        let empty = answer.body.is_empty();
        session
            .write_response_header(Box::new(response), empty)
            .await?;
        if !empty {
            session.write_response_body(Some(answer.body), true).await?;
        }
        exchange.end(None); // its record and its time don't wait for the rest of what the client sends
        body::drain(session.as_downstream_mut()).await;
        Ok(())
    }
}

#[async_trait]
impl ProxyHttp for Gateway {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange::begin(&self.shared, &self.listener.name)
    }

    fn init_downstream_modules(&self, _: &mut pingora::modules::http::HttpModules) {
        // Nothing rewrites a body here: what was judged is what is forwarded.
    }

    async fn early_request_filter(&self, session: &mut Session, _: &mut Exchange) -> Result<()> {
        connection::head_complete();
        let limits = &self.shared.rules.load().limits;
        let body_timeout = limits.body_timeout.get();
        session.set_read_timeout(Some(body_timeout));
        session.set_write_timeout(Some(body_timeout));
        session.set_total_drain_timeout(Some(Duration::from_secs(1))); // a refused upload is not read
        session.set_keepalive(Some(limits.header_timeout.get().as_secs().max(1)));
        Ok(())
    }

    async fn request_filter(&self, session: &mut Session, exchange: &mut Exchange) -> Result<bool> {
        exchange.note_form(&session.req_header().method, &session.req_header().headers);
        let judged = self.judge(session, exchange).await;
        exchange.decided();
        match judged {
            Ok(()) => Ok(false),
            Err(denial) => {
                self.refuse(session, exchange, denial).await?;
                Ok(true)
            }
        }
    }

    async fn upstream_peer(
        &self,
        _: &mut Session,
        exchange: &mut Exchange,
    ) -> Result<Box<HttpPeer>> {
        if exchange.permit.is_none() {
            return Err(Error::new(DENIED)); // no permit, no upstream
        }
        // One turn a request: were it taken anew, other requests could lead this one to the same dead
        // address again.
        let turn = *exchange
            .turn
            .get_or_insert_with(|| self.turn.fetch_add(1, Ordering::Relaxed));
        let number = turn.wrapping_add(exchange.attempts);
        exchange.attempts = exchange.attempts.saturating_add(1);
        let peer = upstream::peer(exchange, number).map(Box::new);
        peer.ok_or_else(|| Error::new(ErrorType::InternalError))
    }

    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        request: &mut RequestHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        let newest = self.shared.switchboard.board();
        match upstream::prepare(request, exchange, (&newest, &self.shared.revocations)) {
            Ok(()) => Ok(()),
            Err(denial) => {
                exchange.denial = Some(denial);
                Error::e_explain(DENIED, "the second look")
            }
        }
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        exchange: &mut Exchange,
    ) -> Result<()> {
        if exchange.websocket.is_some() {
            return Ok(()); // frames: they end with their socket
        }
        let bytes = body.as_ref().map_or(0, Bytes::len);
        exchange.body_bytes = exchange
            .body_bytes
            .saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if exchange.body_bytes > exchange.rules.limits.body_bytes {
            exchange.denial = Some(Denial::BodyTooLarge);
            return Error::e_explain(DENIED, "body too large");
        }
        Ok(())
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        if let Err(flaw) = response::vet(response, exchange) {
            exchange.denial = Some(Denial::ResponseWithheld(flaw));
            return Error::e_explain(DENIED, "response withheld");
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        exchange: &mut Exchange,
    ) -> Result<()> {
        let switches = websocket::is_consent(response);
        if response.status.is_informational() && !switches {
            return Ok(());
        }
        exchange.status = Some(response.status.as_u16());
        response.insert_header("X-Request-Id", exchange.id.to_string())?;
        response::announce(response, exchange)?;
        if let Some(standing) = &exchange.findings.quota {
            for (name, value) in quota::headers(standing) {
                response.insert_header(name, value)?;
            }
        }
        if switches {
            session.set_read_timeout(None); // the socket knows how long it may be silent
            exchange.switch_protocols();
        }
        Ok(())
    }

    fn response_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        exchange: &mut Exchange,
    ) -> Result<Option<Duration>> {
        response::pass(body, exchange, end_of_stream);
        Ok(None)
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        mut error: Box<Error>,
        exchange: &mut Exchange,
        client_reused: bool,
    ) -> Box<Error> {
        if exchange.is_command() || !session.req_header().method.is_safe() {
            error.set_retry(false); // a command is never sent twice
        } else {
            error.retry.decide_reuse(client_reused);
        }
        error
    }

    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        exchange: &mut Exchange,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let addresses = exchange.upstream().map_or(0, |it| it.addresses.len());
        error.set_retry(exchange.attempts < addresses); // nothing was sent: the next server may take it
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        exchange: &mut Exchange,
    ) -> FailToProxy {
        let started = session
            .response_written()
            .is_some_and(|response| !response.status.is_informational());
        let denial = exchange.denial.take().or_else(|| exchange.unanswered());
        match denial.or_else(|| errors::denial_of(error)) {
            Some(denial) if !started => {
                if self.refuse(session, exchange, denial).await.is_err() {
                    session.set_keepalive(None); // the client is gone; the record says what it got
                }
            }
            late => exchange.denial = late,
        }
        FailToProxy {
            error_code: exchange.status.unwrap_or(0),
            can_reuse_downstream: false,
        }
    }

    async fn logging(&self, _: &mut Session, error: Option<&Error>, exchange: &mut Exchange) {
        exchange.end(error);
        connection::request_done();
    }

    fn request_summary(&self, _: &Session, exchange: &Exchange) -> String {
        exchange.id.to_string() // never a URI: it carries VINs and tokens
    }

    fn suppress_error_log(&self, _: &Session, _: &Exchange, _: &Error) -> bool {
        true // the audit record tells it
    }
}
