//! Is it said, once, where each issuer's keys come from?

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::config::document::{Document, Node};
use crate::config::fit::{duration, introspection};
use crate::config::mistakes::Mistakes;
use crate::config::template::Template;
use crate::config::words;

/// Longest time for an answer: what is withdrawn stops within a minute, a second attempt included.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest pause before a key that isn't known is asked for: with two times of an answer, a new one works
/// within half a minute.
const LONGEST_COOLDOWN: Duration = Duration::from_secs(20);

/// Keys are asked for about every 45 s: what counted for less would lapse between two answers.
const SHORTEST_AGE: Duration = Duration::from_secs(60);

/// The keys of which one is written.
const SOURCES: [&str; 4] = ["jwks_file", "jwks_url", "discovery", "introspection"];

/// The keys that mean nothing where no token says anything by itself.
const OF_JWTS: [&str; 3] = ["algorithms", "token_type", "fetch"];

/// Checks where the keys of each issuer come from.
pub(super) fn sources(config: &Document, mistakes: &mut Mistakes) {
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    for issuer in config.root().children_of("issuers") {
        if !issuer.value().is_object() {
            continue;
        }
        source(&issuer, mistakes);
        let Some(file) = issuer.get("fetch").and_then(|fetch| fetch.get("file")) else {
            continue;
        };
        let Some(text) = file.text().filter(|text| !text.is_empty()) else {
            continue;
        };
        if let Some(first) = files.get(text) {
            let shown = file.key();
            let message = format!("`{shown}` wants a file of its own; see {first}");
            mistakes.add(file.place(), message);
        }
        files.entry(text).or_insert_with(|| file.place());
    }
}

fn source(issuer: &Node<'_>, mistakes: &mut Mistakes) {
    let written: Vec<Node<'_>> = SOURCES
        .iter()
        .filter_map(|key| issuer.get(key))
        .filter(|node| *node.value() != Value::Bool(false))
        .collect();
    let source = match written.as_slice() {
        [one] => one,
        [] => {
            let name = words::quoted(&issuer.name());
            let message = format!(
                "issuer {name} wants one of `jwks_file`, `jwks_url`, `discovery = true` and \
                 `introspection`"
            );
            return mistakes.add(issuer.place(), message);
        }
        [first, others @ ..] => {
            for other in others {
                let (one, two) = (first.name(), other.key());
                let message = format!("`{two}` and `{one}` exclude each other");
                mistakes.add(other.place(), message);
            }
            return;
        }
    };
    if source.name() == "introspection" {
        for node in OF_JWTS.iter().filter_map(|key| issuer.get(key)) {
            let message = format!("`{}` is of JWTs, and `introspection` is not", node.key());
            mistakes.add(node.place(), message);
        }
        return introspection::check(source, mistakes);
    }
    if !issuer.has("algorithms") {
        mistakes.add(issuer.place(), "missing key `algorithms`".to_owned());
    }
    match (source.name().as_str(), issuer.get("fetch")) {
        ("jwks_file", Some(fetch)) => mistakes.add(
            fetch.place(),
            format!("`{}` needs `jwks_url` or `discovery = true`", fetch.key()),
        ),
        ("jwks_file", None) => {}
        (_, None) => {
            let (shown, name) = (source.key(), issuer.key());
            mistakes.add(source.place(), format!("`{shown}` needs `{name}.fetch`"));
        }
        ("jwks_url", Some(fetch)) => fetched((source, &fetch), mistakes),
        (_, Some(fetch)) => {
            // the metadata is where the issuer's own name leads
            if let Some(named) = issuer.get("issuer") {
                fetched((&named, &fetch), mistakes);
            }
        }
    }
}

fn fetched((url, fetch): (&Node<'_>, &Node<'_>), mistakes: &mut Mistakes) {
    times(fetch, mistakes);
    server((url, fetch), mistakes);
}

/// TLS with an authority to believe, or this machine.
pub(super) fn server((url, table): (&Node<'_>, &Node<'_>), mistakes: &mut Mistakes) {
    let Some(text) = url.text().filter(|text| !text.is_empty()) else {
        return;
    };
    let is_issuer = url.name() == "issuer";
    let (shown, quoted) = (url.key(), words::quoted(text));
    let read = Template::plain(text).filter(|_| !is_issuer || !text.contains('?'));
    let Some(read) = read else {
        let why = if is_issuer {
            ", as `discovery` needs it"
        } else {
            ""
        };
        let message = format!("`{shown}` wants an `https://` URL{why}, not {quoted}");
        return mistakes.add(url.place(), message);
    };
    if !read.is_encrypted && !read.is_loopback() {
        let message = format!("`{shown}` wants `https://`: only this machine is asked without");
        mistakes.add(url.place(), message);
    }
    let ca_file = table.get("ca_file");
    match (read.is_encrypted, ca_file) {
        (true, None) => {
            let message = format!("`https://` needs `{}.ca_file`", table.key());
            mistakes.add(table.place(), message);
        }
        (false, Some(node)) => {
            mistakes.add(node.place(), format!("`{}` needs `https://`", node.key()));
        }
        (true, Some(_)) | (false, None) => {}
    }
}

fn times(fetch: &Node<'_>, mistakes: &mut Mistakes) {
    let mut check = |key: &str, is_wrong: &dyn Fn(Duration) -> bool, wanted: &str| {
        time((fetch, key), is_wrong, wanted, mistakes);
    };
    let is_short = |age: Duration| !age.is_zero() && age < SHORTEST_AGE; // none is told elsewhere
    check("max_age", &is_short, "at least `60s`");
    check("timeout", &|time| time > LONGEST_TIMEOUT, "at most `5s`");
    check("cooldown", &|time| time > LONGEST_COOLDOWN, "at most `20s`");
}

/// One time of a table, where it is written.
pub(super) fn time(
    (table, key): (&Node<'_>, &str),
    is_wrong: &dyn Fn(Duration) -> bool,
    wanted: &str,
    mistakes: &mut Mistakes,
) {
    let node = table.get(key);
    let wrong = node.filter(|node| duration(node).is_some_and(is_wrong));
    if let Some(node) = wrong {
        let (shown, value) = (node.key(), words::value(node.value()));
        let message = format!("`{shown}` wants {wanted}, not {value}");
        mistakes.add(node.place(), message);
    }
}
