//! Does the shipped LEAF estate list every route of the catalogue, and name only what exists?
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of a test may fail it"
)]

#[path = "leaf_routes/polls.rs"]
mod polls;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use vingate::config::ConfigFile;
use vingate::config::file::PrincipalKind;
use vingate::config::route::{
    ActionSource, BodyNeed, IdentityNeed, Method, RouteEntry, RouteFile, VehicleReference,
    VehicleSource,
};
use vingate::pipeline::policy::{PolicySet, ResourceKind};

const SURFACES: [&str; 8] = [
    "portal",
    "mobile-v1",
    "mobile-v2",
    "partner",
    "dealer",
    "roadside",
    "fleet",
    "tcu",
];

fn leaf() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/leaf")
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap();
    toml::from_str(&text).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()))
}

fn config() -> ConfigFile {
    read(&leaf().join("vingate.toml"))
}

/// All routes, each with the name of its file.
fn routes() -> Vec<(String, RouteEntry)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(leaf().join("routes")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let file: RouteFile = read(&path);
        all.extend(file.route.into_iter().map(|route| (name.clone(), route)));
    }
    all
}

/// Whether a route lists the method and path: one segment a parameter, `{*rest}` for the rest.
fn lists(route: &RouteEntry, method: Method, path: &str) -> bool {
    let mut segments = path.split('/');
    for pattern in route.path.split('/') {
        if pattern.starts_with("{*") {
            return route.methods.contains(&method) && segments.next().is_some();
        }
        let Some(segment) = segments.next() else {
            return false;
        };
        let parameter = pattern
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        let fits = match parameter {
            None => pattern == segment,
            Some(name) => route
                .where_
                .get(name)
                .is_none_or(|values| values.iter().any(|value| value == segment)),
        };
        if !fits {
            return false;
        }
    }
    segments.next().is_none() && route.methods.contains(&method)
}

fn actions(source: &ActionSource) -> Vec<&str> {
    match source {
        ActionSource::Fixed(action) => vec![action],
        ActionSource::Chosen(choice) => choice.values.values().map(String::as_str).collect(),
    }
}

/// `GET POST path action[/action] [off]`, a line each, as the catalogue has them.
const CATALOGUE: &str = "
GET /owners/static/css/site.css ReadStatic
GET POST /owners/login Login
GET POST /owners/logout Logout
GET /owners/dashboard ListVehicles
GET /owners/vehicle ReadVehicle
POST /owners/vehicle/remove-service DisableTelematics
GET /owners/api/vehicles/V/status ReadBatteryStatus
GET /owners/api/vehicles/V/trips ReadTripHistory
GET /owners/api/vehicles/V/location ReadLocation
GET /owners/leaf/setHvac StopClimate/StartClimate off
POST /owners/invites InviteDriver
GET POST /api_v210707_NE/gdc/InitialApp.php ReadClientSetup
GET POST /api_v250205_NE/gdc/InitialApp_v2.php ReadClientSetup
GET POST /api_v190426_NE/gdc/UserLoginRequest.php Login
GET POST /api_v250205_NE/gdc/BatteryStatusRecordsRequest.php ReadBatteryStatus
GET POST /api_v250205_NE/gdc/RemoteACRecordsRequest.php ReadClimateStatus
GET POST /api_v250205_NE/gdc/BatteryStatusCheckRequest.php RefreshStatus
GET POST /api_v250205_NE/gdc/BatteryStatusCheckResultRequest.php PollResult
GET POST /api_v250205_NE/gdc/ACRemoteRequest.php StartClimate
GET POST /api_v250205_NE/gdc/ACRemoteOffRequest.php StopClimate
GET POST /api_v250205_NE/gdc/ACRemoteResult.php PollResult
GET POST /api_v250205_NE/gdc/ACRemoteOffResult.php PollResult
GET POST /api_v250205_NE/gdc/ACRemoteNewRequest.php ScheduleClimate
GET POST /api_v250205_NE/gdc/ACRemoteUpdateRequest.php ScheduleClimate
GET POST /api_v250205_NE/gdc/ACRemoteCancelRequest.php ScheduleClimate
GET POST /api_v250205_NE/gdc/GetScheduledACRemoteRequest.php ReadClimateSchedule
GET POST /api_v250205_NE/gdc/BatteryRemoteChargingRequest.php StartCharging
GET POST /api_v250205_NE/gdc/DriveAnalysisBasicScreenRequestEx.php ReadDriveAnalysis
GET POST /api_v250205_NE/gdc/CarKarteDetailInfoRequest.php ReadDriveAnalysis
GET POST /api_v250205_NE/gdc/CarKarteGraphInfoRequest.php ReadDriveAnalysis
GET POST /api_v250205_NE/gdc/PriceSimulatorDetailInfoRequest.php ReadTripHistory
GET POST /api_v250205_NE/gdc/MyCarFinderRequest.php LocateVehicle
GET POST /api_v250205_NE/gdc/MyCarFinderResultRequest.php LocateVehicle
POST /token Login
POST /iotmw-hades-ccs/graphql ReadVehicle off
GET /api/v2/cars ListVehicles
GET /api/v2/cars/V/battery-status ReadBatteryStatus
GET /api/v2/cars/V/hvac-status ReadClimateStatus
GET /api/v2/cars/V/lock-status ReadLockStatus
GET /api/v2/cars/V/cockpit ReadOdometer
GET /api/v2/cars/V/location ReadLocation
GET /api/v2/cars/V/trip-history ReadTripHistory
POST /api/v2/cars/V/actions/hvac-start StartClimate/StopClimate
POST /api/v2/cars/V/actions/charging-start StartCharging/StopCharging
POST /api/v2/cars/V/actions/lock-unlock LockDoors/UnlockDoors
POST /api/v2/cars/V/actions/horn-lights HonkFlash
POST /api/v2/cars/V/actions/refresh-battery-status RefreshStatus
POST /api/v2/cars/V/actions/send-navigation SendDestination
GET /partner/v1/vehicles/A/odometer ReadOdometer
GET /partner/v1/vehicles/A/battery ReadBatteryStatus
GET /partner/v1/vehicles/A/charge ReadBatteryStatus
GET /partner/v1/vehicles/A/location ReadLocation
GET /partner/v1/vehicles/A/vin ReadVin
POST /partner/v1/vehicles/A/charge StartCharging/StopCharging
POST /partner/v1/vehicles/A/security LockDoors/UnlockDoors off
GET /dealer/v1/vehicles/V/dtc ReadDiagnostics
GET /dealer/v1/vehicles/V/service-history ReadServiceHistory
GET /dealer/v1/vehicles/V/owner ReadOwner
GET /dealer/v1/customers SearchCustomer off
PUT /dealer/v1/vehicles/V/owner TransferOwnership off
GET /roadside/v1/cases/C/vehicle/location ReadLocation
POST /roadside/v1/cases/C/vehicle/unlock UnlockDoors
GET /fleet/v1/vehicles ListFleet
GET /fleet/v1/vehicles/V/status ReadBatteryStatus
POST /tcu/v1/vehicles/V/telemetry IngestTelemetry
POST /tcu/v1/vehicles/V/events IngestEvent
GET /tcu/v1/vehicles/V/commands FetchCommands
";

