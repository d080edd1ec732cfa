//! What does a file say, and on which line?
//!
//! A TOML file as JSON values, with a place for every key and array element. What TOML can write
//! and the configuration can't use (dates, numbers out of range) is reported here and becomes
//! null, which stands for "already reported" everywhere else.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use toml::de::{DeInteger, DeTable, DeValue};

use crate::config::key;
use crate::config::mistakes::Mistakes;

/// A file's values and places.
#[derive(Debug)]
pub(crate) struct Document {
    /// As the user gave it.
    pub(crate) name: String,
    /// The whole file.
    pub(crate) value: Value,
    /// Whether it could be parsed: what was made of a file with syntax errors is only a guess.
    pub(crate) sound: bool,
    places: BTreeMap<String, String>,
}

/// One value of a document.
#[derive(Debug, Clone)]
pub(crate) struct Node<'a> {
    document: &'a Document,
    value: &'a Value,
    pointer: String,
}

impl Document {
    /// Parses a file; syntax errors go to `mistakes`, at most one a line.
    pub(crate) fn parse(name: &str, text: &str, mistakes: &mut Mistakes) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader {
            name,
            newlines: text.match_indices('\n').map(|(at, _)| at).collect(),
            places: BTreeMap::new(),
            mistakes,
        };
        let sound = errors.is_empty();
        let mut last = None;
        for error in errors {
            let place = reader.place(error.span().unwrap_or_default().start);
            if last.as_ref() != Some(&place) {
                reader.mistakes.add(&place, syntax(error.message()));
            }
            last = Some(place);
        }
        let value = reader.table("", table.get_ref());
        Self {
            name: name.to_owned(),
            value,
            sound,
            places: reader.places,
        }
    }

    /// Where a value stands, or the nearest one above it that stands anywhere.
    pub(crate) fn place(&self, pointer: &str) -> String {
        let mut at = pointer;
        loop {
            if let Some(place) = self.places.get(at) {
                return place.clone();
            }
            match at.rsplit_once('/') {
                Some((above, _)) => at = above,
                None => return self.name.clone(),
            }
        }
    }

    /// Every place, by JSON pointer.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, &str)> {
        self.places
            .iter()
            .map(|(pointer, place)| (pointer.as_str(), place.as_str()))
    }

    /// The top.
    pub(crate) fn root(&self) -> Node<'_> {
        Node {
            document: self,
            value: &self.value,
            pointer: String::new(),
        }
    }

    /// All values whose pointer matches; `*` stands for any one segment.
    pub(crate) fn matching(&self, pattern: &str) -> Vec<Node<'_>> {
        pattern
            .split('/')
            .skip(1)
            .fold(
                vec![self.root()],
                |nodes: Vec<Node<'_>>, segment| match segment {
                    "*" => nodes.iter().flat_map(Node::children).collect(),
                    name => nodes.iter().filter_map(|node| node.get(name)).collect(),
                },
            )
    }

    /// Writes a value over what is there, making tables on the way.
    ///
    /// # Errors
    /// The dotted key of what is in the way and is no table.
    pub(crate) fn put(&mut self, path: &[String], value: Value, place: &str) -> Result<(), String> {
        let mut pointer = String::new();
        let mut at = &mut self.value;
        for segment in path {
            let Value::Object(members) = at else {
                return Err(key::dotted(&pointer));
            };
            pointer = key::below(&pointer, segment);
            at = members
                .entry(segment)
                .or_insert_with(|| Value::Object(Map::new()));
            self.places
                .entry(pointer.clone())
                .or_insert_with(|| place.to_owned());
        }
        *at = value;
        let inside = format!("{pointer}/");
        self.places.retain(|known, _| !known.starts_with(&inside));
        let mut written = vec![pointer.clone()];
        pointers(&pointer, at, &mut written);
        for pointer in written {
            self.places.insert(pointer, place.to_owned());
        }
        Ok(())
    }
}

/// A value as TOML writes it, without places; `None` if it isn't one.
pub(crate) fn parse_value(text: &str) -> Option<Value> {
    let value = DeValue::parse(text.trim()).ok()?;
    let mut mistakes = Mistakes::default();
    let mut reader = Reader {
        name: "",
        newlines: Vec::new(),
        places: BTreeMap::new(),
        mistakes: &mut mistakes,
    };
    let value = reader.value("", value.get_ref(), 0);
    mistakes.is_empty().then_some(value)
}

fn pointers(at: &str, value: &Value, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (key::below(at, name), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(position, value)| (key::below(at, &position.to_string()), value))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    for (pointer, value) in children {
        found.push(pointer.clone());
        pointers(&pointer, value, found);
    }
}

