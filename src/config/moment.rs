//! How is a moment written in the configuration?
//!
//! As RFC 3339 writes it, in UTC: `2026-06-01T00:00:00Z`. In another zone one would have to know when
//! its summer begins to see which of two moments is the later.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::clock;
use crate::config::schema;

/// A moment as the configuration writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Duration);

impl Moment {
    /// Reads RFC 3339 in UTC; `None` for what is not that, or before the Unix epoch.
    pub fn read(text: &str) -> Option<Self> {
        let time = humantime::parse_rfc3339(text).ok()?;
        time.duration_since(UNIX_EPOCH).ok().map(Self)
    }

    /// Since the Unix epoch.
    pub const fn since_epoch(self) -> Duration {
        self.0
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::read(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is not a moment such as `2026-06-01T00:00:00Z`"
            ))
        })
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&clock::rfc3339(self.0))
    }
}

impl JsonSchema for Moment {
    fn schema_name() -> Cow<'static, str> {
        "Moment".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": schema::MOMENT,
            "description": "a moment in UTC, such as `2026-06-01T00:00:00Z`"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_utc() {
        let seconds = |text: &str| Moment::read(text).map(|moment| moment.since_epoch().as_secs());
        assert_eq!(seconds("2026-06-01T00:00:00Z"), Some(1_780_272_000));
        for wrong in [
            "2026-06-01",
            "2026-06-01T00:00:00",
            "2026-06-01T00:00:00+02:00",
            "2026-13-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "soon",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let moment = Moment::read("2026-06-01T00:00:00Z").unwrap();
        let text = serde_json::to_string(&moment).unwrap();
        assert_eq!(serde_json::from_str::<Moment>(&text).unwrap(), moment);
        assert!(serde_json::from_str::<Moment>("\"soon\"").is_err());
    }
}
