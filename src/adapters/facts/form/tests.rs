//! Is what was written read back as it was?

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::adapters::facts::import::{BadLines, Terms};
use crate::adapters::facts::line;
use crate::pipeline::ownership::{Consent, DriverGrant, RoadsideCase};

fn terms() -> Terms {
    Terms {
        bad: BadLines::Refuse,
        regions: BTreeSet::new(),
        issuers: BTreeSet::new(),
    }
}

/// The second before the year 10000.
const LAST: u64 = 253_402_300_799;

fn names() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9\"\\\\|/:@ é☃-]{0,12}[a-z]"
}

fn moments() -> impl Strategy<Value = Duration> {
    (0..=LAST, 0..1_000_000_000_u32).prop_map(|(seconds, part)| Duration::new(seconds, part))
}

fn actions() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-zA-Z]{1,12}", 0..3)
}

prop_compose! {
    fn people()(
        owner in prop::option::of(names()),
        drivers in prop::collection::vec((names(), actions(), prop::option::of(moments())), 0..3),
        consents in prop::collection::vec((names(), actions(), prop::option::of(moments())), 0..3),
        orders in prop::collection::vec((names(), names(), any::<bool>(), actions(), moments()), 0..3),
        cases in prop::collection::vec((names(), names(), moments()), 0..3),
    ) -> VehicleFacts {
        let drivers = drivers.into_iter().map(|(subject, entitlements, until)| {
            DriverGrant { subject, entitlements, until }
        });
        let consents = consents.into_iter().map(|(client, scopes, until)| {
            Consent { client, scopes, until }
        });
        let work_orders = orders.into_iter().map(|(name, dealership, by_role, agreed, until)| {
            let assignee = if by_role {
                Assignee::Role(name.clone())
            } else {
                Assignee::Technician(name.clone())
            };
            WorkOrder { id: name, dealership, assignee, agreed, until }
        });
        let cases = cases.into_iter().map(|(case, agent, until)| RoadsideCase { case, agent, until });
        VehicleFacts {
            owner,
            drivers: drivers.collect(),
            consents: consents.collect(),
            work_orders: work_orders.collect(),
            cases: cases.collect(),
            ..VehicleFacts::default()
        }
    }
}

prop_compose! {
    /// Facts that an import can bring.
    pub(crate) fn vehicles()(
        number in 0..1_000_000_u32,
        people in people(),
        fleet in prop::option::of(names()),
        region in names(),
        trim in names(),
        capabilities in prop::collection::vec(names(), 0..3),
        (telematics, suspended) in any::<(bool, bool)>(),
    ) -> Fact {
        let vin = Vin::read(&format!("SJNFAAZE0U6{number:06}")).unwrap();
        let facts = VehicleFacts {
            fleet, region, trim, capabilities, telematics, suspended, ..people
        };
        Fact::Vehicle(vin, Box::new(facts))
    }
}

/// The same of every kind.
pub(crate) fn facts() -> impl Strategy<Value = Fact> {
    let subjects = (names(), names(), any::<bool>()).prop_map(|(issuer, subject, suspended)| {
        Fact::Subject(SubjectKey { issuer, subject }, SubjectFacts { suspended })
    });
    let aliases = (names(), names(), vehicles()).prop_map(|(client, alias, vehicle)| {
        let vin = match vehicle {
            Fact::Vehicle(vin, _) => Some(vin),
            Fact::Subject(..) | Fact::Alias(..) => None,
        };
        Fact::Alias(Alias { client, alias }, vin)
    });
    prop_oneof![3 => vehicles(), 1 => subjects, 1 => aliases]
}

proptest! {
    #[test]
    fn a_line_says_what_the_fact_was(fact in facts()) {
        let text = write(&fact).unwrap();
        prop_assert!(!text.contains('\n'));
        prop_assert_eq!(line::read(text.as_bytes(), &terms()), Ok(fact));
    }
}

#[test]
fn an_end_that_no_line_can_say_is_told_and_not_changed() {
    let vin = Vin::read("SJNFAAZE0U6012345").unwrap();
    for seconds in [LAST + 1, u64::MAX] {
        let facts = VehicleFacts {
            drivers: vec![DriverGrant {
                subject: "ben".to_owned(),
                entitlements: Vec::new(),
                until: Some(Duration::from_secs(seconds)),
            }],
            ..VehicleFacts::default()
        };
        assert_eq!(vehicle(&vin, &facts), Err(Unwritable), "{seconds}");
    }
}
