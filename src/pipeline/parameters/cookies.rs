//! Which cookies would a careless server find?
//!
//! PHP's `$_REQUEST` may put cookies above query and form, and ASP.NET's `Request[..]` finds them too.
//! So their names are read as loosely as any server reads them; nothing is refused for its form alone.

use http::HeaderMap;
use http::header::COOKIE;

use crate::pipeline::head::path::hex_byte;

/// Names and values of all cookies: split at `;` and `,`, a name decoded and cut where PHP sees an
/// array or C an end.
pub fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (String, &[u8])> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| b";,".contains(byte)));
    pairs.map(|pair| {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decode(halves.next().unwrap_or_default());
        let value = halves.next().unwrap_or_default().trim_ascii();
        (name, value)
    })
}

fn decode(name: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((byte, tail)) = rest.split_first() {
        let escape = match rest {
            [b'%', high, low, after @ ..] => hex_byte(*high, *low).map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, tail) = escape.unwrap_or((*byte, tail));
        match byte {
            0 | b'[' => break,
            b'+' => decoded.push(b' '),
            _ => decoded.push(byte),
        }
        rest = tail;
    }
    String::from_utf8_lossy(decoded.trim_ascii()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines, and the names and values found.
    type Case = (
        &'static [&'static str],
        &'static [(&'static str, &'static str)],
    );

    #[test]
    fn names_are_found_in_every_spelling() {
        let table: [Case; 6] = [
            (&[], &[]),
            (&["a=b"], &[("a", "b")]),
            (
                &["a=b; vin = X ", "c"],
                &[("a", "b"), ("vin", "X"), ("c", "")],
            ),
            (&["%56IN=X, V%49n[0]=Y"], &[("VIN", "X"), ("VIn", "Y")]),
            (&["VIN%00x=X;+VIN=Y"], &[("VIN", "X"), ("VIN", "Y")]),
            (&["a=%zz=c;%=d"], &[("a", "%zz=c"), ("%", "d")]),
        ];
        for (lines, expected) in table {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, line.parse().unwrap());
            }
            let found: Vec<_> = cookies(&headers).collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes()))
                .collect();
            assert_eq!(found, expected, "{lines:?}");
        }
    }
}
