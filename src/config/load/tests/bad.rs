//! What is wrong is told, all of it, with its line.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{CONFIG, Estate, ROUTES, bad_config, bad_fuses, bad_overrides, bad_redis, bad_routes};

#[test]
fn mistakes_of_the_configuration_are_told_with_line_and_words() {
    let more = bad_redis::ROWS.iter().chain(bad_fuses::ROWS);
    for (from, to, expected) in bad_config::ROWS.iter().chain(more) {
        assert!(CONFIG.contains(from), "{from}");
        let estate = Estate::new(&CONFIG.replacen(from, to, 1), ROUTES);
        assert_eq!(estate.mistakes(&[]), *expected, "{from} -> {to}");
    }
}

#[test]
fn mistakes_of_routes_are_told_with_line_and_words() {
    for (from, to, expected) in bad_routes::ROWS {
        assert!(ROUTES.contains(from), "{from}");
        let estate = Estate::new(CONFIG, &ROUTES.replacen(from, to, 1));
        assert_eq!(estate.mistakes(&[]), *expected, "{from} -> {to}");
    }
}

#[test]
fn mistakes_of_overrides_are_told_with_their_key() {
    let estate = Estate::new(CONFIG, ROUTES);
    for (text, expected) in bad_overrides::ROWS {
        assert_eq!(estate.mistakes(&[text]), *expected, "{text}");
    }
}

#[test]
fn a_store_in_redis_says_which() {
    let (without, _) = CONFIG.split_once("[redis]").unwrap();
    let estate = Estate::new(without, ROUTES);
    let expected = [
        "--set switches.store: `switches.store = \"redis\"` needs `redis`",
        "--set switches.store: `switches.store` needs `switches.fleet_key_file`",
    ];
    let mut mistakes = estate.mistakes(&["switches.store=redis"]);
    mistakes.sort();
    assert_eq!(mistakes, expected);
}

#[test]
fn each_ownership_store_says_what_it_needs_and_nothing_else() {
    let estate = Estate::new(CONFIG, ROUTES);
    let key = "switches.fleet_key_file=fleet.key";
    let keep = "keep = { max_age = \"60s\", absent_max_age = \"10s\" }";
    let table: [(String, &[&str]); 7] = [
        (
            "store = \"embedded\"".to_owned(),
            &["`ownership.store = \"embedded\"` needs `ownership.file`"],
        ),
        (
            format!("store = \"embedded\", file = \"o.redb\", {keep}"),
            &["`ownership.keep` means nothing with `ownership.store = \"embedded\"`"],
        ),
        (
            "store = \"redis\"".to_owned(),
            &["`ownership.store = \"redis\"` needs `ownership.keep`"],
        ),
        (
            format!("store = \"redis\", file = \"o.redb\", {keep}"),
            &["`ownership.file` means nothing with `ownership.store = \"redis\"`"],
        ),
        (format!("store = \"redis\", {keep}"), &[]),
        (
            "store = \"redis\", keep = { max_age = \"60s\" }".to_owned(),
            &["missing key `absent_max_age`"],
        ),
        (
            "store = \"redis\", keep = { max_age = \"0s\", absent_max_age = \"10s\" }".to_owned(),
            &["`ownership.keep.max_age` must be above zero"],
        ),
    ];
    for (written, expected) in table {
        let mistakes = estate.mistakes(&[key, &format!("ownership={{ {written} }}")]);
        let told: Vec<&str> = mistakes
            .iter()
            .filter_map(|told| told.split_once(": "))
            .map(|(_, told)| told)
            .collect();
        assert_eq!(told, expected, "{written}");
    }
    let unsealed = estate.mistakes(&[&format!("ownership={{ store = \"redis\", {keep} }}")]);
    assert!(
        unsealed
            .iter()
            .any(|told| told
                .ends_with("`ownership.store = \"redis\"` needs `switches.fleet_key_file`")),
        "{unsealed:?}"
    );
}

