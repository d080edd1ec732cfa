//! Every mistake that a route file can have, one a row.

/// What is replaced, by what, and every mistake that follows.
pub(super) const ROWS: &[(&str, &str, &[&str])] = &[
    (
        "surface = \"portal\"\nmethods = [\"GET\"]",
        "surfaec = \"portal\"\nmethods = [\"GET\"]",
        &[
            "routes/mobile.toml:12: missing key `surface`",
            "routes/mobile.toml:14: unknown key `surfaec`, did you mean `surface`",
        ],
    ),
    (
        "surface = \"portal\"\nmethods = [\"GET\"]",
        "surface = \"protal\"\nmethods = [\"GET\"]",
        &["routes/mobile.toml:14: unknown surface `protal`, did you mean `portal`"],
    ),
    (
        r#"methods = ["GET"]"#,
        r#"methods = ["GETT"]"#,
        &[
            "routes/mobile.toml:15: `methods[0]` wants `DELETE`, `GET`, `PATCH`, `POST` or `PUT`, not `GETT`",
        ],
    ),
    (
        "upstream = \"telematics\"\nquotas",
        "upstream = \"telematics\"\nwebsocket = true\nquotas",
        &[
            "routes/mobile.toml:4: `websocket = true` wants `methods = [\"GET\"]`: a handshake is one",
            "routes/mobile.toml:8: `websocket = true` wants `vehicle = \"none\"`: other cars' VINs can't be masked within frames",
        ],
    ),
    (
        r#"action = { json = "/data"#,
        "websocket = true\naction = { json = \"/data",
        &[
            "routes/mobile.toml:26: `websocket = true` wants `methods = [\"GET\"]`: a handshake is one",
            "routes/mobile.toml:29: `websocket = true` wants an action that no body chooses: a handshake has none",
            "routes/mobile.toml:30: `websocket = true` wants `vehicle = \"none\"`: other cars' VINs can't be masked within frames",
        ],
    ),
    (
        r#"because = "pictures and style sheets""#,
        "because = \"news\"\nwebsocket = true\nbody = \"opaque\"",
        &["routes/mobile.toml:22: `websocket = true` goes without `body`: a handshake has none"],
    ),
    (
        r#"because = "pictures and style sheets""#,
        "because = \"news\"\nwebsocket = \"yes\"",
        &["routes/mobile.toml:21: `websocket` wants `true` or `false`, not `yes`"],
    ),
    (
        r#"methods = ["GET"]"#,
        "methods = []",
        &["routes/mobile.toml:15: `methods` must not be empty"],
    ),
    (
        r#"id = "portal.static""#,
        r#"id = "mobile-v1.charge""#,
        &["routes/mobile.toml:24: route `mobile-v1.charge` is listed at routes/mobile.toml:13 too"],
    ),
    (
        r#"id = "portal.static""#,
        r#"id = "portal static""#,
        &["routes/mobile.toml:13: name `portal static` wants only `a-z`, `0-9`, `.` and `-`"],
    ),
    (
        "because = \"pictures and style sheets\"\n",
        "",
        &[r#"routes/mobile.toml:18: `vehicle = "none"` needs `because`"#],
    ),
    (
        "because = \"pictures and style sheets\"\n",
        "because = \" \"\n",
        &["routes/mobile.toml:20: `because` must not be empty"],
    ),
    (
        r#"identity = "none""#,
        r#"identity = "nobody""#,
        &["routes/mobile.toml:19: `identity` wants `none` or `required`, not `nobody`"],
    ),
    (
        r#"vehicle = "none""#,
        r#"vehicle = "non""#,
        &["routes/mobile.toml:18: `vehicle` wants `none` or a table, not `non`"],
    ),
    (
        r#"vehicle = "none""#,
        "vehicle = 5",
        &["routes/mobile.toml:18: `vehicle` wants `none` or a table, not `5`"],
    ),
    (
        r#"vehicle = "none""#,
        r#"vehicle = { query = "vin" }"#,
        &["routes/mobile.toml:19: a route that names a vehicle needs an identity"],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        r#"vehicle = { from = "VIN" }"#,
        &["routes/mobile.toml:8: unknown key `from`, did you mean `form`"],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        r#"vehicle = { form = "VIN", query = "vin" }"#,
        &[
            r#"routes/mobile.toml:8: `vehicle` wants exactly one of `alias`, `case`, `form`, `header`, `json`, `path` and `query`, not `{"form":"VIN","query":"vin"}`"#,
        ],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        "vehicle = {}",
        &[
            "routes/mobile.toml:8: `vehicle` wants exactly one of `alias`, `case`, `form`, `header`, `json`, `path` and `query`, not `{}`",
        ],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        "vehicle = { form = 5 }",
        &["routes/mobile.toml:8: `vehicle.form` wants a string, not `5`"],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        r#"vehicle = { form = "" }"#,
        &["routes/mobile.toml:8: `vehicle.form` must not be empty"],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        r#"vehicle = { json = "vin" }"#,
        &[
            "routes/mobile.toml:8: `vehicle.json` wants a JSON pointer that starts with `/`, not `vin`",
        ],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        r#"vehicle = { json = "/a~2" }"#,
        &[
            "routes/mobile.toml:8: `vehicle.json` wants a JSON pointer where `~` is followed by `0` or `1`, not `/a~2`",
        ],
    ),
    (
        "vehicle = { form = \"VIN\" }\n",
        "",
        &["routes/mobile.toml:1: missing key `vehicle`"],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        "vehicle = \"none\"\nbecause = \"x\"",
        &[
            "routes/mobile.toml:11: quota `commands-per-vehicle` counts by `vehicle`, and this route has none",
        ],
    ),
    (
        r#"action = "StartClimate""#,
        "action = 5",
        &["routes/mobile.toml:7: `action` wants a string or a table, not `5`"],
    ),
    (
        "action = \"StartClimate\"\nvehicle",
        "because = \"no reason\"\naction = \"StartClimate\"\nvehicle",
        &[
            r#"routes/mobile.toml:7: `because` wants a `vehicle = "none"`, `identity = "none"` or `body = "opaque"` to give a reason for"#,
        ],
    ),
    (
        r#"action = { json = "/data/attributes/action", values"#,
        r#"action = { json = "/a", query = "b", values"#,
        &["routes/mobile.toml:28: `action` wants exactly one of `query`, `form` and `json`"],
    ),
    (
        r#"action = { json = "/data/attributes/action", values"#,
        "action = { values",
        &["routes/mobile.toml:28: `action` wants exactly one of `query`, `form` and `json`"],
    ),
    (
        r#"action = { json = "/data/attributes/action", values"#,
        r#"action = { jsn = "/a", values"#,
        &[
            "routes/mobile.toml:28: `action` wants exactly one of `query`, `form` and `json`",
            "routes/mobile.toml:28: unknown key `jsn`, did you mean `json`",
        ],
    ),
    (
        r#"values = { start = "StartCharging", stop = "StopCharging" }"#,
        "values = {}",
        &["routes/mobile.toml:28: `action.values` must not be empty"],
    ),
    (
        r#"methods = ["POST", "PUT"]"#,
        r#"methods = ["GET", "POST"]"#,
        &["routes/mobile.toml:28: `action.json` reads a body, and `GET` has none"],
    ),
    (
        r#"path = "/cars/{vin}/charge""#,
        r#"path = "/cars/{car}/charge""#,
        &["routes/mobile.toml:29: unknown path parameter `vin`, known is `car`"],
    ),
    (
        r#"path = "/cars/{vin}/charge""#,
        r#"path = "cars/{vin}/charge""#,
        &["routes/mobile.toml:27: `path` must start with `/`"],
    ),
    (
        r#"path = "/cars/{vin}/charge""#,
        r#"path = "/cars/x{vin}/charge""#,
        &[
            "routes/mobile.toml:27: `path` has `x{vin}`, where a parameter wants a segment of its own",
        ],
    ),
    (
        "where = { base =",
        "where = { bse =",
        &["routes/mobile.toml:6: unknown path parameter `bse`, did you mean `base`"],
    ),
    (
        r#"where = { base = ["api_v210707_NE", "api_v250205_NE"] }"#,
        "where = { base = [] }",
        &["routes/mobile.toml:6: `where.base` must not be empty"],
    ),
    (
        r#"where = { base = ["api_v210707_NE", "api_v250205_NE"] }"#,
        r#"where = { base = ["a/b", "c", "c"] }"#,
        &[
            "routes/mobile.toml:6: `where.base` has the same value twice: `c`",
            "routes/mobile.toml:6: `where.base` wants one segment of a path: `a/b`",
        ],
    ),
    (
        "body = \"opaque\"\nbecause = \"photographs\"",
        r#"body = "opaque""#,
        &[r#"routes/mobile.toml:39: `body = "opaque"` needs `because`"#],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        "vehicle = { form = \"VIN\" }\nbody = \"opaque\"\nbecause = \"x\"",
        &[
            r#"routes/mobile.toml:8: `vehicle.form` reads a body, and `body = "opaque"` is not read"#,
        ],
    ),
    (
        "vehicle = { path = \"vin\" }\nupstream",
        "vehicle = { form = \"vin\" }\nupstream",
        &["routes/mobile.toml:28: `vehicle.form` and `action.json` read one body in two formats"],
    ),
    (
        "upstream = \"telematics\"\nquotas",
        "upstream = \"telematic\"\nquotas",
        &["routes/mobile.toml:9: unknown upstream `telematic`, did you mean `telematics`"],
    ),
    (
        r#"quotas = ["commands-per-vehicle", "reads"]"#,
        r#"quotas = ["commands"]"#,
        &[
            "routes/mobile.toml:10: unknown quota `commands`, known are `commands-per-vehicle` and `reads`",
        ],
    ),
    (
        r#"quotas = ["commands-per-vehicle", "reads"]"#,
        r#"quotas = ["reads", "reads"]"#,
        &["routes/mobile.toml:10: `quotas` has the same value twice"],
    ),
    (
        "because = \"pictures and style sheets\"\n",
        "because = \"pictures and style sheets\"\nquotas = [\"commands-per-vehicle\", \"reads\"]\n",
        &[
            "routes/mobile.toml:21: quota `commands-per-vehicle` counts by `vehicle`, and this route has none",
            "routes/mobile.toml:21: quota `reads` counts by `principal`, and this route has none",
        ],
    ),
    (
        "[[route]]\nid = \"portal.static\"",
        "[[routes]]\nid = \"portal.static\"",
        &["routes/mobile.toml:12: unknown key `routes`, did you mean `route`"],
    ),
    (
        r#"id = "portal.static""#,
        r#"id = "portal.static"#,
        &[r#"routes/mobile.toml:13: not TOML: invalid basic string, expected `"`"#],
    ),
    (
        "id = \"portal.static\"\n",
        "",
        &["routes/mobile.toml:12: missing key `id`"],
    ),
    (
        "because = \"pictures and style sheets\"\n",
        "because = \"pictures and style sheets\"\n\
         retired = { announced = \"2026-06-01T00:00:00Z\", sunset = \"2026-06-01\", \
         because = \" \", successor = \"http://example/v2\" }\n",
        &[
            "routes/mobile.toml:21: `retired.because` must not be empty",
            "routes/mobile.toml:21: `retired.successor` wants an `https` URL, not `http://example/v2`",
            "routes/mobile.toml:21: `retired.sunset` wants a moment in UTC such as \
             `2026-06-01T00:00:00Z`, not `2026-06-01`",
        ],
    ),
    (
        "because = \"pictures and style sheets\"\n",
        "because = \"pictures and style sheets\"\n\
         retired = { announced = \"2026-06-01T00:00:00Z\", sunset = \"2026-06-01T00:00:00Z\", \
         because = \"old\", successor = \"https://example/<v2>\" }\n",
        &[
            "routes/mobile.toml:21: `retired.successor` wants an `https` URL, not \
             `https://example/<v2>`",
            "routes/mobile.toml:21: `retired` wants `announced` before `sunset`",
        ],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        r#"vehicle = { alias = { path = "id" } }"#,
        &["routes/mobile.toml:8: unknown path parameter `id`, known is `base`"],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        r#"vehicle = { case = { json = "case" } }"#,
        &[
            "routes/mobile.toml:8: `vehicle.case.json` wants a JSON pointer that starts with `/`, not `case`",
        ],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        r#"vehicle = { alias = { form = "id" }, form = "VIN" }"#,
        &[
            r#"routes/mobile.toml:8: `vehicle` wants exactly one of `alias`, `case`, `form`, `header`, `json`, `path` and `query`, not `{"alias":{"form":"id"},"form":"VIN"}`"#,
        ],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        r#"vehicle = { alias = "id" }"#,
        &["routes/mobile.toml:8: `vehicle.alias` wants a table, not `id`"],
    ),
    (
        r#"vehicle = { form = "VIN" }"#,
        "vehicle = { form = \"VIN\" }\nanswer = \"unguarded\"",
        &["routes/mobile.toml:9: the answer of a route that names a vehicle is always guarded"],
    ),
    (
        r#"because = "pictures and style sheets""#,
        "because = \"news\"\nanswer = \"none\"",
        &["routes/mobile.toml:21: `answer` wants `guarded` or `unguarded`, not `none`"],
    ),
    (
        r#"because = "pictures and style sheets""#,
        "because = \"news\"\nwebsocket = true\nanswer = \"guarded\"",
        &[
            "routes/mobile.toml:22: `answer = \"guarded\"` is nothing for a WebSocket: frames aren't read",
        ],
    ),
];
