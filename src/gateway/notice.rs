//! What are users of a surface that stays open told about one that is closed?
//!
//! A line in each of its pages, and a field on each of its answers for apps. While there is something
//! to tell, whole pages are asked of the upstream, in their own bytes; what comes otherwise all the
//! same passes as it is.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, EXPIRES,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED,
    RANGE, TRANSFER_ENCODING, VARY,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use pingora::http::{RequestHeader, ResponseHeader};

use crate::denial::language;
use crate::gateway::{Exchange, response};
use crate::pipeline::notice::{Placer, Placing};
use crate::switchboard::Board;

const NOTICE: HeaderName = HeaderName::from_static("vingate-notice");

/// Characters of a text in a field: a header section has its limits.
const LONGEST_FIELD: usize = 512;

/// Fields that ask for something else than the whole page as it is.
const OTHER_BYTES: [HeaderName; 8] = [
    ACCEPT_ENCODING,
    HeaderName::from_static("a-im"), // RFC 3229
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
];

/// Fields that would be wrong of a page with a line more, and those by which it would be shown when
/// the notice is over.
const OF_OTHER_BYTES: [HeaderName; 9] = [
    CONTENT_LENGTH,
    ETAG,
    LAST_MODIFIED,
    ACCEPT_RANGES,
    EXPIRES,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];

/// What the users of a surface are told, in the language that they ask for; `None` mostly.
fn text(board: &Board, surface: &str, accept_language: Option<&str>) -> Option<String> {
    let notices = board.notices(surface);
    let texts: Vec<&str> = notices
        .iter()
        .filter_map(|notice| language::choose(&notice.texts, accept_language))
        .map(|(_, text)| text)
        .collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

impl Exchange {
    /// What this request's user is told.
    fn notice(&self) -> Option<String> {
        let surface = &self.findings.situation.route.as_deref()?.surface.name;
        text(&self.board, surface, self.form.language())
    }

    /// The field for apps.
    pub(super) fn notice_field(&self) -> Option<(HeaderName, HeaderValue)> {
        Some((NOTICE, field(&self.notice()?)?))
    }
}

/// Asks the upstream for the whole page in its own bytes, if there is something to place in it.
pub(super) fn ask_for_whole(request: &mut RequestHeader, exchange: &Exchange) {
    if request.method.is_safe() && exchange.notice().is_some() {
        for name in OTHER_BYTES {
            request.remove_header(&name);
        }
    }
}

/// Announces it in the head of an answer that is about to be sent, and makes ready to place it in the
/// page, if it is one.
pub(super) fn announce(
    response: &mut ResponseHeader,
    exchange: &mut Exchange,
) -> pingora::Result<()> {
    let Some(text) = exchange.notice() else {
        return Ok(());
    };
    if let Some(field) = field(&text) {
        response.insert_header(NOTICE, field)?;
        response.append_header(VARY, "accept-language")?;
    }
    let method = exchange.head.as_ref().map(|head| &head.method);
    if !matches!(method, Some(&Method::GET | &Method::HEAD)) || !is_page(response) {
        return Ok(());
    }
    for name in OF_OTHER_BYTES {
        response.remove_header(&name);
    }
    response.insert_header(CACHE_CONTROL, "no-store")?;
    response.insert_header(TRANSFER_ENCODING, "chunked")?; // the proxy leaves it out by HTTP/2
    exchange.placer = Some(Placer::new(&text));
    Ok(())
}

/// Places it in the next bytes of a page.
pub(super) fn place(body: &mut Option<Bytes>, exchange: &mut Exchange) {
    if let Some(placer) = &mut exchange.placer {
        *body = body.take().map(|bytes| placer.pass(bytes));
    }
}

/// Whether a page has the notice, for the metrics; `None` if none was to be placed.
pub(super) fn outcome(exchange: &Exchange) -> Option<Placing> {
    exchange.placer.as_ref().map(Placer::placing)
}

/// Whether it is a whole page of HTML in its own bytes.
fn is_page(response: &ResponseHeader) -> bool {
    let html = |value: &HeaderValue| {
        let kind = value.as_bytes().split(|byte| *byte == b';').next();
        kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"text/html"))
    };
    response.status == StatusCode::OK
        && response.headers.get(CONTENT_TYPE).is_some_and(html)
        && !response::is_encoded(response)
}

/// The text as a structured field: a String if it is ASCII, else a Display String (RFC 9651, 3.3.3 and
/// 3.3.8).
fn field(text: &str) -> Option<HeaderValue> {
    let text: String = text
        .chars()
        .take(LONGEST_FIELD)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let value = if text.is_ascii() {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    } else {
        let encode = |byte: u8| {
            if (b' '..=b'~').contains(&byte) && !matches!(byte, b'%' | b'"') {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02x}")
            }
        };
        format!("%\"{}\"", text.bytes().map(encode).collect::<String>())
    };
    HeaderValue::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_structured_field() {
        let table = [
            ("The app is closed.", r#""The app is closed.""#),
            ("a \"b\" \\ 5 %", r#""a \"b\" \\ 5 %""#),
            ("f\u{fc}r 5 % \"x\"", r#"%"f%c3%bcr 5 %25 %22x%22""#),
            ("a\r\nSet-Cookie: b", r#""a  Set-Cookie: b""#),
        ];
        for (text, expected) in table {
            assert_eq!(field(text).unwrap(), expected, "{text}");
        }
        assert_eq!(field(&"x".repeat(600)).unwrap().len(), LONGEST_FIELD + 2);
    }

    #[test]
    fn only_a_whole_page_in_its_own_bytes_is_a_page() {
        let table = [
            (200, "text/html", "", true),
            (200, "Text/HTML; charset=utf-8", "identity", true),
            (200, "text/html", "gzip", false),
            (200, "application/json", "", false),
            (206, "text/html", "", false),
            (404, "text/html", "", false),
        ];
        for (status, kind, coding, page) in table {
            let mut response = ResponseHeader::build(status, None).unwrap();
            response.insert_header(CONTENT_TYPE, kind).unwrap();
            if !coding.is_empty() {
                response.insert_header("content-encoding", coding).unwrap();
            }
            assert_eq!(is_page(&response), page, "{status} {kind} {coding}");
        }
    }
}
