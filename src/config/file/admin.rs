//! How do operators come in, and who of them may do what?

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::schema;

/// The operators' entrances: a Unix socket, and a TLS address for client certificates.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Path of the socket; created with mode 0600.
    #[schemars(length(min = 1))]
    pub socket: PathBuf,
    /// Unix group that may connect to the socket: its mode is then 0660. What a member may do is
    /// said by `roles` alone.
    #[schemars(length(min = 1))]
    pub group: Option<String>,
    /// One operator is all there is: what takes a second person takes the typed name only.
    #[serde(default)]
    pub single_person: bool,
    /// The entrance over the network.
    pub tls: Option<AdminTls>,
    /// Who has which role. Root and the gateway's own user have every one.
    #[serde(default)]
    pub roles: Roles,
}

/// An address where operators show a certificate. TLS 1.3 only; without a certificate nobody gets in.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminTls {
    /// Address and port; port 0 takes a free one and prints it. Never one of a data listener.
    #[schemars(schema_with = "schema::socket_address")]
    pub address: SocketAddr,
    /// Chain, leaf first, PEM.
    #[schemars(length(min = 1))]
    pub certificate_file: PathBuf,
    /// PKCS #8, PKCS #1 or SEC 1 key, PEM.
    #[schemars(length(min = 1))]
    pub key_file: PathBuf,
    /// The authorities that sign operators' certificates, PEM.
    #[schemars(length(min = 1))]
    pub client_ca_file: PathBuf,
    /// How others reach it, such as `https://gw1.internal:9443`.
    #[schemars(length(min = 1))]
    pub url: Option<String>,
}

/// A role and who has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Roles {
    /// Sees what is closed, and what a closure would hit.
    pub viewer: Members,
    /// Closes and reopens.
    pub operator: Members,
    /// Is a second person.
    pub approver: Members,
    /// Sees who did what, and verifies that no line is missing.
    pub auditor: Members,
}

impl Roles {
    /// Every role with its members.
    pub fn all(&self) -> [(Role, &Members); 4] {
        [
            (Role::Viewer, &self.viewer),
            (Role::Operator, &self.operator),
            (Role::Approver, &self.approver),
            (Role::Auditor, &self.auditor),
        ]
    }
}

/// Who has a role: any of these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Members {
    /// Unix users by name.
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub users: Vec<String>,
    /// Unix groups by name, a user's primary one and the others.
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub groups: Vec<String>,
    /// What stands in a client certificate: a URI, e-mail address or DNS name, or the common name
    /// of one that has none of these.
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub certificates: Vec<String>,
}

/// What a person is to the gateway.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "`Roles` says it")]
pub enum Role {
    Viewer,
    Operator,
    Approver,
    Auditor,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Operator, Self::Approver, Self::Auditor];

    /// Its name in the configuration and in policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::Auditor => "auditor",
        }
    }
}
