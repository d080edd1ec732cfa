//! Has a file the shape that its schema asks for?
//!
//! The schema finds every mistake; the words are Vingate's own. Where a value may have several
//! shapes, the mistake is told for the one that was meant.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "JSON Schema has more keywords than a schema here uses; the rest has one wording"
)]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use ipnet::IpNet;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError, Validator};
use serde_json::Value;

use crate::config::document::Document;
use crate::config::key;
use crate::config::mistakes::Mistakes;
use crate::config::moment::Moment;
use crate::config::schema;
use crate::config::words;

/// A schema, ready to check with.
pub(crate) struct Shape {
    schema: Value,
    validator: Validator,
}

impl Shape {
    /// Compiles a schema; one that can't be compiled is a mistake like any other.
    pub(crate) fn new(schema: Value) -> Result<Self, Mistakes> {
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .with_format(schema::DURATION, |text| {
                humantime::parse_duration(text).is_ok()
            })
            .with_format(schema::MOMENT, |text| Moment::read(text).is_some())
            .with_format(schema::SOCKET_ADDRESS, |text| {
                text.parse::<SocketAddr>().is_ok()
            })
            .with_format(schema::NETWORK, |text| text.parse::<IpNet>().is_ok())
            .build(&schema);
        match validator {
            Ok(validator) => Ok(Self { schema, validator }),
            Err(error) => {
                let mut mistakes = Mistakes::default();
                mistakes.add("schema", error.to_string());
                Err(mistakes)
            }
        }
    }

    /// Reports everything that is wrong with a document.
    pub(crate) fn check(&self, document: &Document, mistakes: &mut Mistakes) {
        let errors: Vec<_> = self.validator.iter_errors(&document.value).collect();
        let worded: BTreeSet<&str> = errors
            .iter()
            .filter(|error| matches!(error.kind(), Kind::Enum { .. } | Kind::Constant { .. }))
            .map(|error| error.instance_path().as_str())
            .collect();
        for error in &errors {
            let said_better = matches!(error.kind(), Kind::Type { .. })
                && worded.contains(error.instance_path().as_str());
            if !said_better {
                self.report(error, document, mistakes);
            }
        }
    }

    /// How much is wrong at a pointer and below it.
    pub(crate) fn misfits(&self, value: &Value, pointer: &str) -> usize {
        let inside = format!("{pointer}/");
        self.validator
            .iter_errors(value)
            .filter(|error| {
                let at = error.instance_path().as_str();
                at == pointer || at.starts_with(&inside)
            })
            .count()
    }

    fn report(&self, error: &ValidationError<'_>, document: &Document, mistakes: &mut Mistakes) {
        if error.instance().is_null() {
            return; // reported when the file was read
        }
        let at = error.instance_path().as_str();
        match error.kind() {
            Kind::AdditionalProperties { unexpected } => {
                let known = self.keys_beside(error);
                for unknown in unexpected {
                    let place = document.place(&key::below(at, unknown));
                    mistakes.add(place, words::unknown("key", unknown, &known));
                }
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                self.report_union(error, context, document, mistakes);
            }
            Kind::Type { .. } => {
                let format = self.beside(error, "format").and_then(Value::as_str);
                let message = match format.and_then(format_of) {
                    Some(wanted) => wants(error, wanted),
                    None => wording(error, error.kind()),
                };
                mistakes.add(document.place(at), message);
            }
            kind => mistakes.add(document.place(at), wording(error, kind)),
        }
    }

