//! By what is a certificate found again by a revocation?

use std::time::Duration;

use crate::pipeline::identity::issuer::Terms;
use crate::revocations::{Marks, Named};

/// How long a revocation of certificates is kept: cars are older than most of theirs get.
const LONGEST: Duration = Duration::from_secs(50 * 366 * 86_400);

/// What stands for a table where a token has its `iss`.
fn issuer_of(table: &str) -> String {
    format!("urn:vingate:certificates:{table}")
}

/// The marks of a certificate that names this subject, and perhaps this client.
pub(super) fn of(
    table: &str,
    (subject, client): (&str, Option<&str>),
    thumbprint: &[u8; 32],
) -> Marks {
    Marks::of(Named {
        issuer: &issuer_of(table),
        subject,
        token: None,
        session: None,
        client,
        certificate: Some(thumbprint),
    })
}

/// What a revocation has to know of a table. A certificate is as old as it says: no clock but its
/// authority's counts.
pub(super) fn terms(table: &str) -> Terms {
    Terms {
        issuer: issuer_of(table),
        longest: LONGEST,
        clock_skew: Duration::ZERO,
    }
}
