//! Do verifications go by the keys that were published last?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::*;
use crate::clock;
use crate::config::duration::Span;
use crate::config::file::KeyFetch;
use crate::pipeline::identity::keys::KeySet;
use crate::pipeline::identity::published::Known;

const UNTIL: Duration = Duration::from_secs(NOW + 100);

fn fetched(iss: &str) -> file::Issuer {
    let folder = tempfile::tempdir().unwrap();
    let fetch = KeyFetch {
        ca_file: None,
        file: "/nowhere".into(),
        max_age: Span::from_secs(100),
        timeout: Span::from_secs(1),
        cooldown: Span::from_secs(1),
    };
    file::Issuer {
        jwks_file: None,
        jwks_url: Some("http://127.0.0.1/jwks".to_owned()),
        fetch: Some(fetch),
        ..issuer(folder.path(), iss, &[])
    }
}

fn load<const N: usize>(issuers: [(&str, file::Issuer); N]) -> Issuers {
    let mut mistakes = Mistakes::default();
    let issuers = Issuers::load(&named(issuers), 100, pseudonym(), &mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes}");
    issuers
}

fn set(keys: &[&Value]) -> Known {
    let json = json!({ "keys": keys }).to_string();
    let all = BTreeSet::from([file::Algorithm::ES256]);
    let keys = KeySet::read(json.as_bytes(), &all).unwrap();
    Known::Keys(Arc::new(keys), UNTIL)
}

fn put(issuers: &Issuers, known: Known) -> bool {
    issuers.published().next().unwrap().put(known)
}

fn flaw_at(issuers: &Issuers, token: &str, now: u64) -> Option<TokenFlaw> {
    match identify(issuers, &surface(), &head(token, now)) {
        Ok(_) => None,
        Err(Denial::TokenInvalid(flaw)) => Some(flaw),
        Err(other) => panic!("{other:?}"),
    }
}

fn by(pair: &Pair, kid: &str) -> String {
    pair.sign(&with(header(), json!({ "kid": kid })), &claims())
}

#[test]
fn what_a_withdrawn_key_verified_stops_at_once_and_the_rest_goes_on() {
    let issuers = load([("owners", fetched(ISS))]);
    let (a, b) = (Pair::es256("a"), Pair::es256("b"));
    assert!(!put(&issuers, set(&[&a.jwk, &b.jwk])), "nothing is gone");
    let (by_a, by_b) = (by(&a, "a"), by(&b, "b"));
    for token in [&by_a, &by_a, &by_b, &by_b] {
        assert_eq!(flaw_at(&issuers, token, NOW), None, "verified, then cached");
    }
    assert!(put(&issuers, set(&[&b.jwk])), "a is gone");
    assert_eq!(flaw_at(&issuers, &by_a, NOW), Some(TokenFlaw::UnknownKey));
    assert_eq!(flaw_at(&issuers, &by_b, NOW), None);
}

#[test]
fn another_key_of_an_id_is_another_key() {
    let issuers = load([("owners", fetched(ISS))]);
    let (a, b, other) = (Pair::es256("a"), Pair::es256("b"), Pair::es256("a"));
    let by_a = by(&a, "a");
    assert!(!put(&issuers, set(&[&a.jwk, &b.jwk])));
    assert_eq!(flaw_at(&issuers, &by_a, NOW), None);
    assert!(put(&issuers, set(&[&b.jwk, &other.jwk])));
    assert_eq!(flaw_at(&issuers, &by_a, NOW), Some(TokenFlaw::BadSignature));
    let by_other = by(&other, "a");
    assert_eq!(flaw_at(&issuers, &by_other, NOW), None);
    assert!(
        put(&issuers, set(&[&b.jwk, &a.jwk])),
        "another key of an id"
    );
    assert_eq!(
        flaw_at(&issuers, &by_other, NOW),
        Some(TokenFlaw::BadSignature)
    );
    assert_eq!(flaw_at(&issuers, &by_a, NOW), None);
    let spelled_out = with(b.jwk.clone(), json!({ "alg": "ES256" }));
    assert!(!put(&issuers, set(&[&a.jwk, &spelled_out])), "the same");
}

#[test]
fn keys_that_nobody_confirms_are_none() {
    let issuers = load([("owners", fetched(ISS))]);
    let a = Pair::es256("a");
    let token = by(&a, "a");
    assert_eq!(flaw_at(&issuers, &token, NOW), Some(TokenFlaw::KeysMissing));
    assert!(!put(&issuers, set(&[&a.jwk])));
    assert_eq!(
        flaw_at(&issuers, &token, NOW + 99),
        None,
        "and it is cached"
    );
    let old = Some(TokenFlaw::KeysTooOld);
    assert_eq!(
        flaw_at(&issuers, &token, NOW + 100),
        old,
        "by the time alone"
    );
    assert_eq!(flaw_at(&issuers, &token, NOW + 99), None);
    assert!(put(&issuers, Known::TooOld));
    assert_eq!(flaw_at(&issuers, &token, NOW), old);
    assert!(!put(&issuers, set(&[&a.jwk])));
    assert_eq!(flaw_at(&issuers, &token, NOW), None);
}

