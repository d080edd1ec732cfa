//! Every mistake that `--set` can have, one a row.

/// The override, and every mistake that follows.
pub(super) const ROWS: &[(&str, &[&str])] = &[
    (
        "listeners.edge.adress=127.0.0.1:0",
        &["--set listeners.edge.adress: unknown key `adress`, did you mean `address`"],
    ),
    (
        "listeners.edge.address=nowhere",
        &[
            "--set listeners.edge.address: `listeners.edge.address` wants an IP address with a port such as `127.0.0.1:8443`, not `nowhere`",
        ],
    ),
    (
        "listeners.new.address=127.0.0.1:0\nx",
        &[
            "--set listeners.new.address: `listeners.new.address` wants an IP address with a port such as `127.0.0.1:8443`, not `127.0.0.1:0\\nx`",
        ],
    ),
    (
        "listeners.new.tls.key_file=x",
        &[
            "--set listeners.new.tls.key_file: missing key `address`",
            "--set listeners.new.tls.key_file: missing key `certificate_file`",
        ],
    ),
    (
        "admin.socket.x=1",
        &["--set admin.socket.x: `admin.socket` is not a table"],
    ),
    ("admin.socket", &["--set admin.socket: wanted `key=value`"]),
    (
        "admin..socket=x",
        &["--set admin..socket: is not a dotted key such as `admin.socket`"],
    ),
    (
        "=x",
        &["--set : is not a dotted key such as `admin.socket`"],
    ),
    (
        "limits.drain_timeout=5",
        &[
            "--set limits.drain_timeout: `limits.drain_timeout` wants a duration with units such as `30s` or `1d`, not `5`",
        ],
    ),
    (
        "door.burst=lots",
        &["--set door.burst: `door.burst` wants a whole number, not `lots`"],
    ),
    (
        "door.burst=0",
        &["--set door.burst: `door.burst` wants at least `1`, not `0`"],
    ),
    (
        "surfaces.Portal.on_cold_start=open",
        &[
            "--set surfaces.Portal.on_cold_start: name `Portal` wants only `a-z`, `0-9`, `.` and `-`",
        ],
    ),
    (
        "issuers.owners.audiences=[]",
        &["--set issuers.owners.audiences: `issuers.owners.audiences` must not be empty"],
    ),
    (
        r#"routes=["nowhere/*.toml"]"#,
        &["--set routes: glob `nowhere/*.toml` matches no file"],
    ),
    (
        r#"upstreams.telematics.addresses=["a:1", "b"]"#,
        &[
            "--set upstreams.telematics.addresses: `upstreams.telematics.addresses[1]` wants `host:port`, not `b`",
        ],
    ),
    (
        "switches.store=redis",
        &["--set switches.store: `switches.store` needs `switches.fleet_key_file`"],
    ),
    (
        "colour=red",
        &[
            "--set colour: unknown key `colour`, known are `routes`, `policies`, `bundles`, `listeners`, `admin`, `ops`, `surfaces`, `regions`, `issuers`, `certificates`, `upstreams`, `vehicles`, `ownership`, `quotas`, `door`, `assertion`, `audit`, `switches`, `redis`, `result_keys`, `dpop`, `fuses` and `limits`",
        ],
    ),
    (
        r#"surfaces.mobile-v1.issuers=["owner"]"#,
        &["--set surfaces.mobile-v1.issuers: unknown issuer `owner`, did you mean `owners`"],
    ),
    (
        "listeners.edge.address=192.0.2.1:80",
        &[
            r#"--set listeners.edge.address: a listener without `tls` on `192.0.2.1:80`, which is not loopback, needs `plaintext = "behind-tls-terminator"`"#,
        ],
    ),
    (
        "quotas.reads.window=1 fortnight",
        &[
            "--set quotas.reads.window: `quotas.reads.window` wants a duration with units such as `30s` or `1d`, not `1 fortnight`",
        ],
    ),
    (
        "policies=",
        &["--set policies: `policies` must not be empty"],
    ),
];
