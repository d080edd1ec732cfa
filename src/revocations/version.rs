//! What does a revocation say, and which of two versions of it counts?
//!
//! A later version counts, and never takes less back than one that was made without knowing of it: only
//! a restoration does, and it says so.

use serde::{Deserialize, Serialize};

use super::mark::{Kind, Mark};

/// Which of the tokens that a mark stands for are refused; later ones are more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// None any more.
    Restored,
    /// Those issued up to this second of the Unix epoch, itself included.
    IssuedUntil(u64),
    /// All, whenever they were issued.
    Every,
}

/// One version of a revocation, as it lies on disk and travels.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// What it is about.
    pub mark: Mark,
    /// Rises with every version of any revocation, as far as its author knew.
    pub revision: u64,
    /// What is refused.
    pub reach: Reach,
    /// When the last token that it can be about has ended: seconds since the Unix epoch.
    pub ends: u64,
    /// For people.
    pub told: Told,
}

/// What people are told of a revocation; nothing is decided by it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// What kind of thing it is about.
    pub kind: Kind,
    /// Name of the issuer in the configuration.
    pub issuer: String,
    /// The client's name; of anything else its pseudonym, as records have it.
    pub about: String,
    /// Private.
    pub reason: String,
    /// Who did it.
    pub by: String,
    /// When, in seconds since the Unix epoch.
    pub at: u64,
}

/// What is held of a version to judge by. A million of them are to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) revision: u64,
    /// [`Reach`], as a number that is as large: 0 for none, all bits for all.
    reach: u64,
    pub(super) ends: u64,
}

impl Held {
    pub(super) fn of(version: &Version) -> Self {
        Self {
            revision: version.revision,
            reach: match version.reach {
                Reach::Restored => 0,
                Reach::IssuedUntil(second) => second.clamp(1, u64::MAX.saturating_sub(1)),
                Reach::Every => u64::MAX,
            },
            ends: version.ends,
        }
    }

    pub(super) fn reach(self) -> Reach {
        match self.reach {
            0 => Reach::Restored,
            u64::MAX => Reach::Every,
            second => Reach::IssuedUntil(second),
        }
    }

    /// Whether it refuses a token that was issued in this second.
    pub(super) fn refuses(self, issued_at: u64) -> bool {
        self.reach != 0 && issued_at <= self.reach
    }

    /// What counts when both are known, whichever came first.
    pub(super) fn merge(self, other: Self) -> Self {
        // of two that were made at once, by who didn't know of each other, the one that refuses more
        let is_newer = (self.revision, self.reach) >= (other.revision, other.reach);
        let (newer, older) = if is_newer {
            (self, other)
        } else {
            (other, self)
        };
        Self {
            revision: newer.revision,
            reach: match newer.reach {
                0 => 0,
                reach => reach.max(older.reach),
            },
            ends: newer.ends.max(older.ends),
        }
    }

    /// Whether it refuses what the other doesn't.
    pub(super) fn refuses_more_than(self, other: Option<Self>) -> bool {
        self.reach > other.map_or(0, |other| other.reach)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(revision: u64, reach: Reach, ends: u64) -> Held {
        Held::of(&Version {
            mark: Mark::default(),
            revision,
            reach,
            ends,
            told: Told {
                kind: Kind::Token,
                issuer: String::new(),
                about: String::new(),
                reason: String::new(),
                by: String::new(),
                at: 0,
            },
        })
    }

    #[test]
    fn it_refuses_what_was_issued_up_to_its_second() {
        let until = held(1, Reach::IssuedUntil(100), 0);
        assert!(until.refuses(0) && until.refuses(100) && !until.refuses(101));
        let every = held(1, Reach::Every, 0);
        assert!(every.refuses(0) && every.refuses(u64::MAX));
        let none = held(1, Reach::Restored, 0);
        assert!(!none.refuses(0) && !none.refuses(u64::MAX));
        // a second that no token has: as much as the least there is, and never all
        assert!(held(1, Reach::IssuedUntil(0), 0).refuses(0));
        assert!(held(1, Reach::IssuedUntil(u64::MAX), 0).reach() != Reach::Every);
    }

    #[test]
    fn only_a_later_restoration_takes_less_back() {
        let table = [
            (
                (1, Reach::IssuedUntil(200)),
                (2, Reach::IssuedUntil(150)),
                Reach::IssuedUntil(200),
            ),
            (
                (1, Reach::Every),
                (2, Reach::IssuedUntil(150)),
                Reach::Every,
            ),
            ((1, Reach::Every), (2, Reach::Restored), Reach::Restored),
            ((2, Reach::Every), (1, Reach::Restored), Reach::Every),
            ((2, Reach::Every), (2, Reach::Restored), Reach::Every),
            (
                (1, Reach::Restored),
                (2, Reach::IssuedUntil(9)),
                Reach::IssuedUntil(9),
            ),
        ];
        for ((revision, reach), (other, another), expected) in table {
            let (one, two) = (held(revision, reach, 5), held(other, another, 7));
            let merged = one.merge(two);
            assert_eq!(merged.reach(), expected, "{one:?} {two:?}");
            assert_eq!(
                (merged.ends, merged),
                (7, two.merge(one)),
                "{one:?} {two:?}"
            );
        }
    }

    fn any_held() -> impl Strategy<Value = Held> {
        let reach = prop_oneof![
            Just(Reach::Restored),
            (1_u64..4).prop_map(Reach::IssuedUntil),
            Just(Reach::Every)
        ];
        (1_u64..4, reach, 0_u64..3).prop_map(|(revision, reach, ends)| held(revision, reach, ends))
    }

    proptest! {
        // Two replicas that hear the same in any order hold the same.
        #[test]
        fn order_makes_no_difference(one in any_held(), other in any_held()) {
            prop_assert_eq!(one.merge(other), other.merge(one));
            prop_assert_eq!(one.merge(one), one);
            prop_assert_eq!(one.merge(other).merge(other), one.merge(other));
        }
    }
}
