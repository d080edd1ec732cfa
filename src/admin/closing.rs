//! Can this be meant, as it was asked?
//!
//! Checked against the names in force, all mistakes at once: a typo must never close nothing.

use std::collections::BTreeSet;

use crate::admin::asked::{Asked, Restore};
use crate::admin::names::{Belongs, Names};
use crate::admin::problem::Problem;
use crate::config::words;
use crate::pipeline::vehicle::Vin;
use crate::switchboard::{Scope, Texts};

/// Characters of a reason or a public text.
const TEXT: usize = 500;
/// Characters of a client id, a subject, a ticket or an owner.
const NAME: usize = 256;
/// The longest closure: a year and a day. What is closed for longer is retired in its route file.
const LONGEST: u64 = 366 * 24 * 60 * 60;
/// Bad VINs or subjects that are named one by one.
const SHOWN: usize = 10;

/// Refuses what can't be closed as asked.
pub(super) fn check(asked: &Asked, names: &Names) -> Result<(), Problem> {
    let mut flaws = Vec::new();
    check_scope(&asked.scope, names, &mut flaws);
    if asked.reason.trim().is_empty() {
        flaws.push("a reason is required".to_owned());
    }
    check_text("reason", &asked.reason, &mut flaws);
    check_texts("message", &asked.texts, &mut flaws);
    if let Some(notice) = &asked.notice {
        check_texts("notice", &notice.texts, &mut flaws);
        if notice.texts.is_empty() {
            flaws.push("the notice says nothing".to_owned());
        }
        if !names.surfaces.contains_key(&notice.surface) {
            flaws.push(unknown("surface", &notice.surface, names.surfaces.keys()));
        }
    }
    for (what, name) in [("ticket", &asked.ticket), ("owner", &asked.owner)] {
        if name.as_deref().is_some_and(|name| !is_name(name)) {
            flaws.push(format!("the {what} is 1 to {NAME} printable characters"));
        }
    }
    if let Some(seconds) = asked.seconds {
        check_seconds(seconds, &mut flaws);
    }
    told(&flaws)
}

/// Refuses a scope that can't be meant.
pub(super) fn check_scope_alone(scope: &Scope, names: &Names) -> Result<(), Problem> {
    let mut flaws = Vec::new();
    check_scope(scope, names, &mut flaws);
    told(&flaws)
}

/// Refuses testers that are no subjects.
pub(super) fn check_testers(testers: &BTreeSet<String>, names: &Names) -> Result<(), Problem> {
    let mut flaws = Vec::new();
    check_subjects(testers, names, &mut flaws);
    told(&flaws)
}

/// Refuses a time that is none, or longer than a year.
pub(super) fn check_time(seconds: u64) -> Result<(), Problem> {
    let mut flaws = Vec::new();
    check_seconds(seconds, &mut flaws);
    told(&flaws)
}

/// Refuses stages that are too short, or both by hand and by time.
pub(super) fn check_step(asked: &Restore, least: u64) -> Result<(), Problem> {
    let mut flaws = Vec::new();
    if let Some(step) = asked.step_seconds {
        check_seconds(step, &mut flaws);
        if step < least {
            let flaw = format!("a stage takes {least} seconds at least; `open` skips the ramp");
            flaws.push(flaw);
        }
        if asked.by_hand {
            flaws.push("stages are taken by hand or by time, not both".to_owned());
        }
    }
    told(&flaws)
}

fn told(flaws: &[String]) -> Result<(), Problem> {
    if flaws.is_empty() {
        Ok(())
    } else {
        Err(Problem::invalid(flaws.join("\n")))
    }
}

fn check_seconds(seconds: u64, flaws: &mut Vec<String>) {
    if !(1..=LONGEST).contains(&seconds) {
        flaws.push(format!("it lasts 1 to {LONGEST} seconds, not `{seconds}`"));
    }
}

fn check_scope(scope: &Scope, names: &Names, flaws: &mut Vec<String>) {
    if scope.is_empty() {
        flaws.push("name what to close; everything is closed by --all".to_owned());
    } else if let Err(flaw) = scope.check() {
        flaws.push(flaw.to_owned());
    }
    let before = flaws.len();
    let known = [
        (
            "surface",
            &scope.surfaces,
            names.surfaces.keys().cloned().collect(),
        ),
        ("region", &scope.regions, names.regions.clone()),
        (
            "route",
            &scope.routes,
            names.routes.keys().cloned().collect(),
        ),
        ("action", &scope.actions, names.actions.clone()),
        ("upstream", &scope.upstreams, names.upstreams.clone()),
    ];
    for (kind, named, known) in &known {
        for name in named.difference(known) {
            flaws.push(unknown(kind, name, known.iter()));
        }
    }
    if flaws.len() == before && meets_no_route(scope, names) {
        let detail = "no route is in all of that together: it would close nothing";
        flaws.push(detail.to_owned());
    }
    for (what, named) in [("client", &scope.clients), ("tenant", &scope.tenants)] {
        if !named.iter().all(|name| is_name(name)) {
            flaws.push(format!(
                "a {what} is 1 to {NAME} characters without control characters"
            ));
        }
    }
    check_subjects(&scope.subjects, names, flaws);
    check_vehicles(scope, flaws);
}

/// Whether no route has all of the dimensions of the estate that are named in common.
fn meets_no_route(scope: &Scope, names: &Names) -> bool {
    let holds = |set: &BTreeSet<String>, name| set.is_empty() || set.contains(name);
    let acts = |belongs: &Belongs| {
        scope.actions.is_empty() || !scope.actions.is_disjoint(&belongs.actions)
    };
    let tells = |belongs: &Belongs| {
        let wanted = &scope.client_versions;
        wanted.is_empty()
            || belongs.versions.as_ref().is_some_and(|listed| {
                listed.is_empty() || !listed.is_disjoint(wanted) // empty: any
            })
    };
    let sets = [
        &scope.surfaces,
        &scope.routes,
        &scope.upstreams,
        &scope.actions,
    ];
    let any = sets.iter().any(|set| !set.is_empty()) || !scope.client_versions.is_empty();
    any && !names.routes.is_empty()
        && !names.routes.iter().any(|(id, belongs)| {
            holds(&scope.routes, id)
                && holds(&scope.surfaces, &belongs.surface)
                && holds(&scope.upstreams, &belongs.upstream)
                && acts(belongs)
                && tells(belongs)
        })
}

/// An unknown name, with the one that was meant, or else all that are known.
fn unknown<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a String>) -> String {
    words::unknown(kind, name, &known.cloned().collect::<Vec<_>>())
}

fn check_subjects(subjects: &BTreeSet<String>, names: &Names, flaws: &mut Vec<String>) {
    for subject in subjects.iter().filter(|s| !is_subject(s)).take(SHOWN) {
        let length = subject.chars().count();
        flaws.push(format!(
            "a subject is written ISSUER/SUBJECT; one of {length} characters is not"
        ));
    }
    let issuers = subjects.iter().filter_map(|subject| {
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

fn check_texts(what: &str, texts: &Texts, flaws: &mut Vec<String>) {
    for (language, text) in texts {
        let letters = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if !language.split('-').all(letters) || language.len() > 35 {
            flaws.push(format!(
                "`{}` is no language tag",
                language.escape_default()
            ));
        }
        if text.trim().is_empty() {
            flaws.push(format!(
                "the {what} in `{}` is empty",
                language.escape_default()
            ));
        }
        check_text(what, text, flaws);
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

#[cfg(test)]
mod tests;