fn method(word: &str) -> Option<Method> {
    match word {
        "GET" => Some(Method::Get),
        "POST" => Some(Method::Post),
        "PUT" => Some(Method::Put),
        _ => None,
    }
}

#[test]
fn every_row_of_the_catalogue_is_listed_once_and_as_it_says() {
    let routes = routes();
    let mut listed = BTreeSet::new();
    for row in CATALOGUE.lines().filter(|row| !row.is_empty()) {
        let words: Vec<&str> = row.split(' ').collect();
        let (methods, rest): (Vec<&str>, Vec<&str>) =
            words.iter().partition(|word| method(word).is_some());
        let (path, wanted, off) = (rest[0], rest[1], rest.get(2).is_some());
        for one in methods.into_iter().filter_map(method) {
            let found: Vec<_> = routes.iter().filter(|(_, r)| lists(r, one, path)).collect();
            assert_eq!(found.len(), 1, "{row}: {one:?}");
            let (_, route) = found[0];
            let mut got = actions(&route.action);
            let mut wanted: Vec<&str> = wanted.split('/').collect();
            got.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(got, wanted, "{row}");
            assert_eq!(route.off.is_some(), off, "{row}");
            listed.insert(route.id.clone());
        }
    }
    let all: BTreeSet<String> = routes.into_iter().map(|(_, route)| route.id).collect();
    assert_eq!(listed, all, "a route that the catalogue lacks");
}

#[test]
fn old_bases_and_unknown_pages_are_not_listed() {
    let routes = routes();
    for path in [
        "/orchestration_1111/gdc/BatteryStatusRecordsRequest.php",
        "/gworchest_0307C/gdc/ACRemoteRequest.php",
        "/api_v250205_NE/gdc/Backdoor.php",
        "/api_v250205_NE/gdc/",
        "/api_v250205_NE/ACRemoteRequest.php",
        "/actuator/heapdump",
        "/owners/leaf/setHvac2",
        "/api/v2/cars/V/actions/engine-start",
        "/",
    ] {
        for one in [Method::Get, Method::Post, Method::Put, Method::Delete] {
            assert!(
                !routes.iter().any(|(_, route)| lists(route, one, path)),
                "{one:?} {path}"
            );
        }
    }
}

#[test]
fn a_route_stands_once_in_the_file_of_its_surface() {
    let mut ids = BTreeSet::new();
    for (file, route) in routes() {
        let id = route.id;
        assert_eq!(file, route.surface, "{id}: a file a surface");
        assert!(id.starts_with(&format!("{file}.")), "{id}");
        assert!(ids.insert(id.clone()), "`{id}` stands twice");
    }
}

