//! Every mistake that `[redis]` can have, one a row.

/// The one form of the three that a right configuration has here.
const SENTINEL: &str = r#"sentinel = { master = "fleet", nodes = ["rediss://10.2.0.1:26379", "rediss://[::1]:26379"] }"#;

/// What is replaced, by what, and every mistake that follows.
pub(super) const ROWS: &[(&str, &str, &[&str])] = &[
    (
        SENTINEL,
        "",
        &["vingate.toml:92: `redis` wants exactly one of `url`, `sentinel` and `cluster`"],
    ),
    (
        SENTINEL,
        "url = \"rediss://a:1\"\ncluster = [\"rediss://b:1\"]",
        &["vingate.toml:92: `redis` wants exactly one of `url`, `sentinel` and `cluster`"],
    ),
    (
        SENTINEL,
        "url = \"a:1\"",
        &[
            "vingate.toml:93: `redis.url` wants `redis://host:port` or `rediss://host:port`, not `a:1`",
        ],
    ),
    (
        SENTINEL,
        "url = \"rediss://a\"",
        &[
            "vingate.toml:93: `redis.url` wants `redis://host:port` or `rediss://host:port`, not `rediss://a`",
        ],
    ),
    (
        SENTINEL,
        "url = \"rediss://a:1/#insecure\"",
        &[
            "vingate.toml:93: `redis.url` wants `redis://host:port` or `rediss://host:port`, not `rediss://a:1/#insecure`",
        ],
    ),
    (
        SENTINEL,
        "url = \"rediss://me:hunter2@a:1\"",
        &[
            "vingate.toml:93: `redis.url` wants `redis://host:port` or `rediss://host:port`; user and password go to `redis.username` and `redis.password_file`",
        ],
    ),
    (
        SENTINEL,
        "cluster = \"rediss://me:hunter2@a:1\"",
        &["vingate.toml:93: `redis.cluster` wants a list, not `rediss://***@a:1`"],
    ),
    (
        SENTINEL,
        "cluster = []",
        &["vingate.toml:93: `redis.cluster` must not be empty"],
    ),
    (
        SENTINEL,
        "cluster = [\"rediss://a:1\", \"redis://b:1\"]",
        &["vingate.toml:95: `redis` wants `rediss://` for all its servers, or for none"],
    ),
    (
        SENTINEL,
        "url = \"redis://a:1\"",
        &["vingate.toml:95: `redis.ca_file` needs `rediss://`"],
    ),
    (
        "ca_file = \"redis-ca.pem\"\n",
        "",
        &["vingate.toml:92: `rediss://` needs `redis.ca_file`"],
    ),
    (
        "\"rediss://[::1]:26379\"",
        "\"rediss://10.2.0.1:26379\"",
        &["vingate.toml:93: `redis.sentinel.nodes` has the same value twice"],
    ),
    (
        "master = \"fleet\", ",
        "",
        &["vingate.toml:93: missing key `master`"],
    ),
    (
        "name = \"leaf\"",
        "name = \"a}b\"",
        &["vingate.toml:94: name `a}b` wants only `a-z`, `0-9`, `.` and `-`"],
    ),
    (
        "name = \"leaf\"",
        "name = \"\"",
        &["vingate.toml:94: `redis.name` must not be empty"],
    ),
    (
        "password_file = \"redis.password\"\n",
        "",
        &["vingate.toml:96: `redis.username` needs `redis.password_file`"],
    ),
    (
        "password_file = \"redis.password\"",
        "password = \"hunter2\"",
        &[
            "vingate.toml:96: `redis.username` needs `redis.password_file`",
            "vingate.toml:97: unknown key `password`, known are `url`, `sentinel`, `cluster`, `name`, `ca_file`, `username`, `password_file` and `timeout`",
        ],
    ),
    (
        "timeout = \"100ms\"",
        "timeout = \"0s\"",
        &["vingate.toml:98: `redis.timeout` must be above zero"],
    ),
    (
        "timeout = \"100ms\"",
        "timeout = \"1m\"",
        &["vingate.toml:98: `redis.timeout` wants at most `5s`, not `1m`"],
    ),
    (
        "timeout = \"100ms\"",
        "timeout = 100",
        &[
            "vingate.toml:98: `redis.timeout` wants a duration with units such as `30s` or `1d`, not `100`",
        ],
    ),
];
