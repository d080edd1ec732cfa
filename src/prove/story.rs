//! How is a counterexample told to a person?
//!
//! Who, what, to which car, by which policy, and which tie is missing. The solver's names for things
//! are arbitrary, so things get their own: `user 1`, `vehicle 1`.

mod names;

use std::collections::BTreeMap;
use std::fmt;

use cedar_policy::{Effect, EntityUid, Policy, PolicySet};
use cedar_policy_symcc::Env;
use serde_json::{Map, Value};

use crate::pipeline::policy::bounds::{Bound, Kind};
use crate::prove::estate::{Estate, error_of, judge};
use crate::prove::id;
use names::{Names, json, kind, mentions, named};

/// One way in which a claim is broken.
#[derive(Debug)]
pub(super) struct Story {
    /// What makes it another one: the policies behind it.
    key: Vec<String>,
    lines: Vec<String>,
    /// The request, in short.
    request: String,
    /// Other requests with the same policies behind them.
    also: Vec<String>,
}

impl fmt::Display for Story {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.lines.join("\n"))?;
        if !self.also.is_empty() {
            write!(out, "\n  also: {}", self.also.join(", "))?;
        }
        Ok(())
    }
}

/// Adds a story, or only its request where the same policies are behind one that is there.
pub(super) fn gather(stories: &mut Vec<Story>, story: Story) {
    match stories.iter_mut().find(|known| known.key == story.key) {
        Some(known) => known.also.push(story.request),
        None => stories.push(story),
    }
}

/// The attributes of one party.
type Attributes = Map<String, Value>;

/// Tells one counterexample.
pub(super) struct Teller<'a> {
    estate: &'a Estate,
    example: &'a Env,
    principal: Value,
    resource: Value,
    /// The attributes of every entity, by what it is called in JSON.
    attributes: BTreeMap<String, Attributes>,
    /// What every entity is in, likewise.
    parents: BTreeMap<String, Vec<Value>>,
    names: Names,
}

impl<'a> Teller<'a> {
    /// Of an example that the authorizer confirms.
    pub(super) fn of(estate: &'a Estate, example: &'a Env) -> Self {
        let (mut attributes, mut parents) = (BTreeMap::new(), BTreeMap::new());
        let entities = example.entities.to_json_value().unwrap_or_default();
        for entity in entities.as_array().into_iter().flatten() {
            let own = entity.get("attrs").and_then(Value::as_object);
            let uid = entity.get("uid").cloned().unwrap_or_default();
            attributes.insert(uid.to_string(), own.cloned().unwrap_or_default());
            let above = entity.get("parents").and_then(Value::as_array);
            parents.insert(uid.to_string(), above.cloned().unwrap_or_default());
        }
        let mut names = Names::default();
        let principal = json(example.request.principal());
        let resource = json(example.request.resource());
        names.of(&principal);
        names.of(&resource);
        Self {
            estate,
            example,
            principal,
            resource,
            attributes,
            parents,
            names,
        }
    }

    /// What a bound is broken by.
    pub(super) fn bound(mut self, bound: &Bound) -> Story {
        let live = &self.estate.live;
        let mut key = self.reasons(live);
        let mut lines = vec![match bound.kind {
            Kind::Ceiling
                if self.is_tied() || !self.estate.shape.names_others(kind(&self.resource)) =>
            {
                format!("{}, beyond the ceiling", self.headline("may"))
            }
            Kind::Ceiling => format!("{}, though nothing ties them", self.headline("may")),
            Kind::Floor => format!("{}, below the floor", self.headline("may not")),
        }];
        lines.extend(self.setting());
        match bound.kind {
            Kind::Ceiling => {
                lines.extend(cited("allowed by", live, &key, &self.estate.places));
                lines.extend(self.beyond(bound));
            }
            Kind::Floor => {
                if key.is_empty() {
                    lines.push("  refused: no policy permits it".to_owned());
                }
                lines.extend(cited("refused by", live, &key, &self.estate.places));
                let floor = self.reasons(&bound.policies);
                lines.extend(cited("owed by", &bound.policies, &floor, &bound.places));
            }
        }
        key.push(self.kinds());
        self.story(key, lines)
    }

