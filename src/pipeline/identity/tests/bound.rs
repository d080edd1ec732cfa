//! Does a token that is bound to a certificate count with that certificate, and with nothing else?

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::by_certificate::{Estate, encode_token, on, read};
use super::certificates::{Freshness, Validity};
use super::*;
use crate::pipeline::identity::certificate::ClientCertificate;

/// A token bound to this certificate, asked for with that one.
fn ask(
    estate: &Estate,
    bound: [u8; 32],
    shown: Option<&Arc<ClientCertificate>>,
) -> Result<Arc<Principal>, Denial> {
    let bound = json!({ "cnf": { "x5t#S256": encode(bound) } });
    let mut head = head(&encode_token(estate, &bound), estate.now.as_secs());
    head.certificate = shown.cloned();
    estate.identify(&on(&["owners"], &[]), &head)
}

#[test]
fn a_bound_token_counts_with_its_own_verified_certificate_alone() {
    let mut estate = Estate::new();
    let pair = estate.car();
    let shown = read(&pair);
    let other = read(&estate.car());
    let nameless = estate.vehicles.issue_to("app", "", Validity::Now);
    let nameless = read(&nameless);
    let expired = estate.vehicles.issue_to("app", "", Validity::Expired);
    let expired = read(&expired);
    let invalid = |flaw| Some(Denial::TokenInvalid(flaw));
    let thumbprint = shown.thumbprint();
    let rows = [
        (thumbprint, Some(&shown), None),
        (nameless.thumbprint(), Some(&nameless), None), // it has to name nobody
        (thumbprint, None, invalid(TokenFlaw::ProofMissing)),
        (
            thumbprint,
            Some(&other),
            invalid(TokenFlaw::CertificateMismatch),
        ),
        (
            expired.thumbprint(),
            Some(&expired),
            invalid(TokenFlaw::CertificateExpired),
        ),
    ];
    for (at, (bound, shown, expected)) in rows.into_iter().enumerate() {
        assert_eq!(ask(&estate, bound, shown).err(), expected, "row {at}");
    }
    estate.vehicles.revoke(&[&pair], Freshness::Fresh);
    estate.reload();
    let revoked = ask(&estate, thumbprint, Some(&shown)).err();
    assert_eq!(revoked, invalid(TokenFlaw::CertificateRevoked));
}

#[test]
fn on_a_surface_of_both_a_token_bound_to_the_certificate_is_one_identity() {
    let estate = Estate::new();
    let shown = read(&estate.car());
    let bound = json!({ "cnf": { "x5t#S256": encode(shown.thumbprint()) } });
    let mut head = head(&encode_token(&estate, &bound), estate.now.as_secs());
    head.certificate = Some(Arc::clone(&shown));
    let who = estate.identify(&on(&["owners"], &["tcu"]), &head).unwrap();
    assert_eq!((&*who.issuer, &*who.subject), ("owners", "user-1"));
}

#[test]
fn a_token_bound_to_a_key_too_wants_both_proofs() {
    let estate = Estate::new();
    let shown = read(&estate.car());
    for confirmation in [
        json!({ "x5t#S256": encode(shown.thumbprint()), "jkt": encode([7; 32]) }),
        json!({ "x5t#S256": encode(&shown.thumbprint()[..31]) }),
        json!({ "x5t#S256": "" }),
        json!({ "x5t": encode(shown.thumbprint()) }),
    ] {
        let token = encode_token(&estate, &json!({ "cnf": confirmation }));
        let mut head = head(&token, estate.now.as_secs());
        head.certificate = Some(Arc::clone(&shown));
        let found = estate.identify(&on(&["owners"], &[]), &head).err();
        let expected = Denial::TokenInvalid(TokenFlaw::ProofMissing);
        assert_eq!(found, Some(expected), "{confirmation}");
    }
}

/// A token counts no longer than its proof: here its certificate expires before it does.
#[test]
fn a_bound_token_ends_with_its_certificate() {
    let estate = Estate::new();
    let shown = read(&estate.car());
    let who = ask(&estate, shown.thumbprint(), Some(&shown)).unwrap();
    assert_eq!(
        who.credential.expires_at.as_secs(),
        estate.now.as_secs() + 300
    );
    let mut near = head("-", 0);
    let ends = {
        near.headers.remove(AUTHORIZATION);
        near.certificate = Some(Arc::clone(&shown));
        near.received_at = estate.now;
        let who = estate.identify(&on(&[], &["tcu"]), &near).unwrap();
        who.credential.expires_at
    };
    let at = ends.as_secs() - 10;
    let bound = json!({
        "cnf": { "x5t#S256": encode(shown.thumbprint()) }, "iat": at - 5, "exp": at + 300,
    });
    let mut late = head(&encode_token(&estate, &bound), at);
    late.certificate = Some(shown);
    let who = estate.identify(&on(&["owners"], &[]), &late).unwrap();
    assert_eq!(who.credential.expires_at, ends);
}

/// The example of RFC 8705, appendix A: certificate and claim.
#[test]
fn the_certificate_of_rfc_8705_has_the_thumbprint_of_its_claim() {
    let pem = include_bytes!("../../../../tests/fixtures/rfc8705.pem");
    let der = CertificateDer::from_pem_slice(pem).unwrap();
    let shown = Arc::new(ClientCertificate::read(&[der]).unwrap());
    let claim = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";
    assert_eq!(encode(shown.thumbprint()), claim);
    let estate = Estate::new();
    let token = encode_token(&estate, &json!({ "cnf": { "x5t#S256": claim } }));
    let mut head = head(&token, estate.now.as_secs());
    head.certificate = Some(shown);
    // it is what the token asks for; and it is self-signed, so that nobody here vouches for it
    let found = estate.identify(&on(&["owners"], &[]), &head).err();
    let expected = Denial::TokenInvalid(TokenFlaw::CertificateUnknown);
    assert_eq!(found, Some(expected));
}