#[test]
fn another_issuer_is_untouched() {
    let a = Pair::es256("a");
    let folder = tempfile::tempdir().unwrap();
    let fixed = issuer(folder.path(), "https://p.example", &[&a.jwk]);
    let issuers = load([("owners", fetched(ISS)), ("partners", fixed)]);
    let partners = with(claims(), json!({ "iss": "https://p.example" }));
    let token = a.sign(&header(), &partners);
    assert_eq!(
        flaw_at(&issuers, &by(&a, "a"), NOW),
        Some(TokenFlaw::KeysMissing)
    );
    assert_eq!(flaw_at(&issuers, &token, NOW), None);
    let published = issuers.published().next().unwrap();
    let now = clock::monotonic();
    published.withdrew(now);
    assert!(issuers.withdrew_since("owners", now));
    assert!(!issuers.withdrew_since("partners", now));
}

#[test]
fn only_for_a_key_that_may_be_new_is_the_issuer_asked() {
    let issuers = load([("owners", fetched(ISS))]);
    let (a, b) = (Pair::es256("a"), Pair::es256("b"));
    let wanted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&wanted);
    let published = issuers.published().next().unwrap();
    published.when_wanted(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let wants = |token: &str, expected: Option<TokenFlaw>| {
        let before = wanted.load(Ordering::SeqCst);
        assert_eq!(flaw_at(&issuers, token, NOW), expected);
        wanted.load(Ordering::SeqCst) - before
    };
    // the issuer is being asked already
    assert_eq!(wants(&by(&a, "a"), Some(TokenFlaw::KeysMissing)), 0);
    assert!(!put(&issuers, set(&[&a.jwk, &b.jwk])));
    assert_eq!(wants(&by(&a, "a"), None), 0);
    // a new key of an old id
    assert_eq!(wants(&by(&a, "b"), Some(TokenFlaw::BadSignature)), 1);
    assert_eq!(wants(&by(&a, "c"), Some(TokenFlaw::UnknownKey)), 1);
    let nameless = a.sign(&with(header(), json!({ "kid": null })), &claims());
    assert_eq!(wants(&nameless, Some(TokenFlaw::UnknownKey)), 1);
    let typed = a.sign(
        &with(header(), json!({ "kid": "c", "typ": "JWT" })),
        &claims(),
    );
    assert_eq!(wants(&typed, Some(TokenFlaw::WrongType)), 0);
}

#[test]
fn a_reload_keeps_the_keys_of_a_source_that_stays() {
    let a = Pair::es256("a");
    let token = by(&a, "a");
    let before = load([("owners", fetched(ISS))]);
    assert!(!put(&before, set(&[&a.jwk])));
    assert_eq!(flaw_at(&before, &token, NOW), None);
    let mut same = fetched(ISS);
    same.audiences.push("more".to_owned());
    let mut after = load([("owners", same)]);
    after.inherit(&before);
    assert_eq!(flaw_at(&after, &token, NOW), None);
    let (one, two) = (before.published().next(), after.published().next());
    assert!(
        Arc::ptr_eq(one.unwrap(), two.unwrap()),
        "it is one thing still"
    );

    let changes: [&dyn Fn(&mut file::Issuer); 4] = [
        &|all| all.jwks_url = Some("http://127.0.0.1/other".to_owned()),
        &|all| {
            all.jwks_url = None;
            all.discovery = true;
        },
        &|all| {
            all.algorithms.insert(file::Algorithm::EdDSA);
        },
        &|all| all.fetch.as_mut().unwrap().max_age = Span::from_secs(99),
    ];
    for change in changes {
        let mut settings = fetched(ISS);
        change(&mut settings);
        let mut after = load([("owners", settings.clone())]);
        after.inherit(&before);
        let flaw = flaw_at(&after, &token, NOW);
        assert_eq!(flaw, Some(TokenFlaw::KeysMissing), "{settings:?}");
    }
    let mut renamed = load([("partners", fetched(ISS))]);
    renamed.inherit(&before);
    assert_eq!(flaw_at(&renamed, &token, NOW), Some(TokenFlaw::KeysMissing));
}

#[test]
fn what_began_before_a_key_was_gone_is_known() {
    let issuers = load([("owners", fetched(ISS))]);
    let begun: Instant = clock::monotonic();
    assert!(!issuers.withdrew_since("owners", begun));
    issuers.published().next().unwrap().withdrew(begun);
    assert!(issuers.withdrew_since("owners", begun));
    let later = begun + Duration::from_millis(1);
    assert!(!issuers.withdrew_since("owners", later));
}
