//! Can anybody be somebody else?

use serde_json::json;

use crate::support::Tokens;
use crate::{House, OWNED, Row};

fn ask(credentials: &str) -> Vec<u8> {
    format!("GET /cars/{OWNED}/battery HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{credentials}\r\n").into_bytes()
}

#[test]
fn a_token_stands_in_one_place_in_one_spelling() {
    let house = House::start();
    let (owner, stranger) = (&house.owner, house.tokens.token("stranger"));
    let (head, rest) = owner.split_once('.').unwrap_or_default();
    let unsigned = rest.rsplit_once('.').map_or("", |(claims, _)| claims);
    house.refuses(&[
        ("the stranger", ask(&format!("Authorization: Bearer {stranger}\r\n"))),
        ("two lines", ask(&format!("Authorization: Bearer {stranger}\r\nAuthorization: Bearer {owner}\r\n"))),
        ("a list", ask(&format!("Authorization: Bearer {stranger}, Bearer {owner}\r\n"))),
        ("another spelling beside it", ask(&format!("Authorization: Bearer {owner}\r\nauthorization_: x\r\nAUTHORIZATION: Bearer {stranger}\r\n"))),
        ("no scheme", ask(&format!("Authorization: {owner}\r\n"))),
        ("basic", ask(&format!("Authorization: Basic {owner}\r\n"))),
        ("a tab", ask(&format!("Authorization: Bearer\t{owner}\r\n"))),
        ("quotes", ask(&format!("Authorization: Bearer \"{owner}\"\r\n"))),
        ("padding", ask(&format!("Authorization: Bearer {owner}==\r\n"))),
        ("a dot more", ask(&format!("Authorization: Bearer {owner}.\r\n"))),
        ("no signature", ask(&format!("Authorization: Bearer {head}.{unsigned}.\r\n"))),
        ("two parts", ask(&format!("Authorization: Bearer {head}.{unsigned}\r\n"))),
        ("cookie", ask(&format!("Cookie: access_token={owner}\r\n"))),
        ("proxy", ask(&format!("Proxy-Authorization: Bearer {owner}\r\n"))),
        ("CGI", ask(&format!("Http-Authorization: Bearer {owner}\r\n"))),
        ("an assertion", ask(&format!("Vingate-Assertion: {owner}\r\n"))),
        ("too long", ask(&format!("Authorization: Bearer {}\r\n", "a".repeat(9_000)))),
        ("in the query", house.ask(&format!("GET /cars/{OWNED}/battery?access_token={owner}"), "", "")),
    ]);
    house.lets_through(&[
        ("plain", ask(&format!("Authorization: Bearer {owner}\r\n"))),
        (
            "any case of the scheme",
            ask(&format!("authorization: bEaReR {owner}\r\n")),
        ),
    ]);
    house.one_record_each();
}

#[test]
fn a_token_says_who_made_it_for_whom_and_until_when() {
    let house = House::start();
    let now = vingate::clock::unix_time().as_secs();
    let good = json!({"alg": "ES256", "typ": "at+jwt", "kid": "test-1"});
    let bearer = |token: &str| ask(&format!("Authorization: Bearer {token}\r\n"));
    let claim = |name: &str, value: serde_json::Value| {
        let mut claims = Tokens::claims("owner");
        claims[name] = value;
        bearer(&house.tokens.sign(&claims))
    };
    let header = |name: &str, value: serde_json::Value| {
        let mut header = good.clone();
        header[name] = value;
        bearer(&house.tokens.sign_as(&header, &Tokens::claims("owner")))
    };
    let rows: Vec<Row> = vec![
        ("none", header("alg", json!("none"))),
        ("a shared secret", header("alg", json!("HS256"))),
        ("another curve", header("alg", json!("ES384"))),
        ("lower case", header("alg", json!("es256"))),
        ("an identity token", header("typ", json!("JWT"))),
        ("no type", header("typ", json!(null))),
        ("an unknown key", header("kid", json!("../../dev/null"))),
        ("its own key", header("jwk", json!({"kty": "EC"}))),
        (
            "a key to fetch",
            header("jku", json!("https://evil.example/jwks")),
        ),
        ("an extension", header("crit", json!(["exp"]))),
        ("compressed", header("zip", json!("DEF"))),
        ("another issuer", claim("iss", json!("https://id.test/"))),
        ("issuers", claim("iss", json!(["https://id.test"]))),
        ("another audience", claim("aud", json!("telematics2"))),
        ("no audience", claim("aud", json!([]))),
        ("empty subject", claim("sub", json!(""))),
        ("a number for a subject", claim("sub", json!(1))),
        ("subject with a line", claim("sub", json!("owner\n"))),
        ("subject with a space", claim("sub", json!("owner "))),
        ("subject in capitals", claim("sub", json!("OWNER"))),
        ("a long subject", claim("sub", json!("o".repeat(300)))),
        ("expired", claim("exp", json!(now - 120))),
        ("expires as text", claim("exp", json!("99999999999"))),
        (
            "expires in a fraction",
            claim("exp", json!(99_999_999_999.5)),
        ),
        ("immortal", claim("exp", json!(9_999_999_999_999_u64))),
        ("not yet", claim("nbf", json!(now + 600))),
        ("made tomorrow", claim("iat", json!(now + 86_400))),
        (
            "a client as a list",
            claim("client_id", json!(["test-app"])),
        ),
        ("two clients", claim("azp", json!("other-app"))),
    ];
    house.refuses(&rows);
    house.lets_through(&[
        ("plain", bearer(&house.owner)),
        ("many scopes", claim("scope", json!("a ".repeat(100)))),
    ]);
    house.one_record_each();
}