    fn report_union(
        &self,
        error: &ValidationError<'_>,
        branches: &[Vec<ValidationError<'static>>],
        document: &Document,
        mistakes: &mut Mistakes,
    ) {
        let at = error.instance_path().as_str();
        let meant: Vec<_> = branches
            .iter()
            .filter(|branch| !branch.iter().any(|inner| is_other_kind(inner, at)))
            .collect();
        match meant.as_slice() {
            [] => {
                let wanted: BTreeSet<String> =
                    branches.iter().flat_map(|one| wanted(one)).collect();
                mistakes.add(document.place(at), wants(error, &alternatives(&wanted)));
            }
            [branch] => {
                for inner in *branch {
                    self.report(inner, document, mistakes);
                }
            }
            several => match several
                .iter()
                .find(|branch| !branch.iter().any(is_other_key))
            {
                Some(branch) => {
                    for inner in *branch {
                        self.report(inner, document, mistakes);
                    }
                }
                None => report_tags(error, several, document, mistakes),
            },
        }
    }

    /// The keys that the schema knows where an unknown one was found.
    fn keys_beside(&self, error: &ValidationError<'_>) -> Vec<String> {
        self.beside(error, "properties")
            .and_then(Value::as_object)
            .map(|properties| properties.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Another keyword of the schema that a value broke.
    fn beside(&self, error: &ValidationError<'_>, keyword: &str) -> Option<&Value> {
        let path = error.schema_path().as_str();
        let (parent, _) = path.rsplit_once('/')?;
        self.schema.pointer(&format!("{parent}/{keyword}"))
    }
}

/// A table with one key out of several, where the key says the kind.
fn report_tags(
    error: &ValidationError<'_>,
    branches: &[&Vec<ValidationError<'static>>],
    document: &Document,
    mistakes: &mut Mistakes,
) {
    let at = error.instance_path().as_str();
    let written: BTreeSet<&String> = error
        .instance()
        .as_object()
        .map(|members| members.keys().collect())
        .unwrap_or_default();
    let mut known = BTreeSet::new();
    for branch in branches {
        let mut others = BTreeSet::new();
        let mut missing = None;
        for inner in *branch {
            match inner.kind() {
                Kind::Required { property } => missing = property.as_str().map(str::to_owned),
                Kind::AdditionalProperties { unexpected } => others.extend(unexpected),
                _ => {}
            }
        }
        match missing {
            Some(missing) => drop(known.insert(missing)),
            None => known.extend(written.difference(&others).map(|key| (*key).clone())),
        }
    }
    let known: Vec<String> = known.into_iter().collect();
    let mut unknown = written.iter().filter(|key| !known.contains(key)).peekable();
    if unknown.peek().is_none() {
        let wanted = format!("exactly one of {}", words::listed(&known, "and"));
        mistakes.add(document.place(at), wants(error, &wanted));
    }
    for key in unknown {
        let place = document.place(&key::below(at, key));
        mistakes.add(place, words::unknown("key", key, &known));
    }
}

/// Whether a branch was not meant: the value is of another kind altogether.
fn is_other_kind(error: &ValidationError<'_>, at: &str) -> bool {
    error.instance_path().as_str() == at
        && match error.kind() {
            Kind::Type { .. } | Kind::Constant { .. } | Kind::Enum { .. } => true,
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => context
                .iter()
                .all(|branch| branch.iter().any(|inner| is_other_kind(inner, at))),
            _ => false,
        }
}

fn is_other_key(error: &ValidationError<'_>) -> bool {
    matches!(
        error.kind(),
        Kind::AdditionalProperties { .. } | Kind::Required { .. }
    )
}

/// What a branch would have taken.
fn wanted(branch: &[ValidationError<'_>]) -> BTreeSet<String> {
    let words: BTreeSet<String> = branch
        .iter()
        .flat_map(|error| match error.kind() {
            Kind::Constant { expected_value } => vec![words::value(expected_value)],
            Kind::Enum { options } => {
                let options = options.as_array().into_iter().flatten();
                options.map(words::value).collect()
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                context.iter().flat_map(|branch| wanted(branch)).collect()
            }
            _ => Vec::new(),
        })
        .collect();
    if !words.is_empty() {
        return words;
    }
    branch
        .iter()
        .filter_map(|error| match error.kind() {
            Kind::Type { kind } => Some(kind_of(kind)),
            _ => None,
        })
        .collect()
}

fn wording(error: &ValidationError<'_>, kind: &Kind) -> String {
    match kind {
        Kind::Required { property } => format!("missing key {}", words::value(property)),
        Kind::Type { kind } => wants(error, &kind_of(kind)),
        Kind::Enum { .. } | Kind::Constant { .. } => {
            let wanted = wanted(std::slice::from_ref(error));
            wants(error, &alternatives(&wanted))
        }
        Kind::Minimum { limit } => wants(error, &format!("at least `{limit}`")),
        Kind::Maximum { limit } => wants(error, &format!("at most `{limit}`")),
        Kind::MinItems { .. } | Kind::MinLength { .. } | Kind::MinProperties { .. } => {
            format!("`{}` must not be empty", shown_key(error))
        }
        Kind::UniqueItems => format!("`{}` has the same value twice", shown_key(error)),
        Kind::Format { format } => wants(error, format_of(format).unwrap_or("another format")),
        other => format!(
            "`{}` breaks the rule `{}` of the schema",
            shown_key(error),
            other.keyword()
        ),
    }
}

fn wants(error: &ValidationError<'_>, wanted: &str) -> String {
    let value = words::value(error.instance());
    format!("`{}` wants {wanted}, not {value}", shown_key(error))
}

fn shown_key(error: &ValidationError<'_>) -> String {
    key::shown(error.instance_path().as_str())
}

fn alternatives(wanted: &BTreeSet<String>) -> String {
    words::joined(wanted.iter().cloned(), "or")
}

fn kind_of(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => type_of(*one).to_owned(),
        TypeKind::Multiple(several) => {
            words::joined(several.iter().map(|one| type_of(one).to_owned()), "or")
        }
    }
}

fn type_of(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "nothing",
        JsonType::Boolean => "`true` or `false`",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "a list",
        JsonType::Object => "a table",
    }
}

fn format_of(format: &str) -> Option<&'static str> {
    match format {
        schema::DURATION => Some("a duration with units such as `30s` or `1d`"),
        schema::MOMENT => Some("a moment in UTC such as `2026-06-01T00:00:00Z`"),
        schema::SOCKET_ADDRESS => Some("an IP address with a port such as `127.0.0.1:8443`"),
        schema::NETWORK => Some("a network such as `10.0.0.0/8`"),
        _ => None,
    }
}
