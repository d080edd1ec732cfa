//! Where was a request sent, and is that what its proof says?
//!
//! Both in one spelling (RFC 3986, 6.2.2 and 6.2.3), as RFC 9449, 4.3 has them compared: without query
//! and fragment, with the port that the scheme stands for written out.

use std::fmt::Write;

use crate::pipeline::RequestHead;
use crate::pipeline::head::host;

/// Where a request was sent, as its client sees it: TLS may end before the gateway, and the port is the
/// one that the client asked for.
pub(super) fn of(head: &RequestHead) -> String {
    let scheme = if head.tls { "https" } else { "http" };
    written(scheme, &head.host, head.port, &head.path)
}

/// What an `htu` says, in the same spelling; `None` where it is no such address.
pub(super) fn normal(uri: &str) -> Option<String> {
    let whole = uri.split(['?', '#']).next()?;
    let (scheme, rest) = whole.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "https" && scheme != "http" {
        return None;
    }
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at_checked(at)?,
        None => (rest, "/"),
    };
    let authority = authority.strip_suffix(':').unwrap_or(authority); // an empty port
    let (host, port) = host::parse(authority).ok()?;
    let path = without_dots(&decoded(path)?);
    Some(written(&scheme, &host, port, &path))
}

fn written(scheme: &str, host: &str, port: Option<u16>, path: &str) -> String {
    let standing = if scheme == "https" { 443 } else { 80 };
    let port = port.unwrap_or(standing);
    format!("{scheme}://{host}:{port}{path}")
}

/// Encoded where it must be, in upper case, and nowhere else (RFC 3986, 6.2.2.1 and 6.2.2.2).
fn decoded(path: &str) -> Option<String> {
    let mut bytes = path.bytes();
    let mut normal = String::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            normal.push(Some(char::from(byte)).filter(char::is_ascii)?);
            continue;
        }
        let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
        let byte = u8::try_from(high << 4 | low).ok()?;
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            normal.push(char::from(byte));
        } else {
            write!(normal, "%{byte:02X}").ok()?;
        }
    }
    Some(normal)
}

fn digit(byte: u8) -> Option<u32> {
    char::from(byte).to_digit(16)
}

/// Dot segments resolved (RFC 3986, 5.2.4).
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        if segment == ".." {
            kept.pop();
        }
        if segment != "." && segment != ".." {
            kept.push(segment);
        } else if segments.peek().is_none() {
            kept.push(""); // what it leads to ends in a slash
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        let table = [
            ("https://a.example/x", "https://a.example:443/x"),
            ("HTTPS://A.Example/x", "https://a.example:443/x"),
            ("https://a.example:443/x", "https://a.example:443/x"),
            ("https://a.example:/x", "https://a.example:443/x"),
            ("https://a.example:8443/x", "https://a.example:8443/x"),
            ("http://a.example/x", "http://a.example:80/x"),
            ("https://a.example", "https://a.example:443/"),
            ("https://a.example?x=/y", "https://a.example:443/"),
            ("https://a.example/x?y=/z#f", "https://a.example:443/x"),
            ("https://a.example/x#?", "https://a.example:443/x"),
            ("https://a.example/X", "https://a.example:443/X"),
            (
                "https://a.example/%7ex%2f%c3",
                "https://a.example:443/~x%2F%C3",
            ),
            ("https://a.example/a/./b/../c", "https://a.example:443/a/c"),
            ("https://a.example/a/%2E%2e/c/.", "https://a.example:443/c/"),
            ("https://a.example/../x", "https://a.example:443/x"),
            ("https://a.example/x/", "https://a.example:443/x/"),
            ("https://a.example//x", "https://a.example:443//x"),
            ("https://[0:0::1]:1/x", "https://[::1]:1/x"),
        ];
        for (uri, expected) in table {
            assert_eq!(normal(uri).as_deref(), Some(expected), "{uri}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for uri in [
            "",
            "/x",
            "//a.example/x",
            "a.example/x",
            "ftp://a.example/x",
            "wss://a.example/x",
            "https:a.example/x",
            "https:///x",
            "https://u@a.example/x",
            "https://a.example:0/x",
            "https://a.example:99999/x",
            "https://a.example./x",
            "https://a%2eexample/x",
            "https://a.example\\x",
            "https://a.example/%7",
            "https://a.example/%zz",
            "https://a.example/\u{e9}",
        ] {
            assert_eq!(normal(uri), None, "{uri}");
        }
    }
}
