//! Where does another service keep one thing?
//!
//! A URL with names in braces, each once, that stand for what is asked for:
//! `https://ownership.internal/v1/vehicles/{vin}`.

use http::Uri;

/// A URL with places to fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    /// Whether it is `https://`.
    pub(crate) is_encrypted: bool,
    /// The server; an IPv6 address keeps its brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Path and query, with the places.
    path: String,
}

impl Template {
    /// Reads a URL in which each of `names` stands once, in its path or query; `None` if it is none.
    pub(crate) fn read(url: &str, names: &[&str]) -> Option<Self> {
        let mut plain = url.to_owned();
        for name in names {
            let place = format!("{{{name}}}");
            let (before, after) = url.split_once(&place)?;
            let begun = before.split_once("://")?.1.contains('/');
            if !begun || after.contains(&place) {
                return None;
            }
            plain = plain.replace(&place, "x");
        }
        if plain.contains(['{', '}', '#', '@']) {
            return None;
        }
        let uri: Uri = plain.parse().ok()?;
        let is_encrypted = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.to_owned();
        let standard = if is_encrypted { 443 } else { 80 };
        let written = uri.authority()?.as_str();
        let port = match uri.port_u16() {
            Some(port) => port,
            None if written == host => standard,
            None => return None,
        };
        let (_, rest) = url.split_once("://")?;
        let path = rest.strip_prefix(written)?.to_owned();
        (port != 0).then_some(Self {
            is_encrypted,
            host,
            port,
            path,
        })
    }

    /// Whether only this machine answers there.
    pub(crate) fn is_loopback(&self) -> bool {
        let bare = self.bare_host();
        let address = bare.parse::<std::net::IpAddr>();
        bare == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
    }

    /// The host without brackets.
    pub(crate) fn bare_host(&self) -> &str {
        self.host.trim_start_matches('[').trim_end_matches(']')
    }

    /// Reads a URL without names.
    pub(crate) fn plain(url: &str) -> Option<Self> {
        Self::read(url, &[])
    }

    /// Its path and query where it has no names; at least `/`.
    pub(crate) fn target(&self) -> String {
        let slash = if self.path.starts_with('/') { "" } else { "/" };
        format!("{slash}{}", self.path)
    }

    /// Whether both are on one server.
    pub(crate) fn has_server_of(&self, other: &Self) -> bool {
        (self.is_encrypted, &self.host, self.port) == (other.is_encrypted, &other.host, other.port)
    }

    /// The path and query of one thing. `None` where a value can't be written so that it stays one
    /// segment: what is empty, or would lead elsewhere as `.` and `..` do, escaped or not.
    pub(crate) fn fill(&self, values: &[(&str, &str)]) -> Option<String> {
        let mut path = String::with_capacity(self.path.len());
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, behind) = after.split_once('}')?;
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            if matches!(*value, "" | "." | "..") {
                return None;
            }
            path.push_str(before);
            path.extend(value.bytes().flat_map(escaped));
            rest = behind;
        }
        path.push_str(rest);
        Some(path)
    }
}

/// A value as a form (and HTTP Basic of RFC 6749, 2.3.1) carries it.
pub(crate) fn encode(value: &[u8]) -> String {
    value.iter().copied().flat_map(escaped).collect()
}

/// A byte of a value: itself where it is unreserved (RFC 3986, 2.3), else percent-encoded.
fn escaped(byte: u8) -> impl Iterator<Item = char> {
    let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let digit =
        |half: u8| char::from_digit(u32::from(half), 16).map(|one| one.to_ascii_uppercase());
    let written = if is_plain {
        [Some(char::from(byte)), None, None]
    } else {
        [Some('%'), digit(byte >> 4), digit(byte & 0xf)]
    };
    written.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_a_url_with_each_name_once() {
        let table = [
            ("https://a.b/v/{vin}", Some(("a.b", 443))),
            ("https://a.b:8443/v?vin={vin}&x=1", Some(("a.b", 8443))),
            ("http://127.0.0.1:80/{vin}/facts", Some(("127.0.0.1", 80))),
            ("https://[::1]:9/{vin}", Some(("[::1]", 9))),
            ("https://a.b/v", None),
            ("https://a.b/{vin}/{vin}", None),
            ("https://a.b/{vin}/{other}", None),
            ("https://{vin}/v", None),
            ("https://{vin}.b/v/", None),
            ("https://a.b:0/{vin}", None),
            ("https://a.b:x/{vin}", None),
            ("https://me:word@a.b/{vin}", None),
            ("https://a.b/{vin}#x", None),
            ("https://a.b/{vin", None),
            ("https://a.b/ /{vin}", None),
            ("ftp://a.b/{vin}", None),
            ("/v/{vin}", None),
            ("", None),
        ];
        for (url, expected) in table {
            let read = Template::read(url, &["vin"]);
            let read = read.as_ref().map(|read| (read.host.as_str(), read.port));
            assert_eq!(read, expected, "{url}");
        }
    }

    #[test]
    fn a_value_stays_within_its_segment() {
        let url = "https://a.b/s/{issuer}/{subject}?all=1";
        let template = Template::read(url, &["issuer", "subject"]).unwrap();
        let table = [
            ("bob", Some("/s/owners/bob?all=1")),
            ("a/../b?c#d", Some("/s/owners/a%2F..%2Fb%3Fc%23d?all=1")),
            ("zoë%2e", Some("/s/owners/zo%C3%AB%252e?all=1")),
            ("{issuer}", Some("/s/owners/%7Bissuer%7D?all=1")),
            ("a\r\nb", Some("/s/owners/a%0D%0Ab?all=1")),
            ("..", None),
            (".", None),
            ("", None),
        ];
        for (subject, expected) in table {
            let filled = template.fill(&[("issuer", "owners"), ("subject", subject)]);
            assert_eq!(filled.as_deref(), expected, "{subject}");
        }
    }

    #[test]
    fn a_plain_url_has_a_target_and_no_names() {
        let target = |url: &str| Template::plain(url).map(|read| read.target());
        let table = [
            ("https://a.b", Some("/")),
            ("https://a.b/", Some("/")),
            ("https://a.b/keys?x=1", Some("/keys?x=1")),
            ("https://a.b?x=1", Some("/?x=1")),
            ("https://a.b/{vin}", None),
            ("https://a.b/#keys", None),
        ];
        for (url, expected) in table {
            assert_eq!(target(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn this_machine_is_known_by_name_and_address() {
        let is_loopback = |host: &str| {
            let url = format!("http://{host}/{{vin}}");
            Template::read(&url, &["vin"]).unwrap().is_loopback()
        };
        for host in ["localhost", "127.0.0.1", "127.8.8.8:80", "[::1]:80"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "128.0.0.1", "[::2]", "example"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
