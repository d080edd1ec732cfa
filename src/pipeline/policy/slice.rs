//! Which policies can decide this action for this type of principal?
//!
//! Cedar evaluates every policy of a set for every request, matching or not. So the set is cut by
//! scope when it is loaded; a slice keeps every policy that could match, and of its scope what the
//! slice doesn't answer yet.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Entities, EntityTypeName, EntityUid, Policy, PolicySet, PrincipalConstraint,
    Request, ResourceConstraint, Schema,
};

use crate::config::file::PrincipalKind;
use crate::pipeline::Principal;
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::Authentication;
use crate::pipeline::identity::sign_in::SignIn;
use crate::pipeline::ownership::{Relation, SubjectFacts, VehicleFacts};
use crate::pipeline::policy::entities::{self, Unfit};
use crate::pipeline::policy::trim;
use crate::pipeline::policy::vocabulary::{Attribute, KINDS, Names, Needs};
use crate::pipeline::policy::{ActionClass, Circumstances, Question, Resource, ResourceKind};
use crate::pipeline::vehicle::Vin;

/// Groups of actions without an effect.
const QUIET: [&str; 2] = ["Public", "Read"];

/// What the schema is tried with.
const SAMPLE_VIN: &str = "SJNFAAZE0U0000000";

/// What one action is judged by, for one type of principal.
#[derive(Debug)]
pub(super) struct Slice {
    policies: PolicySet,
    action: EntityUid,
    base: Entities,
    whole: Arc<Entities>,
    needs: Needs,
    vehicle: bool,
    surface: bool,
}

impl Slice {
    /// The policies that can match, without what the slice itself says of their scopes.
    pub(super) fn policies(&self) -> &PolicySet {
        &self.policies
    }

    /// The action.
    pub(super) fn action(&self) -> &EntityUid {
        &self.action
    }

    /// Entities of actions, as far as [`Self::policies`] could tell that they are not there.
    pub(super) fn base(&self) -> &Entities {
        &self.base
    }

    /// Entities of all actions, for a policy as it is written.
    pub(super) fn whole(&self) -> &Entities {
        &self.whole
    }

    /// Attributes that the policies mention.
    pub(super) fn needs(&self) -> &Needs {
        &self.needs
    }

    /// Whether the schema lets the action be done to such a resource.
    pub(super) fn takes(&self, resource: ResourceKind) -> bool {
        match resource {
            ResourceKind::Vehicle => self.vehicle,
            ResourceKind::Surface => self.surface,
        }
    }
}

/// All slices.
#[derive(Debug)]
pub(super) struct Slices(HashMap<String, BTreeMap<PrincipalKind, Slice>>);

impl Slices {
    /// The slice of an action for a type of principal; none where the schema knows no such request.
    pub(super) fn find(&self, action: &str, kind: PrincipalKind) -> Option<&Slice> {
        self.0.get(action)?.get(&kind)
    }

    /// Names of all actions that somebody can ask for.
    #[cfg(test)]
    pub(super) fn actions(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Cuts a set. What the gateway says of a request is tried against the schema here, for every
    /// action, so that no request has to be.
    pub(super) fn cut(schema: &Schema, policies: &[Policy], names: &Names) -> Result<Self, String> {
        let hierarchy = Arc::new(schema.action_entities().map_err(|e| e.to_string())?);
        let mut slices: HashMap<String, BTreeMap<_, _>> = HashMap::new();
        for action in schema.actions() {
            for kind in KINDS {
                if !in_schema(schema.principals_for_action(action), names.of_kind(kind)) {
                    continue;
                }
                let takes = |resource| {
                    let resources = schema.resources_for_action(action);
                    in_schema(resources, names.of_resource(resource))
                };
                let resources: Vec<_> = schema
                    .resources_for_action(action)
                    .into_iter()
                    .flatten()
                    .collect();
                let chosen = choose(
                    policies,
                    action,
                    (names.of_kind(kind), &resources),
                    &hierarchy,
                );
                let trimmed: Result<Vec<Policy>, String> = chosen
                    .iter()
                    .map(|one| trim::trim(one, &resources))
                    .collect();
                let trimmed = trimmed?;
                let slice = Slice {
                    base: trim::base(action, &trimmed, &hierarchy)?,
                    whole: Arc::clone(&hierarchy),
                    needs: needs(&trimmed),
                    policies: PolicySet::from_policies(trimmed).map_err(|e| e.to_string())?,
                    action: action.clone(),
                    vehicle: takes(ResourceKind::Vehicle),
                    surface: takes(ResourceKind::Surface),
                };
                try_shape(schema, names, &slice, kind)?;
                let name = action.id().unescaped().to_owned();
                slices.entry(name).or_default().insert(kind, slice);
            }
        }
        Ok(Self(slices))
    }
}

fn in_schema<'a>(
    types: Option<impl Iterator<Item = &'a EntityTypeName>>,
    name: &EntityTypeName,
) -> bool {
    types.is_some_and(|mut types| types.any(|known| known == name))
}

/// Every policy whose scope could match the action and the types.
fn choose<'a>(
    policies: &'a [Policy],
    action: &EntityUid,
    (principal, resources): (&EntityTypeName, &[&EntityTypeName]),
    hierarchy: &Entities,
) -> Vec<&'a Policy> {
    let may_match = |policy: &&Policy| {
        let by_action = match policy.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(one) => one == *action,
            ActionConstraint::In(all) => all
                .iter()
                .any(|one| one == action || hierarchy.is_ancestor_of(one, action)),
        };
        let by_principal = match policy.principal_constraint() {
            PrincipalConstraint::Any | PrincipalConstraint::In(_) => true,
            PrincipalConstraint::Eq(one) => one.type_name() == principal,
            PrincipalConstraint::Is(name) | PrincipalConstraint::IsIn(name, _) => {
                name == *principal
            }
        };
        let by_resource = match policy.resource_constraint() {
            ResourceConstraint::Any | ResourceConstraint::In(_) => true,
            ResourceConstraint::Eq(one) => resources.contains(&one.type_name()),
            ResourceConstraint::Is(name) | ResourceConstraint::IsIn(name, _) => {
                resources.contains(&&name)
            }
        };
        by_action && by_principal && by_resource
    };
    policies.iter().filter(may_match).collect()
}

