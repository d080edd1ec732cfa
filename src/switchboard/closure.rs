//! What is a closure, and which of two versions of it counts?

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use ring::hmac;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::switchboard::scope::Scope;

/// Texts by language tag (RFC 5646), such as `en` and `de`.
pub type Texts = BTreeMap<String, String>;

/// One closure, as of its last change. It stays on the board when it has ended, so that no older
/// version of it comes back.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Closure {
    /// Never used again.
    pub id: String,
    /// Of the change that made it what it is; rises over the whole fleet.
    pub revision: u64,
    /// What it covers; never changes.
    pub scope: Scope,
    /// What it does to that.
    pub state: State,
    /// Private; required.
    pub reason: String,
    /// Public texts.
    #[serde(default, skip_serializing_if = "is_wordless")]
    pub texts: Arc<Texts>,
    /// What another surface tells its users meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Arc<Notice>>,
    /// Ticket of the incident.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Team that owns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who closed it; where a second person had to say yes, who asked for it.
    pub closed_by: String,
    /// Who said yes, where a second person had to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Seconds since the Unix epoch.
    pub closed_at: u64,
    /// Seconds since the Unix epoch; `None` for what ends only by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// What happens then.
    #[serde(default)]
    pub at_expiry: AtExpiry,
    /// What becomes of requests in flight.
    #[serde(default)]
    pub drain: Drain,
    /// The last change: what it was, who made it, when.
    pub change: Change,
    /// Who may yet make it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// What the last change changed, for `undo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Before>,
}

fn is_wordless(texts: &Arc<Texts>) -> bool {
    texts.is_empty()
}

/// What a closure does to what it covers.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum State {
    /// Nothing: it has ended, or waits for a second person.
    Open,
    /// Refuses commands.
    ReadOnly,
    /// Lets in more and more.
    Restoring(Ramp),
    /// Refuses everything.
    Closed,
}

/// How a request is refused.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Shut {
    /// Commands only.
    ReadOnly,
    /// Everything.
    Closed,
}

/// How far a closure has been taken back.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ramp {
    /// What holds for those who are not let in yet.
    pub from: Shut,
    /// Who is let in.
    pub stage: Share,
    /// Since when that stage holds, in seconds since the Unix epoch.
    pub since: u64,
    /// Seconds a stage; `None`: each is taken by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// `ISSUER/SUBJECT`s that are let in first and at every stage.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub testers: BTreeSet<String>,
    /// Hex; key of the hash that draws subjects, so that each ramp draws others.
    pub draw: String,
}

/// Stages of a ramp.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
pub enum Share {
    /// Testers only.
    #[serde(rename = "testers")]
    Testers,
    /// 1 % of subjects.
    #[serde(rename = "1%")]
    One,
    /// 10 % of subjects.
    #[serde(rename = "10%")]
    Ten,
    /// 50 % of subjects.
    #[serde(rename = "50%")]
    Fifty,
    /// Everybody.
    #[serde(rename = "100%")]
    All,
}

impl Share {
    /// Hundredths of all subjects.
    pub fn percent(self) -> u64 {
        match self {
            Self::Testers => 0,
            Self::One => 1,
            Self::Ten => 10,
            Self::Fifty => 50,
            Self::All => 100,
        }
    }

    /// The one after it; `None` after the last.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Testers => Some(Self::One),
            Self::One => Some(Self::Ten),
            Self::Ten => Some(Self::Fifty),
            Self::Fifty => Some(Self::All),
            Self::All => None,
        }
    }
}

impl Ramp {
    /// Whether a verified subject is let in at this stage. Who is in at one stage is in at the next.
    pub fn admits(&self, issuer: &str, subject: &str) -> bool {
        let percent = self.stage.percent();
        percent >= 100 || self.is_tester(issuer, subject) || self.lot(issuer, subject) < percent
    }

    fn is_tester(&self, issuer: &str, subject: &str) -> bool {
        !self.testers.is_empty() && self.testers.contains(&format!("{issuer}/{subject}"))
    }

    /// Evenly spread over 0 to 99, and always the same for one subject of one ramp.
    fn lot(&self, issuer: &str, subject: &str) -> u64 {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.draw.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(issuer.as_bytes());
        context.update(&[0]); // in no issuer's name
        context.update(subject.as_bytes());
        let drawn = crate::digest::short(&crate::digest::whole(context.sign().as_ref()));
        let lot = u128::from(drawn).wrapping_mul(100) >> u64::BITS;
        u64::try_from(lot).unwrap_or(99)
    }
}

