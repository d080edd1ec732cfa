//! By which keys are records sorted on their way to a store, or from it?

use crate::pipeline::vehicle::Vin;

/// What a key is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Vehicle,
    Subject,
    Alias,
    /// Whom or what a vehicle's record names, and the vehicle.
    Index,
}

impl Kind {
    /// In the order in which they are written.
    fn byte(self) -> u8 {
        match self {
            Self::Vehicle => 0,
            Self::Subject => 1,
            Self::Alias => 2,
            Self::Index => 3,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        let all = [Self::Vehicle, Self::Subject, Self::Alias, Self::Index];
        all.into_iter().find(|kind| kind.byte() == byte)
    }

    /// How a line names it, and what it is.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Vehicle | Self::Index => ("VIN", "vehicle"),
            Self::Subject => ("subject", "subject"),
            Self::Alias => ("alias", "alias"),
        }
    }
}

/// Between two names of a key: no name has a control character, so keys are in the order of their
/// first names and then of the second ones.
const BETWEEN: u8 = 0;

/// Characters of a VIN.
const VIN: usize = 17;

/// A record as a store takes it; an empty value removes what is there.
pub(crate) struct Row<'a> {
    pub(crate) kind: Kind,
    pub(super) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl<'a> Row<'a> {
    pub(super) fn read(key: &'a [u8], value: &'a [u8]) -> Option<Self> {
        let (&kind, key) = key.split_first()?;
        let kind = Kind::of(kind)?;
        Some(Self { kind, key, value })
    }

    /// A vehicle's.
    pub(crate) fn vin(&self) -> &'a [u8] {
        self.key
    }

    /// What an index finds a vehicle by, and the vehicle's VIN.
    pub(crate) fn indexed(&self) -> Option<(u8, &'a str, &'a [u8])> {
        let (&letter, rest) = self.key.split_first()?;
        let (name, vin) = rest.split_at_checked(rest.len().checked_sub(VIN)?)?;
        let name = name.strip_suffix(&[BETWEEN])?;
        Some((letter, std::str::from_utf8(name).ok()?, vin))
    }

    /// The two names of a subject or an alias.
    pub(crate) fn names(&self) -> Option<(&'a str, &'a str)> {
        let mut names = self.key.splitn(2, |byte| *byte == BETWEEN);
        let (first, second) = (names.next()?, names.next()?);
        let read = |name| std::str::from_utf8(name).ok();
        Some((read(first)?, read(second)?))
    }
}

/// Writes a key of one name, or of two.
pub(super) fn name(key: &mut Vec<u8>, kind: Kind, first: &str, second: Option<&str>) {
    key.clear();
    key.push(kind.byte());
    key.extend_from_slice(first.as_bytes());
    if let Some(second) = second {
        key.push(BETWEEN);
        key.extend_from_slice(second.as_bytes());
    }
}

/// Writes the key of what an index finds a vehicle by.
pub(super) fn index(key: &mut Vec<u8>, (letter, name): (u8, &str), vin: &Vin) {
    key.clear();
    key.extend_from_slice(&[Kind::Index.byte(), letter]);
    key.extend_from_slice(name.as_bytes());
    key.push(BETWEEN);
    key.extend_from_slice(vin.as_str().as_bytes());
}
