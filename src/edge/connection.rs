//! How long may a client take for a head, and what does it hear when none comes?
//!
//! The proxy library bounds a read, not a head: a byte now and then would hold a connection for
//! hours. And what it can't parse it answers itself, with no body and no record. [`Downstream`]
//! wraps the socket of an HTTP/1.1 connection: a head has one deadline, and the answer to what
//! isn't a request is the gateway's own, with its record. Of an HTTP/2 connection only the preface
//! is waited for here; later the proxy library closes it when it was idle for too long.

mod facts;

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pingora::protocols::{Shutdown, Stream};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufWriter, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};
use uuid::Uuid;

use crate::clock;
use crate::config::file::DenialFormat;
use crate::denial::answer::{self, Asked};
use crate::denial::challenge::Schemes;
use crate::denial::{Denial, HeadFlaw};
use crate::edge::cut;
use crate::edge::websocket::{Tunnel, WebSocket};

/// Bytes that are put together before they are sent: as many as fit a packet, such as head and body of a
/// small answer. Nothing waits for more: what is there is sent when the client is waited for.
const WRITTEN_TOGETHER: usize = 1_460;

/// `PRI * HTTP/2.0` and what follows it.
const PREFACE_BYTES: usize = 24;

tokio::task_local! {
    /// The connection that the current task serves, if it is HTTP/1.1.
    static CONNECTION: Arc<HeadWatch>;
    /// Whether the gateway got to see the head of the HTTP/2 stream that the current task serves.
    static STREAM_SEEN: Arc<AtomicBool>;
}

/// Serves one stream of HTTP/2; tells whether its request came as far as the gateway.
pub(super) async fn stream_scope<F: Future>(stream: F) -> (F::Output, bool) {
    let seen = Arc::new(AtomicBool::new(false));
    let output = STREAM_SEEN.scope(Arc::clone(&seen), stream).await;
    (output, seen.load(Ordering::Relaxed))
}

/// Serves `connection` with `watch` in reach of the gateway's callbacks.
pub(super) async fn scope<F: Future>(watch: Arc<HeadWatch>, connection: F) -> F::Output {
    CONNECTION.scope(watch, connection).await
}

/// Completes at the word to stop.
pub(super) async fn stopped(stop: &watch::Receiver<bool>) {
    if stop.clone().wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("the process is ending");
    }
}

/// The gateway has a head: what is written from now on is an answer to it.
pub(crate) fn head_complete() {
    let _absent_on_http1 = STREAM_SEEN.try_with(|seen| seen.store(true, Ordering::Relaxed));
    let _absent_on_http2 = CONNECTION.try_with(|watch| watch.set(Phase::Serving));
}

/// The request is answered: the next byte begins another head.
pub(crate) fn request_done() {
    cut::request_done();
    let _absent_on_http2 = CONNECTION.try_with(|watch| watch.set(Phase::Idle));
}

/// How many bytes came for the current head, and with it; `None` on HTTP/2.
pub(crate) fn head_bytes() -> Option<usize> {
    CONNECTION.try_with(|watch| watch.bytes()).ok()
}

/// The current request is the handshake of this WebSocket, and the last one of its connection; `false`
/// on HTTP/2, which has none.
pub(crate) fn become_websocket(websocket: &Arc<WebSocket>) -> bool {
    let became = |watch: &Arc<HeadWatch>| watch.websocket.set(Arc::clone(websocket)).is_ok();
    CONNECTION.try_with(became).unwrap_or(false)
}

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Between requests; the proxy's keep-alive time runs.
    Idle,
    /// A head is awaited or on its way, until the deadline.
    Reading(Instant),
    /// A request is served.
    Serving,
    /// So many bytes of the preface of HTTP/2 are awaited, until the deadline (RFC 9113, 3.4).
    Preface(Instant, usize),
    /// The deadline passed.
    TimedOut,
    /// The proxy answered by itself: it was no request.
    Rejected,
}

