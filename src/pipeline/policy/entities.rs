//! What does Cedar get to know of the principal, the vehicle and the context?
//!
//! By the Rust API, never through JSON, and only what the policies at hand mention.

use std::collections::HashMap;

use cedar_policy::{Context, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};

use crate::config::file::PrincipalKind;
use crate::pipeline::Principal;
use crate::pipeline::ownership::{Relation, VehicleFacts};
use crate::pipeline::policy::vocabulary::{Attribute, Names, Needs};
use crate::pipeline::policy::{Circumstances, Question, Resource};

/// A question that can't be put in Cedar's terms.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unfit(String);

impl Unfit {
    /// Keeps what Cedar says; it names types and attributes, never a value of the request.
    pub(super) fn new(error: impl std::error::Error) -> Self {
        let cause = error.source().map(|cause| format!(": {cause}"));
        Self(format!("{error}{}", cause.unwrap_or_default()))
    }
}

/// A question in Cedar's terms.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) principal: EntityUid,
    pub(super) resource: EntityUid,
    pub(super) context: Context,
    pub(super) entities: Vec<Entity>,
}

/// Attributes on their way into an entity or a context.
struct Attributes<'a> {
    needs: &'a Needs,
    pairs: HashMap<String, RestrictedExpression>,
}

impl<'a> Attributes<'a> {
    fn new(needs: &'a Needs) -> Self {
        Self {
            needs,
            pairs: HashMap::with_capacity(needs.len()),
        }
    }

    /// Adds an attribute if it is needed and there.
    fn add(&mut self, attribute: Attribute, value: impl FnOnce() -> Option<RestrictedExpression>) {
        if !self.needs.contains(&attribute) {
            return;
        }
        if let Some(value) = value() {
            self.pairs.insert(attribute.name().to_owned(), value);
        }
    }
}

/// Builds what `needs` names.
pub(super) fn build(names: &Names, needs: &Needs, question: Question<'_>) -> Result<Asked, Unfit> {
    let caller = question.principal;
    let principal = uid(names.of_kind(caller.kind), &caller.subject);
    let (resource, vehicle) = match question.resource {
        Resource::Surface => (uid(&names.surface, question.context.surface), None),
        Resource::Vehicle(vin, facts, relation) => {
            let resource = uid(&names.vehicle, vin.as_str());
            let mut attributes = Attributes::new(needs);
            vehicle(names, facts, &mut attributes);
            relations((caller.kind, &principal), relation, &mut attributes);
            let entity = Entity::new(resource.clone(), attributes.pairs, [].into());
            (resource, Some(entity.map_err(Unfit::new)?))
        }
    };
    let mut entities = Vec::with_capacity(2);
    if resource != principal {
        // A vehicle that asks for itself stands there already, as the resource.
        entities.extend(caller_entity(names, needs, caller, &principal)?);
    }
    entities.extend(vehicle);
    let context = Context::from_pairs(context(needs, question)).map_err(Unfit::new)?;
    Ok(Asked {
        principal,
        resource,
        context,
        entities,
    })
}

fn uid(name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn texts(all: &[String]) -> RestrictedExpression {
    RestrictedExpression::new_set(all.iter().map(|one| text(one)))
}

fn truth(truth: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(truth)
}

fn entity(name: &EntityTypeName, id: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(name, id))
}

fn record<const N: usize>(
    members: [(&str, RestrictedExpression); N],
) -> Option<RestrictedExpression> {
    let members = members.map(|(name, value)| (name.to_owned(), value));
    RestrictedExpression::new_record(members).ok() // fails for a name that stands twice only
}

/// None where nothing is known of who asks: Cedar reads one without attributes and parents as it reads
/// none.
fn caller_entity(
    names: &Names,
    needs: &Needs,
    caller: &Principal,
    principal: &EntityUid,
) -> Result<Option<Entity>, Unfit> {
    let mut pairs = Attributes::new(needs);
    match caller.kind {
        PrincipalKind::User => pairs.add(Attribute::Fleet, || {
            Some(entity(&names.fleet, caller.fleet.as_deref()?))
        }),
        PrincipalKind::Technician => {
            pairs.add(Attribute::Dealership, || {
                Some(text(caller.tenant.as_deref()?))
            });
            pairs.add(Attribute::Roles, || Some(texts(&caller.roles)));
        }
        // Of a vehicle that asks for another nothing is known: a policy that wants to know errs.
        PrincipalKind::Client | PrincipalKind::Vehicle | PrincipalKind::Agent => {}
    }
    if pairs.pairs.is_empty() {
        return Ok(None);
    }
    let entity = Entity::new(principal.clone(), pairs.pairs, [].into());
    entity.map(Some).map_err(Unfit::new)
}

