//! Which attributes of a type tie it to others?
//!
//! From the schema, so that a tie that is missing can be told: an attribute whose type names a type of
//! entity, or holds one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cedar_policy::SchemaFragment;
use serde_json::{Map, Value};

/// How deep types may stand in each other.
const DEEPEST: usize = 32;

/// The attributes of each type of entity.
#[derive(Debug, Default)]
pub(super) struct Shape(BTreeMap<String, Vec<Attribute>>);

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    /// Its name.
    pub(super) name: String,
    /// Whether it names other entities.
    pub(super) tie: bool,
}

impl Shape {
    /// Of a schema that was read and found right. What can't be understood is left out: less is told.
    pub(super) fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        Self::of(&text).unwrap_or_default()
    }

    fn of(text: &str) -> Option<Self> {
        let (fragment, _) = SchemaFragment::from_cedarschema_str(text).ok()?;
        let Value::Object(namespaces) = fragment.to_json_value().ok()? else {
            return None;
        };
        let mut known = Known::default();
        for namespace in namespaces.values() {
            known.entities.extend(members(namespace, "entityTypes"));
            known.commons.extend(members(namespace, "commonTypes"));
        }
        let mut shapes = BTreeMap::new();
        for (name, kind) in &known.entities {
            let attributes = kind.get("shape").map(|shape| known.attributes(shape));
            shapes.insert((*name).to_owned(), attributes.unwrap_or_default());
        }
        Some(Self(shapes))
    }

    /// The attributes of a type, in the order of their names.
    pub(super) fn attributes(&self, kind: &str) -> &[Attribute] {
        self.0.get(kind).map_or(&[], Vec::as_slice)
    }
}

fn members<'a>(namespace: &'a Value, what: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    let all = namespace.get(what).and_then(Value::as_object);
    let all = all.into_iter().flat_map(Map::iter);
    all.map(|(name, kind)| (name.as_str(), kind))
}

/// What names mean in a schema.
#[derive(Default)]
struct Known<'a> {
    entities: BTreeMap<&'a str, &'a Value>,
    commons: BTreeMap<&'a str, &'a Value>,
}

impl Known<'_> {
    fn attributes(&self, shape: &Value) -> Vec<Attribute> {
        let meant = name(shape).and_then(|name| self.commons.get(name).copied());
        let all = members(meant.unwrap_or(shape), "attributes");
        all.map(|(name, kind)| Attribute {
            name: name.to_owned(),
            tie: self.ties(kind, 0),
        })
        .collect()
    }

    fn ties(&self, kind: &Value, depth: usize) -> bool {
        if depth > DEEPEST {
            return false;
        }
        let within = |kind: &Value| self.ties(kind, depth.saturating_add(1));
        let named = name(kind);
        named.is_some_and(|name| self.entities.contains_key(name))
            || named
                .and_then(|name| self.commons.get(name))
                .is_some_and(|meant| within(meant))
            || kind.get("element").is_some_and(within)
            || members(kind, "attributes").any(|(_, kind)| within(kind))
    }
}

/// The name that a type goes by.
fn name(kind: &Value) -> Option<&str> {
    let name = kind.get("name").or_else(|| kind.get("type"))?.as_str()?;
    Some(name.rsplit("::").next().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_that_names_an_entity_is_a_tie() {
        let text =
            "entity A; type Parts = { a: A, n: Long }; type Whole = { deep: Set<Parts>, b: Bool };
                    entity B { one?: A, many: Set<A>, parts: Set<Parts>, whole: Whole, n: Long,
                               words: Set<String> };
                    entity C = Whole;";
        let shape = Shape::of(text).unwrap();
        let ties = |kind: &str| {
            let attributes = shape.attributes(kind).iter();
            attributes
                .filter(|attribute| attribute.tie)
                .map(|attribute| attribute.name.as_str())
                .collect::<Vec<_>>()
        };
        assert_eq!(ties("B"), ["many", "one", "parts", "whole"]);
        assert_eq!(ties("C"), ["deep"]);
        assert_eq!(ties("A"), [""; 0]);
        assert_eq!(shape.attributes("B").len(), 6);
    }
}
