//! Is only that loaded which may be, and is the way back there?

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::pipeline::policy::bundle::{Proofs, Results, SigningKey, VerifyingKey};

const NOW: Duration = Duration::from_secs(1_764_000_000);

struct Keys {
    signing: SigningKey,
    trusted: [VerifyingKey; 1],
}

fn keys() -> Keys {
    let pem = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
        -----END PRIVATE KEY-----\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, pem).unwrap();
    let signing = SigningKey::read(Path::new(&file)).unwrap();
    let trusted = [signing.verifying()];
    Keys { signing, trusted }
}

/// A signed bundle of this time; `proved` or not.
fn bundle(built: u64, proved: bool) -> Bundle {
    let names = ["ceilings/c.cedar", "floors/f.cedar"];
    let operators = names.map(|name| format!("admin/{name}"));
    let names = names.map(str::to_owned).into_iter().chain(operators);
    let files: BTreeMap<_, _> = names.map(|name| (name, String::new())).collect();
    let claims = ["ceiling c", "floor f", "never errs"];
    let operators = claims.map(|claim| format!("operators: {claim}"));
    let claims = claims.map(str::to_owned).into_iter().chain(operators);
    let proofs = proved.then(|| Proofs {
        environments: 1,
        questions: 1,
        claims: claims.map(|one| (one, String::new())).collect(),
    });
    let results = Results {
        program: "x".to_owned(),
        cases: 1,
        proofs,
    };
    let keys = keys();
    let sealed = Bundle::of(files, built, results).unwrap();
    let sealed = sealed.seal(&keys.signing).unwrap();
    Bundle::open(&sealed, &keys.trusted, |_| false).unwrap()
}

/// The same, by a key that nobody trusts.
fn foreign(built: u64) -> Bundle {
    let sealed = bundle(built, true).seal(&keys().signing).unwrap();
    Bundle::open(&sealed, &[], |_| true).unwrap()
}

fn changed() -> Changed<'static> {
    Changed {
        by: "night",
        reason: "it locks owners out",
        at: NOW,
    }
}

/// After these were loaded one after the other, as they were given.
fn after(bundles: &[&Bundle]) -> Generations {
    let loaded = bundles.iter();
    loaded.fold(Generations::default(), |generations, bundle| {
        assert_eq!(generations.choose(bundle.id()), Which::Given);
        assert_eq!(generations.judge(bundle, &Which::Given, true, NOW), Ok(()));
        generations.with(bundle, &Which::Given, NOW)
    })
}

fn ids(generations: &Generations) -> Vec<&BundleId> {
    generations.loaded.iter().map(|one| &one.bundle).collect()
}

#[test]
fn five_are_kept_and_the_newest_is_in_force() {
    let all: Vec<Bundle> = (1..=7).map(|built| bundle(built, true)).collect();
    let generations = after(&all.iter().collect::<Vec<_>>());
    let wanted: Vec<&BundleId> = all.iter().rev().take(KEPT).map(Bundle::id).collect();
    assert_eq!(ids(&generations), wanted);
    assert_eq!(generations.in_force(), Some(all[6].id()));
    assert_eq!(generations.newest_built, 7);
    let again = generations.with(&all[6], &Which::Given, NOW);
    assert_eq!(again, generations, "a reload of the same changes nothing");
}

#[test]
fn an_older_one_or_one_from_far_ahead_is_refused() {
    let generations = after(&[&bundle(5, true)]);
    let judge = |built| generations.judge(&bundle(built, true), &Which::Given, true, NOW);
    assert_eq!(judge(4), Err(Refused::Older));
    assert_eq!(judge(5), Ok(()));
    let day = NOW.as_secs() + 24 * 60 * 60;
    assert_eq!(judge(day), Ok(()));
    assert_eq!(judge(day + 1), Err(Refused::Ahead));
}

#[test]
fn what_was_not_proved_is_refused_where_proofs_are_wanted() {
    let generations = Generations::default();
    let judge = |insist| generations.judge(&bundle(1, false), &Which::Given, insist, NOW);
    let Err(Refused::Unproved(claims)) = judge(true) else {
        panic!("it is loaded");
    };
    assert_eq!(claims.len(), 6, "{claims:?}");
    assert_eq!(judge(false), Ok(()));
}

