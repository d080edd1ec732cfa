//! What is right loads, and says where it came from.

use std::path::Path;

use serde_json::{Value, json};

use super::{CONFIG, Estate, ROUTES, load};
use crate::config::effective::settings;
use crate::config::{fit, key, schema};

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn good_configuration_loads_with_absolute_paths_and_defaults() {
    let estate = Estate::new(CONFIG, ROUTES);
    assert_eq!(estate.mistakes(&[]), Vec::<String>::new());
    let loaded = load(&estate.config(), &[]).unwrap();
    let folder = estate.folder.path();
    let config = &loaded.config;
    assert_eq!(config.policies, folder.join("policies"));
    assert_eq!(config.admin.socket, folder.join("run/admin.sock"));
    let upstream = &config.upstreams["telematics"];
    let authorities = &upstream.tls.as_ref().unwrap().ca_file;
    assert_eq!(authorities, Path::new("/etc/ca.pem"));
    assert_eq!(upstream.read_timeout.get().as_secs(), 600);
    assert_eq!(config.limits.connections, 10_000);
    assert_eq!(config.door.burst, 200);
    assert_eq!(loaded.routes.len(), 4);
    let place = format!("{}/routes/mobile.toml:12", folder.display());
    assert_eq!(loaded.routes[1].place, place);
    assert_eq!(loaded.routes[1].entry.id, "portal.static");
}

#[test]
fn origins_name_the_line_the_override_or_the_default() {
    let estate = Estate::new(CONFIG, ROUTES);
    let overrides = strings(&[
        "listeners.edge.address=127.0.0.1:9",
        "surfaces.\"mobile.v2\".on_cold_start=open",
    ]);
    let loaded = load(&estate.config(), &overrides).unwrap();
    let file = estate.config().display().to_string();
    let table = [
        ("policies", format!("{file}:2")),
        ("admin.socket", format!("{file}:17")),
        ("listeners.public.tls.key_file", format!("{file}:10")),
        ("listeners.edge.address", "--set".to_owned()),
        ("surfaces.\"mobile.v2\".on_cold_start", "--set".to_owned()),
        ("surfaces.\"mobile.v2\".protected", "default".to_owned()),
        ("limits.connections", "default".to_owned()),
        ("limits.judged_body_bytes", format!("{file}:79")),
    ];
    for (key, expected) in table {
        assert_eq!(loaded.origins.place(key), expected, "{key}");
    }
}

#[test]
fn overrides_take_toml_that_fits_and_plain_text_else() {
    let table: [(&str, &str, Value); 12] = [
        (
            "listeners.edge.address=127.0.0.1:0",
            "/listeners/edge/address",
            json!("127.0.0.1:0"),
        ),
        (
            "upstreams.telematics.addresses=[\"127.0.0.1:1\"]",
            "/upstreams/telematics/addresses",
            json!(["127.0.0.1:1"]),
        ),
        ("switches.directory=/x", "/switches/directory", json!("/x")),
        (
            "switches.directory=\"/x y\"",
            "/switches/directory",
            json!("/x y"),
        ),
        ("door.burst=7", "/door/burst", json!(7)),
        ("door = { burst = 8 }", "/door/burst", json!(8)),
        (
            "issuers.owners.issuer=true",
            "/issuers/owners/issuer",
            json!("true"),
        ),
        (
            "issuers.owners.issuer=1979-05-27",
            "/issuers/owners/issuer",
            json!("1979-05-27"),
        ),
        (
            "issuers.owners.issuer=a=b",
            "/issuers/owners/issuer",
            json!("a=b"),
        ),
        (
            "surfaces.portal.protected=false",
            "/surfaces/portal/protected",
            json!(false),
        ),
        (
            "quotas.\"a.b\"={quota=1,window=\"1s\",key=[\"client\"],store=\"local\"}",
            "/quotas/a.b/quota",
            json!(1),
        ),
        (
            "limits.drain_timeout=1h 30m",
            "/limits/drain_timeout",
            json!("1h 30m"),
        ),
    ];
    let estate = Estate::new(CONFIG, ROUTES);
    for (text, pointer, expected) in table {
        assert_eq!(estate.mistakes(&[text]), Vec::<String>::new(), "{text}");
        let loaded = load(&estate.config(), &strings(&[text])).unwrap();
        let value = serde_json::to_value(&loaded.config).unwrap();
        assert_eq!(value.pointer(pointer), Some(&expected), "{text}");
    }
}

