//! Is the ownership service named so that it, and nobody else, answers?

use std::time::Duration;

use crate::config::document::{Document, Node};
use crate::config::fit::duration;
use crate::config::mistakes::Mistakes;
use crate::config::template::Template;
use crate::config::words;

/// Longest time for an answer: nobody waits that long in front of their car.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Keys of `[ownership.http]` that hold JSON pointers.
const POINTERS: [&str; 13] = [
    "/ownership/http/map/*",
    "/ownership/http/map/*/*",
    "/ownership/http/absent/pointer",
    "/ownership/http/subjects/subject",
    "/ownership/http/subjects/issuer",
    "/ownership/http/subjects/suspended",
    "/ownership/http/subjects/absent/pointer",
    "/ownership/http/lookups/*/subject",
    "/ownership/http/lookups/*/vins",
    "/ownership/http/lookups/*/client",
    "/ownership/http/lookups/*/alias",
    "/ownership/http/lookups/*/case",
    "/ownership/http/lookups/*/vin",
];

/// What else is asked for, and what its URL names.
const LOOKUPS: [(&str, &[&str]); 3] = [
    ("subject", &["subject"]),
    ("alias", &["client", "alias"]),
    ("case", &["case"]),
];

/// Keys that mean nothing without TLS.
const OF_TLS: [&str; 3] = ["ca_file", "client_certificate_file", "client_key_file"];

/// Checks `ownership.http`, where it is written.
pub(super) fn http(config: &Document, mistakes: &mut Mistakes) {
    for http in config.matching("/ownership/http") {
        let vehicle = template(&http, "vehicle_url", &["vin"], mistakes);
        if let Some(vehicle) = &vehicle {
            encryption(&http, vehicle, mistakes);
        }
        if let Some(subjects) = http.get("subjects") {
            let subject = template(&subjects, "url", &["issuer", "subject"], mistakes);
            same_server(&subjects, (vehicle.as_ref(), subject.as_ref()), mistakes);
        }
        for (key, names) in LOOKUPS {
            let lookup = http.get("lookups").and_then(|lookups| lookups.get(key));
            if let Some(lookup) = lookup.filter(|lookup| lookup.value().is_object()) {
                let url = template(&lookup, "url", names, mistakes);
                same_server(&lookup, (vehicle.as_ref(), url.as_ref()), mistakes);
            }
        }
        times(&http, mistakes);
        assignees(&http, mistakes);
    }
    for pointer in POINTERS.iter().flat_map(|keys| config.matching(keys)) {
        is_pointer(&pointer, mistakes);
    }
}

fn template(
    table: &Node<'_>,
    key: &str,
    names: &[&str],
    mistakes: &mut Mistakes,
) -> Option<Template> {
    let node = table.get(key)?;
    let text = node.text().filter(|text| !text.is_empty())?;
    let read = Template::read(text, names);
    if read.is_none() {
        let places: Vec<String> = names.iter().map(|name| format!("{{{name}}}")).collect();
        let (shown, places) = (words::quoted(text), words::listed(&places, "and"));
        mistakes.add(
            node.place(),
            format!(
                "`{}` wants an `https://` URL whose path or query has {places} once, not {shown}",
                node.key()
            ),
        );
    }
    read
}

/// TLS with an authority to believe, or this machine.
fn encryption(http: &Node<'_>, vehicle: &Template, mistakes: &mut Mistakes) {
    let key = http.key();
    if !vehicle.is_encrypted && !vehicle.is_loopback() {
        mistakes.add(
            http.place(),
            format!("`{key}.vehicle_url` wants `https://`: only this machine is asked without"),
        );
    }
    if vehicle.is_encrypted && !http.has("ca_file") {
        mistakes.add(http.place(), format!("`https://` needs `{key}.ca_file`"));
    }
    for node in OF_TLS.iter().filter_map(|name| http.get(name)) {
        if !vehicle.is_encrypted {
            mistakes.add(node.place(), format!("`{}` needs `https://`", node.key()));
        }
    }
    let pair = ["client_certificate_file", "client_key_file"];
    for (one, other) in [(pair[0], pair[1]), (pair[1], pair[0])] {
        if let Some(node) = http.get(one).filter(|_| !http.has(other)) {
            let text = format!("`{}` needs `{key}.{other}`", node.key());
            mistakes.add(node.place(), text);
        }
    }
}

/// One service, with one certificate and one breaker.
fn same_server(
    subjects: &Node<'_>,
    urls: (Option<&Template>, Option<&Template>),
    mistakes: &mut Mistakes,
) {
    if let (Some(vehicle), Some(subject)) = urls
        && !subject.has_server_of(vehicle)
    {
        let text = format!(
            "`{}.url` wants the server of `ownership.http.vehicle_url`",
            subjects.key()
        );
        mistakes.add(subjects.place(), text);
    }
}

fn times(http: &Node<'_>, mistakes: &mut Mistakes) {
    if let Some(timeout) = http.get("timeout")
        && duration(&timeout).is_some_and(|timeout| timeout > LONGEST_TIMEOUT)
    {
        let shown = words::value(timeout.value());
        let text = format!("`{}` wants at most `5s`, not {shown}", timeout.key());
        mistakes.add(timeout.place(), text);
    }
    breaker(http, mistakes);
}

/// The pauses of a service's breaker, the longest no shorter than the first.
pub(super) fn breaker(table: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(breaker) = table.get("breaker") else {
        return;
    };
    let standard = crate::config::file::ServiceBreaker::default();
    let time = |name: &str, standard: Duration| match breaker.get(name) {
        Some(node) => duration(&node),
        None => Some(standard),
    };
    let first = time("pause", standard.pause.get());
    let longest = time("longest_pause", standard.longest_pause.get());
    if let (Some(first), Some(longest)) = (first, longest)
        && first > longest
    {
        let key = breaker.key();
        let text = format!("`{key}.longest_pause` wants no less than `{key}.pause`");
        mistakes.add(breaker.place(), text);
    }
}

/// An order is for a technician or a role.
fn assignees(http: &Node<'_>, mistakes: &mut Mistakes) {
    let orders = http.get("map").and_then(|map| map.get("work_orders"));
    if let Some(orders) = orders.filter(|orders| orders.value().is_object())
        && !orders.has("technician")
        && !orders.has("role")
    {
        let text = format!("`{}` wants `technician`, `role`, or both", orders.key());
        mistakes.add(orders.place(), text);
    }
}

fn is_pointer(node: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(text) = node.text().filter(|text| !text.is_empty()) else {
        return;
    };
    let mut tildes = text.split('~').skip(1);
    let escaped = tildes.all(|after| after.starts_with(['0', '1']));
    let untold = node.pointer() == "/ownership/http/map/suspended" && text == "not-told";
    let is_pointer = text.starts_with('/') && escaped;
    if !untold && !is_pointer {
        mistakes.add(
            node.place(),
            format!(
                "`{}` wants a JSON pointer such as `/owner/sub`, not {}",
                node.key(),
                words::quoted(text)
            ),
        );
    }
}
