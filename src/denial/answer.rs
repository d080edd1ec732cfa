//! How does a client see a denial?
//!
//! A problem document (RFC 9457), with two members more for old clients, a page for browsers, or a
//! status of gRPC. Words of operators stand in bodies, and percent-encoded in `grpc-message`; a
//! header else carries nothing but what is fixed here, names of quota policies, tags of languages,
//! and numbers.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    RETRY_AFTER, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use crate::config::file::DenialFormat;
use crate::denial::challenge::{self, Said, Schemes};
use crate::denial::words::{self, Words};
use crate::denial::{Denial, accept, grpc, page};
use crate::pipeline::quota;

/// Bounds of `Retry-After`, seconds, where something is not available for now: long enough to calm a
/// fleet of apps, short enough for a person to wait.
const RETRY: (u64, u64) = (30, 90);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Fields, `Content-Type` and `Content-Length` included.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Body; empty for HEAD.
    pub body: Bytes,
}

/// What the answer depends on beside the denial.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Id of the request.
    pub id: Uuid,
    /// Format of its surface; `Problem` where no route was found.
    pub format: DenialFormat,
    /// The request's `Accept`.
    pub accept: Option<&'a str>,
    /// The request's `Accept-Language`.
    pub language: Option<&'a str>,
    /// The request's `Content-Type`, where a gRPC client may be told a gRPC status. Its answer has
    /// HTTP status 200, so never where that would be taken for received.
    pub grpc: Option<&'a str>,
    /// Whether it was a HEAD request.
    pub head: bool,
    /// How tokens are shown where it was sent.
    pub schemes: Schemes<'a>,
}

/// A problem document (RFC 9457, 3.1). Old clients (pycarwings2, pycarwings3, leafpy) repeat a
/// request, with two logins, when `status` is 400 or more, unless `ErrorMessage` is there: then they
/// read `ErrorCode`, raise one error and stop.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: String,
    #[serde(rename = "ErrorCode", skip_serializing_if = "Option::is_none")]
    error_code: Option<&'a str>,
    #[serde(rename = "ErrorMessage", skip_serializing_if = "Option::is_none")]
    error_message: Option<&'a str>,
}

