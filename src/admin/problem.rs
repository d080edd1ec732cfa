//! How does the API say no?
//!
//! RFC 9457 problem documents, read back by the command line.

use axum::extract::rejection::JsonRejection;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::adapters::embedded::BadLine;
use crate::admin::authority::{Act, NotAllowed};
use crate::admin::gravity::Gravity;
use crate::admin::person::Person;
use crate::cli::{End, Failure};

const PREFIX: &str = "urn:vingate:problem:";

const STORE_REFUSES: &str = "store-refuses";

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
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

    /// What is told to the operator.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// Its stable code.
    pub(super) fn code(&self) -> &str {
        self.r#type.strip_prefix(PREFIX).unwrap_or_default()
    }

    /// A call that can't be understood.
    pub(super) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed-request", detail)
    }

    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-closure", detail)
    }

    pub(super) fn failed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", detail)
    }

    /// The ownership store is not the place for that: what is.
    pub(super) fn store_refuses(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, STORE_REFUSES, detail)
    }

    /// What is missing, in the words of the command line.
    pub(super) fn not_allowed(person: &Person, act: Act, why: &NotAllowed) -> Self {
        const NAME: &str = "add --confirm-name with the name";
        const OTHER: &str = "a second person has to approve it";
        let (code, detail) = match why {
            NotAllowed::NoRole => {
                let roles: Vec<_> = person.roles.iter().map(|role| role.name()).collect();
                let (name, roles) = (&person.name, roles.join(", "));
                let detail = format!("`{name}` may not do that: no role of `{roles}` includes it");
                ("access-denied", detail)
            }
            NotAllowed::NeedsName => ("confirmation-required", NAME.to_owned()),
            NotAllowed::NeedsSecondPerson => ("approval-required", OTHER.to_owned()),
            NotAllowed::NeedsNameAndSecondPerson => {
                ("confirmation-required", format!("{NAME}, and {OTHER}"))
            }
            NotAllowed::SamePerson => {
                let name = &person.name;
                let detail = format!("`{name}` asked for it: the second person is another one");
                ("access-denied", detail)
            }
            NotAllowed::Forbidden(policies) => {
                let policies = policies.join("`, `");
                ("access-denied", format!("forbidden by `{policies}`"))
            }
            NotAllowed::Error => {
                let detail = "refused: a policy can't be evaluated";
                ("access-denied", detail.to_owned())
            }
        };
        let detail = format!("{}: {detail}", act.name());
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// The same for a closure, with the name that is to be typed.
    pub(super) fn missing(person: &Person, act: Act, why: &NotAllowed, gravity: &Gravity) -> Self {
        let mut problem = Self::not_allowed(person, act, why);
        if let (NotAllowed::NeedsName | NotAllowed::NeedsNameAndSecondPerson, Some(name)) =
            (why, &gravity.name)
        {
            let (act, why) = (act.name(), gravity.why);
            problem.detail = format!("{act}: {why}: add --confirm-name {name}");
        }
        problem
    }

    /// How the command ends that was answered so.
    pub(super) fn into_failure(self) -> Failure {
        let end = match (self.status, self.code()) {
            (_, "confirmation-required" | "approval-required" | STORE_REFUSES) | (403, _) => {
                End::Refused
            }
            (409 | 412, _) => End::Conflict,
            (428, _) => End::Usage,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_ends_the_command_with_its_code() {
        let table = [
            (403, "access-denied", End::Refused),
            (403, "approval-required", End::Refused),
            (409, "confirmation-required", End::Refused),
            (409, "conflict", End::Conflict),
            (412, "changed-meanwhile", End::Conflict),
            (428, "match-required", End::Usage),
            (400, "malformed-request", End::InvalidInput),
            (413, "body-too-large", End::InvalidInput),
            (415, "body-type-unsupported", End::InvalidInput),
            (422, "invalid-closure", End::InvalidInput),
            (404, "closure-unknown", End::Failed),
            (500, "failed", End::Failed),
            (504, "upstream-timeout", End::Failed),
        ];
        for (status, code, end) in table {
            let status = StatusCode::from_u16(status).unwrap();
            let failure = Problem::new(status, code, "why").into_failure();
            assert_eq!(
                (failure.end, &*failure.message),
                (end, "why"),
                "{status} {code}"
            );
        }
    }
}
