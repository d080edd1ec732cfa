//! What may an operator do?
//!
//! Cedar decides, over `policies/admin/`: a folder of its own, never loaded among the policies for
//! vehicles. What no policy permits is refused; an evaluation error is a no.

mod act;
pub mod cases;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy,
    PolicySet, Request, RestrictedExpression, Schema,
};

use crate::admin::person::Person;
use crate::config::Mistakes;
use crate::config::file::Role;
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::read;

pub use act::Act;

/// Name of the folder below the one of the policies.
pub const FOLDER: &str = "admin";
/// Name of the schema's file.
pub const SCHEMA: &str = "admin.cedarschema";

/// What was found out about an act before it is judged. By default nothing is grave, and nobody else
/// stands behind it: whether it is grave must be said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "facts, each on its own")]
pub struct Circumstances {
    /// `all`, a protected surface, or broad without naming a surface, a route or a client.
    pub grave: bool,
    /// The name of what it is about was typed, and is right.
    pub named: bool,
    /// Who else stands behind it.
    pub second_person: SecondPerson,
    /// One person insists.
    pub break_glass: bool,
    /// The configuration says that this gateway has one operator.
    pub single_person: bool,
    /// What is undone was done by the same person.
    pub own_change: bool,
    /// Undoing it only takes access away.
    pub only_closes: bool,
}

/// Who else stands behind an act.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecondPerson {
    /// Nobody yet.
    #[default]
    NotAsked,
    /// Another person. For [`Act::Approve`]: it was asked for by another person.
    Other,
    /// The same person once more.
    Same,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAllowed {
    /// No role of this person includes it.
    NoRole,
    /// It takes the typed name.
    NeedsName,
    /// It takes a second person.
    NeedsSecondPerson,
    /// It takes the typed name and a second person.
    NeedsNameAndSecondPerson,
    /// The second person must be another one.
    SamePerson,
    /// These policies forbid it, by `@id`.
    Forbidden(Vec<Arc<str>>),
    /// A policy could not be evaluated.
    Error,
}

/// What Cedar says.
enum Answer {
    Yes(Vec<Arc<str>>),
    /// With the forbids that decided.
    No(Vec<Arc<str>>),
    Error,
}

impl Answer {
    fn is_yes(&self) -> bool {
        match self {
            Self::Yes(_) => true,
            Self::No(_) | Self::Error => false,
        }
    }
}

/// The operators' policies, ready to be asked.
pub struct Authority {
    revision: Arc<str>,
    schema: Schema,
    policies: PolicySet,
    /// The actions with their groups: without them a policy over a group never applies.
    actions: Entities,
    names: Names,
    authorizer: Authorizer,
}

