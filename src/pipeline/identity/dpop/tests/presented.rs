//! By which scheme does which token come, and is its proof asked for each time?

use super::*;
use crate::config::Mistakes;
use crate::config::file::{BoundTokens, DenialFormat};
use crate::denial::Denial;
use crate::pipeline::identity::minting::{issuer, named, pseudonym};
use crate::pipeline::identity::sign_in::Authentication;
use crate::pipeline::identity::{Identified, Issuers, identify};
use crate::pipeline::route::Surface;

const ISS: &str = "https://id.example";

struct World {
    _folder: tempfile::TempDir,
    issuers: Issuers,
    issuer: Pair,
    pair: Pair,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let issuing = Pair::es256("a");
    let mut mistakes = Mistakes::default();
    let all = named([("owners", issuer(folder.path(), ISS, &[&issuing.jwk]))]);
    let issuers = Issuers::load(&all, 100, pseudonym(), &mut mistakes);
    assert!(mistakes.is_empty(), "{mistakes}");
    World {
        _folder: folder,
        issuers,
        issuer: issuing,
        pair: Pair::es256("k"),
    }
}

fn surface(bound_tokens: BoundTokens) -> Surface {
    Surface {
        name: Arc::from("mobile"),
        hosts: Vec::new(),
        issuers: vec![Arc::from("owners")],
        certificates: Vec::new(),
        bound_tokens,
        denial_format: DenialFormat::Problem,
        protected: false,
        client_version: None,
    }
}

impl World {
    /// A token with this `cnf`; of whoever bears it for null.
    fn token(&self, cnf: &Value) -> String {
        let header = json!({ "typ": "at+jwt", "alg": "ES256", "kid": "a" });
        let claims = json!({
            "iss": ISS, "aud": "telematics", "sub": "user-1", "exp": NOW + 300, "iat": NOW - 10,
            "client_id": "app", "jti": "t1",
        });
        self.issuer
            .sign(&header, &with(claims, &json!({ "cnf": cnf })))
    }

    fn bound(&self) -> String {
        self.token(&json!({ "jkt": encode(thumbprint_of(&self.pair.jwk)) }))
    }

    fn proof(&self, token: &str, change: &Value) -> String {
        let ath = json!({ "ath": encode(sha256(token.as_bytes())) });
        let claims = with(with(claims(), &ath), change);
        self.pair.sign(&header_of(&self.pair), &claims)
    }

    fn ask(
        &self,
        line: &str,
        proof: Option<&str>,
        (terms, demand): (Option<&Terms>, BoundTokens),
    ) -> Result<Identified, Denial> {
        let mut head = head(proof.as_slice());
        let line = HeaderValue::try_from(line).unwrap();
        head.headers.insert(AUTHORIZATION, line);
        identify((&self.issuers, terms), &surface(demand), &head)
    }
}

