//! What does Cedar accept that is a mistake here?
//!
//! A clock or an age in the context, because a decision may be kept: time enters as a resolved fact,
//! a `Bool`. And characters that can't be seen, in comments too; mixed scripts Cedar's validator finds.

use std::collections::BTreeSet;
use std::ops::Range;

use cedar_policy::SchemaFragment;
use serde_json::{Map, Value};

use crate::config::Mistakes;
use crate::pipeline::policy::source::{Source, hides};

/// Words of an attribute's name that speak of time.
const TIMELY: [&str; 16] = [
    "age",
    "ages",
    "clock",
    "date",
    "day",
    "days",
    "duration",
    "hour",
    "hours",
    "minute",
    "minutes",
    "now",
    "seconds",
    "time",
    "timestamp",
    "today",
];

/// Types that hold a time.
const TIMES: [&str; 2] = ["datetime", "duration"];

/// Types of a fact: a yes or no was found out before, whatever it is about.
const FACTS: [&str; 2] = ["Bool", "Boolean"];

/// Adds every character that hides.
pub(super) fn find_hidden(source: &Source, mistakes: &mut Mistakes) {
    for (at, character) in source.text.char_indices() {
        if hides(character) {
            let code = u32::from(character);
            let message =
                format!("character U+{code:04X} can't be seen, or moves others: take it out");
            let end = at.saturating_add(character.len_utf8());
            source.blame(at..end, message, mistakes);
        }
    }
}

/// Adds every attribute of a context that holds a time.
pub(super) fn find_clocks(source: &Source, mistakes: &mut Mistakes) {
    let Ok((fragment, _)) = SchemaFragment::from_cedarschema_str(&source.text) else {
        return; // told already
    };
    let Ok(Value::Object(namespaces)) = fragment.to_json_value() else {
        let message = "the schema's contexts can't be looked into";
        mistakes.add(source.place.clone(), message);
        return;
    };
    let mut found = BTreeSet::new();
    for namespace in namespaces.values() {
        let commons = namespace.get("commonTypes").and_then(Value::as_object);
        let actions = namespace.get("actions").and_then(Value::as_object);
        for action in actions.into_iter().flat_map(Map::values) {
            if let Some(context) = action.pointer("/appliesTo/context") {
                search(context, commons, 0, &mut found);
            }
        }
    }
    for name in found {
        let message = format!(
            "`{name}` in a context is a clock or an age: resolve it before, into a `Bool` fact"
        );
        source.blame(declared(&source.text, &name), message, mistakes);
    }
}

/// How deep types may stand in each other; Cedar allows no cycle.
const DEEPEST: usize = 32;

/// What names of types mean.
type Meanings<'a> = Option<&'a Map<String, Value>>;

/// Collects names of attributes that hold a time, in a type and in what it is made of.
fn search(kind: &Value, commons: Meanings<'_>, depth: usize, found: &mut BTreeSet<String>) {
    if depth > DEEPEST {
        return;
    }
    let depth = depth.saturating_add(1);
    let kind = resolve(kind, commons);
    if let Some(element) = kind.get("element") {
        search(element, commons, depth, found);
    }
    let attributes = kind.get("attributes").and_then(Value::as_object);
    for (name, kind) in attributes.into_iter().flatten() {
        let meant = resolve(kind, commons);
        if is_one_of(meant, &TIMES) || (is_timely(name) && !is_one_of(meant, &FACTS)) {
            found.insert(name.clone());
        }
        search(kind, commons, depth, found);
    }
}

/// The type that a name of a type stands for.
fn resolve<'a>(kind: &'a Value, commons: Meanings<'a>) -> &'a Value {
    let mut kind = kind;
    for _ in 0..DEEPEST {
        match named(kind).and_then(|name| commons?.get(name)) {
            Some(meant) => kind = meant,
            None => break,
        }
    }
    kind
}

/// The name that a type goes by.
fn named(kind: &Value) -> Option<&str> {
    let name = kind.get("name").or_else(|| kind.get("type"))?;
    let name = name.as_str()?;
    Some(name.rsplit("::").next().unwrap_or(name))
}

fn is_one_of(kind: &Value, names: &[&str]) -> bool {
    named(kind).is_some_and(|name| names.contains(&name))
}

/// Whether one of the words of a name, `inThisCase` or `in_this_case`, speaks of time.
fn is_timely(name: &str) -> bool {
    let mut spaced = String::new();
    for character in name.chars() {
        if character.is_uppercase() || !character.is_alphanumeric() {
            spaced.push(' ');
        }
        spaced.extend(character.to_lowercase());
    }
    spaced
        .split(|character: char| !character.is_alphabetic())
        .any(|word| TIMELY.contains(&word))
}

/// Where an attribute is declared: its name, `?` or not, and a colon.
fn declared(text: &str, name: &str) -> Range<usize> {
    let is_declaration = |at: &usize| {
        let before = text.get(..*at).unwrap_or_default();
        let after = text.get(at.saturating_add(name.len())..);
        let after = after
            .unwrap_or_default()
            .trim_start_matches(['"', '?', ' ']);
        let joined = |character: char| character.is_alphanumeric() || character == '_';
        after.starts_with(':') && !before.ends_with(joined)
    };
    let found = text.match_indices(name).map(|(at, _)| at);
    let start = found.into_iter().find(is_declaration).unwrap_or_default();
    start..start.saturating_add(name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, find: fn(&Source, &mut Mistakes)) -> Vec<String> {
        let source = Source {
            place: "s".to_owned(),
            text: text.to_owned(),
        };
        let mut mistakes = Mistakes::default();
        find(&source, &mut mistakes);
        mistakes.iter().map(|one| one.place.clone()).collect()
    }

    #[test]
    fn a_clock_or_an_age_in_a_context_is_found() {
        let act = "entity U;\naction A appliesTo { principal: U, resource: U, context: ";
        for (context, place) in [
            ("{ now: Long } };", "s:2:60"),
            ("{ tokenAge?: Long } };", "s:2:60"),
            ("{ auth_time: String } };", "s:2:60"),
            ("{ seen: datetime } };", "s:2:60"),
            ("{ lasts: duration } };", "s:2:60"),
            ("{ deep: { \"day\": Long } } };", "s:2:69"),
            ("{ all: Set<{ hour: Long }> } };", "s:2:71"),
            ("C };\ntype C = { timestamp: Long };", "s:3:12"),
            ("{ at: T } };\ntype T = datetime;", "s:2:60"),
        ] {
            let found = told(&format!("{act}{context}"), find_clocks);
            assert_eq!(found, [place], "{context}");
        }
    }

    #[test]
    fn a_fact_about_time_is_none() {
        let act = "entity U { born: datetime };\naction A appliesTo { principal: U, resource: U, context: ";
        for context in [
            "{ timely: Bool, recentTime: Bool } };",
            "{ agent: String, timeless: String, imagery: Long, known: String } };",
            "{} };",
        ] {
            let found = told(&format!("{act}{context}"), find_clocks);
            assert!(found.is_empty(), "{context}: {found:?}");
        }
    }

    #[test]
    fn a_character_that_hides_is_found_in_a_comment_too() {
        assert_eq!(
            told("// a\u{202e}b\n\u{200b}", find_hidden),
            ["s:1:5", "s:2:1"]
        );
        assert!(told("// \u{fc}nn\u{ef}", find_hidden).is_empty());
    }
}