    /// What a policy can't be evaluated for.
    pub(super) fn error(mut self, policy: &Policy) -> Story {
        let error = error_of(policy, self.example).unwrap_or_default();
        let mut lines = vec![format!(
            "@id(\"{}\") can't be evaluated, so everyone is denied, when {}",
            id(policy),
            self.headline("asks to")
        )];
        lines.extend(self.setting());
        let key = vec![id(policy).to_owned()];
        lines.extend(cited(
            "policy",
            &self.estate.live,
            &key,
            &self.estate.places,
        ));
        lines.push(format!("  error: {error}"));
        self.story(key, lines)
    }

    fn story(&mut self, key: Vec<String>, lines: Vec<String>) -> Story {
        Story {
            key,
            lines,
            request: self.action(),
            also: Vec::new(),
        }
    }

    /// The policies that decide, as the authorizer says.
    fn reasons(&self, set: &PolicySet) -> Vec<String> {
        let response = judge(set, self.example);
        let mut ids: Vec<String> = response
            .diagnostics()
            .reason()
            .map(ToString::to_string)
            .collect();
        ids.sort_unstable();
        ids
    }

    fn action(&self) -> String {
        let action = self.example.request.action();
        action.map_or_else(String::new, |action| action.id().unescaped().to_owned())
    }

    fn kinds(&self) -> String {
        format!("{} and {}", kind(&self.principal), kind(&self.resource))
    }

    /// Who, what, to what.
    fn headline(&mut self, verb: &str) -> String {
        let who = self.names.of(&self.principal);
        let what = if self.principal == self.resource {
            "itself".to_owned()
        } else {
            self.names.of(&self.resource)
        };
        format!("{who} {verb} do {} to {what}", self.action())
    }

    fn own(&self, uid: &Value) -> Attributes {
        self.attributes
            .get(&uid.to_string())
            .cloned()
            .unwrap_or_default()
    }

    /// Whether one of the two names the other, or both name the same.
    fn is_tied(&self) -> bool {
        if self.principal == self.resource {
            return true;
        }
        let (one, other) = (self.own(&self.principal), self.own(&self.resource));
        one.values().any(|value| self.ties(value, &self.resource))
            || other
                .values()
                .any(|value| self.ties(value, &self.principal))
    }

    /// Whether a value names this party, or something that the party names.
    fn ties(&self, value: &Value, party: &Value) -> bool {
        let mut here = Vec::new();
        named(value, &mut here);
        let theirs = self.own(party);
        mentions(value, party)
            || here
                .iter()
                .any(|uid| theirs.values().any(|v| mentions(v, uid)))
    }

    /// Both parties: what ties them or doesn't, and what else is so.
    fn setting(&mut self) -> Vec<String> {
        let (principal, resource) = (self.principal.clone(), self.resource.clone());
        let mut lines = self.ties_of(&resource, &principal);
        if principal != resource {
            lines.extend(self.ties_of(&principal, &resource));
            lines.extend(self.groups_of(&principal));
            lines.extend(self.facts_of(&principal));
        }
        lines.extend(self.groups_of(&resource));
        lines.extend(self.facts_of(&resource));
        lines.extend(self.request());
        lines
    }

    /// `vehicle 1's owner: user 2, not user 1`.
    fn ties_of(&mut self, holder: &Value, other: &Value) -> Vec<String> {
        let own = self.own(holder);
        let (whose, who) = (self.names.of(holder), self.names.of(other));
        let mut lines = Vec::new();
        for name in self.estate.shape.ties(kind(holder), kind(other)) {
            let (told, end) = match own.get(name) {
                None => ("none".to_owned(), String::new()),
                Some(Value::Array(all)) if all.is_empty() => ("none".to_owned(), String::new()),
                Some(value) if mentions(value, other) => (self.names.tell(value), String::new()),
                Some(value) if self.ties(value, other) => {
                    (self.names.tell(value), format!(", as {who}"))
                }
                Some(value) => (self.names.tell(value), format!(", not {who}")),
            };
            lines.push(format!("  tie: {whose}'s {name}: {told}{end}"));
        }
        lines
    }

