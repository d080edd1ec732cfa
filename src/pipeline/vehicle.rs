//! Which vehicle would the upstream act on?
//!
//! The one place that the route names, and every other copy in the request, which must agree.

mod copies;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::config::route::{ReferenceKind, RequestPlace};
use crate::denial::{Denial, VinFlaw};
use crate::digest;
use crate::pipeline::RequestHead;
use crate::pipeline::parameters::{JudgedBody, Parameters, find_member, fold_alike};
use crate::pipeline::route::PathParameters;

/// A VIN: 17 characters, `A`-`Z` without `I`, `O`, `Q`, and `0`-`9` (ISO 3779).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vin([u8; 17]);

impl Vin {
    /// Reads one, exactly as written: lower case is not a VIN.
    pub fn read(text: &str) -> Result<Self, VinFlaw> {
        let characters = text.as_bytes().try_into().map_err(|_| VinFlaw::Length)?;
        let vin = Self(characters);
        if vin.0.iter().copied().all(is_vin_character) {
            Ok(vin)
        } else {
            Err(VinFlaw::Alphabet)
        }
    }

    /// Whether one of a text's words is a VIN, in whatever case.
    pub fn stands_in(text: &str) -> bool {
        text.split(|character: char| !character.is_ascii_alphanumeric())
            .any(|word| word.len() == 17 && Self::read(&word.to_ascii_uppercase()).is_ok())
    }

    /// The 17 characters. For the directory, Cedar and the assertion only; never for a log.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Whether position 9 is the check digit of the others (49 CFR 565.15).
    pub fn check_digit_holds(&self) -> bool {
        let sum = self
            .0
            .iter()
            .zip(WEIGHTS)
            .map(|(character, weight)| transliterate(*character).saturating_mul(weight))
            .fold(0_u32, u32::saturating_add);
        let expected = match sum.checked_rem(11) {
            Some(10) => Some('X'),
            Some(digit) => char::from_digit(digit, 10),
            None => None,
        };
        self.0.get(8).copied().map(char::from) == expected
    }
}

impl fmt::Debug for Vin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Vin(..)") // personal data: never in a log
    }
}

/// Weights of the 17 positions; the check digit itself weighs nothing.
const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

/// Whether a byte can stand in a VIN.
pub(crate) fn is_vin_character(byte: u8) -> bool {
    byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"IOQ".contains(&byte))
}

/// The number that a character counts for in the check sum (49 CFR 565.15, table III).
fn transliterate(character: u8) -> u32 {
    match character {
        b'1' | b'A' | b'J' => 1,
        b'2' | b'B' | b'K' | b'S' => 2,
        b'3' | b'C' | b'L' | b'T' => 3,
        b'4' | b'D' | b'M' | b'U' => 4,
        b'5' | b'E' | b'N' | b'V' => 5,
        b'6' | b'F' | b'W' => 6,
        b'7' | b'G' | b'P' | b'X' => 7,
        b'8' | b'H' | b'Y' => 8,
        b'9' | b'R' | b'Z' => 9,
        _ => 0,
    }
}

/// Lexical rules of the estate.
#[derive(Debug, Clone, Default)]
pub struct VinRules {
    /// Prefixes of the estate's VINs; empty means any. For the response guard: a VIN of another
    /// estate is not refused here, for that would tell which cars the estate has.
    pub wmis: Vec<String>,
    /// Prefixes whose position 9 is the check digit (49 CFR 565.15).
    pub check_digit: Vec<String>,
    /// Names that carry a VIN wherever they stand, lower case.
    pub names: Vec<String>,
}

impl VinRules {
    /// Reads a VIN by the rules of the estate: the check digit counts where its prefix says so.
    pub fn read(&self, text: &str) -> Result<Vin, VinFlaw> {
        let vin = Vin::read(text)?;
        let checked = |prefix: &String| text.starts_with(prefix.as_str());
        if self.check_digit.iter().any(checked) && !vin.check_digit_holds() {
            return Err(VinFlaw::CheckDigit);
        }
        Ok(vin)
    }
}

/// Bytes of an alias or a case's name, as the directory takes them.
const NAME_BYTES: usize = 256;

/// How a request says which vehicle it means.
#[derive(Clone, PartialEq, Eq)]
pub enum Reference {
    /// By its VIN.
    Vin(Vin),
    /// By the name that the partner who asks has for it.
    Alias(String),
    /// By a roadside case about it.
    Case(String),
}

impl fmt::Debug for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Reference(..)") // personal data: never in a log
    }
}

impl Reference {
    /// What is looked up in place of a vehicle that this leads to not: one a reference, so that it is
    /// kept as a foreign vehicle would be. Should there be such a vehicle, it isn't meant.
    pub(super) fn stand_in(&self) -> Vin {
        const CHARACTERS: &[u8; 33] = b"0123456789ABCDEFGHJKLMNPRSTUVWXYZ";
        let text = match self {
            Self::Vin(vin) => return *vin,
            Self::Alias(text) | Self::Case(text) => text,
        };
        let mut vin = [b'0'; 17];
        for (character, byte) in vin.iter_mut().zip(digest::sha256(text.as_bytes())) {
            let chosen = usize::from(byte).checked_rem(CHARACTERS.len());
            let chosen = chosen.and_then(|chosen| CHARACTERS.get(chosen));
            *character = chosen.copied().unwrap_or(b'0');
        }
        Vin(vin)
    }
}

