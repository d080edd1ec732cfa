//! When is an issuer asked for its keys again?
//!
//! What it says of how long its answer is fresh counts within bounds: a key that it withdraws stops
//! within a minute, whatever it said, and nobody is asked all the time. Time and chance are given.

use std::time::{Duration, Instant, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, header};

/// Longest time that an answer is fresh. At nine tenths of it the next question is on its way; when
/// that fails, there is time for another one within a minute.
const MOST: Duration = Duration::from_secs(50);

/// Shortest: frameworks say `no-store` of everything, and mean no key set by it.
const LEAST: Duration = Duration::from_secs(15);

/// Pause after a failure; doubled with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause: with the time of an answer, an issuer that is back counts within 10 s.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// When it was asked, and is to be asked again.
#[derive(Debug)]
pub(super) struct Pace {
    due: Instant,
    asked: Instant,
    failures: u32,
    is_wanted: bool,
    /// Between two questions for the sake of keys that aren't known, however many tokens name them.
    cooldown: Duration,
}

impl Pace {
    /// Due at once.
    pub(super) fn new(now: Instant, cooldown: Duration) -> Self {
        Self {
            cooldown,
            due: now,
            asked: now,
            failures: 0,
            is_wanted: false,
        }
    }

    /// When it is to be asked.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// A token may be signed by a key that isn't known.
    pub(super) fn wanted(&mut self) {
        self.is_wanted = true;
        self.due = self.due.min(after(self.asked, self.cooldown));
    }

    /// Whether that was heard since it was asked.
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// It is being asked.
    pub(super) fn begun(&mut self, now: Instant) {
        self.asked = now;
        self.is_wanted = false;
    }

    /// It answered, and the answer is fresh for so long since it was asked.
    pub(super) fn answered(&mut self, fresh: Option<Duration>, chance: f64) {
        self.failures = 0;
        let fresh = fresh.unwrap_or(MOST).clamp(LEAST, MOST);
        let part = 0.9 - 0.2 * chance.clamp(0.0, 1.0); // so that gateways don't ask together
        self.due = after(self.asked, fresh.mul_f64(part));
    }

    /// It didn't, which is known at `now`.
    pub(super) fn failed(&mut self, now: Instant, chance: f64) {
        let doubled =
            FIRST_PAUSE.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        let part = 1.0 - 0.5 * chance.clamp(0.0, 1.0);
        self.failures = self.failures.saturating_add(1).min(16);
        self.due = after(now, doubled.min(LONGEST_PAUSE).mul_f64(part));
    }
}

fn after(moment: Instant, time: Duration) -> Instant {
    moment.checked_add(time).unwrap_or(moment)
}

/// For how long an answer is fresh (RFC 9111, 4.2), counted from now on; `None` where it doesn't say.
pub(super) fn fresh(headers: &HeaderMap) -> Option<Duration> {
    let mut most = None;
    for directive in all(headers, &header::CACHE_CONTROL).flat_map(|line| line.split(',')) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => return Some(Duration::ZERO),
            "max-age" => {
                let seconds = value.trim().trim_matches('"').parse().unwrap_or_default();
                most = Some(Duration::from_secs(seconds)).min(most.or(Some(Duration::MAX)));
            }
            _ => {}
        }
    }
    let most = most.or_else(|| {
        let expires = all(headers, &header::EXPIRES).next()?;
        let at = |text| http_date(text);
        let made = all(headers, &header::DATE).next().and_then(at);
        let left = at(expires)
            .zip(made)
            .map(|(end, made)| end.saturating_sub(made));
        Some(left.unwrap_or_default()) // what is no date is over (RFC 9111, 5.3)
    })?;
    let age = all(headers, &header::AGE).next();
    let age = age.map_or(0, |age| age.trim().parse().unwrap_or(u64::MAX));
    Some(most.saturating_sub(Duration::from_secs(age)))
}

fn all<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter();
    values.map(|value| value.to_str().unwrap_or_default())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7), since the Unix epoch.
