//! What is the principal to this vehicle?

use std::time::Duration;

use crate::config::file::PrincipalKind;
use crate::pipeline::Principal;

/// What the directory knows of one vehicle.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VehicleFacts {
    /// Subject of the owner.
    pub owner: Option<String>,
    /// Grants to drivers, expired ones included.
    pub drivers: Vec<DriverGrant>,
    /// Fleet that it belongs to.
    pub fleet: Option<String>,
    /// Region, such as `NE`.
    pub region: String,
    /// Trim, such as `SV`.
    pub trim: String,
    /// What the car can be asked, such as `climate`, `charging`.
    pub capabilities: Vec<String>,
    /// Whether its owner left telematics on.
    pub telematics: bool,
}

/// A grant to a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverGrant {
    /// The driver.
    pub subject: String,
    /// Names of Cedar actions.
    pub entitlements: Vec<String>,
    /// End, since the Unix epoch.
    pub until: Option<Duration>,
}

/// What a principal is to a vehicle at one moment: time is resolved here, Cedar sees no clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// Whether the directory knows the vehicle.
    pub known: bool,
    /// Word for the record: `owner`, `driver`, `fleet`, `none`.
    pub word: &'static str,
    /// Entitlements of the principal's active grants on it, sorted.
    pub entitlements: Vec<String>,
}

impl DriverGrant {
    /// Whether it counts at `now`: `until` itself is past its end.
    pub fn is_active(&self, now: Duration) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Resolves the relation at `now` (since the Unix epoch). An absent vehicle gives a relation of
/// the same shape, with no facts, by the same steps.
pub fn relate(principal: &Principal, facts: Option<&VehicleFacts>, now: Duration) -> Relation {
    let absent = VehicleFacts::default();
    let known = facts.is_some();
    let facts = facts.unwrap_or(&absent);
    // Only people own and drive: a client whose name equals somebody's subject is not that person.
    let person = principal.kind == PrincipalKind::User && !principal.subject.is_empty();
    let owner = person && facts.owner.as_ref() == Some(&principal.subject);
    let granted: Vec<&DriverGrant> = facts
        .drivers
        .iter()
        .filter(|grant| person && grant.subject == principal.subject && grant.is_active(now))
        .collect();
    let mut entitlements: Vec<String> = granted
        .iter()
        .flat_map(|grant| grant.entitlements.iter().cloned())
        .collect();
    entitlements.sort_unstable();
    entitlements.dedup();
    let word = if owner {
        "owner"
    } else if !granted.is_empty() {
        "driver"
    } else if in_fleet(principal, facts) {
        "fleet"
    } else {
        "none"
    };
    Relation {
        known,
        word,
        entitlements,
    }
}

/// Two absent fleets are not the same fleet.
fn in_fleet(principal: &Principal, facts: &VehicleFacts) -> bool {
    match (&principal.fleet, &facts.fleet) {
        (Some(managed), Some(fleet)) => managed == fleet && !fleet.is_empty(),
        (Some(_) | None, None) | (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn principal(kind: PrincipalKind, subject: &str, fleet: Option<&str>) -> Principal {
        Principal {
            kind,
            issuer: Arc::from("owners"),
            subject: subject.to_owned(),
            client: None,
            scopes: Vec::new(),
            fleet: fleet.map(str::to_owned),
            tenant: None,
            token_id: None,
            expires_at: Duration::MAX,
            pseudonym: String::new(),
        }
    }

    fn grant(subject: &str, entitlements: &[&str], until: Option<u64>) -> DriverGrant {
        DriverGrant {
            subject: subject.to_owned(),
            entitlements: entitlements.iter().map(|&word| word.to_owned()).collect(),
            until: until.map(Duration::from_secs),
        }
    }

    fn leaf() -> VehicleFacts {
        VehicleFacts {
            owner: Some("alice".to_owned()),
            drivers: vec![
                grant("bob", &["StopClimate", "StartClimate"], Some(100)),
                grant("bob", &["StartClimate", "ReadLocation"], None),
                grant("carol", &["StartClimate"], Some(100)),
                grant("dave", &[], None),
                grant("alice", &["StartCharging"], None),
            ],
            fleet: Some("post".to_owned()),
            ..VehicleFacts::default()
        }
    }

    /// Kind, subject and fleet of who asks, when; the word and the entitlements expected.
    type Case = (
        PrincipalKind,
        &'static str,
        Option<&'static str>,
        u64,
        &'static str,
        &'static [&'static str],
    );

    #[test]
    fn a_principal_is_what_the_directory_says_at_that_moment() {
        use PrincipalKind::{Agent, Client, Technician, User, Vehicle};
        const BOTH: &[&str] = &["ReadLocation", "StartClimate", "StopClimate"];
        let table: [Case; 17] = [
            (User, "alice", None, 50, "owner", &["StartCharging"]),
            (User, "alice", Some("post"), 50, "owner", &["StartCharging"]),
            (User, "bob", None, 99, "driver", BOTH),
            (
                User,
                "bob",
                None,
                100,
                "driver",
                &["ReadLocation", "StartClimate"],
            ),
            (User, "carol", None, 99, "driver", &["StartClimate"]),
            (User, "carol", None, 100, "none", &[]), // `until` is exclusive
            (User, "carol", Some("post"), 100, "fleet", &[]),
            (User, "dave", None, 0, "driver", &[]),
            (User, "Alice", None, 50, "none", &[]),
            (User, "", None, 50, "none", &[]),
            (User, "mallory", Some("postal"), 50, "none", &[]),
            (User, "mallory", Some("post"), 50, "fleet", &[]),
            (Client, "post-app", Some("post"), 50, "fleet", &[]),
            (Client, "alice", None, 50, "none", &[]),
            (Technician, "alice", None, 50, "none", &[]),
            (Agent, "bob", None, 50, "none", &[]),
            (Vehicle, "bob", None, 50, "none", &[]),
        ];
        for (kind, subject, fleet, now, word, entitlements) in table {
            let who = principal(kind, subject, fleet);
            let relation = relate(&who, Some(&leaf()), Duration::from_secs(now));
            let case = format!("{kind:?} {subject} {fleet:?} at {now}");
            assert!(relation.known, "{case}");
            assert_eq!(relation.word, word, "{case}");
            assert_eq!(relation.entitlements, entitlements, "{case}");
        }
    }

    #[test]
    fn empty_facts_match_nobody() {
        let facts = VehicleFacts {
            owner: Some(String::new()),
            drivers: vec![grant("", &["StartClimate"], None)],
            fleet: Some(String::new()),
            ..VehicleFacts::default()
        };
        let nobody = principal(PrincipalKind::User, "", Some(""));
        let relation = relate(&nobody, Some(&facts), Duration::ZERO);
        assert_eq!((relation.word, relation.entitlements.len()), ("none", 0));
    }

    #[test]
    fn an_absent_vehicle_has_no_relation() {
        let who = principal(PrincipalKind::User, "alice", Some("post"));
        let expected = Relation {
            known: false,
            word: "none",
            entitlements: Vec::new(),
        };
        assert_eq!(relate(&who, None, Duration::from_secs(1)), expected);
    }
}
