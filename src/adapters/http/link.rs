//! Is there a connection to the service, and what comes back over it?
//!
//! Connections are kept, each for a minute at most: then names are looked up and files are read
//! anew, so that a service that moved, and a certificate or token that was renewed, count without a
//! restart.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, spawn_blocking};
use tokio_rustls::TlsConnector;

use super::access::{Access, AccessFiles};
use super::answer::Answer;
use crate::clock;
use crate::config::template::Template;
use crate::pipeline::ports::LookupError;

/// Largest head of one.
const HEAD_BYTES: usize = 64 * 1024;

/// How long a connection is used.
const LIFETIME: Duration = Duration::from_secs(60);

/// The way to a service.
pub(in crate::adapters) struct Link {
    server: Template,
    name: ServerName<'static>,
    authority: HeaderValue,
    files: Arc<AccessFiles>,
    /// Largest body of an answer.
    most_bytes: usize,
    /// As the files were when they could last be read.
    access: Mutex<Access>,
    idle: Mutex<Vec<Connection>>,
}

/// A question. Either may be asked twice.
#[derive(Clone, Copy)]
pub(in crate::adapters) enum Ask<'a> {
    /// For a path.
    Get(&'a str),
    /// By a form that changes nothing, sent to a path.
    Form(&'a str, &'a Bytes),
}

/// Why there is no answer.
#[derive(Debug)]
pub(in crate::adapters) struct Failed {
    pub(in crate::adapters) error: LookupError,
    /// In words, for a log.
    pub(in crate::adapters) why: String,
}

impl Failed {
    fn unreachable(why: String) -> Self {
        let error = LookupError::Unreachable;
        Self { error, why }
    }

    /// Bytes that are no HTTP come from somebody who speaks something else.
    fn of(failed: &hyper::Error) -> Self {
        let error = if failed.is_parse() {
            LookupError::Malformed
        } else {
            LookupError::Unreachable
        };
        let cause = std::error::Error::source(failed);
        let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
        let why = format!("{failed}{cause}");
        Self { error, why }
    }
}

/// One connection, free to be asked.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authorization: Option<HeaderValue>,
    made_at: Instant,
    _driven: Driven,
}

/// A connection at work; it ends with this.
struct Driven(AbortHandle);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// To the server of this URL. Reads files, and connects to nothing yet.
    ///
    /// # Errors
    /// A file can't be read, or holds something else.
    pub(in crate::adapters) fn new(
        server: &Template,
        files: AccessFiles,
        most_bytes: usize,
    ) -> Result<Self, String> {
        let bare = server.bare_host();
        let name = ServerName::try_from(bare.to_owned());
        let authority = format!("{}:{}", server.host, server.port);
        let authority = HeaderValue::try_from(authority).map_err(|error| error.to_string())?;
        let access = Access::read(&files)?;
        if server.is_encrypted && access.tls.is_none() {
            return Err(format!("`{}.ca_file` is missing", files.table));
        }
        Ok(Self {
            name: name.map_err(|error| format!("`{bare}`: no host: {error}"))?,
            server: server.clone(),
            authority,
            files: Arc::new(files),
            most_bytes,
            access: Mutex::new(access),
            idle: Mutex::default(),
        })
    }

    /// Asks, with more header fields. Takes as long as it takes.
    pub(in crate::adapters) async fn ask(
        &self,
        ask: Ask<'_>,
        more: &HeaderMap,
    ) -> Result<Answer, Failed> {
        if let Some(connection) = self.take()
            && let Ok(answer) = self.ask_over(connection, ask, more).await
        {
            return Ok(answer);
        }
        // a kept connection may have been closed meanwhile, and a question may be asked twice
        let connection = self.connect().await?;
        self.ask_over(connection, ask, more).await
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = lock(&self.idle);
        idle.retain(|one| !one.sender.is_closed() && one.made_at.elapsed() < LIFETIME);
        idle.pop()
    }

    async fn ask_over(
        &self,
        mut connection: Connection,
        ask: Ask<'_>,
        more: &HeaderMap,
    ) -> Result<Answer, Failed> {
        let mut request = self.request(ask).map_err(|error| Failed {
            error: LookupError::Malformed,
            why: error.to_string(),
        })?;
        request.headers_mut().extend(more.clone());
        if let Some(authorization) = &connection.authorization {
            let headers = request.headers_mut();
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let sender = &mut connection.sender;
        sender.ready().await.map_err(|error| Failed::of(&error))?;
        let answer = sender.send_request(request).await;
        let (head, body) = answer.map_err(|error| Failed::of(&error))?.into_parts();
        let body = match Limited::new(body, self.most_bytes).collect().await {
            Ok(body) => {
                lock(&self.idle).push(connection);
                Some(body.to_bytes())
            }
            Err(error) if error.is::<LengthLimitError>() => None,
            Err(error) => return Err(Failed::unreachable(format!("it breaks off: {error}"))),
        };
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    fn request(&self, ask: Ask<'_>) -> http::Result<Request<Full<Bytes>>> {
        let request = Request::builder()
            .header(header::HOST, &self.authority)
            .header(header::ACCEPT, "application/json")
            .header(header::CACHE_CONTROL, "no-cache"); // what is asked fresh is meant so
        match ask {
            Ask::Get(path) => request.uri(path).body(Full::default()),
            Ask::Form(path, form) => request
                .method(Method::POST)
                .uri(path)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Full::new(form.clone())),
        }
    }

    async fn connect(&self) -> Result<Connection, Failed> {
        let access = self.read_access().await;
        let connected = self.connect_with(access).await;
        connected.map_err(|error| Failed::unreachable(format!("no connection: {error}")))
    }

    async fn connect_with(&self, access: Access) -> io::Result<Connection> {
        let server = (self.server.bare_host(), self.server.port);
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let (sender, driven) = match access.tls {
            None => shake(TokioIo::new(stream)).await?,
            Some(tls) => {
                let stream = TlsConnector::from(tls).connect(self.name.clone(), stream);
                shake(TokioIo::new(stream.await?)).await?
            }
        };
        Ok(Connection {
            sender,
            authorization: access.authorization,
            made_at: clock::monotonic(),
            _driven: driven,
        })
    }

    /// What the files hold now; while they can't be read, what they held before.
    async fn read_access(&self) -> Access {
        let files = Arc::clone(&self.files);
        let read = spawn_blocking(move || Access::read(&files)).await;
        let read = read.unwrap_or_else(|error| Err(error.to_string()));
        let mut access = lock(&self.access);
        match read {
            Ok(read) => *access = read,
            Err(flaw) => tracing::warn!(flaw, "a file can't be used: what it held before counts"),
        }
        access.clone()
    }
}

async fn shake<T>(stream: T) -> io::Result<(SendRequest<Full<Bytes>>, Driven)>
where
    T: Read + Write + Unpin + Send + 'static,
{
    let shaken = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .handshake(stream);
    let (sender, connection) = shaken.await.map_err(io::Error::other)?;
    Ok((sender, Driven(tokio::spawn(connection).abort_handle())))
}

/// Nothing in it can be half done.
fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
