//! Who is it that operates?
//!
//! On the socket the kernel says so, on the TLS address a client certificate. `sudo` hides a person:
//! whoever comes as root is `root`.

use std::collections::BTreeSet;
use std::fmt;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::admin::accounts::Accounts;
use crate::config::file::{Members, Role, Roles};

/// Characters of a name in a certificate: as long as an e-mail address can be.
const NAME: usize = 254;

/// A person who came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As in records: the Unix user, or what stands in the certificate.
    pub name: String,
    /// How they came in.
    pub origin: Origin,
    /// What they are here; never empty for somebody who was let in.
    pub roles: BTreeSet<Role>,
}

/// How a person came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// By the socket.
    Unix,
    /// By the TLS address.
    Certificate,
}

impl Person {
    /// Whether a recorded name is this person's. Names are compared by what they have in common on
    /// every way in: `night`, `night@example` and `spiffe://example/ops/night` are one person.
    ///
    /// INVARIANT: in doubt it is the same one, so that nobody is their own second person.
    pub fn is_also(&self, name: &str) -> bool {
        short(&self.name) == short(name)
    }
}

/// What is left of a name without what says where it is valid.
fn short(name: &str) -> String {
    let trimmed = name.trim_end_matches(['/', ':']);
    let last = trimmed.rsplit(['/', ':']).next().unwrap_or(trimmed);
    let local = last.split('@').find(|part| !part.is_empty());
    local.unwrap_or(name).to_lowercase()
}

/// Who called, before it is known what they are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// User and group id at the other end of the socket, as the kernel says (`SO_PEERCRED`).
    Unix(Option<(u32, u32)>),
    /// Names in a verified certificate.
    Certificate(Vec<String>),
}

impl fmt::Display for Caller {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(Some((uid, _))) => write!(out, "user {uid}"),
            Self::Unix(None) => out.write_str("user unknown"),
            Self::Certificate(names) => write!(out, "certificate {}", names.join(", ")),
        }
    }
}

/// Somebody who has no role, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stranger(pub(super) String);

/// Who a caller is here. `always` are the Unix users that have every role.
pub(super) fn identify(
    caller: &Caller,
    roles: &Roles,
    always: &BTreeSet<u32>,
    accounts: &Accounts,
) -> Result<Person, Stranger> {
    match caller {
        Caller::Unix(None) => Err(Stranger("the kernel doesn't say who calls".to_owned())),
        Caller::Unix(Some((uid, gid))) => {
            let name = accounts.user(*uid);
            let groups = accounts.groups(&name, *gid);
            let is_member = |members: &Members| {
                members.users.contains(&name)
                    || members.groups.iter().any(|group| groups.contains(group))
            };
            let every = always.contains(uid);
            let roles = held(roles, |members| every || is_member(members));
            known(name, Origin::Unix, roles)
        }
        Caller::Certificate(names) => by_certificate(names, roles),
    }
}

/// A name that no role lists says nothing. Those that are listed must be one person's.
fn by_certificate(names: &[String], roles: &Roles) -> Result<Person, Stranger> {
    let is_listed = |name: &&String| {
        let mut all = roles.all().into_iter();
        all.any(|(_, members)| members.certificates.contains(name))
    };
    let listed: Vec<&String> = names.iter().filter(is_listed).collect();
    let Some(first) = listed.first() else {
        let shown = match names.first() {
            Some(name) => format!("`{name}` has no role here"),
            None => "the certificate names nobody".to_owned(),
        };
        return Err(Stranger(shown));
    };
    // INVARIANT: one certificate, one person; else its holder could be two of them.
    if listed.iter().any(|name| short(name) != short(first)) {
        let shown = "the certificate has the names of more than one person";
        return Err(Stranger(shown.to_owned()));
    }
    let holds = |members: &Members| {
        listed
            .iter()
            .any(|name| members.certificates.contains(name))
    };
    known((*first).clone(), Origin::Certificate, held(roles, holds))
}

fn held(roles: &Roles, holds: impl Fn(&Members) -> bool) -> BTreeSet<Role> {
    let all = roles.all().into_iter();
    all.filter(|(_, members)| holds(members))
        .map(|(role, _)| role)
        .collect()
}

fn known(name: String, origin: Origin, roles: BTreeSet<Role>) -> Result<Person, Stranger> {
    if roles.is_empty() {
        return Err(Stranger(format!("`{name}` has no role here")));
    }
    Ok(Person {
        name,
        origin,
        roles,
    })
}

/// The names in a verified certificate (RFC 5280, 4.2.1.6): URIs, e-mail addresses and DNS names in
/// its order, or else its common name. One that could be read in two ways is left out.
pub(super) fn names_in(certificate: &[u8]) -> Vec<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let alternative = match certificate.subject_alternative_name() {
        Ok(Some(extension)) => {
            let general = extension.value.general_names.iter();
            general.filter_map(alternative_name).collect()
        }
        Ok(None) => Vec::new(),
        Err(_) => return Vec::new(), // stands there twice, or can't be read
    };
    let mut names: Vec<String> = if alternative.is_empty() {
        let common = certificate.subject().iter_common_name();
        common
            .filter_map(|name| name.as_str().ok().map(str::to_owned))
            .collect()
    } else {
        alternative
    };
    names.retain(|name| is_plain(name));
    names
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other kinds name no person, and the library may add some"
)]
fn alternative_name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(name) | GeneralName::RFC822Name(name) | GeneralName::DNSName(name) => {
            Some((*name).to_owned())
        }
        _ => None,
    }
}

fn is_plain(name: &str) -> bool {
    (1..=NAME).contains(&name.chars().count())
        && !name
            .chars()
            .any(|letter| letter.is_control() || letter.is_whitespace() && letter != ' ')
}

#[cfg(test)]
mod tests;
