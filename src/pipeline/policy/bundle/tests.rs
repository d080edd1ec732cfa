//! Is a bundle taken only as it was signed?

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::pipeline::policy::files;

/// `openssl genpkey -algorithm ed25519`, twice.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    -----END PRIVATE KEY-----\n";
/// The secret of RFC 8032, section 7.1, test 1 is the one above: so is this public key.
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
    -----END PUBLIC KEY-----\n";
const OTHER: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n\
    -----END PRIVATE KEY-----\n";

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    fs::write(&file, text).unwrap();
    (folder, file)
}

fn key(text: &str) -> SigningKey {
    let (_folder, file) = file(text);
    SigningKey::read(&file).unwrap()
}

fn nobody(_: &BundleId) -> bool {
    false
}

fn results(claims: &[&str]) -> Results {
    let says = |name: &&str| ((*name).to_owned(), "it says so".to_owned());
    Results {
        program: "vingate 0.1.0".to_owned(),
        cases: 3,
        proofs: Some(Proofs {
            environments: 2,
            questions: 5,
            claims: claims.iter().map(says).collect(),
        }),
    }
}

fn texts(names: &[&str]) -> BTreeMap<String, String> {
    let text = |name: &&str| ((*name).to_owned(), format!("// {name} \u{e9}\n"));
    names.iter().map(text).collect()
}

const NAMES: [&str; 6] = [
    "a.cedar",
    "admin/ceilings/c.cedar",
    "admin/floors/f.cedar",
    "ceilings/c.cedar",
    "floors/f.cedar",
    "schema.cedarschema",
];
const CLAIMS: [&str; 6] = [
    "ceiling c",
    "floor f",
    "never errs",
    "operators: ceiling c",
    "operators: floor f",
    "operators: never errs",
];

fn bundle() -> Bundle {
    Bundle::of(texts(&NAMES), 1_764_000_000, results(&CLAIMS)).unwrap()
}

#[test]
fn what_was_signed_comes_back_and_is_the_same_bytes_each_time() {
    let key = key(KEY);
    let sealed = bundle().seal(&key).unwrap();
    assert_eq!(sealed, bundle().seal(&key).unwrap());
    let opened = Bundle::open(&sealed, &[key.verifying()], nobody).unwrap();
    assert_eq!(opened.id(), bundle().id());
    assert_eq!(&identity(&sealed).unwrap(), opened.id());
    assert_eq!(opened.signer(), Some(key.verifying().id()));
    assert_eq!(opened.built(), 1_764_000_000);
    assert_eq!(opened.results(), &results(&CLAIMS));
    assert_eq!(opened.unproved(), Vec::<String>::new());
    let back = files::gather(&opened.files(Path::new("policies.bundle"))).unwrap();
    assert_eq!(back, texts(&NAMES));
}

/// The signature of RFC 8032, section 7.1, test 1: the key is read as openssl writes it.
#[test]
fn the_key_of_the_standard_signs_as_the_standard_says() {
    let signature = key(KEY).sign(b"");
    let wanted = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
                  5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
    assert_eq!(digest::hex(&signature), wanted);
    let (_folder, public) = file(PUBLIC);
    let public = VerifyingKey::read(&public).unwrap();
    assert_eq!(public, key(KEY).verifying());
    assert!(public.verifies(b"", &signature));
    assert!(!public.verifies(b"x", &signature));
}

#[test]
fn a_key_that_is_none_is_told_by_its_file() {
    for text in ["", "-----BEGIN PRIVATE KEY-----\n", PUBLIC] {
        let (_folder, file) = file(text);
        let flaw = SigningKey::read(&file).err().unwrap();
        assert!(flaw.contains("key.pem` holds no unencrypted"), "{flaw}");
    }
    let ec = "-----BEGIN PUBLIC KEY-----\n\
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEq9QZ8DqrvtO3OiYQ7PHHjwgkuB6d\n\
        C/7grDVtiUnhVM52vSDb+GRlyJrLkRmAiQyWAXdOAi5JHlpHP4gZxMArvQ==\n\
        -----END PUBLIC KEY-----\n";
    for text in ["", KEY, ec] {
        let (_folder, file) = file(text);
        let flaw = VerifyingKey::read(&file).unwrap_err();
        assert!(flaw.contains("key.pem` holds no public"), "{flaw}");
    }
    let missing = SigningKey::read(Path::new("/nowhere/key.pem"))
        .err()
        .unwrap();
    assert!(
        missing.contains("can't read `/nowhere/key.pem`"),
        "{missing}"
    );
}

#[test]
fn another_key_counts_only_where_somebody_vouches_for_these_bytes() {
    let sealed = bundle().seal(&key(OTHER)).unwrap();
    let trusted = [key(KEY).verifying()];
    let refused = Bundle::open(&sealed, &trusted, nobody).unwrap_err();
    assert_eq!(refused, Flaw::Untrusted);
    assert_eq!(
        Bundle::open(&sealed, &[], nobody).unwrap_err(),
        Flaw::Untrusted
    );
    let id = identity(&sealed).unwrap();
    let vouched = Bundle::open(&sealed, &trusted, |one| *one == id).unwrap();
    assert_eq!(vouched.signer(), None);
    let both = [key(KEY).verifying(), key(OTHER).verifying()];
    let opened = Bundle::open(&sealed, &both, nobody).unwrap();
    assert_eq!(opened.signer(), Some(key(OTHER).verifying().id()));
}