#[test]
fn all_mistakes_of_all_files_are_told_together() {
    let config = CONFIG
        .replace("on_cold_start = \"open\"", "on_cold_start = \"opne\"")
        .replace("window = \"1d\"", "window = \"1 fortnight\"")
        .replace("\"ES256\", \"RS256\"", "\"none\"")
        .replace("clock_skew = \"0s\"", "clock_skew = \"1h\"")
        .replace("quota = 100", "quota = 0\nunits = 5")
        .replace("directory = \"switches\"", "")
        .replace("address = \"10.0.0.1:8080\"", "address = \"10.0.0.1\"");
    let routes = ROUTES
        .replace("because = \"photographs\"\n", "")
        .replace("surface = \"portal\"", "surface = \"protal\"")
        .replace("{ form = \"VIN\" }", "{ from = \"VIN\" }");
    let estate = Estate::new(&config, &routes);
    estate.write("routes/empty.toml", "# nothing yet\n");
    estate.write("routes/broken.toml", "[[route]]\nid = \"a\npath = /a\n[x\n");
    estate.write(
        "routes/other.toml",
        "[[route]]\nid = \"portal.static\"\nmethods = [\"GET\", \"HEAD\"]\n",
    );
    let expected = [
        "--set door.brust: unknown key `brust`, did you mean `burst`",
        "routes/broken.toml:2: not TOML: invalid basic string, expected `\"`",
        "routes/broken.toml:3: not TOML: string values must be quoted, expected literal string",
        "routes/broken.toml:4: not TOML: unclosed table, expected `]`",
        "routes/empty.toml: lists no `[[route]]`",
        "routes/mobile.toml:8: unknown key `from`, did you mean `form`",
        "routes/mobile.toml:14: unknown surface `protal`, did you mean `portal`",
        "routes/mobile.toml:34: unknown surface `protal`, did you mean `portal`",
        "routes/mobile.toml:39: `body = \"opaque\"` needs `because`",
        "routes/other.toml:1: missing key `action`",
        "routes/other.toml:1: missing key `path`",
        "routes/other.toml:1: missing key `surface`",
        "routes/other.toml:1: missing key `upstream`",
        "routes/other.toml:1: missing key `vehicle`",
        "routes/other.toml:2: route `portal.static` is listed at routes/mobile.toml:13 too",
        "routes/other.toml:3: `methods[1]` wants `DELETE`, `GET`, `PATCH`, `POST` or `PUT`, \
         not `HEAD`",
        "vingate.toml:13: `listeners.inner.address` wants an IP address with a port such as \
         `127.0.0.1:8443`, not `10.0.0.1`",
        "vingate.toml:29: `surfaces.portal.on_cold_start` wants `closed` or `open`, not `opne`",
        "vingate.toml:35: `issuers.owners.algorithms[0]` wants `ES256`, `EdDSA`, `PS256` or \
         `RS256`, not `none`",
        "vingate.toml:38: `issuers.owners.clock_skew` wants at most `60s`, not `1h`",
        "vingate.toml:56: `quotas.commands-per-vehicle.window` wants a duration with units such \
         as `30s` or `1d`, not `1 fortnight`",
        "vingate.toml:61: `quotas.reads.quota` wants at least `1`, not `0`",
        "vingate.toml:62: unknown key `units`, known are `quota`, `window`, `key` and `store`",
        "vingate.toml:76: missing key `directory`",
    ];
    assert_eq!(estate.mistakes(&["door.brust=1"]), expected);
}

