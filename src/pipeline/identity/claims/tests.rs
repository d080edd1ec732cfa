//! Is every claim typed, and every one that counts required?

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::file::PrincipalClaim;

fn expected() -> Expected {
    Expected {
        issuer: "https://id.example".to_owned(),
        audiences: vec!["telematics".to_owned()],
        principal: PrincipalSource::Fixed(PrincipalKind::User),
        fleet_claim: Some("fleet".to_owned()),
        tenant_claim: Some("tenant".to_owned()),
        roles_claim: Some("roles".to_owned()),
        strong_acr: vec!["mfa".to_owned()],
        max_lifetime: Duration::from_secs(LAST_SECOND),
        profiled: false,
        clock_skew: Duration::from_secs(5),
    }
}

fn check(change: (&str, Value), now: u64) -> Result<Claims, TokenFlaw> {
    check_for(&expected(), change, now)
}

fn check_for(expected: &Expected, change: (&str, Value), now: u64) -> Result<Claims, TokenFlaw> {
    let mut claims = json!({
        "iss": "https://id.example", "aud": ["other", "telematics"], "sub": "s", "exp": 1_000, "iat": 100,
    });
    claims[change.0] = change.1;
    let members = serde_json::from_value(claims).unwrap();
    read(&members, expected, Duration::from_secs(now))
}

#[test]
fn roles_are_a_string_or_a_list_of_strings() {
    for (roles, wanted) in [
        (json!("adviser"), Ok(&["adviser"][..])),
        (json!(["adviser", "manager"]), Ok(&["adviser", "manager"])),
        (json!([]), Ok(&[])),
        (json!(["adviser", 5]), Err(TokenFlaw::ClaimMalformed)),
        (json!([["adviser"]]), Err(TokenFlaw::ClaimMalformed)),
        (json!([""]), Err(TokenFlaw::ClaimMalformed)),
        (json!({"adviser": true}), Err(TokenFlaw::ClaimMalformed)),
        (json!(vec!["x"; 101]), Err(TokenFlaw::ClaimMalformed)),
    ] {
        let read = check(("roles", roles.clone()), 500).map(|claims| claims.roles);
        let wanted = wanted.map(|all| all.iter().map(|&one| one.to_owned()).collect());
        assert_eq!(read, wanted, "{roles}");
    }
}

#[test]
fn a_sign_in_is_what_the_token_says_and_not_of_tomorrow() {
    let read = check(("scope", json!("")), 500).unwrap();
    assert_eq!((read.strong, read.signed_in_at), (false, None));
    assert!(check(("acr", json!("mfa")), 500).unwrap().strong);
    assert!(!check(("acr", json!("pwd")), 500).unwrap().strong);
    for acr in [json!(["mfa"]), json!(2), json!("")] {
        let read = check(("acr", acr.clone()), 500).map(drop);
        assert_eq!(read, Err(TokenFlaw::ClaimMalformed), "{acr}");
    }
    let at = |at: Value| check(("auth_time", at), 500).map(|read| read.signed_in_at);
    assert_eq!(at(json!(400)), Ok(Some(Duration::from_secs(400))));
    assert_eq!(
        at(json!(505)),
        Ok(Some(Duration::from_secs(505))),
        "clock skew"
    );
    assert_eq!(at(json!(506)), Err(TokenFlaw::NotYetValid));
    assert_eq!(at(json!("400")), Err(TokenFlaw::ClaimMalformed));
    assert_eq!(at(json!(-1)), Err(TokenFlaw::ClaimMalformed));
}

#[test]
fn a_kind_by_claim_has_no_default() {
    let values = [
        ("staff".to_owned(), PrincipalKind::Technician),
        ("app".to_owned(), PrincipalKind::Client),
    ];
    let expected = Expected {
        principal: PrincipalSource::Claimed(PrincipalClaim {
            claim: "type".to_owned(),
            values: values.into(),
        }),
        ..expected()
    };
    let kind = |value: Value| check_for(&expected, ("type", value), 500).map(|claims| claims.kind);
    assert_eq!(kind(json!("staff")), Ok(PrincipalKind::Technician));
    assert_eq!(kind(json!("app")), Ok(PrincipalKind::Client));
    assert_eq!(kind(json!("user")), Err(TokenFlaw::PrincipalUnknown));
    assert_eq!(kind(json!(["staff"])), Err(TokenFlaw::ClaimMalformed));
    let without = check_for(&expected, ("scope", json!("")), 500).map(drop);
    assert_eq!(without, Err(TokenFlaw::ClaimMissing));
}

#[test]
fn optional_claims_are_typed() {
    let read = check(("scope", json!(" read  control ")), 500).unwrap();
    assert_eq!(read.scopes, ["read", "control"]);
    let many = "a ".repeat(MOST_SCOPES.saturating_add(1));
    assert!(check(("scope", json!(many)), 500).is_err());
    let read = check(("azp", json!("app")), 500).unwrap();
    assert_eq!(read.client.as_deref(), Some("app"));
    let read = check(("fleet", json!("f1")), 500).unwrap();
    assert_eq!(read.fleet.as_deref(), Some("f1"));
    let read = check(("other", json!([{"any": 1.5}])), 500).unwrap();
    assert_eq!(
        (read.client, read.fleet, read.credential.token_id),
        (None, None, None)
    );
}

#[test]
fn a_token_counts_between_its_times_with_skew() {
    let table = [
        (("exp", json!(1_000)), 1_004, Ok(())),
        (("exp", json!(1_000)), 1_005, Err(TokenFlaw::Expired)),
        (("nbf", json!(505)), 500, Ok(())),
        (("nbf", json!(506)), 500, Err(TokenFlaw::NotYetValid)),
        (("iat", json!(505)), 500, Ok(())),
        (("iat", json!(506)), 500, Err(TokenFlaw::NotYetValid)),
        (("exp", json!(LAST_SECOND)), 500, Ok(())),
        (
            ("exp", json!(LAST_SECOND + 1)),
            500,
            Err(TokenFlaw::ClaimMalformed),
        ),
    ];
    for (change, now, result) in table {
        let name = format!("{change:?} at {now}");
        assert_eq!(check(change, now).map(|_| ()), result, "{name}");
    }
}

proptest! {
    #[test]
    fn no_value_of_a_required_claim_is_both_foreign_and_accepted(
        name in prop::sample::select(vec!["iss", "aud", "sub", "exp"]),
        value in prop_oneof![
            any::<i64>().prop_map(Value::from), any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from), any::<bool>().prop_map(Value::from),
            Just(Value::Null), Just(json!([])), Just(json!({})), Just(json!(["x", 5])),
        ],
    ) {
        let accepted = check((name, value.clone()), 500).is_ok();
        let sound = match name {
            "sub" => value.as_str().is_some_and(|sub| !sub.is_empty()),
            "exp" => value.as_u64().is_some_and(|exp| exp > 495),
            _ => false,
        };
        prop_assert!(!accepted || sound, "{name} {value}");
    }
}