#[test]
fn the_last_override_wins() {
    let estate = Estate::new(CONFIG, ROUTES);
    let loaded = load(
        &estate.config(),
        &strings(&["door.burst=7", "door.burst=8"]),
    )
    .unwrap();
    assert_eq!(loaded.config.door.burst, 8);
}

#[test]
fn relative_paths_of_overrides_start_at_the_working_directory() {
    let estate = Estate::new(CONFIG, ROUTES);
    let loaded = load(
        &estate.config(),
        &strings(&["switches.directory=here/switches"]),
    )
    .unwrap();
    let here = std::env::current_dir().unwrap();
    assert_eq!(loaded.config.switches.directory, here.join("here/switches"));
}

/// Pointers of all properties of the configuration's schema that are meant.
fn properties(is_meant: fn(&str, &Value) -> bool) -> Vec<String> {
    type Meant = fn(&str, &Value) -> bool;
    fn walk(at: &str, schema: &Value, root: &Value, is_meant: Meant, found: &mut Vec<String>) {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = root.pointer(reference.trim_start_matches('#')).unwrap();
            return walk(at, target, root, is_meant, found);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let pointer = key::below(at, name);
            if is_meant(name, property) {
                found.push(pointer.clone());
            }
            walk(&pointer, property, root, is_meant, found);
        }
        if schema["additionalProperties"].is_object() {
            let entries = &schema["additionalProperties"];
            walk(&key::below(at, "*"), entries, root, is_meant, found);
        }
        if schema["items"].is_object() {
            let items = &schema["items"];
            walk(&key::below(at, "*"), items, root, is_meant, found);
        }
    }
    let schema = schema::json_schema();
    let mut found = Vec::new();
    walk("", &schema, &schema, is_meant, &mut found);
    found.sort();
    found
}

#[test]
fn every_path_of_the_schema_is_made_absolute() {
    let mut found = properties(|name, property| {
        let names = ["socket", "policies"];
        property["type"] == "string"
            && (name.ends_with("file") || name.ends_with("directory") || names.contains(&name))
    });
    found.extend(strings(&[
        "/routes/*",
        "/bundles/key_files/*",
        "/certificates/*/crl_files/*",
    ]));
    found.sort();
    let mut listed = strings(&super::super::PATHS);
    listed.sort();
    assert_eq!(found, listed);
}

#[test]
fn every_duration_but_the_difference_of_clocks_is_above_zero() {
    let found = properties(|name, property| {
        property["$ref"] == "#/$defs/Span" && !["clock_skew", "ahead"].contains(&name)
    });
    let mut listed = strings(&fit::ABOVE_ZERO);
    listed.sort();
    assert_eq!(found, listed);
}

#[test]
fn effective_values_are_complete_and_can_be_set_again() {
    let estate = Estate::new(CONFIG, ROUTES);
    let loaded = load(&estate.config(), &[]).unwrap();
    let all = settings(&loaded).unwrap();
    let find = |key: &str| all.iter().find(|setting| setting.key == key).unwrap();
    assert_eq!(find("limits.connections").value, json!(10_000));
    assert_eq!(find("limits.connections").origin, "default");
    assert_eq!(find("issuers.owners.token_type").written(), "at+jwt");
    assert_eq!(
        find("quotas.reads.key").written(),
        "[\"principal\",\"client\"]"
    );
    let overrides: Vec<String> = all
        .iter()
        .map(|setting| format!("{}={}", setting.key, setting.written()))
        .collect();
    let again = settings(&load(&estate.config(), &overrides).unwrap()).unwrap();
    for (one, other) in all.iter().zip(&again) {
        assert_eq!((&one.key, &one.value), (&other.key, &other.value));
        assert_eq!(other.origin, "--set");
    }
    assert_eq!(all.len(), again.len());
}

#[test]
fn a_file_found_by_two_globs_is_read_once() {
    let config = CONFIG.replace("\"routes/*.toml\"", "\"routes/*.toml\", \"routes/m*.toml\"");
    let estate = Estate::new(&config, ROUTES);
    assert_eq!(load(&estate.config(), &[]).unwrap().routes.len(), 4);
}
