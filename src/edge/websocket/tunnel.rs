//! What passes through the socket of a WebSocket, and what is the last thing that does?
//!
//! The client's socket as the proxy library reads and writes it. It is followed frame by frame in both
//! directions; at its end the gateway says its own Close frames, and what either side still sends is
//! dropped.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use pingora::protocols::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use uuid::Uuid;

use crate::clock;
use crate::denial::{Denial, HeadFlaw, ResponseFlaw, TokenFlaw};
use crate::edge::websocket::frames::{self, Frames, Sender};
use crate::edge::websocket::{Code, Haste, WebSocket};

/// Ends the head of the upstream's answer; frames follow.
const HEAD_END: &[u8; 4] = b"\r\n\r\n";

/// The socket of a WebSocket.
#[derive(Debug)]
pub(in crate::edge) struct Tunnel {
    shared: Arc<WebSocket>,
    phase: Phase,
    from_client: Frames,
    to_client: Frames,
    /// How many bytes of [`HEAD_END`] were the last ones written.
    head: usize,
    /// When something last passed.
    last: Instant,
    timer: Pin<Box<Sleep>>,
    /// The gateway's Close frame to the upstream, until it is read.
    parting: Option<Bytes>,
}

#[derive(Debug)]
enum Phase {
    /// The answer to the handshake is awaited or on its way.
    Handshake,
    /// Frames pass.
    Open,
    /// Nothing of the client's passes any more; the upstream's frame under way goes on to its end.
    Leaving(Code, Haste),
    /// This is left of the Close frame to the client.
    Saying(Bytes, Haste),
    /// The client's own Close frame is awaited.
    Said,
    /// It has ended.
    Over,
}

impl Tunnel {
    pub(in crate::edge) fn new(shared: Arc<WebSocket>) -> Self {
        let timer = Box::pin(tokio::time::sleep_until(shared.terms.answer_by.into()));
        Self {
            shared,
            phase: Phase::Handshake,
            from_client: Frames::of(Sender::Client),
            to_client: Frames::of(Sender::Server),
            head: 0,
            last: clock::monotonic().into(),
            timer,
            parting: None,
        }
    }

    /// Reads for the upstream: what the client says, and in the end the gateway's own Close frame.
    pub(in crate::edge) fn poll_read(
        &mut self,
        inner: &mut Stream,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.shared.wake_by(context.waker());
        self.look(context);
        match self.phase {
            Phase::Handshake => {
                if self.is_time_up(context) {
                    self.shared.give_up();
                    return Poll::Ready(Err(std::io::ErrorKind::TimedOut.into()));
                }
                Pin::new(inner).poll_read(context, buffer)
            }
            Phase::Open => self.poll_client(inner, context, buffer),
            Phase::Leaving(..) | Phase::Saying(..) | Phase::Said | Phase::Over => {
                self.poll_leave(inner, context, buffer)
            }
        }
    }

