//! Who of the estate's people may do what?
//!
//! `table.txt` beside this file says it for every action, and was read line by line against the
//! catalogue. Whoever changes a policy sees here for whom else it changed.

use std::fmt::Write as _;

use super::{NOW, VIN, shipped_set, user};
use crate::config::file::PrincipalKind;
use crate::denial::{AccessFlaw, Denial};
use crate::pipeline::identity::sign_in::Authentication;
use crate::pipeline::ownership::{
    self, Assignee, Consent, DriverGrant, RoadsideCase, SubjectFacts, VehicleFacts, WorkOrder,
};
use crate::pipeline::policy::{Circumstances, Question, Resource, ResourceKind, evaluate};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

/// Somebody, the car they ask for, and how they come.
struct Person {
    name: &'static str,
    principal: Principal,
    car: VehicleFacts,
    authentication: Authentication,
    suspended: bool,
}

impl Person {
    fn new(name: &'static str, principal: Principal) -> Self {
        Self {
            name,
            principal,
            car: leaf(),
            authentication: Authentication::STEPPED_UP,
            suspended: false,
        }
    }

    fn with(self, change: fn(&mut Self)) -> Self {
        let mut changed = self;
        change(&mut changed);
        changed
    }

    fn cell(&self, action: &str, resource: ResourceKind) -> char {
        let set = shipped_set();
        if !set.applies(action, self.principal.kind, resource) {
            return '.';
        }
        let vin = Vin::read(VIN).unwrap();
        let relation = ownership::relate(&self.principal, Some(&self.car), NOW);
        let question = Question {
            principal: &self.principal,
            action,
            resource: match resource {
                ResourceKind::Vehicle => Resource::Vehicle(&vin, Some(&self.car), &relation),
                ResourceKind::Surface => Resource::Surface,
            },
            context: Circumstances {
                surface: "estate",
                network: "edge",
                authentication: self.authentication,
                subject: SubjectFacts {
                    suspended: self.suspended,
                },
            },
        };
        match evaluate(set, question, &mut Findings::default()) {
            Ok(()) => '+',
            Err(Denial::StepUpRequired(_)) => '?',
            Err(Denial::AccessDenied(AccessFlaw::NotPermitted)) => '-',
            Err(Denial::AccessDenied(AccessFlaw::Forbidden)) => 'x',
            Err(other) => panic!("{} {action}: {other:?}", self.name),
        }
    }
}

fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|&one| one.to_owned()).collect()
}

/// Anna's, after Zoe sold it; in a fleet, shared, at the dealer's and at the roadside at once.
#[expect(clippy::too_many_lines, reason = "one table")]
fn leaf() -> VehicleFacts {
    let later = NOW.saturating_add(std::time::Duration::from_secs(1));
    let grant = |subject: &str, entitlements: &[&str], until| DriverGrant {
        subject: subject.to_owned(),
        entitlements: texts(entitlements),
        until,
    };
    let order = |dealership: &str, assignee, agreed: &[&str], until| WorkOrder {
        id: "W1".to_owned(),
        dealership: dealership.to_owned(),
        assignee,
        agreed: texts(agreed),
        until,
    };
    let by = |name: &str| Assignee::Technician(name.to_owned());
    let consent = |client: &str, scopes: &[&str], until| Consent {
        client: client.to_owned(),
        scopes: texts(scopes),
        until,
    };
    let case = |agent: &str, until| RoadsideCase {
        case: "K1".to_owned(),
        agent: agent.to_owned(),
        until,
    };
    let shared = [
        "ReadVehicle",
        "ReadBatteryStatus",
        "ReadLocation",
        "RefreshStatus",
        "StartClimate",
        "StopClimate",
        "StartCharging",
        "StopCharging",
        "UnlockDoors",
        "LockDoors",
        "HonkFlash",
        "SendDestination",
        "ReadTripHistory",
        "InviteDriver",
    ];
    VehicleFacts {
        owner: Some("anna".to_owned()),
        drivers: vec![
            grant("ben", &shared, Some(later)),
            grant("cleo", &[], None),
            grant("dan", &shared, Some(NOW)),
        ],
        fleet: Some("acme".to_owned()),
        region: "NE".to_owned(),
        trim: "SV".to_owned(),
        capabilities: texts(&[
            "climate",
            "charging",
            "doors",
            "engine",
            "horn",
            "location",
            "navigation",
        ]),
        telematics: true,
        consents: vec![
            consent(
                "charger",
                &["read_status", "read_location", "read_vin", "control"],
                None,
            ),
            consent("locker", &["control_security"], Some(later)),
            consent("tracker", &["read_status", "read_location"], Some(NOW)),
        ],
        work_orders: vec![
            order(
                "north",
                by("tom"),
                &["ReadDiagnostics", "ReadServiceHistory"],
                later,
            ),
            order("north", by("tess"), &["ReadDiagnostics"], NOW),
            order(
                "south",
                by("theo"),
                &["ReadDiagnostics", "TransferOwnership"],
                later,
            ),
            order("north", Assignee::Role("adviser".to_owned()), &[], later),
            order("north", by("max"), &["TransferOwnership"], later),
            order("north", by("mia"), &[], later),
        ],
        cases: vec![case("gil", later), case("ida", NOW)],
        suspended: false,
    }
}