/// Writes the answer.
pub fn write(denial: &Denial, asked: Asked<'_>) -> Answer {
    let words = words::of(denial, asked.language);
    let (status, mut headers, body) = if let Some(kind) = asked.grpc.and_then(accept::grpc) {
        (
            StatusCode::OK,
            grpc_fields(denial, &words, kind),
            String::new(),
        )
    } else {
        let (headers, body) = document(denial, &words, asked);
        (denial.status(), headers, body)
    };
    headers.extend([
        (CONTENT_LENGTH, HeaderValue::from(body.len())),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (VARY, HeaderValue::from_static("accept, accept-language")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ]);
    push(&mut headers, CONTENT_LANGUAGE, words.language);
    push(&mut headers, REQUEST_ID, &asked.id.to_string());
    push(&mut headers, PROXY_STATUS, &proxy_status(denial));
    describe(denial, asked, &mut headers);
    let body = if asked.head {
        Bytes::new()
    } else {
        body.into()
    };
    Answer {
        status,
        headers,
        body,
    }
}

/// A status of gRPC: all of it stands in fields.
fn grpc_fields(
    denial: &Denial,
    words: &Words<'_>,
    content_type: &'static str,
) -> Vec<(HeaderName, HeaderValue)> {
    let status = HeaderValue::from(u16::from(grpc::status(denial)));
    let kind = HeaderValue::from_static(content_type);
    let mut headers = vec![(CONTENT_TYPE, kind), (GRPC_STATUS, status)];
    push(&mut headers, GRPC_MESSAGE, &grpc::message(words.detail));
    headers
}

/// A page or a problem document, with the fields that only it has.
fn document(
    denial: &Denial,
    words: &Words<'_>,
    asked: Asked<'_>,
) -> (Vec<(HeaderName, HeaderValue)>, String) {
    let json = HeaderValue::from_static("application/problem+json");
    if asked.format != DenialFormat::Problem || !asked.accept.is_some_and(accept::prefers_html) {
        return (vec![(CONTENT_TYPE, json)], problem(denial, words, asked));
    }
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    let policy = HeaderValue::from_static(page::CONTENT_SECURITY_POLICY);
    let headers = vec![(CONTENT_TYPE, html), (CONTENT_SECURITY_POLICY, policy)];
    (headers, page::write(denial, words, asked.id))
}

fn problem(denial: &Denial, words: &Words<'_>, asked: Asked<'_>) -> String {
    let (code, detail) = (denial.code(), words.detail);
    let old = asked.format == DenialFormat::Carwings;
    let problem = Problem {
        r#type: format!("urn:vingate:problem:{code}"),
        title: words.title,
        status: denial.status().as_u16(),
        detail,
        instance: format!("urn:uuid:{}", asked.id),
        error_code: old.then_some(code),
        error_message: old.then_some(detail),
    };
    serde_json::to_string(&problem).unwrap_or_default() // can't fail: all keys are strings
}

/// The fields that only some denials have.
fn describe(denial: &Denial, asked: Asked<'_>, headers: &mut Vec<(HeaderName, HeaderValue)>) {
    let id = asked.id;
    let challenges = |said| challenge::fields(said, asked.schemes);
    match denial {
        Denial::TokenMissing => headers.extend(challenges(Said::Nothing)),
        Denial::TokenInvalid(flaw) => headers.extend(challenges(Said::Flaw(*flaw))),
        Denial::StepUpRequired(acr) => headers.extend(challenges(Said::StepUp(acr))),
        Denial::MethodNotAllowed(methods) => push(headers, ALLOW, methods),
        Denial::QuotaExceeded(refusal) => headers.extend(quota::refusal_headers(refusal)),
        Denial::Closed(closed) | Denial::ReadOnly(closed) => {
            retry_after(id, closed.remaining, headers);
        }
        Denial::Overloaded | Denial::DependencyUnavailable(_) => retry_after(id, None, headers),
        Denial::Malformed(_)
        | Denial::Ambiguous(_)
        | Denial::VehicleMissing
        | Denial::VehicleMalformed(_)
        | Denial::VehicleAmbiguous
        | Denial::AccessDenied(_)
        | Denial::RouteUnknown
        | Denial::RequestTimeout
        | Denial::BodyTooLarge
        | Denial::UriTooLong
        | Denial::BodyTypeUnsupported
        | Denial::HeaderTooLarge
        | Denial::Retired(_)
        | Denial::UpstreamFailed
        | Denial::UpstreamTimeout
        | Denial::ResponseWithheld(_) => {}
    }
}

/// Anything between the bounds, so that clients don't come back in one wave, and no later than what
/// is closed opens. The random bits at the end of a request id (RFC 9562, 5.4 and 5.7) choose: the
/// answer stays a function of its input.
fn retry_after(
    id: Uuid,
    remaining: Option<Duration>,
    headers: &mut Vec<(HeaderName, HeaderValue)>,
) {
    let (least, most) = RETRY;
    let choices = u128::from(most.saturating_sub(least).saturating_add(1));
    let random = id.as_u128() & u128::from(u32::MAX);
    let extra = choices.saturating_mul(random) >> u32::BITS;
    let wait = least.saturating_add(u64::try_from(extra).unwrap_or(0));
    let wait = remaining.map_or(wait, |remaining| wait.min(quota::seconds(remaining)));
    // At least one: 0 would call for an immediate repeat.
    push(headers, RETRY_AFTER, &wait.max(1).to_string());
}

/// The kind of failure in the registry's words (RFC 9209, 2.3), with the public code.
fn proxy_status(denial: &Denial) -> String {
    let error = match denial {
        Denial::Malformed(_)
        | Denial::Ambiguous(_)
        | Denial::VehicleMissing
        | Denial::VehicleMalformed(_)
        | Denial::VehicleAmbiguous
        | Denial::RequestTimeout
        | Denial::BodyTooLarge
        | Denial::UriTooLong
        | Denial::BodyTypeUnsupported
        | Denial::HeaderTooLarge => "http_request_error",
        Denial::TokenMissing
        | Denial::TokenInvalid(_)
        | Denial::StepUpRequired(_)
        | Denial::AccessDenied(_)
        | Denial::RouteUnknown
        | Denial::MethodNotAllowed(_)
        | Denial::QuotaExceeded(_)
        | Denial::Closed(_)
        | Denial::ReadOnly(_)
        | Denial::Retired(_)
        | Denial::Overloaded => "http_request_denied",
        Denial::DependencyUnavailable(_) => "proxy_internal_error",
        Denial::UpstreamFailed => "destination_unavailable",
        Denial::UpstreamTimeout => "http_response_timeout",
        Denial::ResponseWithheld(_) => "proxy_internal_response",
    };
    let code = denial.code();
    format!(r#"vingate; error={error}; details="{code}""#)
}

/// A value that is no field value is left out: better no hint than a broken answer.
fn push(headers: &mut Vec<(HeaderName, HeaderValue)>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.push((name, value));
    }
}

#[cfg(test)]
mod tests;
