//! What can be written about clients' certificates?

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::file::PrincipalKind;

/// What a listener asks its clients for in the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificates {
    /// Names of `[certificates.NAME]`: any of them may vouch for a client's certificate here.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub accepted: Vec<String>,
    /// Whether a client may come without one.
    pub presence: Presence,
}

/// Whether a client may come without a certificate. There is no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// No handshake without one.
    Required,
    /// Who has none comes in without, and is nobody by it.
    Optional,
}

/// Who vouches for certificates, and whom they name. All files are PEM, read anew at SIGHUP.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificateIssuer {
    /// The authorities. They count for this table alone.
    #[schemars(length(min = 1))]
    pub authorities_file: PathBuf,
    /// Revocation lists (RFC 5280, 5), for every authority and every intermediate one. An empty list
    /// says in so many words that nothing is ever revoked.
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub crl_files: Vec<PathBuf>,
    /// Whom a certificate names. Without it nobody: it is the proof of a token that is bound to it
    /// (RFC 8705, 3), and nothing else.
    pub principal: Option<CertificatePrincipal>,
}

/// Whom certificates name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificatePrincipal {
    /// Cedar type of all of them.
    pub kind: PrincipalKind,
    /// Where the name stands.
    pub name: CertificateName,
    /// Scopes that each of them has, as a token's `scope` would give them.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub scopes: Vec<String>,
    /// States that these subjects are those of another issuer of the same type, name for name.
    pub same_subjects_as: Option<String>,
}

/// Where in a certificate the name stands, and how it is written: `{vin}` of a vehicle, `{subject}` of
/// anything else, once, with what stands before and after it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum CertificateName {
    /// A URI among the alternative names (RFC 5280, 4.2.1.6), compared exactly.
    Uri(#[schemars(length(min = 1))] String),
    /// A DNS name among them, compared without regard to case.
    Dns(#[schemars(length(min = 1))] String),
    /// The common name of the subject, of which there must be one.
    CommonName(#[schemars(length(min = 1))] String),
}

/// Where a vehicle's VIN stands in a pattern.
const VIN: &str = "{vin}";

/// Where another subject's name stands in it.
const SUBJECT: &str = "{subject}";

impl CertificateName {
    /// As written.
    pub fn pattern(&self) -> &str {
        match self {
            Self::Uri(pattern) | Self::Dns(pattern) | Self::CommonName(pattern) => pattern,
        }
    }
}

/// What stands before and after the name in a pattern, if the name stands there once and in the form that
/// its kind wants.
pub fn around<'a>(kind: &str, pattern: &'a str) -> Option<(&'a str, &'a str)> {
    let wanted = if kind == "Vehicle" { VIN } else { SUBJECT };
    let (before, after) = pattern.split_once(wanted)?;
    let plain = |text: &str| !text.contains(['{', '}', '*']);
    (plain(before) && plain(after)).then_some((before, after))
}
