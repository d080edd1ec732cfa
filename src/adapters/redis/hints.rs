//! Did somebody say that there is something new?
//!
//! A subscription beside the connection, made again whenever that is. What was said in between is
//! lost, so each new subscription is itself a hint.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::PubSub;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::link::Watch;

/// Silence after which the server is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(5);

/// Time for its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pause between two subscriptions, so that a server that refuses isn't asked without end.
const PAUSE: Duration = Duration::from_millis(200);

/// The subscription, and the task that keeps it.
pub(super) struct Hints {
    heard: Arc<Notify>,
    listener: JoinHandle<()>,
}

impl Hints {
    /// Starts listening. Needs a runtime around it.
    pub(super) fn new(connections: Watch, channel: String) -> Self {
        let heard = Arc::new(Notify::new());
        let listener = tokio::spawn(listen(connections, channel, Arc::clone(&heard)));
        Self { heard, listener }
    }

    /// Completes at a hint; one that came before is kept.
    pub(super) async fn heard(&self) {
        self.heard.notified().await;
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn listen(mut connections: Watch, channel: String, heard: Arc<Notify>) {
    while let Some(up) = connections.up().await {
        match up.reached.subscribe(&channel).await {
            Ok(hints) => {
                heard.notify_one();
                tokio::select! {
                    () = follow(hints, &heard) => {}
                    () = connections.end_of(&up) => {}
                }
            }
            Err(flaw) => tracing::debug!(%flaw, "no subscription to redis"),
        }
        sleep(PAUSE).await;
    }
}

/// Passes hints on until the subscription ends, or its server answers no more.
async fn follow(hints: PubSub, heard: &Notify) {
    let (mut asking, mut messages) = hints.split();
    loop {
        match timeout(SILENCE, messages.next()).await {
            Ok(Some(_)) => heard.notify_one(),
            Ok(None) => return,
            Err(_) => {
                let answer = timeout(PATIENCE, asking.ping::<redis::Value>()).await;
                if !matches!(answer, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}
