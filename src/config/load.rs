//! How do files and `--set` become one configuration?

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::document::{Document, Node};
use crate::config::mistakes::Mistakes;
use crate::config::route::RouteEntry;
use crate::config::shape::Shape;
use crate::config::{ConfigFile, fit, key, overrides, schema, words};

/// Keys that hold a path; a relative one starts at the file's folder.
const PATHS: [&str; 35] = [
    "/routes/*",
    "/policies",
    "/bundles/key_files/*",
    "/bundles/directory",
    "/listeners/*/tls/certificate_file",
    "/listeners/*/tls/key_file",
    "/listeners/*/tls/others/*/certificate_file",
    "/listeners/*/tls/others/*/key_file",
    "/certificates/*/authorities_file",
    "/certificates/*/crl_files/*",
    "/admin/socket",
    "/admin/tls/certificate_file",
    "/admin/tls/key_file",
    "/admin/tls/client_ca_file",
    "/issuers/*/jwks_file",
    "/issuers/*/fetch/ca_file",
    "/issuers/*/fetch/file",
    "/issuers/*/introspection/ca_file",
    "/issuers/*/introspection/client_secret_file",
    "/upstreams/*/tls/ca_file",
    "/ownership/file",
    "/ownership/http/ca_file",
    "/ownership/http/client_certificate_file",
    "/ownership/http/client_key_file",
    "/ownership/http/authorization_file",
    "/assertion/key_file",
    "/audit/file",
    "/audit/pseudonym_key_file",
    "/switches/directory",
    "/switches/fleet_key_file",
    "/switches/baseline_file",
    "/switches/files_directory",
    "/redis/ca_file",
    "/redis/password_file",
    "/redis/sentinel/password_file",
];

/// A configuration whose shape is right; what it refers to is checked by `rules::build`.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The values in force, every relative path made absolute.
    pub config: ConfigFile,
    /// All routes of all route files, each with its place (`file:line`).
    pub routes: Vec<PlacedRoute>,
    /// Where each key came from.
    pub origins: Origins,
}

/// A route and where it stands.
#[derive(Debug, Clone)]
pub struct PlacedRoute {
    /// As written.
    pub entry: RouteEntry,
    /// `file:line` of its `[[route]]`.
    pub place: String,
}

/// Where each key of the configuration came from.
#[derive(Debug, Clone, Default)]
pub struct Origins(BTreeMap<String, String>);

impl Origins {
    /// `file:line`, `--set`, or `default` of a dotted key such as `surfaces.portal.hosts`.
    pub fn place(&self, key: &str) -> String {
        match self.0.get(key) {
            Some(place) if place.starts_with(overrides::PLACE) => "--set".to_owned(),
            Some(place) => place.clone(),
            None => "default".to_owned(),
        }
    }

    fn of(config: &Document) -> Self {
        Self(
            config
                .places()
                .map(|(pointer, place)| (key::dotted(pointer), place.to_owned()))
                .collect(),
        )
    }
}

/// Reads `path` and the route files it names, with `--set` overrides (`key=value`, the value TOML
/// or else a plain string).
///
/// Relative paths in the file start at its folder, those of an override at the working directory.
///
/// # Errors
/// Every mistake of every file together.
pub fn load(path: &Path, overrides: &[String]) -> Result<Loaded, Mistakes> {
    let mut mistakes = Mistakes::default();
    let config_shape = Shape::new(schema::json_schema())?;
    let route_shape = Shape::new(schema::route_schema())?;
    let Some(mut config) = read(path, &mut mistakes) else {
        return Err(mistakes);
    };
    overrides::apply(overrides, &mut config, &config_shape, &mut mistakes);
    let mut files = Vec::new();
    for name in route_files(path, &config, &mut mistakes) {
        files.extend(read(&name, &mut mistakes));
    }
    for file in files.iter().filter(|file| file.sound) {
        if file.root().children().is_empty() {
            mistakes.add(&file.name, "lists no `[[route]]`");
        } else {
            route_shape.check(file, &mut mistakes);
            fit::route_file(file, &mut mistakes);
        }
    }
    if config.sound {
        config_shape.check(&config, &mut mistakes);
        fit::config_file(&config, &mut mistakes);
        fit::references(&config, &files, &mut mistakes);
    }
    mistakes.sort();
    mistakes.or(())?;
    typed(path, &config, &files)
}

