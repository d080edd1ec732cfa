//! How does the command line call a running gateway?
//!
//! One connection a call. A problem document comes back as the failure of the command.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::runtime::{Builder, Runtime};

use crate::admin::api::CLOSURE_BYTES;
use crate::admin::ownership::IMPORT_BYTES;
use crate::admin::problem::Problem;
use crate::cli::{End, Failure};

const IMPORT: &str = "/v1/ownership/import";
/// Longer than any disk takes that still works.
const WAIT: Duration = Duration::from_secs(30);
/// For an import of the largest size allowed.
const IMPORT_WAIT: Duration = Duration::from_secs(600);
/// Bytes of an answer: a board of a million vehicles.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A way to a gateway that was listening a moment ago.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    runtime: Runtime,
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
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(socket, &error.to_string()))?;
        let socket = socket.to_owned();
        Ok(Some(Self { socket, runtime }))
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
        let request = Request::builder()
            .method(method)
            .uri(path_and_query)
            .header(header::HOST, "vingate")
            .header(header::CONTENT_TYPE, kind)
            .body(Full::new(body))
            .map_err(|error| failed(&self.socket, &error.to_string()))?;
        let answer = self.runtime.block_on(async {
            let waited = tokio::time::timeout(wait, call(&self.socket, request)).await;
            waited.unwrap_or_else(|_| {
                let seconds = wait.as_secs();
                Err(format!(
                    "no answer within {seconds} s; it may have been done"
                ))
            })
        });
        let (status, bytes) = answer.map_err(|flaw| failed(&self.socket, &flaw))?;
        if status.is_success() {
            return Ok((status, bytes));
        }
        Err(match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) => problem.into_failure(),
            Err(_) => failed(&self.socket, &format!("answered {status}")),
        })
    }
}

/// Nobody there is an answer; anything else in the way is a failure.
fn not_reached(socket: &Path, error: &std::io::Error) -> Result<Option<Client>, Failure> {
    let kind = error.kind();
    if matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused) {
        return Ok(None);
    }
    if kind == ErrorKind::PermissionDenied {
        let shown = socket.display();
        let message = format!("the admin socket `{shown}` belongs to another user");
        return Err(Failure::new(End::Refused, message));
    }
    Err(failed(socket, &error.to_string()))
}

fn failed(socket: &Path, flaw: &str) -> Failure {
    let shown = socket.display();
    Failure::new(End::Failed, format!("admin socket `{shown}`: {flaw}"))
}

async fn call(socket: &Path, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
    let stream = UnixStream::connect(socket).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    let driven = tokio::spawn(connection);
    let answer = sender.send_request(request).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER_BYTES)
        .collect()
        .await;
    driven.abort();
    let body = body.map_err(|error| format!("its answer broke off: {error}"))?;
    Ok((status, body.to_bytes()))
}
