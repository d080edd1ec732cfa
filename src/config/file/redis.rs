//! Where is Redis, and how is it spoken to?

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration::Span;

/// The Redis that a fleet shares: exactly one of `url`, `sentinel` and `cluster`.
///
/// A URL is `redis://host:port`, or `rediss://host:port` for TLS, and holds no password: it would
/// be printed with the rest of the configuration. The servers keep `maxmemory-policy noeviction`.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// One server.
    #[schemars(length(min = 1))]
    pub url: Option<String>,
    /// A master that Sentinels watch.
    pub sentinel: Option<Sentinel>,
    /// Some nodes of a cluster; the others are learnt from them.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub cluster: Option<Vec<String>>,
    /// What its keys start with; two fleets on one Redis need two names.
    #[serde(default = "default_name")]
    #[schemars(length(min = 1))]
    pub name: String,
    /// The authorities that may have signed its certificate, PEM; needed for `rediss://`.
    #[schemars(length(min = 1))]
    pub ca_file: Option<PathBuf>,
    /// ACL user; without it the default user.
    #[schemars(length(min = 1))]
    pub username: Option<String>,
    /// File with the password of that user.
    #[schemars(length(min = 1))]
    pub password_file: Option<PathBuf>,
    /// Time for an answer. One that carries the whole board may take ten times as long.
    #[serde(default = "default_timeout")]
    pub timeout: Span,
}

/// A master by its name, and the Sentinels that know where it is.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sentinel {
    /// The name that they watch it under.
    #[schemars(length(min = 1))]
    pub master: String,
    /// URLs of the Sentinels.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub nodes: Vec<String>,
    /// File with the Sentinels' own password, where they have one.
    #[schemars(length(min = 1))]
    pub password_file: Option<PathBuf>,
}

fn default_name() -> String {
    "vingate".to_owned()
}

fn default_timeout() -> Span {
    Span::from_millis(200) // a site answers in 1 ms; a closure is to be everywhere within 1 s
}
