//! Do the parts of the configuration fit together?
//!
//! What a schema can't say. Every check takes what is there and passes over what is missing or of
//! another type: that is reported by the shape, and hides nothing else.

mod admin;
mod certificates;
mod dpop;
mod fuses;
mod introspection;
mod keys;
mod ownership;
mod path;
mod references;
mod result_keys;
mod route;
mod store;
mod websocket;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::document::{Document, Node};
use crate::config::mistakes::Mistakes;
use crate::config::words;

pub(crate) use references::references;
pub(crate) use route::route_file;

/// Longest tolerated clock difference: what is longer hides an expired token.
const LONGEST_CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Tables whose keys are names that operators type and that stand in records.
const NAMED: [&str; 6] = [
    "surfaces",
    "issuers",
    "certificates",
    "upstreams",
    "quotas",
    "fuses",
];

/// What can't be had without a fleet key: a board that comes from elsewhere.
const SEALED: [(&str, &str); 2] = [("store", "redis"), ("baseline_file", "")];

/// Durations of which none makes no sense.
pub(crate) const ABOVE_ZERO: [&str; 28] = [
    "/issuers/*/max_lifetime",
    "/issuers/*/fetch/max_age",
    "/issuers/*/fetch/timeout",
    "/issuers/*/fetch/cooldown",
    "/issuers/*/introspection/max_cache",
    "/issuers/*/introspection/negative_cache",
    "/issuers/*/introspection/timeout",
    "/issuers/*/introspection/breaker/pause",
    "/issuers/*/introspection/breaker/longest_pause",
    "/fuses/*/window",
    "/fuses/*/for",
    "/switches/restore_step",
    "/upstreams/*/connect_timeout",
    "/upstreams/*/read_timeout",
    "/quotas/*/window",
    "/limits/header_timeout",
    "/limits/body_timeout",
    "/limits/lookup_timeout",
    "/limits/drain_timeout",
    "/limits/websocket_idle",
    "/redis/timeout",
    "/result_keys/lifetime",
    "/dpop/max_age",
    "/ownership/keep/max_age",
    "/ownership/keep/absent_max_age",
    "/ownership/http/timeout",
    "/ownership/http/breaker/pause",
    "/ownership/http/breaker/longest_pause",
];

/// Checks `vingate.toml` by itself.
pub(crate) fn config_file(config: &Document, mistakes: &mut Mistakes) {
    for table in NAMED {
        for entry in config.root().children_of(table) {
            name(&entry, &entry.name(), mistakes);
        }
    }
    for listener in config.matching("/listeners/*") {
        listener_plaintext(&listener, mistakes);
    }
    for host in config.matching("/surfaces/*/hosts/*") {
        surface_host(&host, mistakes);
    }
    for skew in config.matching("/issuers/*/clock_skew") {
        clock_skew(&skew, mistakes);
    }
    for address in config.matching("/upstreams/*/addresses/*") {
        upstream_address(&address, mistakes);
    }
    for pattern in ABOVE_ZERO {
        for span in config.matching(pattern) {
            if duration(&span).is_some_and(|span| span.is_zero()) {
                mistakes.add(span.place(), format!("`{}` must be above zero", span.key()));
            }
        }
    }
    fleet_key(config, mistakes);
    store::needed(config, mistakes);
    fuses::check(config, mistakes);
    one_region_each(config, mistakes);
    admin::entrance(config, mistakes);
    one_issuer_each(config, mistakes);
    keys::sources(config, mistakes);
    certificates::check(config, mistakes);
    introspection::one_each(config, mistakes);
    one_name_for_a_subject(config, mistakes);
    store::redis(config, mistakes);
    dpop::check(config, mistakes);
    ownership::http(config, mistakes);
}

/// Checks a name: it is typed at 3 a.m., and stands in metrics and files.
fn name(at: &Node<'_>, name: &str, mistakes: &mut Mistakes) {
    let letters = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-'
    };
    if name.is_empty() || !name.bytes().all(letters) {
        let name = words::quoted(name);
        mistakes.add(
            at.place(),
            format!("name {name} wants only `a-z`, `0-9`, `.` and `-`"),
        );
    }
}

fn listener_plaintext(listener: &Node<'_>, mistakes: &mut Mistakes) {
    let has_tls = listener.has("tls");
    if let Some(plaintext) = listener.get("plaintext") {
        if has_tls {
            mistakes.add(
                plaintext.place(),
                "`plaintext` and `tls` exclude each other",
            );
        }
        return;
    }
    let Some(address) = listener.get("address").filter(|_| !has_tls) else {
        return;
    };
    let Some(parsed) = address
        .text()
        .and_then(|text| text.parse::<SocketAddr>().ok())
    else {
        return;
    };
    if !parsed.ip().to_canonical().is_loopback() {
        mistakes.add(
            address.place(),
            format!(
                "a listener without `tls` on `{parsed}`, which is not loopback, needs \
                 `plaintext = \"behind-tls-terminator\"`"
            ),
        );
    }
}

fn surface_host(host: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(text) = host.text().filter(|text| !text.is_empty()) else {
        return;
    };
    let name = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-')
    };
    let address = |text: &str| {
        text.strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
    };
    if !name(text) && !address(text) {
        mistakes.add(
            host.place(),
            format!(
                "`{}` wants a host without port, not {}",
                host.key(),
                words::quoted(text)
            ),
        );
    }
}