/// What another surface tells its users.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The surface that stays open.
    pub surface: String,
    /// One line each.
    pub texts: Texts,
}

/// What happens when a closure's time is over.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum AtExpiry {
    /// It stays, and operators are warned.
    #[default]
    Hold,
    /// It begins to restore.
    Restore,
}

/// What becomes of requests that are being served when it closes.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Drain {
    /// Reads have 10 s, commands the time-out of their upstream.
    #[default]
    Gentle,
    /// All are cut.
    Now,
}

/// One change of a closure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What was done.
    pub what: What,
    /// Who did it; `vingate` for what happened by itself.
    pub by: String,
    /// Who asked for it, where a second person had to say yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// Seconds since the Unix epoch.
    pub at: u64,
    /// Whether somebody went ahead alone where two were needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub break_glass: bool,
}

/// Kinds of change.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum What {
    Close,
    ReadOnly,
    Extend,
    Restore,
    Open,
    Undo,
    /// Asked for, and waiting for a second person.
    Ask,
    /// What was asked for is no longer to be approved.
    Lapse,
    /// A ramp went one stage on by itself.
    Advance,
}

/// A change that waits for a second person.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pending {
    /// What it would be.
    pub state: State,
    /// As which change.
    pub what: What,
    /// The end that it would have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
    /// Who asked; never who approves.
    pub asked_by: String,
    /// Until when it can be approved, in seconds since the Unix epoch.
    pub until: u64,
}

/// What a closure was before its last change.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// What it did.
    pub state: State,
    /// When it would have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

impl Closure {
    /// Whether it refuses anything.
    pub fn is_in_force(&self) -> bool {
        self.state != State::Open
    }

    /// Whether it is over since before `since` (seconds since the Unix epoch), and asked for by nobody.
    pub(super) fn ended_before(&self, since: u64) -> bool {
        !self.is_in_force() && self.pending.is_none() && self.change.at < since
    }

    /// Which of two versions of one closure counts: the newer one; of two that claim the same
    /// revision the more restrictive one; and then any, but always the same one. A total order, so
    /// the greatest of any set is the same in whatever order they come.
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.revision
            .cmp(&other.revision)
            .then_with(|| self.state.severity().cmp(&other.state.severity()))
            .then_with(|| self.cmp(other))
    }
}

impl State {
    /// How much it refuses: more is higher. Of ramps the earlier stage refuses more.
    pub fn severity(&self) -> (u8, Reverse<Option<Share>>) {
        let (rank, stage) = match self {
            Self::Open => (0, None),
            Self::Restoring(ramp) if ramp.from == Shut::ReadOnly => (1, Some(ramp.stage)),
            Self::ReadOnly => (2, None),
            Self::Restoring(ramp) => (3, Some(ramp.stage)),
            Self::Closed => (4, None),
        };
        (rank, Reverse(stage))
    }

    /// The state in one word or two.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::ReadOnly => "read-only",
            Self::Restoring(_) => "restoring",
            Self::Closed => "closed",
        }
    }

    /// How it refuses what it refuses; `None` if nothing.
    pub fn shut(&self) -> Option<Shut> {
        match self {
            Self::Open => None,
            Self::ReadOnly => Some(Shut::ReadOnly),
            Self::Restoring(ramp) => Some(ramp.from),
            Self::Closed => Some(Shut::Closed),
        }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // testers are persons
            Self::Restoring(ramp) => write!(out, "restoring({:?})", ramp.stage),
            Self::Open | Self::ReadOnly | Self::Closed => out.write_str(self.word()),
        }
    }
}

impl fmt::Debug for Ramp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Ramp")
            .field("from", &self.from)
            .field("stage", &self.stage)
            .finish_non_exhaustive() // testers are persons
    }
}

impl fmt::Debug for Closure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // reason and texts are free, and an operator may well write a VIN there
        out.debug_struct("Closure")
            .field("id", &self.id)
            .field("revision", &self.revision)
            .field("scope", &self.scope)
            .field("state", &self.state)
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Pending({:?} by {})", self.what, self.asked_by)
    }
}

impl fmt::Debug for Before {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Before({:?})", self.state)
    }
}
