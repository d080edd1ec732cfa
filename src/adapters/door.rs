//! Is this client address flooding? The one home of governor.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::{Quota, RateLimiter};

use crate::config::file::Door as Settings;
use crate::pipeline::ports::Door;
use crate::pipeline::quota::Network;

/// Networks that are counted apart: about 10 MB. What comes beyond shares one limit.
const NETWORKS: usize = 200_000;

/// Time between two sweeps of a full map; one takes about a millisecond.
const SWEEP_EVERY: u64 = 250_000_000;

/// GCRA by address, bounded in memory. Counts an IPv4 address or an IPv6 /64 as one client.
pub struct LocalDoor(Limiter<DefaultClock>);

impl LocalDoor {
    /// With the configured rate.
    pub fn new(settings: &Settings) -> Self {
        Self(Limiter::new(settings, NETWORKS, DefaultClock::default()))
    }
}

impl Door for LocalDoor {
    fn admit(&self, address: IpAddr) -> Result<(), Duration> {
        self.0.admit(address)
    }
}

impl fmt::Debug for LocalDoor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LocalDoor") // the addresses are personal data
    }
}

/// Generic in its clock alone, so that a test can tell the time.
struct Limiter<C: Clock> {
    cells: RateLimiter<Guest, Networks, C, NoOpMiddleware<C::Instant>>,
    start: C::Instant,
    clock: C,
    capacity: usize,
    /// Nanoseconds since `start`.
    sweep_at: AtomicU64,
}

impl<C: Clock + Clone> Limiter<C> {
    fn new(settings: &Settings, capacity: usize, clock: C) -> Self {
        let at_least_one = |number: u32| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(settings.requests_per_second))
            .allow_burst(at_least_one(settings.burst));
        let networks = Networks {
            map: DashMapStateStore::default(),
            count: AtomicUsize::new(0),
            capacity,
        };
        Self {
            cells: RateLimiter::new(quota, networks, clock.clone()),
            start: clock.now(),
            clock,
            capacity,
            sweep_at: AtomicU64::new(0),
        }
    }

    fn admit(&self, address: IpAddr) -> Result<(), Duration> {
        if self.cells.len() >= self.capacity {
            self.sweep();
        }
        self.cells
            .check_key(&Guest::Network(Network::of(address)))
            .map_err(|refused| refused.wait_time_from(self.clock.now()))
    }

    /// Forgets who has all requests left again, now and then: each caller may ask, one sweeps.
    fn sweep(&self) {
        let now = self.clock.now().duration_since(self.start).as_u64();
        let due = self.sweep_at.load(Ordering::Relaxed);
        let next = now.saturating_add(SWEEP_EVERY);
        let swap = |from, to| {
            let order = Ordering::Relaxed;
            self.sweep_at.compare_exchange(from, to, order, order)
        };
        if now >= due && swap(due, next).is_ok() {
            self.cells.retain_recent();
        }
    }
}

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Guest {
    Network(Network),
    /// Everybody for whom there is no room.
    Rest,
}

/// governor's map, with a bound.
struct Networks {
    map: DashMapStateStore<Guest>,
    /// About how many there are: exact after a sweep, a little high where two threads add one key.
    count: AtomicUsize,
    capacity: usize,
}

impl StateStore for Networks {
    type Key = Guest;

    fn measure_and_replace<T, F, E>(&self, key: &Guest, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let room = self.map.contains_key(key)
            || self.count.load(Ordering::Relaxed) < self.capacity && {
                self.count.fetch_add(1, Ordering::Relaxed);
                true
            };
        let key = if room { key } else { &Guest::Rest };
        self.map.measure_and_replace(key, measure)
    }
}

impl ShrinkableKeyedStateStore<Guest> for Networks {
    fn retain_recent(&self, drop_below: Nanos) {
        self.map.retain_recent(drop_below);
        self.count.store(self.map.len(), Ordering::Relaxed);
    }

    fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn door(
        rate: u32,
        burst: u32,
        capacity: usize,
    ) -> (Limiter<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        clock.advance(Duration::from_secs(1));
        let settings = Settings {
            requests_per_second: rate,
            burst,
        };
        (Limiter::new(&settings, capacity, clock.clone()), clock)
    }

    fn v4(bits: u32) -> IpAddr {
        Ipv4Addr::from_bits(bits).into()
    }

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let (door, clock) = door(10, 3, 100);
        for _ in 0..3 {
            assert_eq!(door.admit(v4(1)), Ok(()));
        }
        assert_eq!(door.admit(v4(1)), Err(Duration::from_millis(100)));
        assert_eq!(door.admit(v4(2)), Ok(()), "another address");
        clock.advance(Duration::from_millis(99));
        assert_eq!(door.admit(v4(1)), Err(Duration::from_millis(1)));
        clock.advance(Duration::from_millis(1));
        assert_eq!(door.admit(v4(1)), Ok(()));
        assert!(door.admit(v4(1)).is_err());
    }

    #[test]
    fn a_network_is_one_client_however_it_is_written() {
        let table = [
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8:1:2::1", "2001:db8:1:2:3::4", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("::1", "0.0.0.0", false),
        ];
        for (first, second, same) in table {
            let (door, _clock) = door(1, 1, 100);
            assert_eq!(door.admit(first.parse().unwrap()), Ok(()));
            let refused = door.admit(second.parse().unwrap()).is_err();
            assert_eq!(refused, same, "{first} and {second}");
        }
    }

    #[test]
    fn beyond_its_capacity_unknown_addresses_share_one_limit() {
        let (door, clock) = door(1, 2, 3);
        for known in 0..3 {
            assert_eq!(door.admit(v4(known)), Ok(()));
        }
        assert_eq!(door.admit(v4(10)), Ok(()));
        assert_eq!(door.admit(v4(11)), Ok(()));
        assert!(door.admit(v4(12)).is_err(), "the shared limit is used up");
        assert_eq!(door.admit(v4(0)), Ok(()), "a known address keeps its own");
        clock.advance(Duration::from_secs(10));
        for fresh in 20..23 {
            assert_eq!(door.admit(v4(fresh)), Ok(()));
            assert_eq!(door.admit(v4(fresh)), Ok(()), "swept: it has its own");
        }
    }

    #[test]
    fn memory_is_bounded_and_sweeps_are_rare() {
        let (door, clock) = door(1, 1, 50);
        let mut passed = 0;
        for bits in 0..10_000_u128 {
            let address = Ipv6Addr::from_bits(bits << 64).into();
            passed += u32::from(door.admit(address).is_ok());
            clock.advance(Duration::from_micros(1));
            assert!(door.cells.len() <= 50);
        }
        assert_eq!(passed, 51, "one for each known address, one for the rest");
        // 10 ms have passed: one sweep was due at the first, and none since.
        let due = Duration::from_nanos(door.sweep_at.load(Ordering::Relaxed));
        assert!(due < Duration::from_millis(251), "{due:?}");
    }

    #[test]
    fn settings_of_any_size_are_taken() {
        for (rate, burst) in [(0, 0), (1, u32::MAX), (u32::MAX, 1), (u32::MAX, u32::MAX)] {
            let (door, _clock) = door(rate, burst, 10);
            assert_eq!(door.admit(v4(1)), Ok(()), "{rate} {burst}");
        }
    }

    #[test]
    fn the_real_door_admits_and_refuses() {
        let door = LocalDoor::new(&Settings {
            requests_per_second: 1,
            burst: 1,
        });
        assert_eq!(door.admit(v4(1)), Ok(()));
        let wait = door.admit(v4(1)).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1));
        assert_eq!(format!("{door:?}"), "LocalDoor");
    }
}
