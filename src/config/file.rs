//! What can be written in the configuration?
//!
//! The types are the file's shape: serde reads it, schemars prints it. Security settings have no
//! default; sizes and times have one, each with its reason beside it.

mod admin;
mod bundles;
mod certificates;
mod dpop;
mod fuses;
mod introspection;
mod issuer;
mod limits;
mod ownership;
mod ownership_lookups;
mod ownership_map;
mod redis;
mod result_keys;
mod switches;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::duration::Span;
use crate::config::schema;

pub use self::redis::{Redis, Sentinel};
pub use admin::{Admin, AdminTls, Members, Role, Roles};
pub use bundles::Bundles;
pub use certificates::{
    CertificateIssuer, CertificateName, CertificatePrincipal, ClientCertificates, Presence, around,
};
pub use dpop::{BoundTokens, Dpop, DpopNonce, ProofStore};
pub use fuses::{Fuse, FuseCode, FuseState};
pub use introspection::{Introspection, StatedAudience};
pub use issuer::{
    Algorithm, Issuer, KeyFetch, KeySource, PrincipalClaim, PrincipalKind, PrincipalSource,
};
pub use limits::{Door, Limits, Quota, QuotaKey, QuotaStore};
pub use ownership::{
    Absent, NotAsked, Ownership, OwnershipHttp, OwnershipKeep, OwnershipStore, ServiceBreaker,
    SubjectLookup, Subjects,
};
pub use ownership_lookups::{AliasVehicle, CaseVehicle, OwnershipLookups, SubjectVehicles};
pub use ownership_map::{
    CaseMap, ConsentMap, DriverMap, NotTold, Suspension, VehicleMap, WorkOrderMap,
};
pub use result_keys::{ResultKeyStore, ResultKeys};
pub use switches::{SwitchStore, Switches};

/// `vingate.toml`. Relative paths are relative to the file they stand in.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Globs of route files.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub routes: Vec<String>,
    /// Folder of the Cedar schema and policies, or a bundle of them.
    #[schemars(length(min = 1))]
    pub policies: PathBuf,
    /// Whose bundles are loaded, and where they are kept. Needed where `policies` is a bundle.
    pub bundles: Option<Bundles>,
    /// Data listeners by name.
    #[schemars(extend("minProperties" = 1))]
    pub listeners: BTreeMap<String, Listener>,
    /// The operators' entrance.
    pub admin: Admin,
    /// Liveness, readiness and metrics.
    pub ops: Option<Ops>,
    /// Entrances that can be closed one by one.
    pub surfaces: BTreeMap<String, Surface>,
    /// Regions that an entrance belongs to.
    #[serde(default)]
    pub regions: BTreeMap<String, Region>,
    /// Who may vouch for a principal.
    #[serde(default)]
    pub issuers: BTreeMap<String, Issuer>,
    /// Who may vouch for a client's certificate.
    #[serde(default)]
    pub certificates: BTreeMap<String, CertificateIssuer>,
    /// The servers behind.
    pub upstreams: BTreeMap<String, Upstream>,
    /// Lexical rules of the estate's VINs.
    pub vehicles: Vehicles,
    /// Where ownership facts live.
    pub ownership: Ownership,
    /// Quota policies by name; routes name the ones they charge.
    #[serde(default)]
    pub quotas: BTreeMap<String, Quota>,
    /// Limit by client address, before any look-up.
    #[serde(default)]
    pub door: Door,
    /// The signed word to the upstream.
    pub assertion: Option<Assertion>,
    /// The record of every request.
    pub audit: Audit,
    /// The durable switch board.
    pub switches: Switches,
    /// What a fleet shares.
    pub redis: Option<Redis>,
    /// Who was given which result key. Needed where a route has one.
    pub result_keys: Option<ResultKeys>,
    /// How clients prove that a token is theirs. Without it no token that is bound to a key is taken.
    pub dpop: Option<Dpop>,
    /// What may close by itself; nothing unless it stands here.
    #[serde(default)]
    pub fuses: BTreeMap<String, Fuse>,
    /// Sizes and times.
    #[serde(default)]
    pub limits: Limits,
}

/// A socket that serves requests.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Address and port; port 0 takes a free one and prints it.
    #[schemars(schema_with = "schema::socket_address")]
    pub address: SocketAddr,
    /// Certificate and key; without it the listener is plaintext.
    pub tls: Option<ListenerTls>,
    /// Needed in so many words for plaintext on anything but loopback.
    pub plaintext: Option<Plaintext>,
    /// Peers whose `Forwarded` and `X-Forwarded-For` are believed.
    #[serde(default)]
    #[schemars(schema_with = "schema::networks")]
    pub trusted_proxies: Vec<IpNet>,
}

/// The statement that makes plaintext acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Plaintext {
    /// Something in front of this listener terminates TLS and nothing else reaches it.
    BehindTlsTerminator,
}

/// Server certificates of a listener, PEM; read anew at SIGHUP.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// Chain, leaf first.
    #[schemars(length(min = 1))]
    pub certificate_file: PathBuf,
    /// PKCS #8, PKCS #1 or SEC 1 key.
    #[schemars(length(min = 1))]
    pub key_file: PathBuf,
    /// More pairs: the first whose certificate is for the name that a client asks for is shown (SNI).
    #[serde(default)]
    pub others: Vec<CertificatePair>,
    /// Which certificates clients are asked for; without it none.
    pub client_certificates: Option<ClientCertificates>,
}

