//! What does an operator see of the gateway? The one home of opentelemetry.
//!
//! Metrics in the semantic conventions for HTTP servers, and the gateway's own under `vingate.`. A
//! label is a name from the configuration, a word of this crate or a status: never a VIN, a subject,
//! a path, or anything else that a client can choose.

mod observed;
pub mod logs;
mod keys;
pub mod troubles;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider};
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::metrics::{Instrument, SdkMeterProvider, Stream};
use prometheus::{Registry, TextEncoder};

use crate::denial::Denial;
use crate::pipeline::audit::{self, Outcome};
use crate::pipeline::notice::Placing;
use crate::pipeline::route::Route;
use troubles::{Trouble, Troubles};

pub use observed::Observed;

/// Bounds of request times in seconds: the convention's, and what slow vehicles need beyond.
const REQUEST_SECONDS: [f64; 18] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0,
    300.0, 600.0,
];

/// Bounds of decision times in seconds: microseconds when warm, a look-up's limit at most.
const DECISION_SECONDS: [f64; 13] = [
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.025, 0.1,
    0.25, 1.0,
];

/// Series of one instrument: routes, methods and statuses are bounded by the configuration, but the
/// statuses are the upstream's. What is beyond is counted together by the SDK.
const SERIES: usize = 10_000;

/// Stands for what isn't known, such as the route of an unlisted path.
const NONE: &str = "-";

/// One request, as metrics see it.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The route, if one was found.
    pub route: Option<&'a Route>,
    /// The method, if the head could be read.
    pub method: Option<&'a http::Method>,
    /// Status sent to the client, if any.
    pub status: Option<u16>,
    /// How it ended.
    pub outcome: &'a Outcome,
    /// From head to end.
    pub duration: Duration,
    /// From head to permit or denial, if it came so far.
    pub decision: Option<Duration>,
    /// How many policies could not be evaluated.
    pub policy_errors: usize,
    /// VINs masked in the answer.
    pub masked: u32,
}

/// How a reload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// New rules are in force.
    Ok,
    /// The old rules stayed.
    Failed,
}

/// All instruments, with a registry of their own: nothing is global.
pub struct Telemetry {
    registry: Registry,
    meter: Meter,
    requests: Histogram<f64>,
    deciding: Histogram<f64>,
    decisions: Counter<u64>,
    policy_errors: Counter<u64>,
    masked: Counter<u64>,
    reloads: Counter<u64>,
    notices: Counter<u64>,
    fuses: Counter<u64>,
    result_keys_lost: Counter<u64>,
    troubles: Troubles,
    /// The registry only points at it.
    _provider: SdkMeterProvider,
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Telemetry")
    }
}