#[test]
fn every_name_exists_and_every_one_is_used() {
    let config = config();
    let mut used = BTreeSet::new();
    for (_, route) in routes() {
        let id = &route.id;
        assert!(
            config.upstreams.contains_key(&route.upstream),
            "{id}: upstream"
        );
        assert!(
            !route.quotas.is_empty(),
            "{id}: the catalogue has a rate for each row"
        );
        for quota in &route.quotas {
            assert!(config.quotas.contains_key(quota), "{id}: quota `{quota}`");
            used.insert(quota.clone());
        }
    }
    let quotas: BTreeSet<String> = config.quotas.keys().cloned().collect();
    assert_eq!(used, quotas, "a quota that no route charges");
}

#[test]
fn surfaces_are_those_of_the_estate_and_name_issuers_that_exist() {
    let config = config();
    let surfaces: BTreeSet<&str> = config.surfaces.keys().map(String::as_str).collect();
    assert_eq!(surfaces, BTreeSet::from(SURFACES));
    let named = config
        .surfaces
        .values()
        .flat_map(|surface| &surface.issuers);
    let issuers: BTreeSet<&String> = config.issuers.keys().collect();
    assert_eq!(named.collect::<BTreeSet<_>>(), issuers);
    for (name, surface) in &config.surfaces {
        let by_certificate = name == "tcu"; // cars, and nobody else, and by nothing else
        assert_eq!(!surface.certificates.is_empty(), by_certificate, "{name}");
        assert_eq!(surface.issuers.is_empty(), by_certificate, "{name}");
    }
}

#[test]
fn what_is_open_is_judged_by_the_shipped_policies() {
    let config = config();
    let policies = PolicySet::load(&leaf().join(&config.policies)).unwrap();
    for (_, route) in routes() {
        let id = &route.id;
        let resource = resource(&route);
        let excused = route.because.as_ref().is_some_and(|text| !text.is_empty());
        let checked = resource == ResourceKind::Vehicle
            && route.identity == IdentityNeed::Required
            && route.body == BodyNeed::Auto;
        assert!(checked || excused, "{id} says not why");
        if route.off.is_some() || route.identity == IdentityNeed::None {
            continue;
        }
        let surface = &config.surfaces[&route.surface];
        let issuers = surface.issuers.iter();
        let kinds = issuers.flat_map(|issuer| config.issuers[issuer].principal.kinds());
        let tables = surface.certificates.iter();
        let principals = tables.filter_map(|name| config.certificates[name].principal.as_ref());
        let certified = principals.map(|principal| principal.kind);
        let kinds: Vec<PrincipalKind> = kinds.chain(certified).collect();
        assert!(!kinds.is_empty(), "{id}: nobody vouches for anyone");
        for action in actions(&route.action) {
            let applies = |kind: &PrincipalKind| policies.applies(action, *kind, resource);
            assert!(kinds.iter().any(applies), "{id}: {action}");
        }
    }
}

fn resource(route: &RouteEntry) -> ResourceKind {
    match route.vehicle {
        VehicleSource::None(_) => ResourceKind::Surface,
        VehicleSource::Named(_) => ResourceKind::Vehicle,
    }
}

#[test]
fn nothing_that_names_a_vehicle_or_has_an_effect_passes_without_an_identity() {
    let policies = PolicySet::load(&leaf().join(&config().policies)).unwrap();
    let open = routes().into_iter().map(|(_, route)| route);
    for route in open.filter(|route| route.off.is_none() && route.identity == IdentityNeed::None) {
        let id = &route.id;
        assert_eq!(resource(&route), ResourceKind::Surface, "{id}");
        for action in actions(&route.action) {
            assert!(!policies.is_command(action), "{id}: {action}");
        }
    }
}

#[test]
fn every_surface_has_an_open_route() {
    let config = config();
    let routes = routes();
    let open = routes.iter().filter(|(_, route)| route.off.is_none());
    let open: BTreeSet<&str> = open.map(|(_, route)| route.surface.as_str()).collect();
    let open: Vec<&str> = open.into_iter().collect();
    assert_eq!(
        open,
        [
            "dealer",
            "fleet",
            "mobile-v1",
            "mobile-v2",
            "partner",
            "portal",
            "roadside",
            "tcu"
        ]
    );
    for name in config.surfaces.keys() {
        assert!(open.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn partners_name_cars_by_alias_and_agents_by_case() {
    for (file, route) in routes() {
        let alias = matches!(
            &route.vehicle,
            VehicleSource::Named(VehicleReference::Alias(_))
        );
        let case = matches!(
            &route.vehicle,
            VehicleSource::Named(VehicleReference::Case(_))
        );
        assert_eq!(alias, file == "partner", "{}", route.id);
        assert_eq!(case, file == "roadside", "{}", route.id);
    }
}

#[test]
fn every_list_of_vehicles_is_guarded() {
    let guarded: BTreeSet<String> = routes()
        .into_iter()
        .filter(|(_, route)| resource(route) == ResourceKind::Surface && route.is_guarded())
        .map(|(_, route)| route.id)
        .collect();
    let lists = ["dealer.customers", "fleet.list", "mobile-v2.cars"];
    assert_eq!(guarded, lists.map(str::to_owned).into());
}
