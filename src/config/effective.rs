//! Which values are in force, and where did each come from?
//!
//! Nothing here is secret: the configuration names files of keys, never a key.

use serde::Serialize;
use serde_json::Value;

use crate::config::key;
use crate::config::load::Loaded;

/// One value in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setting {
    /// Dotted key.
    pub key: String,
    /// The value; a list is one value.
    pub value: Value,
    /// `file:line`, `--set` or `default`.
    pub origin: String,
}

impl Setting {
    /// The value as `--set` takes it back.
    pub fn written(&self) -> String {
        match &self.value {
            Value::String(text) if !text.chars().any(char::is_control) => text.clone(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => self.value.to_string(),
        }
    }
}

/// Every value in force, defaults included, in the order of the schema.
///
/// # Errors
/// A path that is not UTF-8, which nothing loaded has.
pub fn settings(loaded: &Loaded) -> Result<Vec<Setting>, serde_json::Error> {
    let mut found = Vec::new();
    flatten(
        "",
        serde_json::to_value(&loaded.config)?,
        loaded,
        &mut found,
    );
    Ok(found)
}

fn flatten(pointer: &str, value: Value, loaded: &Loaded, found: &mut Vec<Setting>) {
    match value {
        Value::Null => {} // an optional key that nobody wrote
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                flatten(&key::below(pointer, &name), value, loaded, found);
            }
        }
        value @ (Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_)) => {
            let key = key::dotted(pointer);
            let origin = loaded.origins.place(&key);
            found.push(Setting { key, value, origin });
        }
    }
}
