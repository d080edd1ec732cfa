//! In which language is a text told?
//!
//! Lookup (RFC 4647, 3.4) of the ranges of `Accept-Language` (RFC 9110, 12.5.4) among the languages
//! that a text is there in. There is always an answer: a text in a foreign language says more than
//! none.

use std::cmp::Reverse;

use crate::denial::accept;
use crate::switchboard::Texts;

/// What is told where no language that is asked for is there.
const DEFAULT: &str = "en";

/// The tag and the text in the language that `accept` wants most; else English, else the first.
/// `None` only if there is no text at all.
pub fn choose<'a>(texts: &'a Texts, accept: Option<&str>) -> Option<(&'a str, &'a str)> {
    wanted(texts, accept.unwrap_or_default())
        .or_else(|| exact(texts, DEFAULT))
        .or_else(|| texts.iter().next())
        .map(|(tag, text)| (tag.as_str(), text.as_str()))
}

type Entry<'a> = (&'a String, &'a String);

fn wanted<'a>(texts: &'a Texts, accept: &str) -> Option<Entry<'a>> {
    let mut ranges: Vec<(&str, u32)> = accept::weighted(accept).collect();
    ranges.sort_by_key(|(_, weight)| Reverse(*weight)); // equal ones keep their order
    let refused: Vec<&str> = ranges
        .iter()
        .filter(|(_, weight)| *weight == 0)
        .map(|(range, _)| *range)
        .collect();
    ranges
        .iter()
        .filter(|(_, weight)| *weight > 0)
        .find_map(|(range, _)| {
            if *range == "*" {
                return any(texts, &refused);
            }
            look_up(texts, range).or_else(|| more_exact(texts, range))
        })
}

/// A range, shortened from its end until it is there: `zh-Hant-CN`, `zh-Hant`, `zh`.
fn look_up<'a>(texts: &'a Texts, range: &str) -> Option<Entry<'a>> {
    let mut range = range;
    loop {
        if let Some(found) = exact(texts, range) {
            return Some(found);
        }
        (range, _) = range.rsplit_once('-')?;
        // A single letter only introduces what was just cut off.
        while let Some((shorter, letter)) = range.rsplit_once('-')
            && letter.len() == 1
        {
            range = shorter;
        }
    }
}

/// `pt` is served by `pt-BR` before it is by English.
fn more_exact<'a>(texts: &'a Texts, range: &str) -> Option<Entry<'a>> {
    texts.iter().find(|(tag, _)| {
        let start = tag.get(..range.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(range))
            && tag.as_bytes().get(range.len()) == Some(&b'-')
    })
}

/// `*` is any language that is not refused by name; English before others.
fn any<'a>(texts: &'a Texts, refused: &[&str]) -> Option<Entry<'a>> {
    let allowed =
        |(tag, _): &Entry<'_>| !refused.iter().any(|range| range.eq_ignore_ascii_case(tag));
    exact(texts, DEFAULT)
        .filter(allowed)
        .or_else(|| texts.iter().find(allowed))
}

/// Tags have no case (RFC 5646, 2.1.1).
fn exact<'a>(texts: &'a Texts, tag: &str) -> Option<Entry<'a>> {
    texts
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tags: &str) -> Texts {
        tags.split_whitespace()
            .map(|tag| (tag.to_owned(), format!("in {tag}")))
            .collect()
    }

    #[test]
    fn the_language_wanted_most_is_told() {
        let table = [
            ("de en fr", None, "en"),
            ("de en fr", Some(""), "en"),
            ("de en fr", Some("de"), "de"),
            ("de en fr", Some("DE-ch"), "de"),
            ("de en fr", Some("de-CH-1996"), "de"),
            ("de en fr", Some("en;q=0.5, de;q=0.7"), "de"),
            ("de en fr", Some("it, fr;q=0.1"), "fr"),
            ("de en fr", Some("fr, de"), "fr"),
            ("de en fr", Some("it"), "en"),
            ("de fr", Some("it"), "de"),
            ("de en fr", Some("*"), "en"),
            ("de en fr", Some("it, *;q=0.5"), "en"),
            ("de en fr", Some("*, en;q=0"), "de"),
            ("de en fr", Some("de;q=0, fr"), "fr"),
            ("de en fr", Some("de;q=much, fr;q=0.1"), "fr"),
            ("de en fr", Some(",;q=1,,-,--"), "en"),
            ("en zh-Hant", Some("zh-Hant-CN-x-private"), "zh-Hant"),
            ("en zh", Some("zh-a-bc"), "zh"),
            ("en pt-BR", Some("pt, en;q=0.5"), "pt-BR"),
            ("en pt-BR", Some("p"), "en"),
            ("de", Some("de;q=0"), "de"),
        ];
        for (tags, accept, expected) in table {
            let texts = texts(tags);
            let chosen = choose(&texts, accept);
            let text = format!("in {expected}");
            assert_eq!(chosen, Some((expected, text.as_str())), "{tags} {accept:?}");
        }
    }

    #[test]
    fn without_texts_there_is_none() {
        assert_eq!(choose(&Texts::new(), Some("de, *")), None);
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_asked_there_is_an_answer(accept in ".{0,60}") {
            proptest::prop_assert!(choose(&texts("de fr"), Some(&accept)).is_some());
        }
    }
}
