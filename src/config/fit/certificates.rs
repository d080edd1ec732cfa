//! Can clients' certificates name those whom a surface lets in by them?

use std::collections::BTreeSet;

use crate::config::document::{Document, Node};
use crate::config::file::around;
use crate::config::mistakes::Mistakes;
use crate::config::words;

/// Checks who vouches for certificates, and who goes by them.
pub(super) fn check(config: &Document, mistakes: &mut Mistakes) {
    let issuers = config.root().children_of("issuers");
    let taken: BTreeSet<String> = issuers.iter().map(Node::name).collect();
    for table in config.root().children_of("certificates") {
        let name = table.name();
        if taken.contains(&name) {
            // closures and records name either by the one word
            let message = format!("{} is the name of an issuer too", words::quoted(&name));
            mistakes.add(table.place(), message);
        }
        if let Some(principal) = table.get("principal") {
            pattern(&principal, mistakes);
        }
    }
    let accepted: BTreeSet<&str> = config
        .matching("/listeners/*/tls/client_certificates/accepted/*")
        .iter()
        .filter_map(Node::text)
        .collect();
    for named in config.matching("/surfaces/*/certificates/*") {
        reachable(&named, config, &accepted, mistakes);
    }
}

/// The name stands once, in the form that its kind wants.
fn pattern(principal: &Node<'_>, mistakes: &mut Mistakes) {
    let (Some(kind), Some(name)) = (principal.text_of("kind"), principal.get("name")) else {
        return;
    };
    for node in name.children() {
        let Some(text) = node.text().filter(|text| !text.is_empty()) else {
            continue;
        };
        if around(kind, text).is_none() {
            let wanted = match kind {
                "Vehicle" => "`{vin}` once, such as `urn:vin:{vin}`",
                _ => "`{subject}` once, such as `{subject}.partners.example`",
            };
            let (shown, text) = (node.key(), words::quoted(text));
            let message = format!("`{shown}` of a `{kind}` wants {wanted}, not {text}");
            mistakes.add(node.place(), message);
        }
    }
}

/// What a surface goes by names somebody, and some listener asks for it.
fn reachable(
    named: &Node<'_>,
    config: &Document,
    accepted: &BTreeSet<&str>,
    mistakes: &mut Mistakes,
) {
    let Some(name) = named.text() else {
        return;
    };
    let Some(table) = config
        .root()
        .get("certificates")
        .and_then(|all| all.get(name))
    else {
        return; // told elsewhere
    };
    let quoted = words::quoted(name);
    if !table.has("principal") {
        let message = format!("{quoted} names nobody: it lacks `certificates.{name}.principal`");
        mistakes.add(named.place(), message);
    }
    if !accepted.contains(name) {
        let message = format!(
            "no listener asks for certificates of {quoted}: it stands in none's \
             `tls.client_certificates.accepted`"
        );
        mistakes.add(named.place(), message);
    }
}
