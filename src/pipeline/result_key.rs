//! Did who polls start what the poll asks about?
//!
//! The answer of a command gives out a key, and its result is polled with that key. What was given out
//! counts as a whole: which key, by which upstream, to whom, for which vehicle. So a key of somebody
//! else, of another vehicle, and one that nobody was given look alike.

use std::fmt;

use serde_json::Value;

use crate::config::route::ResultKeyPlace;
use crate::denial::{Denial, HeadFlaw};
use crate::pipeline::parameters::JudgedBody;
use crate::pipeline::route::{PathParameters, Route};
use crate::pipeline::vehicle::{self, Vin};
use crate::pipeline::{Principal, RequestHead};

/// Bytes of a key; the old servers' have 50.
const KEY_BYTES: usize = 256;

/// A key, and for what it was given out to whom.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct GivenOut<'a> {
    /// Name of the upstream that gave it out.
    pub upstream: &'a str,
    /// Whom it was given to.
    pub principal: &'a Principal,
    /// The vehicle of the command.
    pub vin: &'a Vin,
    /// As the answer has it.
    pub key: &'a str,
}

impl fmt::Debug for GivenOut<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("GivenOut(..)") // the key is a credential, the rest personal data
    }
}

impl GivenOut<'_> {
    /// All of it, no two the same: each part with its length before it. For a keyed hash, not for a
    /// record.
    pub fn bytes(&self) -> Vec<u8> {
        let Principal {
            issuer, subject, ..
        } = self.principal;
        let parts = [self.upstream, issuer, subject, self.vin.as_str(), self.key];
        let mut bytes = Vec::with_capacity(256);
        for part in parts {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.len() <= KEY_BYTES && !text.chars().any(char::is_control)
}

/// The key that a poll presents, whatever it is; empty where it presents none, which nobody is given.
/// `None` where the route is no poll.
///
/// # Errors
/// `Ambiguous` when there is more than one reading of it.
pub fn presented<'a>(
    route: &Route,
    head: &'a RequestHead,
    path: &'a PathParameters,
    body: &'a JudgedBody,
) -> Result<Option<&'a str>, Denial> {
    let place = route.result_key.as_ref();
    let Some(place) = place.and_then(ResultKeyPlace::presented) else {
        return Ok(None);
    };
    let found = vehicle::find_name(&place, head, path, body);
    let found = found.map_err(|_| Denial::Ambiguous(HeadFlaw::ResultKey))?;
    Ok(Some(found.unwrap_or_default()))
}

/// The key that an answer gives out: a string or a whole number where the pointer points at.
pub fn given_out(answer: &[u8], pointer: &str) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let found = answer.pointer(pointer)?;
    let text = found.as_str().map(str::to_owned);
    let number = || found.as_u64().map(|number| number.to_string());
    text.or_else(number).filter(|key| is_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_where_the_answer_has_it() {
        let key = |answer: &str| given_out(answer.as_bytes(), "/data/resultKey");
        let known = Some("0f9a".to_owned());
        assert_eq!(key(r#"{"data":{"resultKey":"0f9a"},"a":1}"#), known);
        assert_eq!(key(r#"{"data":{"resultKey":17}}"#), Some("17".to_owned()));
        let long = "k".repeat(KEY_BYTES + 1);
        let none = [
            r#"{"data":{}}"#,
            r#"{"resultKey":"0f9a"}"#,
            r#"{"data":{"resultKey":""}}"#,
            r#"{"data":{"resultKey":"a\u0000"}}"#,
            r#"{"data":{"resultKey":-1}}"#,
            r#"{"data":{"resultKey":["0f9a"]}}"#,
            r#"{"data":{"resultKey":"0f9a"}"#,
            "<html>",
            "",
        ];
        for answer in none {
            assert_eq!(key(answer), None, "{answer}");
        }
        assert_eq!(
            key(&format!(r#"{{"data":{{"resultKey":"{long}"}}}}"#)),
            None
        );
    }
}
