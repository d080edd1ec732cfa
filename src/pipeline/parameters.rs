//! What does a query, a form or a JSON body say, read one way only?
//!
//! Strict readers: a name that stands twice, an escaped JSON member name, a broken
//! percent-encoding, a name that servers fold differently (`vin[]`, `a b`) is refused, not guessed.

pub mod cookies;
mod json;

#[cfg(test)]
mod tests;

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::denial::{Denial, HeadFlaw};
use crate::pipeline::head::path::hex_byte;

pub use cookies::cookies;
pub use json::find_member;

/// PHP stops reading after this many parameters (`max_input_vars`), others don't.
const MOST_PAIRS: usize = 1_000;

/// Names that make Rails, Laravel, Symfony, Spring or ASP.NET act on another method than that of the
/// line.
const OVERRIDES: [&str; 5] = [
    "_method",
    "_httpmethod",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Decoded name-value pairs in order; no name stands twice.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(Vec<(String, String)>);

impl std::fmt::Debug for Parameters {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values carry VINs and passwords.
        out.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

impl Parameters {
    /// Reads `application/x-www-form-urlencoded` text (a query or a form; URL Standard, 5.1).
    ///
    /// Empty pairs (`a=1&&b=2`, a `&` at the end) pass: every server skips them, so there is one
    /// reading. A name without `=` has the empty value. An empty name is refused: some skip it.
    ///
    /// # Errors
    /// `Ambiguous` for a name that stands twice (`.` and `_` are one for PHP) or that servers fold,
    /// for one that overrides the method, and for `;`, which was a separator once; `Malformed` for a broken encoding.
    pub fn read(encoded: &[u8]) -> Result<Self, Denial> {
        let mut pairs = Vec::new();
        for pair in encoded.split(|byte| *byte == b'&') {
            if pair.is_empty() {
                continue;
            }
            if pairs.len() == MOST_PAIRS {
                return Err(Denial::Ambiguous(HeadFlaw::QuerySeparator));
            }
            pairs.push(read_pair(pair)?);
        }
        check_unique(&pairs)?;
        Ok(Self(pairs))
    }

    /// The value of exactly this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(candidate, _)| *candidate == name)
            .map(|(_, value)| value)
    }

    /// Whether more than one name is this one to a server that folds names (see [`fold_alike`]).
    pub fn folds_twice(&self, name: &str) -> bool {
        let alike = self
            .iter()
            .filter(|(candidate, _)| fold_alike(candidate, name));
        alike.count() > 1
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Whether two names are one to some server: without regard to ASCII case, and `-`, `_` and `.`
/// taken for one another (CGI variables, PHP, ASP.NET).
pub fn fold_alike(one: &str, other: &str) -> bool {
    let fold = |byte: u8| match byte {
        b'_' | b'.' => b'-',
        _ => byte.to_ascii_lowercase(),
    };
    one.len() == other.len() && one.bytes().map(fold).eq(other.bytes().map(fold))
}

fn read_pair(pair: &[u8]) -> Result<(String, String), Denial> {
    let mut halves = pair.splitn(2, |byte| *byte == b'=');
    let name = decode(halves.next().unwrap_or_default())?;
    let value = decode(halves.next().unwrap_or_default())?;
    if !is_plain_name(&name) || OVERRIDES.iter().any(|other| fold_alike(other, &name)) {
        return Err(Denial::Ambiguous(HeadFlaw::QueryName));
    }
    Ok((name, value))
}

/// Visible ASCII, without what PHP and Rack take for structure or what a second decoding would
/// split.
fn is_plain_name(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_graphic() && !b"[]&=%+;#?\\".contains(&byte);
    !name.is_empty() && name.bytes().all(sound)
}

fn decode(encoded: &[u8]) -> Result<String, Denial> {
    let malformed = Denial::Malformed(HeadFlaw::QueryEncoding);
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => {
                let digits = rest.next().zip(rest.next());
                digits
                    .and_then(|(high, low)| hex_byte(*high, *low))
                    .filter(|byte| *byte != 0) // a C string would end here
                    .ok_or(malformed.clone())?
            }
            b';' => return Err(Denial::Ambiguous(HeadFlaw::QuerySeparator)),
            _ if byte.is_ascii_graphic() => *byte,
            _ => return Err(malformed),
        };
        decoded.push(byte);
    }
    String::from_utf8(decoded).map_err(|_| malformed)
}

/// No name stands twice, nor would to PHP, which reads `a.b` as `a_b`.
fn check_unique(pairs: &[(String, String)]) -> Result<(), Denial> {
    fn folded(name: &str) -> impl Iterator<Item = u8> {
        name.bytes()
            .map(|byte| if byte == b'.' { b'_' } else { byte })
    }
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable_by(|one, other| folded(one).cmp(folded(other)));
    let twice = names
        .iter()
        .zip(names.iter().skip(1))
        .any(|(one, other)| folded(one).eq(folded(other)));
    if twice {
        return Err(Denial::Ambiguous(HeadFlaw::QueryDuplicate));
    }
    Ok(())
}

/// A body that was judged.
#[derive(Clone)]
#[expect(
    missing_debug_implementations,
    reason = "bodies carry VINs and passwords"
)]
pub enum JudgedBody {
    /// No body.
    Empty,
    /// `application/x-www-form-urlencoded`.
    Form(Parameters),
    /// `application/json`; no member stands twice at any depth.
    Json(serde_json::Value),
}

