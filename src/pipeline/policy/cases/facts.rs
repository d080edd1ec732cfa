//! Which facts does a case state?

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use crate::pipeline::Principal;
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::SignIn;
use crate::pipeline::ownership::{
    Assignee, Consent, DriverGrant, RoadsideCase, VehicleFacts, WorkOrder,
};
use crate::pipeline::policy::cases::file::{Caller, Car, CarCase, CarConsent, CarOrder, Grant};
use crate::pipeline::vehicle::Vin;

/// Who asks; what the sign-in is worth stands beside it.
pub(super) fn principal(caller: &Caller) -> Principal {
    Principal {
        kind: caller.kind,
        issuer: Arc::from("cases"),
        subject: caller.subject.clone(),
        client: caller.client.clone(),
        scopes: caller.scopes.clone(),
        fleet: caller.fleet.clone(),
        tenant: caller.dealership.clone(),
        roles: caller.roles.clone(),
        sign_in: SignIn::default(),
        credential: Credential {
            expires_at: Duration::MAX,
            ..Credential::default()
        },
        pseudonym: String::new(),
    }
}

/// The vehicle, and what the directory says of it.
pub(super) fn facts(car: &Car) -> Result<(Vin, Option<VehicleFacts>), String> {
    let vin = Vin::read(&car.vin).map_err(|flaw| format!("`{}` is no VIN: {flaw:?}", car.vin))?;
    if car.unknown {
        let bare = Car {
            vin: car.vin.clone(),
            unknown: true,
            ..Car::default()
        };
        return if *car == bare {
            Ok((vin, None))
        } else {
            Err("an unknown vehicle has a VIN and nothing else".to_owned())
        };
    }
    let missing = |name| format!("`{name}` is missing");
    let facts = VehicleFacts {
        owner: car.owner.clone(),
        drivers: all(&car.drivers, grant)?,
        fleet: car.fleet.clone(),
        region: car.region.clone().ok_or_else(|| missing("region"))?,
        trim: car.trim.clone().ok_or_else(|| missing("trim"))?,
        capabilities: car.capabilities.clone(),
        telematics: car.telematics.ok_or_else(|| missing("telematics"))?,
        consents: all(&car.consents, consent)?,
        work_orders: all(&car.work_orders, work_order)?,
        cases: all(&car.cases, roadside_case)?,
        suspended: car.suspended,
    };
    Ok((vin, Some(facts)))
}

fn all<W, T>(written: &[W], read: fn(&W) -> Result<T, String>) -> Result<Vec<T>, String> {
    written.iter().map(read).collect()
}

fn grant(grant: &Grant) -> Result<DriverGrant, String> {
    Ok(DriverGrant {
        subject: grant.subject.clone(),
        entitlements: grant.entitlements.clone(),
        until: grant.until.as_deref().map(end).transpose()?,
    })
}

fn consent(consent: &CarConsent) -> Result<Consent, String> {
    Ok(Consent {
        client: consent.client.clone(),
        scopes: consent.scopes.clone(),
        until: consent.until.as_deref().map(end).transpose()?,
    })
}

fn work_order(order: &CarOrder) -> Result<WorkOrder, String> {
    let assignee = match (&order.technician, &order.role) {
        (Some(subject), None) => Assignee::Technician(subject.clone()),
        (None, Some(role)) => Assignee::Role(role.clone()),
        (Some(_), Some(_)) | (None, None) => {
            return Err("a work order has a `technician` or a `role`".to_owned());
        }
    };
    Ok(WorkOrder {
        id: order.id.clone(),
        dealership: order.dealership.clone(),
        assignee,
        agreed: order.agreed.clone(),
        until: end(&order.until)?,
    })
}

fn roadside_case(case: &CarCase) -> Result<RoadsideCase, String> {
    Ok(RoadsideCase {
        case: case.case.clone(),
        agent: case.agent.clone(),
        until: end(&case.until)?,
    })
}

fn end(text: &str) -> Result<Duration, String> {
    time(text).ok_or_else(|| not_a_time(text))
}

/// RFC 3339 in UTC, since the Unix epoch.
pub(super) fn time(text: &str) -> Option<Duration> {
    let time = humantime::parse_rfc3339(text).ok()?;
    time.duration_since(UNIX_EPOCH).ok()
}

pub(super) fn not_a_time(text: &str) -> String {
    format!("`{text}` is not a time such as `2026-06-01T12:00:00Z`")
}
