//! Which vehicles does a person, an alias or a case lead to, by an ownership service?

use serde_json::Value;

use super::at;
use super::map::Flaw;
use crate::config::file::{AliasVehicle, CaseVehicle, OwnershipLookups, SubjectVehicles};
use crate::config::template::Template;
use crate::pipeline::ownership::Alias;
use crate::pipeline::vehicle::Vin;

/// What the service is asked by, where the configuration says how.
pub(super) struct Lookups {
    pub(super) subject: Option<(Template, SubjectVehicles)>,
    pub(super) alias: Option<(Template, AliasVehicle)>,
    pub(super) case: Option<(Template, CaseVehicle)>,
}

impl Lookups {
    /// # Errors
    /// The key whose URL is none.
    pub(super) fn new(settings: &OwnershipLookups) -> Result<Self, &'static str> {
        Ok(Self {
            subject: with_template(
                settings.subject.as_ref(),
                |it| Template::read(&it.url, &["subject"]),
                "lookups.subject.url",
            )?,
            alias: with_template(
                settings.alias.as_ref(),
                |it| Template::read(&it.url, &["client", "alias"]),
                "lookups.alias.url",
            )?,
            case: with_template(
                settings.case.as_ref(),
                |it| Template::read(&it.url, &["case"]),
                "lookups.case.url",
            )?,
        })
    }
}

fn with_template<T: Clone>(
    written: Option<&T>,
    read: impl Fn(&T) -> Option<Template>,
    key: &'static str,
) -> Result<Option<(Template, T)>, &'static str> {
    let template = |written: &T| Ok((read(written).ok_or(key)?, written.clone()));
    written.map(template).transpose()
}

/// The vehicles of this subject.
pub(super) fn of_subject(
    lookup: &SubjectVehicles,
    answer: &Value,
    subject: &str,
) -> Result<Vec<Vin>, Flaw> {
    is_about(answer, ("subject", &lookup.subject), subject)?;
    let vins = at(answer, "vins", &lookup.vins)?.as_array();
    let vins = vins.ok_or_else(|| Flaw::wrong("`vins` is no list"))?;
    vins.iter().map(vin).collect()
}

/// The vehicle of this alias.
pub(super) fn of_alias(lookup: &AliasVehicle, answer: &Value, alias: &Alias) -> Result<Vin, Flaw> {
    is_about(answer, ("client", &lookup.client), &alias.client)?;
    is_about(answer, ("alias", &lookup.alias), &alias.alias)?;
    vin(at(answer, "vin", &lookup.vin)?)
}

/// The vehicle of this case.
pub(super) fn of_case(lookup: &CaseVehicle, answer: &Value, case: &str) -> Result<Vin, Flaw> {
    is_about(answer, ("case", &lookup.case), case)?;
    vin(at(answer, "vin", &lookup.vin)?)
}

fn is_about(answer: &Value, (name, pointer): (&str, &str), asked: &str) -> Result<(), Flaw> {
    if at(answer, name, pointer)?.as_str() == Some(asked) {
        Ok(())
    } else {
        Err(Flaw::OfAnother)
    }
}

fn vin(value: &Value) -> Result<Vin, Flaw> {
    let vin = value.as_str().and_then(|text| Vin::read(text).ok());
    vin.ok_or_else(|| Flaw::wrong("a VIN of it is none"))
}
