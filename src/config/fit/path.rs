//! Is this a path pattern?
//!
//! Segments after `/`, each literal, `{name}` for any one segment, or `{*name}` for the rest. What
//! the `head` stage refuses in a request could never match, so it is a mistake here.

use std::collections::BTreeSet;

/// Where a segment stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Others follow.
    Within,
    /// At the end.
    Last,
}

/// The parameters of a path pattern.
///
/// # Errors
/// What is wrong with it, worded to follow "`path` ".
pub(super) fn parameters(path: &str) -> Result<BTreeSet<&str>, String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err("must start with `/`".to_owned());
    };
    let mut found = BTreeSet::new();
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let place = match segments.peek() {
            Some(_) => Place::Within,
            None => Place::Last,
        };
        let Some(name) = parameter(segment, place)? else {
            continue;
        };
        if !found.insert(name) {
            return Err(format!("has the parameter `{name}` twice"));
        }
    }
    Ok(found)
}

fn parameter(segment: &str, place: Place) -> Result<Option<&str>, String> {
    let Some(inside) = segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    else {
        return literal(segment, place).map(|()| None);
    };
    let name = match inside.strip_prefix('*') {
        Some(_) if place == Place::Within => {
            return Err(format!("has `{segment}` before its last segment"));
        }
        Some(name) => name,
        None => inside,
    };
    let starts = name.starts_with(|letter: char| letter.is_ascii_alphabetic());
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !starts || !name.bytes().all(rest) {
        return Err(format!(
            "has `{segment}`, which wants letters, digits and `_` as a name"
        ));
    }
    Ok(Some(name))
}

fn literal(segment: &str, place: Place) -> Result<(), String> {
    if segment.contains(['{', '}']) {
        return Err(format!(
            "has `{segment}`, where a parameter wants a segment of its own"
        ));
    }
    if segment.is_empty() && place == Place::Within {
        return Err("has an empty segment".to_owned());
    }
    if segment == "." || segment == ".." {
        return Err(format!("has the segment `{segment}`"));
    }
    let unfit = |letter: &char| !letter.is_ascii_graphic() || "?#;\\".contains(*letter);
    match segment.chars().find(unfit) {
        Some(letter) => Err(format!("has the character `{}`", letter.escape_default())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_give_their_parameters() {
        let table = [
            ("/", vec![]),
            ("/a/b", vec![]),
            ("/a/", vec![]),
            ("/{base}/gdc/ACRemoteRequest.php", vec!["base"]),
            ("/owners/static/{*rest}", vec!["rest"]),
            (
                "/api/v2/cars/{vin}/actions/{action_1}",
                vec!["action_1", "vin"],
            ),
        ];
        for (path, expected) in table {
            let found: Vec<_> = parameters(path).unwrap().into_iter().collect();
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn unfit_patterns_are_named() {
        let table = [
            ("", "must start with `/`"),
            ("a", "must start with `/`"),
            ("/a//b", "has an empty segment"),
            ("/a/../b", "has the segment `..`"),
            ("/{a}/{a}", "has the parameter `a` twice"),
            ("/{*a}/b", "has `{*a}` before its last segment"),
            (
                "/{}",
                "has `{}`, which wants letters, digits and `_` as a name",
            ),
            (
                "/{a-b}",
                "has `{a-b}`, which wants letters, digits and `_` as a name",
            ),
            (
                "/x{a}",
                "has `x{a}`, where a parameter wants a segment of its own",
            ),
            (
                "/{a",
                "has `{a`, where a parameter wants a segment of its own",
            ),
            ("/a?b", "has the character `?`"),
            ("/a;b", "has the character `;`"),
            ("/a b", "has the character ` `"),
            ("/é", "has the character `\\u{e9}`"),
        ];
        for (path, expected) in table {
            assert_eq!(parameters(path), Err(expected.to_owned()), "{path}");
        }
    }
}
