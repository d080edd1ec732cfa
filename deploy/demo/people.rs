//! Who takes part in the demo, and which cars do they have?

use serde_json::{Value, json};

/// Somebody who can log in.
#[derive(Debug)]
pub(crate) struct Person {
    /// Login name, at the issuer and at the estate.
    pub(crate) name: &'static str,
    /// Password, at the issuer and at the estate's portal.
    pub(crate) password: &'static str,
    /// The issuer's immutable, opaque subject; never a name or an e-mail.
    pub(crate) subject: &'static str,
    /// The fleet that they manage.
    pub(crate) fleet: Option<&'static str>,
    /// Cars that their accounts show.
    pub(crate) vins: &'static [&'static str],
}

/// A car of the owner: a prefix without a check digit, so its neighbours are easy to guess.
pub(crate) const OWNER_VIN: &str = "SJNFAAZE0U6012345";
/// A car of the stranger, who is a customer too.
pub(crate) const STRANGER_VIN: &str = "SJNFAAZE1U6054321";
/// A car of the fleet.
pub(crate) const FLEET_VIN: &str = "1N4AZ1CP0JC300121";
const FLEET: &str = "harbour-cars";

/// Everybody.
pub(crate) const PEOPLE: [Person; 4] = [
    Person {
        name: "owner",
        password: "owner-2016",
        subject: "u-7f3c9a52e1",
        fleet: None,
        vins: &[OWNER_VIN],
    },
    Person {
        name: "driver",
        password: "driver-2016",
        subject: "u-2b8e40d7c6",
        fleet: None,
        vins: &[OWNER_VIN],
    },
    Person {
        name: "stranger",
        password: "stranger-2016",
        subject: "u-c05d11f98a",
        fleet: None,
        vins: &[STRANGER_VIN],
    },
    Person {
        name: "fleet-manager",
        password: "fleet-2016",
        subject: "u-94aa6e3b70",
        fleet: Some(FLEET),
        vins: &[FLEET_VIN],
    },
];

/// Finds a person by login name.
pub(crate) fn by_name(name: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.name == name)
}

/// Finds a person by subject.
pub(crate) fn by_subject(subject: &str) -> Option<&'static Person> {
    PEOPLE.iter().find(|person| person.subject == subject)
}

/// What `vingate ownership import` reads: one vehicle a line.
pub(crate) fn ownership() -> String {
    let subject = |name| by_name(name).map(|person| person.subject);
    let grant = json!({
        "subject": subject("driver"),
        "entitlements": ["ReadBatteryStatus", "ReadClimateStatus", "StartClimate", "StopClimate"],
        "until": null,
    });
    let lines = [
        vehicle(OWNER_VIN, subject("owner"), &[grant], None),
        vehicle(STRANGER_VIN, subject("stranger"), &[], None),
        vehicle(FLEET_VIN, None, &[], Some(FLEET)),
    ];
    lines.map(|line| line.to_string()).join("\n")
}

fn vehicle(vin: &str, owner: Option<&str>, drivers: &[Value], fleet: Option<&str>) -> Value {
    json!({
        "vin": vin,
        "owner": owner,
        "drivers": drivers,
        "fleet": fleet,
        "region": "NE",
        "trim": "SV",
        "capabilities": ["climate", "charging", "doors", "horn", "location", "navigation"],
        "telematics": true,
    })
}
