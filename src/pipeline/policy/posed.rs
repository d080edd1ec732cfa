//! What exactly is Cedar asked, and what does it say?

use std::fmt;
use std::sync::Arc;

use cedar_policy::{Decision, Entities, Request};

use crate::denial::AccessFlaw;
use crate::pipeline::policy::entities::{self, Asked, Unfit};
use crate::pipeline::policy::memo::Verdict;
use crate::pipeline::policy::slice::Slice;
use crate::pipeline::policy::{PolicySet, Question};

/// A question in Cedar's terms, beside the policies that can decide it.
pub struct Posed<'a> {
    set: &'a PolicySet,
    slice: &'a Slice,
    request: Request,
    entities: Entities,
}

impl fmt::Debug for Posed<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Posed(..)") // names a subject and a VIN
    }
}

impl<'a> Posed<'a> {
    /// Puts a question; none where the schema knows no such one.
    ///
    /// # Errors
    /// How many policies could not be asked: it can't be put in Cedar's terms.
    pub fn of(set: &'a PolicySet, question: Question<'_>) -> Result<Option<Self>, usize> {
        let Some(slice) = set.slice(question) else {
            return Ok(None);
        };
        let posed = pose(set, slice, slice.base(), question);
        let (request, entities) = posed.map_err(|_| 1_usize)?;
        Ok(Some(Self {
            set,
            slice,
            request,
            entities,
        }))
    }

    /// Asks Cedar.
    ///
    /// # Errors
    /// How many policies could not be evaluated, at least 1.
    pub fn judge(&self) -> Result<Verdict, usize> {
        let authorizer = &self.set.authorizer;
        let response =
            authorizer.is_authorized(&self.request, self.slice.policies(), &self.entities);
        let diagnostics = response.diagnostics();
        // INVARIANT: Cedar skips a policy that errs, and a skipped forbid would leave an allow.
        let errors = diagnostics.errors().count();
        if errors > 0 {
            return Err(errors);
        }
        let step_up = diagnostics
            .reason()
            .any(|id| self.set.step_ups.contains(id));
        let deciding = diagnostics.reason().filter_map(|id| self.set.ids.get(id));
        let mut deciding: Vec<Arc<str>> = deciding.map(Arc::clone).collect();
        deciding.sort_unstable();
        let outcome = match response.decision() {
            Decision::Allow => Ok(()),
            Decision::Deny if deciding.is_empty() => Err(AccessFlaw::NotPermitted),
            Decision::Deny => Err(AccessFlaw::Forbidden),
        };
        Ok(Verdict {
            outcome,
            policies: deciding,
            step_up,
        })
    }
}

/// The same question, for policies as they are written.
pub(super) fn whole(
    set: &PolicySet,
    question: Question<'_>,
) -> Option<Result<(Request, Entities), Unfit>> {
    let slice = set.slice(question)?;
    Some(pose(set, slice, slice.whole(), question))
}

/// The request and its entities. The request is not checked against the schema here: principal,
/// action and resource type are by the slice's choice, and the shape of the rest was tried against
/// the schema at load.
fn pose(
    set: &PolicySet,
    slice: &Slice,
    base: &Entities,
    question: Question<'_>,
) -> Result<(Request, Entities), Unfit> {
    let Asked {
        principal,
        resource,
        context,
        entities,
    } = entities::build(&set.names, slice.needs(), question)?;
    let entities = if base.is_empty() {
        Entities::from_entities(entities, None)
    } else {
        base.clone().add_entities(entities, None)
    };
    let request = Request::new(principal, slice.action().clone(), resource, context, None);
    Ok((request.map_err(Unfit::new)?, entities.map_err(Unfit::new)?))
}
