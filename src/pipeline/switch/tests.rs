//! Is what a request tells of itself read, and believed only as far as it may be?

use http::{HeaderMap, HeaderValue};
use uuid::Uuid;

use super::*;
use crate::config::file::{BoundTokens, DenialFormat, PrincipalKind};
use crate::config::route::{ActionSource, BodyNeed};
use crate::pipeline::identity::credential::Credential;
use crate::pipeline::identity::sign_in::SignIn;
use crate::pipeline::parameters::Parameters;
use crate::pipeline::route::Surface;
use crate::switchboard::changes::{self, By, New};
use crate::switchboard::{Closure, Scope, State};

fn route(off: Option<&str>, identity_required: bool, versions: Option<ClientVersion>) -> Route {
    Route {
        id: Arc::from("mobile.climate"),
        surface: Arc::new(Surface {
            name: Arc::from("mobile"),
            hosts: Vec::new(),
            issuers: Vec::new(),
            certificates: Vec::new(),
            bound_tokens: BoundTokens::AsIssued,
            denial_format: DenialFormat::Problem,
            protected: false,
            client_version: versions,
        }),
        methods: vec![http::Method::POST],
        path: Arc::from("/climate"),
        where_: std::collections::BTreeMap::new(),
        action: ActionSource::Fixed("StartClimate".to_owned()),
        vehicle: None,
        result_key: None,
        guarded: false,
        identity_required,
        off: off.map(Arc::from),
        retired: None,
        upstream: Arc::from("telematics"),
        quotas: Vec::new(),
        body: BodyNeed::Auto,
        websocket: false,
    }
}

fn head(host: &str, listener: &str, headers: HeaderMap) -> RequestHead {
    RequestHead {
        id: Uuid::nil(),
        received_at: Duration::from_secs(100),
        listener: Arc::from(listener),
        tls: true,
        certificate: None,
        address: std::net::IpAddr::from([192, 0, 2, 7]),
        method: http::Method::GET,
        host: host.to_owned(),
        port: None,
        path: "/climate".to_owned(),
        query: None,
        parameters: Parameters::default(),
        headers,
        switchable: false,
    }
}

fn principal() -> Arc<Principal> {
    Arc::new(Principal {
        kind: PrincipalKind::User,
        issuer: Arc::from("owners"),
        subject: "sub-1".to_owned(),
        client: Some("app".to_owned()),
        scopes: Vec::new(),
        fleet: None,
        tenant: Some("acme".to_owned()),
        roles: Vec::new(),
        sign_in: SignIn::default(),
        credential: Credential {
            expires_at: Duration::from_secs(1),
            ..Credential::default()
        },
        pseudonym: "p".to_owned(),
    })
}

/// At the entrance, and once it is clear who asks for which vehicle.
fn situations() -> [Situation; 2] {
    let entrance = Situation {
        route: Some(Arc::new(route(None, true, None))),
        ..Situation::default()
    };
    let whole = Situation {
        principal: Some(principal()),
        vin: Some(Vin::read("SJNFAAZE0U6012345").unwrap()),
        vehicle_region: VehicleRegion::Listed(Arc::from("NE")),
        ..entrance.clone()
    };
    [entrance, whole]
}

fn board(scope: &str, expires_at: Option<u64>) -> Board {
    let scope: Scope = serde_json::from_str(scope).unwrap();
    let by = By {
        who: "root",
        at: 1,
        revision: 1,
        break_glass: false,
    };
    let new = New {
        texts: Arc::new(Texts::from([("en".to_owned(), "back soon".to_owned())])),
        ..New::closing("c-1".to_owned(), scope, "private".to_owned())
    };
    Board::default().with(Closure {
        expires_at,
        ..changes::begin(new, by)
    })
}

fn closed_for(seconds: Option<u64>) -> Result<(), Denial> {
    Err(Denial::Closed(ClosedBy {
        closure: Arc::from("c-1"),
        texts: Arc::new(Texts::from([("en".to_owned(), "back soon".to_owned())])),
        remaining: seconds.map(Duration::from_secs),
    }))
}

const NOW: Duration = Duration::from_secs(100);

#[test]
fn a_route_that_its_file_keeps_off_says_why() {
    let Err(Denial::Closed(closed)) = check_off(&route(Some("needs GraphQL"), true, None)) else {
        panic!("it is let through");
    };
    assert_eq!(&*closed.closure, "route-off");
    assert_eq!(closed.texts["en"], "needs GraphQL");
    assert_eq!(check_off(&route(None, true, None)), Ok(()));
}

