//! Which tokens are refused, and for what exactly does the record say?
//!
//! Several hundred forged, malformed and misused tokens, each with the word that stands in its record.
//! The classes of attack are those of RFC 8725, section 2.

mod claims;
mod forms;
mod headers;
mod signatures;

use std::collections::BTreeSet;

use super::*;

/// One token: what is wrong with it, the token, and the flaw.
type Row = (String, String, TokenFlaw);

/// A row with a token of issuer `owners` whose claims are changed so.
fn claiming(world: &World, change: &Value, expected: TokenFlaw) -> Row {
    let token = world.a.sign(&header(), &with(claims(), change.clone()));
    (format!("claims {}", shown(change)), token, expected)
}

fn heading(world: &World, change: &Value, expected: TokenFlaw) -> Row {
    let token = world.a.sign(&with(header(), change.clone()), &claims());
    (format!("header {}", shown(change)), token, expected)
}

/// A value as a row's name shows it: not all of what is long.
fn shown(change: &Value) -> String {
    change.to_string().chars().take(80).collect()
}

/// The word that stands in a denial's record.
fn in_record(world: &World, token: &str) -> Option<String> {
    let refused = identify_at(world, token, NOW).err()?;
    Some(refused.reason())
}

#[test]
fn each_is_refused_for_what_is_wrong_with_it() {
    let world = world();
    let good = world.a.sign(&header(), &claims());
    let rows: Vec<Row> = [
        headers::rows(&world),
        claims::rows(&world),
        forms::rows(&world),
        signatures::rows(&world),
    ]
    .concat();
    let different: BTreeSet<&str> = rows.iter().map(|(_, token, _)| token.as_str()).collect();
    assert_eq!(different.len(), rows.len(), "no token stands twice");
    assert!(rows.len() >= 300, "{}", rows.len());
    let wrong: Vec<_> = rows
        .iter()
        .map(|(name, token, flaw)| (name, in_record(&world, token), format!("{flaw:?}")))
        .filter(|(_, said, expected)| said.as_deref().map(folded) != Some(folded(expected)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(in_record(&world, &good), None, "after all of them");
}

/// A flaw's name in the code and its word in the record, alike.
fn folded(word: &str) -> String {
    word.replace('-', "").to_ascii_lowercase()
}

#[test]
fn a_key_serves_only_what_its_issuer_lists() {
    let world = world();
    let claims = with(claims(), json!({ "iss": "https://rsa.example" }));
    let listed = with(header(), json!({ "alg": "PS256", "kid": "r" }));
    let pss = Pair::rsa("r", Algorithm::PS256, None);
    assert_eq!(flaw(&world, &pss.sign(&listed, &claims)), None);
    let unlisted = with(header(), json!({ "alg": "RS256", "kid": "r" }));
    let refused = flaw(&world, &world.rsa.sign(&unlisted, &claims));
    assert_eq!(refused, Some(TokenFlaw::WrongAlgorithm));
}

/// An issuer whose tokens all have one `typ` states it; RFC 9068 asks nothing of them then.
#[test]
fn only_tokens_of_the_profile_need_a_client_and_an_id() {
    let folder = tempfile::tempdir().unwrap();
    let pair = Pair::es256("a");
    let mut settings = issuer(folder.path(), ISS, &[&pair.jwk]);
    settings.token_type = "JWT".to_owned();
    let mut mistakes = Mistakes::default();
    let issuers = Issuers::load(
        &named([("owners", settings)]),
        9,
        pseudonym(),
        &mut mistakes,
    );
    assert!(mistakes.is_empty(), "{mistakes}");
    let refused = |change: Value| {
        let claims = with(claims(), change);
        let token = pair.sign(&with(header(), json!({ "typ": "JWT" })), &claims);
        identify(&issuers, &surface(), &head(&token, NOW)).err()
    };
    let flaw = |flaw| Some(Denial::TokenInvalid(flaw));
    assert_eq!(refused(json!({ "client_id": null, "jti": null })), None);
    assert_eq!(
        refused(json!({ "iat": null })),
        flaw(TokenFlaw::ClaimMissing)
    );
    // its ID tokens and logout tokens are told apart by what they claim
    let of_others = [
        json!({ "at_hash": "x" }),
        json!({ "c_hash": "x" }),
        json!({ "s_hash": 5 }),
        json!({ "events": { "http://schemas.openid.net/event/backchannel-logout": {} } }),
    ];
    for change in of_others {
        assert_eq!(refused(change), flaw(TokenFlaw::WrongType));
    }
}
