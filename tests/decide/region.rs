//! Which region is a vehicle in?

use vingate::pipeline::ownership::VehicleFacts;
use vingate::switchboard::{Board, Scope};

use crate::fake::{Court, OWNED, Request};
use crate::{closed, code};

#[test]
fn the_region_after_an_allow_is_the_directorys() {
    let mut court = Court::open();
    let region = |name: &str| Scope {
        regions: [name.to_owned()].into(),
        ..Scope::default()
    };
    court.board = closed(region("NE"));
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("owner"))),
        "closed"
    );
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("stranger"))),
        "access-denied",
        "a stranger learns no region"
    );
    court.board = closed(region("NNA"));
    assert_eq!(
        code(&court.judge(&Request::read(OWNED).by("owner"))),
        "permit"
    );
}

#[test]
fn a_vehicle_whose_region_is_misspelt_is_closed_with_each_region() {
    let mut court = Court::open();
    let with = |region: &str| VehicleFacts {
        owner: Some("owner".to_owned()),
        region: region.to_owned(),
        telematics: true,
        ..VehicleFacts::default()
    };
    for (region, answer) in [
        ("NE", "permit"),
        ("ne", "closed"),
        ("NE ", "closed"),
        ("EU", "closed"),
        ("", "closed"),
        ("NNA", "closed"),
    ] {
        court.put(OWNED, with(region));
        court.board = Board::default();
        let asked = Request::read(OWNED).by("owner");
        assert_eq!(code(&court.judge(&asked)), "permit", "{region}");
        court.board = closed(Scope {
            regions: ["NNA".to_owned()].into(),
            ..Scope::default()
        });
        assert_eq!(code(&court.judge(&asked)), answer, "{region}");
    }
}
