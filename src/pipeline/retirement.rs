//! Is this route being taken out of service, and what do its users hear of it?
//!
//! Announced, it answers as before and says so in its head; from its sunset on it is gone. A route
//! without a retirement costs one comparison.

use std::sync::Arc;
use std::time::Duration;

use http::header::LINK;
use http::{HeaderName, HeaderValue};

use crate::config::route::RetiredEntry;
use crate::denial::Denial;
use crate::pipeline::route::Route;

const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// When a route goes, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// From then on its answers say that it will go; since the Unix epoch.
    pub announced: Duration,
    /// From then on it is gone; since the Unix epoch.
    pub sunset: Duration,
    /// Public reason.
    pub because: Arc<str>,
    /// URL of what takes its place, if anything does.
    pub successor: Option<Arc<str>>,
    /// The fields that its answers carry from its announcement on.
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Retirement {
    /// Writes its fields once, for all answers: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and the
    /// link to its successor (RFC 5829, 3.1).
    pub fn new(
        (announced, sunset): (Duration, Duration),
        because: &str,
        successor: Option<&str>,
    ) -> Self {
        let link = successor.map(|url| (LINK, format!("<{url}>; rel=\"successor-version\"")));
        let fields = [
            (DEPRECATION, format!("@{}", announced.as_secs())),
            (SUNSET, http_date(sunset)),
        ];
        let headers = fields
            .into_iter()
            .chain(link)
            .filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)))
            .collect();
        Self {
            announced,
            sunset,
            because: Arc::from(because),
            successor: successor.map(Arc::from),
            headers,
        }
    }

    /// What an answer at `now` (since the Unix epoch) carries.
    pub fn headers(&self, now: Duration) -> &[(HeaderName, HeaderValue)] {
        if now < self.announced {
            &[]
        } else {
            &self.headers
        }
    }
}

impl From<&RetiredEntry> for Retirement {
    fn from(entry: &RetiredEntry) -> Self {
        let times = (entry.announced.since_epoch(), entry.sunset.since_epoch());
        Self::new(times, &entry.because, entry.successor.as_deref())
    }
}

/// Refuses a route whose sunset is not after `now` (since the Unix epoch).
///
/// # Errors
/// `Retired`.
pub fn check(route: &Route, now: Duration) -> Result<(), Denial> {
    match &route.retired {
        Some(retirement) if now >= retirement.sunset => {
            Err(Denial::Retired(Arc::clone(retirement)))
        }
        Some(_) | None => Ok(()),
    }
}

/// `Mon, 01 Jun 2026 00:00:00 GMT` (RFC 9110, 5.6.7), out of the date that RFC 3339 writes.
fn http_date(time: Duration) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let at = std::time::UNIX_EPOCH
        .checked_add(time)
        .unwrap_or(std::time::UNIX_EPOCH);
    let written = humantime::format_rfc3339_seconds(at).to_string(); // 2026-06-01T00:00:00Z
    let part = |range: std::ops::Range<usize>| written.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok();
    let month = month.and_then(|month| MONTHS.get(month.checked_sub(1)?));
    // The epoch was a Thursday.
    let days = usize::try_from(time.as_secs() / 86_400).unwrap_or_default();
    let weekday = days.checked_rem(7).and_then(|day| WEEKDAYS.get(day));
    format!(
        "{}, {} {} {} {} GMT",
        weekday.copied().unwrap_or_default(),
        part(8..10),
        month.copied().unwrap_or_default(),
        part(0..4),
        part(11..19)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01 and 2026-06-01.
    const TIMES: (Duration, Duration) = (
        Duration::from_secs(1_767_225_600),
        Duration::from_secs(1_780_272_000),
    );

    #[test]
    fn a_date_is_written_as_http_writes_it() {
        let table = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), // RFC 9110's own
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_780_272_000, "Mon, 01 Jun 2026 00:00:00 GMT"),
        ];
        for (seconds, expected) in table {
            assert_eq!(http_date(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn from_its_announcement_on_answers_say_when_it_goes() {
        let retirement = Retirement::new(TIMES, "old", Some("https://example/v2"));
        let before = TIMES.0.saturating_sub(Duration::from_millis(1));
        assert!(retirement.headers(before).is_empty());
        let expected = [
            ("deprecation", "@1767225600"),
            ("sunset", "Mon, 01 Jun 2026 00:00:00 GMT"),
            ("link", "<https://example/v2>; rel=\"successor-version\""),
        ];
        for now in [TIMES.0, TIMES.1] {
            let headers = retirement.headers(now).iter();
            let told: Vec<_> = headers
                .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
                .collect();
            assert_eq!(told, expected);
        }
        let alone = Retirement::new(TIMES, "old", None);
        assert_eq!(alone.headers(TIMES.0).len(), 2);
    }
}
