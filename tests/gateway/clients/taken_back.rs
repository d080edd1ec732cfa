//! Is a certificate refused that an operator took back, and what is bound to it?

use serde_json::json;

use super::{House, commands};
use crate::support::Tokens;
use crate::{FOREIGN, OWNED};

fn token(house: &House, verb: &str, what: [&str; 2]) {
    let words = [
        "token",
        verb,
        "--issuer",
        "tcu",
        "--reason",
        "a stolen unit",
    ];
    let output = house.gateway.operate(&[&words[..], &what].concat());
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_certificate_is_taken_back_by_its_thumbprint_or_whom_it_names() {
    let house = House::new("optional");
    let (own, other) = (house.car(OWNED), house.car(FOREIGN));
    let thumbprint = vingate::digest::sha256(&own.chain()[0]);
    let hex = vingate::digest::hex(&thumbprint).to_uppercase();
    let mut claims = Tokens::claims("owner");
    let encoded = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        thumbprint,
    );
    claims["cnf"] = json!({ "x5t#S256": encoded });
    let bearer = format!("Authorization: Bearer {}", house.tokens.sign(&claims));
    let battery = format!("/cars/{OWNED}/battery");
    let answers = || {
        let car = house.status(Some(&own), &[], &commands(OWNED));
        let another = house.status(Some(&other), &[], &commands(FOREIGN));
        let bound = house.status(Some(&own), &["-H", &bearer], &battery);
        [car, another, bound].map(Option::unwrap_or_default)
    };
    assert_eq!(answers(), ["200", "200", "200"]);
    token(&house, "revoke", ["--thumbprint", &hex]);
    assert_eq!(answers(), ["401", "200", "401"]);
    token(&house, "restore", ["--thumbprint", &hex]);
    assert_eq!(answers(), ["200", "200", "200"]);
    token(&house, "revoke", ["--subject", OWNED]);
    assert_eq!(answers(), ["401", "200", "200"]);
    token(&house, "restore", ["--subject", OWNED]);
    assert_eq!(answers(), ["200", "200", "200"]);
}
