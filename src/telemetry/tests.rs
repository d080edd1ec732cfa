//! Do metrics say what happened, with labels of the configuration only?

use http::Method;

use super::*;
use crate::config::file::{BoundTokens, DenialFormat};
use crate::config::route::{ActionSource, BodyNeed};
use crate::denial::{AccessFlaw, Dependency};
use crate::pipeline::route::Surface;

fn a_route() -> Route {
    let surface = Surface {
        name: Arc::from("mobile"),
        hosts: Vec::new(),
        issuers: Vec::new(),
        certificates: Vec::new(),
        bound_tokens: BoundTokens::AsIssued,
        denial_format: DenialFormat::Problem,
        protected: false,
        client_version: None,
    };
    Route {
        id: Arc::from("mobile.battery"),
        surface: Arc::new(surface),
        methods: vec![Method::GET],
        path: Arc::from("/vehicles/{vin}"),
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
    }
}

fn sample<'a>(route: Option<&'a Route>, outcome: &'a Outcome) -> Sample<'a> {
    Sample {
        route,
        method: Some(&Method::GET),
        status: Some(200),
        outcome,
        duration: Duration::from_millis(20),
        decision: Some(Duration::from_micros(15)),
        policy_errors: 2,
        masked: 3,
    }
}

fn has(text: &str, line: &str) {
    assert!(
        text.lines().any(|found| found == line),
        "no `{line}` in\n{text}"
    );
}

#[test]
fn what_failed_is_counted_by_name_with_its_last_route() {
    let telemetry = Telemetry::new().unwrap();
    let route = a_route();
    let quiet = Sample {
        policy_errors: 0,
        ..sample(Some(&route), &Outcome::Forwarded)
    };
    telemetry.record(&quiet);
    assert!(telemetry.troubles().is_empty());
    let denied = |denial| Outcome::Denied(denial);
    let erred = denied(Denial::AccessDenied(AccessFlaw::PolicyError));
    telemetry.record(&sample(Some(&route), &erred)); // two policies
    for denial in [
        Denial::DependencyUnavailable(Dependency::Directory),
        Denial::UpstreamFailed,
        Denial::UpstreamTimeout,
        Denial::TokenMissing,
    ] {
        let outcome = denied(denial);
        telemetry.record(&Sample {
            outcome: &outcome,
            ..quiet
        });
    }
    let troubles = telemetry.troubles();
    let counts: Vec<(&str, u64)> = troubles
        .iter()
        .map(|(name, trouble)| (name.as_str(), trouble.count))
        .collect();
    let expected = [
        ("directory", 1),
        ("policies", 2),
        ("upstream telematics", 2),
    ];
    assert_eq!(counts, expected);
    assert!(
        troubles
            .values()
            .all(|one| one.last > 0 && one.route.as_deref() == Some("mobile.battery"))
    );
}

