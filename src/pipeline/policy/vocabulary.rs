//! Which of the schema's names does the gateway speak?

use std::collections::BTreeSet;

use cedar_policy::{EntityTypeName, Schema};

use crate::config::file::PrincipalKind;
use crate::pipeline::policy::ResourceKind;

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
    pub(super) user: EntityTypeName,
    client: EntityTypeName,
    pub(super) vehicle: EntityTypeName,
    technician: EntityTypeName,
    agent: EntityTypeName,
    pub(super) surface: EntityTypeName,
    pub(super) fleet: EntityTypeName,
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

    /// Whether it is the type of people, applications or vehicles.
    pub(super) fn somebody(&self, name: &EntityTypeName) -> bool {
        KINDS.iter().any(|kind| self.of_kind(*kind) == name)
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
    Consents,
    WorkOrders,
    Agreements,
    Agents,
    Suspended,
    Dealership,
    Roles,
    Action,
    Surface,
    Network,
    Client,
    Scopes,
    Strength,
    Freshness,
    Bound,
}

impl Attribute {
    /// All of them.
    pub(super) const ALL: [Self; 22] = [
        Self::Owner,
        Self::Grants,
        Self::Fleet,
        Self::Region,
        Self::Trim,
        Self::Capabilities,
        Self::Telematics,
        Self::Consents,
        Self::WorkOrders,
        Self::Agreements,
        Self::Agents,
        Self::Suspended,
        Self::Dealership,
        Self::Roles,
        Self::Action,
        Self::Surface,
        Self::Network,
        Self::Client,
        Self::Scopes,
        Self::Strength,
        Self::Freshness,
        Self::Bound,
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
            Self::Consents => "consents",
            Self::WorkOrders => "workOrders",
            Self::Agreements => "agreements",
            Self::Agents => "agents",
            Self::Suspended => "suspended",
            Self::Dealership => "dealership",
            Self::Roles => "roles",
            Self::Action => "action",
            Self::Surface => "surface",
            Self::Network => "network",
            Self::Client => "client",
            Self::Scopes => "scopes",
            Self::Strength => "strength",
            Self::Freshness => "freshness",
            Self::Bound => "bound",
        }
    }
}

/// Which attributes have to be built.
pub(super) type Needs = BTreeSet<Attribute>;
