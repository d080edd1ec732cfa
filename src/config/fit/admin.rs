//! Do the operators come in by a door of their own?

use std::net::SocketAddr;

use crate::config::document::{Document, Node};
use crate::config::mistakes::Mistakes;
use crate::config::url::host_and_port;
use crate::config::words;

/// Checks the operators' TLS address and what others call it.
pub(super) fn entrance(config: &Document, mistakes: &mut Mistakes) {
    for address in config.matching("/admin/tls/address") {
        let others = ["/listeners/*/address", "/ops/address"];
        let others = others.iter().flat_map(|pattern| config.matching(pattern));
        for other in others.filter(|other| overlap(&address, other)) {
            mistakes.add(
                address.place(),
                format!("`{}` is taken by `{}`", address.key(), other.key()),
            );
        }
    }
    for url in config.matching("/admin/tls/url") {
        if url
            .text()
            .is_some_and(|text| !text.is_empty() && host_and_port(text).is_none())
        {
            mistakes.add(
                url.place(),
                format!(
                    "`{}` wants a URL such as `https://gw1.internal:9443`, not {}",
                    url.key(),
                    words::value(url.value())
                ),
            );
        }
    }
}

/// Whether two addresses want the same port of the same interface. Port 0 is a free one each time.
fn overlap(one: &Node<'_>, other: &Node<'_>) -> bool {
    let parse = |node: &Node<'_>| node.text()?.parse::<SocketAddr>().ok();
    let (Some(one), Some(other)) = (parse(one), parse(other)) else {
        return false;
    };
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port()
        && one.port() != 0
        && (a == b || a.is_unspecified() || b.is_unspecified())
}
