//! What can a revocation be about, and how is it found again in a verified token?
//!
//! By a mark: 128 bits that stand for one token, session, subject or client of an issuer. A revocation
//! keeps nothing else of whom it is about, and a token's marks are computed once, from claims that are
//! verified. Never from a token's bytes: one token has several spellings.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::digest;

/// What a revocation is about. All of one issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One token, by its `jti`.
    Token,
    /// All tokens of a session at the issuer, by its `sid`.
    #[serde(rename = "session")]
    SessionId,
    /// All tokens of a subject, by its `sub`.
    Subject,
    /// All tokens that a client holds, by its `client_id`.
    Client,
    /// One certificate, by its SHA-256 (RFC 8705, 3.1), whoever issued it; and the tokens bound to it.
    Certificate,
    /// All tokens of the issuer.
    Issuer,
    /// All tokens of all issuers: where it isn't known any more what was revoked.
    Everything,
}

impl Kind {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::SessionId => "session",
            Self::Subject => "subject",
            Self::Client => "client",
            Self::Certificate => "certificate",
            Self::Issuer => "issuer",
            Self::Everything => "everything",
        }
    }
}

/// Stands for what a revocation is about. Nobody finds another name with the mark of a given one, and
/// who did would be refused more, not less.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Mark(u128);

impl Mark {
    /// Of a name of an issuer, whose `iss` is given; the name is empty where the kind has none.
    pub fn of(kind: Kind, issuer: &str, name: &str) -> Self {
        let parts = ["vingate revocation 1", kind.word(), issuer, name];
        let digest = digest::sha256_of_parts(parts.map(str::as_bytes));
        let first = digest.first_chunk().copied().unwrap_or_default();
        Self(u128::from_be_bytes(first))
    }

    /// Of a certificate, by its SHA-256.
    pub fn of_certificate(thumbprint: &[u8; 32]) -> Self {
        Self::of(Kind::Certificate, "", &digest::hex(thumbprint))
    }

    /// 32 hexadecimal digits.
    pub fn hex(self) -> String {
        digest::hex(&self.0.to_be_bytes())
    }

    /// Reads exactly what [`Self::hex`] writes.
    pub fn read(text: &str) -> Option<Self> {
        let mark = u128::from_str_radix(text, 16).ok().map(Self);
        mark.filter(|mark| mark.hex() == text)
    }

    /// Its first bits, for whoever shares marks out.
    pub(super) fn first_byte(self) -> u8 {
        let [first, ..] = self.0.to_be_bytes();
        first
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Mark(..)") // who knows a subject could find it in a log
    }
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.hex())
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| de::Error::custom("no mark of a revocation"))
    }
}

/// The names that a verified token gives.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// `iss`.
    pub issuer: &'a str,
    /// `sub`.
    pub subject: &'a str,
    /// `jti`.
    pub token: Option<&'a str>,
    /// `sid`.
    pub session: Option<&'a str>,
    /// `client_id` or `azp`.
    pub client: Option<&'a str>,
    /// SHA-256 of the certificate that it is, or that its sender must hold.
    pub certificate: Option<&'a [u8; 32]>,
}

/// All marks of one token; no mark where it doesn't give the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks([Mark; 6]);

impl Marks {
    /// Those of a token that gives these names.
    pub fn of(named: Named<'_>) -> Self {
        let mark = |kind, name: Option<&str>| {
            let mark = name.map(|name| Mark::of(kind, named.issuer, name));
            mark.unwrap_or_default()
        };
        Self([
            mark(Kind::Subject, Some(named.subject)),
            mark(Kind::Token, named.token),
            mark(Kind::SessionId, named.session),
            mark(Kind::Client, named.client),
            named
                .certificate
                .map(Mark::of_certificate)
                .unwrap_or_default(),
            mark(Kind::Issuer, Some("")),
        ])
    }

    /// Each that there is.
    pub fn each(&self) -> impl Iterator<Item = Mark> {
        let none = Mark::default();
        self.0.into_iter().filter(move |mark| *mark != none)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_one_kind_issuer_and_name() {
        let mark = Mark::of(Kind::Subject, "https://id.example", "a");
        let others = [
            Mark::of(Kind::Client, "https://id.example", "a"),
            Mark::of(Kind::Subject, "https://id.example", "b"),
            Mark::of(Kind::Subject, "https://id.example/", "a"),
            Mark::of(Kind::Subject, "https://id.examplea", ""),
            Mark::default(),
        ];
        assert!(!others.contains(&mark));
        assert_eq!(mark, Mark::of(Kind::Subject, "https://id.example", "a"));
    }

    #[test]
    fn a_mark_has_one_spelling() {
        let mark = Mark::of(Kind::Token, "i", "t");
        let text = mark.hex();
        assert_eq!((text.len(), Mark::read(&text)), (32, Some(mark)));
        let upper = text.to_ascii_uppercase();
        let long = format!("0{text}");
        for wrong in ["", "0", &*upper, &*long, "+0000000000000000000000000000001"] {
            assert_eq!(Mark::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_token_has_the_marks_of_what_it_names() {
        let mut named = Named {
            issuer: "i",
            subject: "s",
            token: None,
            session: None,
            client: None,
            certificate: None,
        };
        assert_eq!(Marks::of(named).each().count(), 2, "subject and issuer");
        named.token = Some("t");
        named.session = Some("d");
        named.client = Some("c");
        named.certificate = Some(&[7; 32]);
        let marks: Vec<Mark> = Marks::of(named).each().collect();
        let kinds = [
            (Kind::Token, "t"),
            (Kind::SessionId, "d"),
            (Kind::Subject, "s"),
            (Kind::Client, "c"),
            (Kind::Issuer, ""),
        ];
        assert_eq!(marks.len(), kinds.len() + 1);
        assert!(marks.contains(&Mark::of_certificate(&[7; 32])));
        for (kind, name) in kinds {
            assert!(marks.contains(&Mark::of(kind, "i", name)), "{kind:?}");
        }
        assert_eq!(Marks::default().each().count(), 0);
    }
}