/// What a request refers to, by the kind of reference that its route names.
///
/// # Errors
/// As [`resolve`]; a request that names a vehicle by an alias or a case may name no VIN anywhere.
pub fn refer(
    (kind, place): (ReferenceKind, &RequestPlace),
    head: &RequestHead,
    path: &PathParameters,
    body: &JudgedBody,
    rules: &VinRules,
) -> Result<Reference, Denial> {
    if kind == ReferenceKind::Vin {
        return resolve(place, head, path, body, rules).map(Reference::Vin);
    }
    let text = find_name(place, head, path, body)?.ok_or(Denial::VehicleMissing)?;
    if text.is_empty() {
        return Err(Denial::VehicleMissing);
    }
    if text.len() > NAME_BYTES || text.chars().any(char::is_control) {
        return Err(Denial::VehicleMalformed(VinFlaw::Alphabet));
    }
    let own = own_name(place);
    let is_own = |name: &String| own.is_some_and(|own| fold_alike(own, name));
    let names: Vec<String> = rules
        .names
        .iter()
        .filter(|name| !is_own(name))
        .cloned()
        .collect();
    let vins = copies::Carriers {
        names: &names,
        own: None,
    };
    copies::check("", head, path, body, vins)?; // an empty one names no car
    Ok(match kind {
        ReferenceKind::Alias => Reference::Alias(text.to_owned()),
        ReferenceKind::Case | ReferenceKind::Vin => Reference::Case(text.to_owned()),
    })
}

/// The name under which servers that merge query, form and cookies look for what stands at a place.
fn own_name(place: &RequestPlace) -> Option<&str> {
    match place {
        RequestPlace::Query(name)
        | RequestPlace::Form(name)
        | RequestPlace::Path(name)
        | RequestPlace::Header(name) => Some(name),
        RequestPlace::Json(_) => None,
    }
}

/// What stands at a place, and is no VIN; every copy under its name agrees.
///
/// # Errors
/// `VehicleAmbiguous` when a copy differs or the place can be read twice, `VehicleMalformed` when it
/// is no text.
pub(super) fn find_name<'a>(
    place: &RequestPlace,
    head: &'a RequestHead,
    path: &'a PathParameters,
    body: &'a JudgedBody,
) -> Result<Option<&'a str>, Denial> {
    let found = find(place, head, path, body)?;
    let own = own_name(place);
    let carriers = copies::Carriers { names: &[], own };
    copies::check(found.unwrap_or_default(), head, path, body, carriers)?;
    Ok(found)
}

/// The vehicle of a request.
///
/// # Errors
/// `VehicleMissing` when the place that the route names is empty of it, `VehicleMalformed` when what
/// stands there is no VIN, `VehicleAmbiguous` when a copy differs or the place can be read twice.
pub fn resolve(
    place: &RequestPlace,
    head: &RequestHead,
    path: &PathParameters,
    body: &JudgedBody,
    rules: &VinRules,
) -> Result<Vin, Denial> {
    let text = find(place, head, path, body)?.ok_or(Denial::VehicleMissing)?;
    let vin = rules.read(text).map_err(Denial::VehicleMalformed)?;
    let own = match place {
        RequestPlace::Query(name) | RequestPlace::Form(name) => Some(name.as_str()),
        RequestPlace::Path(_) | RequestPlace::Header(_) | RequestPlace::Json(_) => None,
    };
    let carriers = copies::Carriers {
        names: &rules.names,
        own,
    };
    copies::check(vin.as_str(), head, path, body, carriers)?;
    Ok(vin)
}

/// Whether a request on a route without a vehicle names one all the same: the upstream may act on it.
///
/// # Errors
/// `VehicleAmbiguous`.
pub fn check_absent(head: &RequestHead, body: &JudgedBody, rules: &VinRules) -> Result<(), Denial> {
    let carriers = copies::Carriers {
        names: &rules.names,
        own: None,
    };
    copies::check_absent(head, body, carriers)
}

/// The text at the one place that the route names.
fn find<'a>(
    place: &RequestPlace,
    head: &'a RequestHead,
    path: &'a PathParameters,
    body: &'a JudgedBody,
) -> Result<Option<&'a str>, Denial> {
    match (place, body) {
        (RequestPlace::Path(name), _) => Ok(path.get(name)),
        (RequestPlace::Query(name), _) => find_alone(&head.parameters, name),
        (RequestPlace::Header(name), _) => find_header(head, name),
        (RequestPlace::Form(name), JudgedBody::Form(fields)) => find_alone(fields, name),
        (RequestPlace::Json(pointer), JudgedBody::Json(document)) => {
            let found = find_member(document, pointer).map_err(|_| Denial::VehicleAmbiguous)?;
            match found {
                None | Some(serde_json::Value::Null) => Ok(None),
                Some(value) => value
                    .as_str()
                    .map(Some)
                    .ok_or(Denial::VehicleMalformed(VinFlaw::Alphabet)),
            }
        }
        (RequestPlace::Form(_) | RequestPlace::Json(_), _) => Ok(None),
    }
}

/// One name that no other folds to: a server that ignores case would take either.
fn find_alone<'a>(fields: &'a Parameters, name: &str) -> Result<Option<&'a str>, Denial> {
    if fields.folds_twice(name) {
        return Err(Denial::VehicleAmbiguous);
    }
    Ok(fields.get(name))
}

fn find_header<'a>(head: &'a RequestHead, name: &str) -> Result<Option<&'a str>, Denial> {
    let mut lines = head
        .headers
        .iter()
        .filter(|(candidate, _)| fold_alike(candidate.as_str(), name));
    match (lines.next(), lines.next()) {
        (Some(_), Some(_)) => Err(Denial::VehicleAmbiguous),
        (Some((found, value)), None) if found.as_str().eq_ignore_ascii_case(name) => value
            .to_str()
            .map(Some)
            .map_err(|_| Denial::VehicleMalformed(VinFlaw::Alphabet)),
        (_, None) | (None, _) => Ok(None),
    }
}
