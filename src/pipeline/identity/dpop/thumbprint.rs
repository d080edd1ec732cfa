//! What is a key called, whoever writes it down?
//!
//! The SHA-256 thumbprint of RFC 7638, over the members that a key can't do without, in their order.

use crate::digest::sha256;
use crate::pipeline::identity::members::Members;

/// Of a key that was read before: its members are strings of base64url, and names of curves.
pub(super) fn of(jwk: &Members) -> Option<[u8; 32]> {
    let member = |name: &str| jwk.get(name)?.as_str();
    let text = match member("kty")? {
        "EC" => format!(
            r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#,
            member("crv")?,
            member("x")?,
            member("y")?
        ),
        // RFC 8037, 2
        "OKP" => format!(
            r#"{{"crv":"{}","kty":"OKP","x":"{}"}}"#,
            member("crv")?,
            member("x")?
        ),
        "RSA" => format!(
            r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#,
            member("e")?,
            member("n")?
        ),
        _ => return None,
    };
    Some(sha256(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::identity::members::decode;

    fn thumbprint(jwk: &str) -> Option<Vec<u8>> {
        of(&serde_json::from_str(jwk).unwrap()).map(Vec::from)
    }

    #[test]
    fn the_examples_of_the_standards_come_out() {
        let table = [
            // RFC 7638, 3.1
            (
                r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
                "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            ),
            // RFC 8037, A.3
            (
                r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
                "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
            ),
            // RFC 9449, 6.1
            (
                r#"{"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"}"#,
                "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
            ),
        ];
        for (jwk, expected) in table {
            assert_eq!(thumbprint(jwk), decode(expected), "{jwk}");
        }
    }

    #[test]
    fn what_lacks_a_member_has_none() {
        for jwk in [
            "{}",
            r#"{"kty":"oct","k":"AA"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"AA"}"#,
            r#"{"kty":"RSA","n":"AA","e":3}"#,
        ] {
            assert_eq!(thumbprint(jwk), None, "{jwk}");
        }
    }
}
