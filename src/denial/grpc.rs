//! How does a gRPC client hear of a denial?
//!
//! As a status in the head of an answer that has no body ("Trailers-Only" in gRPC over HTTP/2). The
//! HTTP status is 200 there whatever happened: gRPC's own tells the client what to do.

use crate::denial::Denial;

/// Characters of a message: a header block has its limits, and more is not read anyway.
const LONGEST_MESSAGE: usize = 512;

/// The status code, as google.rpc.Code numbers it.
pub(super) fn status(denial: &Denial) -> u8 {
    match denial {
        Denial::Malformed(_)
        | Denial::Ambiguous(_)
        | Denial::VehicleMissing
        | Denial::VehicleMalformed(_)
        | Denial::VehicleAmbiguous
        | Denial::UriTooLong
        | Denial::BodyTypeUnsupported => 3, // INVALID_ARGUMENT
        Denial::RequestTimeout | Denial::UpstreamTimeout => 4, // DEADLINE_EXCEEDED
        Denial::RouteUnknown => 5,                             // NOT_FOUND
        Denial::AccessDenied(_) => 7,                          // PERMISSION_DENIED
        Denial::BodyTooLarge | Denial::HeaderTooLarge | Denial::QuotaExceeded(_) => 8, // RESOURCE_EXHAUSTED
        Denial::MethodNotAllowed(_) | Denial::Retired(_) => 12, // UNIMPLEMENTED
        Denial::Closed(_)
        | Denial::ReadOnly(_)
        | Denial::Overloaded
        | Denial::DependencyUnavailable(_)
        | Denial::UpstreamFailed
        | Denial::ResponseWithheld(_) => 14, // UNAVAILABLE
        Denial::TokenMissing | Denial::TokenInvalid(_) | Denial::StepUpRequired(_) => 16, // UNAUTHENTICATED
    }
}

/// The text of `grpc-message`: UTF-8, all but printable ASCII percent-encoded, `%` too.
pub(super) fn message(text: &str) -> String {
    let end = text
        .char_indices()
        .nth(LONGEST_MESSAGE)
        .map_or(text.len(), |(at, _)| at);
    let encode = |byte: u8| {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().take(end).map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_ascii() {
        let table = [
            ("Closed.", "Closed."),
            ("100 % \u{e9}\r\nx: y", "100 %25 %C3%A9%0D%0Ax: y"),
            ("\u{7f}~ ", "%7F~ "),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(message(text), expected);
        }
        assert_eq!(message(&"\u{1f697}".repeat(600)).len(), 512 * 4 * 3);
    }
}
