//! May this be closed, as it was asked?
//!
//! Checked against the names in force, all mistakes at once: a typo must never close nothing.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::admin::Names;
use crate::admin::problem::Problem;
use crate::config::words;
use crate::pipeline::vehicle::Vin;
use crate::switchboard::Scope;

/// Characters of a reason or a message.
const TEXT: usize = 500;
/// Characters of a client id or a subject.
const NAME: usize = 256;
/// The longest that clients are told to wait: a day.
const RETRY_LIMIT: u64 = 86_400;
/// Bad VINs or subjects that are named one by one.
const SHOWN: usize = 10;

/// What an operator asks to close.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    /// What to close.
    pub(crate) scope: Scope,
    /// Private.
    pub(crate) reason: String,
    /// Public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
    /// Name of the protected surface, typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) confirm: Option<String>,
    /// Only say whether it could be closed.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Refuses what can't be closed as asked.
pub(super) fn check(asked: &Asked, names: &Names) -> Result<(), Problem> {
    let mut flaws = Vec::new();
    if asked.scope.is_empty() {
        flaws.push("name what to close: a closure of everything is refused".to_owned());
    }
    check_names(&asked.scope, names, &mut flaws);
    check_persons(&asked.scope, names, &mut flaws);
    check_vehicles(&asked.scope, &mut flaws);
    if asked.reason.trim().is_empty() {
        flaws.push("a reason is required".to_owned());
    }
    check_text("reason", &asked.reason, &mut flaws);
    check_text(
        "message",
        asked.message.as_deref().unwrap_or(""),
        &mut flaws,
    );
    if let Some(seconds) = asked.retry_after
        && !(1..=RETRY_LIMIT).contains(&seconds)
    {
        flaws.push(format!(
            "retry-after is 1 to {RETRY_LIMIT} seconds, not `{seconds}`"
        ));
    }
    if !flaws.is_empty() {
        return Err(Problem::invalid(flaws.join("\n")));
    }
    check_confirmation(asked, names)
}

fn check_names(scope: &Scope, names: &Names, flaws: &mut Vec<String>) {
    for name in &scope.surfaces {
        if !names.surfaces.contains_key(name) {
            flaws.push(unknown("surface", name, names.surfaces.keys()));
        }
    }
    for name in &scope.routes {
        if !names.routes.contains_key(name) {
            flaws.push(unknown("route", name, names.routes.keys()));
        }
    }
    for name in scope.upstreams.difference(&names.upstreams) {
        flaws.push(unknown("upstream", name, names.upstreams.iter()));
    }
    if flaws.is_empty() && meets_no_route(scope, names) {
        let detail = "no route is in all of that together: it would close nothing";
        flaws.push(detail.to_owned());
    }
}

/// Whether dimensions are combined that no route has in common.
fn meets_no_route(scope: &Scope, names: &Names) -> bool {
    let dimensions = [&scope.surfaces, &scope.routes, &scope.upstreams];
    let combined = dimensions.iter().filter(|set| !set.is_empty()).count();
    let holds = |set: &BTreeSet<String>, name| set.is_empty() || set.contains(name);
    combined > 1
        && !names.routes.iter().any(|(id, belongs)| {
            holds(&scope.routes, id)
                && holds(&scope.surfaces, &belongs.surface)
                && holds(&scope.upstreams, &belongs.upstream)
        })
}

/// An unknown name, with the one that was meant, or else all that are known.
fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a String>) -> String {
    words::unknown(kind, name, &known.cloned().collect::<Vec<_>>())
}

fn check_persons(scope: &Scope, names: &Names, flaws: &mut Vec<String>) {
    if !scope.clients.iter().all(|client| is_name(client)) {
        flaws.push(format!(
            "a client is 1 to {NAME} characters without control characters"
        ));
    }
    for subject in scope.subjects.iter().filter(|s| !is_subject(s)).take(SHOWN) {
        let length = subject.chars().count();
        flaws.push(format!(
            "a subject is written ISSUER/SUBJECT; one of {length} characters is not"
        ));
    }
    let issuers = scope.subjects.iter().filter_map(|subject| {
        let (issuer, _) = subject.split_once('/')?;
        (!names.issuers.contains(issuer)).then_some(issuer)
    });
    for issuer in issuers.take(SHOWN) {
        flaws.push(unknown("issuer", issuer, names.issuers.iter()));
    }
}

fn is_subject(text: &str) -> bool {
    text.split_once('/')
        .is_some_and(|(issuer, subject)| is_name(issuer) && is_name(subject))
}

fn is_name(text: &str) -> bool {
    (1..=NAME).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// A VIN is not repeated in a message: messages land in logs.
fn check_vehicles(scope: &Scope, flaws: &mut Vec<String>) {
    let bad = scope.vehicles.iter().filter(|vin| Vin::read(vin).is_err());
    let count = bad.count();
    if count > 0 {
        flaws.push(format!(
            "{count} of {} vehicles are no VINs",
            scope.vehicles.len()
        ));
    }
}

fn check_text(what: &str, text: &str, flaws: &mut Vec<String>) {
    let length = text.chars().count();
    if length > TEXT {
        flaws.push(format!(
            "the {what} has `{length}` characters; {TEXT} are allowed"
        ));
    }
    if text.chars().any(char::is_control) {
        flaws.push(format!("the {what} has control characters"));
    }
}

/// A protected surface is closed alone, and its name is typed.
fn check_confirmation(asked: &Asked, names: &Names) -> Result<(), Problem> {
    let is_protected = |name: &&String| names.surfaces.get(*name) == Some(&true);
    let required = |detail: String| {
        let code = "confirmation-required";
        Err(Problem::new(StatusCode::CONFLICT, code, detail))
    };
    let mut protected = asked.scope.surfaces.iter().filter(is_protected);
    let Some(name) = protected.next() else {
        return Ok(());
    };
    if let Some(other) = protected.next() {
        return required(format!(
            "`{name}` and `{other}` are protected: close them one by one"
        ));
    }
    match &asked.confirm {
        Some(typed) if typed == name => Ok(()),
        Some(_) => required(format!(
            "the surface `{name}` is protected: --confirm-name must be its name"
        )),
        None => required(format!(
            "the surface `{name}` is protected: add --confirm-name {name}"
        )),
    }
}

#[cfg(test)]
mod tests;