fn clock_skew(skew: &Node<'_>, mistakes: &mut Mistakes) {
    if duration(skew).is_some_and(|skew| skew > LONGEST_CLOCK_SKEW) {
        mistakes.add(
            skew.place(),
            format!(
                "`{}` wants at most `60s`, not {}",
                skew.key(),
                words::value(skew.value())
            ),
        );
    }
}

fn upstream_address(address: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(text) = address.text().filter(|text| !text.is_empty()) else {
        return;
    };
    if !is_host_and_port(text) {
        mistakes.add(
            address.place(),
            format!(
                "`{}` wants `host:port`, not {}",
                address.key(),
                words::quoted(text)
            ),
        );
    }
}

/// Whether a text is `host:port`; an IPv6 address stands in brackets.
fn is_host_and_port(text: &str) -> bool {
    let parts = text.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse::<u16>().ok().filter(|port| *port > 0)?;
        Some((host, port))
    });
    let sane = |host: &str| match host.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()),
        None => {
            !host.is_empty()
                && host
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        }
    };
    parts.is_some_and(|(host, _)| sane(host))
}

/// What comes from elsewhere is believed by its seal alone.
fn fleet_key(config: &Document, mistakes: &mut Mistakes) {
    let Some(switches) = config.root().get("switches") else {
        return;
    };
    for (key, value) in SEALED {
        let Some(node) = switches.get(key) else {
            continue;
        };
        if (value.is_empty() || node.text() == Some(value)) && !switches.has("fleet_key_file") {
            let shown = node.key();
            mistakes.add(
                node.place(),
                format!("`{shown}` needs `switches.fleet_key_file`"),
            );
        }
    }
}

/// A listener or a host in two regions would be in either.
fn one_region_each(config: &Document, mistakes: &mut Mistakes) {
    for pattern in ["/regions/*/listeners/*", "/regions/*/hosts/*"] {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for node in config.matching(pattern) {
            let Some(text) = node.text().map(str::to_ascii_lowercase) else {
                continue;
            };
            if let Some(first) = seen.get(&text) {
                let told = words::quoted(&text);
                mistakes.add(
                    node.place(),
                    format!("{told} is in the region at {first} too"),
                );
            }
            seen.entry(text).or_insert_with(|| node.place());
        }
    }
}

/// Facts name subjects without their issuer: a second issuer of people could vouch for the first
/// one's owners, and so with partners, technicians, agents and vehicles. Whoever means that says so.
fn one_name_for_a_subject(config: &Document, mistakes: &mut Mistakes) {
    let mut issuers = config.root().children_of("issuers");
    issuers.extend(config.root().children_of("certificates"));
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for issuer in issuers.iter().filter(|one| same_subjects(one).is_none()) {
        let kinds = kinds(issuer);
        let shared: Vec<&String> = kinds.intersection(&taken).collect();
        if let Some(kind) = shared.first() {
            let name = words::quoted(&issuer.name());
            mistakes.add(
                issuer.place(),
                format!(
                    "issuer {name} is another issuer of `{kind}` subjects, and ownership facts \
                     name subjects without their issuer: say `same_subjects_as`, or choose \
                     another kind"
                ),
            );
        }
        taken.extend(kinds);
    }
    for issuer in &issuers {
        let Some(same) = same_subjects(issuer) else {
            continue;
        };
        let ours = kinds(issuer);
        let meant = issuers.iter().find(|other| {
            Some(other.name().as_str()) == same.text() && other.name() != issuer.name()
        });
        if meant.is_none_or(|meant| kinds(meant).is_disjoint(&ours)) {
            let wanted = words::value(same.value());
            let ours: Vec<String> = ours.into_iter().collect();
            let ours = words::listed(&ours, "or");
            mistakes.add(
                same.place(),
                format!("no issuer of {ours} subjects is named {wanted}"),
            );
        }
    }
}

/// Whose subjects an issuer's are, where it says so.
fn same_subjects<'a>(issuer: &Node<'a>) -> Option<Node<'a>> {
    let principal = issuer.get("principal");
    let by_certificate = principal.and_then(|principal| principal.get("same_subjects_as"));
    issuer.get("same_subjects_as").or(by_certificate)
}

/// The kinds of principal that an issuer vouches for, by tokens or by certificates.
fn kinds(issuer: &Node<'_>) -> BTreeSet<String> {
    let Some(principal) = issuer.get("principal") else {
        return BTreeSet::new();
    };
    let claimed = principal.children_of("values");
    let claimed = claimed.iter().filter_map(Node::text);
    let certified = principal.text_of("kind");
    principal
        .text()
        .into_iter()
        .chain(certified)
        .chain(claimed)
        .map(str::to_owned)
        .collect()
}

/// Two tables for one `iss` would leave open whose keys and audiences count.
fn one_issuer_each(config: &Document, mistakes: &mut Mistakes) {
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    for issuer in config.matching("/issuers/*/issuer") {
        let Some(text) = issuer.text().filter(|text| !text.is_empty()) else {
            continue;
        };
        match seen.get(text) {
            Some(first) => mistakes.add(
                issuer.place(),
                format!(
                    "issuer {} is configured at {first} too",
                    words::quoted(text)
                ),
            ),
            None => drop(seen.insert(text, issuer.place())),
        }
    }
}

fn duration(node: &Node<'_>) -> Option<Duration> {
    humantime::parse_duration(node.text()?).ok()
}