/// What stands in the vehicle's facts about the principal, active as it is; what stands there about
/// others decides nothing. Each fact names one kind of principal: another of that name has none.
fn relations(
    (kind, principal): (PrincipalKind, &EntityUid),
    relation: &Relation,
    pairs: &mut Attributes<'_>,
) {
    let me = || RestrictedExpression::new_entity_uid(principal.clone());
    let set = |all: Vec<RestrictedExpression>| Some(RestrictedExpression::new_set(all));
    let is = |wanted: PrincipalKind| kind == wanted;
    pairs.add(Attribute::Grants, || {
        let own = relation
            .entitlements
            .iter()
            .filter(|_| is(PrincipalKind::User));
        set(own
            .filter_map(|word| record([("driver", me()), ("entitlement", text(word))]))
            .collect())
    });
    pairs.add(Attribute::Consents, || {
        let own = relation.scopes.iter().filter(|_| is(PrincipalKind::Client));
        set(own
            .filter_map(|scope| record([("client", me()), ("scope", text(scope))]))
            .collect())
    });
    let technician = is(PrincipalKind::Technician);
    pairs.add(Attribute::WorkOrders, || {
        let own = relation.dealerships.iter().filter(|_| technician);
        set(own
            .filter_map(|at| record([("dealership", text(at)), ("technician", me())]))
            .collect())
    });
    pairs.add(Attribute::Agreements, || {
        let own = relation.agreements.iter().filter(|_| technician);
        set(own
            .filter_map(|(at, action)| {
                record([
                    ("action", text(action)),
                    ("dealership", text(at)),
                    ("technician", me()),
                ])
            })
            .collect())
    });
    pairs.add(Attribute::Agents, || {
        let in_case = relation.in_case && is(PrincipalKind::Agent);
        set(in_case.then(me).into_iter().collect())
    });
}

/// An unknown vehicle has the same shape and no facts, so that it is judged by the same steps.
fn vehicle(names: &Names, facts: Option<&VehicleFacts>, pairs: &mut Attributes<'_>) {
    let owner = facts.and_then(|facts| facts.owner.as_deref());
    let fleet = facts.and_then(|facts| facts.fleet.as_deref());
    let region = facts.map_or("", |facts| facts.region.as_str());
    let trim = facts.map_or("", |facts| facts.trim.as_str());
    let capabilities = facts.map_or(&[][..], |facts| facts.capabilities.as_slice());
    let telematics = facts.is_some_and(|facts| facts.telematics);
    let suspended = facts.is_some_and(|facts| facts.suspended);
    pairs.add(Attribute::Owner, || Some(entity(&names.user, owner?)));
    pairs.add(Attribute::Fleet, || Some(entity(&names.fleet, fleet?)));
    pairs.add(Attribute::Region, || Some(text(region)));
    pairs.add(Attribute::Trim, || Some(text(trim)));
    pairs.add(Attribute::Capabilities, || Some(texts(capabilities)));
    pairs.add(Attribute::Telematics, || Some(truth(telematics)));
    pairs.add(Attribute::Suspended, || Some(truth(suspended)));
}

fn context(needs: &Needs, question: Question<'_>) -> HashMap<String, RestrictedExpression> {
    let Circumstances {
        surface,
        network,
        authentication,
        subject,
    } = question.context;
    let client = question.principal.client.as_deref();
    let mut pairs = Attributes::new(needs);
    pairs.add(Attribute::Action, || Some(text(question.action)));
    pairs.add(Attribute::Surface, || Some(text(surface)));
    pairs.add(Attribute::Network, || Some(text(network)));
    pairs.add(Attribute::Client, || Some(text(client?)));
    pairs.add(Attribute::Scopes, || {
        Some(texts(&question.principal.scopes))
    });
    pairs.add(Attribute::Strength, || {
        Some(text(authentication.strength.word()))
    });
    pairs.add(Attribute::Freshness, || {
        Some(text(authentication.freshness.word()))
    });
    pairs.add(Attribute::Bound, || Some(truth(authentication.bound)));
    pairs.add(Attribute::Suspended, || Some(truth(subject.suspended)));
    pairs.pairs
}