    /// What a party is in, such as a role, where it can be in something.
    fn groups_of(&mut self, holder: &Value) -> Option<String> {
        let shape = &self.estate.shape;
        if !shape.is_grouped(kind(holder)) {
            return None;
        }
        let above = self.parents.get(&holder.to_string());
        let mut told: Vec<String> = above
            .into_iter()
            .flatten()
            .map(|one| {
                let id = one.get("id").unwrap_or(&Value::Null);
                format!("{} {id}", kind(one).to_lowercase())
            })
            .collect();
        told.sort_unstable();
        let told = if told.is_empty() {
            "nothing".to_owned()
        } else {
            told.join(", ")
        };
        Some(format!("  {} is in: {told}", self.names.of(holder)))
    }

    /// What else is so of a party, in one line.
    fn facts_of(&mut self, holder: &Value) -> Option<String> {
        let own = self.own(holder);
        let mut facts = Vec::new();
        for name in self.estate.shape.facts(kind(holder)) {
            if let Some(value) = own.get(name) {
                facts.push(format!("{name}: {}", self.names.tell(value)));
            }
        }
        let whose = self.names.of(holder);
        (!facts.is_empty()).then(|| format!("  facts of {whose}: {}", facts.join("; ")))
    }

    /// What the request itself says, without what is always so.
    fn request(&mut self) -> Option<String> {
        let context = self.example.request.context();
        let context = context.and_then(|context| context.to_json_value().ok());
        let all = context.as_ref().and_then(Value::as_object);
        let action = Value::String(self.action());
        let mut parts = Vec::new();
        for (name, value) in all.into_iter().flatten() {
            if *value != action {
                parts.push(format!("{name}: {}", self.names.tell(value)));
            }
        }
        (!parts.is_empty()).then(|| format!("  request: {}", parts.join("; ")))
    }

    /// Why a ceiling doesn't reach so far: what it forbids, or each of its permits that could apply.
    fn beyond(&self, bound: &Bound) -> Vec<String> {
        let forbids = self.reasons(&bound.policies);
        if !forbids.is_empty() {
            return cited("beyond", &bound.policies, &forbids, &bound.places);
        }
        let environment = self.estate.environments.iter().find(|environment| {
            Some(environment.action()) == self.example.request.action()
                && Some(environment.principal())
                    == self.example.request.principal().map(EntityUid::type_name)
                && Some(environment.resource())
                    == self.example.request.resource().map(EntityUid::type_name)
        });
        let within = |policy: &&Policy| {
            policy.effect() == Effect::Permit
                && policy
                    .get_valid_request_envs(&self.estate.schema)
                    .any(|valid| Some(&valid) == environment)
        };
        let mut missing: Vec<String> = bound
            .policies
            .policies()
            .filter(within)
            .map(|permit| permit.annotation("reason").unwrap_or_default().to_owned())
            .collect();
        missing.sort_unstable();
        if missing.is_empty() {
            let line = format!("  beyond: {} lets nobody do that", bound.place);
            return vec![line];
        }
        missing
            .iter()
            .map(|reason| format!("  missing: {reason}"))
            .collect()
    }
}

/// `  allowed by: @id("x") at file:3:1: reason`, for each.
fn cited(
    what: &str,
    set: &PolicySet,
    ids: &[String],
    places: &BTreeMap<String, String>,
) -> Vec<String> {
    let known = |id: &&String| places.contains_key(*id);
    ids.iter()
        .filter(known)
        .map(|id| {
            let place = places.get(id).map_or("", String::as_str);
            let policy = set.policies().find(|policy| policy.id().to_string() == *id);
            let reason = policy.and_then(|policy| policy.annotation("reason"));
            let reason = reason.unwrap_or_default();
            format!("  {what}: @id(\"{id}\") at {place}: {reason}")
        })
        .collect()
}