    fn poll_client(
        &mut self,
        inner: &mut Stream,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(inner).poll_read(context, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        if !read.is_empty() {
            self.last = clock::monotonic().into();
        }
        if self.from_client.pass(read).is_err() {
            buffer.set_filled(before);
            self.cut(Denial::Malformed(HeadFlaw::Frame)); // RFC 6455, 7.1.7
        }
        Poll::Ready(Ok(()))
    }

    /// The end as the upstream sees it: a Close frame if one can stand here, then nothing.
    fn poll_leave(
        &mut self,
        inner: &mut Stream,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        ready!(self.poll_say(inner, context)); // the client first: the upstream may end it all
        let fits = |frame: &Bytes| frame.len() <= buffer.remaining();
        if let Some(frame) = self.parting.take().filter(fits) {
            buffer.put_slice(&frame);
            return Poll::Ready(Ok(()));
        }
        self.poll_end(inner, context).map(Ok)
    }

    /// Writes what the upstream says, up to the gateway's own Close frame.
    pub(in crate::edge) fn poll_write(
        &mut self,
        inner: &mut Stream,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.look(context);
        let wanted = match &self.phase {
            Phase::Handshake => return self.poll_write_head(inner, context, bytes),
            Phase::Open => {
                let mut ahead = self.to_client.clone();
                ahead.pass(bytes).map(|()| bytes.len())
            }
            Phase::Leaving(..) => self.to_client.rest_of_frame(bytes),
            Phase::Saying(..) | Phase::Said | Phase::Over => Ok(0),
        };
        let Ok(wanted) = wanted else {
            self.cut(Denial::ResponseWithheld(ResponseFlaw::Frame));
            return Poll::Ready(Err(std::io::ErrorKind::InvalidData.into()));
        };
        let passing = bytes.get(..wanted).unwrap_or_default();
        if passing.is_empty() {
            return Poll::Ready(Ok(bytes.len())); // dropped: it has ended
        }
        let written = ready!(Pin::new(inner).poll_write(context, passing))?;
        let passed = passing.get(..written).unwrap_or_default();
        self.last = clock::monotonic().into();
        if self.to_client.pass(passed).is_err() {
            self.cut(Denial::ResponseWithheld(ResponseFlaw::Frame));
        }
        Poll::Ready(Ok(written))
    }

    /// The head of an answer. Frames follow the one by which the upstream agreed; every other one is
    /// an answer like any.
    fn poll_write_head(
        &mut self,
        inner: &mut Stream,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let end = if self.shared.has_agreed() {
            self.head_end(bytes)
        } else {
            None
        };
        let head = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or(bytes);
        let written = ready!(Pin::new(inner).poll_write(context, head))?;
        if end == Some(written) {
            self.phase = Phase::Open;
            self.last = clock::monotonic().into();
            context.waker().wake_by_ref(); // an end may be wanted already
        } else {
            self.head = self.matched(head.get(..written).unwrap_or(head));
        }
        Poll::Ready(Ok(written))
    }

    /// How many of these bytes belong to the head, if its end is among them.
    fn head_end(&self, bytes: &[u8]) -> Option<usize> {
        let before = HEAD_END.get(..self.head).unwrap_or_default();
        let written = [before, bytes].concat();
        let mut windows = written.windows(HEAD_END.len());
        let at = windows.position(|window| window == HEAD_END)?;
        at.checked_add(HEAD_END.len())?.checked_sub(before.len())
    }

    /// How many bytes of [`HEAD_END`] stand at the end of what was written and these.
    fn matched(&self, bytes: &[u8]) -> usize {
        let before = HEAD_END.get(..self.head).unwrap_or_default();
        let written: Vec<u8> = [before, bytes].concat();
        let is_tail = |length: &usize| written.ends_with(HEAD_END.get(..*length).unwrap_or(&[0]));
        (0..=HEAD_END.len()).rev().find(is_tail).unwrap_or(0)
    }

    /// Says what is left to say to the client, and waits for its answer. Ends within the time that
    /// there is for that.
    pub(in crate::edge) fn poll_end(
        &mut self,
        inner: &mut Stream,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        ready!(self.poll_say(inner, context));
        while matches!(self.phase, Phase::Said) {
            if self.from_client.has_closed() || self.is_time_up(context) {
                self.phase = Phase::Over;
                break;
            }
            let mut dropped = [0; 4_096];
            let mut buffer = ReadBuf::new(&mut dropped);
            let read = ready!(Pin::new(&mut *inner).poll_read(context, &mut buffer));
            let gone = read.is_err() || buffer.filled().is_empty();
            if gone || self.from_client.pass(buffer.filled()).is_err() {
                self.phase = Phase::Over;
            }
        }
        Poll::Ready(())
    }

    /// Says the Close frame, as soon as one can stand where the client reads.
    fn poll_say(&mut self, inner: &mut Stream, context: &mut Context<'_>) -> Poll<()> {
        while matches!(self.phase, Phase::Leaving(..) | Phase::Saying(..)) {
            if self.is_time_up(context) {
                self.phase = Phase::Over;
                break;
            }
            match &mut self.phase {
                Phase::Leaving(code, haste) if self.to_client.at_boundary() => {
                    let said = self.to_client.has_closed(); // by the upstream itself
                    let frame = if said {
                        Bytes::new()
                    } else {
                        frames::close(code.number(), None)
                    };
                    self.phase = Phase::Saying(frame, *haste);
                }
                Phase::Saying(frame, haste) if frame.is_empty() => {
                    let next = match haste {
                        Haste::InOrder => Phase::Said,
                        Haste::AtOnce => Phase::Over,
                    };
                    // Whether the client takes it or not, the end comes in time.
                    let _taken = ready!(Pin::new(&mut *inner).poll_flush(context));
                    self.phase = next;
                }
                Phase::Saying(frame, _) => {
                    match ready!(Pin::new(&mut *inner).poll_write(context, frame)) {
                        Ok(written) => *frame = frame.slice(written.min(frame.len())..),
                        Err(_) => self.phase = Phase::Over,
                    }
                }
                Phase::Leaving(..) | Phase::Handshake | Phase::Open | Phase::Said | Phase::Over => {
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }

    /// Whether it is to end now, and if not, when.
    fn look(&mut self, context: &mut Context<'_>) {
        if !matches!(self.phase, Phase::Open) {
            return;
        }
        let now: Instant = clock::monotonic().into();
        let terms = self.shared.terms;
        let silent_at = self.last.checked_add(terms.idle);
        let expires_at = terms.expires_at.map(Instant::from);
        if let Some((code, haste)) = self.shared.wanted() {
            self.leave(code, haste);
        } else if expires_at.is_some_and(|at| at <= now) {
            self.note(Denial::TokenInvalid(TokenFlaw::Expired));
            self.leave(Code::PolicyViolation, Haste::InOrder);
        } else if silent_at.is_some_and(|at| at <= now) {
            self.note(Denial::RequestTimeout);
            self.leave(Code::GoingAway, Haste::InOrder);
        } else if let Some(next) = silent_at.into_iter().chain(expires_at).min() {
            // Set anew only once it was reached: something passes all the time.
            if self.timer.is_elapsed() || self.timer.deadline() > next {
                self.timer.as_mut().reset(next);
            }
            if self.timer.as_mut().poll(context).is_ready() {
                context.waker().wake_by_ref();
            }
        }
    }

    /// From now on nothing of the client's passes.
    fn leave(&mut self, code: Code, haste: Haste) {
        let at_boundary = self.to_client.at_boundary();
        self.phase = match haste {
            Haste::AtOnce if !at_boundary => Phase::Over,
            Haste::InOrder | Haste::AtOnce => Phase::Leaving(code, haste),
        };
        if self.from_client.at_boundary() && !self.from_client.has_closed() {
            let mask = *Uuid::new_v4().as_bytes();
            let mask = mask.first_chunk().copied();
            self.parting = Some(frames::close(Code::GoingAway.number(), mask));
        }
        let now = clock::monotonic();
        let until = now.checked_add(haste.limit()).unwrap_or(now);
        self.timer.as_mut().reset(until.into());
    }

    fn is_time_up(&mut self, context: &mut Context<'_>) -> bool {
        self.timer.as_mut().poll(context).is_ready()
    }

    /// Nobody knows where a frame could stand: the end without a word.
    fn cut(&mut self, denial: Denial) {
        self.note(denial);
        self.phase = Phase::Over;
    }

    fn note(&self, denial: Denial) {
        self.shared.cut_by.get_or_init(|| denial);
    }
}
