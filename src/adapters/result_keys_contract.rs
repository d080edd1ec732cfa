//! What does every store of result keys promise?
//!
//! One suite for every form: [`hold`] takes two handles of one store, empty at first.

use std::sync::Arc;
use std::time::Duration;

use crate::clock;
use crate::config::file::PrincipalKind;
use crate::pipeline::Principal;
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::SignIn;
use crate::pipeline::ports::ResultKeys;
use crate::pipeline::result_key::GivenOut;
use crate::pipeline::vehicle::Vin;

/// A person of an issuer.
pub(crate) fn person(issuer: &str, subject: &str) -> Principal {
    Principal {
        kind: PrincipalKind::User,
        issuer: Arc::from(issuer),
        subject: subject.to_owned(),
        client: None,
        scopes: Vec::new(),
        fleet: None,
        tenant: None,
        roles: Vec::new(),
        sign_in: SignIn::default(),
        credential: Credential {
            expires_at: Duration::MAX,
            ..Credential::default()
        },
        pseudonym: String::new(),
    }
}

/// A vehicle.
pub(crate) fn vin(number: u32) -> Vin {
    Vin::read(&format!("SJNFAAZE0U6{number:06}")).unwrap()
}

/// Holds two handles of one store to the contract; of a store that is not shared, one handle twice.
pub(crate) async fn hold(one: &dyn ResultKeys, other: &dyn ResultKeys) {
    let (owner, vin) = (person("owners", "zoë"), vin(1));
    let given = GivenOut {
        upstream: "telematics",
        principal: &owner,
        vin: &vin,
        key: "0f9a",
    };
    counts_until_its_end(one, other, given).await;
    counts_as_a_whole(one, other, given).await;
    counts_longer_when_given_again(one, other, given).await;
}

fn until() -> Duration {
    clock::unix_time().saturating_add(Duration::from_secs(600))
}

async fn counts_until_its_end(one: &dyn ResultKeys, other: &dyn ResultKeys, given: GivenOut<'_>) {
    let (now, until) = (clock::unix_time(), until());
    assert_eq!(other.knows(given, now).await, Ok(false), "an empty store");
    one.keep(given, until).await.unwrap();
    let last = until.saturating_sub(Duration::from_millis(1));
    for handle in [one, other] {
        for (at, known) in [(now, true), (last, true), (until, false), (now, true)] {
            assert_eq!(handle.knows(given, at).await, Ok(known), "{at:?}");
        }
    }
}

/// Goes on with what was given out above.
async fn counts_as_a_whole(one: &dyn ResultKeys, other: &dyn ResultKeys, given: GivenOut<'_>) {
    let now = clock::unix_time();
    let (other_issuer, other_subject) = (person("partners", "zoë"), person("owners", "zoe"));
    let moved = person("ownersz", "oë"); // the same letters, cut elsewhere
    let other_vin = vin(2);
    let others = [
        GivenOut {
            upstream: "other",
            ..given
        },
        GivenOut {
            principal: &other_issuer,
            ..given
        },
        GivenOut {
            principal: &other_subject,
            ..given
        },
        GivenOut {
            principal: &moved,
            ..given
        },
        GivenOut {
            vin: &other_vin,
            ..given
        },
        GivenOut {
            key: "0f9",
            ..given
        },
        GivenOut {
            key: "0F9A",
            ..given
        },
    ];
    for (number, each) in others.into_iter().enumerate() {
        assert_eq!(other.knows(each, now).await, Ok(false), "{number}");
    }
    // an upstream may give one key to two people who asked for the same
    let second = GivenOut {
        principal: &other_subject,
        ..given
    };
    other.keep(second, until()).await.unwrap();
    for each in [given, second] {
        assert_eq!(one.knows(each, now).await, Ok(true), "each has it");
    }
}

async fn counts_longer_when_given_again(
    one: &dyn ResultKeys,
    other: &dyn ResultKeys,
    given: GivenOut<'_>,
) {
    let later = until().saturating_add(Duration::from_secs(600));
    one.keep(given, later).await.unwrap();
    assert_eq!(
        other.knows(given, until()).await,
        Ok(true),
        "given out again"
    );
}
