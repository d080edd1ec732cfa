//! Whose name stands in a certificate?
//!
//! One name of the configured kind fits the configured pattern, and what stands in it can be read in
//! one way only; else the certificate names nobody.

use crate::config::file::{CertificateName, PrincipalKind, around};
use crate::denial::TokenFlaw;
use crate::pipeline::identity::certificate::Names;
use crate::pipeline::vehicle::Vin;

/// Longest subject, in bytes, as of a token.
const SUBJECT_BYTES: usize = 256;

/// Where a name stands, and what stands around it.
pub(super) struct Pattern {
    place: Place,
    before: String,
    after: String,
    is_vin: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Uri,
    Dns,
    CommonName,
}

impl Pattern {
    /// `None` where the name doesn't stand in it once.
    pub(super) fn read(kind: PrincipalKind, name: &CertificateName) -> Option<Self> {
        let place = match name {
            CertificateName::Uri(_) => Place::Uri,
            CertificateName::Dns(_) => Place::Dns,
            CertificateName::CommonName(_) => Place::CommonName,
        };
        let (before, after) = around(&format!("{kind:?}"), name.pattern())?;
        let spelled = |text: &str| match place {
            Place::Dns => text.to_ascii_lowercase(), // as the names are
            Place::Uri | Place::CommonName => text.to_owned(),
        };
        Some(Self {
            place,
            before: spelled(before),
            after: spelled(after),
            is_vin: kind == PrincipalKind::Vehicle,
        })
    }

