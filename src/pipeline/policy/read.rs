//! What do the policy files say, and is it right?
//!
//! One schema and `*.cedar` of one folder, nothing below it. Every mistake is collected with its file
//! and line before any is reported.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};

use crate::config::Mistakes;
use crate::digest;
use crate::pipeline::policy::files::Files;
use crate::pipeline::policy::source::Source;
use crate::pipeline::policy::traps;

/// Name of the schema's file.
pub(crate) const SCHEMA: &str = "schema.cedarschema";

/// What every policy must say about itself.
const ANNOTATIONS: [&str; 3] = ["id", "owner", "reason"];

/// How the ids of ceilings and floors begin, and no others: one that strays among the live policies is
/// a mistake, not a permit.
pub(crate) const BOUNDS: [&str; 2] = ["ceiling.", "floor."];

/// A right set of files.
#[derive(Debug)]
pub(crate) struct Written {
    /// The schema.
    pub(crate) schema: Schema,
    /// All policies, each under its `@id`.
    pub(crate) policies: Vec<Policy>,
    /// `file:line:column` of each `@id`.
    pub(crate) places: BTreeMap<String, String>,
    /// SHA-256 over all files, hex, first 16 digits.
    pub(crate) revision: Arc<str>,
}

/// Reads and validates what is in `files`, nothing below; their schema is the file of this name.
pub(crate) fn read(files: &Files, schema: &str) -> Result<Written, Mistakes> {
    let mut mistakes = Mistakes::default();
    let schema_source = files.read(schema, &mut mistakes);
    let schema = schema_source
        .as_ref()
        .and_then(|source| parse_schema(source, &mut mistakes));
    if let Some(source) = &schema_source {
        traps::find_hidden(source, &mut mistakes);
    }
    let sources = files.read_all("cedar", &mut mistakes);
    let (policies, places) = parse_all(&sources, schema.as_ref(), &mut mistakes);
    for (id, place) in &places {
        if BOUNDS.iter().any(|bound| id.starts_with(bound)) {
            let message = format!("`@id(\"{id}\")` names a ceiling or a floor: it is never live");
            mistakes.add(place.as_str(), message);
        }
    }
    if mistakes.is_empty() && !policies.iter().any(|one| one.effect() == Effect::Permit) {
        mistakes.add(
            files.place(),
            "no policy permits anything, in no `*.cedar` file",
        );
    }
    let revision = revision(schema_source.iter().chain(&sources));
    match schema {
        Some(schema) if mistakes.is_empty() => Ok(Written {
            schema,
            policies,
            places,
            revision,
        }),
        _ => Err(mistakes),
    }
}

fn parse_schema(source: &Source, mistakes: &mut Mistakes) -> Option<Schema> {
    match Schema::from_cedarschema_str(&source.text) {
        Ok((schema, warnings)) => {
            for warning in warnings {
                source.complain(&warning, mistakes);
            }
            traps::find_clocks(source, mistakes);
            Some(schema)
        }
        Err(error) => {
            source.complain(&error, mistakes);
            None
        }
    }
}

/// Policies of files that stand together, each under its `@id`, and where each is.
pub(crate) fn parse_all(
    sources: &[Source],
    schema: Option<&Schema>,
    mistakes: &mut Mistakes,
) -> (Vec<Policy>, BTreeMap<String, String>) {
    let mut places = BTreeMap::new();
    let mut all = Vec::new();
    for source in sources {
        traps::find_hidden(source, mistakes);
        let Some(policies) = parse(source, mistakes) else {
            continue;
        };
        let named = name(source, &policies, &mut places, mistakes);
        if let Some(schema) = schema {
            validate(source, schema, &named, mistakes);
        }
        all.extend(named);
    }
    (all, places)
}

fn parse(source: &Source, mistakes: &mut Mistakes) -> Option<Vec<Policy>> {
    let set: PolicySet = match source.text.parse() {
        Ok(set) => set,
        Err(errors) => {
            let errors: cedar_policy::ParseErrors = errors;
            for error in errors.iter() {
                source.complain(error, mistakes);
            }
            return None;
        }
    };
    for template in set.templates() {
        let message = format!("template `{}`: write a policy without slots", template.id());
        mistakes.add(source.place.clone(), message);
    }
    let mut policies: Vec<Policy> = set.policies().cloned().collect();
    policies.sort_by_key(offset);
    Some(policies)
}

/// Where a policy begins in its file.
fn offset(policy: &Policy) -> usize {
    match policy.as_ref().loc() {
        Some(loc) => loc.start(),
        None => 0,
    }
}

/// Where a policy stands in its file.
pub(super) fn span(policy: &Policy) -> Option<Range<usize>> {
    let loc = policy.as_ref().loc()?;
    Some(loc.start()..loc.end())
}

/// Gives each policy its `@id` instead of Cedar's running number.
fn name(
    source: &Source,
    policies: &[Policy],
    places: &mut BTreeMap<String, String>,
    mistakes: &mut Mistakes,
) -> Vec<Policy> {
    let mut named = Vec::new();
    for policy in policies {
        let (place, start) = (source.at(offset(policy)), offset(policy));
        let span = || start..start; // one caret, where it begins
        for annotation in ANNOTATIONS {
            let value = policy.annotation(annotation).unwrap_or_default().trim();
            if value.is_empty() || value.contains('\n') {
                let message = format!("a policy needs `@{annotation}(\"...\")`, one line");
                source.blame(span(), message, mistakes);
            }
        }
        let Some(id) = policy.annotation("id") else {
            continue;
        };
        if let Some(first) = places.insert(id.to_owned(), place) {
            let message = format!("`@id(\"{id}\")` stands twice, first at {first}");
            source.blame(span(), message, mistakes);
        } else {
            named.push(policy.new_id(PolicyId::new(id)));
        }
    }
    named
}

/// Strictly; a policy that can never apply is a mistake too, for a forbid it would be a hole.
fn validate(source: &Source, schema: &Schema, policies: &[Policy], mistakes: &mut Mistakes) {
    let set = match PolicySet::from_policies(policies.iter().cloned()) {
        Ok(set) => set,
        Err(error) => {
            mistakes.add(source.place.clone(), error.to_string());
            return;
        }
    };
    // The gateway gives the principal and the resource: an attribute of what one of them names would
    // be missing, and the policy would err.
    let validator = Validator::new(schema.clone());
    let result = validator.validate_with_level(&set, ValidationMode::Strict, 1);
    for error in result.validation_errors() {
        source.complain(error, mistakes);
    }
    for warning in result.validation_warnings() {
        source.complain(warning, mistakes);
    }
}

/// Names and texts, each with its length, so that no two sets digest alike.
fn revision<'a>(sources: impl Iterator<Item = &'a Source>) -> Arc<str> {
    let parts = sources.flat_map(|source| {
        let name = Path::new(&source.place).file_name().unwrap_or_default();
        [name.as_encoded_bytes(), source.text.as_bytes()]
    });
    let digest = digest::sha256_of_parts(parts);
    format!("{:016x}", digest::short(&digest)).into()
}
