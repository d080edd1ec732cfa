//! Is everything that is named also there?

use std::collections::{BTreeMap, BTreeSet};

use crate::config::document::{Document, Node};
use crate::config::fit::result_keys;
use crate::config::mistakes::Mistakes;
use crate::config::words;

/// Checks names between tables: routes to surfaces, upstreams and quotas, surfaces to issuers.
pub(crate) fn references(config: &Document, files: &[Document], mistakes: &mut Mistakes) {
    let known = Known::of(config);
    for issuer in config.matching("/surfaces/*/issuers/*") {
        known_name("issuer", &issuer, &known.issuers, mistakes);
    }
    for pattern in [
        "/surfaces/*/certificates/*",
        "/listeners/*/tls/client_certificates/accepted/*",
    ] {
        for name in config.matching(pattern) {
            known_name(
                "table of certificates",
                &name,
                &known.certificates,
                mistakes,
            );
        }
    }
    for listener in config.matching("/regions/*/listeners/*") {
        known_name("listener", &listener, &known.listeners, mistakes);
    }
    fuses(config, files, &known, mistakes);
    result_keys::needed(config, files, mistakes);
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    let mut asking: BTreeMap<&str, String> = BTreeMap::new();
    for route in files
        .iter()
        .flat_map(|file| file.root().children_of("route"))
    {
        one_id(&route, &mut first, mistakes);
        if let Some(surface) = route.get("surface") {
            known_name("surface", &surface, &known.surfaces, mistakes);
        }
        if let Some(upstream) = route.get("upstream") {
            known_name("upstream", &upstream, &known.upstreams, mistakes);
        }
        for quota in route.children_of("quotas") {
            known_name("quota", &quota, &known.quotas, mistakes);
            quota_key(&route, &quota, config, mistakes);
        }
        let is_needed = !route.has("identity") || route.text_of("identity") == Some("required");
        let is_asking = is_needed && !route.has("off");
        if let Some(surface) = route.text_of("surface").filter(|_| is_asking) {
            asking.entry(surface).or_insert_with(|| described(&route));
        }
    }
    for surface in config.root().children_of("surfaces") {
        let name = surface.name();
        let names_none = |key: &str| {
            let named = surface.get(key);
            named.is_none_or(|named| named.value().as_array().is_some_and(Vec::is_empty))
        };
        if let Some(route) = asking.get(name.as_str())
            && names_none("issuers")
            && names_none("certificates")
        {
            let name = words::quoted(&name);
            mistakes.add(
                surface.place(),
                format!(
                    "surface {name} names no issuer and no certificates, and {route} needs an identity"
                ),
            );
        }
    }
}

/// What a fuse watches and closes.
fn fuses(config: &Document, files: &[Document], known: &Known, mistakes: &mut Mistakes) {
    for surface in config.matching("/fuses/*/surface") {
        known_name("surface", &surface, &known.surfaces, mistakes);
    }
    for upstream in config.matching("/fuses/*/close/upstreams/*") {
        known_name("upstream", &upstream, &known.upstreams, mistakes);
    }
    for fuse in config.root().children_of("fuses") {
        let of_surface = |route: &Node<'_>| route.text_of("surface") == fuse.text_of("surface");
        let routes = files
            .iter()
            .flat_map(|file| file.root().children_of("route"));
        let ids: Vec<String> = routes
            .filter(of_surface)
            .filter_map(|route| route.text_of("id").map(str::to_owned))
            .collect();
        let named = fuse.get("close").map(|close| close.children_of("routes"));
        for route in named.unwrap_or_default() {
            known_name("route of that surface", &route, &ids, mistakes);
        }
    }
}

struct Known {
    listeners: Vec<String>,
    surfaces: Vec<String>,
    issuers: Vec<String>,
    certificates: Vec<String>,
    upstreams: Vec<String>,
    quotas: Vec<String>,
}

impl Known {
    fn of(config: &Document) -> Self {
        let names = |table: &str| {
            let entries = config.root().children_of(table);
            entries.iter().map(Node::name).collect()
        };
        Self {
            listeners: names("listeners"),
            surfaces: names("surfaces"),
            issuers: names("issuers"),
            certificates: names("certificates"),
            upstreams: names("upstreams"),
            quotas: names("quotas"),
        }
    }
}

fn known_name(kind: &str, reference: &Node<'_>, known: &[String], mistakes: &mut Mistakes) {
    if let Some(name) = reference.text()
        && !known.iter().any(|one| one == name)
    {
        mistakes.add(reference.place(), words::unknown(kind, name, known));
    }
}

fn one_id(route: &Node<'_>, first: &mut BTreeMap<String, String>, mistakes: &mut Mistakes) {
    let Some(id) = route.get("id") else {
        return;
    };
    let Some(text) = id.text() else {
        return;
    };
    match first.get(text) {
        Some(place) => mistakes.add(
            id.place(),
            format!("route {} is listed at {place} too", words::quoted(text)),
        ),
        None => drop(first.insert(text.to_owned(), id.place())),
    }
}

/// A quota that counts by what a route doesn't have would count everybody as one.
fn quota_key(route: &Node<'_>, quota: &Node<'_>, config: &Document, mistakes: &mut Mistakes) {
    let Some(name) = quota.text() else {
        return;
    };
    let parts: BTreeSet<&str> = config
        .root()
        .get("quotas")
        .and_then(|quotas| quotas.get(name))
        .map(|policy| policy.children_of("key"))
        .unwrap_or_default()
        .iter()
        .filter_map(Node::text)
        .collect();
    let lacks = [
        ("principal", route.text_of("identity") == Some("none")),
        ("vehicle", route.text_of("vehicle") == Some("none")),
    ];
    for (part, _) in lacks
        .iter()
        .filter(|(part, lacks)| *lacks && parts.contains(part))
    {
        let name = words::quoted(name);
        mistakes.add(
            quota.place(),
            format!("quota {name} counts by `{part}`, and this route has none"),
        );
    }
}

fn described(route: &Node<'_>) -> String {
    let id = route.text_of("id").map(words::quoted).unwrap_or_default();
    format!("route {id} at {}", route.place())
}
