//! What may be written, as JSON Schema?
//!
//! Draft 2020-12, derived from the types of [`crate::config::file`] and [`crate::config::route`].
//! TOML has no null, so no schema here allows one: an optional key is written or left out.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use crate::config::file::ConfigFile;
use crate::config::route::RouteFile;

/// Format of a duration with units. (The standard's `duration` is ISO 8601's.)
pub const DURATION: &str = "humantime";

/// Format of a moment in UTC. (The standard's `date-time` allows any zone.)
pub const MOMENT: &str = "utc-date-time";

/// Format of an IP address with a port.
pub const SOCKET_ADDRESS: &str = "socket-address";

/// Format of an IP network in CIDR notation.
pub const NETWORK: &str = "network";

/// The schema of `vingate.toml`.
pub fn json_schema() -> Value {
    titled::<ConfigFile>("Vingate configuration")
}

/// The schema of a route file.
pub fn route_schema() -> Value {
    titled::<RouteFile>("Vingate route file")
}

pub(crate) fn socket_address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": SOCKET_ADDRESS })
}

pub(crate) fn networks(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": NETWORK } })
}

fn titled<T: JsonSchema>(title: &str) -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    without_null(&mut schema);
    let mut root = Map::new();
    for keyword in ["$schema", "title", "description"] {
        if let Some(value) = schema.get(keyword) {
            root.insert(keyword.to_owned(), value.clone()); // what it is comes first
        }
    }
    if let Value::Object(rest) = schema {
        root.extend(rest);
    }
    root.insert("title".to_owned(), Value::from(title));
    Value::Object(root)
}

fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            drop_null_type(members);
            drop_null_alternative(members);
            bound_integers(members);
            if members.get("default") == Some(&Value::Null) {
                members.remove("default");
            }
            members.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn drop_null_type(members: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = members.get_mut("type") else {
        return;
    };
    types.retain(|one| one != "null");
    if let [one] = types.as_slice() {
        let one = one.clone();
        members.insert("type".to_owned(), one);
    }
}

fn drop_null_alternative(members: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = members.get_mut("anyOf") else {
        return;
    };
    alternatives.retain(|one| one.get("type").is_none_or(|kind| kind != "null"));
    let [Value::Object(only)] = alternatives.as_slice() else {
        return;
    };
    let only = only.clone();
    members.remove("anyOf");
    for (keyword, value) in only {
        members.entry(keyword).or_insert(value);
    }
}

/// The derived schema names the width of an integer and leaves its upper end open.
fn bound_integers(members: &mut Map<String, Value>) {
    if members
        .get("format")
        .is_some_and(|format| format == "uint32")
    {
        members
            .entry("maximum")
            .or_insert_with(|| Value::from(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_valid_and_described() {
        for schema in [json_schema(), route_schema()] {
            assert!(jsonschema::meta::is_valid(&schema));
            assert_eq!(
                schema["$schema"],
                "https://json-schema.org/draft/2020-12/schema"
            );
            assert!(schema["description"].is_string());
            let text = schema.to_string();
            assert!(!text.contains("null"), "{text}");
        }
    }

    #[test]
    fn every_property_has_a_description_or_a_named_shape() {
        fn walk(at: &str, schema: &Value) {
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                assert!(
                    property["description"].is_string(),
                    "{at}.{name} has no description"
                );
            }
        }
        for schema in [json_schema(), route_schema()] {
            walk("", &schema);
            for (name, definition) in schema["$defs"].as_object().unwrap() {
                walk(name, definition);
            }
        }
    }
}
