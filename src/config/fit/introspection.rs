//! Is it clear whom to ask about a token, and for how long the answer counts?

use std::time::Duration;

use crate::config::document::{Document, Node};
use crate::config::fit::{keys, ownership};
use crate::config::mistakes::Mistakes;
use crate::config::words;

/// Longest time for an answer: nobody waits that long in front of their car.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest that an answer counts: so long a token that was withdrawn is served.
const LONGEST_CACHE: Duration = Duration::from_secs(600);

/// Longest that a no counts: a token may be asked about just before it begins to count.
const LONGEST_NEGATIVE: Duration = Duration::from_secs(60);

/// Checks `issuers.NAME.introspection`.
pub(super) fn check(table: &Node<'_>, mistakes: &mut Mistakes) {
    if !table.value().is_object() {
        return; // told by the shape
    }
    if let Some(url) = table.get("url") {
        keys::server((&url, table), mistakes);
    }
    for (key, longest, wanted) in [
        ("timeout", LONGEST_TIMEOUT, "at most `5s`"),
        ("max_cache", LONGEST_CACHE, "at most `10m`"),
        ("negative_cache", LONGEST_NEGATIVE, "at most `60s`"),
    ] {
        keys::time((table, key), &|time| time > longest, wanted, mistakes);
    }
    ownership::breaker(table, mistakes);
}

/// A token that says nothing by itself is asked about at one issuer: who it is from can't be seen.
pub(super) fn one_each(config: &Document, mistakes: &mut Mistakes) {
    let issuers = config.root().children_of("issuers");
    let asked: Vec<String> = issuers
        .iter()
        .filter(|issuer| issuer.has("introspection"))
        .map(Node::name)
        .collect();
    for surface in config.root().children_of("surfaces") {
        let named = surface.children_of("issuers");
        let is_asked = |node: &&Node<'_>| {
            node.text()
                .is_some_and(|it| asked.iter().any(|one| one == it))
        };
        let mut of_surface = named.iter().filter(is_asked);
        let first = of_surface.next().and_then(Node::text).map(words::quoted);
        for other in of_surface {
            let (one, two) = (
                first.clone().unwrap_or_default(),
                words::value(other.value()),
            );
            let surface = words::quoted(&surface.name());
            let message = format!(
                "surface {surface} has two issuers with `introspection`, {one} and {two}: which \
                 of them is to be asked about a token can't be seen; name one"
            );
            mistakes.add(other.place(), message);
        }
    }
}