fn http_date(text: &str) -> Option<Duration> {
    let (_, date) = text.split_once(", ")?;
    let date = date.strip_suffix(" GMT")?;
    let mut parts = date.split(' ');
    let (day, name, year, time) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.iter().position(|month| *month == name)?;
    let month = month.saturating_add(1);
    let date = format!("{year}-{month:02}-{day}T{time}Z");
    let at = humantime::parse_rfc3339(&date).ok()?;
    at.duration_since(UNIX_EPOCH).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const COOLDOWN: Duration = Duration::from_secs(10);
    const LONGEST_COOLDOWN: Duration = Duration::from_secs(20);

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn waits(pace: &Pace, since: Instant) -> f64 {
        let waits = pace.due().duration_since(since).as_secs_f64();
        (waits * 100.0).round() / 100.0
    }

    #[test]
    fn an_issuer_is_asked_ahead_of_the_end_and_within_bounds() {
        let table = [
            (None, 45.0, 35.0),
            (Some(0), 13.5, 10.5),
            (Some(20), 18.0, 14.0),
            (Some(86_400), 45.0, 35.0),
        ];
        let now = clock::monotonic();
        for (fresh, latest, earliest) in table {
            for (chance, expected) in [(0.0, latest), (1.0, earliest), (7.0, earliest)] {
                let mut pace = Pace::new(now, COOLDOWN);
                pace.begun(now);
                pace.answered(fresh.map(Duration::from_secs), chance);
                assert!((waits(&pace, now) - expected).abs() < 0.02, "{fresh:?}");
            }
        }
    }

    #[test]
    fn a_withdrawn_key_has_less_than_a_minute_and_a_new_one_less_than_half() {
        // asked just before it was withdrawn; the next question fails as late as it can
        let asked = clock::monotonic();
        let slowest = Duration::from_secs(5);
        let mut pace = Pace::new(asked, LONGEST_COOLDOWN);
        pace.begun(asked);
        pace.answered(None, 0.0);
        let second = pace.due();
        pace.begun(second);
        pace.failed(second + slowest, 0.0);
        let third = pace.due() + slowest;
        assert!(third - asked < Duration::from_secs(60));
        pace.begun(asked);
        pace.answered(None, 0.0);
        pace.wanted();
        // a question that began before the key was there may be under way
        assert!(pace.due() + slowest - asked < Duration::from_secs(30));
    }

    #[test]
    fn any_number_of_wishes_is_one_question_a_cooldown() {
        let begun = clock::monotonic();
        let mut pace = Pace::new(begun, COOLDOWN);
        let (mut now, mut asked) = (begun, 0);
        while now < begun + Duration::from_secs(100) {
            pace.wanted();
            if pace.due() <= now {
                pace.begun(now);
                pace.answered(Some(Duration::from_secs(3_600)), 0.5);
                asked += 1;
                assert!(!pace.is_wanted());
            }
            now += Duration::from_millis(10);
        }
        assert_eq!(asked, 10);
    }

    #[test]
    fn pauses_after_failures_grow_to_a_bound() {
        let now = clock::monotonic();
        let mut pace = Pace::new(now, COOLDOWN);
        for expected in [1.0, 2.0, 4.0, 5.0, 5.0] {
            pace.failed(now, 0.0);
            assert!((waits(&pace, now) - expected).abs() < 0.01);
        }
        for _ in 0..100 {
            pace.failed(now, 1.0);
            assert!((waits(&pace, now) - 2.5).abs() < 0.01);
        }
        pace.begun(now);
        pace.answered(None, 0.0);
        pace.failed(now, 0.0);
        assert!((waits(&pace, now) - 1.0).abs() < 0.01);
    }

    #[test]
    fn what_an_answer_says_of_itself_is_read() {
        let dates = "Expires: Sun, 06 Nov 1994 08:49:37 GMT\nDate: Sun, 06 Nov 1994 08:49:07 GMT";
        let table: [(&str, Option<f64>); 16] = [
            ("", None),
            ("Cache-Control: public", None),
            ("Cache-Control: public, max-age=40", Some(40.0)),
            ("Cache-Control: MAX-AGE = \"40\"", Some(40.0)),
            (
                "Cache-Control: max-age=40\nCache-Control: max-age=30",
                Some(30.0),
            ),
            ("Cache-Control: max-age=40\nAge: 15", Some(25.0)),
            ("Cache-Control: max-age=40\nAge: 99", Some(0.0)),
            ("Cache-Control: max-age=40\nAge: x", Some(0.0)),
            ("Cache-Control: max-age=x", Some(0.0)),
            ("Cache-Control: max-age=40, no-cache", Some(0.0)),
            ("Cache-Control: no-store", Some(0.0)),
            (dates, Some(30.0)),
            ("Expires: 0\nDate: Sun, 06 Nov 1994 08:49:07 GMT", Some(0.0)),
            ("Expires: Sun, 06 Nov 1994 08:49:37 GMT", Some(0.0)),
            ("Expires: Sun, 06 Foo 1994 08:49:37 GMT", Some(0.0)),
            (&format!("{dates}\nCache-Control: max-age=9"), Some(9.0)),
        ];
        for (text, expected) in table {
            let mut headers = HeaderMap::new();
            for line in text.lines() {
                let (name, value) = line.split_once(": ").unwrap();
                let name = HeaderName::try_from(name).unwrap();
                headers.append(name, value.parse().unwrap());
            }
            assert_eq!(fresh(&headers), expected.map(seconds), "{text}");
        }
    }
}
