//! Which route is found, and which routes can't stand beside one another?

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use proptest::prelude::*;
use uuid::Uuid;

use super::{Route, Router, Surface};
use crate::config::file::{BoundTokens, DenialFormat};
use crate::config::route::{ActionSource, BodyNeed};
use crate::denial::Denial;
use crate::pipeline::RequestHead;
use crate::pipeline::parameters::Parameters;

/// A route written as `ID METHOD,METHOD PATH [HOST,HOST]`.
pub(in crate::pipeline) fn route(text: &str, listed: &[(&str, &[&str])]) -> Arc<Route> {
    let words: Vec<&str> = text.split(' ').collect();
    let own = |values: &[&str]| values.iter().map(|it| (*it).to_owned()).collect();
    let surface = Surface {
        name: Arc::from("surface"),
        hosts: words
            .get(3)
            .map(|hosts| hosts.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
        issuers: Vec::new(),
        certificates: Vec::new(),
        bound_tokens: BoundTokens::AsIssued,
        denial_format: DenialFormat::Problem,
        protected: false,
        client_version: None,
    };
    Arc::new(Route {
        id: Arc::from(words[0]),
        surface: Arc::new(surface),
        methods: words[1].split(',').map(|it| it.parse().unwrap()).collect(),
        path: Arc::from(words[2]),
        where_: listed
            .iter()
            .map(|(name, values)| ((*name).to_owned(), own(values)))
            .collect(),
        action: ActionSource::Fixed("Login".to_owned()),
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

fn head(method: &str, host: &str, path: &str) -> RequestHead {
    RequestHead {
        id: Uuid::nil(),
        received_at: Duration::ZERO,
        listener: Arc::from("edge"),
        tls: true,
        certificate: None,
        address: IpAddr::from([192, 0, 2, 1]),
        method: method.parse().unwrap(),
        host: host.to_owned(),
        port: None,
        path: path.to_owned(),
        query: None,
        parameters: Parameters::default(),
        headers: HeaderMap::new(),
        switchable: false,
    }
}

fn estate() -> Router {
    let bases: &[(&str, &[&str])] = &[("base", &["api_a", "api_b"]), ("page", &["On", "Off"])];
    Router::new(&[
        route("static GET /owners/static/{*rest}", &[]),
        route("dashboard GET /owners/dashboard owners.example", &[]),
        route("status GET /cars/{vin}/status", &[]),
        route("start POST /cars/{car}/status", &[]),
        route("special DELETE /cars/special/status", &[]),
        route("climate POST,GET /{base}/gdc/AC{page}.php", bases),
        route("portal GET /home owners.example,www.example", &[]),
        route("mobile GET,PUT /home mobile.example", &[]),
        route("root GET /", &[]),
    ])
    .unwrap()
}

fn find(routes: &Router, method: &str, host: &str, path: &str) -> Result<String, Denial> {
    let (route, parameters) = routes.find(&head(method, host, path))?;
    let pairs = parameters
        .iter()
        .map(|(name, value)| format!(" {name}={value}"));
    Ok(format!("{}{}", route.id, pairs.collect::<String>()))
}

#[test]
fn a_request_finds_its_route() {
    let estate = estate();
    for (method, host, path, expected) in [
        ("GET", "a", "/", "root"),
        ("HEAD", "a", "/", "root"),
        ("GET", "a", "/cars/V/status", "status vin=V"),
        ("HEAD", "a", "/cars/V/status", "status vin=V"),
        ("POST", "a", "/cars/V/status", "start car=V"),
        ("DELETE", "a", "/cars/special/status", "special"),
        (
            "GET",
            "a",
            "/owners/static/css/a.css",
            "static rest=css/a.css",
        ),
        ("POST", "a", "/api_a/gdc/ACOn.php", "climate"),
        ("GET", "a", "/api_b/gdc/ACOff.php", "climate"),
        ("GET", "owners.example", "/home", "portal"),
        ("GET", "mobile.example", "/home", "mobile"),
    ] {
        let found = find(&estate, method, host, path);
        assert_eq!(found.as_deref(), Ok(expected), "{method} {host} {path}");
    }
}

#[test]
fn what_is_not_listed_is_not_found() {
    let estate = estate();
    for (method, host, path) in [
        ("GET", "a", "/cars"),
        ("GET", "a", "/cars/"),
        ("GET", "a", "/cars//status"),
        ("GET", "a", "/cars/V/status/"),
        ("GET", "a", "/cars/V/W/status"),
        ("GET", "a", "/Cars/V/status"),
        ("GET", "a", "/owners/static/"),
        ("GET", "a", "/owners/static"),
        ("POST", "a", "/api_c/gdc/ACOn.php"),
        ("POST", "a", "/api_a/gdc/ACOn.phpx"),
        ("POST", "a", "/{base}/gdc/ACOn.php"),
        ("GET", "a", "/owners/dashboard"),
        ("POST", "a", "/owners/dashboard"),
        ("GET", "a", "/home"),
        ("GET", "a", "/actuator/env"),
    ] {
        let found = find(&estate, method, host, path);
        assert_eq!(found, Err(Denial::RouteUnknown), "{method} {path}");
    }
}

#[test]
fn another_method_is_told_what_is_allowed_on_its_host() {
    let estate = estate();
    for (method, host, path, allowed) in [
        ("PUT", "a", "/cars/V/status", "GET, HEAD, POST"),
        ("POST", "a", "/cars/special/status", "DELETE"),
        ("PUT", "a", "/api_a/gdc/ACOn.php", "GET, HEAD, POST"),
        ("PUT", "owners.example", "/home", "GET, HEAD"),
        ("DELETE", "mobile.example", "/home", "GET, HEAD, PUT"),
        ("get", "a", "/", "GET, HEAD"),
    ] {
        let expected = Denial::MethodNotAllowed(allowed.to_owned());
        assert_eq!(
            find(&estate, method, host, path),
            Err(expected),
            "{method} {path}"
        );
    }
}

#[test]
fn routes_that_cannot_be_told_apart_are_all_reported() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["a GET /x", "b GET /x"], &["a", "b"]),
        (&["a GET /x/{one}", "b GET,POST /x/{two}"], &["a", "b"]),
        (&["a GET /x", "b HEAD /x"], &["a", "b"]),
        (&["a GET /x", "b POST /x"], &[]),
        (&["a GET /x one,two", "b GET /x two"], &["a", "b"]),
        (&["a GET /x one", "b GET /x"], &["a", "b"]),
        (&["a GET /x one", "b GET /x two"], &[]),
        (
            &["a GET /x", "b GET /x", "c GET /x"],
            &["a", "b", "a", "c", "b", "c"],
        ),
        (&["a GET /x/{one}", "b GET /x/y"], &[]),
    ];
    for (texts, expected) in cases {
        let routes: Vec<_> = texts.iter().map(|text| route(text, &[])).collect();
        let mut reported: Vec<_> = match Router::new(&routes) {
            Ok(_) => Vec::new(),
            Err(mistakes) => mistakes.into_iter().map(|(id, _)| id.to_string()).collect(),
        };
        reported.sort();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(reported, expected, "{texts:?}");
    }
    let routes = [route("a GET /x/{one}", &[]), route("b GET /x/{two}", &[])];
    let message = Router::new(&routes).unwrap_err().remove(0).1;
    assert_eq!(
        message,
        "`/x/{one}` can't be told from route `b` with `/x/{two}`"
    );
}

#[test]
fn a_parameter_beside_a_rest_is_no_guess() {
    let routes = [route("a GET /x/{one}", &[]), route("b GET /x/{*rest}", &[])];
    match Router::new(&routes) {
        Ok(both) => {
            assert_eq!(find(&both, "GET", "h", "/x/1").as_deref(), Ok("a one=1"));
            assert_eq!(
                find(&both, "GET", "h", "/x/1/2").as_deref(),
                Ok("b rest=1/2")
            );
        }
        Err(mistakes) => assert_eq!(mistakes.len(), 2, "{mistakes:?}"),
    }
}

#[test]
#[expect(clippy::too_many_lines, clippy::type_complexity, reason = "one table")]
fn patterns_that_make_no_sense_are_refused() {
    let many: Vec<String> = (0..101).map(|it| format!("v{it}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cases: &[(&str, &[(&str, &[&str])], &str)] = &[
        (
            "/x",
            &[("base", &["a"])],
            "`where` lists `base`, which `/x` has not",
        ),
        (
            "/{*base}",
            &[("base", &["a"])],
            "`where` lists `base`, which `/{*base}` has not",
        ),
        (
            "/{base}",
            &[("base", &[])],
            "`where` lists no value of `base`",
        ),
        (
            "/{base}",
            &[("base", &["a/b"])],
            "`a/b` is no value of `base`: it is no part of one segment",
        ),
        (
            "/{base}",
            &[("base", &["{x}"])],
            "`{x}` is no value of `base`: it is no part of one segment",
        ),
        (
            "/{base}",
            &[("base", &["a", "a"])],
            "the `where` lists give a path of `/{base}` twice",
        ),
        (
            "/{base}",
            &[("base", &[".."])],
            "`/..` is not canonical, so no request can have it",
        ),
        (
            "/{a}/{b}",
            &[("a", &many), ("b", &many)],
            "`/{a}/{b}` stands for `10201` paths; at most 10000 are built",
        ),
        (
            "/x{vin}",
            &[],
            "`x{vin}` of `/x{vin}` is not one whole parameter",
        ),
        (
            "/{vin}.php",
            &[],
            "`{vin}.php` of `/{vin}.php` is not one whole parameter",
        ),
        (
            "/{*rest}/x",
            &[],
            "`{*rest}` of `/{*rest}/x` is not at its end",
        ),
        ("/{}", &[], "`` in `/{}` is no name of a parameter"),
        (
            "/{a}{b}",
            &[],
            "`a}{b` in `/{a}{b}` is no name of a parameter",
        ),
        ("/{a}/{a}", &[], "`/{a}/{a}` has `a` twice"),
        ("x", &[], "`x` is not canonical, so no request can have it"),
        (
            "/a//b",
            &[],
            "`/a//b` is not canonical, so no request can have it",
        ),
        (
            "/a;b",
            &[],
            "`/a;b` is not canonical, so no request can have it",
        ),
    ];
    for (path, listed, expected) in cases {
        let mistakes = Router::new(&[route(&format!("a GET {path}"), listed)]).unwrap_err();
        assert_eq!(
            mistakes,
            [(Arc::from("a"), (*expected).to_owned())],
            "`{path}`"
        );
    }
}

#[test]
fn a_router_is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Router::default());
    assert_eq!(
        find(&Router::default(), "GET", "a", "/"),
        Err(Denial::RouteUnknown)
    );
}

proptest! {
    #[test]
    fn the_order_of_routes_makes_no_difference(
        order in Just(vec!["a GET /x/{p}", "b POST /x/{q}", "c GET /x/y", "d GET /x/y/{*r}", "e PUT /{s}"]).prop_shuffle(),
        path in "(/[xyz]){0,4}",
        method in "GET|POST|PUT",
    ) {
        let build = |texts: &[&str]| {
            let routes: Vec<_> = texts.iter().map(|text| route(text, &[])).collect();
            Router::new(&routes).unwrap()
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(find(&build(&order), &method, "h", &path), find(&build(&sorted), &method, "h", &path));
    }
}
