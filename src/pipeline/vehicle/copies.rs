//! Does every other copy of the VIN in a request agree?
//!
//! Servers look for a VIN in more places than the one that a route lists. Whatever stands under a
//! name that carries a VIN, in query, form, path, fields, cookies or at any depth of a JSON body, must
//! be the judged one, letter by letter; and in one place such a name stands once, in whatever spelling.

use serde_json::Value;

use crate::denial::Denial;
use crate::pipeline::RequestHead;
use crate::pipeline::parameters::{JudgedBody, cookies, fold_alike};
use crate::pipeline::route::PathParameters;

/// Which names carry a VIN.
#[derive(Clone, Copy)]
pub(super) struct Carriers<'a> {
    /// Wherever they stand.
    pub(super) names: &'a [String],
    /// In query, form and cookies: the name of the place itself, for servers that merge them.
    pub(super) own: Option<&'a str>,
}

/// Checks all places: where a carrying name stands, the judged text stands.
///
/// # Errors
/// `VehicleAmbiguous`.
pub(super) fn check(
    text: &str,
    head: &RequestHead,
    path: &PathParameters,
    body: &JudgedBody,
    carriers: Carriers<'_>,
) -> Result<(), Denial> {
    let elsewhere = Carriers {
        own: None,
        ..carriers
    };
    elsewhere.check(text, path.iter().map(bytes))?;
    carriers.check(text, head.parameters.iter().map(bytes))?;
    let fields = head.headers.iter();
    elsewhere.check(
        text,
        fields.map(|(name, value)| (name.as_str(), value.as_bytes())),
    )?;
    let cookies: Vec<_> = cookies(&head.headers).collect();
    carriers.check(
        text,
        cookies.iter().map(|(name, value)| (name.as_str(), *value)),
    )?;
    match body {
        JudgedBody::Empty => Ok(()),
        JudgedBody::Form(form) => carriers.check(text, form.iter().map(bytes)),
        JudgedBody::Json(document) => elsewhere.check_json(text, document),
    }
}

/// Checks a request on a route that names no vehicle. Cookies pass: a portal may remember a car.
///
/// # Errors
/// `VehicleAmbiguous`.
pub(super) fn check_absent(
    head: &RequestHead,
    body: &JudgedBody,
    carriers: Carriers<'_>,
) -> Result<(), Denial> {
    const NONE: &str = ""; // an empty one names no car
    let fields = head.headers.iter();
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_bytes()));
    carriers.check(NONE, head.parameters.iter().map(bytes))?;
    carriers.check(NONE, fields)?;
    match body {
        JudgedBody::Empty => Ok(()),
        JudgedBody::Form(form) => carriers.check(NONE, form.iter().map(bytes)),
        JudgedBody::Json(document) => carriers.check_json(NONE, document),
    }
}

fn bytes<'a>((name, value): (&'a str, &'a str)) -> (&'a str, &'a [u8]) {
    (name, value.as_bytes())
}

impl Carriers<'_> {
    /// One place: each carrying name once, and its value the judged VIN.
    fn check<'b>(
        self,
        vin: &str,
        pairs: impl Iterator<Item = (&'b str, &'b [u8])>,
    ) -> Result<(), Denial> {
        let mut seen = Vec::new();
        for (name, value) in pairs {
            let Some(carrier) = self.find(name) else {
                continue;
            };
            if seen.contains(&carrier) || value != vin.as_bytes() {
                return Err(Denial::VehicleAmbiguous);
            }
            seen.push(carrier);
        }
        Ok(())
    }

    /// The depth is bounded by the reader of the body.
    fn check_json(self, vin: &str, value: &Value) -> Result<(), Denial> {
        match value {
            Value::Object(members) => {
                // What is no string is no VIN, so it can't be this one.
                let texts = members
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
                self.check(vin, texts.map(bytes))?;
                members
                    .values()
                    .try_for_each(|value| self.check_json(vin, value))
            }
            Value::Array(items) => items.iter().try_for_each(|item| self.check_json(vin, item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    /// The carrying name that this one is, in whatever spelling.
    fn find<'c>(&'c self, name: &str) -> Option<&'c str> {
        let mut all = self.names.iter().map(String::as_str).chain(self.own);
        all.find(|carrier| fold_alike(carrier, name))
    }
}
