//! Which host is asked for?
//!
//! A host name, an IPv4 address or an IPv6 address in brackets; nothing else that RFC 3986 would
//! let through as a `reg-name`, for servers differ in what they make of the rest.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::HOST;
use http::{HeaderMap, Version};

use crate::denial::{Denial, HeadFlaw};

/// A name of the DNS has at most this many characters (RFC 1035, 2.3.4, as text).
const LONGEST_NAME: usize = 253;

/// The host in lower case, and the port if one is named.
///
/// # Errors
/// `HostMissing`, `HostMalformed`; `Ambiguous` when `Host` and the authority differ.
pub(super) fn read(
    version: Version,
    headers: &HeaderMap,
    authority: Option<&str>,
) -> Result<(String, Option<u16>), Denial> {
    let line = match headers.get(HOST) {
        Some(value) => Some(value.to_str().map_err(|_| malformed())?),
        None => None,
    };
    match (line, authority) {
        (Some(line), None) => parse(line),
        (Some(line), Some(authority)) => {
            let host = parse(line)?;
            if host == parse(authority)? {
                Ok(host)
            } else {
                Err(Denial::Ambiguous(HeadFlaw::HostMalformed))
            }
        }
        // RFC 9112, 3.2: in HTTP/1.1 an absolute target does not stand in for Host.
        (None, Some(authority)) if version == Version::HTTP_2 => parse(authority),
        (None, _) => Err(Denial::Malformed(HeadFlaw::HostMissing)),
    }
}

fn malformed() -> Denial {
    Denial::Malformed(HeadFlaw::HostMalformed)
}

/// `host [":" port]`.
pub(crate) fn parse(text: &str) -> Result<(String, Option<u16>), Denial> {
    let (host, port) = split_port(text).ok_or_else(malformed)?;
    let port = match port {
        Some(digits) => Some(parse_port(digits).ok_or_else(malformed)?),
        None => None,
    };
    let host = match host.strip_prefix('[') {
        Some(rest) => parse_v6(rest).ok_or_else(malformed)?,
        None => parse_name(host).ok_or_else(malformed)?,
    };
    Ok((host, port))
}

/// Splits behind the host; the colons of an IPv6 address stand inside brackets.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if text.starts_with('[') {
        let end = text.find(']')?.checked_add(1)?;
        let (host, rest) = text.split_at_checked(end)?;
        return match rest {
            "" => Some((host, None)),
            _ => Some((host, Some(rest.strip_prefix(':')?))),
        };
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

fn parse_port(digits: &str) -> Option<u16> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|port| *port != 0)
}

fn parse_v6(rest: &str) -> Option<String> {
    let address: Ipv6Addr = rest.strip_suffix(']')?.parse().ok()?;
    Some(format!("[{address}]"))
}

/// Labels of letters, digits, `-` and `_`. A dot at the end would be a second spelling of the name.
fn parse_name(name: &str) -> Option<String> {
    let is_label = |label: &str| {
        let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(sound)
    };
    if name.len() > LONGEST_NAME || !name.split('.').all(is_label) {
        return None;
    }
    // What ends in a number is taken for an address, in octal and hexadecimal too (URL Standard,
    // 3.5): only the plain spelling of one passes.
    let last = name.rsplit('.').next()?.to_ascii_lowercase();
    let hexadecimal = last.strip_prefix("0x");
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if numeric && name.parse::<Ipv4Addr>().is_err() {
        return None;
    }
    Some(name.to_ascii_lowercase())
}
