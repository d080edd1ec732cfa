//! How is a request that is being served ended from outside?
//!
//! Its serving future is dropped: an HTTP/1.1 connection closes, an HTTP/2 stream is reset, and the
//! connection to the upstream with it. A WebSocket is told first, by a frame of its own
//! ([`crate::edge::websocket`]); this is what happens when that takes too long.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::clock;

tokio::task_local! {
    /// Ends what the current task serves.
    static CUT: Cut;
}

/// Ends one HTTP/1.1 connection or one HTTP/2 stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<Wanted>);

#[derive(Debug, Default)]
struct Wanted {
    at: Mutex<Option<Instant>>,
    told: Notify,
}

impl Cut {
    /// For what the current task serves; `None` outside of [`scope`].
    pub(crate) fn current() -> Option<Self> {
        CUT.try_with(Self::clone).ok()
    }

    /// Ends it. The request that is meant must not have ended yet: another one may follow on its
    /// connection.
    pub(crate) fn now(&self) {
        self.at(clock::monotonic());
    }

    /// Ends it at `at`, unless it ended before. A later time than was wanted already changes nothing.
    pub(crate) fn at(&self, at: std::time::Instant) {
        let mut wanted = self.wanted_at();
        *wanted = Some(wanted.map_or(at.into(), |before| before.min(at.into())));
        drop(wanted);
        self.0.told.notify_one();
    }

    /// The request is over, so what was wanted of it is void.
    fn clear(&self) {
        *self.wanted_at() = None;
    }

    async fn wanted(&self) {
        loop {
            let at = *self.wanted_at();
            let due = async {
                match at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased; // another time may be wanted by now, or none
                () = self.0.told.notified() => {}
                () = due => if *self.wanted_at() == at { return },
            }
        }
    }

    fn wanted_at(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request of the current task is over; what follows on its connection is another.
pub(super) fn request_done() {
    let _absent_outside = CUT.try_with(Cut::clear);
}

/// Serves until the end, or until it is cut: then `None`.
pub(super) async fn scope<F: Future>(serving: F) -> Option<F::Output> {
    let cut = Cut::default();
    tokio::select! {
        biased; // what just ended by itself is not cut
        output = CUT.scope(cut.clone(), serving) => Some(output),
        () = cut.wanted() => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_served_ends_when_it_is_cut() {
        let served = scope(async {
            let cut = Cut::current().unwrap();
            cut.now();
            std::future::pending::<()>().await;
        });
        assert_eq!(served.await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_at_the_earliest_time_that_was_wanted() {
        let begun = Instant::now();
        let served = scope(async {
            let cut = Cut::current().unwrap();
            let now = begun.into_std();
            cut.at(now + std::time::Duration::from_secs(5));
            cut.at(now + std::time::Duration::from_secs(2));
            cut.at(now + std::time::Duration::from_secs(9));
            std::future::pending::<()>().await;
        });
        assert_eq!(served.await, None);
        assert_eq!(begun.elapsed().as_secs(), 2);
    }

    #[tokio::test]
    async fn a_cut_of_a_request_that_is_over_spares_the_next_one() {
        let served = scope(async {
            let cut = Cut::current().unwrap();
            cut.now();
            request_done();
            tokio::task::yield_now().await;
            "the next one"
        });
        assert_eq!(served.await, Some("the next one"));
        assert!(Cut::current().is_none());
    }
}
