//! How surely, and how lately, did they sign in?
//!
//! A token says what was done and when; what a policy gets is two words, resolved at the time of the
//! request. What a token doesn't say counts as weak and as long ago.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long a sign-in counts as fresh: as long as one sitting at the portal's settings takes.
pub const FRESH: Duration = Duration::from_secs(300);

/// How a principal signed in, as its token says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SignIn {
    /// Whether its `acr` is one that the configuration calls strong.
    pub strong: bool,
    /// `auth_time` (RFC 9068, 2.2.1), since the Unix epoch.
    pub at: Option<Duration>,
    /// Values of `acr` that the issuer's configuration calls strong, separated by spaces: what a
    /// challenge asks for (RFC 9470, 3).
    pub strong_acr: Arc<str>,
}

/// What is behind a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// A password, or nobody says what.
    #[default]
    Basic,
    /// More than a password.
    Strong,
}

/// How long ago a sign-in is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freshness {
    /// Longer than [`FRESH`], or nobody says when.
    #[default]
    Stale,
    /// Less than [`FRESH`].
    Fresh,
}

/// A sign-in at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Authentication {
    /// What is behind it.
    pub strength: Strength,
    /// How long ago it is.
    pub freshness: Freshness,
    /// Whether its token is bound to who sends it, which they proved.
    pub bound: bool,
}

impl Strength {
    /// Its word in a policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Strong => "strong",
        }
    }
}

impl Freshness {
    /// Its word in a policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Fresh => "fresh",
        }
    }
}

impl Authentication {
    /// The best there is, of a token that isn't bound: what somebody has who just stepped up.
    pub const STEPPED_UP: Self = Self {
        strength: Strength::Strong,
        freshness: Freshness::Fresh,
        bound: false,
    };
}

impl SignIn {
    /// What it is worth at `now`, since the Unix epoch.
    pub fn resolve(&self, now: Duration) -> Authentication {
        let fresh = self.at.is_some_and(|at| now.saturating_sub(at) < FRESH);
        Authentication {
            strength: if self.strong {
                Strength::Strong
            } else {
                Strength::Basic
            },
            freshness: if fresh {
                Freshness::Fresh
            } else {
                Freshness::Stale
            },
            bound: false, // not the sign-in's to say
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_is_fresh_for_five_minutes_and_never_by_default() {
        let at = |signed_in: Option<u64>, now| {
            let sign_in = SignIn {
                at: signed_in.map(Duration::from_secs),
                ..SignIn::default()
            };
            sign_in.resolve(Duration::from_secs(now)).freshness
        };
        for (signed_in, now, expected) in [
            (Some(1000), 1000, Freshness::Fresh),
            (Some(1000), 1299, Freshness::Fresh),
            (Some(1000), 1300, Freshness::Stale),
            (Some(1003), 1000, Freshness::Fresh), // clocks differ by seconds
            (None, 0, Freshness::Stale),
            (Some(0), 0, Freshness::Fresh),
        ] {
            assert_eq!(at(signed_in, now), expected, "{signed_in:?} at {now}");
        }
    }

    #[test]
    fn what_is_not_said_is_weak() {
        let weak = SignIn::default().resolve(Duration::MAX);
        assert_eq!(weak, Authentication::default());
        let strong = SignIn {
            strong: true,
            ..SignIn::default()
        };
        assert_eq!(strong.resolve(Duration::ZERO).strength, Strength::Strong);
    }
}
