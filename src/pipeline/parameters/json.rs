//! What does a JSON body say, if every server is to read it alike?
//!
//! RFC 8259 leaves duplicate members to the reader, and readers differ; so they are refused at any
//! depth. A member name with an escape is refused too: filters and hand-written readers compare
//! names before they unescape them. So is a name beyond ASCII: `ſ`, `ı` and the Kelvin sign are `s`,
//! `i` and `k` to readers that ignore case.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::denial::{Denial, HeadFlaw};

/// Reads a whole document; depth is bounded by `serde_json` (128).
pub(super) fn read(bytes: &[u8]) -> Result<Value, Denial> {
    let text = std::str::from_utf8(bytes).map_err(|_| Denial::Malformed(HeadFlaw::BodyEncoding))?;
    if text.starts_with('\u{feff}') {
        return Err(Denial::Malformed(HeadFlaw::BodyEncoding)); // RFC 8259, 8.1
    }
    let ambiguity = Cell::new(None);
    let mut reader = serde_json::Deserializer::from_str(text);
    let strict = Strict {
        ambiguity: &ambiguity,
    };
    let value = strict
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    value.map_err(|_| match ambiguity.get() {
        Some(flaw) => Denial::Ambiguous(flaw),
        None => Denial::Malformed(HeadFlaw::BodySyntax),
    })
}

/// What a JSON pointer (RFC 6901) points at.
///
/// # Errors
/// `Ambiguous` when a member on the way has a sibling whose name differs by case alone: readers
/// that ignore case would take either.
pub fn find_member<'a>(document: &'a Value, pointer: &str) -> Result<Option<&'a Value>, Denial> {
    let mut at = document;
    if pointer.is_empty() {
        return Ok(Some(at));
    }
    let Some(tokens) = pointer.strip_prefix('/') else {
        return Ok(None);
    };
    for token in tokens.split('/') {
        let token = token.replace("~1", "/").replace("~0", "~");
        let next = match at {
            Value::Object(members) => find_alone(members, &token)?,
            Value::Array(items) => index(&token).and_then(|index| items.get(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        match next {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

fn find_alone<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a Value>, Denial> {
    let alike = members.keys().filter(|key| key.eq_ignore_ascii_case(name));
    if alike.count() > 1 {
        return Err(Denial::Ambiguous(HeadFlaw::BodyDuplicate));
    }
    Ok(members.get(name))
}

/// RFC 6901, 4: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with(['0', '+']);
    if plain { token.parse().ok() } else { None }
}

/// Builds a value and remembers why it stopped.
#[derive(Clone, Copy)]
struct Strict<'a> {
    ambiguity: &'a Cell<Option<HeadFlaw>>,
}

impl Strict<'_> {
    fn refuse<E: de::Error>(self, flaw: HeadFlaw) -> E {
        self.ambiguity.set(Some(flaw));
        E::custom("ambiguous")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = members.next_key_seed(Name(self))? {
            match values.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(members.next_value_seed(self)?);
                }
                Entry::Occupied(_) => return Err(self.refuse(HeadFlaw::BodyDuplicate)),
            }
        }
        Ok(Value::Object(values))
    }
}

/// A member name as it stands in the text: borrowed, so without an escape; ASCII.
struct Name<'a>(Strict<'a>);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = &'de str;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<&'de str, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_> {
    type Value = &'de str;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a member name without escapes")
    }

    fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<&'de str, E> {
        if name.is_ascii() {
            Ok(name)
        } else {
            Err(self.0.refuse(HeadFlaw::BodyEncoding))
        }
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<&'de str, E> {
        Err(self.0.refuse(HeadFlaw::BodyEncoding)) // not borrowed: it was unescaped
    }
}
