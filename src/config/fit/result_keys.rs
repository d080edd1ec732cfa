//! Can a result key bind a poll to its command?

use crate::config::document::{Document, Node};
use crate::config::mistakes::Mistakes;

/// The place of a key that a poll presents.
pub(super) fn presented<'a>(route: &Node<'a>) -> Option<Node<'a>> {
    route
        .get("result_key")
        .filter(|place| place.value().is_object() && !place.has("answer"))
}

/// Checks a route by itself: a key is given to somebody for a vehicle, or binds nothing.
pub(super) fn check(route: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(place) = route.get("result_key") else {
        return;
    };
    let names_vehicle = route.get("vehicle");
    if names_vehicle.is_some_and(|vehicle| !vehicle.value().is_object()) {
        mistakes.add(
            place.place(),
            "`result_key` wants a route that names a vehicle: a key is given out for one",
        );
    }
}

/// Checks routes and configuration together: keys are kept somewhere, and a poll has something to poll.
pub(super) fn needed(config: &Document, files: &[Document], mistakes: &mut Mistakes) {
    let routes = files
        .iter()
        .flat_map(|file| file.root().children_of("route"));
    let places: Vec<(Option<String>, Node<'_>)> = routes
        .filter_map(|route| {
            let upstream = route.text_of("upstream").map(str::to_owned);
            Some((upstream, route.get("result_key")?))
        })
        .collect();
    let Some((_, first)) = places.first() else {
        return;
    };
    if !config.root().has("result_keys") {
        let text = "`result_key` needs `result_keys`: where it is kept who was given which";
        mistakes.add(first.place(), text);
    }
    let giving: Vec<&Option<String>> = places
        .iter()
        .filter_map(|(upstream, place)| place.has("answer").then_some(upstream))
        .collect();
    for (upstream, place) in &places {
        if place.value().is_object() && !place.has("answer") && !giving.contains(&upstream) {
            mistakes.add(
                place.place(),
                "no route to the same upstream gives result keys out: none of these polls would \
                 be let through",
            );
        }
    }
}
