//! What does `--set key=value` change?
//!
//! The value is TOML where that is a value and fits the key, else the text itself: so an address
//! needs no quotes, and `true` in a string's place stays a string.

use serde_json::Value;

use crate::config::document::{self, Document};
use crate::config::key;
use crate::config::mistakes::Mistakes;
use crate::config::shape::Shape;

/// How the place of an overridden key starts; the key follows.
pub(crate) const PLACE: &str = "--set ";

/// Writes every override over the document, later ones over earlier ones.
pub(crate) fn apply(
    overrides: &[String],
    config: &mut Document,
    shape: &Shape,
    mistakes: &mut Mistakes,
) {
    for text in overrides {
        let Some((written, value)) = key::assignment(text) else {
            mistakes.add(place(text), "wanted `key=value`");
            continue;
        };
        let Some(path) = key::split(written) else {
            mistakes.add(place(written), "is not a dotted key such as `admin.socket`");
            continue;
        };
        let place = place(written);
        let value = fitting(&path, value, config, shape);
        if let Err(taken) = config.put(&path, value, &place) {
            mistakes.add(place, format!("`{taken}` is not a table"));
        }
    }
}

fn place(written: &str) -> String {
    let key: String = written
        .chars()
        .filter(|letter| !letter.is_control())
        .collect();
    format!("{PLACE}{key}")
}

fn fitting(path: &[String], text: &str, config: &Document, shape: &Shape) -> Value {
    let plain = Value::from(text);
    let Some(parsed) = document::parse_value(text) else {
        return plain;
    };
    let pointer = path
        .iter()
        .fold(String::new(), |at, segment| key::below(&at, segment));
    let misfits = |value: &Value| {
        let mut whole = config.value.clone();
        write(&mut whole, path, value.clone());
        shape.misfits(&whole, &pointer)
    };
    if misfits(&parsed) > 0 && misfits(&plain) == 0 {
        plain
    } else {
        parsed
    }
}

fn write(whole: &mut Value, path: &[String], value: Value) {
    let mut at = whole;
    for segment in path {
        let Value::Object(members) = at else {
            return;
        };
        at = members
            .entry(segment)
            .or_insert_with(|| Value::Object(serde_json::Map::new()));
    }
    *at = value;
}
