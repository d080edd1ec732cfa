//! Every mistake that result keys can have, one a row.

use super::{CONFIG, Estate, ROUTES};

const GIVING: &str = "vehicle = { form = \"VIN\" }\nresult_key = { answer = \"/resultKey\" }\n";

const POLL: &str = r#"
[[route]]
id = "mobile-v1.climate-result"
surface = "mobile-v1"
methods = ["POST"]
path = "/poll/{key}"
action = "PollResult"
vehicle = { form = "VIN" }
result_key = { form = "resultKey" }
upstream = "telematics"
"#;

/// What is replaced, by what, and every mistake that follows.
const ROWS: &[(&str, &str, &[&str])] = &[
    ("no mistake", "", &[]),
    ("{ form = \"resultKey\" }", "{ path = \"key\" }", &[]),
    (
        "{ form = \"resultKey\" }",
        "{ path = \"kye\" }",
        &["routes/mobile.toml:52: unknown path parameter `kye`, did you mean `key`"],
    ),
    (
        "{ form = \"resultKey\" }",
        "{ json = \"/resultKey\" }",
        &[
            "routes/mobile.toml:52: `vehicle.form` and `result_key.json` read one body in two formats",
        ],
    ),
    (
        "[\"POST\"]\npath = \"/poll",
        "[\"GET\"]\npath = \"/poll",
        &[
            "routes/mobile.toml:51: `vehicle.form` reads a body, and `GET` has none",
            "routes/mobile.toml:52: `result_key.form` reads a body, and `GET` has none",
        ],
    ),
    (
        "\"/resultKey\"",
        "\"resultKey\"",
        &[
            "routes/mobile.toml:9: `result_key.answer` wants a JSON pointer that starts with `/`, not `resultKey`",
        ],
    ),
    (
        "{ form = \"resultKey\" }",
        "{ from = \"resultKey\" }",
        &["routes/mobile.toml:52: unknown key `from`, did you mean `form`"],
    ),
    (
        "{ form = \"resultKey\" }",
        "\"resultKey\"",
        &["routes/mobile.toml:52: `result_key` wants a table, not `resultKey`"],
    ),
    (
        "result_key = { answer = \"/resultKey\" }\n",
        "",
        &[
            "routes/mobile.toml:51: no route to the same upstream gives result keys out: none of these polls would be let through",
        ],
    ),
    (
        "vehicle = { form = \"VIN\" }\nresult_key = { form",
        "vehicle = \"none\"\nbecause = \"x\"\nresult_key = { form",
        &[
            "routes/mobile.toml:53: `result_key` wants a route that names a vehicle: a key is given out for one",
        ],
    ),
];

fn estate(from: &str, to: &str) -> Estate {
    let routes = ROUTES.replacen("vehicle = { form = \"VIN\" }\n", GIVING, 1) + POLL;
    Estate::new(CONFIG, &routes.replacen(from, to, 1))
}

#[test]
fn each_mistake_is_told_with_line_and_words() {
    for (from, to, expected) in ROWS {
        let told = estate(from, to).mistakes(&["result_keys={ store = \"local\" }"]);
        assert_eq!(told, *expected, "{from} -> {to}");
    }
}

#[test]
fn where_keys_are_kept_is_said() {
    let estate = estate("", "");
    let table: [(&[&str], &[&str]); 5] = [
        (
            &[],
            &[
                "routes/mobile.toml:9: `result_key` needs `result_keys`: where it is kept who was given which",
            ],
        ),
        (
            &["result_keys={}"],
            &["--set result_keys: missing key `store`"],
        ),
        (
            &["result_keys={ store = \"local\", lifetime = \"0s\" }"],
            &["--set result_keys: `result_keys.lifetime` must be above zero"],
        ),
        (
            &["result_keys={ store = \"redis\" }"],
            &["--set result_keys: `result_keys.store = \"redis\"` needs `switches.fleet_key_file`"],
        ),
        (
            &[
                "result_keys={ store = \"redis\" }",
                "switches.fleet_key_file=fleet.key",
            ],
            &[],
        ),
    ];
    for (set, expected) in table {
        assert_eq!(estate.mistakes(set), *expected, "{set:?}");
    }
}
