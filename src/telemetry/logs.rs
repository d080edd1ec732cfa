//! What does the gateway say on stderr, and what can never be said there?
//!
//! Lines of this crate, by the operator's filter; of other crates warnings and errors only. Pingora
//! writes request targets, which carry VINs, into its error lines: it writes by the `log` crate, for
//! which no logger is installed (tracing-subscriber is built without its `tracing-log` bridge), so
//! those lines go nowhere. Should a bridge ever come in by another crate, `may_be_said` stops them.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;

/// What is said unless an operator asks for something else.
const FILTER: &str = "info";

/// Form of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging on stderr. `filter` is a list of `target=level` as of tracing's `EnvFilter`;
/// `None` is `info`. Once a process.
///
/// # Errors
/// The filter can't be read, or logging was started before.
pub fn init_logs(format: LogFormat, filter: Option<&str>) -> Result<(), String> {
    let subscriber = subscriber(format, filter, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|_| "logging was started before".to_owned())
}

fn subscriber<W>(
    format: LogFormat,
    filter: Option<&str>,
    writer: W,
) -> Result<impl Subscriber + Send + Sync, String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = filter.unwrap_or(FILTER);
    let asked = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| format!("log filter `{filter}` can't be read: {error}"))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    Ok(registry().with(lines.with_filter(asked.and(filter_fn(may_be_said)))))
}

/// A ceiling that no filter lifts.
fn may_be_said(line: &Metadata<'_>) -> bool {
    let whole = line.target();
    match whole.split("::").next().unwrap_or(whole) {
        "vingate" => true,
        name if name == "log" || name.starts_with("pingora") => false,
        _ => *line.level() <= Level::WARN,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn said(format: LogFormat, filter: Option<&str>) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = subscriber(format, filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "pingora_proxy", "GET /secret-of-pingora");
            tracing::error!(target: "pingora_core::services::listening", "/secret-of-pingora");
            tracing::error!(target: "log", "GET /secret-of-pingora");
            tracing::info!(target: "hyper", "info of hyper");
            tracing::trace!(target: "h2", "GET /secret-of-h2");
            tracing::warn!(target: "opentelemetry_sdk", "warning of otel");
            tracing::info!(target: "vingate", "info of vingate");
            tracing::debug!(target: "vingate::edge", "debug of vingate");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn no_filter_lets_a_request_target_out() {
        for filter in [
            None,
            Some("trace"),
            Some("pingora_proxy=trace,h2=trace,log=trace"),
        ] {
            let text = said(LogFormat::Text, filter);
            assert!(!text.contains("secret"), "{filter:?}: {text}");
        }
    }

    #[test]
    fn the_filter_chooses_among_the_rest() {
        let text = said(LogFormat::Text, None);
        assert!(
            text.contains("info of vingate") && text.contains("warning of otel"),
            "{text}"
        );
        assert!(
            !text.contains("debug of vingate") && !text.contains("hyper"),
            "{text}"
        );
        let text = said(LogFormat::Text, Some("vingate=debug"));
        assert!(
            text.contains("debug of vingate") && !text.contains("otel"),
            "{text}"
        );
    }

    #[test]
    fn a_json_line_is_json() {
        let text = said(LogFormat::Json, Some("vingate=info"));
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["fields"]["message"], "info of vingate");
    }

    #[test]
    fn a_filter_that_can_not_be_read_is_refused() {
        let message = subscriber(LogFormat::Text, Some("vingate=loud"), io::sink)
            .err()
            .unwrap();
        assert!(
            message.starts_with("log filter `vingate=loud` can't be read"),
            "{message}"
        );
    }

    #[test]
    fn no_logger_for_the_log_crate_is_built_in() {
        let lock = include_str!("../../Cargo.lock");
        for name in [
            "tracing-log",
            "env_logger",
            "simplelog",
            "fern",
            "flexi_logger",
        ] {
            assert!(!lock.contains(&format!("name = \"{name}\"")), "{name}");
        }
    }
}