#[test]
fn a_request_is_counted_by_route_and_outcome() {
    let telemetry = Telemetry::new().unwrap();
    let route = a_route();
    telemetry.record(&sample(Some(&route), &Outcome::Forwarded));
    let denied = Outcome::Denied(Denial::AccessDenied(AccessFlaw::Forbidden));
    telemetry.record(&sample(Some(&route), &denied));
    telemetry.record(&sample(Some(&route), &denied));
    let text = telemetry.render().unwrap();
    let route = r#"http_route="mobile.battery""#;
    has(
        &text,
        &format!(r#"vingate_decisions_total{{{route},vingate_code="forwarded"}} 1"#),
    );
    has(
        &text,
        &format!(r#"vingate_decisions_total{{{route},vingate_code="access-denied"}} 2"#),
    );
    has(&text, &format!("vingate_policy_errors_total{{{route}}} 6"));
    has(&text, &format!("vingate_masked_total{{{route}}} 9"));
    let labels = format!(
        r#"http_request_method="GET",http_response_status_code="200",{route},vingate_surface="mobile""#
    );
    has(
        &text,
        &format!("http_server_request_duration_seconds_count{{{labels}}} 3"),
    );
    has(
        &text,
        &format!(r#"http_server_request_duration_seconds_bucket{{{labels},le="0.025"}} 3"#),
    );
    has(
        &text,
        &format!(r#"vingate_decision_duration_seconds_bucket{{{route},le="0.000025"}} 3"#),
    );
}

#[test]
fn what_a_client_made_up_is_no_label() {
    let telemetry = Telemetry::new().unwrap();
    let method = Method::from_bytes(b"SJNFAAZE0U6012345").unwrap();
    let outcome = Outcome::Denied(Denial::RouteUnknown);
    let mut sample = sample(None, &outcome);
    sample.method = Some(&method);
    telemetry.record(&sample);
    sample.method = None;
    sample.status = None;
    sample.decision = None;
    telemetry.record(&sample);
    let text = telemetry.render().unwrap();
    assert!(!text.contains("SJN"), "{text}");
    has(
        &text,
        r#"vingate_decisions_total{http_route="-",vingate_code="route-unknown"} 2"#,
    );
    assert!(text.contains(r#"http_request_method="_OTHER""#), "{text}");
    let unread = r#"{http_request_method="-",http_response_status_code="-",http_route="-","#;
    assert!(text.contains(unread), "{text}");
}

#[test]
fn values_are_read_when_they_are_asked_for() {
    let telemetry = Telemetry::new().unwrap();
    let value = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let names = [
        (Observed::SwitchRevision, "vingate_switch_revision"),
        (Observed::SwitchClosures, "vingate_switch_closures"),
        (Observed::AuditWaiting, "vingate_audit_waiting"),
        (
            Observed::AuditWriteErrors,
            "vingate_audit_write_errors_total",
        ),
        (Observed::AuditUnrecorded, "vingate_audit_unrecorded_total"),
        (
            Observed::AuditDroppedSlots,
            "vingate_audit_dropped_slots_total",
        ),
        (Observed::AuditHealthy, "vingate_audit_healthy"),
        (Observed::Connections, "vingate_connections"),
    ];
    for (what, _) in names {
        let value = Arc::clone(&value);
        telemetry.observe(what, move || {
            value.load(std::sync::atomic::Ordering::Relaxed)
        });
    }
    for number in [1, 7] {
        value.store(number, std::sync::atomic::Ordering::Relaxed);
        let text = telemetry.render().unwrap();
        for (_, name) in names {
            has(&text, &format!("{name} {number}"));
        }
    }
}

#[test]
fn failures_to_reload_start_at_zero() {
    let telemetry = Telemetry::new().unwrap();
    telemetry.reloaded(Reload::Ok);
    let text = telemetry.render().unwrap();
    has(&text, r#"vingate_reloads_total{result="ok"} 1"#);
    has(&text, r#"vingate_reloads_total{result="failed"} 0"#);
    has(&text, r#"vingate_policy_errors_total{http_route="-"} 0"#);
}

#[test]
fn fuses_start_at_zero_and_rise() {
    let telemetry = Telemetry::new().unwrap();
    for name in ["one", "two"] {
        telemetry.fuse_armed(name);
    }
    telemetry.fuse_blown("two");
    let text = telemetry.render().unwrap();
    has(&text, r#"vingate_fuse_blown_total{vingate_fuse="one"} 0"#);
    has(&text, r#"vingate_fuse_blown_total{vingate_fuse="two"} 1"#);
}

#[test]
fn the_number_of_series_is_bounded() {
    let telemetry = Telemetry::new().unwrap();
    let mut route = a_route();
    let limit = SERIES + 100;
    for number in 0..limit {
        route.id = Arc::from(number.to_string());
        telemetry.record(&sample(Some(&route), &Outcome::Forwarded));
    }
    let text = telemetry.render().unwrap();
    let count = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
    for name in [
        "http_server_request_duration_seconds_count",
        "vingate_decisions_total",
    ] {
        assert_eq!(count(name), SERIES + 1, "{name}");
    }
    let two = [Telemetry::new().unwrap(), telemetry];
    assert!(
        !two[0].render().unwrap().contains("mobile"),
        "nothing is shared"
    );
}
