//! In which form does this client hear of a denial?

use http::{HeaderMap, HeaderValue, Method, header};
use uuid::Uuid;

use crate::config::file::DenialFormat;
use crate::denial::answer::Asked;
use crate::denial::challenge::Schemes;

/// Whether a gRPC client may be told its own status, in an answer that is 200 to HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GrpcStatus {
    /// It may.
    Allowed,
    /// A 2xx could be taken for received: a device would forget what it has to say.
    Barred,
}

/// What of a request's head the form of a denial depends on; the values share the head's memory.
#[derive(Debug, Default)]
pub(super) struct Form {
    accept: Option<HeaderValue>,
    language: Option<HeaderValue>,
    /// Of a POST only: a call of gRPC is nothing else.
    content_type: Option<HeaderValue>,
    is_head: bool,
}

impl Form {
    /// Of this request.
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let is_post = method == Method::POST;
        Self {
            accept: headers.get(header::ACCEPT).cloned(),
            language: headers.get(header::ACCEPT_LANGUAGE).cloned(),
            content_type: headers
                .get(header::CONTENT_TYPE)
                .filter(|_| is_post)
                .cloned(),
            is_head: method == Method::HEAD,
        }
    }

    /// What is asked for, on a surface with this format, where tokens are shown so.
    pub(super) fn asked<'a>(
        &'a self,
        id: Uuid,
        (format, schemes): (DenialFormat, Schemes<'a>),
        grpc: GrpcStatus,
    ) -> Asked<'a> {
        let content_type = text(self.content_type.as_ref());
        Asked {
            id,
            format,
            accept: text(self.accept.as_ref()),
            language: self.language(),
            grpc: content_type.filter(|_| grpc == GrpcStatus::Allowed),
            head: self.is_head,
            schemes,
        }
    }

    /// The request's `Accept-Language`.
    pub(super) fn language(&self) -> Option<&str> {
        text(self.language.as_ref())
    }
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok()
}