fn of(kind: PrincipalKind, subject: &str) -> Principal {
    Principal {
        kind,
        ..user(subject)
    }
}

fn manager(fleet: &str) -> Principal {
    Principal {
        fleet: Some(fleet.to_owned()),
        ..user("fay")
    }
}

fn partner(subject: &str, scopes: &[&str]) -> Principal {
    Principal {
        scopes: texts(scopes),
        ..of(PrincipalKind::Client, subject)
    }
}

fn employee(subject: &str, role: &str) -> Principal {
    Principal {
        tenant: Some("north".to_owned()),
        roles: texts(&[role]),
        ..of(PrincipalKind::Technician, subject)
    }
}

const ALL_SCOPES: [&str; 5] = [
    "read_status",
    "read_location",
    "read_vin",
    "control",
    "control_security",
];

#[expect(clippy::too_many_lines, reason = "one table")]
fn people() -> Vec<Person> {
    use PrincipalKind::{Agent, Vehicle};
    let weak = |person: &mut Person| person.authentication = Authentication::default();
    vec![
        Person::new("owner, who bought it", user("anna")),
        Person::new("owner, signed in weakly and long ago", user("anna")).with(weak),
        Person::new("former owner", user("zoe")),
        Person::new("former owner before the sale", user("zoe"))
            .with(|person| person.car.owner = Some("zoe".to_owned())),
        Person::new("driver with entitlements", user("ben")),
        Person::new("driver without entitlements", user("cleo")),
        Person::new("driver whose grant ended", user("dan")),
        Person::new("manager of its fleet", manager("acme")),
        Person::new("manager of another fleet", manager("rival")),
        Person::new("stranger", user("eve")),
        Person::new("partner with consent", partner("charger", &ALL_SCOPES)),
        Person::new(
            "partner with consent, token without scopes",
            partner("charger", &[]),
        ),
        Person::new(
            "partner with consent to doors alone",
            partner("locker", &ALL_SCOPES),
        ),
        Person::new(
            "partner whose consent ended",
            partner("tracker", &ALL_SCOPES),
        ),
        Person::new("partner without consent", partner("anna", &ALL_SCOPES)),
        Person::new(
            "technician with an open work order",
            employee("tom", "technician"),
        ),
        Person::new(
            "technician with a closed work order",
            employee("tess", "technician"),
        ),
        Person::new(
            "manager with another dealership's work order",
            employee("theo", "manager"),
        ),
        Person::new(
            "technician without a work order",
            employee("uli", "technician"),
        ),
        Person::new(
            "service adviser with a work order",
            employee("ada", "adviser"),
        ),
        Person::new("manager, the owner confirmed", employee("max", "manager")),
        Person::new(
            "manager, the owner did not confirm",
            employee("mia", "manager"),
        ),
        Person::new(
            "manager, confirmed, signed in weakly",
            employee("max", "manager"),
        )
        .with(weak),
        Person::new(
            "service adviser of another dealership",
            Principal {
                tenant: Some("south".to_owned()),
                ..employee("ada", "adviser")
            },
        ),
        Person::new("agent with an open case", of(Agent, "gil")),
        Person::new("agent with a closed case", of(Agent, "ida")),
        Person::new("the car itself", of(Vehicle, VIN)),
        Person::new("another car", of(Vehicle, "SJNFAAZE0U6054321")),
        Person::new("suspended owner", user("anna")).with(|person| person.suspended = true),
        Person::new("suspended driver", user("ben")).with(|person| person.suspended = true),
        Person::new("suspended manager of its fleet", manager("acme"))
            .with(|person| person.suspended = true),
        Person::new("suspended partner", partner("charger", &ALL_SCOPES))
            .with(|person| person.suspended = true),
        Person::new("suspended technician", employee("tom", "technician"))
            .with(|person| person.suspended = true),
        Person::new("suspended agent", of(Agent, "gil")).with(|person| person.suspended = true),
        Person::new("suspended certificate of the car itself", of(Vehicle, VIN))
            .with(|person| person.suspended = true),
        Person::new("owner of a suspended car", user("anna"))
            .with(|person| person.car.suspended = true),
        Person::new("agent with a case of a suspended car", of(Agent, "gil"))
            .with(|person| person.car.suspended = true),
        Person::new("suspended car itself", of(Vehicle, VIN))
            .with(|person| person.car.suspended = true),
        Person::new("owner, telematics off", user("anna"))
            .with(|person| person.car.telematics = false),
        Person::new("the car itself, telematics off", of(Vehicle, VIN))
            .with(|person| person.car.telematics = false),
    ]
}

