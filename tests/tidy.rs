//! Are the rules of the house kept?
//!
//! Who may import whom, one home for each big dependency, how long a file may be, how it opens, and
//! words that must not come in.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};

/// A source file: its path from the root, with forward slashes, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// The text without comments and string contents that could mention a name harmlessly.
    fn code(&self) -> String {
        self.text
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let path = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned();
                found.push(Source { path, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(
        found.len() > 5,
        "no sources found: the check would pass on nothing"
    );
    found
}

fn is_test(source: &Source) -> bool {
    source.path.contains("/tests/") || source.path.ends_with("/tests.rs")
}

fn report(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

const EVERYWHERE: [&str; 4] = ["src", "tests", "benches", "deploy/demo"];

#[test]
fn a_file_has_at_most_400_lines() {
    let long = |source: &Source| {
        let lines = source.text.lines().count();
        (lines > 400).then(|| format!("{}: {lines} lines", source.path))
    };
    report(
        &sources(&EVERYWHERE)
            .iter()
            .filter_map(long)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_file_opens_with_its_question() {
    let mute = |source: &Source| {
        let head: Vec<&str> = source
            .text
            .lines()
            .take_while(|line| line.starts_with("//!"))
            .collect();
        let first: String = head
            .iter()
            .take_while(|line| **line != "//!")
            .copied()
            .collect();
        let asks = first.contains('?') || !source.path.starts_with("src/") || is_test(source);
        (head.is_empty() || !asks).then(|| format!("{}: opens without a question", source.path))
    };
    report(
        &sources(&EVERYWHERE)
            .iter()
            .filter_map(mute)
            .collect::<Vec<_>>(),
    );
}

/// A dependency and the only places that may name it.
const HOMES: [(&str, &[&str]); 14] = [
    (
        "jsonwebtoken",
        &["src/pipeline/identity", "src/pipeline/forward/assertion"],
    ),
    (
        "cedar_policy",
        &["src/pipeline/policy", "src/admin/authority", "src/prove"],
    ),
    ("cedar_policy_symcc", &["src/prove"]),
    ("cedar_policy_formatter", &["src/cli/policy/fmt"]),
    (
        "tokio_rustls",
        &[
            "src/admin/tls",
            "src/admin/client",
            "src/prober/ask",
            "src/adapters/http",
        ],
    ),
    (
        "x509_parser",
        &[
            "src/admin/person",
            "src/pipeline/identity/certificate",
            "src/pipeline/identity/authorities",
        ],
    ),
    ("governor", &["src/adapters/door"]),
    ("redb", &["src/adapters/embedded"]),
    ("redis", &["src/adapters/redis"]),
    ("opentelemetry", &["src/telemetry"]),
    ("pingora", &["src/gateway", "src/edge"]),
    ("axum", &["src/admin", "src/edge/ops"]),
    ("clap", &["src/cli", "src/main.rs"]),
    ("jsonschema", &["src/config", "src/admin/tests"]),
];

#[test]
fn a_big_dependency_has_one_home() {
    let mut broken = Vec::new();
    for source in sources(&["src"]) {
        let code = source.code();
        for (dependency, homes) in HOMES {
            let named = [format!("{dependency}::"), format!("use {dependency};")]
                .iter()
                .any(|name| names(&code, name));
            if named && !homes.iter().any(|home| source.path.starts_with(home)) {
                broken.push(format!(
                    "{}: names `{dependency}`, at home in {homes:?}",
                    source.path
                ));
            }
        }
    }
    report(&broken);
}

/// Whether `name` stands in `code` as a path of its own, not as the tail of a longer one.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code.get(..at).and_then(|head| head.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

/// What puts the rest together, and the rest doesn't know.
const WIRING: &[&str] = &[
    "crate::gateway",
    "crate::edge",
    "crate::admin",
    "crate::cli",
    "crate::rules",
];

/// Files whose path starts so may not name these.
const BARRED: [(&str, &[&str]); 9] = [
    // What is proved is the policies, by themselves.
    ("src/prove", WIRING),
    // What a chain is, and whether it holds, is computed from bytes that are given.
    (
        "src/chain",
        &[
            "tokio::",
            "std::fs",
            "std::thread",
            "tracing::",
            "crate::adapters",
            "crate::clock",
            "crate::config",
            "crate::pipeline",
            "crate::rules",
        ],
    ),
    // A stage computes and never waits; only `decide` and its look-ups await, only `ports` names what
    // they await.
    (
        "src/pipeline/",
        &[
            "tokio::",
            "std::thread",
            "tracing::",
            "crate::adapters",
            "crate::gateway",
            "crate::admin",
            "crate::cli",
            "crate::clock",
            "crate::telemetry",
            "async fn",
        ],
    ),
    ("src/adapters", WIRING),
    ("src/switchboard", WIRING),
    ("src/revocations", WIRING),
    (
        "src/config",
        &[
            "crate::pipeline",
            "crate::gateway",
            "crate::edge",
            "crate::admin",
            "crate::cli",
            "crate::rules",
        ],
    ),
    ("src/denial", WIRING),
    ("src/telemetry", WIRING),
];

/// Whom the rule above excepts, and from what.
const EXCEPTED: [(&str, &str); 8] = [
    ("src/pipeline/audit.rs", "crate::clock"), // writes a given time; reads no clock
    ("src/pipeline/decide.rs", "tokio::"),
    ("src/pipeline/decide.rs", "async fn"),
    ("src/pipeline/lookup.rs", "tokio::"),
    ("src/pipeline/lookup.rs", "async fn"),
    ("src/pipeline/introspection.rs", "tokio::"),
    ("src/pipeline/introspection.rs", "async fn"),
    ("src/pipeline/ports.rs", "async fn"),
];

#[test]
fn imports_go_one_way() {
    let mut broken = Vec::new();
    for source in sources(&["src"]) {
        let code = source.code();
        for (prefix, barred) in BARRED {
            if !source.path.starts_with(prefix) || is_test(&source) {
                continue;
            }
            for name in barred {
                let excepted = EXCEPTED.contains(&(source.path.as_str(), name));
                if names(&code, name) && !excepted {
                    broken.push(format!("{}: names `{name}`", source.path));
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn one_file_sees_a_session() {
    let sees = |source: &Source| {
        let code = source.code();
        let sees =
            names(&code, "Session,") || names(&code, "Session}") || code.contains("proxy::Session");
        (sees && source.path != "src/gateway.rs")
            .then(|| format!("{}: sees a Session", source.path))
    };
    report(
        &sources(&["src"])
            .iter()
            .filter_map(sees)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn a_permit_is_made_in_one_place() {
    let makes = |source: &Source| {
        let code = source.code();
        let makes = code.contains("Permit {") && !code.contains("pub struct Permit {");
        makes.then(|| format!("{}: spells a Permit out", source.path))
    };
    report(
        &sources(&["src"])
            .iter()
            .filter_map(makes)
            .collect::<Vec<_>>(),
    );
}

/// Words that must not name a type, a trait or a module.
const SHAPELESS: [&str; 7] = [
    "Manager", "Helper", "Util", "Common", "Stage", "Plugin", "Registry",
];

#[test]
fn names_say_what_a_thing_is() {
    let mut broken = Vec::new();
    for source in sources(&["src"]) {
        for line in source.code().lines() {
            let Some(name) = ["struct ", "trait ", "enum ", "mod ", "type "]
                .iter()
                .find_map(|kind| line.split_once(kind).map(|(_, name)| name))
            else {
                continue;
            };
            let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
            if SHAPELESS
                .iter()
                .any(|word| name.to_lowercase().contains(&word.to_lowercase()))
            {
                broken.push(format!("{}: `{name}`", source.path));
            }
        }
    }
    report(&broken);
}

#[test]
fn nothing_is_left_open() {
    let left = [
        "todo!(",
        "unimplemented!(",
        "#[ignore",
        "FIXME",
        "XXX",
        "dbg!(",
    ];
    let mut broken = Vec::new();
    for source in sources(&EVERYWHERE) {
        if source.path == "tests/tidy.rs" {
            continue; // it spells them
        }
        for word in left {
            if source.text.contains(word) {
                broken.push(format!("{}: `{word}`", source.path));
            }
        }
    }
    report(&broken);
}

#[test]
fn a_test_asserts() {
    let mut broken = Vec::new();
    for source in sources(&EVERYWHERE) {
        if source.path == "tests/tidy.rs" {
            continue; // it spells the attribute
        }
        let text = source.text.replace("#[tokio::test]", "#[test]");
        for body in text.split("#[test]").skip(1) {
            let body = body.split("\n}\n").next().unwrap_or(body);
            let asserts = [
                "assert",
                "check",
                "report(",
                "refuse",
                "expect_",
                "panic!",
                "has(",
                "never_panic",
                "hold(",
            ];
            if !asserts.iter().any(|word| body.contains(word)) {
                let name = body.split("fn ").nth(1).and_then(|f| f.split('(').next());
                broken.push(format!(
                    "{}: `{}` asserts nothing",
                    source.path,
                    name.unwrap_or("?")
                ));
            }
        }
    }
    report(&broken);
}
