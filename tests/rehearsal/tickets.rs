//! Is a ticket that isn't one a header like any other?

use std::sync::Arc;

use vingate::pipeline::rehearsal::{Rehearsal, Rehearsals, StandIn};
use vingate::pipeline::vehicle::Vin;
use vingate::switchboard::State;

use crate::support::{Answer, exchange};
use crate::{House, OWNED, surface};

fn rehearsal() -> Rehearsal {
    Rehearsal {
        who: StandIn {
            issuer: Arc::from("owners"),
            subject: "owner".to_owned(),
            client: None,
            tenant: None,
        },
        action: Arc::from("ReadBatteryStatus"),
        vin: Vin::read(OWNED).unwrap(),
        vehicle_region: None,
    }
}

/// A read of the owner's car with that ticket, and with or without the owner's token.
fn read(house: &House, ticket: &str, token: Option<&str>) -> Answer {
    let token = token.map_or(String::new(), |t| format!("Authorization: Bearer {t}\r\n"));
    let request = format!(
        "GET /v1/cars/{OWNED}/battery HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{token}\
         Vingate-Rehearsal: {ticket}\r\n\r\n"
    );
    exchange(house.address(), request.as_bytes())
}

#[test]
fn a_good_ticket_is_never_forwarded_even_with_the_owners_token() {
    let house = House::start();
    let owner = house.tokens.token("owner");
    let now = vingate::clock::unix_time();
    let ticket = house.shared.rehearsals.admit(rehearsal(), now).unwrap();
    let answer = read(&house, &ticket, Some(&owner));
    assert_eq!(answer.status, 403, "{}", answer.text());
    assert!(house.upstream.requests().is_empty());
}

#[test]
fn what_is_no_good_ticket_changes_nothing_and_is_taken_off() {
    let house = House::start();
    let owner = house.tokens.token("owner");
    let now = vingate::clock::unix_time();
    let tickets = &house.shared.rehearsals;
    let replayed = tickets.admit(rehearsal(), now).unwrap();
    read(&house, &replayed, None);
    let an_hour_ago = now.saturating_sub(std::time::Duration::from_secs(3_600));
    let expired = tickets.admit(rehearsal(), an_hour_ago).unwrap();
    let foreign = Rehearsals::new().unwrap().admit(rehearsal(), now).unwrap();
    for ticket in [&replayed, &expired, &foreign, "1", &"0".repeat(64)] {
        house.upstream.clear();
        let answer = read(&house, ticket, Some(&owner));
        assert_eq!(answer.status, 200, "{ticket}: {}", answer.text());
        let seen = house.upstream.only_request().to_ascii_lowercase();
        assert!(!seen.contains("rehearsal"), "{seen}");
        let nobody = read(&house, ticket, None);
        assert_eq!(nobody.status, 401, "{ticket}: it vouches for nobody");
    }
    let marked = house.records();
    let marked = marked.iter().filter(|record| record["rehearsal"] == true);
    assert_eq!(marked.count(), 1, "only the first one was a rehearsal");
}

#[test]
fn a_closed_entrance_answers_alike_with_and_without_a_ticket() {
    let house = House::start();
    house.close("c-1", surface("mobile"), State::Closed);
    let now = vingate::clock::unix_time();
    let good = house.shared.rehearsals.admit(rehearsal(), now).unwrap();
    let (good, bad) = (read(&house, &good, None), read(&house, "1", None));
    let names = |answer: &Answer| {
        let names = answer.headers.iter().map(|(name, _)| name.clone());
        names.collect::<Vec<_>>()
    };
    assert_eq!((good.status, names(&good)), (bad.status, names(&bad)));
}
