//! Is what a closure would hit told as it is?

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::file::{BoundTokens, DenialFormat, PrincipalKind};
use crate::config::route::{ActionSource, BodyNeed};
use crate::pipeline::Principal;
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::SignIn;
use crate::pipeline::route::{Route, Surface};
use crate::pipeline::vehicle::Vin;
use crate::switchboard::census::Survey;
use crate::switchboard::changes::{self, By, New};

const VIN: &str = "SJNFAAZE0U6012345";

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn route(surface: &str) -> Arc<Route> {
    Arc::new(Route {
        id: Arc::from(format!("{surface}.battery")),
        surface: Arc::new(Surface {
            name: Arc::from(surface),
            hosts: Vec::new(),
            issuers: Vec::new(),
            certificates: Vec::new(),
            bound_tokens: BoundTokens::AsIssued,
            denial_format: DenialFormat::Problem,
            protected: false,
            client_version: None,
        }),
        methods: vec![http::Method::GET],
        path: Arc::from("/battery"),
        where_: BTreeMap::new(),
        action: ActionSource::Fixed("ReadBatteryStatus".to_owned()),
        vehicle: None,
        result_key: None,
        guarded: false,
        identity_required: true,
        off: None,
        retired: None,
        upstream: Arc::from("telematics"),
        quotas: Vec::new(),
        body: BodyNeed::Auto,
        websocket: false,
    })
}

pub(crate) fn by(surface: &str, subject: &str, client: &str) -> Situation {
    let principal = Principal {
        kind: PrincipalKind::User,
        issuer: Arc::from("owners"),
        subject: subject.to_owned(),
        client: Some(client.to_owned()),
        scopes: Vec::new(),
        fleet: None,
        tenant: None,
        roles: Vec::new(),
        sign_in: SignIn::default(),
        credential: Credential {
            expires_at: at(1),
            ..Credential::default()
        },
        pseudonym: String::new(),
    };
    Situation {
        route: Some(route(surface)),
        principal: Some(Arc::new(principal)),
        vin: Some(Vin::read(VIN).unwrap()),
        ..Situation::default()
    }
}

fn surface(name: &str) -> Scope {
    Scope {
        surfaces: [name.to_owned()].into(),
        ..Scope::default()
    }
}

fn closed(id: &str, scope: Scope) -> Board {
    let new = New::closing(id.to_owned(), scope, "x".to_owned());
    let by = By {
        who: "test",
        at: 0,
        revision: 1,
        break_glass: false,
    };
    Board::default().with(changes::begin(new, by))
}

/// What this replica alone would tell of a closure of surface `mobile`.
fn preview(traffic: &Traffic, board: &Board, now: Duration) -> Preview {
    let key = FleetKey::new(&[7; 32]).unwrap();
    Preview::of(Survey {
        counts: vec![traffic.count(&surface("mobile"), board, now, &key)],
        ..Survey::default()
    })
}

#[expect(clippy::float_cmp, reason = "halves and quarters are exact")]
#[test]
fn a_preview_tells_rates_shares_and_distinct_callers() {
    let traffic = Traffic::new(at(1_000));
    for (subject, client) in [("a", "app"), ("a", "app"), ("b", "other")] {
        traffic.note(at(1_001), &by("mobile", subject, client), subject == "b");
    }
    traffic.note(at(1_001), &by("portal", "c", "web"), false);
    traffic.note(at(1_001), &Situation::default(), true); // no route
    traffic.note(at(1_001), &Situation::default(), true);
    let preview = preview(&traffic, &Board::default(), at(1_004));
    assert_eq!(preview.window_seconds, 4.0);
    assert_eq!((preview.requests, preview.requests_per_second), (3, 0.75));
    assert_eq!(preview.share, 0.5);
    assert_eq!(
        (preview.clients, preview.subjects, preview.vehicles),
        (2, 2, 1)
    );
    assert_eq!(preview.denied, 1.0 / 3.0);
    let expected = SurfaceShare {
        surface: "mobile".to_owned(),
        requests_per_second: 0.75,
        share: 1.0,
    };
    assert_eq!(preview.by_surface, [expected]);
    assert_eq!((preview.already_refused, preview.overlaps.len()), (0.0, 0));
}