    /// The one subject that these names name.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(super) fn find(&self, names: &Names) -> Result<String, TokenFlaw> {
        let listed = match self.place {
            Place::Uri => &names.uris,
            Place::Dns => &names.dns,
            Place::CommonName => &names.common,
        };
        if self.place == Place::CommonName && listed.len() > 1 {
            return Err(TokenFlaw::CertificateAmbiguous);
        }
        let mut fitting = listed.iter().filter_map(|name| self.inside(name));
        match (fitting.next(), fitting.next()) {
            (None, _) => Err(TokenFlaw::CertificateNameless),
            (Some(_), Some(_)) => Err(TokenFlaw::CertificateAmbiguous),
            (Some(name), None) => self.subject(name).ok_or(TokenFlaw::CertificateNameless),
        }
    }

    fn inside<'a>(&self, name: &'a str) -> Option<&'a str> {
        let rest = name.strip_prefix(self.before.as_str())?;
        rest.strip_suffix(self.after.as_str())
    }

    /// A VIN as it is written everywhere, or a name of characters that nothing reads as another.
    fn subject(&self, name: &str) -> Option<String> {
        if self.is_vin {
            let vin = match self.place {
                Place::Dns => Vin::read(&name.to_ascii_uppercase()),
                Place::Uri | Place::CommonName => Vin::read(name),
            };
            return Some(vin.ok()?.as_str().to_owned());
        }
        // No dot in a DNS name: `a.b` under `{subject}.example` would be a host of another's zone.
        let plain = |byte: u8| match byte {
            b'.' => self.place != Place::Dns,
            b'-' | b'_' | b'~' => true,
            _ => byte.is_ascii_alphanumeric(),
        };
        let is_name = (1..=SUBJECT_BYTES).contains(&name.len()) && !matches!(name, "." | "..");
        (is_name && name.bytes().all(plain)).then(|| name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIN: &str = "SJNFAAZE0U6012345";

    fn names(uris: &[&str], dns: &[&str], common: &[&str]) -> Names {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Names {
            uris: owned(uris),
            dns: owned(dns),
            common: owned(common),
        }
    }

    fn find(
        kind: PrincipalKind,
        name: &CertificateName,
        names: &Names,
    ) -> Result<String, TokenFlaw> {
        Pattern::read(kind, name).unwrap().find(names)
    }

    #[test]
    fn a_vehicle_is_named_by_one_name_that_fits_and_is_a_vin() {
        let uri = || CertificateName::Uri("urn:vin:{vin}".to_owned());
        let urn = |vin: &str| format!("urn:vin:{vin}");
        let (good, other) = (urn(VIN), urn("SJNFAAZE0U6054321"));
        let (lower, long) = (urn(&VIN.to_lowercase()), urn(&format!("{VIN}0")));
        let none = Err(TokenFlaw::CertificateNameless);
        let two = Err(TokenFlaw::CertificateAmbiguous);
        let rows: [(&[&str], Result<String, TokenFlaw>); 10] = [
            (&[&good], Ok(VIN.to_owned())),
            (&["https://maker.example", &good], Ok(VIN.to_owned())),
            (&[&good, &other], two.clone()),
            (&[&good, &good], two.clone()),
            (&[&good, &lower], two),
            (&[], none.clone()),
            (&[&lower], none.clone()),
            (&[&long], none.clone()),
            (&["URN:vin:SJNFAAZE0U6012345"], none.clone()),
            (&["x-urn:vin:SJNFAAZE0U6012345"], none.clone()),
        ];
        for (uris, expected) in rows {
            let names = names(uris, &[], &[VIN]);
            assert_eq!(
                find(PrincipalKind::Vehicle, &uri(), &names),
                expected,
                "{uris:?}"
            );
        }
        let names = names(&[], &[&good], &[&good]);
        assert_eq!(find(PrincipalKind::Vehicle, &uri(), &names), none);
    }

    #[test]
    fn a_dns_name_has_no_case() {
        let dns = CertificateName::Dns("{vin}.TCU.example".to_owned());
        let name = format!("{}.tcu.example", VIN.to_lowercase());
        let names = names(&[], &[&name], &[]);
        assert_eq!(
            find(PrincipalKind::Vehicle, &dns, &names),
            Ok(VIN.to_owned())
        );
    }

    #[test]
    fn a_subject_is_of_characters_that_nothing_reads_as_others() {
        let uri = || CertificateName::Uri("spiffe://a.example/{subject}".to_owned());
        let dns = || CertificateName::Dns("{subject}.a.example".to_owned());
        let common = || CertificateName::CommonName("{subject}".to_owned());
        let client = PrincipalKind::Client;
        let one = |text: &str| names(&[text], &[text], &[text]);
        let rows = [
            (uri(), "spiffe://a.example/charger-1", Some("charger-1")),
            (uri(), "spiffe://a.example/v1.2_~", Some("v1.2_~")),
            (uri(), "spiffe://a.example/", None),
            (uri(), "spiffe://a.example/a/b", None),
            (uri(), "spiffe://a.example/..", None),
            (uri(), "spiffe://a.example/%61", None),
            (uri(), "spiffe://a.example/a b", None),
            (dns(), "app.a.example", Some("app")),
            (dns(), "x.app.a.example", None),
            (dns(), "*.a.example", None),
            (common(), "backend.example", Some("backend.example")),
            (common(), "Backend one", None),
        ];
        for (name, text, expected) in rows {
            let found = find(client, &name, &one(text)).ok();
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        let twice = names(&[], &[], &["a", "b c"]);
        let ambiguous = Err(TokenFlaw::CertificateAmbiguous);
        assert_eq!(find(client, &common(), &twice), ambiguous);
        let long = "a".repeat(SUBJECT_BYTES + 1);
        assert!(find(client, &common(), &one(&long)).is_err());
    }

    #[test]
    fn a_pattern_has_the_name_of_its_kind_once() {
        let uri = |text: &str| CertificateName::Uri(text.to_owned());
        let rows = [
            (PrincipalKind::Vehicle, "urn:vin:{vin}", true),
            (PrincipalKind::Vehicle, "urn:vin:{subject}", false),
            (PrincipalKind::Vehicle, "urn:vin:{vin}{vin}", false),
            (PrincipalKind::Vehicle, "urn:vin:*", false),
            (PrincipalKind::Client, "urn:app:{subject}", true),
            (PrincipalKind::Client, "urn:app:{vin}", false),
            (PrincipalKind::Client, "urn:{x}:{subject}", false),
        ];
        for (kind, text, is_pattern) in rows {
            assert_eq!(
                Pattern::read(kind, &uri(text)).is_some(),
                is_pattern,
                "{text}"
            );
        }
    }
}
