//! Under which conditions is an unsafe call carried out?
//!
//! Who changes something says which state they saw (`If-Match`, RFC 9110, 13.1.1), and may name the
//! call (`Idempotency-Key`), so that a repeated one is answered and not done again. A browser that was
//! led here from elsewhere (`Origin`) changes nothing.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, header};

use crate::admin::api::CLOSURE_BYTES;
use crate::admin::person::Person;
use crate::admin::problem::Problem;
use crate::digest;

/// draft-ietf-httpapi-idempotency-key-header.
pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Calls of one person whose answers are remembered. Each has their own: a busy one takes nothing
/// from another.
const REMEMBERED: usize = 100;
/// Characters of a key.
const KEY: usize = 128;

/// Which state the caller saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IfMatch {
    /// Any: the change makes sense whatever it is.
    Any,
    /// One of these tags.
    Tags(Vec<String>),
}

impl IfMatch {
    /// # Errors
    /// 412: the state is another one by now.
    pub(super) fn check(&self, tag: &str) -> Result<(), Problem> {
        match self {
            Self::Any => Ok(()),
            Self::Tags(tags) if tags.iter().any(|seen| seen == tag) => Ok(()),
            Self::Tags(_) => {
                let detail = format!("it changed meanwhile and is {tag} now: look again");
                let code = "precondition-failed";
                Err(Problem::new(StatusCode::PRECONDITION_FAILED, code, detail))
            }
        }
    }

    fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut tags = Vec::new();
        for value in headers.get_all(header::IF_MATCH) {
            let text = value.to_str().unwrap_or_default();
            tags.extend(text.split(',').map(|tag| tag.trim().to_owned()));
        }
        match tags.as_slice() {
            [] => {
                let detail = "say which state this is about: `If-Match` with its `ETag`, or `*`";
                let (status, code) = (StatusCode::PRECONDITION_REQUIRED, "precondition-required");
                Err(Problem::new(status, code, detail))
            }
            [any] if any == "*" => Ok(Self::Any),
            _ => Ok(Self::Tags(tags)),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::read(&parts.headers)
    }
}

/// Answers of calls that were named, by person: those that the operating system or a certificate
/// authority knows, so not many.
#[derive(Clone, Default)]
pub(super) struct Answered(Arc<Mutex<HashMap<String, Kept>>>);

/// A person, and the digest of the name that they gave a call.
type Named<'a> = (&'a str, [u8; 32]);

#[derive(Default)]
struct Kept {
    order: VecDeque<[u8; 32]>,
    answers: HashMap<[u8; 32], Answer>,
}

/// `done` is `None` while the first call is still on its way.
struct Answer {
    asked: [u8; 32],
    done: Option<(StatusCode, HeaderMap, Bytes)>,
}

impl fmt::Debug for Answered {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Answered(..)")
    }
}

impl Answered {
    fn hold(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer that was given to this call; `None` where it is to be made now.
    fn begin(
        &self,
        (person, key): Named<'_>,
        asked: [u8; 32],
    ) -> Result<Option<Response>, Problem> {
        let mut persons = self.hold();
        let kept = persons.entry(person.to_owned()).or_default();
        if let Some(answer) = kept.answers.get(&key) {
            if answer.asked != asked {
                let detail = "this idempotency key was used for another call";
                let code = "idempotency-key-reused";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail));
            }
            let Some((status, headers, body)) = answer.done.clone() else {
                let detail = "the same call is still being carried out";
                return Err(Problem::new(StatusCode::CONFLICT, "in-progress", detail));
            };
            let mut response = Response::new(Body::from(body));
            *response.status_mut() = status;
            *response.headers_mut() = headers;
            return Ok(Some(response));
        }
        if kept.order.len() >= REMEMBERED
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.answers.remove(&oldest);
        }
        kept.order.push_back(key);
        kept.answers.insert(key, Answer { asked, done: None });
        Ok(None)
    }

    /// Remembers what came of it. What failed here may be tried again.
    fn end(&self, (person, key): Named<'_>, done: Option<(StatusCode, HeaderMap, Bytes)>) {
        let mut persons = self.hold();
        let Some(kept) = persons.get_mut(person) else {
            return;
        };
        if done.is_none() {
            kept.answers.remove(&key);
            kept.order.retain(|one| *one != key);
        } else if let Some(answer) = kept.answers.get_mut(&key) {
            answer.done = done;
        }
    }
}

