//! Does a route mean one thing?

use std::collections::BTreeSet;

use crate::config::document::{Document, Node};
use crate::config::fit::{name, path, result_keys, websocket};
use crate::config::mistakes::Mistakes;
use crate::config::moment::Moment;
use crate::config::words;

/// Checks every route of a file by itself.
pub(crate) fn route_file(file: &Document, mistakes: &mut Mistakes) {
    for route in file.root().children_of("route") {
        if let Some(id) = route.get("id")
            && let Some(text) = id.text()
        {
            name(&id, text, mistakes);
        }
        reasons(&route, mistakes);
        identity(&route, mistakes);
        choice(&route, mistakes);
        path_parameters(&route, mistakes);
        pointers(&route, mistakes);
        body(&route, mistakes);
        websocket::check(&route, mistakes);
        result_keys::check(&route, mistakes);
        answer(&route, mistakes);
        if let Some(retired) = route.get("retired") {
            retirement(&retired, mistakes);
        }
    }
}

/// A check that a route does without is waived in so many words, with the reason.
fn reasons(route: &Node<'_>, mistakes: &mut Mistakes) {
    const WAIVERS: [(&str, &str); 3] = [
        ("vehicle", "none"),
        ("identity", "none"),
        ("body", "opaque"),
    ];
    let because = route.get("because");
    let waived = WAIVERS
        .iter()
        .find(|(key, word)| route.text_of(key) == Some(*word));
    match (waived, because) {
        (Some((key, word)), None) => {
            let place = route.get(key).unwrap_or_else(|| route.clone()).place();
            mistakes.add(place, format!("`{key} = \"{word}\"` needs `because`"));
        }
        (None, Some(because)) => mistakes.add(
            because.place(),
            "`because` wants a `vehicle = \"none\"`, `identity = \"none\"` or \
             `body = \"opaque\"` to give a reason for",
        ),
        (Some(_), Some(_)) | (None, None) => {}
    }
    for reason in ["because", "off"].iter().filter_map(|key| route.get(key)) {
        not_blank(&reason, mistakes);
    }
}

fn not_blank(reason: &Node<'_>, mistakes: &mut Mistakes) {
    if reason
        .text()
        .is_some_and(|text| !text.is_empty() && text.trim().is_empty())
    {
        mistakes.add(
            reason.place(),
            format!("`{}` must not be empty", reason.key()),
        );
    }
}

/// Announced before it goes, and the successor stands between the brackets of a `Link` field.
fn retirement(retired: &Node<'_>, mistakes: &mut Mistakes) {
    if let Some(because) = retired.get("because") {
        not_blank(&because, mistakes);
    }
    let moment = |key: &str| Moment::read(retired.text_of(key)?);
    if let (Some(announced), Some(sunset)) = (moment("announced"), moment("sunset"))
        && announced >= sunset
    {
        mistakes.add(
            retired.place(),
            format!("`{}` wants `announced` before `sunset`", retired.key()),
        );
    }
    let Some(successor) = retired.get("successor") else {
        return;
    };
    let is_url = |text: &str| {
        text.strip_prefix("https://").is_some_and(|rest| {
            rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
                && rest
                    .bytes()
                    .all(|b| b.is_ascii_graphic() && !b"<>\"".contains(&b))
        })
    };
    if let Some(text) = successor.text().filter(|text| !text.is_empty())
        && !is_url(text)
    {
        let text = words::quoted(text);
        mistakes.add(
            successor.place(),
            format!("`{}` wants an `https` URL, not {text}", successor.key()),
        );
    }
}

fn identity(route: &Node<'_>, mistakes: &mut Mistakes) {
    let names_vehicle = route
        .get("vehicle")
        .is_some_and(|vehicle| vehicle.value().is_object());
    if let Some(identity) = route.get("identity")
        && identity.text() == Some("none")
        && names_vehicle
    {
        mistakes.add(
            identity.place(),
            "a route that names a vehicle needs an identity",
        );
    }
}

/// One value chooses the action, and it is in one place.
fn choice(route: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(action) = route
        .get("action")
        .filter(|action| action.value().is_object())
    else {
        return;
    };
    let places = ["query", "form", "json"]
        .iter()
        .filter(|key| action.has(key));
    if places.count() != 1 {
        mistakes.add(
            action.place(),
            "`action` wants exactly one of `query`, `form` and `json`",
        );
    }
}

/// Where the vehicle is named, whatever names it.
fn vehicle_place<'a>(route: &Node<'a>) -> Option<Node<'a>> {
    let vehicle = route.get("vehicle")?;
    let inner = vehicle.get("alias").or_else(|| vehicle.get("case"));
    Some(inner.unwrap_or(vehicle))
}

