//! Where is a gateway's admin address?

use http::uri::Authority;

/// Host and port of `https://host:port`; an IPv6 address keeps its brackets. The port may be left out
/// (443), a closing slash too; anything else is no such URL.
pub(crate) fn host_and_port(url: &str) -> Option<(String, u16)> {
    let rest = url.strip_prefix("https://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let authority: Authority = rest.parse().ok().filter(|_| !rest.contains('@'))?;
    let host = authority.host();
    let port = match authority.port_u16() {
        Some(port) => port,
        None if rest == host => 443,
        None => return None,
    };
    (!host.is_empty() && port != 0).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_https_with_a_host_and_nothing_behind() {
        let table = [
            ("https://gw1.internal:9443", Some(("gw1.internal", 9443))),
            ("https://gw1.internal/", Some(("gw1.internal", 443))),
            ("https://[::1]:9443", Some(("[::1]", 9443))),
            ("http://gw1.internal:9443", None),
            ("gw1.internal:9443", None),
            ("https://", None),
            ("https://:9443", None),
            ("https://a/v1", None),
            ("https://root@a", None),
            ("https://a:99999", None),
            ("https://a:0", None),
            ("https://a:b", None),
            ("https://a b", None),
        ];
        for (url, expected) in table {
            let found = host_and_port(url);
            let found = found.as_ref().map(|(host, port)| (host.as_str(), *port));
            assert_eq!(found, expected, "{url}");
        }
    }
}
