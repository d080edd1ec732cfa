//! Every mistake that `vingate.toml` can have by itself, one a row.

/// What is replaced, by what, and every mistake that follows.
pub(super) const ROWS: &[(&str, &str, &[&str])] = &[
    (
        "address = \"127.0.0.1:0\"\ntrusted",
        "adress = \"127.0.0.1:0\"\ntrusted",
        &[
            "vingate.toml:4: missing key `address`",
            "vingate.toml:5: unknown key `adress`, did you mean `address`",
        ],
    ),
    (
        "[ops]\n",
        "[opps]\n",
        &["vingate.toml:19: unknown key `opps`, did you mean `ops`"],
    ),
    (
        "protected = true",
        r#"colour = "red""#,
        &[
            "vingate.toml:30: unknown key `colour`, known are `hosts`, `issuers`, `certificates`, `bound_tokens`, `on_cold_start`, `denial_format`, `protected` and `client_version`",
        ],
    ),
    (
        "policies = \"policies\"\n",
        "",
        &["vingate.toml: missing key `policies`"],
    ),
    (
        "on_cold_start = \"open\"\n",
        "",
        &["vingate.toml:28: missing key `on_cold_start`"],
    ),
    (
        "socket = \"run/admin.sock\"\n",
        "",
        &["vingate.toml:16: missing key `socket`"],
    ),
    (
        r#"on_cold_start = "open""#,
        r#"on_cold_start = "opne""#,
        &["vingate.toml:29: `surfaces.portal.on_cold_start` wants `closed` or `open`, not `opne`"],
    ),
    (
        r#"on_cold_start = "open""#,
        "on_cold_start = 5",
        &["vingate.toml:29: `surfaces.portal.on_cold_start` wants `closed` or `open`, not `5`"],
    ),
    (
        r#"denial_format = "carwings""#,
        r#"denial_format = "html""#,
        &[
            "vingate.toml:26: `surfaces.mobile-v1.denial_format` wants `carwings` or `problem`, not `html`",
        ],
    ),
    (
        r#"plaintext = "behind-tls-terminator""#,
        "plaintext = true",
        &["vingate.toml:14: `listeners.inner.plaintext` wants `behind-tls-terminator`, not `true`"],
    ),
    (
        "plaintext = \"behind-tls-terminator\"\n",
        "",
        &[
            r#"vingate.toml:13: a listener without `tls` on `10.0.0.1:8080`, which is not loopback, needs `plaintext = "behind-tls-terminator"`"#,
        ],
    ),
    (
        "[listeners.public]\n",
        "[listeners.public]\nplaintext = \"behind-tls-terminator\"\n",
        &["vingate.toml:9: `plaintext` and `tls` exclude each other"],
    ),
    (
        r#"address = "0.0.0.0:8443""#,
        r#"address = "0.0.0.0""#,
        &[
            "vingate.toml:9: `listeners.public.address` wants an IP address with a port such as `127.0.0.1:8443`, not `0.0.0.0`",
        ],
    ),
    (
        r#"address = "0.0.0.0:8443""#,
        "address = 8443",
        &[
            "vingate.toml:9: `listeners.public.address` wants an IP address with a port such as `127.0.0.1:8443`, not `8443`",
        ],
    ),
    (
        r#""10.0.0.0/8""#,
        r#""10.0.0.0/33""#,
        &[
            "vingate.toml:6: `listeners.edge.trusted_proxies[0]` wants a network such as `10.0.0.0/8`, not `10.0.0.0/33`",
        ],
    ),
    (
        r#"window = "1d""#,
        r#"window = "1 fortnight""#,
        &[
            "vingate.toml:56: `quotas.commands-per-vehicle.window` wants a duration with units such as `30s` or `1d`, not `1 fortnight`",
        ],
    ),
    (
        r#"window = "1d""#,
        r#"window = "0s""#,
        &["vingate.toml:56: `quotas.commands-per-vehicle.window` must be above zero"],
    ),
    (
        r#"window = "1d""#,
        "window = 86400",
        &[
            "vingate.toml:56: `quotas.commands-per-vehicle.window` wants a duration with units such as `30s` or `1d`, not `86400`",
        ],
    ),
    (
        "quota = 30",
        "quota = 0",
        &["vingate.toml:55: `quotas.commands-per-vehicle.quota` wants at least `1`, not `0`"],
    ),
    (
        "quota = 30",
        "quota = 5000000000",
        &[
            "vingate.toml:55: `quotas.commands-per-vehicle.quota` wants at most `4294967295`, not `5000000000`",
        ],
    ),
    (
        "quota = 30",
        "quota = 99999999999999999999",
        &["vingate.toml:55: `99999999999999999999` is not a number of at most 64 bits"],
    ),
    (
        "quota = 30",
        r#"quota = "many""#,
        &["vingate.toml:55: `quotas.commands-per-vehicle.quota` wants a whole number, not `many`"],
    ),
    (
        "quota = 30",
        "quota = 30.0",
        &["vingate.toml:55: `30.0` is not a whole number"],
    ),
    (
        "quota = 30",
        "quota = 1.5",
        &["vingate.toml:55: `quotas.commands-per-vehicle.quota` wants a whole number, not `1.5`"],
    ),
    (
        r#"key = ["vehicle"]"#,
        "key = []",
        &["vingate.toml:57: `quotas.commands-per-vehicle.key` must not be empty"],
    ),
    (
        r#"key = ["vehicle"]"#,
        r#"key = ["vehicle", "vehicle"]"#,
        &["vingate.toml:57: `quotas.commands-per-vehicle.key` has the same value twice"],
    ),
    (
        r#"key = ["vehicle"]"#,
        r#"key = ["vehicel"]"#,
        &[
            "vingate.toml:57: `quotas.commands-per-vehicle.key[0]` wants `address`, `client`, `principal` or `vehicle`, not `vehicel`",
        ],
    ),
    (
        r#"algorithms = ["ES256", "RS256"]"#,
        r#"algorithms = ["none"]"#,
        &[
            "vingate.toml:35: `issuers.owners.algorithms[0]` wants `ES256`, `EdDSA`, `PS256` or `RS256`, not `none`",
        ],
    ),
    (
        r#"algorithms = ["ES256", "RS256"]"#,
        "algorithms = []",
        &["vingate.toml:35: `issuers.owners.algorithms` must not be empty"],
    ),
    (
        r#"audiences = ["telematics"]"#,
        "audiences = []",
        &["vingate.toml:34: `issuers.owners.audiences` must not be empty"],
    ),
    (
        r#"audiences = ["telematics"]"#,
        r#"audiences = "telematics""#,
        &["vingate.toml:34: `issuers.owners.audiences` wants a list, not `telematics`"],
    ),
    (
        r#"issuer = "https://id.example""#,
        "issuer = 2020-01-01",
        &["vingate.toml:33: `2020-01-01` is not a string: a date needs quotes here"],
    ),
    (
        r#"clock_skew = "0s""#,
        r#"clock_skew = "2m""#,
        &["vingate.toml:38: `issuers.owners.clock_skew` wants at most `60s`, not `2m`"],
    ),
    (
        r#"principal = "User""#,
        r#"principal = "user""#,
        &[
            "vingate.toml:37: `issuers.owners.principal` wants `Agent`, `Client`, `Technician`, `User`, `Vehicle` or a table, not `user`",
        ],
    ),
    (
        r#""tsp.internal:8443""#,
        r#""tsp.internal""#,
        &[
            "vingate.toml:42: `upstreams.telematics.addresses[1]` wants `host:port`, not `tsp.internal`",
        ],
    ),
    (
        r#""tsp.internal:8443""#,
        r#""tsp.internal:0""#,
        &[
            "vingate.toml:42: `upstreams.telematics.addresses[1]` wants `host:port`, not `tsp.internal:0`",
        ],
    ),
    (
        r#"server_name = "tsp.internal""#,
        r#"server_name = """#,
        &["vingate.toml:43: `upstreams.telematics.tls.server_name` must not be empty"],
    ),
    (
        r#"issuers = ["owners"]"#,
        r#"issuers = ["owner"]"#,
        &["vingate.toml:24: unknown issuer `owner`, did you mean `owners`"],
    ),
    (
        "issuers = [\"owners\"]\n",
        "",
        &[
            "vingate.toml:22: surface `mobile-v1` names no issuer and no certificates, and route `mobile-v1.climate-start` at routes/mobile.toml:1 needs an identity",
        ],
    ),
    (
        r#"hosts = ["mobile.example", "[::1]"]"#,
        r#"hosts = ["mobile.example:443"]"#,
        &[
            "vingate.toml:23: `surfaces.mobile-v1.hosts[0]` wants a host without port, not `mobile.example:443`",
        ],
    ),
    (
        "[surfaces.portal]",
        "[surfaces.Portal]",
        &[
            "routes/mobile.toml:14: unknown surface `portal`, did you mean `Portal`",
            "routes/mobile.toml:34: unknown surface `portal`, did you mean `Portal`",
            "vingate.toml:28: name `Portal` wants only `a-z`, `0-9`, `.` and `-`",
        ],
    ),
    (
        "judged_body_bytes = 65536",
        "judged_body_bytes = 65537",
        &["vingate.toml:79: `limits.judged_body_bytes` wants at most `65536`, not `65537`"],
    ),
    (
        "judged_body_bytes = 65536",
        r#"drain_timeout = "0s""#,
        &["vingate.toml:79: `limits.drain_timeout` must be above zero"],
    ),
    (
        "judged_body_bytes = 65536",
        r#"websocket_idle = "0s""#,
        &["vingate.toml:79: `limits.websocket_idle` must be above zero"],
    ),
    (
        r#""routes/*.toml""#,
        r#""routes/*.tml""#,
        &["vingate.toml:1: glob `routes/*.tml` matches no file"],
    ),
    (
        r#""routes/*.toml""#,
        r#""routes/***.toml""#,
        &[
            "vingate.toml:1: glob `routes/***.toml` is wrong: wildcards are either regular `*` or recursive `**`",
        ],
    ),
    (
        "[switches]\ndirectory",
        "[switches\ndirectory",
        &["vingate.toml:75: not TOML: unclosed table, expected `]`"],
    ),
    (
        r#"file = "ownership.redb""#,
        r#"file = """#,
        &["vingate.toml:52: `ownership.file` must not be empty"],
    ),
    (
        "[listeners.edge]\naddress = \"127.0.0.1:0\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1/128\"]\n\n[listeners.public]\naddress = \"0.0.0.0:8443\"\ntls = { certificate_file = \"edge.pem\", key_file = \"edge.key\" }\n\n[listeners.inner]\naddress = \"10.0.0.1:8080\"\nplaintext = \"behind-tls-terminator\"\n",
        "[listeners]\n",
        &["vingate.toml:4: `listeners` must not be empty"],
    ),
    (
        "[issuers.owners]",
        "[issuers.others]\nissuer = \"https://id.example\"\naudiences = [\"a\"]\nalgorithms = [\"ES256\"]\njwks_file = \"a\"\nmax_lifetime = \"1h\"\nprincipal = \"User\"\n\n[issuers.owners]",
        &[
            "vingate.toml:40: issuer `owners` is another issuer of `User` subjects, and ownership facts name subjects without their issuer: say `same_subjects_as`, or choose another kind",
            "vingate.toml:41: issuer `https://id.example` is configured at vingate.toml:33 too",
        ],
    ),
    (
        "[admin]\n",
        "[admin]\nsocket = \"twice\"\n",
        &["vingate.toml:18: not TOML: duplicate key"],
    ),
    (
        "[issuers.owners]",
        "[issuers.others]\nissuer = \"https://other.example\"\naudiences = [\"a\"]\nalgorithms = [\"ES256\"]\njwks_file = \"a\"\nmax_lifetime = \"1h\"\nprincipal = \"User\"\n\n[issuers.owners]",
        &[
            "vingate.toml:40: issuer `owners` is another issuer of `User` subjects, and ownership facts name subjects without their issuer: say `same_subjects_as`, or choose another kind",
        ],
    ),
    (
        "[issuers.owners]",
        "[issuers.others]\nissuer = \"https://other.example\"\naudiences = [\"a\"]\nalgorithms = [\"ES256\"]\njwks_file = \"a\"\nmax_lifetime = \"1h\"\nprincipal = \"User\"\nsame_subjects_as = \"nobody\"\n\n[issuers.owners]",
        &["vingate.toml:39: no issuer of `User` subjects is named `nobody`"],
    ),
    (
        r#"principal = "User""#,
        "principal = { claim = \"type\", values = {} }",
        &["vingate.toml:37: `issuers.owners.principal.values` must not be empty"],
    ),
    (
        r#"principal = "User""#,
        "principal = { claim = \"type\", values = { a = \"Person\" } }",
        &[
            "vingate.toml:37: `issuers.owners.principal.values.a` wants `Agent`, `Client`, `Technician`, `User` or `Vehicle`, not `Person`",
        ],
    ),
    (
        "[issuers.owners]",
        "[issuers.others]\nissuer = \"https://other.example\"\naudiences = [\"a\"]\nalgorithms = [\"ES256\"]\njwks_file = \"a\"\nmax_lifetime = \"1h\"\nprincipal = { claim = \"type\", values = { staff = \"Technician\", person = \"User\" } }\n\n[issuers.owners]",
        &[
            "vingate.toml:40: issuer `owners` is another issuer of `User` subjects, and ownership facts name subjects without their issuer: say `same_subjects_as`, or choose another kind",
        ],
    ),
    (
        "address = \"0.0.0.0:9443\"",
        "address = \"0.0.0.0:8443\"",
        &["vingate.toml:82: `admin.tls.address` is taken by `listeners.public.address`"],
    ),
    (
        "address = \"0.0.0.0:9443\"",
        "address = \"[::]:8080\"",
        &["vingate.toml:82: `admin.tls.address` is taken by `listeners.inner.address`"],
    ),
    (
        "url = \"https://gw1.internal:9443\"",
        "url = \"gw1.internal:9443\"",
        &[
            "vingate.toml:86: `admin.tls.url` wants a URL such as `https://gw1.internal:9443`, not `gw1.internal:9443`",
        ],
    ),
    (
        "client_ca_file = \"/etc/operators.pem\"\n",
        "",
        &["vingate.toml:81: missing key `client_ca_file`"],
    ),
    (
        "[admin.roles.operator]",
        "[admin.roles.operater]",
        &["vingate.toml:88: unknown key `operater`, did you mean `operator`"],
    ),
    (
        "users = [\"night\"]",
        "user = [\"night\"]",
        &["vingate.toml:89: unknown key `user`, did you mean `users`"],
    ),
    (
        "users = [\"night\"]",
        "users = [\"night\", \"\"]",
        &["vingate.toml:89: `admin.roles.operator.users[1]` must not be empty"],
    ),
];
