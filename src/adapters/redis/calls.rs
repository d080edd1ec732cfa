//! How is Redis asked, within a time, and over a connection that may have broken?

use std::time::Duration;

use redis::{Cmd, FromRedisValue, cmd};
use tokio::time::{Instant, timeout_at};

use super::flaw;
use super::link::{Link, Up, Watch};
use super::shards::Shard;
use super::target::Target;
use crate::config::file::Redis;
use crate::switchboard::fleet::FleetError;

/// A call that carries much takes so many times the time of one that carries a word.
const BULK: u32 = 10;

/// A connection that is kept, and the time that a call may take.
pub(super) struct Calls {
    pub(super) timeout: Duration,
    pub(super) is_cluster: bool,
    link: Link,
}

impl Calls {
    /// Starts to connect and doesn't wait for it: a gateway starts without Redis. Called inside a
    /// tokio runtime that lives as long as this.
    ///
    /// # Errors
    /// A file can't be read, or a setting can't be used.
    pub(super) fn open(settings: &Redis) -> Result<Self, String> {
        // the client takes its TLS from the provider of the process; a second time changes nothing
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        Ok(Self {
            timeout: settings.timeout.get(),
            is_cluster: settings.cluster.is_some(),
            link: Link::new(Target::new(settings)?),
        })
    }

    /// One command in its time. Everything asked here may be asked twice, so a connection that broke
    /// meanwhile is no error yet.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        time: Duration,
        ask: &Cmd,
    ) -> Result<T, FleetError> {
        self.ask_at(&Shard(None), time, ask).await
    }

    /// The same, of this server; by default of the one whose keys the command names.
    pub(super) async fn ask_at<T: FromRedisValue>(
        &self,
        shard: &Shard,
        time: Duration,
        ask: &Cmd,
    ) -> Result<T, FleetError> {
        let now = Instant::now();
        let end = now.checked_add(time).unwrap_or(now);
        match self.ask_once(end, shard, ask).await {
            Err(FleetError::Unreachable) => self.ask_once(end, shard, ask).await,
            answer @ (Ok(_) | Err(_)) => answer,
        }
    }

    async fn ask_once<T: FromRedisValue>(
        &self,
        end: Instant,
        shard: &Shard,
        ask: &Cmd,
    ) -> Result<T, FleetError> {
        let up = timeout_at(end, self.link.up()).await;
        let up = up.map_err(|_| FleetError::TimedOut)??;
        let mut connection = up.reached.connection.clone();
        match timeout_at(end, connection.ask(shard, ask)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::debug!(%error, "redis answers with an error");
                if !flaw::keeps_connection(&error) {
                    self.link.lose(&up);
                }
                Err(flaw::of(&error))
            }
            Err(_) => Err(self.gave_up(&up)),
        }
    }

    /// What answers too late is not waited for, however large the answer: its connection ends.
    fn gave_up(&self, up: &Up) -> FleetError {
        self.link.lose(up);
        FleetError::TimedOut
    }

    /// The time of a call that carries much.
    pub(super) fn bulk(&self) -> Duration {
        self.timeout.saturating_mul(BULK)
    }

    /// For who waits for connections and for their end.
    pub(super) fn watch(&self) -> Watch {
        self.link.watch()
    }
}

/// `EVAL` and not `EVALSHA`: a script is shorter than what it carries.
pub(super) fn script(text: &str, keys: &[&str]) -> Cmd {
    let mut ask = cmd("EVAL");
    ask.arg(text).arg(keys.len()).arg(keys);
    ask
}
