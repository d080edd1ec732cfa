//! How is a request that is being served ended from outside?
//!
//! Its serving future is dropped: an HTTP/1.1 connection closes, an HTTP/2 stream is reset, and the
//! connection to the upstream with it. Web sockets need no word of their own: upgrades are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

tokio::task_local! {
    /// Ends what the current task serves.
    static CUT: Cut;
}

/// Ends one HTTP/1.1 connection or one HTTP/2 stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<Wanted>);

#[derive(Debug, Default)]
struct Wanted {
    now: AtomicBool,
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
        self.0.now.store(true, Ordering::Release);
        self.0.told.notify_one();
    }

    /// The request is over, so what was wanted of it is void.
    fn clear(&self) {
        self.0.now.store(false, Ordering::Release);
    }

    async fn wanted(&self) {
        while !self.0.now.load(Ordering::Acquire) {
            self.0.told.notified().await;
        }
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
