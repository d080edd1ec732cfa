//! What is a client told that has to show another token, or another proof?
//!
//! One challenge a scheme (RFC 9110, 11.6.1): of RFC 6750, 3 for a token of whoever bears it, of
//! RFC 9449, 7.1 and 9 for one that is bound to a key. What was wrong is said of the scheme that was used.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue};

use crate::denial::TokenFlaw;
use crate::pipeline::identity::Scheme;
use crate::pipeline::identity::dpop::ALGORITHMS;
use crate::pipeline::identity::sign_in::FRESH;

/// The field that a nonce is given in (RFC 9449, 8.1).
pub const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

/// How a token can be shown where a request was sent, and how it was.
#[derive(Debug, Clone, Copy, Default)]
pub struct Schemes<'a> {
    /// What is taken there.
    pub taken: Taken,
    /// What was used.
    pub used: Scheme,
    /// The nonce that proofs are to carry there.
    pub nonce: Option<&'a str>,
}

/// Which tokens a surface takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Taken {
    /// Those of whoever bears them.
    #[default]
    Unbound,
    /// Those that are bound to a key too.
    All,
    /// Only those that are bound to a key.
    Bound,
}

impl Taken {
    fn schemes(self) -> &'static [Scheme] {
        match self {
            Self::Unbound => &[Scheme::Bearer],
            Self::All => &[Scheme::Bearer, Scheme::Dpop],
            Self::Bound => &[Scheme::Dpop],
        }
    }
}

/// What a challenge says of what was shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Said<'a> {
    /// Nothing was shown.
    Nothing,
    /// What is wrong with it.
    Flaw(TokenFlaw),
    /// Values of `acr` that it takes, separated by spaces.
    StepUp(&'a str),
}

/// One challenge a scheme, and the nonce that goes with them.
pub(super) fn fields(said: Said<'_>, at: Schemes<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let schemes = at.taken.schemes();
    let told = schemes.iter().find(|scheme| **scheme == at.used);
    let told = told.or(schemes.first());
    let challenge = |scheme: &Scheme| {
        let error = match said {
            Said::Flaw(flaw) if told == Some(scheme) => {
                format!(r#", error="{}""#, error(flaw, *scheme))
            }
            Said::StepUp(acr_values) if told == Some(scheme) => step_up(acr_values),
            Said::Nothing | Said::Flaw(_) | Said::StepUp(_) => String::new(),
        };
        match scheme {
            Scheme::Bearer => format!(r#"Bearer realm="vingate"{error}"#),
            Scheme::Dpop => format!(r#"DPoP realm="vingate"{error}, algs="{ALGORITHMS}""#),
        }
    };
    let challenges = schemes
        .iter()
        .map(|scheme| (WWW_AUTHENTICATE, challenge(scheme)));
    let nonce = at.nonce.map(|nonce| (NONCE, nonce.to_owned()));
    challenges
        .chain(nonce)
        .filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?)))
        .collect()
}