/// What the socket and the gateway know of one connection together.
#[derive(Debug)]
pub(super) struct HeadWatch {
    phase: Mutex<Phase>,
    refused: Mutex<Option<(Uuid, Denial)>>,
    timeout: Duration,
    /// Bytes read since the last request.
    bytes: AtomicUsize,
    websocket: OnceLock<Arc<WebSocket>>,
}

impl HeadWatch {
    /// For a connection that was just accepted.
    pub(super) fn new(timeout: Duration) -> Arc<Self> {
        let deadline = later(timeout);
        Arc::new(Self {
            phase: Mutex::new(Phase::Reading(deadline)),
            refused: Mutex::new(None),
            timeout,
            bytes: AtomicUsize::new(0),
            websocket: OnceLock::new(),
        })
    }

    /// For an HTTP/2 connection that was just accepted.
    pub(super) fn for_http2(timeout: Duration) -> Arc<Self> {
        let watch = Self::new(timeout);
        watch.set(Phase::Preface(later(timeout), PREFACE_BYTES));
        watch
    }

    /// Completes if there is no preface at the word to stop; later the proxy says goodbye itself.
    pub(super) async fn silent_at(&self, stop: &watch::Receiver<bool>) {
        stopped(stop).await;
        if !matches!(self.phase(), Phase::Preface(..)) {
            std::future::pending::<()>().await;
        }
    }

    /// The denial that was sent without a request, for its record.
    pub(super) fn refused(&self) -> Option<(Uuid, Denial)> {
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn set(&self, phase: Phase) {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner) = phase;
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn phase(&self) -> Phase {
        *self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A head or a preface came too late. HTTP/2 has no answer to that but the end.
    fn time_out(&self) {
        match self.phase() {
            Phase::Preface(..) => self.set(Phase::Serving),
            Phase::Idle
            | Phase::Reading(_)
            | Phase::Serving
            | Phase::TimedOut
            | Phase::Rejected => self.set(Phase::TimedOut),
        }
    }

    /// The first bytes after a request begin a head; those of HTTP/2 may be its whole preface.
    fn read_some(&self, count: usize) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
        match self.phase() {
            Phase::Idle => {
                self.bytes.store(count, Ordering::Relaxed);
                self.set(Phase::Reading(later(self.timeout)));
            }
            Phase::Preface(_, left) if left <= count => self.set(Phase::Serving),
            Phase::Preface(deadline, left) => {
                self.set(Phase::Preface(deadline, left.saturating_sub(count)));
            }
            Phase::Reading(_) | Phase::Serving | Phase::TimedOut | Phase::Rejected => {}
        }
    }

    /// The raw answer; its id and denial are kept for the record.
    fn refuse(&self, denial: Denial) -> Bytes {
        let id = clock::dated_id();
        let answer = answer::write(
            &denial,
            Asked {
                id,
                format: DenialFormat::Problem,
                accept: None,
                language: None,
                grpc: None,
                head: false,
                schemes: Schemes::default(),
            },
        );
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some((id, denial));
        let mut bytes = format!("HTTP/1.1 {}\r\n", answer.status).into_bytes();
        for (name, value) in &answer.headers {
            bytes.extend_from_slice(name.as_str().as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"connection: close\r\n\r\n");
        bytes.extend_from_slice(&answer.body);
        bytes.into()
    }
}

fn later(timeout: Duration) -> Instant {
    let now = Instant::from_std(clock::monotonic());
    now.checked_add(timeout).unwrap_or(now)
}

/// The socket of an HTTP/1.1 connection.
pub(super) struct Downstream {
    inner: BufWriter<Stream>,
    watch: Arc<HeadWatch>,
    deadline: Pin<Box<Sleep>>,
    read_any: bool,
    rejected_with: Option<Denial>,
    /// What is still to be written before the end, once that is known.
    last_word: Option<Bytes>,
    /// Once it is a WebSocket's.
    tunnel: Option<Tunnel>,
}

impl Downstream {
    /// Wraps a connection whose handshake, if any, is done.
    pub(super) fn new(inner: Stream, watch: Arc<HeadWatch>) -> Self {
        let deadline = Box::pin(tokio::time::sleep(watch.timeout));
        Self {
            inner: BufWriter::with_capacity(WRITTEN_TOGETHER, inner),
            watch,
            deadline,
            read_any: false,
            rejected_with: None,
            last_word: None,
            tunnel: None,
        }
    }

    /// What it reads and writes through, once it is a WebSocket's. Nothing is held back then: the answer
    /// before its handshake was flushed at its end.
    fn tunnel(&mut self) -> Option<(&mut Tunnel, &mut Stream)> {
        if let (None, Some(websocket)) = (&self.tunnel, self.watch.websocket.get()) {
            self.tunnel = Some(Tunnel::new(Arc::clone(websocket)));
        }
        let tunnel = self.tunnel.as_mut()?;
        Some((tunnel, self.inner.get_mut()))
    }
}

impl Downstream {
    /// The gateway's own answer where no request came to be.
    fn last_word(&mut self) -> Bytes {
        let denial = match self.watch.phase() {
            Phase::TimedOut if self.read_any => Some(Denial::RequestTimeout),
            Phase::Rejected => self.rejected_with.take(),
            Phase::Idle
            | Phase::Reading(_)
            | Phase::Serving
            | Phase::Preface(..)
            | Phase::TimedOut => None,
        };
        denial.map_or_else(Bytes::new, |denial| self.watch.refuse(denial))
    }
}

impl fmt::Debug for Downstream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Downstream")
            .field("watch", &self.watch)
            .finish_non_exhaustive()
    }
}

