//! How does the command line call a running gateway?
//!
//! One connection a call, by the socket or by TLS. A problem document comes back as the failure of the
//! command.

mod events;
mod way;

use std::error::Error;
use std::fmt;
use std::io::{ErrorKind, Write};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream as Probe;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::admin::api::CLOSURE_BYTES;
use crate::admin::ownership::IMPORT_BYTES;
use crate::admin::problem::Problem;
use crate::cli::{End, Failure};

use events::Events;
pub use way::Identity;
use way::{Secure, Way};

const IMPORT: &str = "/v1/ownership/import";
/// Longer than any disk takes that still works.
const WAIT: Duration = Duration::from_secs(30);
/// For an import of the largest size allowed.
const IMPORT_WAIT: Duration = Duration::from_secs(600);
/// For the first line of an export: a directory in Redis is read whole before it.
const EXPORT_WAIT: Duration = Duration::from_secs(1_800);
/// Longest silence of a stream of events: a gateway says something every 15 s.
const SILENCE: Duration = Duration::from_secs(60);
/// Bytes of an answer: a board of a million vehicles.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

type Flaw = Box<dyn Error + Send + Sync>;

/// A way to a gateway.
pub struct Client {
    way: Way,
    runtime: Runtime,
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client")
            .field("way", &self.way.shown())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Finds the gateway behind a socket. `None` if there is no such socket, or nobody listens.
    ///
    /// # Errors
    /// The socket may not be used, or is none.
    pub fn connect(socket: &Path) -> Result<Option<Self>, Failure> {
        if let Err(error) = Probe::connect(socket) {
            return not_reached(socket, &error);
        }
        Self::by(Way::Socket(socket.to_owned())).map(Some)
    }

    /// A gateway's TLS address, such as `https://gw1.internal:9443`. Nothing is sent yet.
    ///
    /// # Errors
    /// No such URL; files that can't be used.
    pub fn secure(url: &str, identity: &Identity<'_>) -> Result<Self, Failure> {
        Self::by(Way::Secure(Secure::new(url, identity)?))
    }