/// What a client has to ask its issuer for (RFC 9470, 3).
fn step_up(acr_values: &str) -> String {
    let acr_values = match acr_values {
        "" => String::new(),
        known => format!(r#", acr_values="{known}""#),
    };
    let max_age = FRESH.as_secs();
    format!(r#", error="insufficient_user_authentication"{acr_values}, max_age={max_age}"#)
}

/// The public word for a flaw: whether to get another token, to make another proof, or to make it with
/// the nonce. A key that isn't the token's is a matter of the token, as in the example of RFC 9449, 7.1;
/// and of proofs nothing is said where none was to come.
fn error(flaw: TokenFlaw, scheme: Scheme) -> &'static str {
    match flaw {
        _ if scheme == Scheme::Bearer => "invalid_token",
        TokenFlaw::ProofMissing
        | TokenFlaw::ProofDuplicate
        | TokenFlaw::ProofTooLong
        | TokenFlaw::ProofMalformed
        | TokenFlaw::ProofHeader
        | TokenFlaw::ProofType
        | TokenFlaw::ProofAlgorithm
        | TokenFlaw::ProofKey
        | TokenFlaw::ProofSignature
        | TokenFlaw::ProofClaimMissing
        | TokenFlaw::ProofClaimMalformed
        | TokenFlaw::ProofMethod
        | TokenFlaw::ProofTarget
        | TokenFlaw::ProofStale
        | TokenFlaw::ProofEarly
        | TokenFlaw::ProofOfOtherToken
        | TokenFlaw::ProofReplayed => "invalid_dpop_proof",
        TokenFlaw::ProofNonceMissing | TokenFlaw::ProofNonceStale => "use_dpop_nonce",
        TokenFlaw::ProofOfOtherKey
        | TokenFlaw::BoundAsBearer
        | TokenFlaw::UnboundAsDpop
        | TokenFlaw::NotBound
        | TokenFlaw::HeaderDuplicate
        | TokenFlaw::SchemeUnknown
        | TokenFlaw::TooLong
        | TokenFlaw::Malformed
        | TokenFlaw::HeaderForbidden
        | TokenFlaw::WrongType
        | TokenFlaw::WrongAlgorithm
        | TokenFlaw::UnknownIssuer
        | TokenFlaw::UnknownKey
        | TokenFlaw::KeysMissing
        | TokenFlaw::KeysTooOld
        | TokenFlaw::BadSignature
        | TokenFlaw::WrongAudience
        | TokenFlaw::Expired
        | TokenFlaw::NotYetValid
        | TokenFlaw::ClaimMissing
        | TokenFlaw::ClaimMalformed
        | TokenFlaw::LifetimeTooLong
        | TokenFlaw::Revoked
        | TokenFlaw::Inactive
        | TokenFlaw::PrincipalUnknown
        | TokenFlaw::InQuery
        | TokenFlaw::InCookie
        | TokenFlaw::InForm
        | TokenFlaw::TokenForeign
        | TokenFlaw::CredentialAmbiguous
        | TokenFlaw::CertificateMissing
        | TokenFlaw::CertificateUnknown
        | TokenFlaw::CertificateRevoked
        | TokenFlaw::CertificateExpired
        | TokenFlaw::RevocationUnknown
        | TokenFlaw::CertificateNameless
        | TokenFlaw::CertificateAmbiguous
        | TokenFlaw::CertificateMismatch => "invalid_token",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(said: Said<'_>, taken: Taken, used: Scheme, nonce: Option<&str>) -> Vec<String> {
        let at = Schemes { taken, used, nonce };
        let line = |(name, value): (HeaderName, HeaderValue)| {
            assert!([WWW_AUTHENTICATE, NONCE].contains(&name));
            value.to_str().unwrap().to_owned()
        };
        fields(said, at).into_iter().map(line).collect()
    }

    #[test]
    #[rustfmt::skip] // a table, a row a line
    fn what_was_wrong_is_said_of_the_scheme_that_was_used() {
        let (bearer, dpop) = (r#"Bearer realm="vingate""#, r#"DPoP realm="vingate""#);
        let algs = r#"algs="ES256 EdDSA PS256""#;
        let invalid = r#"error="invalid_token""#;
        let proof = r#"error="invalid_dpop_proof""#;
        let nonce = r#"error="use_dpop_nonce""#;
        let (shown, flaw) = (format!("{dpop}, {algs}"), Said::Flaw);
        let told = |error: &str| format!("{dpop}, {error}, {algs}");
        let (other, proof, nonce) = (told(invalid), told(proof), told(nonce));
        let (bearer, refused) = (bearer.to_owned(), format!("{bearer}, {invalid}"));
        let table = [
            (Said::Nothing, Taken::Unbound, Scheme::Bearer, vec![&bearer]),
            (Said::Nothing, Taken::All, Scheme::Bearer, vec![&bearer, &shown]),
            (Said::Nothing, Taken::Bound, Scheme::Bearer, vec![&shown]),
            (flaw(TokenFlaw::Expired), Taken::All, Scheme::Bearer, vec![&refused, &shown]),
            (flaw(TokenFlaw::Expired), Taken::All, Scheme::Dpop, vec![&bearer, &other]),
            (flaw(TokenFlaw::BoundAsBearer), Taken::All, Scheme::Bearer, vec![&refused, &shown]),
            (flaw(TokenFlaw::NotBound), Taken::Bound, Scheme::Bearer, vec![&other]),
            (flaw(TokenFlaw::ProofReplayed), Taken::Bound, Scheme::Dpop, vec![&proof]),
            (flaw(TokenFlaw::ProofOfOtherKey), Taken::Bound, Scheme::Dpop, vec![&other]),
            (flaw(TokenFlaw::ProofNonceMissing), Taken::Bound, Scheme::Dpop, vec![&nonce]),
            // no proof is taken there: another token is needed
            (flaw(TokenFlaw::ProofMissing), Taken::Unbound, Scheme::Dpop, vec![&refused]),
        ];
        for (said, taken, used, expected) in table {
            let found = written(said, taken, used, None);
            let found: Vec<&String> = found.iter().collect();
            assert_eq!(found, expected, "{said:?} {taken:?} {used:?}");
        }
    }

    #[test]
    fn a_challenge_brings_the_nonce_and_a_step_up_its_needs() {
        let said = Said::StepUp("mfa hwk");
        let found = written(said, Taken::Bound, Scheme::Dpop, Some("n-1"));
        let step_up = r#"DPoP realm="vingate", error="insufficient_user_authentication", acr_values="mfa hwk", max_age=300, algs="ES256 EdDSA PS256""#;
        assert_eq!(found, [step_up, "n-1"]);
    }
}