#[test]
fn an_operator_goes_back_step_by_step_and_to_any() {
    let [one, two, three] = [1, 2, 3].map(|built| bundle(built, true));
    let generations = after(&[&one, &two, &three]);
    let back = generations
        .roll_back(Some(three.id()), None, &changed())
        .unwrap();
    assert_eq!(back.in_force(), Some(two.id()));
    assert_eq!(back.choose(three.id()), Which::Kept(two.id().clone()));
    let which = back.choose(three.id());
    assert_eq!(
        back.judge(&two, &which, true, NOW),
        Ok(()),
        "an older one, on purpose"
    );
    assert_eq!(back.with(&two, &which, NOW), back);
    let further = back.roll_back(Some(three.id()), None, &changed()).unwrap();
    assert_eq!(further.in_force(), Some(one.id()));
    assert_eq!(further.choose(three.id()), Which::Kept(one.id().clone()));
    let none = further.roll_back(Some(three.id()), None, &changed());
    assert_eq!(none, Err(Refused::NothingKept));
    let digits = three.id().short();
    let forth = further
        .roll_back(Some(three.id()), Some(digits), &changed())
        .unwrap();
    assert_eq!(forth.in_force(), Some(three.id()));
    assert_eq!(forth.choose(three.id()), Which::Kept(three.id().clone()));
    let same = forth.roll_back(Some(three.id()), Some(digits), &changed());
    assert_eq!(same, Err(Refused::InForce(three.id().clone())));
    let record = forth.rolled_back.unwrap();
    assert_eq!((&*record.by, record.at), ("night", NOW.as_secs()));
}

#[test]
fn digits_that_name_none_or_are_too_few_lead_nowhere() {
    let [one, two] = [1, 2].map(|built| bundle(built, true));
    let generations = after(&[&one, &two]);
    let few = one.id().as_str().split_at(7).0;
    for digits in ["", "0000000000000000", "x", few] {
        let unknown = generations.roll_back(None, Some(digits), &changed());
        assert_eq!(unknown, Err(Refused::Unknown(digits.to_owned())));
    }
}

#[test]
fn another_bundle_ends_the_going_back() {
    let [one, two, three] = [1, 2, 3].map(|built| bundle(built, true));
    let back = after(&[&one, &two]).roll_back(Some(two.id()), None, &changed());
    let back = back.unwrap();
    assert_eq!(back.choose(three.id()), Which::Given);
    let mended = back.with(&three, &Which::Given, NOW);
    assert_eq!(mended.in_force(), Some(three.id()));
    assert_eq!(mended.rolled_back, None);
    let left = mended.judge(&two, &mended.choose(two.id()), true, NOW);
    assert_eq!(
        left,
        Err(Refused::Older),
        "what was left doesn't come back by itself"
    );
}

#[test]
fn where_the_given_one_was_never_loaded_going_back_stays_at_what_is_in_force() {
    let [one, two, broken] = [1, 2, 3].map(|built| bundle(built, true));
    let generations = after(&[&one, &two]);
    let back = generations
        .roll_back(Some(broken.id()), None, &changed())
        .unwrap();
    assert_eq!(back.in_force(), Some(two.id()));
    assert_eq!(back.choose(broken.id()), Which::Kept(two.id().clone()));
    let again = back.roll_back(Some(broken.id()), None, &changed()).unwrap();
    assert_eq!(again.in_force(), Some(one.id()));
    let nothing = Generations::default().roll_back(Some(one.id()), None, &changed());
    assert_eq!(nothing, Err(Refused::NothingKept));
}

#[test]
fn an_operator_vouches_for_these_bytes_and_for_a_time() {
    let minute = Duration::from_secs(60);
    let generations = after(&[&bundle(5, true)]);
    let odd = foreign(4);
    let admitted = generations.admit(odd.id(), minute, &changed()).unwrap();
    let judge = |bundle: &Bundle, now| admitted.judge(bundle, &Which::Given, true, now);
    let end = NOW + minute;
    let before = NOW + Duration::from_secs(59);
    assert!(admitted.vouches(odd.id(), before));
    assert_eq!(judge(&odd, before), Ok(()));
    assert!(!admitted.vouches(odd.id(), end));
    assert_eq!(judge(&odd, end), Err(Refused::Older));
    assert!(!admitted.vouches(bundle(6, true).id(), NOW));
    let loaded = admitted.with(&odd, &Which::Given, NOW);
    assert_eq!(loaded.loaded[0].signer, None);
    assert_eq!(
        loaded.newest_built, 5,
        "nobody signed when that one was built"
    );
    assert_eq!(loaded.with(&odd, &Which::Given, end).admitted, None);
    for term in [0, 59, 3 * 24 * 60 * 60 + 1] {
        let term = Duration::from_secs(term);
        assert_eq!(
            generations.admit(odd.id(), term, &changed()),
            Err(Refused::Term)
        );
    }
}