/// A certificate for other names, PEM.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertificatePair {
    /// Chain, leaf first.
    #[schemars(length(min = 1))]
    pub certificate_file: PathBuf,
    /// PKCS #8, PKCS #1 or SEC 1 key.
    #[schemars(length(min = 1))]
    pub key_file: PathBuf,
}

/// The ops listener.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ops {
    /// Address and port; port 0 takes a free one and prints it.
    #[schemars(schema_with = "schema::socket_address")]
    pub address: SocketAddr,
}

/// An entrance: what operators close and reopen as one.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// Hosts that it is served on; empty means any.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub hosts: Vec<String>,
    /// Issuers whose tokens count here. These or `certificates` are needed when one of its routes asks
    /// for an identity.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub issuers: Vec<String>,
    /// Names of `[certificates.NAME]` whose principals count here.
    #[serde(default)]
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub certificates: Vec<String>,
    /// Whether tokens must be bound to who sends them.
    #[serde(default)]
    pub bound_tokens: BoundTokens,
    /// What holds at a start without a readable switch board.
    pub on_cold_start: ColdStart,
    /// How a denial is written.
    #[serde(default)]
    pub denial_format: DenialFormat,
    /// Closing it takes its name, typed, and a second person.
    #[serde(default)]
    pub protected: bool,
    /// Where a request tells its client's version. A request that doesn't tell counts as each
    /// version that is closed here.
    pub client_version: Option<ClientVersion>,
}

/// Where a request tells the version of its client. Nobody vouches for it: it can close, and lets
/// nobody in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClientVersion {
    /// Header field.
    Header(#[schemars(length(min = 1))] String),
    /// Path parameter.
    Path(#[schemars(length(min = 1))] String),
}

/// What tells that a request comes in at a region.
#[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Region {
    /// Names of listeners.
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub listeners: Vec<String>,
    /// Hosts; a host goes before the listener that it came in by.
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub hosts: Vec<String>,
}

/// State of a surface when no board can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ColdStart {
    /// Serve.
    Open,
    /// Answer `closed` until an operator opens it.
    Closed,
}

/// Format of a denial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DenialFormat {
    /// RFC 9457; browsers get a page.
    #[default]
    Problem,
    /// RFC 9457 with `ErrorCode` and `ErrorMessage`, which old clients need to stop.
    Carwings,
}

/// Servers that requests are forwarded to.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// `host:port` each; taken in turn.
    #[schemars(length(min = 1), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub addresses: Vec<String>,
    /// TLS towards it; without it the connection is plaintext.
    pub tls: Option<UpstreamTls>,
    /// Time for a connection, TLS included.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Span,
    /// Longest silence while an answer is awaited. Vehicles answer in minutes, and old clients
    /// wait 600 s.
    #[serde(default = "default_read_timeout")]
    pub read_timeout: Span,
}

fn default_connect_timeout() -> Span {
    Span::from_secs(5) // a server in the same site answers in milliseconds; 5 s is a lost SYN twice
}

fn default_read_timeout() -> Span {
    Span::from_secs(600) // old clients wait 600 s for a car
}

/// How an upstream's certificate is checked.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTls {
    /// Name that its certificate must carry; never empty.
    #[schemars(length(min = 1))]
    pub server_name: String,
    /// The authorities that may have signed it, PEM.
    #[schemars(length(min = 1))]
    pub ca_file: PathBuf,
}

/// Lexical rules of VINs (ISO 3779; 49 CFR 565.15).
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vehicles {
    /// Prefixes of the estate's VINs; the response guard looks for these. Empty: any VIN.
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub wmis: Vec<String>,
    /// Prefixes whose position 9 must be the check digit.
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub check_digit: Vec<String>,
    /// Parameter, header and member names that carry a VIN wherever they stand; compared without
    /// regard to case.
    #[serde(default = "default_vin_names")]
    #[schemars(inner(length(min = 1)), extend("uniqueItems" = true))]
    pub names: Vec<String>,
}

fn default_vin_names() -> Vec<String> {
    vec!["vin".to_owned(), "x-vin".to_owned()]
}

/// The signed word to the upstream.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// PKCS #8 PEM of a P-256 (ES256) or Ed25519 (`EdDSA`) key.
    #[schemars(length(min = 1))]
    pub key_file: PathBuf,
    /// `iss` of the assertion.
    #[schemars(length(min = 1))]
    pub issuer: String,
}

/// The record of every request.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// JSON lines, appended.
    #[schemars(length(min = 1))]
    pub file: PathBuf,
    /// At least 32 bytes; VINs and subjects in records are HMACs under it.
    #[schemars(length(min = 1))]
    pub pseudonym_key_file: PathBuf,
    /// What happens to requests while no record can be written.
    pub when_unavailable: AuditOutage,
}

/// What happens while no record can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuditOutage {
    /// Nothing is forwarded.
    Deny,
    /// Reads are forwarded and counted as unrecorded; commands are refused.
    AllowReads,
}