/// Where a value is read from: the vehicle's place, what chooses the action, a poll's key.
fn sources<'a>(route: &Node<'a>) -> Vec<Node<'a>> {
    let places = [
        vehicle_place(route),
        route.get("action"),
        result_keys::presented(route),
    ];
    places.into_iter().flatten().collect()
}

fn answer(route: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(answer) = route.get("answer") else {
        return;
    };
    let of_vehicle = route
        .get("vehicle")
        .is_some_and(|vehicle| vehicle.value().is_object());
    if of_vehicle && answer.text() == Some("unguarded") {
        mistakes.add(
            answer.place(),
            "the answer of a route that names a vehicle is always guarded",
        );
    }
    let is_websocket = route
        .get("websocket")
        .is_some_and(|websocket| websocket.value().as_bool() == Some(true));
    if is_websocket && answer.text() == Some("guarded") {
        mistakes.add(
            answer.place(),
            "`answer = \"guarded\"` is nothing for a WebSocket: frames aren't read",
        );
    }
}

fn path_parameters(route: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(pattern) = route.get("path") else {
        return;
    };
    let Some(text) = pattern.text() else {
        return;
    };
    let parameters = match path::parameters(text) {
        Ok(parameters) => parameters,
        Err(flaw) => {
            mistakes.add(pattern.place(), format!("`path` {flaw}"));
            return;
        }
    };
    let known: Vec<String> = parameters.iter().map(|name| (*name).to_owned()).collect();
    for source in sources(route) {
        if let Some(name) = source.text_of("path")
            && !parameters.contains(name)
        {
            let message = words::unknown("path parameter", name, &known);
            mistakes.add(source.get("path").unwrap_or(source).place(), message);
        }
    }
    for values in route.children_of("where") {
        let name = values.name();
        if !parameters.contains(name.as_str()) {
            mistakes.add(
                values.place(),
                words::unknown("path parameter", &name, &known),
            );
        }
        where_values(&values, text, mistakes);
    }
}

/// Values that a segment of a canonical path could never have would silently close the route.
fn where_values(values: &Node<'_>, path: &str, mistakes: &mut Mistakes) {
    let one_segment = path.contains(&format!("{{{}}}", values.name()));
    let children = values.children();
    if children.is_empty() && values.value().is_array() {
        mistakes.add(
            values.place(),
            format!("`{}` must not be empty", values.key()),
        );
    }
    let mut seen = BTreeSet::new();
    for value in &children {
        let Some(text) = value.text() else {
            continue;
        };
        let flaw = if text.is_empty() || (one_segment && text.contains('/')) {
            "wants one segment of a path"
        } else if seen.insert(text) {
            continue;
        } else {
            "has the same value twice"
        };
        let text = words::quoted(text);
        mistakes.add(value.place(), format!("`{}` {flaw}: {text}", values.key()));
    }
}

fn pointers(route: &Node<'_>, mistakes: &mut Mistakes) {
    let answer = route.get("result_key").and_then(|it| it.get("answer"));
    let read = sources(route);
    for pointer in read.iter().filter_map(|it| it.get("json")).chain(answer) {
        let Some(text) = pointer.text().filter(|text| !text.is_empty()) else {
            continue;
        };
        let is_escaped = |rest: &str| rest.starts_with(['0', '1']);
        let wanted = if !text.starts_with('/') {
            "that starts with `/`"
        } else if !text.split('~').skip(1).all(is_escaped) {
            "where `~` is followed by `0` or `1`"
        } else {
            continue;
        };
        let (key, text) = (pointer.key(), words::quoted(text));
        mistakes.add(
            pointer.place(),
            format!("`{key}` wants a JSON pointer {wanted}, not {text}"),
        );
    }
}

/// A body is read as a form or as JSON where something of it is needed, else not at all.
fn body(route: &Node<'_>, mistakes: &mut Mistakes) {
    let readers: Vec<Node<'_>> = sources(route)
        .into_iter()
        .flat_map(|source| {
            ["form", "json"]
                .iter()
                .filter_map(move |key| source.get(key))
                .collect::<Vec<_>>()
        })
        .collect();
    let methods = route.children_of("methods");
    let has_get = methods.iter().any(|method| method.text() == Some("GET"));
    let is_opaque = route.text_of("body") == Some("opaque");
    for reader in &readers {
        let key = reader.key();
        if has_get {
            mistakes.add(
                reader.place(),
                format!("`{key}` reads a body, and `GET` has none"),
            );
        }
        if is_opaque {
            mistakes.add(
                reader.place(),
                format!("`{key}` reads a body, and `body = \"opaque\"` is not read"),
            );
        }
    }
    let Some(first) = readers.first() else {
        return;
    };
    for other in readers.iter().filter(|other| other.name() != first.name()) {
        mistakes.add(
            other.place(),
            format!(
                "`{}` and `{}` read one body in two formats",
                first.key(),
                other.key()
            ),
        );
    }
}
