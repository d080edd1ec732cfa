//! Which paths does a pattern stand for?
//!
//! `{name}` that is listed under `where` becomes its values, anywhere in a segment; any other
//! `{name}` is a whole segment, and `{*name}` the rest of the path.

use std::collections::{BTreeMap, BTreeSet};

use crate::pipeline::head;

/// More paths than this for one route are a mistake in its lists, and memory.
const MOST_PATHS: usize = 10_000;

/// One path of a route.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// The path with its parameters numbered, as `matchit` writes them.
    pub(super) shape: String,
    /// The parameters' names, in order.
    pub(super) names: Vec<String>,
}

/// All paths of a route.
///
/// # Errors
/// Says what is wrong with the pattern or the lists.
pub(super) fn expand(
    path: &str,
    listed: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<Pattern>, String> {
    let mut count = 1_usize;
    for (name, values) in listed {
        check_list(path, name, values)?;
        count = count.saturating_mul(values.len());
    }
    if count > MOST_PATHS {
        return Err(format!(
            "`{path}` stands for `{count}` paths; at most {MOST_PATHS} are built"
        ));
    }
    let mut paths = vec![path.to_owned()];
    for (name, values) in listed {
        let placeholder = format!("{{{name}}}");
        let replace = |path: &String| -> Vec<String> {
            let replaced = values.iter().map(|value| path.replace(&placeholder, value));
            replaced.collect()
        };
        paths = paths.iter().flat_map(replace).collect();
    }
    let patterns: Vec<Pattern> = paths
        .iter()
        .map(|path| shape(path))
        .collect::<Result<_, _>>()?;
    let distinct: BTreeSet<&str> = patterns.iter().map(|it| it.shape.as_str()).collect();
    if distinct.len() < patterns.len() {
        return Err(format!("the `where` lists give a path of `{path}` twice"));
    }
    Ok(patterns)
}

fn check_list(path: &str, name: &str, values: &[String]) -> Result<(), String> {
    if !path.contains(&format!("{{{name}}}")) {
        return Err(format!("`where` lists `{name}`, which `{path}` has not"));
    }
    if values.is_empty() {
        return Err(format!("`where` lists no value of `{name}`"));
    }
    let broken = values
        .iter()
        .find(|value| value.is_empty() || value.contains(['/', '{', '}']));
    match broken {
        Some(value) => Err(format!(
            "`{value}` is no value of `{name}`: it is no part of one segment"
        )),
        None => Ok(()),
    }
}

/// Numbers the parameters, and makes sure that a request can have the path.
fn shape(path: &str) -> Result<Pattern, String> {
    let mut names: Vec<String> = Vec::new();
    let mut shape = Vec::new();
    let mut sample = Vec::new();
    let mut segments = path.split('/').peekable();
    while let Some(segment) = segments.next() {
        let Some(inner) = parameter(segment) else {
            if segment.contains(['{', '}']) {
                return Err(format!(
                    "`{segment}` of `{path}` is not one whole parameter"
                ));
            }
            shape.push(segment.to_owned());
            sample.push(segment);
            continue;
        };
        let (star, name) = match inner.strip_prefix('*') {
            Some(_) if segments.peek().is_some() => {
                return Err(format!("`{segment}` of `{path}` is not at its end"));
            }
            Some(name) => ("*", name),
            None => ("", inner),
        };
        check_name(path, name, &names)?;
        shape.push(format!("{{{star}p{}}}", names.len()));
        sample.push("x");
        names.push(name.to_owned());
    }
    if head::path::read(sample.join("/").as_bytes()).is_err() {
        return Err(format!(
            "`{path}` is not canonical, so no request can have it"
        ));
    }
    Ok(Pattern {
        shape: shape.join("/"),
        names,
    })
}

fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

fn check_name(path: &str, name: &str, names: &[String]) -> Result<(), String> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || !name.bytes().all(sound) {
        return Err(format!("`{name}` in `{path}` is no name of a parameter"));
    }
    if names.iter().any(|known| known == name) {
        return Err(format!("`{path}` has `{name}` twice"));
    }
    Ok(())
}
