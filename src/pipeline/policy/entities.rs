//! What does Cedar get to know of the principal, the vehicle and the context?
//!
//! By the Rust API, never through JSON, and only what the policies at hand mention.

use std::collections::{BTreeSet, HashMap};

use cedar_policy::{
    Context, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema,
};

use crate::config::file::PrincipalKind;
use crate::pipeline::Principal;
use crate::pipeline::ownership::{Relation, VehicleFacts};
use crate::pipeline::policy::{Question, Resource, ResourceKind};

/// All principal types.
pub(super) const KINDS: [PrincipalKind; 5] = [
    PrincipalKind::User,
    PrincipalKind::Client,
    PrincipalKind::Vehicle,
    PrincipalKind::Technician,
    PrincipalKind::Agent,
];

/// The schema's entity types, found once: parsing one costs five times what using it does.
#[derive(Debug)]
pub(super) struct Names {
    user: EntityTypeName,
    client: EntityTypeName,
    vehicle: EntityTypeName,
    technician: EntityTypeName,
    agent: EntityTypeName,
    surface: EntityTypeName,
    fleet: EntityTypeName,
}

impl Names {
    /// The types that the gateway speaks of, which the schema must declare without a namespace.
    pub(super) fn of(schema: &Schema) -> Result<Self, String> {
        let find = |name: &str| {
            schema
                .entity_types()
                .find(|known| known.basename() == name && known.namespace().is_empty())
                .cloned()
                .ok_or_else(|| format!("entity type `{name}` is missing"))
        };
        Ok(Self {
            user: find("User")?,
            client: find("Client")?,
            vehicle: find("Vehicle")?,
            technician: find("Technician")?,
            agent: find("Agent")?,
            surface: find("Surface")?,
            fleet: find("Fleet")?,
        })
    }

    /// The type of a principal.
    pub(super) fn of_kind(&self, kind: PrincipalKind) -> &EntityTypeName {
        match kind {
            PrincipalKind::User => &self.user,
            PrincipalKind::Client => &self.client,
            PrincipalKind::Vehicle => &self.vehicle,
            PrincipalKind::Technician => &self.technician,
            PrincipalKind::Agent => &self.agent,
        }
    }

    /// The type of a resource.
    pub(super) fn of_resource(&self, kind: ResourceKind) -> &EntityTypeName {
        match kind {
            ResourceKind::Vehicle => &self.vehicle,
            ResourceKind::Surface => &self.surface,
        }
    }
}

/// An attribute of an entity or of the context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Attribute {
    Owner,
    Grants,
    Fleet,
    Region,
    Trim,
    Capabilities,
    Telematics,
    Action,
    Surface,
    Client,
    Scopes,
}

impl Attribute {
    /// All of them.
    pub(super) const ALL: [Self; 11] = [
        Self::Owner,
        Self::Grants,
        Self::Fleet,
        Self::Region,
        Self::Trim,
        Self::Capabilities,
        Self::Telematics,
        Self::Action,
        Self::Surface,
        Self::Client,
        Self::Scopes,
    ];

    /// Its name in the schema.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Grants => "grants",
            Self::Fleet => "fleet",
            Self::Region => "region",
            Self::Trim => "trim",
            Self::Capabilities => "capabilities",
            Self::Telematics => "telematics",
            Self::Action => "action",
            Self::Surface => "surface",
            Self::Client => "client",
            Self::Scopes => "scopes",
        }
    }
}

/// Which attributes have to be built.
pub(super) type Needs = BTreeSet<Attribute>;

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
        Resource::Surface => (uid(&names.surface, question.surface), None),
        Resource::Vehicle(vin, facts, relation) => {
            let resource = uid(&names.vehicle, vin.as_str());
            let granted = match caller.kind {
                PrincipalKind::User => grants(&principal, relation, needs),
                // Grants name users: another kind of principal of that name holds none.
                PrincipalKind::Client
                | PrincipalKind::Vehicle
                | PrincipalKind::Technician
                | PrincipalKind::Agent => Vec::new(),
            };
            let attributes = vehicle(names, needs, facts, granted);
            let entity = Entity::new(resource.clone(), attributes, [].into());
            (resource, Some(entity.map_err(Unfit::new)?))
        }
    };
    let mut entities = Vec::with_capacity(2);
    if resource != principal {
        // A vehicle that asks for itself stands there already, as the resource.
        entities.push(caller_entity(names, needs, caller, &principal)?);
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

fn entity(name: &EntityTypeName, id: &str) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid(name, id))
}

fn caller_entity(
    names: &Names,
    needs: &Needs,
    caller: &Principal,
    principal: &EntityUid,
) -> Result<Entity, Unfit> {
    match &caller.fleet {
        Some(fleet) if caller.kind == PrincipalKind::User => {
            let mut attributes = Attributes::new(needs);
            attributes.add(Attribute::Fleet, || Some(entity(&names.fleet, fleet)));
            Entity::new(principal.clone(), attributes.pairs, [].into()).map_err(Unfit::new)
        }
        _ => Ok(Entity::with_uid(principal.clone())),
    }
}

/// The principal's own active grants; those of others decide nothing.
fn grants(principal: &EntityUid, relation: &Relation, needs: &Needs) -> Vec<RestrictedExpression> {
    if !needs.contains(&Attribute::Grants) {
        return Vec::new();
    }
    let driver = || RestrictedExpression::new_entity_uid(principal.clone());
    let grant = |entitlement: &String| {
        RestrictedExpression::new_record([
            ("driver".to_owned(), driver()),
            ("entitlement".to_owned(), text(entitlement)),
        ])
        .ok() // fails for a name that stands twice only
    };
    relation.entitlements.iter().filter_map(grant).collect()
}

/// An unknown vehicle has the same shape and no facts, so that it is judged by the same steps.
fn vehicle(
    names: &Names,
    needs: &Needs,
    facts: Option<&VehicleFacts>,
    grants: Vec<RestrictedExpression>,
) -> HashMap<String, RestrictedExpression> {
    let owner = facts.and_then(|facts| facts.owner.as_deref());
    let fleet = facts.and_then(|facts| facts.fleet.as_deref());
    let region = facts.map_or("", |facts| facts.region.as_str());
    let trim = facts.map_or("", |facts| facts.trim.as_str());
    let capabilities = facts.map_or(&[][..], |facts| facts.capabilities.as_slice());
    let telematics = facts.is_some_and(|facts| facts.telematics);
    let mut pairs = Attributes::new(needs);
    pairs.add(Attribute::Owner, || Some(entity(&names.user, owner?)));
    pairs.add(Attribute::Grants, || {
        Some(RestrictedExpression::new_set(grants))
    });
    pairs.add(Attribute::Fleet, || Some(entity(&names.fleet, fleet?)));
    pairs.add(Attribute::Region, || Some(text(region)));
    pairs.add(Attribute::Trim, || Some(text(trim)));
    pairs.add(Attribute::Capabilities, || Some(texts(capabilities)));
    pairs.add(Attribute::Telematics, || {
        Some(RestrictedExpression::new_bool(telematics))
    });
    pairs.pairs
}

fn context(needs: &Needs, question: Question<'_>) -> HashMap<String, RestrictedExpression> {
    let client = question.principal.client.as_deref();
    let mut pairs = Attributes::new(needs);
    pairs.add(Attribute::Action, || Some(text(question.action)));
    pairs.add(Attribute::Surface, || Some(text(question.surface)));
    pairs.add(Attribute::Client, || Some(text(client?)));
    pairs.add(Attribute::Scopes, || {
        Some(texts(&question.principal.scopes))
    });
    pairs.pairs
}
