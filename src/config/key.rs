//! How is a key written?
//!
//! Three ways: dotted as in TOML (`surfaces."mobile.v1".hosts`) for people, as a JSON pointer
//! (`/surfaces/mobile.v1/hosts`, RFC 6901) between the parts of this folder, and as segments.

use toml::de::{DeTable, DeValue};

/// A JSON pointer with one more segment.
pub(crate) fn below(pointer: &str, segment: &str) -> String {
    let escaped = segment.replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{escaped}")
}

/// The segments of a JSON pointer.
pub(crate) fn segments(pointer: &str) -> impl Iterator<Item = String> {
    pointer
        .split('/')
        .skip(1)
        .map(|segment| segment.replace("~1", "/").replace("~0", "~"))
}

/// A JSON pointer as a dotted key. Array positions are in brackets.
pub(crate) fn dotted(pointer: &str) -> String {
    let mut key = String::new();
    for segment in segments(pointer) {
        if !segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()) {
            key.extend(["[", &segment, "]"]);
            continue;
        }
        if !key.is_empty() {
            key.push('.');
        }
        if is_bare(&segment) {
            key.push_str(&segment);
        } else {
            let quoted = format!("{segment:?}");
            key.push_str(&quoted);
        }
    }
    key
}

/// A JSON pointer from the top of its entry: `route[3].path` is `path`, for its line says which.
pub(crate) fn shown(pointer: &str) -> String {
    let key = dotted(pointer);
    match key
        .strip_prefix("route[")
        .and_then(|rest| rest.split_once("]."))
    {
        Some((_, rest)) => rest.to_owned(),
        None => key,
    }
}

/// Splits `key=value` at the first `=` outside quotes.
pub(crate) fn assignment(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (None, '=') => {
                let (key, rest) = text.split_at_checked(at)?;
                return Some((key.trim(), rest.strip_prefix('=')?));
            }
            (None, '"' | '\'') => quote = Some(letter),
            (Some('"'), '\\') => escaped = true,
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    None
}

/// The segments of a dotted key; `None` if it isn't one.
pub(crate) fn split(dotted: &str) -> Option<Vec<String>> {
    if dotted.contains(['\n', '\r']) {
        return None;
    }
    let document = format!("{dotted} = 0");
    let table = DeTable::parse(&document).ok()?;
    let mut segments = Vec::new();
    let mut at = table.get_ref();
    loop {
        let (key, value) = at.iter().next()?;
        segments.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(next) => at = next,
            DeValue::Integer(_) => return Some(segments),
            DeValue::String(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_) => return None,
        }
    }
}

fn is_bare(segment: &str) -> bool {
    !segment.is_empty()
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn assignments_are_split_outside_quotes() {
        let table = [
            ("a.b=1", Some(("a.b", "1"))),
            ("a.\"b=c\".d=e=f", Some(("a.\"b=c\".d", "e=f"))),
            ("a.'\\'=x", Some(("a.'\\'", "x"))),
            ("a.\"\\\"=\"=x", Some(("a.\"\\\"=\"", "x"))),
            ("a=", Some(("a", ""))),
            ("a.b", None),
            ("a.\"b=1", None),
        ];
        for (text, expected) in table {
            assert_eq!(assignment(text), expected, "{text}");
        }
    }

    #[test]
    fn keys_are_split_as_toml_splits_them() {
        let table = [
            ("a.b-c.d_1", Some(vec!["a", "b-c", "d_1"])),
            (
                "surfaces.\"mobile.v1\".hosts",
                Some(vec!["surfaces", "mobile.v1", "hosts"]),
            ),
            ("a . b", Some(vec!["a", "b"])),
            ("", None),
            ("a..b", None),
            ("[a]\nb", None),
            ("a b", None),
        ];
        for (text, expected) in table {
            let expected = expected.map(|keys| keys.into_iter().map(str::to_owned).collect());
            assert_eq!(split(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn dotted_keys_are_read_back(
            keys in proptest::collection::vec("[a-z][a-z.~/ _-]{0,6}", 1..4),
        ) {
            let pointer = keys.iter().fold(String::new(), |at, key| below(&at, key));
            prop_assert_eq!(segments(&pointer).collect::<Vec<_>>(), keys.clone());
            prop_assert_eq!(split(&dotted(&pointer)), Some(keys));
        }
    }
}
