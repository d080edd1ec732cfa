//! How old are the keys of issuers, and do those answer that are asked about tokens?

use opentelemetry::KeyValue;

use super::Telemetry;
use crate::adapters::introspection;
use crate::adapters::jwks::Told;

impl Telemetry {
    /// Has what is known of issuers' keys read whenever metrics are asked for. The label is the issuer's
    /// name in the configuration.
    pub fn observe_keys(&self, read: impl Fn() -> Vec<Told> + Clone + Send + Sync + 'static) {
        let label = |keys: &Told| [KeyValue::new("vingate.issuer", keys.issuer.to_string())];
        let told = read.clone();
        self.meter
            .u64_observable_gauge("vingate.keys.age_seconds")
            .with_callback(move |gauge| {
                for keys in told() {
                    if let Some(age) = keys.age {
                        gauge.observe(age.as_secs(), &label(&keys));
                    }
                }
            })
            .build();
        let told = read.clone();
        self.meter
            .u64_observable_gauge("vingate.keys.usable")
            .with_callback(move |gauge| {
                for keys in told() {
                    gauge.observe(u64::from(keys.is_usable), &label(&keys));
                }
            })
            .build();
        self.meter
            .u64_observable_counter("vingate.keys.failures")
            .with_callback(move |sum| {
                for keys in read() {
                    sum.observe(keys.failures, &label(&keys));
                }
            })
            .build();
    }
    /// Has what is known of issuers that are asked about tokens read whenever metrics are asked for,
    /// under the same label.
    pub fn observe_introspections(
        &self,
        read: impl Fn() -> Vec<introspection::Told> + Clone + Send + Sync + 'static,
    ) {
        let label = |name: &str| [KeyValue::new("vingate.issuer", name.to_owned())];
        let told = read.clone();
        self.meter
            .u64_observable_gauge("vingate.introspection.answering")
            .with_callback(move |gauge| {
                for one in told() {
                    gauge.observe(u64::from(one.is_answering), &label(&one.issuer));
                }
            })
            .build();
        self.meter
            .u64_observable_counter("vingate.introspection.failures")
            .with_callback(move |sum| {
                for one in read() {
                    sum.observe(one.failures, &label(&one.issuer));
                }
            })
            .build();
    }
}
