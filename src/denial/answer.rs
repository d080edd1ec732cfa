//! How does a client see a denial?
//!
//! A problem document (RFC 9457), with two members more for old clients, or a page for browsers.
//! Words of operators stand in bodies only; a header carries nothing but what is fixed here, names
//! of quota policies, and numbers.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use crate::config::file::DenialFormat;
use crate::denial::words::{self, Words};
use crate::denial::{Denial, page};
use crate::pipeline::quota;

/// Base of `Retry-After` where a denial doesn't know when to come back: long enough to calm a
/// fleet of apps, short enough for a person to wait.
const RETRY_BASE: Duration = Duration::from_secs(30);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

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
    /// Whether it was a HEAD request.
    pub head: bool,
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
    let words = words::of(denial);
    let html = asked.format == DenialFormat::Problem && asked.accept.is_some_and(prefers_html);
    let (content_type, body) = if html {
        let page = page::write(denial, &words, asked.id);
        ("text/html; charset=utf-8", page)
    } else {
        ("application/problem+json", problem(denial, &words, asked))
    };
    let mut headers = vec![
        (CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (CONTENT_LENGTH, HeaderValue::from(body.len())),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (VARY, HeaderValue::from_static("accept")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    if html {
        let policy = HeaderValue::from_static(page::CONTENT_SECURITY_POLICY);
        headers.push((CONTENT_SECURITY_POLICY, policy));
    }
    push(&mut headers, REQUEST_ID, &asked.id.to_string());
    push(&mut headers, PROXY_STATUS, &proxy_status(denial));
    describe(denial, asked.id, &mut headers);
    let body = if asked.head {
        Bytes::new()
    } else {
        body.into()
    };
    Answer {
        status: denial.status(),
        headers,
        body,
    }
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
fn describe(denial: &Denial, id: Uuid, headers: &mut Vec<(HeaderName, HeaderValue)>) {
    match denial {
        Denial::TokenMissing => push(headers, WWW_AUTHENTICATE, r#"Bearer realm="vingate""#),
        Denial::TokenInvalid(_) => {
            let challenge = r#"Bearer realm="vingate", error="invalid_token""#;
            push(headers, WWW_AUTHENTICATE, challenge);
        }
        Denial::MethodNotAllowed(methods) => push(headers, ALLOW, methods),
        Denial::QuotaExceeded(refusal) => headers.extend(quota::refusal_headers(refusal)),
        Denial::Closed(closed) => retry_after(jittered(closed.retry_after, id), headers),
        Denial::Overloaded | Denial::DependencyUnavailable(_) => {
            retry_after(jittered(RETRY_BASE, id), headers);
        }
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
        | Denial::UpstreamFailed
        | Denial::UpstreamTimeout
        | Denial::ResponseWithheld(_) => {}
    }
}

fn retry_after(time: Duration, headers: &mut Vec<(HeaderName, HeaderValue)>) {
    // At least one: 0 would call for an immediate repeat.
    push(
        headers,
        RETRY_AFTER,
        &quota::seconds(time).max(1).to_string(),
    );
}

/// Between once and twice the base, so that clients don't come back in one wave. The random bits at
/// the end of a request id (RFC 9562, 5.4 and 5.7) choose: the answer stays a function of its input.
fn jittered(base: Duration, id: Uuid) -> Duration {
    let base = if base.is_zero() { RETRY_BASE } else { base };
    let random = id.as_u128() & u128::from(u32::MAX);
    let extra = base.as_millis().saturating_mul(random) >> u32::BITS;
    let extra = Duration::from_millis(u64::try_from(extra).unwrap_or(0));
    base.saturating_add(extra)
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
        | Denial::AccessDenied(_)
        | Denial::RouteUnknown
        | Denial::MethodNotAllowed(_)
        | Denial::QuotaExceeded(_)
        | Denial::Closed(_)
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

/// Whether HTML is named and wanted more than JSON (RFC 9110, 12.5.1). What takes anything gets
/// JSON: old clients and tools send no `Accept` or `*/*`.
fn prefers_html(accept: &str) -> bool {
    let html = weight(accept, &["text/html"]);
    let json = weight(accept, &["application/problem+json", "application/json"])
        .or_else(|| weight(accept, &["application/*"]))
        .or_else(|| weight(accept, &["*/*"]));
    html.unwrap_or(0) > json.unwrap_or(0)
}

/// The highest weight of these media ranges in thousandths; `None` if none of them is there.
fn weight(accept: &str, ranges: &[&str]) -> Option<u32> {
    accept
        .split(',')
        .filter_map(|element| {
            let mut parts = element.split(';').map(str::trim);
            let range = parts.next()?;
            ranges
                .iter()
                .any(|wanted| range.eq_ignore_ascii_case(wanted))
                .then(|| parts.find_map(quality).unwrap_or(1_000))
        })
        .max()
}

/// `q=0.8` in thousandths (RFC 9110, 12.4.2); one that can't be read counts as 0.
fn quality(parameter: &str) -> Option<u32> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let (whole, part) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    let digits = part.len() <= 3 && part.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" => Some(1_000),
        "0" if digits => format!("{part:0<3}").parse().ok(),
        _ => Some(0),
    }
}

#[cfg(test)]
mod tests;
