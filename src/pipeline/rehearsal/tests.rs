//! Does a ticket count once, for a few seconds, here, and nowhere else?

use super::*;

const HERE: (IpAddr, Option<IpAddr>) = (IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), None);

fn rehearsal() -> Rehearsal {
    Rehearsal {
        who: StandIn {
            issuer: Arc::from("owners"),
            subject: "nobody".to_owned(),
            client: None,
            tenant: None,
        },
        action: Arc::from("StartClimate"),
        vin: Vin::read("SJNFAAZE0U0000000").unwrap(),
        vehicle_region: None,
    }
}

fn with(ticket: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER, ticket.parse().unwrap());
    headers
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_ticket_counts_once() {
    let tickets = Rehearsals::new().unwrap();
    let headers = with(&tickets.admit(rehearsal(), at(1)).unwrap());
    assert_eq!(
        tickets.redeem(&headers, HERE, at(2)).as_ref(),
        Some(&rehearsal())
    );
    assert_eq!(
        tickets.redeem(&headers, HERE, at(2)),
        None,
        "shown a second time"
    );
}

#[test]
fn a_ticket_is_over_after_its_time() {
    let tickets = Rehearsals::new().unwrap();
    let headers = with(&tickets.admit(rehearsal(), at(1)).unwrap());
    assert_eq!(tickets.redeem(&headers, HERE, at(6)), None);
    assert_eq!(
        tickets.redeem(&headers, HERE, at(2)),
        None,
        "and stays so if the clock goes back"
    );
}

#[test]
fn a_ticket_of_another_process_or_a_forged_one_is_none() {
    let (ours, theirs) = (Rehearsals::new().unwrap(), Rehearsals::new().unwrap());
    let foreign = theirs.admit(rehearsal(), at(1)).unwrap();
    let own = ours.admit(rehearsal(), at(1)).unwrap();
    let upper = own.to_ascii_uppercase();
    let cut = own.get(..63).unwrap().to_owned();
    for forged in [
        foreign,
        upper,
        cut,
        String::new(),
        "0".repeat(64),
        format!("{own}0"),
    ] {
        let redeemed = ours.redeem(&with(&forged), HERE, at(1));
        assert_eq!(redeemed, None, "{forged}");
    }
    assert!(ours.redeem(&with(&own), HERE, at(1)).is_some());
}

#[test]
fn a_ticket_counts_from_this_host_only() {
    let remote: IpAddr = [192, 0, 2, 7].into();
    let own: IpAddr = [10, 0, 0, 5].into();
    let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
    let table = [
        ((remote, Some(own)), false),
        ((remote, None), false),
        ((own, Some(own)), true),
        ((mapped, Some(own)), true),
        ((IpAddr::from([127, 9, 9, 9]), Some(own)), true),
        ((IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), None), true),
    ];
    for (way, counts) in table {
        let tickets = Rehearsals::new().unwrap();
        let headers = with(&tickets.admit(rehearsal(), at(1)).unwrap());
        let redeemed = tickets.redeem(&headers, way, at(1));
        assert_eq!(redeemed.is_some(), counts, "{way:?}");
    }
}

#[test]
fn two_tickets_in_one_request_are_none() {
    let tickets = Rehearsals::new().unwrap();
    let mut headers = with(&tickets.admit(rehearsal(), at(1)).unwrap());
    let second = tickets.admit(rehearsal(), at(1)).unwrap();
    headers.append(HEADER, second.parse().unwrap());
    assert_eq!(tickets.redeem(&headers, HERE, at(1)), None);
}

#[test]
fn tickets_that_wait_are_bounded() {
    let tickets = Rehearsals::new().unwrap();
    for _ in 0..MOST {
        tickets.admit(rehearsal(), at(1)).unwrap();
    }
    assert!(tickets.admit(rehearsal(), at(1)).is_err());
    assert!(
        tickets.admit(rehearsal(), at(6)).is_ok(),
        "the others are over"
    );
}

#[test]
fn nothing_personal_is_shown() {
    let shown = format!("{:?}", rehearsal());
    assert!(
        !shown.contains("SJN") && !shown.contains("nobody"),
        "{shown}"
    );
}