impl Telemetry {
    /// Makes the instruments.
    ///
    /// # Errors
    /// The exporter can't be set up.
    pub fn new() -> Result<Self, String> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .map_err(|error| format!("metrics can't be set up: {error}"))?;
        let provider = SdkMeterProvider::builder()
            .with_reader(exporter)
            .with_view(widen)
            .build();
        let meter = provider.meter("vingate");
        let telemetry = Self {
            requests: seconds(&meter, "http.server.request.duration", &REQUEST_SECONDS),
            deciding: seconds(&meter, "vingate.decision.duration", &DECISION_SECONDS),
            decisions: counter(&meter, "vingate.decisions", "Requests by route and outcome"),
            policy_errors: counter(
                &meter,
                "vingate.policy.errors",
                "Policies that could not be evaluated; each denied its request",
            ),
            masked: counter(&meter, "vingate.masked", "VINs masked in answers"),
            reloads: counter(&meter, "vingate.reloads", "Reloads of the rules"),
            notices: counter(
                &meter,
                "vingate.notices",
                "Pages that were to carry a notice, by whether a place for it was found",
            ),
            fuses: counter(&meter, "vingate.fuse.blown", "Closures that a fuse made"),
            result_keys_lost: counter(
                &meter,
                "vingate.result_keys.lost",
                "Result keys that could not be kept for all replicas: their polls may be refused",
            ),
            troubles: Troubles::default(),
            registry,
            meter,
            _provider: provider,
        };
        // Both are there from the start, so that an alarm sees the first failure rise from 0.
        telemetry.reloads.add(0, &[result(Reload::Ok)]);
        telemetry.reloads.add(0, &[result(Reload::Failed)]);
        telemetry.policy_errors.add(0, &[route(None)]);
        Ok(telemetry)
    }

    /// Counts one request, without an allocation once its labels are known: they stand in the order
    /// by which the SDK finds them at once.
    pub fn record(&self, sample: &Sample<'_>) {
        let route_label = route(sample.route);
        let method = sample.method.map_or(NONE, audit::method);
        let status = sample
            .status
            .map_or(Value::from(NONE), |status| Value::from(i64::from(status)));
        let surface = sample.route.map_or(Value::from(NONE), |route| {
            Value::from(Arc::clone(&route.surface.name))
        });
        let labels = [
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.response.status_code", status),
            route_label.clone(),
            KeyValue::new("vingate.surface", surface),
        ];
        self.requests.record(sample.duration.as_secs_f64(), &labels);
        let labels = [
            route_label.clone(),
            KeyValue::new("vingate.code", code(sample.outcome)),
        ];
        self.decisions.add(1, &labels);
        if let Some(decision) = sample.decision {
            let label = std::slice::from_ref(&route_label);
            self.deciding.record(decision.as_secs_f64(), label);
        }
        if sample.policy_errors > 0 {
            let errors = u64::try_from(sample.policy_errors).unwrap_or(u64::MAX);
            self.policy_errors
                .add(errors, std::slice::from_ref(&route_label));
        }
        if sample.masked > 0 {
            self.masked.add(u64::from(sample.masked), &[route_label]);
        }
        self.troubles.note(sample);
    }

    /// What failed since the start, by name.
    pub fn troubles(&self) -> BTreeMap<String, Trouble> {
        self.troubles.all()
    }

    /// Counts one reload.
    pub fn reloaded(&self, reload: Reload) {
        self.reloads.add(1, &[result(reload)]);
    }

    /// Counts one result key that was given out and could not be kept where all replicas find it.
    pub fn result_key_lost(&self, on: Option<&Route>) {
        self.result_keys_lost.add(1, &[route(on)]);
    }

    /// Counts one page that a notice was to stand in.
    pub fn noticed(&self, on: Option<&Route>, placing: Placing) {
        let word = match placing {
            Placing::Placed => "placed",
            Placing::Looking | Placing::Nowhere => "no-place",
        };
        self.notices
            .add(1, &[route(on), KeyValue::new("result", word)]);
    }

    /// Shows a fuse at zero, so that an alarm sees the first closure rise from there.
    pub fn fuse_armed(&self, name: &str) {
        self.fuses.add(0, &[fuse(name)]);
    }

    /// Counts one closure that a fuse made; the name is the configuration's.
    pub fn fuse_blown(&self, name: &str) {
        self.fuses.add(1, &[fuse(name)]);
    }

    /// Has a value read whenever metrics are asked for. Once for each of [`Observed`].
    pub fn observe(&self, what: Observed, read: impl Fn() -> u64 + Send + Sync + 'static) {
        let name = what.name();
        if what.only_rises() {
            return self.observe_sum(name, read);
        }
        self.meter
            .u64_observable_gauge(name)
            .with_callback(move |gauge| gauge.observe(read(), &[]))
            .build();
    }

    /// One that only rises.
    fn observe_sum(&self, name: &'static str, read: impl Fn() -> u64 + Send + Sync + 'static) {
        self.meter
            .u64_observable_counter(name)
            .with_callback(move |sum| sum.observe(read(), &[]))
            .build();
    }

    /// All metrics as Prometheus text (exposition format 0.0.4).
    ///
    /// # Errors
    /// The text can't be written.
    pub fn render(&self) -> Result<String, String> {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .map_err(|error| format!("metrics can't be written: {error}"))
    }
}

fn widen(instrument: &Instrument) -> Option<Stream> {
    let by_route = matches!(
        instrument.name(),
        "http.server.request.duration" | "vingate.decisions"
    );
    if !by_route {
        return None;
    }
    Stream::builder()
        .with_cardinality_limit(SERIES)
        .build()
        .ok()
}

fn seconds(meter: &Meter, name: &'static str, bounds: &[f64]) -> Histogram<f64> {
    meter
        .f64_histogram(name)
        .with_unit("s")
        .with_boundaries(bounds.to_vec())
        .build()
}

fn counter(meter: &Meter, name: &'static str, description: &'static str) -> Counter<u64> {
    meter
        .u64_counter(name)
        .with_description(description)
        .build()
}

/// The route's id: its pattern would be as good, but ids are what operators name.
fn route(route: Option<&Route>) -> KeyValue {
    let id = route.map_or(Value::from(NONE), |route| {
        Value::from(Arc::clone(&route.id))
    });
    KeyValue::new("http.route", id)
}

fn fuse(name: &str) -> KeyValue {
    KeyValue::new("vingate.fuse", name.to_owned())
}

fn result(reload: Reload) -> KeyValue {
    let word = match reload {
        Reload::Ok => "ok",
        Reload::Failed => "failed",
    };
    KeyValue::new("result", word)
}

fn code(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Forwarded => "forwarded",
        Outcome::Denied(denial) => Denial::code(denial),
        Outcome::Aborted | Outcome::Cut(_) => "aborted",
        Outcome::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests;