/// Attributes that the policies mention. An attribute is reached by its name, and a whole context
/// can only be compared with something that names its members: a name that stands nowhere in a
/// policy is not looked at.
fn needs(policies: &[Policy]) -> Needs {
    let mut words = BTreeSet::new();
    for policy in policies {
        match policy.to_json() {
            Ok(json) => collect_words(&json, &mut words),
            Err(_) => return Attribute::ALL.into(),
        }
    }
    let mentioned = |attribute: &Attribute| words.contains(attribute.name());
    Attribute::ALL.into_iter().filter(mentioned).collect()
}

pub(super) fn collect_words(json: &serde_json::Value, words: &mut BTreeSet<String>) {
    match json {
        serde_json::Value::String(word) => {
            words.insert(word.clone());
        }
        serde_json::Value::Array(items) => {
            for item in items {
                collect_words(item, words);
            }
        }
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                words.insert(name.clone());
                collect_words(value, words);
            }
        }
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

/// Tries whether the schema takes what the gateway can say of such a request.
fn try_shape(
    schema: &Schema,
    names: &Names,
    slice: &Slice,
    kind: PrincipalKind,
) -> Result<(), String> {
    let vin = Vin::read(SAMPLE_VIN).map_err(|flaw| format!("the sample VIN: {flaw:?}"))?;
    let sample = sample_principal(kind, vin.as_str());
    let facts = sample_facts();
    let relation = Relation {
        known: true,
        word: "driver",
        entitlements: facts.capabilities.clone(),
        scopes: facts.capabilities.clone(),
        dealerships: facts.capabilities.clone(),
        agreements: vec![("sample".to_owned(), "sample".to_owned())],
        in_case: true,
    };
    let all: Needs = Attribute::ALL.into();
    for resource in [
        Resource::Vehicle(&vin, Some(&facts), &relation),
        Resource::Vehicle(&vin, None, &relation),
        Resource::Surface,
    ] {
        if !slice.takes(resource.kind()) {
            continue;
        }
        let question = Question {
            principal: &sample,
            action: slice.action.id().unescaped(),
            resource,
            context: Circumstances {
                surface: "sample",
                network: "sample",
                authentication: Authentication::default(),
                subject: SubjectFacts::default(),
            },
        };
        let asked = entities::build(names, &all, question).map_err(|e| e.to_string())?;
        let misfit = |said: Unfit| {
            let action = slice.action.id().unescaped();
            format!("the gateway can't put `{action}` in the schema's terms: {said}")
        };
        Entities::from_entities(asked.entities, Some(schema))
            .map_err(Unfit::new)
            .map_err(misfit)?;
        let (principal, action) = (asked.principal, slice.action.clone());
        Request::new(
            principal,
            action,
            asked.resource,
            asked.context,
            Some(schema),
        )
        .map_err(Unfit::new)
        .map_err(misfit)?;
    }
    Ok(())
}

fn sample_principal(kind: PrincipalKind, vin: &str) -> Principal {
    Principal {
        kind,
        issuer: Arc::from("sample"),
        subject: match kind {
            PrincipalKind::Vehicle => vin.to_owned(),
            PrincipalKind::User
            | PrincipalKind::Client
            | PrincipalKind::Technician
            | PrincipalKind::Agent => "sample".to_owned(),
        },
        client: Some("sample".to_owned()),
        scopes: vec!["sample".to_owned()],
        fleet: Some("sample".to_owned()),
        tenant: Some("sample".to_owned()),
        roles: vec!["sample".to_owned()],
        sign_in: SignIn::default(),
        credential: Credential::default(),
        pseudonym: String::new(),
    }
}

fn sample_facts() -> VehicleFacts {
    VehicleFacts {
        owner: Some("sample".to_owned()),
        fleet: Some("sample".to_owned()),
        capabilities: vec!["sample".to_owned()],
        telematics: true,
        ..VehicleFacts::default()
    }
}

/// What each action is. An action is no command if it is in `Read` or `Public`, and in no group beside
/// these and what is below them.
pub(super) fn classes(schema: &Schema) -> Result<HashMap<String, Arc<ActionClass>>, String> {
    let hierarchy = schema.action_entities().map_err(|e| e.to_string())?;
    let is_quiet = |group: &EntityUid| {
        let named = |one: &EntityUid| QUIET.contains(&one.id().unescaped());
        let above = hierarchy.ancestors(group).into_iter().flatten();
        named(group) || above.into_iter().any(named)
    };
    let class = |action: &EntityUid| {
        let groups: Vec<_> = hierarchy.ancestors(action).into_iter().flatten().collect();
        let command = groups.is_empty() || !groups.iter().all(|group| is_quiet(group));
        let name = action.id().unescaped();
        let names = groups.iter().map(|group| Arc::from(group.id().unescaped()));
        let mut groups: Vec<Arc<str>> = names.collect();
        groups.sort_unstable();
        let class = ActionClass {
            name: Arc::from(name),
            groups,
            command,
        };
        (name.to_owned(), Arc::new(class))
    };
    Ok(schema.actions().map(class).collect())
}