fn flaw(found: Result<Identified, Denial>) -> Option<TokenFlaw> {
    match found {
        Ok(_) => None,
        Err(Denial::TokenInvalid(flaw)) => Some(flaw),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
#[rustfmt::skip] // a table, a row a line
fn each_token_comes_by_its_scheme() {
    let world = world();
    let (bound, free) = (world.bound(), world.token(&Value::Null));
    let (of_bound, of_free) = (world.proof(&bound, &json!({})), world.proof(&free, &json!({})));
    let (of_bound, of_free) = (Some(&*of_bound), Some(&*of_free));
    let terms = terms();
    let any = (Some(&terms), BoundTokens::AsIssued);
    let strict = (Some(&terms), BoundTokens::Required);
    let none = (None, BoundTokens::AsIssued);
    let as_token = format!("DPoP {}", of_bound.unwrap());
    let (as_dpop, as_bearer) = (format!("DPoP {bound}"), format!("Bearer {bound}"));
    let (free_as_dpop, free_as_bearer) = (format!("DPoP {free}"), format!("Bearer {free}"));
    let table = [
        (as_dpop.clone(), of_bound, any, None),
        (format!("dpop {bound}"), of_bound, any, None),
        (as_dpop.clone(), of_bound, strict, None),
        (free_as_bearer.clone(), None, any, None),
        (free_as_bearer.clone(), of_free, any, None), // says nothing of a token that asks for none
        (free_as_bearer.clone(), Some("garbage"), any, None),
        (free_as_bearer, of_free, strict, Some(TokenFlaw::NotBound)),
        (as_bearer.clone(), of_bound, any, Some(TokenFlaw::BoundAsBearer)),
        (as_bearer.clone(), None, any, Some(TokenFlaw::BoundAsBearer)),
        (free_as_dpop.clone(), of_free, any, Some(TokenFlaw::UnboundAsDpop)),
        (free_as_dpop, of_free, strict, Some(TokenFlaw::UnboundAsDpop)),
        (as_dpop.clone(), None, any, Some(TokenFlaw::ProofMissing)),
        (as_dpop.clone(), of_free, any, Some(TokenFlaw::ProofOfOtherToken)),
        (as_dpop, of_bound, none, Some(TokenFlaw::ProofMissing)),
        (as_bearer, of_bound, none, Some(TokenFlaw::ProofMissing)),
        (format!("DPoP {bound}x"), of_bound, any, Some(TokenFlaw::Malformed)),
        (as_token, of_bound, any, Some(TokenFlaw::HeaderForbidden)),
    ];
    for (number, (line, proof, by, expected)) in table.into_iter().enumerate() {
        assert_eq!(flaw(world.ask(&line, proof, by)), expected, "{number}");
    }
}

#[test]
fn who_proved_it_is_bound_and_nobody_else() {
    let world = world();
    let (bound, free) = (world.bound(), world.token(&Value::Null));
    let terms = terms();
    let any = (Some(&terms), BoundTokens::AsIssued);
    let worth = |line: String, proof: &str| -> (Authentication, bool) {
        let found = world.ask(&line, Some(proof), any).unwrap();
        let worth = found.principal.authentication(Duration::from_secs(NOW));
        (worth, found.proof.is_some())
    };
    let (proven, used) = worth(format!("DPoP {bound}"), &world.proof(&bound, &json!({})));
    assert!(proven.bound && used);
    let (plain, used) = worth(format!("Bearer {free}"), &world.proof(&free, &json!({})));
    assert!(!plain.bound && !used);
}

/// However well the token is known by then.
#[test]
fn a_remembered_token_needs_a_proof_each_time() {
    let world = world();
    let bound = world.bound();
    let line = format!("DPoP {bound}");
    let terms = terms();
    let any = (Some(&terms), BoundTokens::AsIssued);
    let good = world.proof(&bound, &json!({}));
    let first = world.ask(&line, Some(&good), any).unwrap();
    let again = world.ask(&line, Some(&good), any).unwrap();
    assert!(
        Arc::ptr_eq(&first.principal, &again.principal),
        "it is remembered"
    );
    let stale = world.proof(&bound, &json!({ "iat": NOW - 60 }));
    for (proof, expected) in [
        (None, TokenFlaw::ProofMissing),
        (Some(&*stale), TokenFlaw::ProofStale),
        (Some("garbage"), TokenFlaw::ProofMalformed),
    ] {
        assert_eq!(flaw(world.ask(&line, proof, any)), Some(expected));
    }
    let refused = flaw(world.ask(&line, Some(&good), (None, BoundTokens::AsIssued)));
    assert_eq!(
        refused,
        Some(TokenFlaw::ProofMissing),
        "no proof is taken any more"
    );
}

/// Certificates are not proven here: a token that asks for one isn't taken, with the key's proof or not.
#[test]
fn all_that_a_token_asks_for_is_proven() {
    let world = world();
    let key = encode(thumbprint_of(&world.pair.jwk));
    let terms = terms();
    let any = (Some(&terms), BoundTokens::AsIssued);
    for cnf in [
        json!({ "jkt": key, "x5t#S256": key }),
        json!({ "x5t#S256": key }),
        json!({ "jkt": key, "kid": "k" }),
        json!({ "jkt": "AA" }),
        json!({}),
    ] {
        let token = world.token(&cnf);
        let proof = world.proof(&token, &json!({}));
        for scheme in ["DPoP", "Bearer"] {
            let found = world.ask(&format!("{scheme} {token}"), Some(&proof), any);
            assert_eq!(flaw(found), Some(TokenFlaw::ProofMissing), "{scheme} {cnf}");
        }
    }
}
