//! What does every ownership directory promise?
//!
//! One suite for every store: [`hold`] takes the store as decisions see it, and a closure that fills
//! it from lines of the import form.

use std::sync::Arc;
use std::time::Duration;

use crate::pipeline::ownership::{DriverGrant, VehicleFacts};
use crate::pipeline::ports::OwnershipDirectory;
use crate::pipeline::vehicle::Vin;

const WHOLE: &str = r#"{"vin":"SJNFAAZE0U6012345","owner":"alice","drivers":[{"subject":"bob","entitlements":["StartClimate","StopClimate"],"until":"2027-01-01T00:00:00.5Z"},{"subject":"carol","entitlements":[],"until":null}],"fleet":"post","region":"NE","trim":"SV","capabilities":["climate","charging"],"telematics":true}"#;
const BARE: &str = r#"{"vin":"JN1AZ0CP5BT000082","owner":null,"drivers":[],"fleet":null,"region":"NML","trim":"S","capabilities":[],"telematics":false}"#;
const SOLD: &str = r#"{"vin":"SJNFAAZE0U6012345","owner":"zoë \"quoted\"","drivers":[],"fleet":null,"region":"NE","trim":"SV","capabilities":["climate"],"telematics":true}"#;

fn whole() -> VehicleFacts {
    let grant = |subject: &str, entitlements: &[&str], until| DriverGrant {
        subject: subject.to_owned(),
        entitlements: entitlements.iter().map(|&word| word.to_owned()).collect(),
        until,
    };
    VehicleFacts {
        owner: Some("alice".to_owned()),
        drivers: vec![
            grant(
                "bob",
                &["StartClimate", "StopClimate"],
                Some(Duration::from_millis(1_798_761_600_500)),
            ),
            grant("carol", &[], None),
        ],
        fleet: Some("post".to_owned()),
        region: "NE".to_owned(),
        trim: "SV".to_owned(),
        capabilities: vec!["climate".to_owned(), "charging".to_owned()],
        telematics: true,
    }
}

/// Holds `directory`, empty at first, to the contract.
pub(crate) async fn hold(directory: Arc<dyn OwnershipDirectory>, fill: &dyn Fn(&str)) {
    let bare = VehicleFacts {
        region: "NML".to_owned(),
        trim: "S".to_owned(),
        ..VehicleFacts::default()
    };
    let [first, second, neighbour] = [
        "SJNFAAZE0U6012345",
        "JN1AZ0CP5BT000082",
        "SJNFAAZE0U6012346",
    ];
    let says = async |vin, expected: Option<&VehicleFacts>, why: &str| {
        let vin = Vin::read(vin).expect("a VIN");
        let found = directory.find(&vin).await.expect("an answer");
        assert_eq!(found.as_deref(), expected, "{why}");
    };
    says(first, None, "an empty directory knows nothing").await;
    fill(&format!("{WHOLE}\n{BARE}\n"));
    says(first, Some(&whole()), "every fact comes back").await;
    says(second, Some(&bare), "null stays null").await;
    says(neighbour, None, "absent is an answer").await;
    let sold = VehicleFacts {
        owner: Some("zoë \"quoted\"".to_owned()),
        drivers: Vec::new(),
        fleet: None,
        capabilities: vec!["climate".to_owned()],
        ..whole()
    };
    fill(SOLD);
    says(first, Some(&sold), "a record is replaced whole").await;
    says(second, Some(&bare), "others stay").await;
}