fn write() -> String {
    let people = people();
    let mut table = String::from(
        "+ allowed   ? allowed after a better sign-in   - not permitted   x forbidden\n\
         . the schema knows no such request\n\n",
    );
    for (number, person) in (1..).zip(&people) {
        let number: u32 = number;
        writeln!(table, "{number:>2}  {}", person.name).unwrap();
    }
    let numbers: Vec<String> = (1..=people.len()).map(|one| format!("{one:02}")).collect();
    for digit in 0..2 {
        let digits = numbers
            .iter()
            .filter_map(|number| number.get(digit..=digit));
        let digits: Vec<&str> = digits.collect();
        let start = if digit == 0 { "\n" } else { "" };
        writeln!(table, "{start}{:20} {}", "", digits.join(" ")).unwrap();
    }
    let set = shipped_set();
    let mut actions: Vec<&str> = set.slices.actions().collect();
    actions.sort_unstable();
    for action in actions {
        let users = PrincipalKind::User;
        let on_surface = super::vocabulary::KINDS
            .iter()
            .any(|kind| set.applies(action, *kind, ResourceKind::Surface));
        assert!(
            !on_surface || !set.applies(action, users, ResourceKind::Vehicle),
            "{action}"
        );
        let resource = if on_surface {
            ResourceKind::Surface
        } else {
            ResourceKind::Vehicle
        };
        let cells = people
            .iter()
            .map(|person| person.cell(action, resource).to_string());
        writeln!(table, "{action:20} {}", cells.collect::<Vec<_>>().join(" ")).unwrap();
    }
    table
}

#[test]
fn every_person_may_do_what_the_table_says() {
    let written = write();
    let expected = include_str!("table.txt");
    assert!(written == expected, "the table is now:\n{written}");
}