proptest! {
    #[test]
    fn no_other_byte_anywhere_is_taken(place in any::<prop::sample::Index>(), flip in 1_u8..) {
        let key = key(KEY);
        let mut sealed = bundle().seal(&key).unwrap();
        let place = place.index(sealed.len());
        sealed[place] ^= flip;
        let opened = Bundle::open(&sealed, &[key.verifying()], nobody);
        prop_assert!(matches!(opened, Err(Flaw::Untrusted | Flaw::NotABundle)), "{place}");
    }

    #[test]
    fn a_part_of_a_bundle_or_more_than_one_is_none(cut in any::<prop::sample::Index>()) {
        let key = key(KEY);
        let sealed = bundle().seal(&key).unwrap();
        let part = &sealed[..cut.index(sealed.len())];
        prop_assert!(Bundle::open(part, &[key.verifying()], nobody).is_err());
        let more = [&sealed[..], part, b"\n"].concat();
        prop_assert!(Bundle::open(&more, &[key.verifying()], nobody).is_err());
    }
}

/// A bundle whose third part is anything, signed.
fn signed_by(key: &SigningKey, payload: &str) -> Vec<u8> {
    let signature = STANDARD.encode(key.sign(&signed(payload.as_bytes())));
    [FORM, signature.as_bytes(), b"\n", payload.as_bytes()].concat()
}

#[test]
fn what_is_signed_and_wrong_is_not_taken() {
    let key = key(KEY);
    let sound = String::from_utf8(write(&bundle().payload).unwrap()).unwrap();
    let opened = |payload: &str| {
        Bundle::open(&signed_by(&key, payload), &[key.verifying()], nobody).map(|_| ())
    };
    assert_eq!(opened(&sound), Ok(()));
    for (from, to, wanted) in [
        (
            "{\"built\"",
            "{\"more\":1,\"built\"",
            "unknown field `more`",
        ),
        ("\"a.cedar\"", "\"b.cedar\"", "digest is of other files"),
        ("// a.cedar", "// b.cedar", "digest is of other files"),
        (
            "\"a.cedar\"",
            "\"../a.cedar\"",
            "can't be the name of a file",
        ),
        ("\"a.cedar\"", "\"/a.cedar\"", "can't be the name of a file"),
        (
            "\"a.cedar\"",
            "\"cases//a.cedar\"",
            "can't be the name of a file",
        ),
        (
            "\"a.cedar\"",
            "\"./a.cedar\"",
            "can't be the name of a file",
        ),
        (
            "\"a.cedar\"",
            "\"a\\u0000.cedar\"",
            "can't be the name of a file",
        ),
        ("1764000000", "-1", "invalid value"),
    ] {
        let spoiled = sound.replacen(from, to, 1);
        assert_ne!(spoiled, sound, "{from}");
        let Err(Flaw::Unreadable(flaw)) = opened(&spoiled) else {
            panic!("{to} is taken");
        };
        assert!(flaw.contains(wanted), "{to}: {flaw}");
    }
    for payload in ["", "{}", "[]", "null"] {
        assert!(
            matches!(opened(payload), Err(Flaw::Unreadable(_))),
            "{payload}"
        );
    }
}

#[test]
fn a_signature_has_one_spelling() {
    let key = key(KEY);
    let sealed = bundle().seal(&key).unwrap();
    let text = String::from_utf8(sealed).unwrap();
    let opened = |text: &str| Bundle::open(text.as_bytes(), &[key.verifying()], nobody);
    assert!(opened(&text).is_ok());
    for (from, to) in [
        ("bundle 1\n", "bundle 1\r\n"),
        ("bundle 1\n", "bundle 2\n"),
        ("bundle 1\n", "bundle 1 \n"),
        ("==\n{", "\n{"),
        ("==\n{", "==\n\n{"),
        ("==\n{", "==\r\n{"),
        ("==\n{", "== \n{"),
        ("==\n{", "A=\n{"),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text, "{from:?}");
        assert!(opened(&other).is_err(), "{to:?}");
    }
}

#[test]
fn what_was_not_proved_is_named() {
    let unproved =
        |names: &[&str], results: Results| Bundle::of(texts(names), 0, results).unwrap().unproved();
    assert_eq!(unproved(&NAMES, results(&CLAIMS)), Vec::<String>::new());
    assert_eq!(unproved(&NAMES, results(&CLAIMS[1..])), ["ceiling c"]);
    assert_eq!(
        unproved(&NAMES, results(&CLAIMS[..5])),
        ["operators: never errs"]
    );
    let none = Results {
        proofs: None,
        ..results(&[])
    };
    let mut all = unproved(&NAMES, none);
    all.sort_unstable();
    assert_eq!(all, CLAIMS);
    let more = [&NAMES[..], &["ceilings/d.cedar"]].concat();
    assert_eq!(unproved(&more, results(&CLAIMS)), ["ceiling d"]);
    let without = ["a.cedar", "schema.cedarschema"];
    let missing = [
        "ceiling (there is none)",
        "floor (there is none)",
        "operators: ceiling (there is none)",
        "operators: floor (there is none)",
    ];
    assert_eq!(unproved(&without, results(&CLAIMS)), missing);
}

#[test]
fn more_than_a_gateway_takes_is_neither_made_nor_read() {
    let key = key(KEY);
    let mut files = texts(&NAMES);
    let most = usize::try_from(MOST_BYTES).unwrap();
    files.insert("large.cedar".to_owned(), "x".repeat(most));
    let large = Bundle::of(files, 0, results(&CLAIMS)).unwrap();
    assert!(large.seal(&key).unwrap_err().contains("is larger than"));
    let read = Bundle::open(&vec![b'x'; most + 1], &[key.verifying()], nobody);
    assert_eq!(read.unwrap_err(), Flaw::TooLarge);
}
