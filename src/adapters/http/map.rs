//! What does an answer say of what was asked for?
//!
//! It is written as a line of an import and read as one, so that what a store takes in and what a
//! service says are held to the same rules.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::at;
use crate::adapters::facts::import::{BadLines, Terms};
use crate::adapters::facts::{Fact, read_line};
use crate::config::file::{
    CaseMap, ConsentMap, DriverMap, SubjectLookup, Suspension, VehicleMap, WorkOrderMap,
};
use crate::pipeline::ownership::{SubjectFacts, VehicleFacts};
use crate::pipeline::vehicle::Vin;

/// Why an answer is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It is about something else than was asked for.
    OfAnother,
    /// It can't be understood; says nothing of its values.
    Wrong(String),
}

impl Flaw {
    pub(super) fn wrong(what: &str) -> Self {
        Self::Wrong(what.to_owned())
    }
}

/// The facts of this vehicle.
pub(super) fn vehicle(map: &VehicleMap, answer: &Value, vin: &Vin) -> Result<VehicleFacts, Flaw> {
    if at(answer, "vin", &map.vin)?.as_str() != Some(vin.as_str()) {
        return Err(Flaw::OfAnother);
    }
    let line = line(map, answer)?;
    // Regions change with a reload, and this doesn't: one that no switch knows is closed with each.
    let terms = Terms {
        bad: BadLines::Refuse,
        regions: BTreeSet::new(),
        issuers: BTreeSet::new(),
    };
    let text = Value::Object(line).to_string();
    match read_line(text.as_bytes(), &terms) {
        Ok(Fact::Vehicle(of, facts)) if of == *vin => Ok(*facts),
        Ok(_) => Err(Flaw::OfAnother),
        Err(why) => Err(Flaw::Wrong(without_value(&why))),
    }
}

/// Whether this subject, of this issuer, is suspended.
pub(super) fn subject(
    lookup: &SubjectLookup,
    answer: &Value,
    (issuer, subject): (&str, &str),
) -> Result<SubjectFacts, Flaw> {
    let is_it = at(answer, "subject", &lookup.subject)?.as_str() == Some(subject);
    let of_issuer = match &lookup.issuer {
        Some(pointer) => at(answer, "issuer", pointer)?.as_str() == Some(issuer),
        None => true,
    };
    if !is_it || !of_issuer {
        return Err(Flaw::OfAnother);
    }
    let suspended = at(answer, "suspended", &lookup.suspended)?.as_bool();
    let suspended = suspended.ok_or_else(|| Flaw::wrong("`suspended` is not `true` or `false`"))?;
    Ok(SubjectFacts { suspended })
}

/// A message of an import without the piece of the line that it may begin with.
fn without_value(why: &str) -> String {
    match why.split_once("` in `") {
        Some((_, rest)) => format!("`{rest}"),
        None => why.to_owned(),
    }
}

fn line(map: &VehicleMap, answer: &Value) -> Result<Map<String, Value>, Flaw> {
    // Taken apart without `..`: a fact that is added later can't be lost here.
    let VehicleMap {
        vin,
        owner,
        region,
        trim,
        capabilities,
        telematics,
        suspended,
        fleet,
        drivers,
        consents,
        work_orders,
        cases,
    } = map;
    let suspended = match suspended {
        Suspension::Not(_) => None,
        Suspension::At(pointer) => Some(pointer),
    };
    let mut line = Map::new();
    for (name, pointer) in [
        ("vin", Some(vin)),
        ("owner", Some(owner)),
        ("region", Some(region)),
        ("trim", Some(trim)),
        ("capabilities", Some(capabilities)),
        ("telematics", Some(telematics)),
        ("suspended", suspended),
        ("fleet", fleet.as_ref()),
    ] {
        if let Some(pointer) = pointer {
            line.insert(name.to_owned(), at(answer, name, pointer)?.clone());
        }
    }
    let lists = [
        ("drivers", drivers.as_ref().map(of_drivers)),
        ("consents", consents.as_ref().map(of_consents)),
        ("work_orders", work_orders.as_ref().map(of_work_orders)),
        ("cases", cases.as_ref().map(of_cases)),
    ];
    for (name, list) in lists {
        if let Some(list) = list {
            line.insert(name.to_owned(), entries(answer, name, &list)?);
        }
    }
    Ok(line)
}

/// Where a list is, and where in each entry its members are.
struct List<'a> {
    list: &'a str,
    members: Vec<(&'static str, Option<&'a String>, Presence)>,
}

/// Whether a member that is pointed at may be missing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Always,
    /// Another one stands for it.
    Sometimes,
}

use Presence::{Always, Sometimes};

fn of_drivers(map: &DriverMap) -> List<'_> {
    List {
        list: &map.list,
        members: vec![
            ("subject", Some(&map.subject), Always),
            ("entitlements", Some(&map.entitlements), Always),
            ("until", map.until.as_ref(), Always),
        ],
    }
}

fn of_consents(map: &ConsentMap) -> List<'_> {
    List {
        list: &map.list,
        members: vec![
            ("client", Some(&map.client), Always),
            ("scopes", Some(&map.scopes), Always),
            ("until", map.until.as_ref(), Always),
        ],
    }
}

fn of_work_orders(map: &WorkOrderMap) -> List<'_> {
    List {
        list: &map.list,
        members: vec![
            ("id", Some(&map.id), Always),
            ("dealership", Some(&map.dealership), Always),
            ("technician", map.technician.as_ref(), Sometimes),
            ("role", map.role.as_ref(), Sometimes),
            ("agreed", map.agreed.as_ref(), Always),
            ("until", Some(&map.until), Always),
        ],
    }
}

fn of_cases(map: &CaseMap) -> List<'_> {
    List {
        list: &map.list,
        members: vec![
            ("case", Some(&map.case), Always),
            ("agent", Some(&map.agent), Always),
            ("until", Some(&map.until), Always),
        ],
    }
}

fn entries(answer: &Value, name: &str, list: &List<'_>) -> Result<Value, Flaw> {
    let found = at(answer, name, list.list)?.as_array();
    let found = found.ok_or_else(|| Flaw::Wrong(format!("`{name}` is no list")))?;
    let entry = |entry: &Value| {
        let mut members = Map::new();
        for (member, pointer, presence) in &list.members {
            let Some(pointer) = pointer else {
                continue;
            };
            let value = match entry.pointer(pointer) {
                Some(value) => value.clone(),
                None if *presence == Sometimes => continue,
                None => {
                    let flaw = format!("an entry of `{name}` has no `{member}`");
                    return Err(Flaw::Wrong(flaw));
                }
            };
            members.insert((*member).to_owned(), value);
        }
        Ok(Value::Object(members))
    };
    let entries: Result<Vec<Value>, Flaw> = found.iter().map(entry).collect();
    entries.map(Value::Array)
}
