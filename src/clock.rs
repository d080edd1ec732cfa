//! What time is it?
//!
//! The only place that reads a clock; everything else is given a value.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use uuid::{NoContext, Timestamp, Uuid};

/// Wall-clock time since the Unix epoch; zero if the clock stands before it.
#[expect(clippy::disallowed_methods, reason = "the one home of the wall clock")]
pub fn unix_time() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// A monotonic instant, for durations.
#[expect(
    clippy::disallowed_methods,
    reason = "the one home of the monotonic clock"
)]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// A new id that says when it was made: a version 7 UUID (RFC 9562, section 5.7).
///
/// Ids of one millisecond stand in no order: the counter for that is one lock for all threads.
pub fn dated_id() -> Uuid {
    let now = unix_time();
    Uuid::new_v7(Timestamp::from_unix(
        NoContext,
        now.as_secs(),
        now.subsec_nanos(),
    ))
}

/// RFC 3339 in UTC with milliseconds, for records and logs.
pub fn rfc3339(time: Duration) -> String {
    let at = UNIX_EPOCH.checked_add(time).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_millis(at).to_string()
}