impl AsyncRead for Downstream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if let Some((tunnel, inner)) = self.tunnel() {
            return tunnel.poll_read(inner, context, buffer);
        }
        if let Phase::Reading(deadline) | Phase::Preface(deadline, _) = self.watch.phase() {
            if self.deadline.deadline() != deadline {
                self.deadline.as_mut().reset(deadline);
            }
            if self.deadline.as_mut().poll(context).is_ready() {
                self.watch.time_out();
                return Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()));
            }
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.read_any = true;
            self.watch
                .read_some(buffer.filled().len().saturating_sub(before));
        }
        if polled.is_pending() && !self.inner.buffer().is_empty() {
            // what comes of it is known to the next write
            let _sent = Pin::new(&mut self.inner).poll_flush(context);
        }
        polled
    }
}

impl AsyncWrite for Downstream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if let Some((tunnel, inner)) = self.tunnel() {
            return tunnel.poll_write(inner, context, bytes);
        }
        match self.watch.phase() {
            Phase::Serving | Phase::Idle | Phase::Preface(..) => {
                Pin::new(&mut self.inner).poll_write(context, bytes)
            }
            Phase::Reading(_) => {
                self.rejected_with = Some(if bytes.starts_with(b"HTTP/1.1 405") {
                    Denial::MethodNotAllowed(String::new()) // CONNECT
                } else {
                    Denial::Malformed(HeadFlaw::Syntax)
                });
                self.watch.set(Phase::Rejected);
                Poll::Ready(Ok(bytes.len()))
            }
            Phase::Rejected | Phase::TimedOut => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    /// The last word, then the end. A client that doesn't take the word within the time of a head is
    /// cut off.
    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        if let Some((tunnel, inner)) = self.tunnel() {
            ready!(tunnel.poll_end(inner, context));
        }
        if self.last_word.is_none() {
            self.last_word = Some(self.last_word());
            let until = later(self.watch.timeout);
            self.deadline.as_mut().reset(until);
        }
        while let Some(word) = self.last_word.clone().filter(|word| !word.is_empty()) {
            if self.deadline.as_mut().poll(context).is_ready() {
                return Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()));
            }
            let written = ready!(Pin::new(&mut self.inner).poll_write(context, &word))?;
            self.last_word = Some(word.slice(written.min(word.len())..));
        }
        ready!(Pin::new(&mut self.inner).poll_flush(context))?;
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[async_trait]
impl Shutdown for Downstream {
    async fn shutdown(&mut self) {
        if let Err(error) = AsyncWriteExt::shutdown(self).await {
            tracing::debug!(%error, "a client left before the end");
        }
    }
}
