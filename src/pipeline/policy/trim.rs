//! What of a policy is still to be asked, once the action and the types are known?
//!
//! Each request that a slice gets has its action and a principal of its type. What the scope of a policy
//! says of them holds for all of these, so it is left out: Cedar would find that out anew for every
//! request. What is left is Cedar's own form of the same policy, and Cedar's to evaluate.

use std::collections::{BTreeSet, HashSet};

use cedar_policy::{
    Entities, Entity, EntityTypeName, EntityUid, Policy, PrincipalConstraint, ResourceConstraint,
};
use serde_json::{Value, json};

/// The policy without what holds of every request of its slice: the action; the principal's type, if
/// nothing else is said of it; the resource's, where the action has resources of this type alone.
pub(super) fn trim(policy: &Policy, resources: &[&EntityTypeName]) -> Result<Policy, String> {
    let mut json = policy.to_json().map_err(|error| error.to_string())?;
    widen(&mut json, "action")?;
    if matches!(policy.principal_constraint(), PrincipalConstraint::Is(_)) {
        widen(&mut json, "principal")?;
    }
    if matches!(policy.resource_constraint(), ResourceConstraint::Is(_)) && resources.len() == 1 {
        widen(&mut json, "resource")?;
    }
    Policy::from_json(Some(policy.id().clone()), json).map_err(|error| error.to_string())
}

fn widen(json: &mut Value, part: &str) -> Result<(), String> {
    let members = json.as_object_mut();
    let found = members.and_then(|members| members.insert(part.to_owned(), json!({ "op": "All" })));
    found
        .map(|_| ())
        .ok_or_else(|| format!("a policy without `{part}` in its JSON form"))
}

/// Entities of actions that these policies can tell from none. Without its entity an action is in no
/// group, so a forbid could be silent. A policy can get hold of an action by `action` or by a literal
/// only, and names a group by a literal: an action in no group that is named, and without attributes,
/// reads the same whether it is there or not.
pub(super) fn base(
    action: &EntityUid,
    policies: &[Policy],
    hierarchy: &Entities,
) -> Result<Entities, String> {
    let named: BTreeSet<EntityUid> = policies.iter().flat_map(Policy::entity_literals).collect();
    let mut kept = Vec::new();
    for uid in named.iter().chain([action]).collect::<HashSet<_>>() {
        let Some(entity) = hierarchy.get(uid) else {
            continue;
        };
        let above = hierarchy.ancestors(uid).into_iter().flatten();
        let above: HashSet<EntityUid> = above.filter(|one| named.contains(one)).cloned().collect();
        let plain = entity.attrs().next().is_none() && entity.tags().next().is_none();
        if !plain {
            kept.push(entity.clone());
        } else if !above.is_empty() {
            kept.push(Entity::new_no_attrs(uid.clone(), above));
        }
    }
    Entities::from_entities(kept, None).map_err(|error| error.to_string())
}
