//! Is this line one vehicle?

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::denial::VinFlaw;
use crate::pipeline::ownership::{DriverGrant, VehicleFacts};
use crate::pipeline::vehicle::Vin;

/// Bytes of a subject: twice what issuers use.
const SUBJECT_BYTES: usize = 256;

/// Bytes of any other word.
const WORD_BYTES: usize = 64;

/// Characters of a message that may carry a piece of the line.
const MESSAGE_CHARACTERS: usize = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    vin: String,
    #[serde(deserialize_with = "Option::deserialize")] // may be null, may not be forgotten
    owner: Option<String>,
    #[serde(default)]
    drivers: Vec<Object<Grant>>,
    fleet: Option<String>,
    region: String,
    trim: String,
    capabilities: Vec<String>,
    telematics: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    subject: String,
    entitlements: Vec<String>,
    until: Option<String>,
}

/// A JSON object: serde alone would also take an array of the values in order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
            type Value = Object<T>;

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(Members(std::marker::PhantomData))
    }
}

/// The vehicle of a line, or why it is none.
pub(super) fn read(text: &[u8], regions: &BTreeSet<String>) -> Result<(Vin, VehicleFacts), String> {
    let text = std::str::from_utf8(text).map_err(|_| "not UTF-8".to_owned())?;
    let Object(line) = serde_json::from_str::<Object<Line>>(text).map_err(|e| explain(&e))?;
    let vin = Vin::read(&line.vin).map_err(|flaw| {
        let wanted = match flaw {
            VinFlaw::Length => "17 characters",
            VinFlaw::Alphabet => "`A`-`Z` in upper case without `I`, `O`, `Q`, and `0`-`9`",
            VinFlaw::CheckDigit => "the check digit in position 9",
        };
        format!("`vin` is not a VIN: wanted {wanted}")
    })?;
    if let Some(owner) = &line.owner {
        check_text("owner", owner, SUBJECT_BYTES)?;
    }
    if let Some(fleet) = &line.fleet {
        check_text("fleet", fleet, SUBJECT_BYTES)?;
    }
    check_text("region", &line.region, WORD_BYTES)?;
    if !regions.is_empty() && !regions.contains(&line.region) {
        let known: Vec<&str> = regions.iter().map(String::as_str).collect();
        return Err(shorten(&format!(
            "`region` is none of the configuration's: {}",
            known.join(", ")
        )));
    }
    check_text("trim", &line.trim, WORD_BYTES)?;
    for capability in &line.capabilities {
        check_text("capabilities", capability, WORD_BYTES)?;
    }
    let drivers = line
        .drivers
        .into_iter()
        .map(|Object(grant)| read_grant(grant));
    let facts = VehicleFacts {
        owner: line.owner,
        drivers: drivers.collect::<Result<_, _>>()?,
        fleet: line.fleet,
        region: line.region,
        trim: line.trim,
        capabilities: line.capabilities,
        telematics: line.telematics,
    };
    Ok((vin, facts))
}

fn read_grant(grant: Grant) -> Result<DriverGrant, String> {
    check_text("subject", &grant.subject, SUBJECT_BYTES)?;
    for word in &grant.entitlements {
        let letters = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !letters || word.len() > WORD_BYTES {
            return Err(shorten(&format!(
                "`{}` in `entitlements` is not the name of an action: wanted at most \
                 {WORD_BYTES} letters",
                word.escape_debug()
            )));
        }
    }
    let until = grant.until.as_deref().map(read_moment).transpose()?;
    Ok(DriverGrant {
        subject: grant.subject,
        entitlements: grant.entitlements,
        until,
    })
}

fn read_moment(text: &str) -> Result<Duration, String> {
    let moment = humantime::parse_rfc3339(text).ok();
    moment
        .and_then(|moment| moment.duration_since(UNIX_EPOCH).ok())
        .ok_or_else(|| {
            shorten(&format!(
                "`{}` in `until` is not a time such as `2027-01-01T00:00:00Z`",
                text.escape_debug()
            ))
        })
}

/// Refuses what is empty, too long, or can't be seen. Doesn't repeat it: it may be a subject.
fn check_text(name: &str, text: &str, most: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        Err(format!("`{name}` is empty"))
    } else if text.len() > most {
        Err(format!("`{name}` is longer than {most} bytes"))
    } else if text.chars().any(char::is_control) {
        Err(format!("`{name}` has a control character"))
    } else {
        Ok(())
    }
}

/// serde's message without the value it found: that may be a subject or a VIN.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.replace(" at line 1 column ", ", at column ");
    let found = text.starts_with("invalid type: ") || text.starts_with("invalid value: ");
    match text.rsplit_once(", expected ") {
        Some((_, wanted)) if found => shorten(&format!("wanted {wanted}")),
        Some(_) | None => shorten(&text),
    }
}

fn shorten(message: &str) -> String {
    message.chars().take(MESSAGE_CHARACTERS).collect()
}
