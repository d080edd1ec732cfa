//! Does this JSON object say each thing once?
//!
//! RFC 7515, 4 and RFC 7519, 4 leave a choice between refusing duplicate names and taking the last.
//! Who takes the first reads another token, so duplicates are refused here, whatever the name.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use crate::pipeline::identity::once::Once;

/// The members of one JSON object; no name stands twice, in it or in what is in it. Values can't be printed: they are claims.
pub struct Members(BTreeMap<String, Value>);

impl Members {
    /// Reads one JSON object.
    pub fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Reads a part of a token: base64url without padding and with canonical trailing bits, of one
    /// JSON object.
    pub fn read(part: &str) -> Option<Self> {
        Self::parse(&decode(part)?)
    }

    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether there is such a member, of whatever type.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// Decodes base64url as RFC 7515, 2 wants it: no padding, trailing bits zero.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

impl fmt::Debug for Members {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Members;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object that names each member once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, Once(value))) = map.next_entry::<String, Once>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unambiguous_objects_are_read() {
        let cases = [
            ("{}", true),
            (r#"{"a":1,"b":{"c":[]}}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":2}"#, false),
            (r#"{"a":{"b":1,"b":2}}"#, false),
            (r#"{"a":[{"b":1,"\u0062":1}]}"#, false),
            ("[]", false),
            (r#""a""#, false),
            ("null", false),
            (r#"{"a":1}x"#, false),
            (r#"{"a":1,}"#, false),
            ("", false),
        ];
        for (json, readable) in cases {
            let read = Members::read(&URL_SAFE_NO_PAD.encode(json));
            assert_eq!(read.is_some(), readable, "{json}");
        }
    }

    #[test]
    fn base64url_has_one_spelling() {
        assert_eq!(decode("-_8"), Some(vec![0xfb, 0xff]));
        for other in ["-_8=", "+/8", "-_9", "-_8 ", " -_8", "-", "-_8\n"] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }

    #[test]
    fn values_are_not_printed() {
        let members: Members = serde_json::from_str(r#"{"sub":"somebody"}"#).unwrap();
        assert_eq!(format!("{members:?}"), r#"{"sub"}"#);
    }
}
