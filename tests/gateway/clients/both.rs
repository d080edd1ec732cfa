//! Does a token that is bound to a key and to a certificate count with both, and with neither alone?

use serde_json::json;

use super::House;
use crate::support::proofs::Prover;
use crate::{FOREIGN, OWNED};

#[test]
fn a_token_that_asks_for_two_proofs_takes_both() {
    let house = House::with("optional", "[dpop]\nstore = \"local\"\n");
    let (own, other) = (house.car(OWNED), house.car(FOREIGN));
    let (prover, stranger) = (Prover::new(), Prover::new());
    let mut claims = prover.claims("owner");
    let encoded = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        vingate::digest::sha256(&own.chain()[0]),
    );
    claims["cnf"]["x5t#S256"] = json!(encoded);
    let token = house.tokens.sign(&claims);
    let battery = format!("/cars/{OWNED}/battery");
    let address = format!("https://localhost:{}{battery}", house.gateway.edge.port());
    let proof = |by: &Prover, id: &str| by.proof(&token, ("GET", &address), id);
    let rows = [
        (Some(&own), Some(proof(&prover, "1")), "200"),
        (Some(&own), None, "401"),
        (Some(&own), Some(proof(&stranger, "2")), "401"),
        (Some(&other), Some(proof(&prover, "3")), "401"),
        (None, Some(proof(&prover, "4")), "401"),
        (Some(&own), Some(proof(&prover, "1")), "401"), // used before
        (Some(&own), Some(proof(&prover, "5")), "200"),
    ];
    let authorization = format!("Authorization: DPoP {token}");
    for (row, (shown, proof, expected)) in rows.into_iter().enumerate() {
        let field = proof.map(|proof| format!("DPoP: {proof}"));
        let mut fields = vec!["-H", &authorization];
        if let Some(field) = &field {
            fields.extend(["-H", field]);
        }
        let got = house.status(shown, &fields, &battery);
        assert_eq!(got.as_deref(), Some(expected), "row {row}");
    }
    let bearer = format!("Authorization: Bearer {token}");
    let got = house.status(Some(&own), &["-H", &bearer], &battery);
    assert_eq!(got.as_deref(), Some("401"), "the certificate alone");
}