#[expect(clippy::float_cmp, reason = "halves are exact")]
#[test]
fn overlaps_name_the_closures_and_what_they_refuse_already() {
    let traffic = Traffic::new(at(0));
    for subject in ["a", "b"] {
        traffic.note(at(1), &by("mobile", subject, "app"), false);
    }
    let one = Scope {
        subjects: ["owners/a".to_owned()].into(),
        ..Scope::default()
    };
    let board = closed("c-1", one).merge(&closed("c-2", surface("portal")));
    let preview = preview(&traffic, &board, at(2));
    assert_eq!(preview.already_refused, 0.5);
    let expected = Overlap {
        id: "c-1".to_owned(),
        requests: 1,
    };
    assert_eq!(preview.overlaps, [expected]);
}

#[expect(clippy::float_cmp, reason = "none is exact")]
#[test]
fn no_traffic_is_no_share_and_old_requests_are_forgotten() {
    let traffic = Traffic::new(at(0));
    assert_eq!(preview(&traffic, &Board::default(), at(10)).share, 0.0);
    traffic.note(at(10), &by("mobile", "a", "app"), false);
    assert_eq!(preview(&traffic, &Board::default(), at(310)).share, 1.0);
    assert_eq!(preview(&traffic, &Board::default(), at(311)).share, 0.0);
    let preview = preview(&traffic, &Board::default(), at(311));
    assert_eq!((preview.requests, preview.window_seconds), (0, 300.0));
    assert_eq!(traffic.surfaces(at(309)).len(), 1);
    assert!(traffic.surfaces(at(310)).is_empty());
}

#[expect(clippy::float_cmp, reason = "whole seconds are exact")]
#[test]
fn heavy_traffic_shortens_the_window_and_not_the_totals() {
    let traffic = Traffic::new(at(0));
    let request = by("mobile", "a", "app");
    for _ in 0..PLACES {
        traffic.note(at(100), &request, false);
    }
    for _ in 0..PLACES {
        traffic.note(at(110), &request, false);
    }
    let preview = preview(&traffic, &Board::default(), at(114));
    assert_eq!(preview.window_seconds, 4.0);
    assert_eq!(usize::try_from(preview.requests).unwrap(), PLACES);
    let rates = traffic.surfaces(at(114));
    assert_eq!(rates.len(), 1);
    assert_eq!(usize::try_from(rates[0].requests).unwrap(), 2 * PLACES);
}

#[expect(clippy::float_cmp, reason = "eighths are exact")]
#[test]
fn replicas_add_up_and_whom_both_served_counts_once() {
    let key = FleetKey::new(&[7; 32]).unwrap();
    let served = |subjects: &[&str], surfaces: &[&str]| {
        let traffic = Traffic::new(at(0));
        for (subject, surface) in subjects.iter().zip(surfaces) {
            traffic.note(at(1), &by(surface, subject, "app"), *subject == "b");
        }
        traffic.count(
            &surface("mobile"),
            &closed("c-1", surface("mobile")),
            at(8),
            &key,
        )
    };
    let told = Preview::of(Survey {
        counts: vec![
            served(&["a", "b"], &["mobile", "mobile"]),
            served(&["b", "c"], &["mobile", "portal"]),
        ],
        missing: vec!["three".to_owned()],
        unknown: None,
    });
    assert_eq!((told.replicas, told.requests), (2, 3));
    assert_eq!((told.requests_per_second, told.share), (0.375, 0.75));
    assert_eq!((told.subjects, told.clients, told.vehicles), (2, 1, 1));
    assert_eq!((told.denied, told.already_refused), (2.0 / 3.0, 1.0));
    assert_eq!(told.overlaps[0].requests, 3);
    assert_eq!(told.missing, ["three"]);
    assert_eq!(told.by_surface.len(), 1);
    assert_eq!(told.by_surface[0].share, 1.0);
}

#[test]
fn memory_is_bounded_whatever_a_client_sends() {
    let size = size_of::<Mutex<Option<Sample>>>();
    assert!(size * PLACES <= 16 << 20, "{size} bytes a request");
    let traffic = Traffic::new(at(0));
    let mut request = by("mobile", "a", "app");
    request.version = Some(Arc::from("9".repeat(16_000)));
    traffic.note(at(1), &request, false);
    let mut longest = 0;
    traffic.each(at(1), WINDOW, |sample| {
        longest = sample.situation.version.as_ref().unwrap().len();
    });
    assert_eq!(longest, VERSION_LETTERS);
}

#[test]
fn threads_that_note_at_once_lose_nothing() {
    let traffic = Traffic::new(at(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let request = by("mobile", "a", "app");
                (0..5_000).for_each(|_| traffic.note(at(1), &request, false));
            });
        }
    });
    let preview = preview(&traffic, &Board::default(), at(2));
    assert_eq!(preview.requests, 20_000);
    assert_eq!(traffic.surfaces(at(2))[0].requests, 20_000);
}