impl fmt::Debug for Authority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Authority")
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Loads `admin.cedarschema` and `*.cedar` of `directory` (nothing below it), strictly
    /// validated.
    ///
    /// # Errors
    /// Every mistake of every file; a folder that isn't there; a schema that lacks an act.
    pub fn load(directory: &Path) -> Result<Self, Mistakes> {
        Self::of(&Files::folder(directory))
    }

    /// The same, of files that are at hand.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn of(files: &Files) -> Result<Self, Mistakes> {
        let read::Written {
            schema,
            policies,
            revision,
            ..
        } = read::read(files, SCHEMA)?;
        Self::assemble(schema, policies, revision).map_err(|message| {
            let mut mistakes = Mistakes::default();
            mistakes.add(files.place_of(SCHEMA), message);
            mistakes
        })
    }

    fn assemble(schema: Schema, policies: Vec<Policy>, revision: Arc<str>) -> Result<Self, String> {
        let told = |error: &dyn fmt::Display| error.to_string();
        let authority = Self {
            revision,
            policies: PolicySet::from_policies(policies).map_err(|error| told(&error))?,
            actions: schema.action_entities().map_err(|error| told(&error))?,
            schema,
            names: Names::new()?,
            authorizer: Authorizer::new(),
        };
        for act in Act::ALL {
            // what the schema doesn't take would be refused in silence
            authority
                .request(act, Circumstances::default())
                .map_err(|flaw| format!("the act `{}` doesn't fit: {flaw}", act.name()))?;
        }
        Ok(authority)
    }

    /// SHA-256 of schema and policies, hex, first 16 digits.
    pub fn revision(&self) -> &Arc<str> {
        &self.revision
    }

    /// Decides; answers the `@id`s of the policies that permit it.
    ///
    /// # Errors
    /// It is not allowed, and what would make it so.
    pub fn decide(
        &self,
        person: &Person,
        act: Act,
        at: Circumstances,
    ) -> Result<Vec<Arc<str>>, NotAllowed> {
        self.judge(&person.roles, act, at)
    }

    fn judge(
        &self,
        roles: &BTreeSet<Role>,
        act: Act,
        at: Circumstances,
    ) -> Result<Vec<Arc<str>>, NotAllowed> {
        match self.ask(roles, act, at) {
            Answer::Yes(policies) => Ok(policies),
            Answer::No(forbids) => Err(self.missing(roles, act, at, forbids)),
            Answer::Error => Err(NotAllowed::Error),
        }
    }

    /// What would make it allowed: asked again with more, until it is.
    fn missing(
        &self,
        roles: &BTreeSet<Role>,
        act: Act,
        at: Circumstances,
        forbids: Vec<Arc<str>>,
    ) -> NotAllowed {
        let named = Circumstances { named: true, ..at };
        let other = |at| Circumstances {
            second_person: SecondPerson::Other,
            ..at
        };
        let (alone, both) = match at.second_person {
            SecondPerson::Same => (NotAllowed::SamePerson, NotAllowed::SamePerson),
            SecondPerson::NotAsked | SecondPerson::Other => (
                NotAllowed::NeedsSecondPerson,
                NotAllowed::NeedsNameAndSecondPerson,
            ),
        };
        let tries = [
            (named, NotAllowed::NeedsName),
            (other(at), alone),
            (other(named), both),
        ];
        let found = tries
            .into_iter()
            .find(|(more, _)| self.ask(roles, act, *more).is_yes());
        match found {
            Some((_, missing)) => missing,
            None if forbids.is_empty() => NotAllowed::NoRole,
            None => NotAllowed::Forbidden(forbids),
        }
    }

    /// The question in Cedar's terms.
    fn put(
        &self,
        roles: &BTreeSet<Role>,
        act: Act,
        at: Circumstances,
    ) -> Result<(Request, Entities), String> {
        let request = self.request(act, at)?;
        let operator = self.names.operator(roles);
        let entities = self.actions.clone().add_entities([operator], None);
        Ok((request, entities.map_err(|error| error.to_string())?))
    }

    fn ask(&self, roles: &BTreeSet<Role>, act: Act, at: Circumstances) -> Answer {
        let Ok((request, entities)) = self.put(roles, act, at) else {
            return Answer::Error;
        };
        let response = self
            .authorizer
            .is_authorized(&request, &self.policies, &entities);
        let diagnostics = response.diagnostics();
        // INVARIANT: Cedar skips a policy that errs, and a skipped forbid would leave an allow.
        if diagnostics.errors().next().is_some() {
            return Answer::Error;
        }
        let mut deciding: Vec<Arc<str>> = diagnostics
            .reason()
            .map(|id| Arc::from(id.as_ref()))
            .collect();
        deciding.sort_unstable();
        match response.decision() {
            Decision::Allow => Answer::Yes(deciding),
            Decision::Deny => Answer::No(deciding),
        }
    }

    /// The question, held against the schema.
    fn request(&self, act: Act, at: Circumstances) -> Result<Request, String> {
        let facts = [
            ("grave", at.grave),
            ("named", at.named),
            ("secondPerson", at.second_person == SecondPerson::Other),
            ("samePerson", at.second_person == SecondPerson::Same),
            ("breakGlass", at.break_glass),
            ("singlePerson", at.single_person),
            ("ownChange", at.own_change),
            ("onlyCloses", at.only_closes),
        ];
        let pairs = facts.map(|(name, holds)| {
            let holds = RestrictedExpression::new_bool(holds);
            (name.to_owned(), holds)
        });
        let context = Context::from_pairs(pairs).map_err(|error| error.to_string())?;
        let names = &self.names;
        let action =
            EntityUid::from_type_name_and_id(names.action.clone(), EntityId::new(act.name()));
        Request::new(
            names.principal.clone(),
            action,
            names.resource.clone(),
            context,
            Some(&self.schema),
        )
        .map_err(|error| error.to_string())
    }
}

/// Names of the schema that the code spells too.
struct Names {
    action: EntityTypeName,
    role: EntityTypeName,
    /// Who asks: policies see the roles, never the name.
    principal: EntityUid,
    resource: EntityUid,
}

impl Names {
    fn new() -> Result<Self, String> {
        let kind = |name: &str| -> Result<EntityTypeName, String> {
            name.parse()
                .map_err(|error: cedar_policy::ParseErrors| error.to_string())
        };
        let one = |name: &str| -> Result<EntityUid, String> {
            let id = EntityId::new("this");
            Ok(EntityUid::from_type_name_and_id(kind(name)?, id))
        };
        Ok(Self {
            action: kind("Action")?,
            role: kind("Role")?,
            principal: one("Operator")?,
            resource: one("Gateway")?,
        })
    }

    fn operator(&self, roles: &BTreeSet<Role>) -> Entity {
        let roles = roles.iter().map(|role| {
            let id = EntityId::new(role.name());
            EntityUid::from_type_name_and_id(self.role.clone(), id)
        });
        Entity::new_no_attrs(self.principal.clone(), roles.collect())
    }
}
