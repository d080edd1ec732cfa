//! Where in its file does a condition stand?
//!
//! Cedar's JSON has no places. So the text is cut at `&&` where no bracket is open, and a piece is a
//! condition's if Cedar reads the very same condition from it; else no place is told.

use std::ops::Range;

use cedar_policy::Policy;
use serde_json::Value;

use crate::pipeline::policy::parts::{Clause, Truth};
use crate::pipeline::policy::read;
use crate::pipeline::policy::source::Source;

/// Place (`file:line:column`) and text of each condition, in their order.
pub(super) fn find(
    source: &Source,
    policy: &Policy,
    clauses: &[(Clause, Truth)],
) -> Option<Vec<(String, String)>> {
    let span = read::span(policy)?;
    let mut found = Vec::new();
    for body in bodies(&source.text, span) {
        assign(&source.text, body, clauses, &mut found)?;
    }
    if found.len() != clauses.len() {
        return None;
    }
    let told = |range: Range<usize>| {
        let text = source.text.get(range.clone())?;
        // A comment would swallow what follows it on the one line.
        let words: Vec<&str> = text.split_whitespace().collect();
        (!text.contains("//")).then(|| (source.at(range.start), words.join(" ")))
    };
    let fallback = |range: &Range<usize>, clause: &Clause| (source.at(range.start), print(clause));
    let pairs = found.into_iter().zip(clauses);
    Some(
        pairs
            .map(|(range, (clause, _))| {
                told(range.clone()).unwrap_or_else(|| fallback(&range, clause))
            })
            .collect(),
    )
}

/// A condition as Cedar prints it.
pub(super) fn print(clause: &Clause) -> String {
    let text = clause.policy.to_string();
    let body = text.split_once('{').map_or("", |(_, body)| body);
    let body = body.rsplit_once('}').map_or(body, |(body, _)| body);
    body.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Gives a piece of text to the next condition, or its pieces to the next ones.
fn assign(
    text: &str,
    range: Range<usize>,
    clauses: &[(Clause, Truth)],
    found: &mut Vec<Range<usize>>,
) -> Option<()> {
    let range = trimmed(text, range);
    let (next, _) = clauses.get(found.len())?;
    if reads(text.get(range.clone())?).as_ref() == Some(&next.body) {
        found.push(range);
        return Some(());
    }
    let pieces = pieces(text, range.clone());
    if pieces.len() > 1 {
        return pieces
            .into_iter()
            .try_for_each(|piece| assign(text, piece, clauses, found));
    }
    let inner = text.get(range.clone())?;
    if !(inner.starts_with('(') && inner.ends_with(')')) {
        return None;
    }
    let inner = range.start.saturating_add(1)..range.end.saturating_sub(1);
    assign(text, inner, clauses, found)
}

/// What Cedar reads there, in its JSON.
fn reads(text: &str) -> Option<Value> {
    let policy = format!("permit (principal, action, resource) when {{ {text}\n}};");
    let json = Policy::parse(None, policy).ok()?.to_json().ok()?;
    json.pointer("/conditions/0/body").cloned()
}

/// Without the blanks and comments around it.
fn trimmed(text: &str, mut range: Range<usize>) -> Range<usize> {
    loop {
        let inner = text.get(range.clone()).unwrap_or_default();
        let start = inner.trim_start();
        range.start = range
            .start
            .saturating_add(inner.len().saturating_sub(start.len()));
        if !start.starts_with("//") {
            break;
        }
        let line = start.find('\n').unwrap_or(start.len());
        range.start = range.start.saturating_add(line);
    }
    let inner = text.get(range.clone()).unwrap_or_default();
    range.end = range.start.saturating_add(inner.trim_end().len());
    range
}

/// A character outside of strings and comments, with how many brackets are open before it.
fn code(text: &str, range: Range<usize>) -> Vec<(usize, char, usize)> {
    let mut code = Vec::new();
    let (mut depth, mut quoted, mut escaped, mut comment) = (0_usize, false, false, false);
    let inner = text.get(range.clone()).unwrap_or_default();
    let mut characters = inner.char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        let at = range.start.saturating_add(offset);
        if comment {
            comment = character != '\n';
        } else if quoted {
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if character == '"' {
            quoted = true;
        } else if character == '/' && characters.peek().is_some_and(|(_, next)| *next == '/') {
            comment = true;
        } else {
            if matches!(character, ')' | ']' | '}') {
                depth = depth.saturating_sub(1);
            }
            code.push((at, character, depth));
            if matches!(character, '(' | '[' | '{') {
                depth = depth.saturating_add(1);
            }
        }
    }
    code
}

/// What `&&` joins where no bracket is open.
fn pieces(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let code = code(text, range.clone());
    let mut pieces = Vec::new();
    let mut start = range.start;
    for pair in code.windows(2) {
        if let [(at, '&', 0), (next, '&', 0)] = pair
            && *next == at.saturating_add(1)
            && *at >= start
        {
            pieces.push(start..*at);
            start = next.saturating_add(1);
        }
    }
    pieces.push(start..range.end);
    pieces
}

/// What stands between the braces of each `when` and `unless`.
fn bodies(text: &str, policy: Range<usize>) -> Vec<Range<usize>> {
    let mut bodies = Vec::new();
    let mut open = None;
    for (at, character, depth) in code(text, policy) {
        match (character, depth) {
            ('{', 0) => open = Some(at.saturating_add(1)),
            ('}', 0) => bodies.extend(open.take().map(|start| start..at)),
            _ => {}
        }
    }
    bodies
}
