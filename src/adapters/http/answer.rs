//! Is this an answer of the service at all?

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::map::Flaw;
use crate::config::file::Absent;
use crate::pipeline::identity::once::Once;

/// What came back over a connection that worked.
pub(in crate::adapters) struct Answer {
    pub(in crate::adapters) status: StatusCode,
    pub(in crate::adapters) headers: HeaderMap,
    /// `None` where it is too large to be read.
    pub(in crate::adapters) body: Option<Bytes>,
}

/// What it says.
pub(super) enum Said {
    /// There is no such thing.
    Absent,
    /// There is, and this is said of it.
    This(Value),
}

impl Answer {
    /// Whether the service says that it can't answer now.
    pub(in crate::adapters) fn is_failure(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// What it says; `absent` is what its 404 has to say to be believed.
    pub(super) fn read(&self, absent: Option<&Absent>) -> Result<Said, Flaw> {
        match (self.status, absent) {
            (StatusCode::OK, _) => self.json().map(Said::This),
            (StatusCode::NOT_FOUND, None) => Ok(Said::Absent),
            (StatusCode::NOT_FOUND, Some(absent)) => {
                let body = self.json()?;
                let said = body.pointer(&absent.pointer).and_then(Value::as_str);
                if said == Some(absent.equals.as_str()) {
                    return Ok(Said::Absent);
                }
                Err(Flaw::wrong("its 404 is not the service's own"))
            }
            (status, _) => {
                let status = status.as_u16();
                Err(Flaw::Wrong(format!("its status is {status}")))
            }
        }
    }

    fn json(&self) -> Result<Value, Flaw> {
        let body = self.body.as_ref();
        let body = body.ok_or_else(|| Flaw::wrong("it is longer than 64 KiB"))?;
        if !self.is_json() {
            return Err(Flaw::wrong("its content type is not JSON"));
        }
        let read = serde_json::from_slice(body);
        let Once(value) = read.map_err(|_| Flaw::wrong("it is not JSON that says a thing once"))?;
        Ok(value)
    }

    /// `application/json` or a type made of it (RFC 6839, 3.1), not compressed.
    pub(in crate::adapters) fn is_json(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let kind = kind.to_ascii_lowercase();
        let is_json = match kind.strip_prefix("application/") {
            Some(rest) => rest == "json" || rest.ends_with("+json"),
            None => false,
        };
        is_json && !self.headers.contains_key(header::CONTENT_ENCODING)
    }
}
