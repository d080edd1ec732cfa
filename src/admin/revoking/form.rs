//! What do operators and the gateway say to each other about tokens?

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::revocations::{Kind, Reach, Version};

/// Which tokens, or certificates, of an issuer.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "names people")]
pub enum Which {
    /// Those with these `jti`.
    Tokens(Vec<String>),
    /// Those of these sessions, by `sid`, whenever they were issued.
    Sessions(Vec<String>),
    /// Those of these subjects.
    Subjects(Vec<String>),
    /// Those that these clients hold.
    Clients(Vec<String>),
    /// These certificates, by their SHA-256 in hexadecimal digits, and the tokens bound to them.
    Certificates(Vec<String>),
    /// All; the issuer's name is to be typed.
    All {
        /// The issuer's name once more.
        confirm: String,
    },
}

impl Which {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Tokens(_) => Kind::Token,
            Self::Sessions(_) => Kind::SessionId,
            Self::Subjects(_) => Kind::Subject,
            Self::Clients(_) => Kind::Client,
            Self::Certificates(_) => Kind::Certificate,
            Self::All { .. } => Kind::Issuer,
        }
    }

    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Tokens(names)
            | Self::Sessions(names)
            | Self::Subjects(names)
            | Self::Clients(names)
            | Self::Certificates(names) => names.iter().map(String::as_str).collect(),
            Self::All { .. } => vec![""],
        }
    }
}

/// Which tokens are taken back, and why.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "free text, and people")]
pub struct RevokeTokens {
    /// Name of the issuer in the configuration.
    pub issuer: String,
    /// Which of its tokens.
    pub which: Which,
    /// Those issued up to then (RFC 3339, not in the future), and within the issuer's clock skew after it; by
    /// default up to now. Tokens, sessions and certificates are taken back whenever they were issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_before: Option<String>,
    /// Private; required.
    pub reason: String,
}

/// Which tokens count again, as far as nothing else takes them back, and why.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(missing_debug_implementations, reason = "free text, and people")]
pub struct RestoreTokens {
    /// Name of the issuer in the configuration.
    pub issuer: String,
    /// Which of its tokens.
    pub which: Which,
    /// Private; required.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Revoked {
    /// How many names are revoked, or count again, that were not or didn't before.
    pub changed: usize,
    /// What every replica will have in force; of many names, the last. Marks and revisions.
    pub versions: BTreeMap<String, u64>,
    /// Why it would not outlive a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// Tokens that are taken back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct RevokedList {
    /// How many there are in all, those too that were restored and are not forgotten yet.
    pub count: usize,
    /// Whether all of them are on disk.
    pub durable: bool,
    /// The newest, those last.
    pub revocations: Vec<Revocation>,
}

/// A revocation, without naming anybody.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Revocation {
    /// What it is about.
    pub kind: Kind,
    /// Name of the issuer in the configuration.
    pub issuer: String,
    /// A client's name; of anything else its pseudonym, as records have it.
    pub about: String,
    /// `all`, `restored`, or up to when they were issued.
    pub refuses: String,
    /// When the last token that it can be about has ended.
    pub ends: String,
    /// Private.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// When.
    pub at: String,
}

impl Revocation {
    pub(super) fn of(version: Version) -> Self {
        let time = |seconds| clock::rfc3339(Duration::from_secs(seconds));
        Self {
            kind: version.told.kind,
            issuer: version.told.issuer,
            about: version.told.about,
            refuses: match version.reach {
                Reach::Restored => "restored".to_owned(),
                Reach::IssuedUntil(second) => time(second),
                Reach::Every => "all".to_owned(),
            },
            ends: time(version.ends),
            reason: version.told.reason,
            by: version.told.by,
            at: time(version.told.at),
        }
    }
}