#[test]
fn routes_are_checked_while_the_configuration_has_syntax_errors() {
    let estate = Estate::new(
        &CONFIG.replace("[ops]", "[ops"),
        &ROUTES.replace("id = \"portal.static\"", "di = \"portal.static\""),
    );
    let expected = [
        "routes/mobile.toml:12: missing key `id`",
        "routes/mobile.toml:13: unknown key `di`, did you mean `id`",
        "vingate.toml:19: not TOML: unclosed table, expected `]`",
    ];
    assert_eq!(estate.mistakes(&[]), expected);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let estate = Estate::new(CONFIG, ROUTES);
    std::fs::write(estate.folder.path().join("routes/mobile.toml"), b"\xff").unwrap();
    std::fs::create_dir(estate.folder.path().join("routes/z.toml")).unwrap();
    let expected = [
        "routes/mobile.toml: is not UTF-8",
        "routes/z.toml: can't be read: is a directory",
    ];
    assert_eq!(estate.mistakes(&[]), expected);
    std::fs::remove_file(estate.config()).unwrap();
    let expected = ["vingate.toml: can't be read: entity not found"];
    assert_eq!(estate.mistakes(&["door.burst=1"]), expected);
}

#[test]
fn every_message_is_in_the_users_words() {
    let tables = [bad_config::ROWS, bad_redis::ROWS, bad_routes::ROWS].concat();
    let rows = tables.iter().map(|(_, _, expected)| *expected);
    let overrides = bad_overrides::ROWS.iter().map(|(_, expected)| *expected);
    let rust: BTreeSet<&str> =
        "String str u8 u16 u32 u64 i64 f64 usize bool Vec BTreeSet BTreeMap \
        PathBuf SocketAddr IpNet Option Span struct enum variant tuple map sequence integer float \
        boolean untagged Value Listener Surface Upstream RouteEntry RequestPlace VehicleReference ActionChoice"
            .split_whitespace()
            .collect();
    let mut messages = 0;
    for line in rows.chain(overrides).flatten() {
        let (_, message) = line.split_once(": ").unwrap();
        messages += 1;
        assert!(!message.ends_with('.'), "{line}");
        assert!(!message.contains("::"), "{line}");
        assert!(
            !message.starts_with(|first: char| first.is_uppercase()),
            "{line}"
        );
        assert_eq!(message.matches('`').count() % 2, 0, "{line}");
        let plain = message.split('`').step_by(2); // what stands outside backticks
        for word in plain.flat_map(|part| part.split(|letter: char| !letter.is_alphanumeric())) {
            assert!(!rust.contains(word), "{word} in {line}");
        }
    }
    assert!(messages > 100, "{messages}");
}

/// Values that fit few keys.
const ODD: [&str; 20] = [
    "0",
    "-1",
    "1.5",
    "30.0",
    "1e3",
    "nan",
    "9223372036854775807",
    "true",
    "2020-01-01",
    "\"\"",
    "\"x\"",
    "\"none\"",
    "\"30\"",
    "\"/{a}\"",
    "\"\\u0000\"",
    "[]",
    "[1]",
    "[\"x\"]",
    "{}",
    "{ path = 1 }",
];

/// The text with the value of one line replaced.
fn with_value(text: &str, at: prop::sample::Index, value: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let keyed: Vec<usize> = (0..lines.len())
        .filter(|line| lines[*line].contains(" = "))
        .collect();
    let line = &mut lines[keyed[at.index(keyed.len())]];
    let (key, _) = line.split_once(" = ").unwrap();
    *line = format!("{key} = {value}");
    lines.join("\n")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What serde would refuse is found before, with a line; and nothing panics.
    #[test]
    fn serde_never_has_the_last_word(
        first: prop::sample::Index,
        second: prop::sample::Index,
        values in (prop::sample::select(&ODD[..]), prop::sample::select(&ODD[..])),
    ) {
        let config = with_value(CONFIG, first, values.0);
        let routes = with_value(ROUTES, second, values.1);
        for (config, routes) in [(config.as_str(), ROUTES), (CONFIG, routes.as_str())] {
            for line in Estate::new(config, routes).mistakes(&[]) {
                prop_assert!(!line.contains("is refused"), "{}", line);
            }
        }
    }
}
