//! Can a route be a WebSocket?
//!
//! What is checked on every request is checked on a handshake, once; what can't be checked on the
//! frames that follow is refused here.

use crate::config::document::Node;
use crate::config::mistakes::Mistakes;

/// Refuses what makes no sense on a WebSocket, and what would let something pass unchecked.
pub(super) fn check(route: &Node<'_>, mistakes: &mut Mistakes) {
    let Some(websocket) = route.get("websocket") else {
        return;
    };
    if websocket.value() != &serde_json::Value::Bool(true) {
        return;
    }
    let mut refuse = |place: &Node<'_>, why: &str| {
        mistakes.add(place.place(), format!("`websocket = true` {why}"));
    };
    for method in route.children_of("methods") {
        if method.text().is_some_and(|text| text != "GET") {
            refuse(&method, "wants `methods = [\"GET\"]`: a handshake is one");
        }
    }
    if let Some(vehicle) = route.get("vehicle")
        && vehicle.value().is_object()
    {
        refuse(
            &vehicle,
            "wants `vehicle = \"none\"`: other cars' VINs can't be masked within frames",
        );
    }
    if let Some(body) = route.get("body") {
        refuse(&body, "goes without `body`: a handshake has none");
    }
    for key in ["form", "json"] {
        if let Some(reader) = route.get("action").and_then(|action| action.get(key)) {
            refuse(
                &reader,
                "wants an action that no body chooses: a handshake has none",
            );
        }
    }
}