impl<'a> Node<'a> {
    /// A member of a table.
    pub(crate) fn get(&self, name: &str) -> Option<Self> {
        let value = self.value.as_object()?.get(name)?;
        Some(self.child(name, value))
    }

    /// The text of a string.
    pub(crate) fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// The text of a member that is a string.
    pub(crate) fn text_of(&self, name: &str) -> Option<&'a str> {
        self.value.as_object()?.get(name)?.as_str()
    }

    /// Whether a member is written.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value.get(name).is_some()
    }

    /// Members of a table, elements of an array.
    pub(crate) fn children(&self) -> Vec<Self> {
        match self.value {
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| self.child(name, value))
                .collect(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(position, value)| self.child(&position.to_string(), value))
                .collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        }
    }

    /// Members or elements below a member.
    pub(crate) fn children_of(&self, name: &str) -> Vec<Self> {
        self.get(name).map_or_else(Vec::new, |node| node.children())
    }

    /// Its name in its table, or its position in its array.
    pub(crate) fn name(&self) -> String {
        key::segments(&self.pointer).last().unwrap_or_default()
    }

    /// Where it stands.
    pub(crate) fn place(&self) -> String {
        self.document.place(&self.pointer)
    }

    /// Its key, as a message shows it.
    pub(crate) fn key(&self) -> String {
        key::shown(&self.pointer)
    }

    /// Its JSON pointer.
    pub(crate) fn pointer(&self) -> &str {
        &self.pointer
    }

    /// The value itself.
    pub(crate) fn value(&self) -> &'a Value {
        self.value
    }

    fn child(&self, name: &str, value: &'a Value) -> Self {
        Self {
            document: self.document,
            value,
            pointer: key::below(&self.pointer, name),
        }
    }
}

struct Reader<'a> {
    name: &'a str,
    newlines: Vec<usize>,
    places: BTreeMap<String, String>,
    mistakes: &'a mut Mistakes,
}

impl Reader<'_> {
    fn place(&self, offset: usize) -> String {
        let before = self.newlines.partition_point(|newline| *newline < offset);
        format!("{}:{}", self.name, before.saturating_add(1))
    }

    fn table(&mut self, pointer: &str, table: &DeTable<'_>) -> Value {
        let mut members = Map::new();
        for (name, value) in table {
            let offset = name.span().start;
            let pointer = key::below(pointer, name.get_ref());
            self.places.insert(pointer.clone(), self.place(offset));
            let value = self.value(&pointer, value.get_ref(), offset);
            members.insert(name.get_ref().to_string(), value);
        }
        Value::Object(members)
    }

    fn value(&mut self, pointer: &str, value: &DeValue<'_>, offset: usize) -> Value {
        match value {
            DeValue::String(text) => Value::from(text.as_ref()),
            DeValue::Boolean(truth) => Value::from(*truth),
            DeValue::Integer(number) => self.integer(number, offset),
            DeValue::Float(number) => self.float(number.as_str(), offset),
            DeValue::Datetime(date) => self.unusable(
                offset,
                &date.to_string(),
                "string: a date needs quotes here",
            ),
            DeValue::Table(table) => self.table(pointer, table),
            DeValue::Array(items) => {
                let mut values = Vec::new();
                for (position, item) in items.iter().enumerate() {
                    let pointer = key::below(pointer, &position.to_string());
                    let offset = item.span().start;
                    self.places.insert(pointer.clone(), self.place(offset));
                    values.push(self.value(&pointer, item.get_ref(), offset));
                }
                Value::Array(values)
            }
        }
    }

    fn integer(&mut self, number: &DeInteger<'_>, offset: usize) -> Value {
        match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::from(number),
            Err(_) => self.unusable(offset, &number.to_string(), "number of at most 64 bits"),
        }
    }

    /// JSON Schema takes `30.0` for an integer, and serde doesn't: a whole number has no point.
    fn float(&mut self, written: &str, offset: usize) -> Value {
        let number = written
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite());
        match number.filter(|number| number.fract() != 0.0) {
            Some(number) => Value::from(number),
            None => self.unusable(offset, written, "whole number"),
        }
    }

    fn unusable(&mut self, offset: usize, written: &str, wanted: &str) -> Value {
        let place = self.place(offset);
        self.mistakes
            .add(place, format!("`{written}` is not a {wanted}"));
        Value::Null
    }
}

/// The parser's words, as the house writes a message.
fn syntax(message: &str) -> String {
    let line = message.lines().collect::<Vec<_>>().join(", ");
    let line = line.trim().trim_end_matches('.');
    let mut letters = line.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    let rest = letters.as_str();
    format!(
        "not TOML: {}{rest}",
        first.map(String::from).unwrap_or_default()
    )
}
