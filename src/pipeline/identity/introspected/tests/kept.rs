//! For how long does an answer count, and about which tokens is nobody asked?

use super::*;

#[test]
fn an_answer_counts_until_its_end_and_no_longer() {
    let issuers = World::new().load();
    assert!(judge(&issuers, &good().to_string(), NOW).is_ok());
    for (now, asked) in [
        (0, false),
        (59, false),
        (60, true),
        (61, true),
        (10_000, true),
    ] {
        assert_eq!(is_asked(&issuers, NOW + now), asked, "{now} s later");
    }
    assert!(!is_asked(&issuers, NOW - 5), "requests overtake each other");
    assert!(is_asked(&issuers, NOW - 6), "the clock was set back");
}

/// The tolerated difference of clocks lets a token in that the issuer calls active; it lets none in that
/// nobody asked about.
#[test]
fn no_answer_counts_beyond_the_token() {
    let issuers = World::new().load();
    let answer = with(good(), &json!({ "exp": NOW + 10 })).to_string();
    assert!(judge(&issuers, &answer, NOW).is_ok());
    assert!(!is_asked(&issuers, NOW + 9));
    assert!(is_asked(&issuers, NOW + 10));
    assert!(judge(&issuers, &answer, NOW + 12).is_ok(), "it is active");
    assert!(is_asked(&issuers, NOW + 12), "and asked about each time");
}

#[test]
fn a_token_that_does_not_count_is_not_asked_about_for_a_moment() {
    for answer in [
        json!({ "active": false }),
        with(good(), &json!({ "aud": "other" })),
    ] {
        let issuers = World::new().load();
        let refused = judge(&issuers, &answer.to_string(), NOW).unwrap_err();
        assert!(!is_asked(&issuers, NOW + 4));
        assert_eq!(
            judge(&issuers, "", NOW + 4),
            Err(refused),
            "for the same reason"
        );
        assert!(is_asked(&issuers, NOW + 5));
        assert!(is_asked(&issuers, NOW - 1), "the clock was set back");
    }
}

#[test]
fn what_the_issuer_withdrew_is_forgotten_with_the_next_answer() {
    let issuers = World::new().load();
    assert!(judge(&issuers, &good().to_string(), NOW).is_ok());
    let withdrawn = json!({ "active": false }).to_string();
    assert!(judge(&issuers, &withdrawn, NOW + 60).is_err());
    let inactive = Err(Denial::TokenInvalid(TokenFlaw::Inactive));
    assert_eq!(judge(&issuers, "", NOW + 60), inactive);
    assert!(
        is_asked(&issuers, NOW + 30),
        "an earlier request finds nothing either"
    );
}

#[test]
fn a_reload_keeps_what_counts_for_an_issuer_that_stays_as_it_is() {
    let world = World::new();
    let old = world.load();
    assert!(judge(&old, &good().to_string(), NOW).is_ok());
    let mut new = world.load();
    assert!(is_asked(&new, NOW), "not before it goes on");
    new.inherit(&old);
    assert!(!is_asked(&new, NOW));
}

#[test]
fn a_reload_forgets_it_where_anything_of_the_issuer_changed() {
    let changes: [fn(&mut file::Issuer); 8] = [
        |it| it.issuer = "https://other.example".to_owned(),
        |it| it.audiences = vec!["other".to_owned()],
        |it| it.principal = file::PrincipalSource::Fixed(PrincipalKind::Client),
        |it| it.max_lifetime = Span::from_secs(60),
        |it| it.strong_acr = vec!["high".to_owned()],
        |it| it.roles_claim = None,
        |it| it.introspection.as_mut().unwrap().url = "https://id.example/other".to_owned(),
        |it| it.introspection.as_mut().unwrap().max_cache = Span::from_secs(1),
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut world = World::new();
        let old = world.load();
        assert!(judge(&old, &good().to_string(), NOW).is_ok());
        change(&mut world.settings);
        let mut new = world.load();
        assert_ne!(new.fingerprint(), old.fingerprint(), "{number}");
        new.inherit(&old);
        assert!(is_asked(&new, NOW), "{number}");
    }
}

#[test]
fn a_reload_forgets_it_where_people_get_other_names_in_records() {
    let world = World::new();
    let old = world.load();
    assert!(judge(&old, &good().to_string(), NOW).is_ok());
    let mut new = world.load();
    new.pseudonym = Arc::new(|_, _| "another key".to_owned());
    new.inherit(&old);
    assert!(is_asked(&new, NOW));
}

#[test]
fn a_no_never_outlives_a_reload() {
    let world = World::new();
    let old = world.load();
    assert!(judge(&old, "{\"active\":false}", NOW).is_err());
    let mut new = world.load();
    new.inherit(&old);
    assert!(is_asked(&new, NOW));
}

/// A JWT that is made up costs the issuer nothing.
#[test]
fn what_looks_like_a_jwt_is_asked_about_only_where_no_jwt_counts() {
    let world = World::new();
    let issuers = world.load();
    let jwt = world
        .pair
        .sign(&json!({ "alg": "ES256" }), &json!({ "iss": ISS }));
    let (some, junk) = (encode("{}"), encode("junk"));
    let rows = [
        (jwt.as_str(), true),
        (&format!("{some}.{junk}."), true), // unsigned
        (
            &format!("{}.{some}.{junk}", encode("{\"a\":1,\"a\":2}")),
            true,
        ),
        (TOKEN, false),
        ("a.b.c", false),
        (&format!("{junk}.{some}.{junk}"), false),
        (&format!("{some}.{some}"), false),
        (&format!("{some}.{junk}.{junk}.{junk}.{junk}"), false), // encrypted
        (&format!("{}.{some}.{junk}", encode("[]")), false),
        (&format!("{some}.{some}.~"), false),
    ];
    for (token, looks_like_one) in rows {
        for (names, asked) in [
            (vec!["owners"], true),
            (vec!["owners", "staff"], !looks_like_one),
            (vec!["staff", "owners"], !looks_like_one),
            (vec!["staff"], false),
            (vec![], false),
        ] {
            let (surface, head) = (surface(&names), head(token, NOW));
            let opaque = issuers.opaque(&surface, &head);
            let is_asked = matches!(opaque, Opaque::Unknown(_));
            assert_eq!(is_asked, asked, "{token} on {names:?}");
            // INVARIANT: without the word of an issuer it is nobody's
            assert!(
                identify_as((&issuers, None), &surface, &head, None).is_err(),
                "{token}"
            );
        }
    }
}

#[test]
fn nobody_is_asked_about_what_is_refused_anyway() {
    let issuers = World::new().load();
    let surface = surface(&["owners"]);
    let is_asked =
        |head: &RequestHead| matches!(issuers.opaque(&surface, head), Opaque::Unknown(_));
    assert!(is_asked(&head(TOKEN, NOW)));
    assert!(is_asked(&head(&"x".repeat(8_192), NOW)));
    assert!(!is_asked(&head(&"x".repeat(8_193), NOW)), "too long");
    assert!(!is_asked(&head("a b", NOW)), "not one token");
    assert!(!is_asked(&head("a%20b", NOW)), "not of its alphabet");
    let mut twice = head(TOKEN, NOW);
    twice
        .headers
        .append(AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    assert!(!is_asked(&twice), "two");
    let mut cookie = head(TOKEN, NOW);
    cookie.headers.insert(
        http::header::COOKIE,
        HeaderValue::from_static("access_token=x"),
    );
    assert!(!is_asked(&cookie), "another one in a cookie");
    let mut none = head(TOKEN, NOW);
    none.headers.clear();
    assert!(!is_asked(&none));
}
