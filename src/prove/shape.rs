//! Which attributes of a type tie it to others?
//!
//! From the schema, so that a tie that is missing can be told: an attribute whose type names a type of
//! entity, or holds one.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::SchemaFragment;
use serde_json::{Map, Value};

/// How deep types may stand in each other.
const DEEPEST: usize = 32;

/// What each type of entity is made of.
#[derive(Debug, Default)]
pub(super) struct Shape {
    attributes: BTreeMap<String, Vec<Attribute>>,
    /// Types that can be in others.
    grouped: BTreeSet<String>,
}

/// An attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attribute {
    /// Its name.
    pub(super) name: String,
    /// Types of the entities that it names, if any.
    pub(super) named: BTreeSet<String>,
}

impl Shape {
    /// Of a schema that was read and found right. What can't be understood is left out: less is told.
    pub(super) fn read(text: &str) -> Self {
        Self::of(text).unwrap_or_default()
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
        let mut made = Self::default();
        for (name, kind) in &known.entities {
            let attributes = kind.get("shape").map(|shape| known.attributes(shape));
            made.attributes
                .insert((*name).to_owned(), attributes.unwrap_or_default());
            let groups = kind.get("memberOfTypes").and_then(Value::as_array);
            if groups.is_some_and(|groups| !groups.is_empty()) {
                made.grouped.insert((*name).to_owned());
            }
        }
        Some(made)
    }

    /// The attributes of a type, in the order of their names.
    fn attributes(&self, kind: &str) -> &[Attribute] {
        self.attributes.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The attributes of one type that can tie it to another: they name it, or what it names too.
    pub(super) fn ties(&self, one: &str, other: &str) -> Vec<&str> {
        let theirs = self.attributes(other).iter();
        let mut wanted: BTreeSet<&str> = theirs
            .flat_map(|attribute| attribute.named.iter().map(String::as_str))
            .collect();
        wanted.insert(other);
        let ties = |attribute: &&Attribute| {
            let mut named = attribute.named.iter();
            named.any(|kind| wanted.contains(kind.as_str()))
        };
        let own = self.attributes(one).iter().filter(ties);
        own.map(|attribute| attribute.name.as_str()).collect()
    }

    /// Whether one of a type can be in something, such as a person in a role.
    pub(super) fn is_grouped(&self, kind: &str) -> bool {
        self.grouped.contains(kind)
    }

    /// Whether anything of a type could tie it to others.
    pub(super) fn names_others(&self, kind: &str) -> bool {
        let mut own = self.attributes(kind).iter();
        own.any(|attribute| !attribute.named.is_empty())
    }

    /// The attributes of a type that name no entity.
    pub(super) fn facts(&self, kind: &str) -> Vec<&str> {
        let own = self.attributes(kind).iter();
        own.filter(|attribute| attribute.named.is_empty())
            .map(|attribute| attribute.name.as_str())
            .collect()
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
        members(shape, "attributes")
            .map(|(name, kind)| {
                let mut named = BTreeSet::new();
                self.collect(kind, 0, &mut named);
                let name = name.to_owned();
                Attribute { name, named }
            })
            .collect()
    }

    /// The types of entities that a type names or holds.
    fn collect(&self, kind: &Value, depth: usize, found: &mut BTreeSet<String>) {
        if depth > DEEPEST {
            return;
        }
        let depth = depth.saturating_add(1);
        if let Some(name) = name(kind) {
            if self.entities.contains_key(name) {
                found.insert(name.to_owned());
            }
            if let Some(meant) = self.commons.get(name) {
                self.collect(meant, depth, found);
            }
        }
        if let Some(element) = kind.get("element") {
            self.collect(element, depth, found);
        }
        for (_, part) in members(kind, "attributes") {
            self.collect(part, depth, found);
        }
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
    fn an_attribute_that_names_the_other_or_the_same_is_a_tie() {
        let text = "entity A { fleet?: F }; entity F; entity Other;
                    type Parts = { a: A, n: Long }; type Whole = { deep: Set<Parts>, b: Bool };
                    entity B { one?: A, many: Set<A>, parts: Set<Parts>, whole: Whole, n: Long,
                               fleet?: F, others: Set<Other>, words: Set<String> };
                    entity C in [A, B];";
        let shape = Shape::of(text).unwrap();
        assert_eq!(
            shape.ties("B", "A"),
            ["fleet", "many", "one", "parts", "whole"]
        );
        assert_eq!(shape.ties("B", "Other"), ["others"]);
        assert_eq!(shape.ties("A", "B"), ["fleet"]);
        assert!(shape.names_others("B") && !shape.names_others("Other"));
        assert_eq!(shape.ties("F", "A"), [""; 0]);
        assert_eq!(shape.facts("B"), ["n", "words"]);
        assert!(shape.is_grouped("C") && !shape.is_grouped("A"));
    }
}
