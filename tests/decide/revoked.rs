//! Is a token that was taken back refused, in the first look and in the second?

use std::time::Duration;

use vingate::denial::{Denial, Dependency, TokenFlaw};
use vingate::revocations::{Draft, Kind, Mark, Reach, Revocations, Told};
use vingate::switchboard::Board;

use crate::fake::{Court, OWNED, Request};

fn revoke(court: &Court, kind: Kind, name: &str) {
    let draft = Draft {
        mark: Mark::of(kind, "https://id.test", name),
        reach: Reach::IssuedUntil(u64::MAX / 2),
        ends: u64::MAX / 2,
        told: Told {
            kind,
            issuer: "owners".to_owned(),
            about: String::new(),
            reason: String::new(),
            by: String::new(),
            at: 0,
        },
    };
    assert!(court.revoked.revoke(vec![draft]).is_ok());
}

#[test]
fn each_kind_is_refused_in_both_looks() {
    let kinds = [
        (Kind::Token, "test-owner"),
        (Kind::Subject, "owner"),
        (Kind::Client, "test-app"),
        (Kind::Issuer, ""),
    ];
    for (kind, name) in kinds {
        let court = Court::open();
        let permit = court.judge(&Request::read(OWNED).by("owner")).unwrap();
        revoke(&court, kind, name);
        let revoked = Denial::TokenInvalid(TokenFlaw::Revoked);
        let confirmed = permit.confirm(&Board::default(), &court.revoked, Duration::ZERO);
        assert_eq!(confirmed, Err(revoked.clone()), "{kind:?}");
        let judged = court.judge(&Request::read(OWNED).by("owner"));
        assert_eq!(
            judged.unwrap_err(),
            revoked,
            "{kind:?}: a remembered verification too"
        );
    }
}

#[test]
fn nobody_elses_is() {
    let court = Court::open();
    revoke(&court, Kind::Subject, "stranger");
    revoke(&court, Kind::Token, "test-stranger");
    revoke(&court, Kind::Client, "other-app");
    revoke(&court, Kind::SessionId, "owner");
    assert!(court.judge(&Request::read(OWNED).by("owner")).is_ok());
}

#[test]
fn while_it_is_unknown_what_was_taken_back_nobody_is_served_who_needs_to_be_known() {
    let mut court = Court::open();
    let folder = tempfile::tempdir().unwrap();
    let waiting = ["mobile".to_owned()].into();
    court.revoked = Revocations::open(folder.path(), true, waiting).unwrap().0;
    let judged = court.judge(&Request::read(OWNED).by("owner"));
    let unknown = Denial::DependencyUnavailable(Dependency::Revocations);
    assert_eq!(judged.unwrap_err(), unknown);
}
