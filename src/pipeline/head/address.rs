//! From which address does the client come?
//!
//! The TCP peer, unless that is a trusted proxy: then the right-most address that is no trusted
//! proxy's. What stands left of it was written by a stranger and proves nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::HeaderMap;
use http::header::FORWARDED;
use ipnet::IpNet;

use crate::denial::{Denial, HeadFlaw};

/// One station of a forwarding field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Address(IpAddr),
    /// `unknown`, an obfuscated name (RFC 7239, 6.2 and 6.3), or no `for` at all.
    Unnamed,
}

/// The client's address; IPv4 in IPv6 is unwrapped, so that it counts as one client.
///
/// # Errors
/// `Malformed` when a trusted proxy's field can't be read, `Ambiguous` when `X-Forwarded-For` and
/// `Forwarded` name different clients (a proxy that keeps one of them passes the other as sent).
pub(super) fn of_client(
    peer: IpAddr,
    trusted: &[IpNet],
    headers: &HeaderMap,
) -> Result<IpAddr, Denial> {
    let peer = peer.to_canonical();
    if !is_trusted(trusted, peer) {
        return Ok(peer);
    }
    let plain = client_of(trusted, &read_all(headers, "x-forwarded-for", read_plain)?)?;
    let standard = client_of(
        trusted,
        &read_all(headers, FORWARDED.as_str(), read_element)?,
    )?;
    match (plain, standard) {
        (Some(plain), Some(standard)) if plain != standard => {
            Err(Denial::Ambiguous(HeadFlaw::HeaderValue))
        }
        (Some(client), _) | (None, Some(client)) => Ok(client),
        (None, None) => Ok(peer), // the proxy itself asks
    }
}

fn is_trusted(trusted: &[IpNet], address: IpAddr) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

fn malformed() -> Denial {
    Denial::Malformed(HeadFlaw::HeaderValue)
}

/// The right-most untrusted address; if all are trusted, the left-most.
fn client_of(trusted: &[IpNet], nodes: &[Node]) -> Result<Option<IpAddr>, Denial> {
    let mut client = None;
    for node in nodes.iter().rev() {
        let Node::Address(address) = node else {
            return Err(malformed()); // whoever spoke to a trusted proxy has no address
        };
        client = Some(*address);
        if !is_trusted(trusted, *address) {
            break;
        }
    }
    Ok(client)
}

/// All elements of all lines of a list field, in order (RFC 9110, 5.3).
fn read_all(
    headers: &HeaderMap,
    name: &str,
    read: fn(&str) -> Option<Node>,
) -> Result<Vec<Node>, Denial> {
    let mut nodes = Vec::new();
    for line in headers.get_all(name) {
        let line = line.to_str().map_err(|_| malformed())?;
        for element in split_unquoted(line, ',').ok_or_else(malformed)? {
            if !element.is_empty() {
                nodes.push(read(element).ok_or_else(malformed)?);
            }
        }
    }
    Ok(nodes)
}

/// Parts between separators outside quotes, trimmed. An open quote or an escape is malformed: no
/// address needs one, and an open quote would swallow what a proxy appended.
fn split_unquoted(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut quoted = false;
    let mut parts = Vec::new();
    let mut start = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '\\' => return None,
            _ if character == separator && !quoted => {
                parts.push(text.get(start..at)?.trim());
                start = at.checked_add(1)?;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?.trim());
    (!quoted).then_some(parts)
}

fn read_plain(element: &str) -> Option<Node> {
    if element.eq_ignore_ascii_case("unknown") {
        return Some(Node::Unnamed);
    }
    read_address(element).map(Node::Address)
}

/// `for=192.0.2.60;proto=http` (RFC 7239, 4).
fn read_element(element: &str) -> Option<Node> {
    let mut node = None;
    for pair in split_unquoted(element, ';')? {
        if pair.is_empty() {
            continue;
        }
        let (name, value) = pair.split_once('=')?;
        let value = read_value(value)?;
        if !is_token(name) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") && node.replace(read_node(value)?).is_some() {
            return None;
        }
    }
    Some(node.unwrap_or(Node::Unnamed))
}

/// A token or a quoted string without escapes.
fn read_value(value: &str) -> Option<&str> {
    match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').filter(|inner| !inner.contains('"')),
        None => is_token(value).then_some(value),
    }
}

fn is_token(text: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(sound)
}

fn read_node(value: &str) -> Option<Node> {
    let name = value.split(':').next()?;
    if name.eq_ignore_ascii_case("unknown") || name.starts_with('_') {
        return Some(Node::Unnamed);
    }
    read_address(value).map(Node::Address)
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[::1]:80`.
fn read_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let sound = port.is_empty() || is_port(port.strip_prefix(':')?);
        let address = IpAddr::V6(address.parse::<Ipv6Addr>().ok()?);
        return sound.then(|| address.to_canonical());
    }
    let (address, port) = text.split_once(':')?;
    let address = IpAddr::V4(address.parse::<Ipv4Addr>().ok()?);
    is_port(port).then_some(address)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}
