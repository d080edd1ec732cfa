//! How is a mistake worded?
//!
//! Names and values in backticks, one line, no full stop. A name that is nearly right is answered
//! with the one that was meant.

use serde_json::Value;

/// Longest value that is shown whole.
const SHOWN: usize = 60;

/// A value in backticks, shortened, on one line.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => quoted(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            quoted(&value.to_string())
        }
    }
}

/// A text in backticks, shortened, on one line; what a URL says of a user and a password is left
/// out.
pub(crate) fn quoted(text: &str) -> String {
    let text = match text.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((_, host)) => &format!("{scheme}://***@{host}"),
            None => text,
        },
        None => text,
    };
    let mut letters = text.chars().flat_map(|letter| {
        let escaped = letter.is_control().then(|| letter.escape_default());
        let plain = escaped.is_none().then_some(letter);
        escaped.into_iter().flatten().chain(plain)
    });
    let mut shown: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// "unknown key `adress`, did you mean `address`".
pub(crate) fn unknown(kind: &str, name: &str, known: &[String]) -> String {
    let name_shown = quoted(name);
    match nearest(name, known) {
        Some(near) => format!("unknown {kind} {name_shown}, did you mean {}", quoted(near)),
        None if known.is_empty() => format!("unknown {kind} {name_shown}, there is none"),
        None => {
            let verb = if known.len() == 1 { "is" } else { "are" };
            let known = listed(known, "and");
            format!("unknown {kind} {name_shown}, known {verb} {known}")
        }
    }
}

/// Names in backticks, the last one after a word: "`a`, `b` and `c`".
pub(crate) fn listed(names: &[String], last: &str) -> String {
    joined(names.iter().map(|name| quoted(name)), last)
}

/// Parts with commas, the last one after a word.
pub(crate) fn joined(parts: impl IntoIterator<Item = String>, last: &str) -> String {
    let parts: Vec<String> = parts.into_iter().collect();
    match parts.split_last() {
        Some((end, rest)) if !rest.is_empty() => format!("{} {last} {end}", rest.join(", ")),
        _ => parts.concat(),
    }
}

/// The known name that was meant: one slip in three letters is forgiven.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a String> {
    let most = name.chars().count().div_ceil(3);
    known
        .iter()
        .map(|one| (strsim::damerau_levenshtein(name, one), one))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, one)| one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered_and_far_ones_listed() {
        let known = ["address".to_owned(), "tls".to_owned()];
        assert_eq!(
            unknown("key", "adress", &known),
            "unknown key `adress`, did you mean `address`"
        );
        assert_eq!(
            unknown("key", "colour", &known),
            "unknown key `colour`, known are `address` and `tls`"
        );
        assert_eq!(unknown("key", "x", &[]), "unknown key `x`, there is none");
    }

    #[test]
    fn values_are_shown_short_and_on_one_line() {
        assert_eq!(quoted("a\nb"), "`a\\nb`");
        assert_eq!(quoted(&"é".repeat(61)), format!("`{}…`", "é".repeat(60)));
    }

    #[test]
    fn passwords_in_urls_are_not_shown() {
        let table = [
            ("redis://host:1", "`redis://host:1`"),
            ("redis://:pass@host:1", "`redis://***@host:1`"),
            ("redis://me:pa@s/s@host:1", "`redis://***@host:1`"),
            ("[\"redis://a\",\"redis://b:c@d\"]", "`[\"redis://***@d\"]`"),
        ];
        for (text, expected) in table {
            assert_eq!(quoted(text), expected, "{text}");
        }
    }
}
