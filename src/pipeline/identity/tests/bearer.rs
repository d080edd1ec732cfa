//! Where may a token stand, and in which form?

use super::*;

fn bearer_of(lines: &[&[u8]]) -> Result<String, Denial> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
    }
    bearer(&headers).map(str::to_owned)
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
    let table: [(&[&[u8]], TokenFlaw); 16] = [
        (&[b"Bearer a", b"Bearer a"], TokenFlaw::HeaderDuplicate),
        (&[b"Bearer a", b"Basic YTpi"], TokenFlaw::HeaderDuplicate),
        (&[b"Basic YTpi"], TokenFlaw::SchemeNotBearer),
        (&[b"DPoP a"], TokenFlaw::SchemeNotBearer),
        (&[b"a.b.c"], TokenFlaw::SchemeNotBearer),
        (&[b""], TokenFlaw::SchemeNotBearer),
        (&[b"Bearer\ta"], TokenFlaw::SchemeNotBearer),
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
