//! What are the things in a counterexample called?

use std::collections::BTreeMap;

use cedar_policy::EntityUid;
use serde_json::Value;

/// What things are called.
#[derive(Default)]
pub(super) struct Names {
    given: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Names {
    /// The name of an entity, given when it is first asked for.
    pub(super) fn of(&mut self, uid: &Value) -> String {
        if let Some(name) = self.given.get(&uid.to_string()) {
            return name.clone();
        }
        let kind = kind(uid);
        let kind = kind.rsplit("::").next().unwrap_or(kind).to_lowercase();
        let count = self.counts.entry(kind.clone()).or_default();
        *count = count.saturating_add(1);
        let name = format!("{kind} {count}");
        self.given.insert(uid.to_string(), name.clone());
        name
    }

    /// A value in words.
    pub(super) fn tell(&mut self, value: &Value) -> String {
        if let Some(uid) = value.get("__entity") {
            return self.of(uid);
        }
        match value {
            Value::Array(all) if all.is_empty() => "none".to_owned(),
            Value::Array(all) => {
                let all: Vec<String> = all.iter().map(|one| self.tell(one)).collect();
                all.join(", ")
            }
            Value::Object(parts) => {
                let parts: Vec<String> = parts
                    .iter()
                    .map(|(name, value)| format!("{name}: {}", self.tell(value)))
                    .collect();
                format!("{{ {} }}", parts.join(", "))
            }
            Value::Bool(true) => "yes".to_owned(),
            Value::Bool(false) => "no".to_owned(),
            Value::Null | Value::Number(_) | Value::String(_) => value.to_string(),
        }
    }
}

/// The type of an entity.
pub(super) fn kind(uid: &Value) -> &str {
    uid.get("type").and_then(Value::as_str).unwrap_or("thing")
}

/// An entity as it stands in JSON.
pub(super) fn json(uid: Option<&EntityUid>) -> Value {
    uid.map_or(Value::Null, |uid| {
        serde_json::json!({ "type": uid.type_name().to_string(), "id": uid.id().unescaped() })
    })
}

/// Whether a value names an entity, however deep.
pub(super) fn mentions(value: &Value, uid: &Value) -> bool {
    match value {
        Value::Array(all) => all.iter().any(|one| mentions(one, uid)),
        Value::Object(parts) => match parts.get("__entity") {
            Some(named) => named == uid,
            None => parts.values().any(|part| mentions(part, uid)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Every entity that a value names.
pub(super) fn named<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(all) => all.iter().for_each(|one| named(one, found)),
        Value::Object(parts) => match parts.get("__entity") {
            Some(uid) => found.push(uid),
            None => parts.values().for_each(|part| named(part, found)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