/// Reads a body by its `Content-Type`; empty bytes are [`JudgedBody::Empty`].
///
/// # Errors
/// `BodyTypeUnsupported`, or `Malformed`/`Ambiguous` with what is wrong.
pub fn judge(headers: &HeaderMap, bytes: &[u8]) -> Result<JudgedBody, Denial> {
    if bytes.is_empty() {
        return Ok(JudgedBody::Empty);
    }
    let plain = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if !headers.get_all(CONTENT_ENCODING).iter().all(plain) {
        return Err(Denial::Malformed(HeadFlaw::ContentEncoding));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    match kind.and_then(media_type) {
        Some(MediaType::Form) => Parameters::read(bytes)
            .map(JudgedBody::Form)
            .map_err(of_body),
        Some(MediaType::Json) => json::read(bytes).map(JudgedBody::Json),
        None => Err(Denial::BodyTypeUnsupported),
    }
}

#[derive(Clone, Copy)]
enum MediaType {
    Form,
    Json,
}

/// `type/subtype`, and UTF-8 at most as a parameter (RFC 9110, 8.3.1): whoever honours another
/// charset, a boundary or a version reads another body.
fn media_type(text: &str) -> Option<MediaType> {
    let (essence, parameters) = match text.split_once(';') {
        Some((essence, parameters)) => (essence, Some(parameters)),
        None => (text, None),
    };
    if let Some(parameters) = parameters {
        let (name, value) = parameters.trim().split_once('=')?;
        let value = value.trim_matches('"');
        let utf_8 = value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8");
        if !name.eq_ignore_ascii_case("charset") || !utf_8 {
            return None;
        }
    }
    let essence = essence.trim().to_ascii_lowercase();
    match essence.strip_prefix("application/")? {
        "x-www-form-urlencoded" => Some(MediaType::Form),
        "json" => Some(MediaType::Json),
        subtype => {
            let tree = subtype.strip_suffix("+json")?; // RFC 6839, 3.1
            let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
            (!tree.is_empty() && tree.bytes().all(sound)).then_some(MediaType::Json)
        }
    }
}

/// The same flaw, said of a body.
fn of_body(denial: Denial) -> Denial {
    let translate = |flaw| {
        if flaw == HeadFlaw::QueryEncoding {
            HeadFlaw::BodyEncoding
        } else if flaw == HeadFlaw::QueryDuplicate {
            HeadFlaw::BodyDuplicate
        } else {
            HeadFlaw::BodySyntax
        }
    };
    if let Denial::Malformed(flaw) = denial {
        return Denial::Malformed(translate(flaw));
    }
    if let Denial::Ambiguous(flaw) = denial {
        return Denial::Ambiguous(translate(flaw));
    }
    denial
}