    fn by(way: Way) -> Result<Self, Failure> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| way::failure(&way.shown(), &error))?;
        Ok(Self { way, runtime })
    }

    /// Makes one call and waits for its answer, at most 30 s, or 10 minutes for an import. Must not
    /// be called within a runtime.
    ///
    /// # Errors
    /// No whole answer in time, or an answer that says no: a problem document's failure.
    pub fn send(
        &self,
        method: Method,
        path_and_query: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let mut headers = HeaderMap::new();
        if !method.is_safe() {
            // whatever is there: who depends on what was seen says so by `send_with`
            headers.insert(header::IF_MATCH, HeaderValue::from_static("*"));
        }
        let sent = self.send_with(method, path_and_query, headers, body)?;
        Ok((sent.0, sent.2))
    }

    /// The same with headers, such as `If-Match`, and with those of the answer.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn send_with(
        &self,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Failure> {
        let import = path_and_query.starts_with(IMPORT);
        let (wait, most, kind) = if import {
            (IMPORT_WAIT, IMPORT_BYTES, "application/x-ndjson")
        } else {
            (WAIT, CLOSURE_BYTES, "application/json")
        };
        if body.len() > most {
            // said here: a gateway that refuses it early is not heard by who still sends
            let message = format!("{} bytes are too much; the limit is {most}", body.len());
            return Err(Failure::new(End::InvalidInput, message));
        }
        let mut request = self.request(method, path_and_query, headers, body)?;
        let kind = HeaderValue::from_static(kind);
        request
            .headers_mut()
            .entry(header::CONTENT_TYPE)
            .or_insert(kind);
        let answer = self.runtime.block_on(async {
            let waited = timeout(wait, self.call(request)).await;
            waited.unwrap_or_else(|_| {
                let seconds = wait.as_secs();
                Err(format!("no answer within {seconds} s; it may have been done").into())
            })
        });
        let (status, headers, bytes) = answer.map_err(|flaw| self.failed(&*flaw))?;
        if status.is_success() {
            return Ok((status, headers, bytes));
        }
        Err(self.refused(status, &bytes))
    }

    /// Follows a stream of server-sent events: `each` gets the data of every event, until it breaks
    /// or the gateway ends the stream. Must not be called within a runtime.
    ///
    /// # Errors
    /// The stream is refused or breaks off, or says nothing for 60 s.
    pub fn follow(
        &self,
        path_and_query: &str,
        mut each: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("text/event-stream");
        headers.insert(header::ACCEPT, kind);
        let request = self.request(Method::GET, path_and_query, headers, Bytes::new())?;
        self.runtime.block_on(async {
            let (answer, _driven) = self.begin(request, WAIT).await?;
            let followed = follow(answer.into_body(), &mut each).await;
            followed.map_err(|flaw| self.failed(&*flaw))
        })
    }

    /// Writes what a call answers to `out`, as it comes. Must not be called within a runtime.
    ///
    /// # Errors
    /// It is refused or breaks off, or nothing comes for 60 s once it began: what was written is not all of it.
    pub fn download(&self, path: &str, out: &mut dyn Write) -> Result<(), Failure> {
        let request = self.request(Method::GET, path, HeaderMap::new(), Bytes::new())?;
        self.runtime.block_on(async {
            let (answer, _driven) = self.begin(request, EXPORT_WAIT).await?;
            let mut body = answer.into_body();
            loop {
                let Ok(frame) = timeout(SILENCE, body.frame()).await else {
                    let flaw: Flaw = format!("nothing came for {} s", SILENCE.as_secs()).into();
                    return Err(self.failed(&*flaw));
                };
                let Some(frame) = frame else {
                    return Ok(());
                };
                let Ok(bytes) = frame.map_err(|flaw| self.failed(&flaw))?.into_data() else {
                    continue; // trailers say nothing here
                };
                out.write_all(&bytes).map_err(|error| {
                    let message = format!("what came can't be written: {error}");
                    Failure::new(End::Failed, message)
                })?;
            }
        })
    }

    /// Sends it, and answers once the gateway began to.
    async fn begin(
        &self,
        request: Request<Full<Bytes>>,
        wait: Duration,
    ) -> Result<(Response<Incoming>, Driven), Failure> {
        let asked = timeout(wait, self.ask(request)).await;
        let (answer, driven) = asked
            .unwrap_or_else(|_| Err("no answer".into()))
            .map_err(|flaw| self.failed(&*flaw))?;
        let status = answer.status();
        if status.is_success() {
            return Ok((answer, driven));
        }
        let body = timeout(WAIT, collect(answer)).await;
        let bytes = body.ok().and_then(Result::ok).unwrap_or_default();
        Err(self.refused(status, &bytes))
    }

    fn request(
        &self,
        method: Method,
        path_and_query: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let built = Request::builder()
            .method(method)
            .uri(path_and_query)
            .header(header::HOST, self.way.host())
            .body(Full::new(body));
        let mut request = built.map_err(|error| self.failed(&error))?;
        request.headers_mut().extend(headers);
        Ok(request)
    }

    async fn call(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Flaw> {
        let (mut answer, _driven) = self.ask(request).await?;
        let headers = std::mem::take(answer.headers_mut());
        let status = answer.status();
        Ok((status, headers, collect(answer).await?))
    }

    /// Sends it. The connection lasts as long as what is answered second.
    async fn ask(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Driven), Flaw> {
        let stream = self.way.connect().await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let driven = Driven(tokio::spawn(connection).abort_handle());
        Ok((sender.send_request(request).await?, driven))
    }

    fn refused(&self, status: StatusCode, bytes: &[u8]) -> Failure {
        if let Ok(problem) = serde_json::from_slice::<Problem>(bytes) {
            return problem.into_failure();
        }
        let shown = self.way.shown();
        Failure::new(End::Failed, format!("{shown}: answered {status}"))
    }

    fn failed(&self, flaw: &(dyn Error + 'static)) -> Failure {
        way::failure(&self.way.shown(), flaw)
    }
}

/// A connection at work; it ends with this.
struct Driven(AbortHandle);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn collect(answer: Response<Incoming>) -> Result<Bytes, Flaw> {
    let body = Limited::new(answer.into_body(), ANSWER_BYTES);
    let body = body.collect().await;
    let body = body.map_err(|error| format!("its answer broke off: {error}"))?;
    Ok(body.to_bytes())
}

async fn follow(
    mut body: Incoming,
    each: &mut impl FnMut(&str) -> ControlFlow<()>,
) -> Result<(), Flaw> {
    let mut events = Events::default();
    loop {
        let Ok(frame) = timeout(SILENCE, body.frame()).await else {
            return Err(format!("no word for {} s", SILENCE.as_secs()).into());
        };
        let Some(frame) = frame else {
            return Ok(());
        };
        let Ok(bytes) = frame?.into_data() else {
            continue; // trailers say nothing here
        };
        for event in events.take(&bytes)? {
            if each(&event).is_break() {
                return Ok(());
            }
        }
    }
}

/// Nobody there is an answer; anything else in the way is a failure.
fn not_reached(socket: &Path, error: &std::io::Error) -> Result<Option<Client>, Failure> {
    let kind = error.kind();
    let shown = socket.display();
    if matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused) {
        return Ok(None);
    }
    if kind == ErrorKind::PermissionDenied {
        let message = format!("the admin socket `{shown}` is not open to you");
        return Err(Failure::new(End::Refused, message));
    }
    let message = format!("admin socket `{shown}`: {error}");
    Err(Failure::new(End::Failed, message))
}

#[cfg(test)]
mod tests;
