//! Does `redis` name one Redis, without a secret in it?

use std::time::Duration;

use crate::config::document::{Document, Node};
use crate::config::fit::{duration, is_host_and_port, name};
use crate::config::mistakes::Mistakes;
use crate::config::words;

/// The three forms; exactly one is written.
const FORMS: [&str; 3] = ["url", "sentinel", "cluster"];

/// Keys that hold the URL of a server.
const URLS: [&str; 3] = ["/redis/url", "/redis/sentinel/nodes/*", "/redis/cluster/*"];

/// Longest time for an answer: what takes longer is not in force everywhere within 5 s.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Stores that may be Redis and are believed by a fleet key, the switches' apart.
const KEYED: [&str; 3] = ["/ownership/store", "/result_keys/store", "/dpop/store"];

/// What is kept in Redis says which; and each ownership store what it needs.
pub(crate) fn needed(config: &Document, mistakes: &mut Mistakes) {
    for store in ["/switches/store"].iter().chain(&KEYED) {
        for store in config.matching(store) {
            if store.text() == Some("redis") && !config.root().has("redis") {
                let shown = store.key();
                mistakes.add(
                    store.place(),
                    format!("`{shown} = \"redis\"` needs `redis`"),
                );
            }
        }
    }
    for ownership in config.matching("/ownership") {
        ownership_needs(&ownership, mistakes);
    }
    for store in KEYED {
        for store in config.matching(store) {
            sealed(config, &store, mistakes);
        }
    }
}

/// What is kept in Redis is believed by its seal alone.
fn sealed(config: &Document, store: &Node<'_>, mistakes: &mut Mistakes) {
    let switches = config.root().get("switches");
    let has_key = switches.is_some_and(|switches| switches.has("fleet_key_file"));
    if store.text() == Some("redis") && !has_key {
        let shown = store.key();
        let text = format!("`{shown} = \"redis\"` needs `switches.fleet_key_file`");
        mistakes.add(store.place(), text);
    }
}

fn ownership_needs(ownership: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(store) = ownership.get("store") else {
        return;
    };
    let (needed, unused): (&[&str], &[&str]) = match store.text() {
        Some("embedded") => (&["file"], &["keep", "http"]),
        Some("redis") => (&["keep"], &["file", "http"]),
        Some("http") => (&["keep", "http"], &["file"]),
        Some(_) | None => return,
    };
    let kind = store.text().unwrap_or_default();
    for key in needed.iter().filter(|key| !ownership.has(key)) {
        let text = format!("`ownership.store = \"{kind}\"` needs `ownership.{key}`");
        mistakes.add(store.place(), text);
    }
    for node in unused.iter().filter_map(|key| ownership.get(key)) {
        let text = format!(
            "`{}` means nothing with `ownership.store = \"{kind}\"`",
            node.key()
        );
        mistakes.add(node.place(), text);
    }
}

/// Checks `redis`, where it is written.
pub(crate) fn redis(config: &Document, mistakes: &mut Mistakes) {
    let Some(redis) = config.root().get("redis") else {
        return;
    };
    if let Some(prefix) = redis.get("name")
        && let Some(text) = prefix.text().filter(|text| !text.is_empty())
    {
        name(&prefix, text, mistakes);
    }
    if redis.value().is_object() && FORMS.iter().filter(|form| redis.has(form)).count() != 1 {
        mistakes.add(
            redis.place(),
            "`redis` wants exactly one of `url`, `sentinel` and `cluster`",
        );
    }
    if let Some(username) = redis
        .get("username")
        .filter(|_| !redis.has("password_file"))
    {
        mistakes.add(
            username.place(),
            "`redis.username` needs `redis.password_file`",
        );
    }
    if let Some(timeout) = redis.get("timeout")
        && duration(&timeout).is_some_and(|timeout| timeout > LONGEST_TIMEOUT)
    {
        let shown = words::value(timeout.value());
        mistakes.add(
            timeout.place(),
            format!("`redis.timeout` wants at most `5s`, not {shown}"),
        );
    }
    let nodes: Vec<_> = URLS.iter().flat_map(|urls| config.matching(urls)).collect();
    for node in &nodes {
        url(node, mistakes);
    }
    encryption(&redis, &nodes, mistakes);
}

/// What can't be read is not repeated: it may hold a password.
fn url(node: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(text) = node.text().filter(|text| !text.is_empty()) else {
        return;
    };
    let wanted = "`redis://host:port` or `rediss://host:port`";
    if text.contains('@') {
        mistakes.add(
            node.place(),
            format!(
                "`{}` wants {wanted}; user and password go to `redis.username` and \
                 `redis.password_file`",
                node.key()
            ),
        );
    } else if !scheme(text).is_some_and(|(_, rest)| is_host_and_port(rest)) {
        mistakes.add(
            node.place(),
            format!(
                "`{}` wants {wanted}, not {}",
                node.key(),
                words::quoted(text)
            ),
        );
    }
}

/// All servers in TLS with an authority to believe, or none.
fn encryption(redis: &Node<'_>, nodes: &[Node<'_>], mistakes: &mut Mistakes) {
    let schemes = nodes.iter().filter_map(|node| scheme(node.text()?));
    let (encrypted, plain): (Vec<_>, Vec<_>) = schemes.partition(|(is_tls, _)| *is_tls);
    let flaw = match (encrypted.len(), plain.len(), redis.get("ca_file")) {
        (1.., 1.., _) => "`redis` wants `rediss://` for all its servers, or for none",
        (1.., 0, None) => "`rediss://` needs `redis.ca_file`",
        (0, 1.., Some(_)) => "`redis.ca_file` needs `rediss://`",
        (_, _, Some(_) | None) => return,
    };
    mistakes.add(redis.get("ca_file").as_ref().unwrap_or(redis).place(), flaw);
}

/// Whether it is TLS, and what follows.
fn scheme(url: &str) -> Option<(bool, &str)> {
    let plain = url.strip_prefix("redis://").map(|rest| (false, rest));
    plain.or_else(|| url.strip_prefix("rediss://").map(|rest| (true, rest)))
}
