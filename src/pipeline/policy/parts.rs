//! Which parts is a policy made of, and which of them hold?
//!
//! Cedar's own JSON form of a policy is taken apart at its conditions and their `&&`; each part is then
//! a policy of its own, which the authorizer is asked about. Nothing is evaluated here.

use cedar_policy::{Authorizer, Entities, Policy, PolicyId, PolicySet, Request};
use serde_json::{Value, json};

/// What came out of a policy, or of a part of it, asked by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Truth {
    Holds,
    Fails,
    /// It could not be evaluated.
    Errs(String),
}

/// Asks about one policy by itself.
pub(super) fn ask(policy: &Policy, request: &Request, entities: &Entities) -> Truth {
    let set = match PolicySet::from_policies([policy.clone()]) {
        Ok(set) => set,
        Err(error) => return Truth::Errs(error.to_string()),
    };
    let response = Authorizer::new().is_authorized(request, &set, entities);
    if let Some(error) = response.diagnostics().errors().next() {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        return Truth::Errs(cause.unwrap_or_else(|| error.to_string()));
    }
    match response.diagnostics().reason().next() {
        Some(_) => Truth::Holds,
        None => Truth::Fails,
    }
}

/// A policy's conditions, one by one.
#[derive(Debug)]
pub(super) struct Clause {
    /// `when` or `unless`.
    pub(super) kind: String,
    /// The expression, in Cedar's JSON.
    pub(super) body: Value,
    /// A permit for everyone with this condition alone.
    pub(super) policy: Policy,
}

/// The policy without its conditions: whom, what and which it is about.
pub(super) fn scope(policy: &Policy) -> Result<Policy, String> {
    let mut json = policy.to_json().map_err(|error| error.to_string())?;
    if let Some(members) = json.as_object_mut() {
        members.insert("conditions".to_owned(), json!([]));
    }
    made(json)
}

/// Whether a policy has a condition at all.
pub(super) fn is_conditional(policy: &Policy) -> bool {
    policy.to_json().is_ok_and(|json| {
        let conditions = json.get("conditions").and_then(Value::as_array);
        conditions.is_some_and(|all| !all.is_empty())
    })
}

/// All conditions in their order: each `unless`, and each part of a `when` that `&&` joins.
pub(super) fn clauses(policy: &Policy) -> Result<Vec<Clause>, String> {
    let json = policy.to_json().map_err(|error| error.to_string())?;
    let conditions = json.get("conditions").and_then(Value::as_array);
    let mut clauses = Vec::new();
    for condition in conditions.into_iter().flatten() {
        let kind = condition.get("kind").and_then(Value::as_str);
        let (Some(kind), Some(body)) = (kind, condition.get("body")) else {
            return Err("a condition without kind and body".to_owned());
        };
        let mut bodies = Vec::new();
        if kind == "when" {
            split(body, &mut bodies);
        } else {
            bodies.push(body); // not (a and b) is not the same as not a, and not b
        }
        for body in bodies {
            clauses.push(Clause {
                kind: kind.to_owned(),
                body: body.clone(),
                policy: made(json!({
                    "effect": "permit",
                    "principal": { "op": "All" },
                    "action": { "op": "All" },
                    "resource": { "op": "All" },
                    "conditions": [{ "kind": kind, "body": body }],
                }))?,
            });
        }
    }
    Ok(clauses)
}

/// What `&&` joins, from left to right.
fn split<'a>(body: &'a Value, parts: &mut Vec<&'a Value>) {
    let both = body.get("&&");
    let left = both.and_then(|both| both.get("left"));
    let right = both.and_then(|both| both.get("right"));
    if let (Some(left), Some(right)) = (left, right) {
        split(left, parts);
        split(right, parts);
    } else {
        parts.push(body);
    }
}

fn made(json: Value) -> Result<Policy, String> {
    Policy::from_json(Some(PolicyId::new("part")), json).map_err(|error| error.to_string())
}
