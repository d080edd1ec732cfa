//! Is somebody let in by an issuer's word alone, and by nothing else?

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper that fails is a test that fails"
)]

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use vingate::denial::{Denial, Dependency, TokenFlaw};
use vingate::pipeline::ports::LookupError;
use vingate::revocations::{Draft, Kind, Mark, Reach, Told};

use crate::fake::{Court, FOREIGN, OWNED, Request};

const TOKEN: &str = "2YotnFZFEjr1zCsicMWpAA";

fn court() -> Court {
    Court::with(&["surfaces.mobile.issuers=[\"owners\",\"asked\"]"])
}

fn says(court: &Court, token: &str, changes: &Value) {
    let now = vingate::clock::unix_time().as_secs();
    let mut said = json!({
        "active": true, "aud": "telematics", "sub": "owner", "client_id": "test-app",
        "iat": now - 10, "exp": now + 300, "jti": "t1",
    });
    for (name, value) in changes.as_object().unwrap() {
        said[name] = value.clone();
    }
    let mut all = court.ports.introspected.lock().unwrap();
    all.insert(token.to_owned(), said.to_string());
}

fn asked(court: &Court) -> usize {
    court.ports.asked_issuer.load(Ordering::Relaxed)
}

fn judge(court: &Court, vin: &str, token: &str) -> Option<Denial> {
    court.judge(&Request::read(vin).with_token(token)).err()
}

#[test]
fn it_opens_the_owners_car_and_no_other() {
    let court = court();
    says(&court, TOKEN, &json!({}));
    assert_eq!(judge(&court, OWNED, TOKEN), None);
    let foreign = judge(&court, FOREIGN, TOKEN);
    assert!(
        matches!(foreign, Some(Denial::AccessDenied(_))),
        "{foreign:?}"
    );
    assert_eq!(asked(&court), 1, "and is remembered");
}

#[test]
fn a_token_of_nobody_opens_nothing() {
    let court = court();
    let inactive = Some(Denial::TokenInvalid(TokenFlaw::Inactive));
    for _ in 0..3 {
        assert_eq!(judge(&court, OWNED, "made-up"), inactive);
    }
    assert_eq!(asked(&court), 1, "and is remembered for a moment");
    says(&court, TOKEN, &json!({ "aud": "other" }));
    let other = Some(Denial::TokenInvalid(TokenFlaw::WrongAudience));
    assert_eq!(judge(&court, OWNED, TOKEN), other);
}

#[test]
fn an_issuer_that_can_not_be_asked_is_neither_a_yes_nor_a_no() {
    let unknown = Some(Denial::DependencyUnavailable(Dependency::Introspection));
    for failure in [
        LookupError::TimedOut,
        LookupError::Unreachable,
        LookupError::Malformed,
    ] {
        let court = court();
        says(&court, TOKEN, &json!({}));
        *court.ports.introspection_failure.lock().unwrap() = Some(failure);
        assert_eq!(judge(&court, OWNED, TOKEN), unknown, "{failure}");
        assert!(
            court.judge(&Request::read(OWNED).by("owner")).is_ok(),
            "another issuer's"
        );
        *court.ports.introspection_failure.lock().unwrap() = None;
        assert_eq!(
            judge(&court, OWNED, TOKEN),
            None,
            "nothing of it is remembered"
        );
        *court.ports.introspection_failure.lock().unwrap() = Some(failure);
        assert_eq!(
            judge(&court, OWNED, TOKEN),
            None,
            "and who is known stays so"
        );
    }
    let court = court();
    court
        .ports
        .hang_introspection
        .store(true, Ordering::Relaxed);
    assert_eq!(judge(&court, OWNED, TOKEN), unknown);
    court
        .ports
        .hang_introspection
        .store(false, Ordering::Relaxed);
    says(&court, TOKEN, &json!({ "active": "true" }));
    assert_eq!(judge(&court, OWNED, TOKEN), unknown);
}

#[test]
fn each_kind_of_revocation_is_of_it_too() {
    let kinds = [
        (Kind::Token, "t1"),
        (Kind::SessionId, "s1"),
        (Kind::Subject, "owner"),
        (Kind::Client, "test-app"),
        (Kind::Issuer, ""),
    ];
    for (kind, name) in kinds {
        let court = court();
        says(&court, TOKEN, &json!({ "sid": "s1" }));
        assert_eq!(judge(&court, OWNED, TOKEN), None);
        let draft = Draft {
            mark: Mark::of(kind, "https://asked.test", name),
            reach: Reach::IssuedUntil(u64::MAX / 2),
            ends: u64::MAX / 2,
            told: Told {
                kind,
                issuer: "asked".to_owned(),
                about: String::new(),
                reason: String::new(),
                by: String::new(),
                at: 0,
            },
        };
        assert!(court.revoked.revoke(vec![draft]).is_ok());
        let revoked = Some(Denial::TokenInvalid(TokenFlaw::Revoked));
        assert_eq!(
            judge(&court, OWNED, TOKEN),
            revoked,
            "{kind:?}: though it is remembered"
        );
        assert!(
            court.judge(&Request::read(OWNED).by("owner")).is_ok(),
            "another issuer's"
        );
    }
}

/// The same subject of an issuer that the surface doesn't name is nobody there.
#[test]
fn it_counts_only_where_the_surface_names_its_issuer() {
    let court = Court::open();
    says(&court, TOKEN, &json!({}));
    let malformed = Some(Denial::TokenInvalid(TokenFlaw::Malformed));
    assert_eq!(judge(&court, OWNED, TOKEN), malformed);
    assert_eq!(asked(&court), 0);
}
