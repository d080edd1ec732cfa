//! How does the API say no?
//!
//! RFC 9457 problem documents, read back by the command line.

use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::adapters::embedded::BadLine;
use crate::cli::{End, Failure};

const PREFIX: &str = "urn:vingate:problem:";

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Problem {
    r#type: String,
    title: String,
    status: u16,
    detail: String,
    /// Lines of an import that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) bad: Vec<BadLine>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "is_none_left")]
    pub(super) more: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_none_left(more: &u64) -> bool {
    *more == 0
}

impl Problem {
    /// `code` is stable; `detail` is for the operator.
    pub(super) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            r#type: format!("{PREFIX}{code}"),
            title: code.replace('-', " "),
            status: status.as_u16(),
            detail: detail.into(),
            bad: Vec::new(),
            more: 0,
        }
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-closure", detail)
    }

    pub(super) fn failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", detail)
    }

    /// How the command ends that was answered so.
    pub(super) fn into_failure(self) -> Failure {
        let code = self.r#type.strip_prefix(PREFIX).unwrap_or_default();
        let end = match (self.status, code) {
            (_, "confirmation-required") | (403, _) => End::Refused,
            (400 | 413 | 415 | 422, _) => End::InvalidInput,
            _ => End::Failed,
        };
        let mut lines = vec![self.detail];
        let bad = self.bad.iter();
        lines.extend(bad.map(|wrong| format!("line {}: {}", wrong.line, wrong.why)));
        if self.more > 0 {
            lines.push(format!("and {} more", self.more));
        }
        Failure::new(end, lines.join("\n"))
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        let code = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "body-too-large",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "body-type-unsupported",
            _ => "malformed-request",
        };
        Self::new(status, code, plain(&rejection.body_text()))
    }
}

/// A library's sentence in the house's form.
fn plain(text: &str) -> String {
    let mut letters = text.trim_end_matches('.').chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}