/// Checks what is asked of every call before it is carried out.
pub(super) async fn check(
    State(answered): State<Answered>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(problem) = origin(request.headers()) {
        return problem.into_response();
    }
    if request.method().is_safe() || !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    match once(&answered, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

/// A page of another origin must not change anything, whoever's browser it runs in. The command line
/// sends no `Origin`.
fn origin(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return Ok(());
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let own = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix("https://"));
    if own.is_some() && own == host {
        return Ok(());
    }
    let detail = "a call from a page of another origin is refused";
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "foreign-origin",
        detail,
    ))
}

async fn once(answered: &Answered, request: Request, next: Next) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let name = parts.headers.get(IDEMPOTENCY_KEY);
    let name = name.and_then(|name| name.to_str().ok()).unwrap_or_default();
    if name.is_empty() || name.len() > KEY || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        let detail = format!("an idempotency key is 1 to {KEY} printable characters");
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed-request",
            detail,
        ));
    }
    let bytes = to_bytes(body, CLOSURE_BYTES).await.map_err(|_| {
        let detail = format!("a named call takes at most {CLOSURE_BYTES} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", detail)
    })?;
    let person = parts.extensions.get::<Person>();
    let person = person.map_or_else(String::new, |person| person.name.clone());
    let key = digest::sha256_of_parts([name.as_bytes()]);
    let target = parts.uri.to_string();
    let asked = [parts.method.as_str().as_bytes(), target.as_bytes(), &bytes];
    if let Some(response) = answered.begin((&person, key), digest::sha256_of_parts(asked))? {
        return Ok(response);
    }
    // on its own: if the caller hangs up, the answer is kept for the next call of that name
    let answered = answered.clone();
    let work = tokio::spawn(async move {
        let response = next
            .run(Request::from_parts(parts, Body::from(bytes)))
            .await;
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let done = (head.status, head.headers.clone(), body.clone());
        let kept = !head.status.is_server_error();
        answered.end((&person, key), kept.then_some(done));
        Response::from_parts(head, Body::from(body))
    });
    work.await
        .map_err(|_| Problem::failed("the call broke off: list the switches"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_change_says_which_state_it_is_about() {
        let read = |value| IfMatch::read(&headers(&[(header::IF_MATCH, value)]));
        assert!(IfMatch::read(&HeaderMap::new()).is_err());
        assert_eq!(read("*").unwrap(), IfMatch::Any);
        let tags = read("\"3\", \"4\"").unwrap();
        assert!(tags.check("\"4\"").is_ok());
        assert!(tags.check("\"5\"").is_err());
        assert!(IfMatch::Any.check("\"5\"").is_ok());
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let table = [
            (None, true),
            (Some("https://gw.internal:9443"), true),
            (Some("http://gw.internal:9443"), false),
            (Some("https://evil.example"), false),
            (Some("null"), false),
        ];
        for (origin, allowed) in table {
            let mut all = headers(&[(header::HOST, "gw.internal:9443")]);
            if let Some(origin) = origin {
                all.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(super::origin(&all).is_ok(), allowed, "{origin:?}");
        }
    }

    #[test]
    fn a_named_call_is_done_once_and_answered_again() {
        let answered = Answered::default();
        let (key, asked) = (("eve", [1; 32]), [2; 32]);
        assert!(answered.begin(key, asked).unwrap().is_none());
        assert!(answered.begin(key, asked).is_err(), "it is on its way");
        let done = (
            StatusCode::CREATED,
            HeaderMap::new(),
            Bytes::from_static(b"done"),
        );
        answered.end(key, Some(done));
        let again = answered.begin(key, asked).unwrap().unwrap();
        assert_eq!(again.status(), StatusCode::CREATED);
        assert!(answered.begin(key, [3; 32]).is_err(), "another call");
        answered.end(key, None);
        assert!(
            answered.begin(key, [3; 32]).unwrap().is_none(),
            "what failed may be tried again"
        );
    }

    #[test]
    fn only_so_many_answers_are_kept_and_nobody_elses_are_pushed_out() {
        let answered = Answered::default();
        let others = ("bob", [0; 32]);
        answered.begin(others, [0; 32]).unwrap();
        answered.end(
            others,
            Some((StatusCode::OK, HeaderMap::new(), Bytes::new())),
        );
        for number in 0..=u16::try_from(REMEMBERED).unwrap() {
            let mut key = [0; 32];
            key[..2].copy_from_slice(&number.to_be_bytes());
            answered.begin(("eve", key), [0; 32]).unwrap();
        }
        assert_eq!(answered.hold()["eve"].answers.len(), REMEMBERED);
        assert!(
            answered.begin(("eve", [0; 32]), [9; 32]).unwrap().is_none(),
            "the oldest is forgotten"
        );
        assert!(answered.begin(others, [0; 32]).unwrap().is_some());
    }
}
