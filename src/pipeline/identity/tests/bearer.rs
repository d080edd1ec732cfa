//! Where may a token stand, and in which form?

use http::header::{CONTENT_TYPE, COOKIE};

use super::*;
use crate::pipeline::identity::presented::TOKEN_BYTES;
use crate::pipeline::parameters;

fn bearer_of(lines: &[&[u8]]) -> Result<String, Denial> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
    }
    let shown = presented(&headers)?;
    assert_eq!(shown.0, Scheme::Bearer);
    Ok(shown.1.to_owned())
}

#[test]
fn only_one_bearer_token_is_taken() {
    for line in [
        "Bearer a.b-c_d~e+f/g=",
        "bearer a",
        "BEARER  a",
        "bEaReR a==",
    ] {
        let token = line.split(' ').next_back().unwrap();
        assert_eq!(
            bearer_of(&[line.as_bytes()]).as_deref(),
            Ok(token),
            "{line}"
        );
    }
    assert_eq!(bearer_of(&[]), Err(Denial::TokenMissing));
    let table: [(&[&[u8]], TokenFlaw); 17] = [
        (&[b"Bearer a", b"Bearer a"], TokenFlaw::HeaderDuplicate),
        (&[b"Bearer a", b"Basic YTpi"], TokenFlaw::HeaderDuplicate),
        (&[b"Basic YTpi"], TokenFlaw::SchemeUnknown),
        (&[b"DPoP"], TokenFlaw::Malformed),
        (&[b"DPoPs a"], TokenFlaw::SchemeUnknown),
        (&[b"a.b.c"], TokenFlaw::SchemeUnknown),
        (&[b""], TokenFlaw::SchemeUnknown),
        (&[b"Bearer\ta"], TokenFlaw::SchemeUnknown),
        (&[b"Bearer"], TokenFlaw::Malformed),
        (&[b"Bearer "], TokenFlaw::Malformed),
        (&[b"Bearer ="], TokenFlaw::Malformed),
        (&[b"Bearer a b"], TokenFlaw::Malformed),
        (&[b"Bearer a "], TokenFlaw::Malformed),
        (&[b"Bearer a,b"], TokenFlaw::Malformed),
        (&[b"Bearer a=b"], TokenFlaw::Malformed),
        (&[b"Bearer \"a\""], TokenFlaw::Malformed),
        (&[b"Bearer a\xff"], TokenFlaw::Malformed),
    ];
    for (lines, expected) in table {
        assert_eq!(
            bearer_of(lines),
            Err(Denial::TokenInvalid(expected)),
            "{lines:?}"
        );
    }
}

#[test]
fn a_token_has_a_longest_length() {
    let line = |length| format!("Bearer {}", "a".repeat(length)).into_bytes();
    assert!(bearer_of(&[&line(TOKEN_BYTES)]).is_ok());
    let refused = bearer_of(&[&line(TOKEN_BYTES + 1)]);
    assert_eq!(refused, Err(Denial::TokenInvalid(TokenFlaw::TooLong)));
}

#[test]
fn a_token_in_the_query_is_noticed() {
    for names in [vec!["access_token"], vec!["vin", "Access_Token"]] {
        assert!(carries_token(names.iter().copied()), "{names:?}");
    }
    assert!(!carries_token(["vin", "access", "token"].into_iter()));
}

#[test]
fn a_second_token_in_a_cookie_or_a_form_is_refused() {
    let world = world();
    let token = world.a.sign(&header(), &claims());
    let with_cookie = |cookie: &str| {
        let mut head = head(&token, NOW);
        let line = HeaderValue::try_from(cookie).unwrap();
        head.headers.insert(COOKIE, line);
        identify(&world.issuers, &surface(), &head).map(drop)
    };
    assert_eq!(with_cookie("PHPSESSID=a; token=b; access=c"), Ok(()));
    let refused = Err(Denial::TokenInvalid(TokenFlaw::InCookie));
    for cookie in [
        "access_token=x",
        "a=b; Access-Token=x",
        "a=b;access%5Ftoken",
    ] {
        assert_eq!(with_cookie(cookie), refused, "{cookie}");
    }
    let form = |form: &str| {
        let mut headers = HeaderMap::new();
        let media = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, media);
        check_form(&parameters::judge(&headers, form.as_bytes()).unwrap())
    };
    assert_eq!(form("VIN=a&token=b"), Ok(()));
    assert_eq!(form(""), Ok(()));
    let refused = Err(Denial::TokenInvalid(TokenFlaw::InForm));
    for text in ["access_token=x", "VIN=a&ACCESS_TOKEN=x", "access%5ftoken="] {
        assert_eq!(form(text), refused, "{text}");
    }
}