#[test]
fn each_scope_is_refused_as_soon_as_it_can_be_told_and_no_sooner() {
    let table = [
        (r#"{"surfaces":["mobile"]}"#, true, true, true),
        (r#"{"routes":["mobile.climate"]}"#, true, true, true),
        (r#"{"upstreams":["telematics"]}"#, true, true, true),
        (r#"{"clients":["app"]}"#, false, true, true),
        (r#"{"tenants":["acme"]}"#, false, true, true),
        (r#"{"subjects":["owners/sub-1"]}"#, false, true, true),
        (r#"{"vehicles":["SJNFAAZE0U6012345"]}"#, false, false, true),
        (r#"{"regions":["NE"]}"#, false, false, true),
        (r#"{"surfaces":["portal"]}"#, false, false, false),
        (r#"{"vehicles":["SJNFAAZE0U6012346"]}"#, false, false, false),
    ];
    let [entrance, whole] = situations();
    for (scope, at_the_entrance, at_standing, after_an_allow) in table {
        let board = board(scope, None);
        let expected = |closed: bool| if closed { closed_for(None) } else { Ok(()) };
        assert_eq!(
            entrance.check(&board, NOW),
            expected(at_the_entrance),
            "{scope}"
        );
        assert_eq!(whole.check(&board, NOW), expected(at_standing), "{scope}");
        assert_eq!(
            whole.check_vehicle(&board, NOW),
            expected(after_an_allow),
            "{scope}"
        );
    }
}

#[test]
fn the_time_to_its_end_is_told_and_never_negative() {
    let [entrance, _] = situations();
    for (end, left) in [(160, 60), (100, 0), (7, 0)] {
        let board = board(r#"{"surfaces":["mobile"]}"#, Some(end));
        assert_eq!(entrance.check(&board, NOW), closed_for(Some(left)));
    }
}

#[test]
fn read_only_has_its_own_denial() {
    let [_, mut whole] = situations();
    let mut closure = Closure::clone(board(r#"{"all":true}"#, None).get("c-1").unwrap());
    closure.state = State::ReadOnly;
    let board = Board::default().with(closure);
    assert_eq!(
        whole.check_vehicle(&board, NOW),
        Ok(()),
        "what it is isn't known"
    );
    whole.action = Some(Arc::new(ActionClass {
        name: Arc::from("StartClimate"),
        groups: Vec::new(),
        command: true,
    }));
    let refused = whole.check_vehicle(&board, NOW).unwrap_err();
    assert_eq!(refused.code(), "read-only");
}

#[test]
fn a_region_is_the_hosts_or_the_listeners_and_never_the_requests_own_word() {
    let regions = Regions {
        hosts: [("eu.example".to_owned(), Arc::from("NE"))].into(),
        listeners: [("us".to_owned(), Arc::from("NNA"))].into(),
    };
    let mut told = HeaderMap::new();
    told.insert("regioncode", HeaderValue::from_static("NML"));
    let table = [
        ("eu.example", "us", Some("NE")),
        ("other.example", "us", Some("NNA")),
        ("other.example", "edge", None),
    ];
    for (host, listener, region) in table {
        let found = regions.find(&head(host, listener, told.clone()));
        assert_eq!(found.as_deref(), region, "{host} {listener}");
    }
}

#[test]
fn a_version_is_read_where_the_surface_says_and_one_that_stands_twice_is_none() {
    let header = Some(ClientVersion::Header("x-app-version".to_owned()));
    let path = Some(ClientVersion::Path("base".to_owned()));
    let told = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("x-app-version", HeaderValue::from_static(value));
        }
        head("h", "edge", headers)
    };
    let parameters: PathParameters = [("base".to_owned(), "api_v2".to_owned())]
        .into_iter()
        .collect();
    let read = |place: &Option<ClientVersion>, head: &RequestHead| {
        version(place.as_ref(), head, &parameters).map(|version| version.to_string())
    };
    assert_eq!(read(&header, &told(&[" 4.2 "])).as_deref(), Some("4.2"));
    assert_eq!(read(&header, &told(&["4.2", "4.3"])), None);
    assert_eq!(read(&header, &told(&[""])), None);
    assert_eq!(read(&header, &told(&[])), None);
    assert_eq!(read(&path, &told(&["4.2"])).as_deref(), Some("api_v2"));
    assert_eq!(read(&None, &told(&["4.2"])), None);
    let unknown = Situation {
        route: Some(Arc::new(route(None, true, header))),
        ..Situation::default()
    };
    let board = board(r#"{"client_versions":["4.1"]}"#, None);
    assert_eq!(
        unknown.check(&board, NOW),
        closed_for(None),
        "unknown counts as closed"
    );
}
