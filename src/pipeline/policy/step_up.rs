//! Would a better sign-in help?

use cedar_policy::{Effect, Policy, PrincipalConstraint, ResourceConstraint};

use crate::pipeline::policy::slice::collect_words;

/// The `@advice` of a forbid that a better sign-in lifts.
const ADVICE: &str = "step-up";

/// Whether a better sign-in lifts this policy: a forbid that says so.
///
/// # Errors
/// One that looks at who asks or for what. Whether it forbids must depend on the sign-in alone: else
/// its challenge, or the second evaluation behind it, would tell strangers about a vehicle.
pub(super) fn lifts(policy: &Policy) -> Result<bool, String> {
    if policy.annotation("advice") != Some(ADVICE) {
        return Ok(false);
    }
    let id = policy.id();
    if policy.effect() != Effect::Forbid {
        return Err(format!(
            "`{id}` is a permit, and `@advice(\"{ADVICE}\")` is for forbids"
        ));
    }
    let by_type = matches!(
        policy.principal_constraint(),
        PrincipalConstraint::Any | PrincipalConstraint::Is(_)
    ) && matches!(
        policy.resource_constraint(),
        ResourceConstraint::Any | ResourceConstraint::Is(_)
    );
    let json = policy.to_json().map_err(|error| error.to_string())?;
    let mut words = std::collections::BTreeSet::new();
    if let Some(conditions) = json.get("conditions") {
        collect_words(conditions, &mut words);
    }
    if by_type && !words.contains("principal") && !words.contains("resource") {
        Ok(true)
    } else {
        Err(format!(
            "`{id}` has `@advice(\"{ADVICE}\")` and may look at the context alone"
        ))
    }
}