fn read(path: &Path, mistakes: &mut Mistakes) -> Option<Document> {
    let name = path.display().to_string();
    match std::fs::read(path).map(String::from_utf8) {
        Ok(Ok(text)) => Some(Document::parse(&name, &text, mistakes)),
        Ok(Err(_)) => {
            mistakes.add(name, "is not UTF-8");
            None
        }
        Err(error) => {
            mistakes.add(name, format!("can't be read: {}", error.kind()));
            None
        }
    }
}

/// The route files that the globs find, each once.
fn route_files(path: &Path, config: &Document, mistakes: &mut Mistakes) -> BTreeSet<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut found = BTreeSet::new();
    for pattern in config.matching("/routes/*") {
        let Some(text) = pattern.text().filter(|text| !text.is_empty()) else {
            continue;
        };
        let here = if is_override(&pattern) || Path::new(text).is_absolute() {
            PathBuf::from(text)
        } else {
            let folder = folder.display().to_string();
            Path::new(&glob::Pattern::escape(&folder)).join(text)
        };
        let shown = words::quoted(text);
        let paths = match glob::glob(&here.display().to_string()) {
            Ok(paths) => paths,
            Err(error) => {
                let flaw = error.msg.to_lowercase();
                mistakes.add(pattern.place(), format!("glob {shown} is wrong: {flaw}"));
                continue;
            }
        };
        let mut is_match = false;
        for path in paths {
            is_match = true;
            match path {
                Ok(path) => drop(found.insert(path)),
                Err(error) => mistakes.add(
                    error.path().display().to_string(),
                    format!("can't be read: {}", error.error().kind()),
                ),
            }
        }
        if !is_match {
            mistakes.add(pattern.place(), format!("glob {shown} matches no file"));
        }
    }
    found
}

fn is_override(node: &Node<'_>) -> bool {
    node.place().starts_with(overrides::PLACE)
}

fn typed(path: &Path, config: &Document, files: &[Document]) -> Result<Loaded, Mistakes> {
    let mut mistakes = Mistakes::default();
    let origins = Origins::of(config);
    let value = absolute_paths(path, config, &mut mistakes);
    let config: Option<ConfigFile> = deserialized(value, &config.name, &mut mistakes);
    let mut routes = Vec::new();
    for node in files
        .iter()
        .flat_map(|file| file.root().children_of("route"))
    {
        let place = node.place();
        let entry = deserialized(node.value().clone(), &place, &mut mistakes);
        routes.extend(entry.map(|entry| PlacedRoute { entry, place }));
    }
    match config {
        Some(config) => mistakes.or(Loaded {
            config,
            routes,
            origins,
        }),
        None => Err(mistakes),
    }
}

/// The last word is serde's. What it refuses was to be found before; it is a mistake all the same.
fn deserialized<T: DeserializeOwned>(
    value: Value,
    place: &str,
    mistakes: &mut Mistakes,
) -> Option<T> {
    serde_json::from_value(value)
        .map_err(|error| mistakes.add(place, format!("is refused: {error}")))
        .ok()
}

fn absolute_paths(path: &Path, config: &Document, mistakes: &mut Mistakes) -> Value {
    let mut value = config.value.clone();
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    for node in PATHS.iter().flat_map(|pattern| config.matching(pattern)) {
        let Some(text) = node.text() else {
            continue;
        };
        let base = if is_override(&node) {
            Path::new(".")
        } else {
            folder
        };
        let whole = std::path::absolute(base.join(text));
        match whole
            .ok()
            .and_then(|path| path.into_os_string().into_string().ok())
        {
            Some(whole) => {
                if let Some(slot) = value.pointer_mut(node.pointer()) {
                    *slot = Value::from(whole);
                }
            }
            None => mistakes.add(
                node.place(),
                format!("`{}` can't be made absolute", node.key()),
            ),
        }
    }
    value
}

#[cfg(test)]
mod tests;
