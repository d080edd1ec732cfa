//! Which action is asked for?
//!
//! Fixed by the route, or chosen by one value of the request; a value that the route doesn't list is
//! refused.

use std::sync::Arc;

use crate::config::route::{ActionChoice, ActionSource};
use crate::denial::{Denial, HeadFlaw};
use crate::pipeline::RequestHead;
use crate::pipeline::parameters::{JudgedBody, Parameters, cookies, find_member, fold_alike};

#[cfg(test)]
mod tests;

/// Whether the body has to be read to know the action.
pub fn chosen_by_body(source: &ActionSource) -> bool {
    match source {
        ActionSource::Fixed(_) => false,
        ActionSource::Chosen(choice) => choice.form.is_some() || choice.json.is_some(),
    }
}

/// The action, where the route fixes it.
pub fn fixed(source: &ActionSource) -> Option<&str> {
    match source {
        ActionSource::Fixed(action) => Some(action),
        ActionSource::Chosen(_) => None,
    }
}

/// The action's name.
///
/// # Errors
/// `Malformed` when the value is missing or not listed; `Ambiguous` when a server that ignores case,
/// or merges query, form and cookies, would find it twice.
pub fn choose(
    source: &ActionSource,
    head: &RequestHead,
    body: &JudgedBody,
) -> Result<Arc<str>, Denial> {
    let choice = match source {
        ActionSource::Fixed(action) => return Ok(Arc::from(action.as_str())),
        ActionSource::Chosen(choice) => choice,
    };
    let value = value(choice, head, body)?.ok_or(Denial::Malformed(HeadFlaw::ActionMissing))?;
    match choice.values.get(value) {
        Some(action) => Ok(Arc::from(action.as_str())),
        None => Err(Denial::Malformed(HeadFlaw::ActionUnknown)),
    }
}

fn value<'a>(
    choice: &ActionChoice,
    head: &'a RequestHead,
    body: &'a JudgedBody,
) -> Result<Option<&'a str>, Denial> {
    let query = &head.parameters;
    if let Some(name) = choice.query.as_ref().or(choice.form.as_ref())
        && cookies(&head.headers).any(|(cookie, _)| fold_alike(&cookie, name))
    {
        return Err(Denial::Ambiguous(HeadFlaw::QueryDuplicate));
    }
    if let Some(name) = &choice.query {
        if let JudgedBody::Form(fields) = body {
            check_absent(fields, name)?;
        }
        return find_alone(query, name, HeadFlaw::QueryDuplicate);
    }
    match (body, &choice.form, &choice.json) {
        (JudgedBody::Form(fields), Some(name), _) => {
            check_absent(query, name)?;
            find_alone(fields, name, HeadFlaw::BodyDuplicate)
        }
        (JudgedBody::Json(document), _, Some(pointer)) => {
            Ok(find_member(document, pointer)?.and_then(serde_json::Value::as_str))
        }
        (JudgedBody::Empty | JudgedBody::Form(_) | JudgedBody::Json(_), _, _) => Ok(None),
    }
}

fn find_alone<'a>(
    fields: &'a Parameters,
    name: &str,
    flaw: HeadFlaw,
) -> Result<Option<&'a str>, Denial> {
    if fields.folds_twice(name) {
        return Err(Denial::Ambiguous(flaw));
    }
    Ok(fields.get(name))
}

/// Servers that merge query and form would take either.
fn check_absent(others: &Parameters, name: &str) -> Result<(), Denial> {
    if others.iter().any(|(other, _)| fold_alike(other, name)) {
        return Err(Denial::Ambiguous(HeadFlaw::QueryDuplicate));
    }
    Ok(())
}
